"""Read the rows of a CSV file strictly: a quotation mark too many must not swallow any.

A mark that opens a cell and is never closed makes one cell of all the rows after it, and one that
a later stray mark closes makes one cell of those between. Both look like a smaller table, and the
row that begins so would be read with a class from another row.
"""

import csv
import errno
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from metrascope.errors import DataError
from metrascope.messages import text

LARGEST_TABLE: Final = 1 << 30
"""Bytes of a table of ours: one of five million images has 600 MB."""
MOST_COLUMNS: Final = 16_384
"""As many as a sheet of Excel has."""
# As Excel saves them: UTF-8 with or without its mark, what Chinese Windows calls ANSI, and
# "Unicode text".
_ENCODINGS: Final = ("utf-8-sig", "gb18030")
_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
SEPARATORS: Final = (",", "\t", ";", "|")
"""In the order in which they are preferred where a table does not tell."""


def read_file(path: Path, most: int) -> bytes:
    """Return the content of a file of at most so many bytes.

    Raises
    ------
    OSError
        If it cannot be read, is larger, or no file: a pipe would be waited for.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(errno.EINVAL, "not a regular file")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"{size >> 20} MiB > {most >> 20} MiB")
        return file.read()


def reading_reason(error: OSError) -> str:
    """Return why a table cannot be read; Excel and WPS keep others from one that they show."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return text("table.denied", reason=error.strerror)
    return error.strerror or str(error)


def decoded(content: bytes) -> str | None:
    """Return the text of a file with every line ended by one sign; None where it is no text."""
    for encoding in ("utf-16",) if content.startswith(_UTF_16) else _ENCODINGS:
        try:
            words = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in words:
            return words.replace("\r\n", "\n").replace("\r", "\n")
    return None


def find_separator(content: str, required: Sequence[str]) -> str:
    """Return the sign between the cells of a table of which some columns are known.

    Excel writes semicolons where a comma is the country's decimal sign, and tabs into "Unicode
    text".

    Parameters
    ----------
    content
        Of the file, with Unix line ends.
    required
        Columns that the first filled line should name: the sign counts by which it names most.
    """
    header = next((line for line in text_lines(content) if line.strip(" \t\n,;|")), "")

    def named(sign: str) -> int:
        try:
            cells = next(csv.reader([header], delimiter=sign), [])
        except csv.Error:  # it is said where the whole table is read
            return 0
        return len({*required} & {cell.strip() for cell in cells})

    return max(SEPARATORS, key=named)


def separator_name(separator: str) -> str:
    """Return a separator as a sentence shows it."""
    return "Tab" if separator == "\t" else separator


def csv_rows(path: Path, content: str, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that hold anything, each with its number in a spreadsheet, from 1.

    Parameters
    ----------
    path
        Of the file, for errors.
    content
        Of the file, with Unix line ends.
    separator
        Between cells.

    Raises
    ------
    DataError
        If a quotation mark is never closed or text follows one that closes a cell, if a cell of
        several lines looks like rows of the table (known when all rows have been yielded), or if
        a row has more cells, or a cell more signs, than any spreadsheet.
    """
    reader = csv.reader(text_lines(content), delimiter=separator, strict=True)
    number, line, several = 0, 0, []
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _fault(path, number + 1, error) from error
        if row is None:
            break
        number += 1
        if len(row) > MOST_COLUMNS:
            raise DataError(
                "table.many_columns", path=path, row=number, found=len(row), most=MOST_COLUMNS
            )
        if reader.line_num > line + 1:
            several.append((number, row))
        line = reader.line_num
        if any(row):
            yield number, row
    if several:
        _check_swallowed(path, content, separator, several)


def text_lines(content: str) -> Iterator[str]:
    """Yield lines as ``io.StringIO`` does, which would take four bytes for every sign."""
    start = 0
    while (end := content.find("\n", start)) >= 0:
        yield content[start : end + 1]
        start = end + 1
    if start < len(content):
        yield content[start:]


def _fault(path: Path, row: int, error: csv.Error) -> DataError:
    reason = str(error)
    if "unexpected end" in reason:
        return DataError("table.unclosed", path=path, row=row)
    if "expected after" in reason:
        return DataError("table.stray_quote", path=path, row=row)
    if "field limit" in reason:
        return DataError("table.long_cell", path=path, row=row, most=csv.field_size_limit())
    return DataError("table.unreadable", path=path, reason=reason)


def _check_swallowed(
    path: Path, content: str, separator: str, several: Sequence[tuple[int, list[str]]]
) -> None:
    """Refuse a cell of several lines that are rows by their separators and by how they begin."""
    widths: Counter[int] = Counter()
    shapes: set[str] = set()
    for row in csv.reader(text_lines(content), delimiter=separator):
        if any(row):
            widths[len(row)] += 1
            shapes.add(_shape(row[0]))
    width = max(widths, key=lambda found: (widths[found], found))
    for number, row in several:
        for column, cell in enumerate(row):
            lines = [line for line in cell.split("\n") if line]
            if len(lines) > 1 and _are_rows(lines, row, column, separator, width, shapes):
                raise DataError("table.swallowed", path=path, row=number, count=len(lines) - 1)


def _are_rows(
    lines: Sequence[str],
    row: Sequence[str],
    column: int,
    separator: str,
    width: int,
    shapes: set[str],
) -> bool:
    """Whether the lines of a cell are the rest of a row, whole rows and the start of one.

    ``column`` is the cell's place in ``row``, ``width`` what the rows of the table have, and
    ``shapes`` are those of their first cells. A text of several lines has commas as well, but
    seldom as many in each line as the table, and its lines do not begin with something like a
    number of a patient.
    """
    first, *middle, last = [line.count(separator) for line in lines]
    after = len(row) - 1 - column
    if first != width - 1 - column or last != width - 1 - after or set(middle) - {width - 1}:
        return False
    begun = lines if column == 0 else lines[1:]
    return width > 1 and all(_shape(line.split(separator)[0]) in shapes for line in begun)


def _shape(cell: str) -> str:
    """Return a cell with a sign for each run of digits, Latin letters and other letters."""
    cell = re.sub(r"\d+", "9", cell.strip())
    return re.sub(r"[^\W\d_A-Za-z]+", "\u5b57", re.sub(r"[A-Za-z]+", "a", cell))
