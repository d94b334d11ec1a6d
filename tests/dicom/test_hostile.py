"""Claims that are not so are refused with their reason, at once and without memory."""

import os
import re
import struct
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from benchmarks import fuzz_dicom
from tests.dicom import make

import metrascope.dicom
from metrascope.dicom import codec_process as sandbox
from metrascope.dicom.frames import Cine, open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.streams import read_stream
from metrascope.errors import DataError
from metrascope.messages import table

SCREEN = make.screen()
SHAPE = SCREEN.shape
STREAM = make.jpeg(SCREEN)


def opened(content: bytes) -> Cine:
    return open_pixels(read_header(content))


def refused(content: bytes) -> str:
    """Return the key of the reason; it must come before any large memory is taken."""
    tracemalloc.start()
    with pytest.raises(DataError) as caught:
        opened(content).frame(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    assert str(caught.value)
    return caught.value.key


def jpeg_of(width: int, height: int) -> bytes:
    place = STREAM.index(b"\xff\xc0") + 5
    return STREAM[:place] + struct.pack(">HH", height, width) + STREAM[place + 4 :]


def jpeg_2000_of(width: int, height: int) -> bytes:
    stream = make.jpeg_2000_stream(SCREEN)
    place = stream.index(b"\xff\x51") + 6
    return stream[:place] + struct.pack(">LL", width, height) + stream[place + 8 :]


def test_a_billion_pixels_are_refused_before_memory_is_taken() -> None:
    native = make.grey_file(bytes(100), (40_000, 40_000))
    assert refused(native) == "dicom.too_large"
    for stream in (jpeg_of(65_000, 65_000), jpeg_2000_of(1 << 31, 1 << 30)):
        content = make.color_file([stream], SHAPE, syntax=make.BASELINE)
        assert refused(content) == "dicom.too_large"


def test_the_largest_frame_is_a_setting() -> None:
    ds = read_header(make.color_file(SCREEN.tobytes(), SHAPE))
    with pytest.raises(DataError, match="128 × 96 pixels"):
        open_pixels(ds, largest=128 * 96 - 1)
    assert open_pixels(ds, largest=128 * 96).count == 1


def test_a_million_frames_are_refused() -> None:
    content = make.color_file(SCREEN.tobytes(), SHAPE, NumberOfFrames=1_000_000)
    assert refused(content) == "dicom.too_many_frames"


def test_floods_of_empty_fragments_are_refused() -> None:
    content = make.color_file([STREAM], SHAPE, syntax=make.BASELINE)
    place = content.index(b"\xfe\xff\x00\xe0")
    flood = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * (1 << 18)
    with pytest.raises(DataError, match="frames"):
        opened(content[:place] + flood + content[place:])


def test_whole_frames_of_a_cut_cine_are_kept() -> None:
    native = make.color_file(SCREEN.tobytes() * 5, SHAPE, NumberOfFrames=5)
    packed = make.color_file([STREAM] * 5, SHAPE, syntax=make.BASELINE, NumberOfFrames=5)
    for content, size in ((native, SCREEN.nbytes), (packed, len(STREAM))):
        cine = opened(content[: -size - 100])
        assert (cine.count, cine.claimed) == (3, 5)
        assert np.abs(cine.frame(2).astype(int) - SCREEN).mean() < 1


@pytest.mark.parametrize("name", ["explicit", "mono12", "palette8", "rle", "jpeg", "jpeg_ls"])
def test_a_cut_still_is_refused(name: str) -> None:
    content = make.every_form(SCREEN)[name]
    assert refused(content[:-300]) in ("dicom.truncated", "dicom.truncated_stream")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_cut_stream_is_refused(share: float, subsampling: int) -> None:
    stream = make.jpeg(SCREEN, subsampling=subsampling)
    cut = stream[: int(len(stream) * share) // 2 * 2]
    content = make.color_file([cut], SHAPE, syntax=make.BASELINE)
    assert refused(content) in ("dicom.truncated_stream", "dicom.bad_stream")


def test_a_stream_without_its_last_marker_is_read() -> None:
    content = make.color_file([STREAM.removesuffix(b"\xff\xd9")], SHAPE, syntax=make.BASELINE)
    assert np.abs(opened(content).frame(0).astype(int) - SCREEN).mean() < 1


@pytest.mark.parametrize(
    ("elements", "key"),
    [
        ({"Rows": None}, "dicom.no_size"),
        ({"Columns": 0}, "dicom.no_size"),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "dicom.bits"),
        ({"SamplesPerPixel": 4}, "dicom.samples"),
    ],
)
def test_claims_that_cannot_be_are_refused(elements: dict[str, object], key: str) -> None:
    assert refused(make.color_file(SCREEN.tobytes(), SHAPE, **elements)) == key


def test_no_pixel_data() -> None:
    content = make.grey_file(bytes(64), (8, 8))
    assert refused(content[: content.index(b"\xe0\x7f\x10\x00")]) == "dicom.no_pixels"


def test_videos_are_refused_by_their_name() -> None:
    content = make.color_file([b"\0\0\1\xb3" * 30], SHAPE, syntax="1.2.840.10008.1.2.4.102")
    with pytest.raises(DataError, match="MPEG-4 AVC"):
        opened(content)


def test_frames_of_another_size_are_refused_alone() -> None:
    other = make.jpeg(make.screen(64, 64))
    cine = opened(make.color_file([STREAM, other, STREAM], SHAPE, syntax=make.BASELINE))
    assert cine.frame(2).shape == SHAPE
    with pytest.raises(DataError, match="Frame 2 "):
        cine.frame(1)


@pytest.mark.parametrize("stream", [b"\xff\xd8\xff", b"\xff\xd8\xff\xc0\x00\x02\xff\xda\x00\x02"])
def test_stumps_of_streams_are_refused(stream: bytes) -> None:
    with pytest.raises(DataError, match="damaged"):
        read_stream(stream)


def test_a_codec_that_dies_takes_nothing_with_it() -> None:
    content = make.every_form(SCREEN)["jpeg_ls"]
    cine = opened(content)
    assert np.array_equal(cine.frame(0), SCREEN)
    sandbox._running[os.getpid()].kill()
    sandbox._running[os.getpid()].wait()
    # Ended from outside, while another file was in hand: the frame is decoded all the same.
    assert np.array_equal(cine.frame(0), SCREEN)


def test_a_codec_that_always_ends_is_no_damage_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_BEGIN", "pass")
    monkeypatch.setattr(sandbox, "_running", {})
    stream = make.jpeg_ls_stream(SCREEN)
    with pytest.raises(DataError) as told:
        sandbox.decode_in_process(stream, read_stream(stream))
    assert told.value.key == "dicom.codec_ended"


@pytest.mark.skipif(sys.platform == "win32", reason="counts the time of the processor")
def test_a_codec_may_wait_long_and_compute_for_a_short_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine good files take long by the clock."""
    monkeypatch.setattr(sandbox, "_running", {})
    stream = make.jpeg_ls_stream(SCREEN)
    slow = "import metrascope.dicom.codec_process as s; s._decode = lambda *_: {}; s.main()"
    waits, computes = "__import__('time').sleep(0.3) or b'x'", "[0 for _ in iter(int, 1)]"
    for body, key in ((waits, None), (computes, "dicom.bad_stream")):
        begin = "import sys; sys.path[:] = sys.argv[1:]; " + slow.format(body)
        begun = begin.replace("s.main()", "s._SECONDS = 0.1; s.main()")
        monkeypatch.setattr(sandbox, "_BEGIN", begun)
        if key is None:
            assert sandbox.decode_in_process(stream, read_stream(stream)) == b"x"
            sandbox._stop(sandbox._running.pop(os.getpid()))
        else:
            with pytest.raises(DataError) as told:
                sandbox.decode_in_process(stream, read_stream(stream))
            assert told.value.key == key


def test_damaged_streams_leave_the_codec_process_usable() -> None:
    stream = make.jpeg_ls_stream(SCREEN)
    info = read_stream(stream)
    expected = sandbox.decode_in_process(stream, info)
    with pytest.raises(DataError, match="damaged"):
        sandbox.decode_in_process(stream[:200], info)
    assert sandbox.decode_in_process(stream, info) == expected


def test_mutated_files_decode_or_are_refused() -> None:
    files = list(make.every_form(make.screen(40, 44)).values())
    found = []
    for number in range(150):
        content = fuzz_dicom.mutated(files, np.random.default_rng((1, number)))
        found.append(fuzz_dicom.outcome(content)[0])
    assert set(found) == {"decoded", "refused"}


def test_every_reason_has_its_sentence() -> None:
    folder = Path(metrascope.dicom.__file__).parent
    names = set()
    for path in folder.glob("*.py"):
        names.update(re.findall(r'DataError\(\s*"(dicom\.\w+)"', path.read_text(encoding="utf-8")))
    assert names
    for name in names:
        assert set(table()[name]) == {"en", "zh"}


def test_a_codec_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "find_spec", lambda _: None)
    stream = sandbox.Stream("jpeg", 8, 8, 1, 12)
    with pytest.raises(DataError, match="pip install python-gdcm"):
        sandbox.decode_in_process(b"", stream)
