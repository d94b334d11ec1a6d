"""Cells whose content a spreadsheet has lost, in the columns that decide about an image."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from metrascope.errors import DataError
from metrascope.labels.columns import KEYS, detect_columns
from metrascope.labels.workbook import Place

# Cells that a sentence names; the others are counted.
_SHOWN: Final = 5
_NUMBERS: Final = tuple(role for role in KEYS if role != "name")
# Excel and WPS write these where a formula fails, and number signs where a column is too narrow.
_ERROR: Final = re.compile(
    r"#(?:N/A|REF!|VALUE!|NAME\?|DIV/0!|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|#{2,})", re.IGNORECASE
)
# 202,312,010,457 as a CSV file of Excel has it, and in XLSX what is longer than it keeps.
_EXPONENT: Final = re.compile(r"\d(?:(?:[.,]\d+)?[Ee][+＋]|[.,]\d+[Ee])\d{1,3}")
# 3-12 as Excel makes a day of it.
_MONTHS: Final = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DAY: Final = re.compile(
    rf"\d{{1,2}}月\d{{1,2}}日|\d{{1,2}}-(?:{_MONTHS})|(?:{_MONTHS})-\d{{2}}", re.IGNORECASE
)


@dataclass(frozen=True)
class Grid:
    """A table as text.

    Attributes
    ----------
    head
        Number of the row that names the columns.
    header
        Names of the columns.
    rows
        Those after it, by number, as wide as the header.
    uncalculated, dates
        Cells of a workbook that are formulas without a stored result, and that are dates.
    """

    head: int
    header: Sequence[str]
    rows: Mapping[int, Sequence[str]]
    uncalculated: Collection[Place] = ()
    dates: Collection[Place] = ()


def check_sheet_cells(path: Path, grid: Grid, named: Mapping[str, str]) -> None:
    """Refuse a table that lacks what a person sees in it, or whose numbers are not whole.

    Parameters
    ----------
    path
        Of the table, for errors.
    grid
        The table.
    named
        Role to name of a column, where the user has said so.

    Raises
    ------
    DataError
        With the cells: formulas that were never calculated in a column of any role (of all
        columns where none has a role); errors in those of diagnoses and identifiers; numbers
        that lost digits, and days that were numbers, in those of identifiers.
    """
    roles = _roles(grid.header, named)
    used = {column for columns in roles.values() for column in columns}
    used = used or set(range(len(grid.header)))
    deciding = {column for role in ("label", *KEYS) for column in roles.get(role, ())}
    numbers = {column for role in _NUMBERS for column in roles.get(role, ())}
    formulas = [
        (row, column)
        for row, column in grid.uncalculated
        if row == grid.head or (row > grid.head and column - 1 in used)
    ]
    _refuse("formula", path, formulas)
    _refuse("error", path, _places(grid, deciding, _ERROR))
    _refuse("digits", path, _places(grid, numbers, _EXPONENT))
    days = [place for place in grid.dates if place[0] in grid.rows and place[1] - 1 in numbers]
    _refuse("day", path, days + _places(grid, numbers, _DAY))


def without_errors(cell: str) -> str:
    """Return a cell, empty where it shows that a formula failed."""
    return "" if cell.startswith("#") and _ERROR.fullmatch(cell) else cell


def _roles(header: Sequence[str], named: Mapping[str, str]) -> dict[str, list[int]]:
    roles = detect_columns(header)
    for role, names in named.items():
        wanted = {name.strip().casefold() for name in re.split("[,，]", names)}
        roles[role] = [n for n, name in enumerate(header) if name.casefold() in wanted - {""}]
    return roles


def _places(grid: Grid, columns: Collection[int], pattern: re.Pattern[str]) -> list[Place]:
    return [
        (number, column + 1)
        for number, cells in grid.rows.items()
        for column in columns
        if pattern.fullmatch(cells[column])
    ]


def _refuse(fault: str, path: Path, places: Sequence[Place]) -> None:
    if places:
        shown = [f"{_letters(column)}{row}" for row, column in sorted(places)[:_SHOWN]]
        more = f" … (+{len(places) - _SHOWN})" if len(places) > _SHOWN else ""
        raise DataError(f"labels.lost_{fault}", path=path, cells=", ".join(shown) + more)


def _letters(column: int) -> str:
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
