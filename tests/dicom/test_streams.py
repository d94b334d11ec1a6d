"""Segments of a JPEG in any order, and with others among them, give the same colors."""

import numpy as np
import pytest
from tests.dicom import make

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.streams import read_stream, segments

SCREEN = make.screen()
SHAPE = SCREEN.shape
COMMENT = b"\xff\xfe\x00\x0acomment."
EXIF = b"\xff\xe1\x00\x10Exif\0\0MM\0*\0\0\0\x08"
JFIF = b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"
EXTENSION = b"\xff\xe0\x00\x08JFXX\0\x10"
FLASHPIX = b"\xff\xe2\x00\x08FPXR\0\0"
RESTARTS = b"\xff\xdd\x00\x04\x00\x00"


def adobe(transform: int) -> bytes:
    return b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([transform])


def thumbnail() -> bytes:
    small = make.jpeg(make.screen(24, 32))
    return b"\xff\xe1" + (len(small) + 8).to_bytes(2, "big") + b"Exif\0\0" + small


def with_numbers(stream: bytes) -> bytes:
    """Return a JPEG whose components are numbered, not named R, G and B."""
    found = bytearray(stream)
    frame, scan = stream.index(b"\xff\xc0"), stream.index(b"\xff\xda")
    for i in range(3):
        found[frame + 10 + 3 * i] = found[scan + 5 + 2 * i] = i + 1
    return bytes(found)


YCC = make.silent(make.jpeg(SCREEN, subsampling=0))
RGB = with_numbers(make.silent(make.jpeg(SCREEN, keep_rgb=True)))
HEADS = {
    "JFIF after a comment": (YCC, COMMENT + JFIF),
    "JFIF after Exif": (YCC, EXIF + JFIF),
    "JFIF twice": (YCC, JFIF + EXTENSION + JFIF),
    "a thumbnail before JFIF": (YCC, thumbnail() + JFIF),
    "a thumbnail after JFIF": (YCC, JFIF + thumbnail()),
    "Adobe after others": (YCC, EXIF + COMMENT + FLASHPIX + adobe(1)),
    "nothing but a comment": (YCC, COMMENT),
    "fill bytes": (YCC, b"\xff\xff\xff" + JFIF + b"\xff\xff" + COMMENT),
    "RGB, Adobe first": (RGB, adobe(0)),
    "RGB, Adobe after others": (RGB, COMMENT + EXIF + adobe(0)),
    "RGB, Adobe after JFIF": (RGB, JFIF + adobe(0)),
    "RGB, JFIF and Adobe after a comment": (RGB, COMMENT + JFIF + EXIF + adobe(0)),
    "RGB, JFIF after a comment": (RGB, COMMENT + JFIF),
    "RGB, JFIF after Adobe": (RGB, adobe(0) + RESTARTS + JFIF),
    "RGB, a thumbnail before JFIF": (RGB, thumbnail() + JFIF),
    "RGB, fill bytes": (RGB, b"\xff\xff" + COMMENT + b"\xff\xff" + JFIF),
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("label", ["RGB", "YBR_FULL", "YBR_FULL_422"])
def test_colors_do_not_depend_on_where_markers_stand(name: str, label: str) -> None:
    stream, head = HEADS[name]
    content = make.color_file(
        [stream[:2] + head + stream[2:]],
        SHAPE,
        syntax=make.BASELINE,
        PhotometricInterpretation=label,
    )
    found = open_pixels(read_header(content)).frame(0)
    assert np.abs(found.astype(int) - SCREEN).mean() < 1


@pytest.mark.parametrize("name", [name for name in HEADS if "Adobe" in name])
def test_an_adobe_marker_is_found_wherever_it_stands(name: str) -> None:
    stream, head = HEADS[name]
    found = read_stream(stream[:2] + head + stream[2:])
    assert found.adobe == (0 if name.startswith("RGB") else 1)
    assert found.jfif == ("JFIF" in name)


def test_restart_markers_are_no_segments() -> None:
    stream = make.jpeg(SCREEN, restart_marker_blocks=4)
    assert b"\xff\xd0" in stream
    codes = [code for code, _, _ in segments(stream)]
    assert codes[0] == 0xE0
    assert codes[-1] == 0xDA
    assert not set(codes) & set(range(0xD0, 0xD8))
    content = make.color_file([stream], SHAPE, syntax=make.BASELINE)
    assert np.abs(open_pixels(read_header(content)).frame(0).astype(int) - SCREEN).mean() < 1


def test_a_thumbnail_does_not_begin_a_frame() -> None:
    stream = YCC[:2] + thumbnail() + JFIF + YCC[2:]
    content = make.color_file([stream, stream], SHAPE, syntax=make.BASELINE)
    assert open_pixels(read_header(content)).count == 2
