"""What people have decided about images: one cell a line, in a file that every ingest respects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.files.csv_file import write_table
from metrascope.messages import listing, text

DECISIONS_FILE: Final = "decisions.csv"
ROW: Final = "image"
"""Column of a decision about the whole row; its value is `TAKEN_OUT` or `ADDED`."""
TAKEN_OUT: Final = "taken out"
ADDED: Final = "added"
_COLUMNS: Final = ("image", "column", "value", "instead_of", "by")


@dataclass(frozen=True)
class CellDecision:
    """What a cell of the manifest holds because a person said so.

    Attributes
    ----------
    value
        What it holds.
    instead_of
        What ingest itself would write.
    by
        Where it was decided: ``manifest.csv``, or what the person wrote here.
    """

    value: str
    instead_of: str = ""
    by: str = ""


CellDecisions = Mapping[tuple[str, str], CellDecision]
"""By image and column."""


def read_cell_decisions(path: Path) -> dict[tuple[str, str], CellDecision]:
    """Return the decisions of a file; none where there is no such file.

    Raises
    ------
    DataError
        If it is no such table, or decides one cell twice.
    """
    if not path.exists():
        return {}
    try:
        table = read_table(path, _COLUMNS[:3])
    except DataError as error:
        if error.key != "data.no_rows":
            raise
        return {}
    found: dict[tuple[str, str], CellDecision] = {}
    problems = []
    for row, cells in zip(table.index, table.to_dict("records"), strict=True):
        cell = (cells["image"], cells["column"])
        decision = CellDecision(cells["value"], cells.get("instead_of", ""), cells.get("by", ""))
        if found.setdefault(cell, decision).value != decision.value:
            problems.append(text("decided.twice", row=row, image=cell[0], column=cell[1]))
        if cell[1] == ROW and decision.value not in (TAKEN_OUT, ADDED):
            problems.append(text("decided.no_row_word", row=row, value=decision.value))
    if problems:
        raise DataError("data.problems", path=path, count=len(problems), problems=listing(problems))
    return found


def write_cell_decisions(decisions: CellDecisions, path: Path) -> None:
    """Write decisions, sorted, atomically; without any, no file is made."""
    if decisions or path.exists():
        rows = (
            (image, column, each.value, each.instead_of, each.by)
            for (image, column), each in sorted(decisions.items(), key=lambda item: item[0])
        )
        write_table(path, _COLUMNS, rows)


def removed_images(decisions: CellDecisions) -> frozenset[str]:
    """Return the images whose rows a person has deleted."""
    return _with(decisions, TAKEN_OUT)


def added_rows(decisions: CellDecisions) -> list[dict[str, str]]:
    """Return the rows that a person has added, by image."""
    images = sorted(_with(decisions, ADDED))
    rows: dict[str, dict[str, str]] = {image: {ROW: image} for image in images}
    for (image, column), each in decisions.items():
        if image in rows and column != ROW:
            rows[image][column] = each.value
    return list(rows.values())


def _with(decisions: CellDecisions, value: str) -> frozenset[str]:
    cells: Iterable[tuple[tuple[str, str], CellDecision]] = decisions.items()
    return frozenset(
        image for (image, column), each in cells if column == ROW and each.value == value
    )
