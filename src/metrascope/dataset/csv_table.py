"""Read a table that a person or a spreadsheet wrote, strictly: nothing is guessed or dropped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd

from metrascope.errors import DataError
from metrascope.files.cells import bare
from metrascope.files.csv_rows import (
    LARGEST_TABLE,
    csv_rows,
    decoded,
    find_separator,
    read_file,
    reading_reason,
    separator_name,
)
from metrascope.messages import listing, text

# How Excel's files begin, .xlsx and .xls, by whatever name they are called.
WORKBOOKS: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


def read_table(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """Read a table of CSV, with whatever separator and encoding a spreadsheet has saved it.

    Parameters
    ----------
    path
        File in UTF-8, with or without byte order mark, UTF-16 or GB18030, which Chinese
        spreadsheets write; cells between commas, semicolons, tabs or bars.
    required
        Columns that must be there.

    Returns
    -------
    Table in which every cell is a string without spaces around it, ``""`` where empty; the index is
    the row as a spreadsheet shows it, the header being row 1. Blank rows are left out.

    Raises
    ------
    DataError
        If the file cannot be read, is a workbook, has other separators or a quotation mark that
        swallows rows, lacks a column or has one twice, has rows of another width than the header,
        or no row.
    """
    content = _content(path)
    separator = find_separator(content, required)
    tidied = (
        (number, [bare(cell.strip()) for cell in row])
        for number, row in csv_rows(path, content, separator)
    )
    rows = {number: row for number, row in tidied if any(row)}
    if not rows:
        raise DataError("table.empty", path=path, required=", ".join(required))
    header = rows.pop(min(rows))
    _check_header(path, header, required)
    sign = separator_name(separator)
    problems = [
        text("table.width", row=number, found=len(row), expected=len(header), sign=sign)
        for number, row in rows.items()
        if len(row) != len(header)
    ]
    if problems:
        raise DataError("data.problems", path=path, count=len(problems), problems=listing(problems))
    if not rows:
        raise DataError("data.no_rows", path=path)
    return pd.DataFrame(list(rows.values()), columns=header, index=list(rows), dtype=str)


def _content(path: Path) -> str:
    try:
        written = read_file(path, LARGEST_TABLE)
    except OSError as error:
        raise DataError("table.unreadable", path=path, reason=reading_reason(error)) from error
    if written.startswith(WORKBOOKS):
        raise DataError("table.workbook", path=path)
    content = decoded(written)
    if content is None:
        raise DataError("table.encoding", path=path)
    return content


def _check_header(path: Path, header: Sequence[str], required: Sequence[str]) -> None:
    found = ", ".join(header)
    missing = ", ".join(name for name in required if name not in header)
    if missing and len(header) == 1 and any(sign in header[0] for sign in ";\t|，；"):
        raise DataError("table.separator", path=path, found=found)
    if missing:
        needed = ", ".join(required)
        raise DataError(
            "table.missing_columns", path=path, missing=missing, found=found, required=needed
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError("table.twice", path=path, columns=", ".join(twice))
