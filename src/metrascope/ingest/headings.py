"""Headings of the private lists in the language of the run; those of either language are read.

The lists beside the secret are read and filled in by people. Tables of the data set itself keep
their English names: programs read them, wherever the data set is taken.
"""

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from metrascope.messages import LANGUAGES, text

_EARLIER: Final[Mapping[str, str]] = {"rows": "表格行数", "files": "文件数", "images": "图像数"}
"""Headings of lists that were written before the present ones: such a list is still ours."""


def headings(names: Sequence[str], lang: str | None = None) -> list[str]:
    """Return the headings of columns, by their names in the message table."""
    return [text(f"headings.{name}", lang) for name in names]


def heading_names(
    header: Sequence[str], names: Sequence[str], required: Collection[str]
) -> list[str]:
    """Return which column each cell of a header names.

    Parameters
    ----------
    header
        As a person has saved it.
    names
        Columns that the list has.
    required
        Those by which the language of the header is told: a column that a person has added may
        have the name that one of ours has in the other language.

    Returns
    -------
    A name for each cell, ``""`` where it is a person's own column.
    """
    found = [_names_in(header, names, lang) for lang in LANGUAGES]
    for one in found:
        if set(required) <= set(one):
            return one
    return [next(filter(None, cells), "") for cells in zip(*found, strict=True)]


def _names_in(header: Sequence[str], names: Sequence[str], lang: str) -> list[str]:
    words = {_plain(word): name for name, word in zip(names, headings(names, lang), strict=True)}
    if lang == "zh" and not {*map(_plain, headings(list(_EARLIER), lang))} & {*map(_plain, header)}:
        words |= {word: name for name, word in _EARLIER.items() if name in names}
    # The first cell of a name is ours: what a person adds is written after it.
    return [words.pop(_plain(cell), "") for cell in header]


def _plain(cell: str) -> str:
    return "".join(unicodedata.normalize("NFKC", cell).casefold().split())
