"""Transfer syntaxes: inflated whoever deflated them, refused by name where they are not read."""

import io
import struct
import zlib

import numpy as np
import pytest
from pydicom import dcmread
from tests.dicom import make

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.syntaxes import is_read, syntax_name
from metrascope.errors import DataError
from metrascope.ingest.journal import Rejection
from metrascope.ingest.rejection import explain

SCREEN = make.screen()
SHAPE = SCREEN.shape


def refused(content: bytes) -> DataError:
    with pytest.raises(DataError) as caught:
        open_pixels(read_header(content)).frame(0)
    return caught.value


def parts(content: bytes) -> tuple[bytes, bytes]:
    """Return preamble with meta information, and the data set behind it."""
    start = 144 + struct.unpack("<L", content[140:144])[0]
    return content[:start], content[start:]


def named(content: bytes, uid: str) -> bytes:
    """Return a file that names another transfer syntax, one that pydicom would not write."""
    head, body = parts(content)
    place = head.index(b"\x02\x00\x10\x00UI")
    (size,) = struct.unpack_from("<H", head, place + 6)
    text = uid.encode() + b"\0" * (len(uid) % 2)
    meta = head[144:place] + head[place : place + 6] + struct.pack("<H", len(text)) + text
    meta += head[place + 8 + size :]
    return head[:140] + struct.pack("<L", len(meta)) + meta + body


def deflated_file() -> tuple[bytes, bytes]:
    head, packed = parts(make.color_file(SCREEN.tobytes(), SHAPE, syntax=make.DEFLATED))
    return head, zlib.decompress(packed, -zlib.MAX_WBITS)


@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("bits", [-15, 15, 9, -9])
def test_deflated_data_are_inflated_with_and_without_a_header(bits: int, level: int) -> None:
    head, plain = deflated_file()
    packer = zlib.compressobj(level, zlib.DEFLATED, bits)
    content = head + packer.compress(plain) + packer.flush()
    assert np.array_equal(open_pixels(read_header(content)).frame(0), SCREEN)


def test_data_that_only_claim_to_be_deflated_are_read_as_they_are() -> None:
    head, plain = deflated_file()
    assert np.array_equal(open_pixels(read_header(head + plain)).frame(0), SCREEN)


@pytest.mark.parametrize("bits", [-15, 15])
def test_deflated_data_that_are_damaged_are_refused_for_that(bits: int) -> None:
    head, plain = deflated_file()
    packer = zlib.compressobj(9, zlib.DEFLATED, bits)
    packed = bytearray(packer.compress(plain) + packer.flush())
    packed[40:90] = bytes(range(200, 250))
    error = refused(head + bytes(packed))
    assert error.key == "dicom.bad_deflated"
    assert "deflated data are damaged" in str(error)
    assert refused(head + b"\xff" * 400).key == "dicom.bad_deflated"


def test_deflated_data_that_were_cut_off_are_refused_as_such() -> None:
    head, packed = parts(make.color_file(SCREEN.tobytes(), SHAPE, syntax=make.DEFLATED))
    assert refused(head + packed[: len(packed) // 2]).key == "dicom.truncated"


@pytest.mark.parametrize("cut", [150, 200, 260])
def test_no_reason_has_the_name_of_an_exception(cut: int) -> None:
    content = make.color_file(SCREEN.tobytes(), SHAPE)
    damaged = content[:132] + b"\x02\x00\x10\x00UI\xff\xff" + content[140:cut]
    error = refused(damaged)
    assert error.values == {}
    assert "Error" not in str(error)


UNREAD = {
    "1.2.840.113619.5.2": "GE private",
    "1.3.46.670589.33.1.4.1": "Philips private",
    "1.3.46.670589.33.9": "Philips private",
    "1.2.3.4.5.6": "private or unknown",
    "1.2.840.10008.1.2.4.94": "JPIP Referenced",
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.4.205": "JPIP HTJ2K",
    "1.2.840.10008.1.2.7.1": "SMPTE ST 2110-20",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame",
    "1.2.840.10008.1.2.4.103": "MPEG-4 AVC",
    "1.2.840.10008.1.2.1.98": "Encapsulated Uncompressed",
}


@pytest.mark.parametrize("uid", UNREAD)
@pytest.mark.parametrize("form", ["native", "packed", "none"])
def test_other_syntaxes_are_refused_by_name(uid: str, form: str) -> None:
    assert not is_read(uid)
    if form == "native":
        content = make.color_file(SCREEN.tobytes(), SHAPE)
    else:
        content = make.color_file([b"\0\x01\x02\x03" * 40], SHAPE, syntax=make.BASELINE)
    content = named(content, uid)
    if form == "none":
        content = content[: content.index(b"\xe0\x7f\x10\x00")]
    error = refused(content)
    assert error.key == "dicom.unsupported_syntax"
    assert uid in str(error)
    assert UNREAD[uid] in str(error)
    # The list of what was left out names it as well: nothing in it is the file's own words.
    rejection = Rejection(error.key, {k: str(v) for k, v in error.values.items()})
    assert uid in explain(rejection, "en")
    assert uid in explain(rejection, "zh")


def test_a_private_syntax_with_an_implicit_header_is_refused_by_name() -> None:
    content = make.grey_file(bytes(64), (8, 8), syntax=make.IMPLICIT)
    assert "GE private" in str(refused(named(content, "1.2.840.113619.5.2")))


@pytest.mark.parametrize("uid", ["13800138000.1.2", "1.2.13800138000", "Zhang^San", "1..2", "1"])
def test_what_is_no_uid_is_not_repeated(uid: str) -> None:
    assert syntax_name(uid) == "unknown"


def test_a_known_stream_in_a_private_syntax_is_read() -> None:
    content = make.color_file([make.jpeg_2000_stream(SCREEN)], SHAPE, syntax=make.JPEG_2000)
    content = named(content, "1.2.3.4.5.6")
    assert np.array_equal(open_pixels(read_header(content)).frame(0), SCREEN)


@pytest.mark.parametrize("photometric", ["HSV", "CMYK", "ARGB", "XYB"])
def test_other_kinds_of_color_are_refused_by_name(photometric: str) -> None:
    content = make.color_file(SCREEN.tobytes(), SHAPE, PhotometricInterpretation=photometric)
    assert photometric in str(refused(content))


@pytest.mark.parametrize("label", ["YBR_RCT", "YBR_ICT", "YBR_FULL", "YBR_FULL_422", "RGB"])
@pytest.mark.parametrize("transformed", [True, False])
def test_labels_of_jpeg_2000_do_not_undo_its_transform_twice(label: str, transformed: bool) -> None:
    # Mid grey all over: no look at the picture could tell RGB from Y, Cb and Cr here.
    grey = (SCREEN // 8 + 110).astype(np.uint8)
    stream = make.jpeg_2000_stream(grey if transformed else make.to_ycc(grey))
    if not transformed:
        from openjpeg.utils import encode_array

        stream = bytes(encode_array(make.to_ycc(grey), photometric_interpretation=1, use_mct=False))
        if label in ("YBR_RCT", "YBR_ICT", "RGB"):
            return  # the label says that they are RGB, and so does nothing else
    content = make.color_file(
        [stream], SHAPE, syntax=make.JPEG_2000, PhotometricInterpretation=label
    )
    found = open_pixels(read_header(content)).frame(0)
    assert np.abs(found.astype(int) - grey).max() <= 2


def test_peers_agree_on_what_is_inflated() -> None:
    head, plain = deflated_file()
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    content = head + packer.compress(plain) + packer.flush()
    found = open_pixels(read_header(content)).frame(0)
    assert np.array_equal(found, dcmread(io.BytesIO(content)).pixel_array)
