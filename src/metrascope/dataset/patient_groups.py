"""The groups of patients that an audit has found, in a file of their own beside the manifest."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from metrascope.dataset.csv_table import read_table
from metrascope.files.csv_file import write_table

GROUPS_FILE: Final = "groups.csv"
_COLUMNS: Final = ("image", "patient_id", "patient_group")


def write_group_file(rows: Iterable[tuple[str, str, str]], data: Path) -> None:
    """Write image, patient and group of every image that was audited, atomically.

    Parameters
    ----------
    rows
        Image, patient and group.
    data
        Folder of the data set.
    """
    write_table(data / GROUPS_FILE, _COLUMNS, rows)


def read_group_file(data: Path) -> Mapping[str, tuple[str, str]]:
    """Return patient and group of each image that was audited; none where no audit wrote any.

    Raises
    ------
    DataError
        If the file is no such table.
    """
    path = data / GROUPS_FILE
    if not path.exists():
        return {}
    table = read_table(path, _COLUMNS)
    pairs = zip(table["patient_id"], table["patient_group"], strict=True)
    return dict(zip(table["image"], pairs, strict=True))
