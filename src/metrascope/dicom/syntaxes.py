"""Transfer syntaxes (PS3.5, 10 and annex A): which are read, and what the others are called."""

import re
from typing import Final

from pydicom.uid import UID

from metrascope.errors import DataError

IMPLICIT: Final = "1.2.840.10008.1.2"
EXPLICIT: Final = "1.2.840.10008.1.2.1"
DEFLATED: Final = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN: Final = "1.2.840.10008.1.2.2"

NATIVE: Final = ("", IMPLICIT, EXPLICIT, DEFLATED, BIG_ENDIAN)
"""Syntaxes with pixel data that are not compressed; empty where the file names none."""

_REGISTERED: Final = "1.2.840.10008.1.2."
# JPEG, JPEG-LS, JPEG 2000, HTJ2K and RLE; the others of the registry are JPIP, JPEG XL, videos.
_STREAMS: Final = tuple(f"{_REGISTERED}{end}" for end in ("4.5", "4.6", "4.7", "4.8", "5"))
_WAVELETS: Final = tuple(f"{_REGISTERED}4.{end}" for end in (90, 91, 92, 93, 201, 202, 203))
# Named by their makers' conformance statements, or younger than pydicom's dictionary.
_NAMES: Final = {
    "1.2.840.113619.5.2": "GE private, Implicit VR Big Endian (DLX)",
    "1.3.46.670589.33.1.4.1": "Philips private, CT ELE",
    "1.2.840.10008.1.2.4.110": "JPEG XL Lossless",
    "1.2.840.10008.1.2.4.111": "JPEG XL JPEG Recompression",
    "1.2.840.10008.1.2.4.112": "JPEG XL",
    "1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression",
}
_MAKERS: Final = {
    "1.2.840.113619.": "GE private",
    "1.2.392.200036.": "Canon or Fujifilm private",
    "1.3.46.670589.": "Philips private",
    "1.3.12.2.1107.": "Siemens private",
}
_UID: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){2,12}")


def is_read(syntax: str) -> bool:
    """Tell whether files of a transfer syntax are read: native, or of a known compression."""
    return syntax in NATIVE or syntax in _WAVELETS or syntax.startswith(_STREAMS)


def is_registered(syntax: str) -> bool:
    """Tell whether a transfer syntax is one of the Standard, so that its encoding is known."""
    return syntax == IMPLICIT or syntax.startswith(_REGISTERED)


def syntax_name(syntax: str) -> str:
    """Return the name of a transfer syntax with its UID.

    A UID that is none (long numbers, other signs) is left out: it could be anything, and reasons
    are written into the data set.
    """
    if not _UID.fullmatch(syntax):
        return "unknown"
    makers = (name for root, name in _MAKERS.items() if syntax.startswith(root))
    name = _NAMES.get(syntax) or UID(syntax).name
    title = name if name != syntax else next(makers, "private or unknown")
    return f"{title}, {syntax}"


def unread(syntax: str) -> DataError:
    """Return the error that names a transfer syntax which is not read."""
    return DataError("dicom.unsupported_syntax", syntax=syntax_name(syntax))
