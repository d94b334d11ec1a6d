"""Values of attributes as plain text, whatever the file did to them.

Nothing here raises for what a file holds: a value of the wrong type, of another alphabet than
declared, or longer than any real one is text as far as it goes, or nothing.
"""

import re
import warnings
from contextlib import suppress
from datetime import date
from typing import Final

from pydicom import Dataset
from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

# Longer than any value that is read here; a longer one is not what it claims to be.
LONGEST_VALUE: Final = 1024
MOST_VALUES: Final = 32
# Declared (or by default) Latin 1 or ASCII; files from China often hold GB 18030 all the same.
WEAK: Final = frozenset({"", "ISO_IR 6", "ISO 2022 IR 6", "ISO_IR 100", "ISO 2022 IR 100"})
CHARSET: Final = "SpecificCharacterSet"
DELIMITERS: Final = {ord(sign) for sign in "\\^=\r\n\f\t"}
REPLACED: Final = "\ufffd"
ESCAPE: Final = re.compile(r"\x1b[$()-]{1,2}[@-Z]")
PAIRS: Final = re.compile(rb"([\x00-\x7f]|[\x81-\xfe][\x80-\xfe])*")
NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,2})?")
DAY: Final = re.compile(r"([0-9]{4})([.-]?)([0-9]{2})\2([0-9]{2})(?=[0-9]{0,6}(\.[0-9]*)?$)")


def strings(ds: Dataset, keyword: str, longest: int = LONGEST_VALUE) -> tuple[str, ...]:
    """Return the values of a top-level attribute as text, stripped of padding.

    Parameters
    ----------
    ds
        The data set; it is not changed.
    keyword
        The attribute, by the keyword of DICOM PS3.6.
    longest
        Bytes (or characters) that the values may have together.

    Returns
    -------
    tuple of str
        The values in order, 32 at most, empty ones as ``""``; no values where the attribute is
        absent, is a sequence, or is longer.
    """
    element = _element(ds, keyword)
    raw = None if element is None else element.value
    if isinstance(raw, bytes | bytearray):
        bulk = isinstance(element, DataElement) and element.VR in ("OB", "OW", "UN")
        # The character set's own name is in ASCII, and to look up its character set has no end.
        declared = () if keyword == CHARSET else strings(ds, CHARSET)
        text = "" if len(raw) > longest or bulk else _decode(bytes(raw), declared)
    else:
        text = _as_text(raw)
    if not text or len(text) > longest:
        return ()
    return tuple(part.strip(" \0\t\r\n") for part in text.split("\\", MOST_VALUES)[:MOST_VALUES])


def string(ds: Dataset, keyword: str) -> str:
    """Return the first value of an attribute, ``""`` where there is none; see `strings`."""
    return next(iter(strings(ds, keyword)), "")


def numeric_value(ds: Dataset, keyword: str, place: int = 0) -> float | None:
    """Return a value of an attribute if it is a decimal number in characters, else None."""
    values = strings(ds, keyword, 32 * LONGEST_VALUE)[place : place + 1]
    return float(values[0]) if values and NUMBER.fullmatch(values[0]) else None


def day(ds: Dataset, keyword: str) -> date | None:
    """Return the day of a DA or DT attribute, in the old form 1994.11.05 as well, else None."""
    match = DAY.match(string(ds, keyword))
    try:
        return date(int(match[1]), int(match[3]), int(match[4])) if match else None
    except ValueError:
        return None


def _element(ds: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    tag = tag_for_keyword(keyword)
    try:
        return ds.get_item(tag) if tag is not None else None
    # Elements that were cut off are converted here, and raise what their type's converter raises.
    except Exception:
        return None


def _as_text(value: object) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if isinstance(value, MultiValue | list | tuple):
                return "\\".join(str(part) for part in value[:MOST_VALUES])
            return "" if value is None or isinstance(value, Sequence) else str(value)
    # pydicom's values decode when they are looked at, and each kind fails in its own way.
    except Exception:
        return ""


def _decode(raw: bytes, declared: tuple[str, ...]) -> str:
    r"""Return text from bytes by the character sets of PS3.3 C.12.1.1.2, or by their look.

    Values are split after that, not before: the second byte of a Chinese character can be ``\``.
    """
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    # Without escape sequences only the first set counts; scanners do forget to write them.
    counting = declared if b"\x1b" in raw else declared[:1]
    if WEAK.issuperset(counting) or not python_encoding.keys() >= set(declared):
        return _guess_text(raw)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = decode_bytes(raw, convert_encodings(list(declared)), DELIMITERS)
    # Undeclared escape sequences, sets that do not go together: as many errors as codecs.
    except Exception:
        text = REPLACED
    # pydicom leaves those of ISO 2022 IR 58, the Chinese set.
    return _guess_text(raw) if REPLACED in text else ESCAPE.sub("", text)


def _guess_text(raw: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        # In Latin 1 a letter with an accent stands among plain ones; in Chinese bytes are in pairs.
        if encoding == "utf-8" or PAIRS.fullmatch(raw):
            with suppress(UnicodeDecodeError):
                return raw.decode(encoding)
    return raw.decode("latin-1")
