"""Identifiers of an image, written one way so that a spreadsheet and a file can be compared."""

import re
import unicodedata
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from metrascope.dicom.placeholders import is_placeholder

__all__ = [
    "Keys",
    "chinese_first",
    "endings",
    "identifier_spellings",
    "is_chinese",
    "is_placeholder",
    "names_differ",
    "numbers_differ",
    "parts",
    "without_zeros",
]

_MASKED: Final = re.compile(r"[*#某]|先生|女士")
_EXTENSION: Final = re.compile(r"\.(?:dcm|dicom|ima|png|jpe?g|bmp|tiff?|avi|mp4|zip)$")
_LEAST_PART: Final = 4  # signs of a word that may be an identifier; shorter ones number things


@dataclass(frozen=True)
class Keys:
    """Identifiers in a file's path and header; ``""`` where unknown.

    Attributes
    ----------
    file_name
        Relative path, as of a `~metrascope.sources.search.Source`.
    accession, patient_id, name, study_uid, sop_uid
        From the header: (0008,0050), (0010,0020), (0010,0010) with its ``^`` and ``=``,
        (0020,000D), (0008,0018).
    birth_date
        From the header, as in ``1980-03-01``; no row is found by it.
    """

    file_name: str = ""
    accession: str = ""
    patient_id: str = ""
    name: str = ""
    study_uid: str = ""
    sop_uid: str = ""
    birth_date: str = ""

    def written(self, role: str) -> frozenset[str]:
        """Return the spellings of a key, for comparison; empty if it says nothing."""
        value: str = getattr(self, role)
        return identifier_spellings(role, value)


@lru_cache(1 << 16)  # each number is asked for many times, of the files of one woman
def identifier_spellings(role: str, value: str) -> frozenset[str]:
    """Return the forms in which an identifier of a role is compared.

    Two identifiers are the same if they have a form in common. Case, width and spaces do not
    count, nor do the order of the parts of a Latin name or the ``.0`` that a spreadsheet adds
    to a number. Placeholders (`is_placeholder`) and masked names (张*) have no form.
    """
    if not value:
        return frozenset()
    plain = " ".join(unicodedata.normalize("NFKC", value).casefold().split()).strip("\0 ")
    # Files are numbered from 0, and some are truly named "test".
    simple = role == "file_name" and re.fullmatch("[a-z0-9]+", plain)
    if is_placeholder(plain) and not simple:
        return frozenset()
    if role == "file_name":
        return frozenset({_path(plain)})
    if role == "name":
        return frozenset(_names(plain))
    if role in ("sop_uid", "study_uid"):
        return frozenset({plain})
    plain = re.sub(r"^(\d+)\.0+$", r"\1", plain)
    return frozenset({re.sub(r"\s", "", plain)})


def without_zeros(form: str) -> str:
    """Return an identifier without the leading zeros that spreadsheets lose."""
    return form.lstrip("0") if form.isdigit() else form


def numbers_differ(first: AbstractSet[str], second: AbstractSet[str]) -> bool:
    """Tell whether two sets of forms are both known and have no number in common."""
    zeroless = [set(map(without_zeros, forms)) for forms in (first, second)]
    return all(zeroless) and zeroless[0].isdisjoint(zeroless[1])


def names_differ(first: AbstractSet[str], second: AbstractSet[str]) -> bool:
    """Tell whether two sets of forms of names can be compared and are names of different people.

    王丽 and Wang Li cannot be compared. Latin names are spelled in many ways (Wang Xiulan, WANG
    XIU-LAN, Xiulan W): they differ if they have neither a word nor all their letters in common.
    """
    chinese, other = (set(filter(is_chinese, forms)) for forms in (first, second))
    if chinese and other:
        return chinese.isdisjoint(other)
    latin = [forms - set(filter(is_chinese, forms)) for forms in (first, second)]
    if not all(latin):
        return False
    words, letters = [], []
    for forms in latin:
        words.append({word for form in forms for word in form.split() if len(word) > 1})
        letters.append({"".join(sorted(re.sub(r"[\W_]", "", form))) for form in forms})
    return words[0].isdisjoint(words[1]) and letters[0].isdisjoint(letters[1])


def chinese_first(forms: AbstractSet[str]) -> str:
    """Return one of several forms, always the same: the Chinese name where there is one."""
    return min(forms, key=lambda form: (not is_chinese(form), form))


def endings(path: str) -> Iterator[str]:
    """Yield a path, as `identifier_spellings`, and what is left of it without its first folders.

    Each with and without its extension, the longest first.
    """
    parts = path.split("/")
    for start in range(len(parts)):
        ending = "/".join(parts[start:])
        yield ending
        bare = _EXTENSION.sub("", ending)
        if bare != ending:
            yield bare


def parts(path: str) -> frozenset[str]:
    """Return the words of a path, as `identifier_spellings`, that may be identifiers.

    Folders and files are named after patients: ``20240312_张三_US123456/3.png``. Only words of
    four signs or more count (names in Chinese of two): shorter ones number things.
    """
    words: set[str] = set()
    for part in _EXTENSION.sub("", path).split("/"):
        bare = _EXTENSION.sub("", part.removesuffix("!"))
        words |= {bare, *re.split(r"[\s_\-+()\[\]【】,.]+", bare)}
    return frozenset(
        word for word in words if len(word) >= _LEAST_PART or re.fullmatch("[㐀-鿿·]{2,}", word)
    )


def _path(plain: str) -> str:
    path = plain.replace("\\", "/").replace("!/", "/")
    return re.sub(r"/+", "/", re.sub(r"^(?:\./)+", "", path)).strip("/")


def _names(plain: str) -> Iterator[str]:
    """Yield a form for each group of a DICOM name (PS3.5, 6.2.1): alphabetic, ideographic."""
    for group in plain.split("="):
        words = [word for word in re.split(r"[\s^,·]+", group) if word]
        joined = "".join(words)
        if not joined or _MASKED.search(joined) or is_placeholder(group):
            continue
        # In Chinese 张^三 is 张三; in Latin letters LI^AN must not become LIAN.
        yield joined if is_chinese(joined) else " ".join(sorted(words))


def is_chinese(name: str) -> bool:
    """Tell whether a name has any Chinese character."""
    return any("㐀" <= sign <= "鿿" for sign in name)
