"""The partition of each image, as a split states it, right or wrong."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from metrascope.dataset.csv_table import read_table
from metrascope.dataset.split import Split
from metrascope.errors import DataError

_COLUMNS: Final = ("row", "fold", "partition")


@dataclass(frozen=True)
class Gaps:
    """Patients or images that a split and a manifest do not both have.

    Attributes
    ----------
    column
        ``patient_id`` or ``image``, whichever the split places.
    absent
        Names in the manifest without a partition in some fold of the split.
    unknown
        Names in the split that are not in the manifest.
    """

    column: str
    absent: tuple[str, ...]
    unknown: tuple[str, ...]

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return bool(self.absent or self.unknown)


def read_partitions(path: Path, images: pd.DataFrame) -> pd.DataFrame:
    """Read a split without insisting that it is a sound one: that is to be found out.

    Parameters
    ----------
    path
        Table with columns ``partition``, and ``patient_id`` or ``image`` (then each image is placed
        by itself); ``fold`` where there are several.
    images
        Table of the manifest.

    Returns
    -------
    Table with columns ``row`` (position in the manifest's table), ``fold`` (int) and
    ``partition``; an image has a row for every partition that it is put in.

    Raises
    ------
    DataError
        If it is no such table, or names no image of the manifest.
    """
    table, key = _read(path)
    placed = _placed(table, key, images)
    if placed.empty:
        raise DataError("audit.split_foreign", path=path, column=key)
    return placed


def find_gaps(path: Path, images: pd.DataFrame) -> Gaps:
    """Find out whom a split leaves without a partition, and whom it names that are not there.

    Whoever is excluded from a fold has a place in it.

    Raises
    ------
    DataError
        If it is no such table.
    """
    table, key = _read(path)
    everyone = set(images[key])
    placed = table[table["partition"] != ""]
    absent: set[str] = set()
    for _, names in placed.groupby("fold")[key]:
        absent |= everyone - set(names)
    return Gaps(key, tuple(sorted(absent)), tuple(sorted(set(table[key]) - everyone)))


def split_partitions(split: Split, images: pd.DataFrame) -> pd.DataFrame:
    """Return the partitions of a split that is in memory, as `read_partitions` does."""
    return _placed(split.table, "patient_id", images)


def _read(path: Path) -> tuple[pd.DataFrame, str]:
    """Return a split's table and the column that it places."""
    if not path.is_file():
        raise DataError("split.no_file", path=path)
    table = read_table(path, ("partition",))
    key = next((name for name in ("image", "patient_id") if name in table), None)
    if key is None:
        found = ", ".join(table.columns)
        raise DataError("audit.split_columns", path=path, found=found)
    table["fold"] = _folds(path, table)
    if key == "patient_id":
        table[key] = [unicodedata.normalize("NFKC", name) for name in table[key]]
    return table, key


def _folds(path: Path, table: pd.DataFrame) -> "pd.Series[int]":
    if "fold" not in table:
        return pd.Series(0, index=table.index)
    wrong = table.index[~table["fold"].str.isdecimal()]
    if len(wrong):
        found = table["fold"][wrong[0]]
        raise DataError("audit.split_fold", path=path, row=wrong[0], found=found)
    return table["fold"].astype(int)


def _placed(table: pd.DataFrame, key: str, images: pd.DataFrame) -> pd.DataFrame:
    rows = pd.DataFrame({key: images[key].to_numpy(), "row": range(len(images))})
    placed = rows.merge(table[[key, "fold", "partition"]].drop_duplicates(), on=key)
    # Whoever is excluded from a fold is on neither side of it.
    placed = placed[~placed["partition"].isin(["", "excluded"])].sort_values(
        ["fold", "row", "partition"]
    )
    return placed[list(_COLUMNS)].reset_index(drop=True)
