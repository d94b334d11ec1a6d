"""A compressed stream's own header, read from its markers without decoding it."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from metrascope.errors import DataError

StreamCoding: TypeAlias = Literal["jpeg", "jpeg_lossless", "jpeg_ls", "jpeg_2000", "rle"]
STREAM_CODINGS: Final[tuple[StreamCoding, ...]] = get_args(StreamCoding)

# How streams begin: SOI and another marker; SOC and SIZ; the signature box of JP2.
_JPEG: Final = b"\xff\xd8\xff"
_JPEG_2000: Final = b"\xff\x4f\xff\x51"
_JP2: Final = b"\x00\x00\x00\x0cjP  \r\n\x87\n"
# JPEG markers without a length (ITU-T T.81, table B.1): TEM, RST0 to RST7, SOI.
_BARE: Final = frozenset((0x01, *range(0xD0, 0xD9)))
# Before a frame header; real streams have a dozen. Chosen, not measured.
_MOST_MARKERS: Final = 1_000


@dataclass(frozen=True)
class Stream:
    """The frame header of a JPEG, JPEG-LS or JPEG 2000 stream, or of an RLE frame.

    ``adobe`` is the color transform of an Adobe marker (0 none, 1 YCbCr), None without one;
    ``transformed`` tells that the decoder itself undoes a color transform (JPEG 2000).
    """

    kind: StreamCoding
    width: int
    height: int
    components: int
    precision: int
    subsampled: bool = False
    names: bytes = b""
    adobe: int | None = None
    jfif: bool = False
    interleaved: bool = True
    transformed: bool = False


def begins_stream(head: bytes) -> bool:
    """Tell whether the first bytes of a fragment begin a frame: entropy-coded data cannot."""
    return head.startswith((_JPEG, _JPEG_2000, _JP2)) or begins_rle(head)


def begins_rle(head: bytes) -> bool:
    """Tell whether bytes begin with an RLE header: up to 15 segments, the first at byte 64."""
    if len(head) < 64:
        return False
    segments, *offsets = struct.unpack("<16L", head[:64])
    used = offsets[:segments]
    return 1 <= segments <= 15 and used[0] == 64 and used == sorted(used)


def read_stream(data: bytes) -> Stream:
    """Read the frame header of a stream.

    Raises
    ------
    DataError
        ``dicom.unknown_stream`` or ``dicom.bad_stream``.
    """
    try:
        if data.startswith(_JPEG):
            return _read_jpeg(data)
        if data.startswith((_JPEG_2000, _JP2)):
            return _read_jpeg_2000(codestream(data))
    except (struct.error, IndexError) as error:
        raise DataError("dicom.bad_stream") from error
    if begins_rle(data[:64]):
        # The header of a frame in RLE has no size: the data set's counts.
        return Stream("rle", 0, 0, data[0], 8)
    raise DataError("dicom.unknown_stream", beginning=data[:4].hex(" "))


def codestream(data: bytes) -> bytes:
    """Return a JPEG 2000 codestream without the JP2 boxes that some writers leave around it."""
    if data.startswith(_JPEG_2000):
        return data
    start = data.find(_JPEG_2000, 0, 1 << 16)
    if start < 0:
        raise DataError("dicom.bad_stream")
    return data[start:]


def segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield the segments of a JPEG up to its first scan: marker, first byte, one after the last.

    Fill bytes before a marker, and markers that stand alone, are left out.

    Raises
    ------
    IndexError, struct.error
        If the stream ends before its first scan.
    """
    place = 2
    for _ in range(_MOST_MARKERS):
        while data[place + 1] == 0xFF:
            place += 1
        code = data[place + 1]
        if data[place] != 0xFF or code == 0xD9:
            return
        if code in _BARE:
            place += 2
            continue
        last = place + 2 + struct.unpack_from(">H", data, place + 2)[0]
        yield code, place, last
        if code == 0xDA:
            return
        place = last


def _read_jpeg(data: bytes) -> Stream:
    # Markers of T.81 and T.87: E0 APP0, EE APP14, C0 to CF frame headers but for C4 (Huffman
    # tables), C8 (reserved) and CC (arithmetic conditioning), F7 JPEG-LS, DA the first scan.
    adobe, jfif = None, False
    frame: tuple[int, bytes] | None = None
    for code, first, last in segments(data):
        body = data[first + 4 : last]
        if code == 0xE0 and body.startswith(b"JFIF\0"):
            jfif = True
        elif code == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif (0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC)) or code == 0xF7:
            frame = code, body
        elif code == 0xDA and frame:
            return _jpeg_frame(*frame, body, adobe, jfif)
    raise DataError("dicom.bad_stream")


def _jpeg_frame(code: int, body: bytes, scan: bytes, adobe: int | None, jfif: bool) -> Stream:
    precision, height, width, count = struct.unpack_from(">BHHB", body)
    # Three bytes for each component: name, sampling factors, quantization table.
    parts = [body[6 + 3 * i : 9 + 3 * i] for i in range(count)]
    if len(body) < 6 + 3 * count or not height or not width:
        raise DataError("dicom.bad_stream")
    kind: StreamCoding = "jpeg"
    if code == 0xF7:
        kind = "jpeg_ls"
    elif code == 0xC3:
        kind = "jpeg_lossless"
    elif code not in (0xC0, 0xC1, 0xC2):
        raise DataError("dicom.unknown_stream", beginning=f"ff {code:02x}")
    if precision not in ((8, 12) if kind == "jpeg" else range(2, 17)):
        raise DataError("dicom.bad_stream")
    return Stream(
        kind,
        width,
        height,
        count,
        precision,
        subsampled=any(part[1] != parts[0][1] for part in parts),
        names=bytes(part[0] for part in parts),
        adobe=adobe,
        jfif=jfif,
        interleaved=code != 0xF7 or scan[-2] != 0,
    )


def _read_jpeg_2000(data: bytes) -> Stream:
    length, _, right, bottom, left, top = struct.unpack_from(">HHLLLL", data, 4)
    (count,) = struct.unpack_from(">H", data, 40)
    parts = [struct.unpack_from("BBB", data, 42 + 3 * i) for i in range(min(count, 5))]
    if right <= left or bottom <= top or count not in (1, 3):
        raise DataError("dicom.bad_stream")
    return Stream(
        "jpeg_2000",
        right - left,
        bottom - top,
        count,
        max(part[0] & 0x7F for part in parts) + 1,
        subsampled=any(part[1:] != (1, 1) for part in parts),
        transformed=_has_color_transform(data, 4 + length),
    )


def _has_color_transform(data: bytes, place: int) -> bool:
    """Tell whether the main header's COD marker (FF52) asks for the component transform.

    The header ends at the first tile-part (FF90).
    """
    for _ in range(_MOST_MARKERS):
        marker, length = struct.unpack_from(">HH", data, place)
        if marker == 0xFF52:
            return data[place + 8] == 1
        if marker == 0xFF90:
            break
        place += 2 + length
    return False
