"""The flow of files and stills of an ingest, kept beside the manifest for the studies of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.files.csv_file import write_table

FLOW_FILE: Final = "flow.csv"
_COLUMNS: Final = ("step", "count", "reason", "left_out")


@dataclass(frozen=True)
class FlowStep:
    """A box of the flow diagram and what leaves it.

    Attributes
    ----------
    name
        Key of the box in the message table, ``evidence.step_…``.
    count
        Files or stills in the box.
    left_out
        Key of each reason and number that leave for it, the most frequent first; their sum and
        ``count`` of the next box make ``count`` of this one, but for ``stills``, where files
        become stills.
    """

    name: str
    count: int
    left_out: tuple[tuple[str, int], ...] = ()


def write_flow(steps: Iterable[FlowStep], data: Path) -> None:
    """Write ``flow.csv``, atomically: a row for each reason of a step, one for a step of none."""
    rows = [
        (step.name, step.count, reason, count)
        for step in steps
        for reason, count in step.left_out or (("", 0),)
    ]
    write_table(data / FLOW_FILE, _COLUMNS, rows)


def read_flow(data: Path) -> list[FlowStep]:
    """Return the flow of the ingest that has made a data set, empty where none has.

    Raises
    ------
    DataError
        If ``flow.csv`` is no such table.
    """
    path = data / FLOW_FILE
    if not path.is_file():
        return []
    table = read_table(path, _COLUMNS)
    steps: dict[str, FlowStep] = {}
    for row, name, count, reason, left in zip(
        table.index, *(table[column] for column in _COLUMNS), strict=True
    ):
        if not (count.isdecimal() and left.isdecimal()):
            raise DataError("evidence.bad_flow", path=path, row=row)
        step = steps.get(name, FlowStep(name, int(count)))
        added = ((reason, int(left)),) if reason else ()
        steps[name] = FlowStep(name, step.count, step.left_out + added)
    return list(steps.values())
