"""Files are known by their bytes, and headers read in every encoding."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from tests.dicom import make

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import looks_like_dicom, read_header, transfer_syntax, value
from metrascope.dicom.layout import header_number
from metrascope.errors import DataError

SCREEN = make.screen()


def without_meta(implicit: bool, little: bool) -> bytes:
    """Return a data set alone, as old exports are written."""
    syntax = make.BIG_ENDIAN if not little else make.IMPLICIT if implicit else make.EXPLICIT
    ds = make.dataset(
        SCREEN.tobytes(),
        syntax,
        Rows=SCREEN.shape[0],
        Columns=SCREEN.shape[1],
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    )
    del ds.file_meta
    buffer = io.BytesIO()
    ds.save_as(buffer, implicit_vr=implicit, little_endian=little)
    return buffer.getvalue()


BARE = {
    make.IMPLICIT: without_meta(True, True),
    make.EXPLICIT: without_meta(False, True),
    make.BIG_ENDIAN: without_meta(False, False),
}


@pytest.mark.parametrize("syntax", BARE)
def test_files_without_preamble(syntax: str) -> None:
    content = BARE[syntax]
    assert looks_like_dicom(content[:256])
    ds = read_header(content)
    assert transfer_syntax(ds) == syntax
    assert ds.Rows == SCREEN.shape[0]
    assert np.array_equal(open_pixels(ds).frame(0), SCREEN)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"DICM",
        b"\x08\x00",
        make.jpeg(SCREEN)[:256],
        b"\x89PNG\r\n\x1a\n" + bytes(300),
        b"PK\x03\x04" + bytes(300),
        bytes(300),
        "Patient, 姓名\n".encode() * 30,
        b"\x08\x00\x09\x09" * 80,
    ],
)
def test_other_files_are_no_dicom(head: bytes) -> None:
    assert not looks_like_dicom(head)
    with pytest.raises(DataError, match="not a DICOM"):
        read_header(head)


def test_pixel_data_stay_where_they_are() -> None:
    ds = read_header(make.color_file(SCREEN.tobytes(), SCREEN.shape))
    assert "PixelData" not in ds
    assert ds.Modality == "US"


def test_explicit_files_that_claim_to_be_implicit() -> None:
    content = make.color_file(SCREEN.tobytes(), SCREEN.shape)
    lying = content.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2\0\0\0")
    assert lying != content
    assert np.array_equal(open_pixels(read_header(lying)).frame(0), SCREEN)


def test_values_that_cannot_be_converted_are_none() -> None:
    content = make.color_file(SCREEN.tobytes(), SCREEN.shape, NumberOfFrames=2)
    broken = content.replace(b"IS\x02\x002 ", b"IS\x02\x00?!")
    assert broken != content
    ds = read_header(broken)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert header_number(ds, "NumberOfFrames") is None
    assert open_pixels(ds).count == 1


def deflated(body: bytes) -> bytes:
    content = make.color_file(SCREEN.tobytes(), SCREEN.shape, syntax=make.DEFLATED)
    (length,) = struct.unpack("<L", content[140:144])
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return content[: 144 + length] + packer.compress(body) + packer.flush()


def test_deflate_bombs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrascope.dicom.header._MOST_INFLATED", 8 << 20)
    bomb = deflated(b"\x08\x00\x05\x00CS\x00\x00" + bytes(9 << 20))
    assert len(bomb) < 1 << 16
    with pytest.raises(DataError, match="deflated content"):
        read_header(bomb)


def test_deep_sequences_are_refused_not_followed() -> None:
    opening = b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    content = make.grey_file(bytes(64), (8, 8))
    start = content.index(b"\x28\x00\x02\x00")
    with pytest.raises(DataError, match="header"):
        read_header(content[:start] + opening * 100_000)


def test_floods_of_elements_are_refused() -> None:
    content = bytes(128) + b"DICM" + b"\x09\x00\x10\x00LO\x00\x00" * 1_000_000
    with pytest.raises(DataError, match="more elements"):
        read_header(content)


def test_floods_of_regions_are_no_regions() -> None:
    content = make.grey_file(bytes(64), (8, 8))
    ds = read_header(content)
    item = Dataset()
    item.RegionDataType = 1
    ds.SequenceOfUltrasoundRegions = Sequence([item] * 3)
    assert len(value(ds, "SequenceOfUltrasoundRegions")) == 3
    flood = b"\xfe\xff\x00\xe0\x00\x00\x00\x00" * 1_000_000
    head = b"\x18\x00\x11\x60SQ\x00\x00" + struct.pack("<L", len(flood))
    place = content.index(b"\x28\x00\x02\x00")
    ds = read_header(content[:place] + head + flood + content[place:])
    assert value(ds, "SequenceOfUltrasoundRegions") is None
    assert ds.Rows == 8
