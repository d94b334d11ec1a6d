"""PNG and JPEG screens with texts in all the places that the two formats have for them."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image as Pillow

from metrascope.arrays import Pixels
from metrascope.files.png_file import encode_png
from metrascope.phantom.hospital.identities import Visit, code
from metrascope.phantom.hospital.planted import Ledger

_PNG_HEAD = 8 + 25  # signature and IHDR


def make_png(image: Pixels, visit: Visit, ledger: Ledger) -> bytes:
    """Return a PNG with tEXt, zTXt, iTXt, eXIf and tIME chunks (PNG specification, 11.3).

    Parameters
    ----------
    image
        ``(h, w, 3)`` uint8 RGB.
    visit
        The examination.
    ledger
        Takes a note of everything planted.
    """
    plain = encode_png(np.ascontiguousarray(image[..., ::-1]))
    name = visit.latin_name
    ledger.note("name", name, "iTXt")
    comment = ledger.note("text", f"Comment {code(8, ledger.rng)}", "tEXt")
    squeezed = ledger.note("text", f"Remark {code(8, ledger.rng)}", "zTXt")
    number = ledger.note("id", visit.patient_id, "tEXt")
    at = visit.exam_time
    chunks = [
        _chunk(b"tEXt", b"Comment\0" + comment.encode()),
        _chunk(b"tEXt", b"PatientID\0" + number.encode()),
        _chunk(b"zTXt", b"Description\0\0" + zlib.compress(squeezed.encode())),
        _chunk(b"iTXt", b"Title\0\0\0\0\0" + f"{name} {visit.local_name}".encode()),
        _chunk(b"eXIf", _exif(visit, ledger)[6:]),
        _chunk(b"tIME", struct.pack(">H5B", *at.timetuple()[:6])),
    ]
    note_chinese(visit, ledger, "iTXt")
    trailer = ledger.note("text", code(12, ledger.rng), "after IEND")
    return plain[:_PNG_HEAD] + b"".join(chunks) + plain[_PNG_HEAD:] + trailer.encode()


def make_jpeg(image: Pixels, visit: Visit, ledger: Ledger) -> bytes:
    """Return a JPEG with Exif, XMP, IPTC and comment segments.

    Parameters
    ----------
    image
        ``(h, w, 3)`` uint8 RGB.
    visit
        The examination.
    ledger
        Takes a note of everything planted.
    """
    buffer = BytesIO()
    Pillow.fromarray(image).save(buffer, "JPEG", quality=93)
    plain = buffer.getvalue()
    comment = ledger.note("text", f"Made for {code(8, ledger.rng)}", "COM")
    segments = [
        _segment(0xE1, _exif(visit, ledger)),
        _segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + _xmp(visit, ledger)),
        _segment(0xED, b"Photoshop 3.0\0" + _iptc(visit, ledger)),
        _segment(0xFE, comment.encode()),
    ]
    trailer = ledger.note("text", code(12, ledger.rng), "after EOI")
    return plain[:2] + b"".join(segments) + plain[2:] + trailer.encode()


def note_chinese(visit: Visit, ledger: Ledger, where: str) -> None:
    """Note the Chinese name, if she has one."""
    if visit.patient.surname_chinese:
        ledger.note("name", visit.chinese_name, where)


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def _exif(visit: Visit, ledger: Ledger) -> bytes:
    exif = Pillow.Exif()
    exif[0x010E] = ledger.note("text", f"Still {code(8, ledger.rng)}", "Exif ImageDescription")
    exif[0x013B] = ledger.note("text", code(9, ledger.rng), "Exif Artist")
    exif[0x0132] = f"{visit.exam_time:%Y:%m:%d %H:%M:%S}"
    ledger.note("date", f"{visit.exam_time:%Y%m%d}", "Exif DateTime")
    exif[0x9C9D] = (visit.local_name + "\0").encode("utf-16-le")
    note_chinese(visit, ledger, "Exif XPAuthor")
    secret = ledger.note("text", code(10, ledger.rng), "Exif UserComment")
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0" + secret.encode()
    exif.get_ifd(0x8769)[0x9003] = f"{visit.exam_time:%Y:%m:%d %H:%M:%S}"
    content: bytes = exif.tobytes()
    return content


def _xmp(visit: Visit, ledger: Ledger) -> bytes:
    secret = ledger.note("text", f"Creator {code(8, ledger.rng)}", "XMP")
    ledger.note("name", visit.latin_name, "XMP")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<dc:creator>{secret}</dc:creator><dc:title>{visit.latin_name}</dc:title>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def _iptc(visit: Visit, ledger: Ledger) -> bytes:
    """Return the image resource block 0x0404 with caption, by-line and keyword."""
    words = [
        (120, ledger.note("text", f"Caption {code(8, ledger.rng)}", "IPTC")),
        (80, ledger.note("name", visit.operator, "IPTC")),
        (25, ledger.note("id", visit.accession, "IPTC")),
    ]
    records = b"".join(
        struct.pack(">BBBH", 0x1C, 2, number, len(word.encode())) + word.encode()
        for number, word in words
    )
    padded = records + b"\0" * (len(records) % 2)
    return b"8BIM\x04\x04\0\0" + struct.pack(">I", len(records)) + padded
