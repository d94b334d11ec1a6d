"""How wide the columns of a Word table must be, so that no number breaks inside its cell.

Word breaks a line after an en dash, in the middle of an interval. What the letters need is
therefore estimated, from the widths of Times, and a table that is too wide for a page puts its
intervals under their numbers, then goes onto a page turned by 90°.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

POINT: Final = 2.54 / 72  # cm
PADDING: Final = 0.12  # cm on either side of a cell
_SMALLER: Final = 0.88  # letters of an interval under its number
_BOLD: Final = 1.06
_SAFETY: Final = 1.04
_WIDEST_WORD: Final = 2.6  # cm; a longer one may break
_CHINESE_RUN: Final = 4  # characters that are kept together
_ESTIMATE: Final = re.compile(r"(\S+) (\([−\d.]+(?:–|, )[−\d.∞]+\))")


@dataclass(frozen=True)
class ColumnLayout:
    """How a table is laid out.

    Attributes
    ----------
    stacked
        Whether intervals stand under their numbers.
    turned
        Whether it needs a page turned by 90°.
    widths
        Of the columns in cm.
    """

    stacked: bool
    turned: bool
    widths: tuple[float, ...]


def lay_out_columns(
    heads: Sequence[Sequence[str]],
    rows: Sequence[Sequence[str]],
    size: float,
    upright: float,
    turned: float,
) -> ColumnLayout:
    """Return the first layout that fits: plain, with intervals under their numbers, turned.

    Parameters
    ----------
    heads
        Rows of headings, the last of which counts: those above it span.
    rows
        Rows of cells.
    size
        Of the letters in points.
    upright, turned
        Width of the text of the two kinds of pages in cm.
    """
    tried = ((False, upright), (True, upright), (False, turned), (True, turned))
    for stacked, room in tried:
        least = _least(heads[-1], rows, size, stacked=stacked)
        if sum(least) <= room or (stacked, room) == tried[-1]:
            break
    wanted = _wanted(heads[-1], rows, size, least)
    return ColumnLayout(stacked, room == turned, _shared(least, wanted, room))


def parted(cell: str) -> tuple[str, str]:
    """Take a number and its interval apart; the second is empty where there is none."""
    found = _ESTIMATE.fullmatch(cell)
    return (found[1], found[2]) if found else (cell, "")


def _least(
    heads: Sequence[str], rows: Sequence[Sequence[str]], size: float, *, stacked: bool
) -> list[float]:
    """Return the width of what may not break, column by column."""
    needed = []
    for at, head in enumerate(heads):
        words = [_BOLD * _width(word, size) for word in _words(head)]
        for row in rows:
            number, ends = parted(row[at])
            if not ends:
                words += [min(_width(word, size), _WIDEST_WORD) for word in _words(number)]
            elif stacked:
                words += [_width(number, size), _width(ends, size * _SMALLER)]
            else:
                words.append(_width(row[at], size))
        needed.append(max(words, default=0) * _SAFETY + 2 * PADDING)
    return needed


def _wanted(
    heads: Sequence[str], rows: Sequence[Sequence[str]], size: float, least: Sequence[float]
) -> list[float]:
    """Return the width at which no label would break."""
    return [
        max(low, *(_width(row[at], size) * _SAFETY + 2 * PADDING for row in [heads, *rows]))
        for at, low in enumerate(least)
    ]


def _shared(least: Sequence[float], wanted: Sequence[float], room: float) -> tuple[float, ...]:
    """Give what room is left to the columns that want it, then to all alike."""
    left = room - sum(least)
    if left <= 0:
        return tuple(width * room / sum(least) for width in least)
    asked = [more - low for more, low in zip(wanted, least, strict=True)]
    given = min(1.0, left / sum(asked)) if sum(asked) else 0.0
    widths = [low + given * more for low, more in zip(least, asked, strict=True)]
    return tuple(width * room / sum(widths) for width in widths)


def _words(content: str) -> list[str]:
    """Return the pieces between which a line may break."""
    pieces = []
    for word in content.split():
        if any(_is_wide(sign) for sign in word):
            runs = re.findall(r"[\x00-\u2fff]+|[^\x00-\u2fff]+", word)
            pieces += [run[:_CHINESE_RUN] if _is_wide(run[0]) else run for run in runs]
        else:
            pieces.append(word)
    return pieces


def _width(content: str, size: float) -> float:
    """Return the width of letters of a size in points, in cm."""
    return sum(map(_letter, content)) * size * POINT


def _letter(sign: str) -> float:
    """Return the width of a character in ems, as Times has it or a little more."""
    if _is_wide(sign):
        return 1.0
    if sign in " .,:;'|ijlt()[]-/I":
        return 0.34
    if sign in "mwMWG@%":
        return 0.86
    return 0.68 if sign.isupper() else 0.52


def _is_wide(sign: str) -> bool:
    return unicodedata.east_asian_width(sign) in "WF"
