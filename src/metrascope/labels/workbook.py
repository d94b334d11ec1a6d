"""Sheets of an Excel workbook as rows of text, with memory in proportion to what is in them."""

import datetime
import io
import re
import warnings
import zipfile
from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from metrascope.errors import DataError, MissingExtraError
from metrascope.files.cells import bare
from metrascope.labels.strikethrough import crossed_out, marked_inline, marked_runs, struck_styles

MOST_CELLS: Final = 10_000_000
"""Cells of a table, which take up to a gigabyte as text."""
# Columns that are read. Chosen, not measured.
_MOST_COLUMNS: Final = 512
# Bytes of the unpacked sheets: a workbook may be a bomb. Chosen, not measured.
_LARGEST: Final = 96 << 20
# Excel and WPS keep 15 digits of a number and write zeros for the others.
_KEPT_DIGITS: Final = 15
_BLANK: Final = "".join(map(chr, (*range(33), 0x85, 0xA0, 0x200B, 0x3000, 0xFEFF)))
# Soft hyphens, marks of direction and joiners, which come along with what is pasted.
_UNSEEN: Final = dict.fromkeys(
    (0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF)
)
_NOTED: Final = re.compile(
    rb"<(?:\w+:)?(?:f[\s/>]|mergeCell\s|strike[\s/>])|\shidden=|\s(?:ht|width)=\"0\""
)
_YES: Final = ("1", "true")
_ESCAPED: Final = re.compile("_x(000[0-9A-F]|005F)_", re.IGNORECASE)

SheetRows = dict[int, list[str]]
Place = tuple[int, int]
"""Row and column, both from 1."""


@dataclass(frozen=True)
class SheetCells:
    """The cells of one sheet.

    Attributes
    ----------
    name
        The sheet's name.
    rows
        Those that hold anything, by their number.
    uncalculated
        Formulas whose result is not stored; their cells are empty.
    dates
        Cells that hold a date or a time.
    hidden_rows, hidden_columns
        Their numbers, from 1: hidden by hand, by a filter or in a group that is closed.
    """

    name: str
    rows: SheetRows
    uncalculated: frozenset[Place] = frozenset()
    dates: frozenset[Place] = frozenset()
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()


@dataclass
class _Notes:
    """What openpyxl does not tell of a sheet that it reads cell by cell."""

    merged: list[tuple[int, int, int, int]] = field(default_factory=list)
    literal: dict[Place, str] = field(default_factory=dict)
    uncalculated: set[Place] = field(default_factory=set)
    inline: dict[Place, str] = field(default_factory=dict)
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)


def read_workbook(path: Path, content: bytes) -> list[SheetCells]:
    """Return the visible sheets of a workbook.

    Parameters
    ----------
    path
        Of the file, for errors.
    content
        Of the file.

    Returns
    -------
    Cells as text: whole numbers without the ``.0`` that Excel adds, with the leading zeros that a
    number format shows; numbers of more digits than Excel keeps with an exponent; dates in ISO
    8601; the text of merged cells in each of them; errors as Excel shows them (``#N/A``); what is
    struck out between marks (``~~polyp~~``).

    Raises
    ------
    DataError
        If it is damaged or too large.
    MissingExtraError
        If openpyxl is not installed.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("labels.no_openpyxl", path=path, extra="ingest") from error
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
        if sum(part.file_size for part in parts) > _LARGEST:
            raise DataError("table.unreadable", path=path, reason=f"> {_LARGEST >> 20} MiB")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Read-only, for otherwise an object is made of every cell of every merged block: a
            # file of 1.5 kB whose columns are merged took gigabytes.
            book = openpyxl.load_workbook(
                io.BytesIO(content), read_only=True, data_only=True, rich_text=True
            )
            shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
            crossed = struck_styles(book)
            return [_sheet(path, book, sheet, crossed) for sheet in shown]
    except DataError:
        raise
    except Exception as error:  # of a damaged workbook openpyxl raises almost anything
        raise DataError("labels.bad_workbook", path=path, reason=type(error).__name__) from error


def tidy(cell: str) -> str:
    """Return a cell as it looks: without spaces around it, without signs that nobody sees.

    Those that keep zeros in Excel go as well.
    """
    cell = bare(cell.translate(_UNSEEN).strip(_BLANK))
    formula = re.fullmatch(r'="(.*)"', cell)
    cell = formula[1] if formula else cell
    return re.sub(r"^'(?=\d)", "", cell).strip(_BLANK)


def _sheet(path: Path, book: Any, sheet: Any, crossed: Collection[int]) -> SheetCells:
    notes = _notes(book._archive.read(sheet._worksheet_path))
    sheet.reset_dimensions()  # what a file says of its size may be wrong, and cells be left out
    rows: SheetRows = {}
    dates = set()
    count = 0
    for number, row in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS), start=1):
        filled = [cell for cell in row if cell.value is not None]
        if not filled:
            continue
        count += len(filled)
        if count > MOST_CELLS:
            raise DataError("labels.too_many_cells", path=path, most=MOST_CELLS)
        cells = [""] * filled[-1].column
        for cell in filled:
            shown = notes.inline.get((number, cell.column)) or _cell_text(cell)
            cells[cell.column - 1] = crossed_out(shown) if cell._style_id in crossed else shown
            if isinstance(cell.value, datetime.date | datetime.time):
                dates.add((number, cell.column))
        rows[number] = cells
    for (row, column), value in notes.literal.items():
        _put(rows.setdefault(row, []), column, tidy(value))
    for row, _ in notes.uncalculated:
        rows.setdefault(row, [])  # it is there, though nothing else may be in it
    _spread(path, rows, notes.merged, count)
    return SheetCells(
        sheet.title,
        dict(sorted(rows.items())),
        frozenset(notes.uncalculated),
        frozenset(dates),
        frozenset(notes.hidden_rows),
        frozenset(notes.hidden_columns),
    )


def _spread(
    path: Path, rows: SheetRows, merged: list[tuple[int, int, int, int]], count: int
) -> None:
    """Write the content of merged blocks into their cells, in the rows that there are."""
    numbers = sorted(rows)
    for left, top, right, bottom in merged:
        origin = rows.get(top, [])
        value = origin[left - 1] if left <= len(origin) else ""
        right = min(right, _MOST_COLUMNS)
        if not value:
            continue
        for number in numbers[bisect_left(numbers, top) : bisect_right(numbers, bottom)]:
            count += right - left + 1
            if count > MOST_CELLS:
                raise DataError("labels.too_many_cells", path=path, most=MOST_CELLS)
            for column in range(left, right + 1):
                _put(rows[number], column, value)


def _put(cells: list[str], column: int, value: str) -> None:
    cells.extend([""] * (column - len(cells)))
    cells[column - 1] = value


def _notes(source: bytes) -> _Notes:
    """Return the merged blocks of a sheet's XML, and the formulas without a stored result."""
    notes = _Notes()
    if not _NOTED.search(source):
        return notes
    row = column = 0
    # openpyxl reads the same with the same parser, which bounds what entities grow to.
    found = ElementTree.iterparse(io.BytesIO(source), ("start", "end"))  # noqa: S314
    for event, element in found:
        name = element.tag.rpartition("}")[2]
        if event == "start":
            if name == "row":
                row, column = int(float(element.get("r", row + 1))), 0
                if _is_hidden(element, "ht"):
                    notes.hidden_rows.add(row)
            continue
        if name == "col" and _is_hidden(element, "width"):
            last = min(int(element.get("max", 0)), _MOST_COLUMNS)
            notes.hidden_columns.update(range(int(element.get("min", 1)), last + 1))
        elif name == "mergeCell":
            notes.merged.append(_block(element.get("ref", "")))
        elif name == "c":
            place = element.get("r")
            row, column = _place(place) if place else (row, column + 1)
            _note_formula(notes, element, (row, column))
            crossed = marked_inline(element)
            if crossed is not None:
                notes.inline[row, column] = tidy(crossed)
        if name in ("row", "mergeCell"):
            element.clear()
    return notes


def _is_hidden(element: ElementTree.Element, size: str) -> bool:
    """Tell whether a row or column is not shown: by hand, by a filter, or drawn to nothing."""
    return element.get("hidden") in _YES or element.get(size) in ("0", "0.0")


def _note_formula(notes: _Notes, cell: ElementTree.Element, place: Place) -> None:
    parts = {part.tag.rpartition("}")[2]: part.text or "" for part in cell}
    # An empty text is a result as well: of =IF(A2="","",A2), say.
    if "f" not in parts or parts.get("v") or (cell.get("t") == "str" and "v" in parts):
        return
    literal = re.fullmatch(r'"((?:[^"]|"")*)"', parts["f"].strip())
    if literal:  # ="0042", which keeps the zeros
        notes.literal[place] = literal[1].replace('""', '"')
    else:
        notes.uncalculated.add(place)


def _block(reference: str) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a reference such as ``A2:B7``."""
    first, _, last = reference.partition(":")
    top, left = _place(first)
    bottom, right = _place(last or first)
    return left, top, right, bottom


def _place(reference: str) -> Place:
    found = re.fullmatch(r"\$?([A-Za-z]{1,3})\$?(\d{1,7})", reference)
    if not found:
        raise ValueError(reference)
    column = 0
    for letter in found[1].upper():
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]), column


def _cell_text(cell: Any) -> str:
    value = cell.value
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, str(cell.number_format))
    words = marked_runs(value) if isinstance(value, list) else str(value)
    # Signs that XML cannot hold are written like this, such as the returns of other programs.
    return tidy(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), words))


def _number(value: float, number_format: str) -> str:
    if value != int(value):
        return repr(value)
    whole = str(int(value))
    if len(whole.lstrip("-")) > _KEPT_DIGITS and (
        isinstance(value, float) or not whole[_KEPT_DIGITS:].strip("0")
    ):
        return f"{value:.{_KEPT_DIGITS - 1}E}"
    # 00000000, or "US"0000: what is shown is the number that people know.
    shown = re.fullmatch(r'(?:"([^"]*)")?(0+)(?:"([^"]*)")?', number_format)
    if shown is None or value < 0:
        return whole
    before, zeros, after = (part or "" for part in shown.groups())
    return f"{before}{int(value):0{len(zeros)}d}{after}"
