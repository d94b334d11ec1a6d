"""Read the header of a DICOM file from its bytes and leave the pixel data where they are."""

import struct
import warnings
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.tag import BaseTag
from pydicom.uid import UID

from metrascope.dicom.syntaxes import BIG_ENDIAN, DEFLATED, EXPLICIT, IMPLICIT, is_registered
from metrascope.errors import DataError, MetrascopeError

# Bytes of a deflated data set: no still of an ultrasound scanner comes near. Chosen, not measured.
_MOST_INFLATED: Final = 256 << 20
_MOST_READS: Final = 100_000  # two or three an element; more take minutes
_LONGEST_VALUE: Final = 1 << 20  # only tables are longer, and they are read raw
_PIXEL_DATA: Final = 0x7FE00010
_UNDEFINED: Final = 0xFFFFFFFF
_VALUE_TYPES: Final = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN "
    b"UR US UT UV".split()
)


@dataclass(frozen=True)
class PixelBytes:
    """Where the pixel data of a file are: a part of its bytes, not copied.

    ``length`` is what the element claims, None where it is undefined (encapsulated); ``vr`` is
    empty in implicit files.
    """

    content: bytes
    start: int
    length: int | None
    vr: str
    big_endian: bool


def looks_like_dicom(head: bytes) -> bool:
    """Tell from the first 256 bytes or more whether a file is DICOM, whatever its name.

    With the preamble of PS3.10 or, as old exports are written, without it: then the file must
    begin with an element of group 0002 or 0008, in any of the three encodings.
    """
    if head[128:132] == b"DICM":
        return True
    return _begins_with_element(head)


def read_header(content: bytes) -> Dataset:
    """Read the data set of a DICOM file up to its pixel data.

    Parameters
    ----------
    content
        The whole file.

    Returns
    -------
    pydicom.Dataset
        Without PixelData; ``file_meta.TransferSyntaxUID`` is set, guessed from the bytes where
        the file has no meta information, and ``pixel_bytes`` finds the pixel data.

    Raises
    ------
    DataError
        ``dicom.not_dicom``, ``dicom.bad_header``, ``dicom.bad_deflated``, or ``dicom.inflates``
        for a deflated file of more than 256 MiB.
    """
    if not looks_like_dicom(content[:256]):
        raise DataError("dicom.not_dicom")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _read(content)
    except (MetrascopeError, MemoryError):
        raise
    except Exception as error:  # pydicom has no error of its own for bytes that make no sense
        raise DataError("dicom.bad_header") from error


def value(ds: Dataset, keyword: str) -> Any:
    """Return an element's value, None where it is absent, empty, absurdly long or no value."""
    raw = _raw(ds, keyword)
    if raw is not None and len(raw) > _LONGEST_VALUE:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            element = ds.get(keyword)
    except Exception:  # values are converted here, and hostile ones raise almost anything
        return None
    return None if isinstance(element, str | bytes) and not element else element


def raw_value(ds: Dataset, keyword: str) -> Any:
    """Return an element's bytes as they stand in the file, else its value; None if empty.

    Tables of words are read in this way: pydicom makes of each a list of Python integers.
    """
    raw = _raw(ds, keyword)
    return value(ds, keyword) if raw is None else raw or None


def pixel_bytes(ds: Dataset) -> PixelBytes:
    """Return where the pixel data of ``ds`` are.

    Raises
    ------
    DataError
        ``dicom.no_pixels``.
    """
    source = getattr(ds, "pixel_source", None)
    if isinstance(source, PixelBytes):
        return source
    content = value(ds, "PixelData")
    if not isinstance(content, bytes):
        raise DataError("dicom.no_pixels")
    element = ds["PixelData"]
    big_endian = ds.original_encoding[1] is False
    length = None if element.is_undefined_length else len(content)
    return PixelBytes(content, 0, length, str(element.VR), big_endian)


def transfer_syntax(ds: Dataset) -> str:
    """Return the UID of the transfer syntax, empty if the data set names none."""
    meta = getattr(ds, "file_meta", None)
    return str(value(meta, "TransferSyntaxUID") or "") if meta is not None else ""


class _Counted(BytesIO):
    """Bytes with a limit on reads: headers of millions of elements take minutes."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > _MOST_READS:
            raise DataError("dicom.too_many_elements")
        return super().read(size)


def _raw(ds: Dataset, keyword: str) -> bytes | None:
    """Return an element's bytes if it was not converted yet."""
    tag = tag_for_keyword(keyword)
    if tag is None or tag not in ds:
        return None
    try:
        element = ds.get_item(tag)
    except Exception:  # elements of no value and an unknown type are converted even here
        return None
    raw = element.value if isinstance(element, RawDataElement) else None
    return raw if isinstance(raw, bytes) else None


def _read(content: bytes) -> Dataset:
    meta, start = _read_meta(content)
    stated = str(value(meta, "TransferSyntaxUID") or "").strip("\0 ")
    if stated == DEFLATED and not _begins_with_element(content[start : start + 16]):
        content, start = _inflate(content[start:]), 0
    # Nobody knows how a private syntax is encoded; headers of the known ones are in plain VRs.
    encoding = stated if is_registered(stated) else _guess_syntax(content[start : start + 8])
    syntax = stated or encoding
    fp = _Counted(content)
    fp.seek(start)
    place: list[tuple[int, str, int]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if tag == _PIXEL_DATA:
            place.append((fp.tell(), vr or "", length))
        return bool(tag >= _PIXEL_DATA)

    big_endian = encoding == BIG_ENDIAN
    ds = read_dataset(fp, encoding == IMPLICIT, not big_endian, stop_when=at_pixels)
    if not len(ds):
        raise DataError("dicom.bad_header")
    meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta = meta
    if place:
        start, vr, length = place[-1]
        stated_length = None if length == _UNDEFINED else length
        ds.pixel_source = PixelBytes(content, start, stated_length, vr, big_endian)
    return ds


def _read_meta(content: bytes) -> tuple[FileMetaDataset, int]:
    fp = _Counted(content)
    fp.seek(132 if content[128:132] == b"DICM" else 0)
    if content[fp.tell() : fp.tell() + 2] != b"\x02\x00":
        return FileMetaDataset(), fp.tell()
    meta = read_dataset(fp, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
    return FileMetaDataset(meta), fp.tell()


def _guess_syntax(head: bytes) -> str:
    """Name the encoding that the first element of a data set is written in (PS3.5, 7.1)."""
    if head[4:6] not in _VALUE_TYPES:
        return IMPLICIT
    return BIG_ENDIAN if head[:1] == b"\x00" else EXPLICIT


def _inflate(packed: bytes) -> bytes:
    """Inflate a deflated data set (PS3.5, A.5), no further than a limit: it may be a bomb.

    The Standard asks for bare deflate (RFC 1951); some writers put zlib's header before it.
    """
    # RFC 1950: method 8, and both bytes of the header divisible by 31.
    wrapped = len(packed) > 1 and packed[0] & 15 == 8 and (packed[0] * 256 + packed[1]) % 31 == 0
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS) if wrapped else (-zlib.MAX_WBITS,):
        stream = zlib.decompressobj(bits)
        try:
            content = stream.decompress(packed, _MOST_INFLATED)
        except zlib.error:
            continue
        if stream.unconsumed_tail:
            raise DataError("dicom.inflates", limit=_MOST_INFLATED >> 20)
        return content
    raise DataError("dicom.bad_deflated")


def _begins_with_element(head: bytes) -> bool:
    if len(head) < 16:
        return False
    if head[:2] == b"\x00\x08" and head[2] == 0 and head[4:6] in _VALUE_TYPES:
        return True
    group, element, length = struct.unpack("<HHL", head[:8])
    if group not in (2, 8) or element > 0x3000:
        return False
    # Implicit files have no type to look for: the first of group 0008 are short.
    plausible: bool = group == 8 and element <= 0x70 and length <= 256
    return plausible or head[4:6] in _VALUE_TYPES
