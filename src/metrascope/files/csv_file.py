"""CSV files as we write them: with a byte order mark, whole or absent, safe in a spreadsheet."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from metrascope.files.atomic import replacing
from metrascope.files.cells import guarded

if TYPE_CHECKING:
    import pandas as pd

BYTE_ORDER_MARK: Final = "\ufeff"
"""Begins every file: without it Excel takes UTF-8 for the code page of the country."""


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as they come, atomically.

    Parameters
    ----------
    path
        The file to write.
    header
        Names of the columns.
    rows
        Cells, as many as the header has; text that begins like a formula is guarded.
    """
    with _opened(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(map(guarded, header))
        writer.writerows(map(guarded, row) for row in rows)


def write_frame(path: Path, table: "pd.DataFrame", decimals: int | None = None) -> None:
    """Write a table without its index, atomically.

    Parameters
    ----------
    path
        The file to write.
    table
        Text that begins like a formula is guarded, in cells and in names of columns.
    decimals
        Places of every number that is no integer; by default as many as it takes to read the
        same number back.
    """
    with _opened(path) as file:
        guarded_frame(table).to_csv(
            file,
            index=False,
            float_format=None if decimals is None else f"%.{decimals}f",
            lineterminator="\n",
        )


def guarded_frame(table: "pd.DataFrame") -> "pd.DataFrame":
    """Return a table whose text is guarded, in cells and in names of columns."""
    columns = [
        values if values.dtype.kind in "iufb" else values.map(guarded)
        for _, values in table.items()
    ]
    safe = table.set_axis(range(len(columns)), axis=1)
    for place, values in enumerate(columns):
        safe[place] = values
    return safe.set_axis([guarded(name) for name in table.columns], axis=1)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        file.write(BYTE_ORDER_MARK)
        yield file
