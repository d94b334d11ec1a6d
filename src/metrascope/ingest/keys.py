"""What an image is known by, written one way so that a spreadsheet and a file can be compared."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from metrascope.dicom.placeholders import is_placeholder

__all__ = ["Keys", "endings", "is_placeholder", "parts", "without_zeros", "written"]

_MASKED: Final = re.compile(r"[*#某]|先生|女士")
_EXTENSION: Final = re.compile(r"\.(?:dcm|dicom|ima|png|jpe?g|bmp|tiff?|avi|mp4|zip)$")
_LEAST_PART: Final = 4


@dataclass(frozen=True)
class Keys:
    """What a file says of itself; ``""`` where unknown.

    Attributes
    ----------
    file_name
        Relative path, as of a `~metrascope.ingest.sources.Source`.
    accession, patient_id, name, study_uid, sop_uid
        From the header: (0008,0050), (0010,0020), (0010,0010) with its ``^`` and ``=``,
        (0020,000D), (0008,0018).
    """

    file_name: str = ""
    accession: str = ""
    patient_id: str = ""
    name: str = ""
    study_uid: str = ""
    sop_uid: str = ""

    def written(self, role: str) -> frozenset[str]:
        """Return how a key may be written, for comparison; empty if it says nothing."""
        value: str = getattr(self, role)
        return written(role, value)


def written(role: str, value: str) -> frozenset[str]:
    """Return the forms in which an identifier of a role is compared.

    Two identifiers are the same if they have a form in common. Case, width and spaces do not
    count, nor do the order of the parts of a Latin name or the ``.0`` that a spreadsheet adds
    to a number. Placeholders (`is_placeholder`) and masked names (张*) have no form.
    """
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


def endings(path: str) -> Iterator[str]:
    """Yield a path, as `written`, and what is left of it without its first folders.

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
    """Return the words of a path, as `written`, that may be identifiers.

    Folders and files are named after patients: ``20240312_张三_US123456/3.png``. Only words of
    four signs or more count (names in Chinese of two): shorter ones number things.
    """
    found: set[str] = set()
    for part in _EXTENSION.sub("", path).split("/"):
        bare = _EXTENSION.sub("", part.removesuffix("!"))
        found |= {bare, *re.split(r"[\s_\-+()\[\]【】,.]+", bare)}
    return frozenset(
        word for word in found if len(word) >= _LEAST_PART or re.fullmatch("[㐀-鿿·]{2,}", word)
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
        chinese = any("㐀" <= sign <= "鿿" for sign in joined)
        yield joined if chinese else " ".join(sorted(words))
