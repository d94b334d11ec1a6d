"""Read the table of pathology results as text: CSV or Excel, as hospitals write them."""

import csv
import datetime
import io
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from metrascope.atomic import read_start
from metrascope.cells import bare
from metrascope.errors import DataError, MissingExtraError
from metrascope.ingest.columns import looks_like_header
from metrascope.ingest.content import HEAD, IMAGES, kind_of
from metrascope.messages import listing, text

_ENCODINGS: Final = ("utf-8-sig", "gb18030")
_SEPARATORS: Final = ",\t;|"
_HEADER_WITHIN: Final = 20
_LARGEST: Final = 256 << 20
_MOST_CELLS: Final = 10_000_000
_MOST_MERGED: Final = 100_000
_LARGEST_WORKBOOK: Final = 96 << 20
_BLANK: Final = "".join(map(chr, (*range(33), 0x85, 0xA0, 0x200B, 0x3000, 0xFEFF)))
_MOST_COLUMNS: Final = 512
_EXCEL: Final = b"PK\x03\x04"
_PDF: Final = b"%PDF"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0"


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
    """

    name: str
    header: tuple[str, ...]
    rows: Mapping[int, tuple[str, ...]]


def read_sheet(path: Path, named: Mapping[str, str]) -> Sheet:
    """Read a table: its header need not be the first row, nor its sheet the first one.

    Parameters
    ----------
    path
        CSV (commas, semicolons or tabs; UTF-8, UTF-16 or GB18030) or Excel's .xlsx.
    named
        Role to name of a column, where the user has said so.

    Returns
    -------
    Of a workbook, the sheet whose header speaks for most roles. Cells are text without spaces
    around it: whole numbers without the ``.0`` that Excel adds, with the leading zeros that a
    number format shows; dates in ISO 8601; the text of merged cells in each of them.

    Raises
    ------
    DataError
        If the file cannot be read, is no table or has no rows, a row of CSV has more cells than
        the header, or two sheets could be meant.
    MissingExtraError
        If the file is .xlsx and openpyxl is not installed.
    """
    content = _content(path)
    if content.startswith(_EXCEL):
        return _fullest(path, list(_workbook(path, content, named)), named)
    if content.startswith(_OLD_EXCEL):
        raise DataError("labels.old_excel", path=path)
    kind = "pdf" if content.startswith(_PDF) else kind_of(content[:HEAD])
    if kind == "pdf" or kind in IMAGES:
        raise DataError("labels.no_table", path=path, kind=kind.upper())
    lines = _lines(path, content)
    sheet = _sheet("", lines, named)
    wide = [
        text("table.width", row=number, found=len(cells), expected=len(sheet.header))
        for number, cells in lines.items()
        if number in sheet.rows and any(cells[len(sheet.header) :])
    ]
    if wide:
        raise DataError("data.problems", path=path, count=len(wide), problems=listing(wide))
    if not sheet.rows:
        raise DataError("data.no_rows", path=path)
    return sheet


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = read_start(file, _LARGEST + 1)
    except OSError as error:
        reason = error.strerror or error
        raise DataError("labels.unreadable", path=path, reason=reason) from error
    if not content.strip():
        raise DataError("labels.empty_table", path=path)
    if len(content) > _LARGEST:
        raise DataError("table.unreadable", path=path, reason=f"> {_LARGEST >> 20} MiB")
    return content


def _lines(path: Path, content: bytes) -> dict[int, list[str]]:
    decoded = _decoded(path, content).replace("\r\n", "\n").replace("\r", "\n")
    start = "\n".join(decoded.split("\n", _HEADER_WITHIN)[:_HEADER_WITHIN])
    separator = max(_SEPARATORS, key=start.count)  # the comma where there is none
    try:
        reader = csv.reader(io.StringIO(decoded), delimiter=separator)
        lines = [[_tidy(cell) for cell in row] for row in reader]
    except csv.Error as error:
        raise DataError("table.unreadable", path=path, reason=error) from error
    return dict(enumerate(lines, start=1))


def _decoded(path: Path, content: bytes) -> str:
    starts = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    for encoding in ("utf-16",) if starts else _ENCODINGS:
        try:
            decoded = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in decoded:
            return decoded
    raise DataError("table.encoding", path=path)


def _sheet(name: str, lines: Mapping[int, list[str]], named: Mapping[str, str]) -> Sheet:
    """Take the row that speaks for most roles as the header: titles may stand above it."""
    filled = [number for number, cells in lines.items() if any(cells)]
    first = filled[:_HEADER_WITHIN]
    if not first:
        return Sheet(name, (), {})
    head = max(first, key=lambda number: looks_like_header(lines[number], named))
    header = list(lines[head])
    while header and not header[-1]:
        header.pop()
    width = len(header)
    rows = {
        number: tuple((lines[number] + [""] * width)[:width]) for number in filled if number > head
    }
    return Sheet(name, tuple(header), {n: cells for n, cells in rows.items() if any(cells)})


def _fullest(path: Path, sheets: list[Sheet], named: Mapping[str, str]) -> Sheet:
    sheets = [sheet for sheet in sheets if sheet.rows]
    if not sheets:
        raise DataError("data.no_rows", path=path)
    scores = [looks_like_header(sheet.header, named) for sheet in sheets]
    best = [sheet for sheet, score in zip(sheets, scores, strict=True) if score == max(scores)]
    if len(best) > 1:
        names = ", ".join(sheet.name for sheet in best)
        raise DataError("labels.several_sheets", path=path, sheets=names)
    return best[0]


def _workbook(path: Path, content: bytes, named: Mapping[str, str]) -> Iterator[Sheet]:
    try:
        import openpyxl
    except ImportError as error:
        raise MissingExtraError("labels.no_openpyxl", path=path) from error
    try:
        parts = zipfile.ZipFile(io.BytesIO(content)).infolist()
        if sum(part.file_size for part in parts) > _LARGEST_WORKBOOK:
            reason = f"> {_LARGEST_WORKBOOK >> 20} MiB"
            raise DataError("table.unreadable", path=path, reason=reason)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Not read-only: that mode knows nothing of merged cells.
            book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                yield _sheet(sheet.title, _cells(sheet), named)
    except DataError:
        raise
    except Exception as error:  # of a damaged workbook openpyxl raises almost anything
        raise DataError("labels.bad_workbook", path=path, reason=type(error).__name__) from error


def _cells(sheet: Any) -> dict[int, list[str]]:
    width = min(sheet.max_column, _MOST_COLUMNS)
    if sheet.max_row * width > _MOST_CELLS:
        raise ValueError(f"{sheet.max_row} x {width} cells")
    for block in list(sheet.merged_cells.ranges):
        if block.size["rows"] * block.size["columns"] <= _MOST_MERGED:
            _spread(sheet, block)
    rows = sheet.iter_rows(max_col=width)
    return {number: [_shown(cell) for cell in row] for number, row in enumerate(rows, start=1)}


def _spread(sheet: Any, block: Any) -> None:
    """Write the content of a merged block into each of its cells."""
    origin = sheet.cell(block.min_row, block.min_col)
    value, number_format = origin.value, origin.number_format
    sheet.unmerge_cells(block.coord)
    for row in sheet[block.coord]:
        for cell in row:
            cell.value, cell.number_format = value, number_format


def _shown(cell: Any) -> str:
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(" ", "seconds")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, str(cell.number_format))
    return _tidy(str(value))


def _number(value: float, number_format: str) -> str:
    if value != int(value):
        return repr(value)
    zeros = number_format if re.fullmatch("0+", number_format) else ""
    return f"{int(value):0{len(zeros)}d}" if zeros else str(int(value))


def _tidy(cell: str) -> str:
    """Return a cell without spaces around it and without the signs that keep zeros in Excel."""
    cell = bare(cell.strip(_BLANK))
    formula = re.fullmatch(r'="(.*)"', cell)
    cell = formula[1] if formula else cell
    return re.sub(r"^'(?=\d)", "", cell).strip(_BLANK)
