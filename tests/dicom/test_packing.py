"""How samples and entries are packed: bytes in words of either order, frames nobody counted."""

import io
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import encapsulate
from tests.dicom import make

from metrascope.dicom.frames import Cine, open_pixels
from metrascope.dicom.header import read_header
from metrascope.errors import DataError

SCREEN = make.screen(95, 127)
GREY = np.ascontiguousarray(SCREEN[..., 0])
OTHER = np.ascontiguousarray(make.screen(95, 127, seed=5)[..., 0])
RAMP = np.arange(256)
COLORS = np.stack([RAMP, 255 - RAMP, RAMP // 2], axis=1)
NAMES = ("Red", "Green", "Blue")


def opened(content: bytes) -> Cine:
    return open_pixels(read_header(content))


def swapped(data: bytes) -> bytes:
    pairs = np.frombuffer(data + b"\0" * (len(data) % 2), "<u2")
    return pairs.byteswap().tobytes()


def as_words(content: bytes, big: bool) -> bytes:
    """Return a file whose pixel data have words for a value type."""
    tag = b"\x7f\xe0\x00\x10" if big else b"\xe0\x7f\x10\x00"
    assert content.count(tag + b"OB") == 1
    return content.replace(tag + b"OB", tag + b"OW")


@pytest.mark.parametrize("shape", [(95, 127), (96, 127), (95, 128), (40, 31)])
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize("color", [False, True])
def test_bytes_in_big_endian_words(shape: tuple[int, int], frames: int, color: bool) -> None:
    images = [make.screen(*shape, seed=seed) for seed in range(frames)]
    if not color:
        images = [np.ascontiguousarray(image[..., 0]) for image in images]
    data = b"".join(image.tobytes() for image in images)
    build = make.color_file if color else make.grey_file
    content = build(
        swapped(data),
        (*shape, 3),
        syntax=make.BIG_ENDIAN,
        NumberOfFrames=frames if frames > 1 else None,
    )
    cine = opened(as_words(content, big=True))
    assert cine.count == frames
    for index in (*range(frames), 0):
        assert np.array_equal(cine.frame(index), images[index])


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_bytes_in_little_endian_stay_in_order_whatever_their_type(vr: str) -> None:
    content = make.grey_file(GREY.tobytes(), GREY.shape)
    content = as_words(content, big=False) if vr == "OW" else content
    assert np.array_equal(opened(content).frame(0), GREY)
    big = make.grey_file(GREY.tobytes(), GREY.shape, syntax=make.BIG_ENDIAN)
    assert np.array_equal(opened(big).frame(0), GREY)


def palettes(described: list[int], table: bytes | list[bytes], **more: object) -> dict[str, object]:
    found: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR", **more}
    tables = table if isinstance(table, list) else [table] * 3
    for name, data in zip(NAMES, tables, strict=True):
        found[f"{name}PaletteColorLookupTableDescriptor"] = described
        found[f"{name}PaletteColorLookupTableData"] = data
    return found


WORDS = [(column * 257).astype("<u2").tobytes() for column in COLORS.T]
BYTES = [column.astype("u1").tobytes() for column in COLORS.T]
PADDED = [column.astype("<u2").tobytes() for column in COLORS.T]
ABOVE = [(column * 256).astype("<u2").tobytes() for column in COLORS.T]
PACKINGS = {
    "words": ([256, 0, 16], WORDS),
    "words, all entries claimed": ([0, 0, 16], WORDS),
    "words, one entry short": ([256, 0, 16], [one[:510] for one in WORDS]),
    "words, half a word short": ([256, 0, 16], [one[:511] for one in WORDS]),
    "words, one entry more": ([256, 0, 16], [one + b"\1\1" for one in WORDS]),
    "bytes": ([256, 0, 8], BYTES),
    "bytes, 16 bits claimed": ([256, 0, 16], BYTES),
    "bytes, all entries claimed": ([0, 0, 8], BYTES),
    "bytes, padded": ([255, 0, 8], [one[:255] + b"\0" for one in BYTES]),
    "bytes in words": ([256, 0, 8], PADDED),
    "bytes in words, 16 bits claimed": ([256, 0, 16], PADDED),
    "bytes in words, one entry short": ([256, 0, 8], [one[:510] for one in PADDED]),
    "bytes in words, all entries claimed": ([0, 0, 8], PADDED),
    "bytes high in words": ([256, 0, 8], ABOVE),
    "bytes twice in words": ([256, 0, 8], WORDS),
    "words of another length each": ([256, 0, 16], [WORDS[0], WORDS[1][:510], WORDS[2][:508]]),
}


@pytest.mark.parametrize("name", PACKINGS)
@pytest.mark.parametrize("big", [False, True])
def test_palettes_of_every_packing(name: str, big: bool) -> None:
    described, tables = PACKINGS[name]
    if big:
        tables = [swapped(one) for one in tables]
        if name == "words, half a word short":
            pytest.skip("an element of odd length is written even")
    content = make.grey_file(
        GREY.tobytes(),
        GREY.shape,
        syntax=make.BIG_ENDIAN if big else make.EXPLICIT,
        **palettes(described, tables),
    )
    expected = COLORS[np.minimum(GREY, 254)] if "short" in name else COLORS[GREY]
    found = opened(content).frame(0)
    assert np.abs(found.astype(int) - expected).max() <= 2
    assert np.abs(found.astype(int) - expected)[GREY < 253].max() == 0


@pytest.mark.parametrize("described", [[256, 0, 16], [0, 0, 16]])
def test_a_palette_that_lacks_a_part_of_the_colors_in_use_is_refused(described: list[int]) -> None:
    half = [one[:300] for one in WORDS]
    content = make.grey_file(GREY.tobytes(), GREY.shape, **palettes(described, half))
    with pytest.raises(DataError) as caught:
        opened(content).frame(0)
    assert caught.value.key == "dicom.short_palette"
    dark = GREY // 2
    content = make.grey_file(dark.tobytes(), GREY.shape, **palettes(described, half))
    assert np.array_equal(opened(content).frame(0), COLORS[dark])


@pytest.mark.parametrize("signed_type", [True, False])
def test_palettes_of_signed_codes_begin_below_zero(signed_type: bool) -> None:
    codes = (GREY.astype(np.int16) - 128).astype(np.int8)
    content = make.grey_file(
        codes.tobytes(), GREY.shape, PixelRepresentation=1, **palettes([256, -128, 16], WORDS)
    )
    assert content.count(b"SS\x06\x00") == 3
    if not signed_type:
        content = content.replace(b"SS\x06\x00", b"US\x06\x00")
    assert np.array_equal(opened(content).frame(0), COLORS[GREY])


def test_palettes_of_words_that_begin_high_are_not_below_zero() -> None:
    codes = (GREY.astype(np.uint16) + 40_000).astype("<u2")
    content = make.grey_file(
        codes.tobytes(), GREY.shape, BitsAllocated=16, **palettes([256, 40_000, 16], WORDS)
    )
    assert np.array_equal(opened(content).frame(0), COLORS[GREY])


@pytest.mark.parametrize("form", ["bytes", "bytes in words", "words"])
@pytest.mark.parametrize("big", [False, True])
def test_segmented_palettes_of_every_packing(form: str, big: bool) -> None:
    values = [0, 2, 0, 10, 1, 254, 137]
    words = [0, 2, 0, 2570, 1, 254, 35_209] if form == "words" else values
    data = np.array(words, "u1" if form == "bytes" else "<u2").tobytes()
    data += b"\0" * (len(data) % 2)
    elements: dict[str, object] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in NAMES:
        bits = 16 if form == "words" else 8
        elements[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        elements[f"Segmented{name}PaletteColorLookupTableData"] = swapped(data) if big else data
    syntax = make.BIG_ENDIAN if big else make.EXPLICIT
    content = make.grey_file(GREY.tobytes(), GREY.shape, syntax=syntax, **elements)
    line = np.concatenate([[0], np.rint(np.linspace(10, 137, 255))])
    found = opened(content).frame(0)
    assert np.abs(found.astype(int) - line[GREY][..., None]).max() <= 1


@pytest.mark.parametrize("keyword", ["VOILUTSequence", "ModalityLUTSequence"])
@pytest.mark.parametrize("form", ["bytes", "bytes in words", "words", "words, 16 bits claimed"])
def test_lookup_tables_of_grey_of_every_packing(keyword: str, form: str) -> None:
    from pydicom.dataset import Dataset

    item = Dataset()
    values = 255 - RAMP
    item.LUTDescriptor = [256, 0, 16 if form.startswith("words") else 8]
    item.LUTData = {
        "bytes": values.astype("u1").tobytes(),
        "bytes in words": values.astype("<u2").tobytes(),
        "words": (values * 257).astype("<u2").tobytes(),
        "words, 16 bits claimed": values.astype("<u2").tobytes(),
    }[form]
    item["LUTData"].VR = "OW"
    content = make.grey_file(GREY.tobytes(), GREY.shape, **{keyword: [item]})
    assert np.array_equal(opened(content).frame(0), 255 - GREY)


def test_a_lookup_table_of_grey_that_was_cut_in_half_is_refused() -> None:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.LUTDescriptor = [256, 0, 16]
    item.LUTData = (RAMP[:150] * 257).astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    content = make.grey_file(GREY.tobytes(), GREY.shape, VOILUTSequence=[item])
    with pytest.raises(DataError, match="lookup table"):
        opened(content).frame(0)


@pytest.mark.parametrize("claimed", [None, 1])
@pytest.mark.parametrize("count", [2, 3, 4, 5])
def test_grey_frames_that_nobody_counted_are_all_read(count: int, claimed: int | None) -> None:
    images = [np.ascontiguousarray(make.screen(96, 128, seed=s)[..., 0]) for s in range(count)]
    data = b"".join(image.tobytes() for image in images)
    cine = opened(make.grey_file(data, images[0].shape, NumberOfFrames=claimed))
    assert cine.count == count
    assert all(np.array_equal(cine.frame(i), images[i]) for i in range(count))


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deep_samples_that_claim_eight_bits_are_no_two_frames(bits: int) -> None:
    deep = (GREY.astype(np.uint16) << (bits - 8)) | (OTHER >> (16 - bits))
    content = make.grey_file(make.words(deep), GREY.shape)
    cine = opened(content)
    assert cine.count == 1
    assert np.abs(cine.frame(0).astype(int) - (deep >> (bits - 8))).max() <= 1


def test_color_that_claims_one_sample_is_no_three_frames() -> None:
    tinted = (make.screen(96, 128) * np.array([1.0, 0.8, 0.5])).astype(np.uint8)
    cine = opened(make.grey_file(tinted.tobytes(), tinted.shape))
    assert cine.count == 1
    assert np.array_equal(cine.frame(0), tinted)


def test_a_loop_without_its_offset_table_keeps_its_first_frame() -> None:
    frames = [make.jpeg(make.screen(seed=seed)) for seed in range(4)]
    content = make.color_file(frames, make.screen().shape, syntax=make.BASELINE, NumberOfFrames=4)
    whole = encapsulate(frames)
    (length,) = struct.unpack("<L", whole[4:8])
    bare = whole[8 + length :]
    assert content.count(whole) == 1
    cine = opened(content.replace(whole, bare))
    assert cine.count == 4
    for index in range(4):
        gap = np.abs(cine.frame(index).astype(int) - make.screen(seed=index)).mean()
        assert gap < 1


@pytest.mark.parametrize(("stored", "high"), [(8, 7), (8, 15), (12, 11), (12, 15), (10, 13)])
def test_color_of_words_is_cut_out_where_its_highest_bit_is(stored: int, high: int) -> None:
    deep = SCREEN.astype(np.uint16) << (high - 7)
    content = make.color_file(
        make.words(deep), SCREEN.shape, BitsAllocated=16, BitsStored=stored, HighBit=high
    )
    assert np.array_equal(opened(content).frame(0), SCREEN)


@pytest.mark.parametrize(("stored", "high"), [(7, 6), (7, 7), (6, 7), (8, 7)])
def test_grey_of_fewer_bits_fills_the_range(stored: int, high: int) -> None:
    codes = (GREY >> (8 - stored)) << (high + 1 - stored)
    content = make.grey_file(
        codes.astype(np.uint8).tobytes(), GREY.shape, BitsStored=stored, HighBit=high
    )
    expected = np.rint((GREY >> (8 - stored)) * (255 / ((1 << stored) - 1)))
    assert np.array_equal(opened(content).frame(0), expected)


@pytest.mark.parametrize("bits", [8, 12])
def test_a_sign_that_samples_do_not_have_is_left_out(bits: int) -> None:
    deep = GREY.astype(np.uint16) << (bits - 8)
    more = {"BitsAllocated": 8 if bits == 8 else 16, "BitsStored": bits, "PixelRepresentation": 1}
    codes = deep.astype("u1" if bits == 8 else "<u2")
    content = make.grey_file(codes.tobytes(), GREY.shape, **more)
    plain = make.grey_file(codes.tobytes(), GREY.shape, **{**more, "PixelRepresentation": 0})
    assert np.array_equal(opened(content).frame(0), opened(plain).frame(0))
    signed = (codes ^ (1 << (bits - 1))).astype(codes.dtype)
    content = make.grey_file(signed.tobytes(), GREY.shape, **more)
    assert np.abs(opened(content).frame(0).astype(int) - GREY).max() <= 1


def to_partial(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return YBR_PARTIAL of RGB, by the formula of PS3.3-2003, C.7.6.3.1.2."""
    matrix = np.array(
        [[0.2568, 0.5041, 0.0979], [-0.1482, -0.2910, 0.4392], [0.4392, -0.3678, -0.0714]]
    )
    ycc = rgb.astype(np.float64) @ matrix.T + (16, 128, 128)
    return np.rint(ycc).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("form", ["halved", "full", "rle", "jpeg", "full range"])
def test_partial_range_is_stretched_where_the_picture_has_it(form: str) -> None:
    screen = make.screen()
    label, ycc = "YBR_PARTIAL_422", to_partial(screen)
    more: dict[str, object] = {"PhotometricInterpretation": label}
    pixels: bytes | list[bytes] = make.halved(ycc)
    if form == "full":
        pixels = ycc.tobytes()
    elif form == "full range":
        pixels = make.to_ycc(screen).tobytes()
    elif form == "rle":
        pixels, more["syntax"] = [make.rle_frame(ycc)], make.RLE
    elif form == "jpeg":
        stream = make.jpeg(ycc, keep_rgb=True, quality=100)
        pixels, more["syntax"] = [make.silent(with_numbers(stream))], make.BASELINE
    found = opened(make.color_file(pixels, screen.shape, **more)).frame(0)
    assert np.abs(found.astype(int) - screen).mean() < 1


def with_numbers(stream: bytes) -> bytes:
    """Return a JPEG whose components are numbered, not named R, G and B."""
    found = bytearray(stream)
    frame, scan = stream.index(b"\xff\xc0"), stream.index(b"\xff\xda")
    for i in range(3):
        found[frame + 10 + 3 * i] = found[scan + 5 + 2 * i] = i + 1
    return bytes(found)


def test_color_halved_both_ways_without_compression_is_refused() -> None:
    content = make.color_file(
        bytes(96 * 128 * 3 // 2), (96, 128), PhotometricInterpretation="YBR_PARTIAL_420"
    )
    with pytest.raises(DataError, match="YBR_PARTIAL_420"):
        opened(content)


def runs(plane: bytes, rng: np.random.Generator) -> bytes:
    """Return literal packets of random lengths, with idle bytes among them."""
    found, place = b"", 0
    while place < len(plane):
        piece = plane[place : place + int(rng.integers(1, 129))]
        found += bytes([len(piece) - 1]) + piece + b"\x80" * int(rng.random() < 0.1)
        place += len(piece)
    return found


def rle_of(segments: list[bytes]) -> bytes:
    places = [64 + sum(map(len, segments[:i])) for i in range(len(segments))]
    head = struct.pack("<16L", len(segments), *places, *[0] * (15 - len(segments)))
    return head + b"".join(segments)


@pytest.mark.parametrize("more", [b"", b"\0", bytes(2), bytes(129), bytes(1000)])
@pytest.mark.parametrize("tail", [b"", b"\0", b"\x80", b"\x05ab", b"\xff\x07", bytes(50)])
def test_segments_longer_than_the_plane_are_cut(more: bytes, tail: bytes) -> None:
    rng = np.random.default_rng(3)
    color = [runs(SCREEN[..., c].tobytes() + more, rng) + tail for c in range(3)]
    content = make.color_file([rle_of(color)], SCREEN.shape, syntax=make.RLE)
    assert np.array_equal(opened(content).frame(0), SCREEN)
    deep = (GREY.astype(np.uint16) << 4) | 7
    halves = [(deep >> 8).astype(np.uint8), (deep & 255).astype(np.uint8)]
    words = [runs(half.tobytes() + more, rng) + tail for half in halves]
    content = make.grey_file(
        [rle_of(words)], GREY.shape, syntax=make.RLE, BitsAllocated=16, BitsStored=12
    )
    assert np.array_equal(opened(content).frame(0), GREY)
    content = make.grey_file(
        [rle_of([runs(GREY.tobytes() + more, rng) + tail])], GREY.shape, syntax=make.RLE
    )
    assert np.array_equal(opened(content).frame(0), GREY)


@pytest.mark.parametrize("count", [2, 5, 128])
def test_a_last_run_that_is_too_long_is_cut(count: int) -> None:
    rng = np.random.default_rng(4)
    plane = runs(GREY.tobytes()[:-1], rng) + bytes([257 - count, GREY[-1, -1]])
    content = make.color_file([rle_of([plane] * 3)], SCREEN.shape, syntax=make.RLE)
    assert np.array_equal(opened(content).frame(0), np.dstack([GREY] * 3))


def test_segments_shorter_than_the_plane_are_refused() -> None:
    plane = runs(GREY.tobytes()[:-40], np.random.default_rng(5))
    content = make.color_file([rle_of([plane] * 3)], SCREEN.shape, syntax=make.RLE)
    with pytest.raises(DataError) as caught:
        opened(content).frame(0)
    assert caught.value.key == "dicom.truncated_stream"


@pytest.mark.parametrize("name", ["big", "big16", "palette8", "palette16", "mono1", "ybr422"])
def test_native_samples_are_those_of_pydicom(name: str) -> None:
    from pydicom.pixels import apply_color_lut

    content = make.every_form(make.screen())[name]
    ds = dcmread(io.BytesIO(content))
    other = ds.pixel_array
    if name.startswith("palette"):
        other = apply_color_lut(other, ds)
        other = other >> 8 if other.dtype == np.uint16 else other
    elif name == "mono1":
        other = 255 - other
    elif name == "big16":
        other = np.rint(other * (255 / 4095))
    assert np.abs(opened(content).frame(0).astype(int) - other).max() <= 1
