"""Tell what a file is by its first bytes: names and extensions of exports mean little."""

import struct
from typing import Final

from metrascope.dicom.header import looks_like_dicom

HEAD: Final = 1024
"""Bytes from the start of a file that `file_kind` needs."""

IMAGES: Final = ("dicom", "png", "jpeg", "bmp", "tiff")
"""Kinds that are images for us."""

_DICOMDIR: Final = b"1.2.840.10008.1.3.10"
# Sizes of the headers that BMP has had.
_BMP_HEADERS: Final = (12, 40, 52, 56, 64, 108, 124)
_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"Rar!\x1a\x07", "packed"),
    (b"7z\xbc\xaf\x27\x1c", "packed"),
    (b"\x1f\x8b", "packed"),
    (b"BZh", "packed"),
    (b"\xfd7zXZ\0", "packed"),
    (b"\x28\xb5\x2f\xfd", "packed"),
    (b"%PDF", "document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "document"),
    (b"{\\rtf", "document"),
    (b"\x1a\x45\xdf\xa3", "video"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video"),
    (b"\0\0\x01\xba", "video"),
    (b"\0\0\x01\xb3", "video"),
    (b"FLV\x01", "video"),
    (b"GIF8", "picture"),
    (b"\xff\x0a", "picture"),
    (b"\0\0\0\x0cjP  ", "picture"),
    (b"\xff\x4f\xff\x51", "picture"),
)
_STILLS: Final = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")


def file_kind(head: bytes) -> str:
    """Return what a file is.

    Parameters
    ----------
    head
        Its first `HEAD` bytes, or all of a shorter file.

    Returns
    -------
    One of `IMAGES`; ``dicomdir``, the directory of a DICOM medium; ``zip``; ``packed``, an
    archive of another kind; ``video``, ``picture`` (a still that is not read here), ``document``
    or ``other``.
    """
    # A DICOM preamble may be that of a TIFF file on purpose (PS3.10, 7.1), so DICOM comes first.
    if looks_like_dicom(head):
        return "dicomdir" if _DICOMDIR in head else "dicom"
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head[257:262] == b"ustar":
        return "packed"
    return _container_kind(head)


def _container_kind(head: bytes) -> str:
    if head[:4] == b"RIFF":
        return {b"AVI ": "video", b"WEBP": "picture"}.get(head[8:12], "other")
    if head[4:8] == b"ftyp":
        return "picture" if head[8:12] in _STILLS else "video"
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free"):
        return "video"
    # "BM" alone also starts words; the sizes behind it tell.
    if head[:2] == b"BM" and len(head) >= 18:
        reserved, _, size = struct.unpack_from("<III", head, 6)
        return "bmp" if reserved == 0 and size in _BMP_HEADERS else "other"
    return "other"
