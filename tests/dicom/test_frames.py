"""Every syntax and interpretation gives the drawn screen back, also where the header lies."""

import io
from pathlib import Path

import numpy as np
import pytest
from benchmarks import dicom_colors
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import encapsulate, encapsulate_extended
from tests.dicom import make

from metrascope.dicom.frames import Cine, open_pixels
from metrascope.dicom.header import read_header
from metrascope.errors import DataError

SCREEN = make.screen()
GREY = np.ascontiguousarray(SCREEN[..., 0])
SHAPE = SCREEN.shape
YCC = make.to_ycc(SCREEN)
LOSSY = {"jpeg": 1.0, "jpeg_rgb": 1.0, "jpeg_grey": 1.0, "jpeg_cine": 1.0}
LOSSY |= {"jpeg_ls_near": 1.0, "jpeg_2000_lossy": 0.3, "ybr": 0.02, "ybr422": 0.02}
FORMS = make.every_form(SCREEN)
needs_tools = pytest.mark.peer("dcmtk", "gdcm")


def opened(content: bytes) -> Cine:
    return open_pixels(read_header(content))


def gap(image: NDArray[np.uint8], expected: NDArray[np.uint8]) -> float:
    assert image.dtype == np.uint8
    assert image.shape == expected.shape
    return float(np.abs(image.astype(int) - expected.astype(int)).mean())


@pytest.mark.parametrize("name", [name for name in FORMS if not name.startswith("palette")])
def test_every_form_gives_the_screen(name: str) -> None:
    cine = opened(FORMS[name])
    image = cine.frame(0)
    assert gap(image, SCREEN if image.ndim == 3 else GREY) <= LOSSY.get(name, 0.0)
    assert image.flags.writeable
    assert (cine.height, cine.width) == SHAPE[:2]


@pytest.mark.parametrize("name", ["palette8", "palette16"])
def test_palettes_color_each_index(name: str) -> None:
    image = opened(FORMS[name]).frame(0)
    expected = np.stack([GREY, 255 - GREY, GREY // 2], axis=-1)
    assert np.array_equal(image, expected)


@pytest.mark.parametrize("name", ["two", "jpeg_cine"])
def test_frames_are_read_in_any_order(name: str) -> None:
    cine = opened(FORMS[name])
    assert cine.count == 2
    assert gap(cine.frame(1), SCREEN[::-1]) < 1
    assert gap(cine.frame(0), SCREEN) < 1
    assert gap(cine.frame(0), SCREEN) < 1


def test_a_long_cine_is_not_held_in_memory() -> None:
    import tracemalloc

    content = make.color_file([make.jpeg(SCREEN)] * 500, SHAPE, syntax=make.BASELINE)
    tracemalloc.start()
    cine = opened(content)
    for index in range(cine.count):
        cine.frame(index)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert cine.count == 500
    assert peak < 20 * SCREEN.nbytes + len(content)


# Headers that lie about color: what the file says, and what its pixels are.
def lies() -> dict[str, bytes]:
    color, native, half = make.color_file, SCREEN.tobytes(), "YBR_FULL_422"
    full = make.jpeg(SCREEN, subsampling=0)
    rgb = make.jpeg(SCREEN, keep_rgb=True)
    planes = np.ascontiguousarray(SCREEN.transpose(2, 0, 1)).tobytes()
    return {
        "jpeg with JFIF, header RGB": color([full], SHAPE, syntax=make.BASELINE),
        "silent jpeg in YCbCr, header RGB": color([make.silent(full)], SHAPE, syntax=make.BASELINE),
        "silent jpeg in RGB, header YBR": color(
            [with_names(make.silent(rgb))],
            SHAPE,
            syntax=make.BASELINE,
            PhotometricInterpretation=half,
        ),
        "jpeg with JFIF in RGB, header YBR": color(
            [with_jfif(with_names(make.silent(rgb)))],
            SHAPE,
            syntax=make.BASELINE,
            PhotometricInterpretation=half,
        ),
        "rle in RGB, header YBR 422": color(
            [make.rle_frame(SCREEN)], SHAPE, syntax=make.RLE, PhotometricInterpretation=half
        ),
        "rle in YCbCr, header RGB": color([make.rle_frame(YCC)], SHAPE, syntax=make.RLE),
        "native RGB, header YBR": color(native, SHAPE, PhotometricInterpretation="YBR_FULL"),
        "native YCbCr, header RGB": color(YCC.tobytes(), SHAPE),
        "native YCbCr, header YBR 422": color(YCC.tobytes(), SHAPE, PhotometricInterpretation=half),
        "native 422, header YBR": color(
            make.halved(YCC), SHAPE, PhotometricInterpretation="YBR_FULL"
        ),
        "native planes, header interleaved": color(planes, SHAPE),
        "native interleaved, header planes": color(native, SHAPE, PlanarConfiguration=1),
        "jpeg 2000 in RGB, header planes": color(
            [make.jpeg_2000_stream(SCREEN)], SHAPE, syntax=make.JPEG_2000, PlanarConfiguration=1
        ),
        "jpeg-ls in RGB, header YBR": color(
            [make.jpeg_ls_stream(SCREEN)],
            SHAPE,
            syntax=make.JPEG_LS,
            PhotometricInterpretation="YBR_FULL",
        ),
        "one sample claimed, three there": make.grey_file(native, SHAPE),
        "monochrome claimed, color stream": make.grey_file(
            [full], SHAPE, syntax=make.BASELINE, SamplesPerPixel=1
        ),
        "another size claimed": color([full], (10, 10), syntax=make.BASELINE),
        "jpeg in a file that claims jpeg 2000": color([full], SHAPE, syntax=make.JPEG_2000),
        "no photometric interpretation": color(native, SHAPE, PhotometricInterpretation=None),
    }


def with_names(stream: bytes) -> bytes:
    """Return a JPEG whose components are numbered 1, 2, 3, not named R, G, B."""
    place = stream.index(b"\xff\xc0")
    found = bytearray(stream)
    for i in range(3):
        found[place + 10 + 3 * i] = i + 1
    place = stream.index(b"\xff\xda")
    for i in range(3):
        found[place + 5 + 2 * i] = i + 1
    return bytes(found)


def with_jfif(stream: bytes) -> bytes:
    return stream[:2] + b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0" + stream[2:]


LIES = lies()


@pytest.mark.parametrize("name", LIES)
def test_headers_that_lie_about_color(name: str) -> None:
    assert gap(opened(LIES[name]).frame(0), SCREEN) < 1


def test_three_samples_claimed_and_one_there() -> None:
    content = make.color_file(GREY.tobytes(), SHAPE)
    assert np.array_equal(opened(content).frame(0), GREY)


def test_a_tinted_screen_is_left_as_it_is() -> None:
    # Sepia maps and color boxes are no lie: no reading makes the picture grey.
    tinted = (SCREEN * np.array([1.0, 0.7, 0.4])).astype(np.uint8)
    content = make.color_file(tinted.tobytes(), SHAPE)
    assert np.array_equal(opened(content).frame(0), tinted)


@pytest.mark.parametrize("claimed", [None, 1, 5])
def test_the_number_of_frames_is_counted(claimed: int | None) -> None:
    native = make.color_file(SCREEN.tobytes() * 3, SHAPE, NumberOfFrames=claimed)
    packed = make.color_file(
        [make.jpeg(SCREEN)] * 3, SHAPE, syntax=make.BASELINE, NumberOfFrames=claimed
    )
    for content in (native, packed):
        cine = opened(content)
        assert cine.count == 3
        assert cine.claimed == (claimed or 1)
        assert gap(cine.frame(2), SCREEN) < 1


@pytest.mark.parametrize("stream", [make.jpeg(SCREEN), make.jpeg_2000_stream(SCREEN)])
@pytest.mark.parametrize("table", ["basic", "extended", "none"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_fragments_and_offset_tables(stream: bytes, table: str, pieces: int) -> None:
    frames = [stream] * 4
    ds = make.dataset(
        frames, make.BASELINE, Rows=SHAPE[0], Columns=SHAPE[1], SamplesPerPixel=3, NumberOfFrames=4
    )
    if table == "extended" and pieces == 1:
        ds.PixelData, ds.ExtendedOffsetTable, ds.ExtendedOffsetTableLengths = encapsulate_extended(
            frames
        )
    else:
        ds.PixelData = encapsulate(frames, fragments_per_frame=pieces, has_bot=table == "basic")
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    cine = opened(buffer.getvalue())
    assert cine.count == 4
    assert all(gap(cine.frame(i), SCREEN) < 1 for i in range(4))


def test_a_data_set_made_in_memory_opens_as_well() -> None:
    ds = dcmread(io.BytesIO(FORMS["jpeg_cine"]))
    assert gap(open_pixels(ds).frame(1), SCREEN[::-1]) < 1


@needs_tools
@pytest.mark.parametrize("name", FORMS)
def test_colors_are_those_of_other_decoders(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(FORMS[name])
    _, _, mean, largest = dicom_colors.compare(path)
    # DCMTK spreads the halved chroma of JPEG and rounds twelve bits down in its own way.
    assert mean <= 1
    assert largest <= 3


@needs_tools
def test_real_files_have_the_colors_of_other_decoders(real_data: Path) -> None:
    paths = sorted((real_data / "dicom").glob("*.dcm"))
    assert paths
    for path in paths:
        _, count, mean, largest = dicom_colors.compare(path)
        assert count >= 1
        assert (mean, largest) == (0.0, 0), path.name


def test_broken_first_frame_does_not_lose_the_others() -> None:
    whole = make.jpeg(SCREEN, subsampling=0)
    cut = whole[:700]
    cine = opened(make.color_file([cut, whole], SHAPE, syntax=make.BASELINE))
    with pytest.raises(DataError):
        cine.frame(0)
    assert gap(cine.frame(1), SCREEN) < 1


def test_high_throughput_jpeg_2000() -> None:
    # A 16 by 16 ramp encoded by OpenJPH 0.26.
    stream = bytes.fromhex(
        "ff4fff5100294000000000100000001000000000000000000000001000000010000000000000000000010701"
        "01ff500008000200000002ff52000c00020001000504044001ff5c0013204850505050505050505050505048"
        "4848ff64001700014f70656e4a50482056657220302e32362e332eff90000a0000000000680001ff93c025f5"
        "0087740000c012c01280da00877400b601077400c0134013008cfd000274005aed00235400c013c015204444"
        "a0a7c275002c63ecc00001ecb600c02ae015a0000000e7c0a7a7a742780052444444fefdf27bf7c9ecb800ff"
        "d9"
    )
    ramp = np.add.outer(np.arange(16) * 10, np.arange(16) * 5)
    content = make.grey_file([stream], ramp.shape, syntax="1.2.840.10008.1.2.4.201")
    assert np.array_equal(opened(content).frame(0), ramp)
