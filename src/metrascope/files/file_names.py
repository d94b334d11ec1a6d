"""Names of files that are made of names of other people's: a network's, a class's."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from typing import Final

# What a name of a file may not hold on Windows, or steers a terminal; a folder's sign above all.
_UNFIT: Final = re.compile(r'[<>:"/\\|?*]|[^\S ]')
_UNFIT_KINDS: Final = ("Cc", "Cf", "Cs", "Co", "Cn")
# Windows takes these for devices, whatever stands after the first dot.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(?:\.|$)", re.I)
_ENDING: Final = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_LONGEST: Final = 120
"""Bytes: a system has 255, of which an ending and a temporary name take their part."""
# Digits of a name's SHA-256 that are added to it: more only where names are still equal.
_DIGITS: Final = (0, 8, 16, 64)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a name of a file, without ending, for each name.

    Returns
    -------
    No two are one file, on a system that does not tell capitals either. A name that may stand as
    it is does so, Chinese as well; others have what is not fit replaced and end with a part of
    their hash, so that the same name gives the same file beside whatever others.
    """
    hashed = dict.fromkeys(names, 0)
    for name in hashed:
        hashed[name] = int(_fit(name) != name)
    while True:
        found = {name: _with_hash(name, _DIGITS[level]) for name, level in hashed.items()}
        counts = Counter(file.casefold() for file in found.values())
        twice = [name for name, file in found.items() if counts[file.casefold()] > 1]
        if not twice:
            return found
        for name in twice:
            hashed[name] += 1


def picture_name(path: str, unique: str) -> str:
    """Return a name of a file, without ending, for a picture that is made of another file.

    Parameters
    ----------
    path
        Of the other file, ``/`` between folders. Its letters stay, Chinese as well, in NFC; of a
        long one the end.
    unique
        What tells it from all others: a part of its hash is in the name.

    Returns
    -------
    At most 131 bytes in UTF-8, fit for Windows, macOS and Linux.
    """
    stem = unicodedata.normalize("NFC", _ENDING.sub("", path))
    kept = stem.encode("utf-8", "replace")[-_LONGEST:].decode("utf-8", "ignore")
    digits = hashlib.sha256(unique.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{_fit(kept.lstrip('./ _'))}-{digits}"


def _with_hash(name: str, digits: int) -> str:
    if not digits:
        return name
    unique = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:digits]
    return f"{_fit(name)}-{unique}"


def _fit(name: str) -> str:
    """Return a name with what no system takes as a file's replaced."""
    name = unicodedata.normalize("NFC", name)
    name = "".join("_" if unicodedata.category(sign) in _UNFIT_KINDS else sign for sign in name)
    name = _UNFIT.sub("_", name).strip(". ")
    name = name.encode()[:_LONGEST].decode("utf-8", "ignore").rstrip(". ") or "_"
    return f"_{name}" if _DEVICES.match(name) else name
