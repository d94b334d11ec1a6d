"""Read the table of pathology results as text: CSV or Excel, as hospitals write them."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

from metrascope.errors import DataError
from metrascope.files.csv_rows import (
    SEPARATORS,
    csv_rows,
    decoded,
    read_file,
    reading_reason,
    separator_name,
    text_lines,
)
from metrascope.labels.cell_faults import Grid, check_sheet_cells, without_errors
from metrascope.labels.columns import count_header_roles, holds_results
from metrascope.labels.workbook import MOST_CELLS, SheetCells, SheetRows, read_workbook, tidy
from metrascope.messages import listing, text
from metrascope.sources.signatures import HEAD, IMAGES, file_kind

# What Chinese keyboards write for a separator, and typists between columns.
_FULL_WIDTH: Final = ("，", "；", "｜", "、", "\u3000", "  ")
_HEADER_WITHIN: Final = 20
_SAMPLE: Final = 200
"""Lines from which the separator is told."""
# Bytes of a table. Chosen, not measured.
_LARGEST: Final = 256 << 20
_EXCEL: Final = b"PK\x03\x04"
_PDF: Final = b"%PDF"
# Hospital systems export tables of HTML or XML under the name .xls, which Excel opens.
_WEB_PAGES: Final = (b"<html", b"<!doctype", b"<table", b"<?xml", b"<meta", b"<head")
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"
_ENCRYPTED: Final = "EncryptedPackage".encode("utf-16-le")
"""Name of the stream in which a workbook with a password lies (MS-OFFCRYPTO, 2.3.4.4)."""


@dataclass(frozen=True)
class Sheet:
    """A table as text.

    Attributes
    ----------
    name
        Of the sheet in a workbook, ``""`` for CSV.
    header
        Names of the columns.
    rows
        Number of a row, as the spreadsheet shows it, to its cells, as many as the header has.
    hidden_rows, hidden_columns
        Numbers of rows and names of columns that a workbook has and does not show.
    """

    name: str
    header: tuple[str, ...]
    rows: Mapping[int, tuple[str, ...]]
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: tuple[str, ...] = ()


def read_sheet(path: Path, named: Mapping[str, str]) -> Sheet:
    """Read a table: its header need not be the first row, nor its sheet the first one.

    Parameters
    ----------
    path
        CSV (commas, semicolons, tabs or bars; UTF-8, UTF-16 or GB18030) or Excel's .xlsx.
    named
        Role to name of a column, where the user has said so.

    Returns
    -------
    Of a workbook, the sheet whose header speaks for most roles. Cells are text without spaces
    around it, as `read_workbook` has them; what shows that a formula failed is empty where it
    decides nothing.

    Raises
    ------
    DataError
        If the file cannot be read, is no table or has no rows, a row of CSV has more cells than
        the header or a quotation mark that swallows others, its separators are full-width, two
        sheets could be meant, or cells that decide lack what the spreadsheet showed
        (`check_sheet_cells`).
    MissingExtraError
        If the file is .xlsx and openpyxl is not installed.
    """
    content = _content(path)
    if content.startswith(_EXCEL):
        sheets = [(one, _grid(one, named)) for one in read_workbook(path, content)]
        chosen, grid = _fullest(path, sheets, named)
    else:
        chosen = SheetCells("", _csv(path, content, named))
        grid = _grid(chosen, named)
    check_sheet_cells(path, grid, named)
    if not grid.rows:
        raise DataError("data.no_rows", path=path)
    rows = {number: tuple(map(without_errors, cells)) for number, cells in grid.rows.items()}
    hidden = (name for n, name in enumerate(grid.header, 1) if n in chosen.hidden_columns)
    return Sheet(
        chosen.name, tuple(grid.header), rows, chosen.hidden_rows & rows.keys(), tuple(hidden)
    )


def _content(path: Path) -> bytes:
    try:
        content = read_file(path, _LARGEST)
    except OSError as error:
        raise DataError("labels.unreadable", path=path, reason=reading_reason(error)) from error
    if not content.strip():
        raise DataError("labels.empty_table", path=path)
    if content.startswith(_OLD_EXCEL) and _ENCRYPTED in content:
        raise DataError("labels.encrypted", path=path)
    if content.startswith(_OLD_EXCEL):
        raise DataError("labels.old_excel", path=path)
    kind = "pdf" if content.startswith(_PDF) else file_kind(content[:HEAD])
    if content[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_WEB_PAGES):
        kind = "html"
    if kind in ("pdf", "html") or kind in IMAGES:
        raise DataError("labels.no_table", path=path, kind=kind.upper())
    return content


def _csv(path: Path, content: bytes, named: Mapping[str, str]) -> SheetRows:
    """Return the rows of a CSV file, none of which is wider than the header."""
    words = decoded(content)
    if words is None:
        raise DataError("table.encoding", path=path)
    separator = _separator(words, named)
    rows: SheetRows = {}
    count = 0
    for number, row in csv_rows(path, words, separator):
        rows[number] = [tidy(cell) for cell in row]
        count += len(row)
        if count > MOST_CELLS:
            raise DataError("labels.too_many_cells", path=path, most=MOST_CELLS)
    grid = _grid(SheetCells("", rows), named)
    width = len(grid.header)
    _refuse_full_width(path, grid.header, named)
    sign = separator_name(separator)
    wide = [
        text("table.width", row=number, found=len(rows[number]), expected=width, sign=sign)
        for number in grid.rows
        if any(rows[number][width:])
    ]
    if wide:
        raise DataError("data.problems", path=path, count=len(wide), problems=listing(wide))
    return rows


def _refuse_full_width(path: Path, header: Sequence[str], named: Mapping[str, str]) -> None:
    """Refuse a table whose columns are one, for want of a separator that programs know."""
    if len(header) != 1:
        return
    for sign in _FULL_WIDTH:
        columns = header[0].split(sign)
        if len(columns) > 1 and count_header_roles(columns, named) > 1:
            raise DataError("labels.full_width", path=path, sign=sign, found=header[0])


def _separator(words: str, named: Mapping[str, str]) -> str:
    """Choose the separator whose header speaks for most roles, and whose rows fit it best.

    How often a sign occurs does not tell: a diagnosis is full of commas and semicolons.
    """
    lines = list(islice(text_lines(words), _SAMPLE))

    def fit(separator: str) -> tuple[int, float]:
        try:
            rows = list(csv.reader(lines, delimiter=separator))
        except csv.Error:  # it is said where the whole table is read
            return 0, 0.0
        rows = [[tidy(cell) for cell in row] for row in rows if any(row)]
        scores = [count_header_roles(row, named) for row in rows[:_HEADER_WITHIN]]
        head = scores.index(max(scores)) if scores else 0
        width = len(rows[head]) if rows else 0
        same = sum(len(row) == width for row in rows[head:])
        return max(scores, default=0), same / len(rows[head:]) if width > 1 else 0.0

    return max(SEPARATORS, key=fit)


def _grid(sheet: SheetCells, named: Mapping[str, str]) -> Grid:
    """Take the row that speaks for most roles as the header: titles may stand above it."""
    filled = [number for number, cells in sheet.rows.items() if any(cells)]
    first = filled[:_HEADER_WITHIN]
    if not first:
        return Grid(0, (), {}, sheet.uncalculated)
    head = max(first, key=lambda number: count_header_roles(sheet.rows[number], named))
    header = list(sheet.rows[head])
    while header and not header[-1]:
        header.pop()
    width = len(header)
    cut = {n: (sheet.rows[n] + [""] * width)[:width] for n in filled if n > head}
    rows = {number: cells for number, cells in cut.items() if any(cells)}
    return Grid(head, header, rows, sheet.uncalculated, sheet.dates)


def _fullest(
    path: Path, sheets: Sequence[tuple[SheetCells, Grid]], named: Mapping[str, str]
) -> tuple[SheetCells, Grid]:
    """Return the sheet that has diagnoses, and of these the one that speaks for most roles."""
    sheets = [pair for pair in sheets if pair[1].rows or pair[1].uncalculated]
    if not sheets:
        raise DataError("data.no_rows", path=path)
    scores = [
        (holds_results(grid.header, named), count_header_roles(grid.header, named))
        for _, grid in sheets
    ]
    best = [pair for pair, score in zip(sheets, scores, strict=True) if score == max(scores)]
    if len(best) > 1:
        names = ", ".join(sheet.name for sheet, _ in best)
        raise DataError("labels.several_sheets", path=path, sheets=names)
    return best[0]
