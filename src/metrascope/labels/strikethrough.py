"""Text that is struck out in a workbook: it was taken back, and must not count as written."""

from collections.abc import Iterable
from typing import Any, Final
from xml.etree import ElementTree

STRUCK: Final = "~~"
"""Stands before and after what is struck out, as in Markdown."""


def crossed_out(words: str) -> str:
    """Return a text that is struck out as a whole between marks."""
    return f"{STRUCK}{words.replace(STRUCK, '')}{STRUCK}" if words else ""


def struck_styles(book: Any) -> frozenset[int]:
    """Return the numbers of a workbook's cell styles whose font is struck out.

    Parameters
    ----------
    book
        An openpyxl workbook.
    """
    fonts = book._fonts
    return frozenset(
        number for number, style in enumerate(book._cell_styles) if fonts[style.fontId].strike
    )


def marked_runs(value: Any) -> str:
    """Return rich text, as openpyxl reads it, with `STRUCK` around what is struck out of it."""
    runs = (
        (run, False) if isinstance(run, str) else (run.text, bool(run.font and run.font.strike))
        for run in value
    )
    return _joined(runs)


def marked_inline(cell: ElementTree.Element) -> str | None:
    """Return the text of a cell that holds it itself, None where nothing of it is struck out."""
    runs = []
    for run in cell.iter():
        if _name(run) != "r":
            continue
        words = "".join(part.text or "" for part in run if _name(part) == "t")
        strikes = [part for part in run.iter() if _name(part) == "strike"]
        runs.append((words, any(part.get("val", "1") not in ("0", "false") for part in strikes)))
    return _joined(runs) if any(struck for _, struck in runs) else None


def _joined(runs: Iterable[tuple[str, bool]]) -> str:
    return "".join(crossed_out(words) if struck else words for words, struck in runs)


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]
