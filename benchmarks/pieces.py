"""Take files apart into the byte strings in which a text can stand, pixels left out.

Compressed pixels hold every short text by chance; everything else of a file is a place to look:
its name, chunks, segments, elements, members, inflated streams, and texts with their escapes
undone.
"""

import base64
import html
import io
import json
import re
import struct
import urllib.parse
import warnings
import zipfile
import zlib
from collections.abc import Iterator

import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

Piece = tuple[str, bytes]
_DATA = re.compile(rb"data:[a-z]+/[a-z+.-]+;base64,([A-Za-z0-9+/=]+)")
_PNG = b"\x89PNG\r\n\x1a\n"
_PIXELS = (0x7FE00008, 0x7FE00009, 0x7FE00010)


def pieces(name: str, content: bytes) -> Iterator[Piece]:
    """Return where and what of every byte string of a file in which texts can stand.

    Parameters
    ----------
    name
        The file's name, itself a piece.
    content
        Its bytes.
    """
    yield "name", name.encode()
    yield from _inside(content)


def _inside(content: bytes) -> Iterator[Piece]:
    if content.startswith(_PNG):
        yield from _png(content)
    elif content.startswith(b"\xff\xd8\xff"):
        yield from _jpeg(content)
    elif content.startswith(b"PK\x03\x04"):
        yield from _zip(content)
    elif content[128:132] == b"DICM" or content[:4] == b"\x02\0\0\0" or content[:2] == b"\x08\0":
        yield from _dicom(content)
    elif b"\0" in content[:4096]:
        yield "bytes", content
    else:
        yield from _text(content)


def _png(content: bytes) -> Iterator[Piece]:
    at, streams = 8, b""
    while at + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            streams += body
        else:
            yield kind.decode("latin-1"), body
            yield f"{kind.decode('latin-1')} inflated", _inflated(body)
        at += length + 12
        if kind == b"IEND":
            break
    inflater = zlib.decompressobj()
    inflater.decompress(streams)
    yield "after pixels", inflater.unused_data
    yield "after IEND", content[at:]


def _inflated(body: bytes) -> bytes:
    """Return what a chunk's compressed part holds, wherever it begins."""
    for start in (match.start() for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", body)):
        try:
            return zlib.decompress(body[start:])
        except zlib.error:
            continue
    return b""


def _jpeg(content: bytes) -> Iterator[Piece]:
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        yield f"segment {content[at + 1]:02x}", content[at + 4 : at + 2 + length]
        at += 2 + length
    end = content.rfind(b"\xff\xd9")
    yield "after EOI", content[end + 2 :] if end >= 0 else b""


def _zip(content: bytes) -> Iterator[Piece]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield "comment", archive.comment
        for entry in archive.infolist():
            for where, piece in pieces(entry.filename, archive.read(entry)):
                yield f"{entry.filename}: {where}", piece


def _dicom(content: bytes) -> Iterator[Piece]:
    """Return all bytes but the pixels, and every text decoded."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ds = pydicom.dcmread(io.BytesIO(content), force=True)
        yield "preamble", content[:128]
        if ds.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
            yield "meta", content[:2048]
        else:
            yield from _around_pixels(ds, content)
        yield from _elements(ds.file_meta)
        yield from _elements(ds)


def _around_pixels(ds: pydicom.Dataset, content: bytes) -> Iterator[Piece]:
    held = [ds.get_item(tag) for tag in _PIXELS if tag in ds]
    values = [item.value for item in held if isinstance(item.value, bytes) and item.value]
    for value in values:
        content = content.replace(value, b"\n", 1)
    yield "bytes", content
    for value in values:
        if value.startswith(b"\xfe\xff\0\xe0"):
            for frame in re.finditer(rb"\xff\xd8\xff", value):
                yield from _jpeg(value[frame.start() :])


def _elements(ds: pydicom.Dataset, path: str = "") -> Iterator[Piece]:
    for tag in list(ds.keys()):  # values are parsed one by one, none may stop the rest
        if tag in _PIXELS and not path:
            continue
        try:
            element = ds[tag]
        except Exception as error:  # whatever a reader dislikes stands in the raw bytes as well
            yield f"{path}{tag}", str(error).encode()
            continue
        where = f"{path}{element.keyword or tag}"
        if element.VR == "SQ":
            for item in element.value:
                yield from _elements(item, f"{where}.")
        elif isinstance(element.value, bytes):
            yield where, element.value
        else:
            yield where, str(element.value).encode()


def _text(content: bytes) -> Iterator[Piece]:
    """Return a text as it stands, and with the escapes of HTML, URLs and JSON undone."""
    for number, found in enumerate(_DATA.finditer(content)):
        for where, piece in _inside(base64.b64decode(found[1] + b"==")):
            yield f"data {number}: {where}", piece
    rest = _DATA.sub(b"", content)
    yield "text", rest
    words = rest.decode("utf-8", "replace")
    yield "text without HTML", html.unescape(words).encode()
    yield "text without URLs", urllib.parse.unquote(words).encode()
    if "\\u" in words:
        plain = re.sub(r"(\\u[0-9a-fA-F]{4})+", lambda m: json.loads(f'"{m[0]}"'), words)
        yield "text without JSON", plain.encode("utf-8", "replace")
