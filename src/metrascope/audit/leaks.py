"""Patients or images in several partitions of a fold: the test then knows what was learned."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from metrascope.audit.groups import COLUMN
from metrascope.audit.pairs import DuplicatePair
from metrascope.dataset.manifest import Manifest

LeakReason = Literal["patient", "group", "file", "pixels", "near"]


@dataclass(frozen=True)
class Leak:
    """One patient, group or picture in several partitions of a fold.

    Attributes
    ----------
    fold
        Number of the fold.
    reason
        What the partitions share: a ``patient``, a ``group`` (recorded in the manifest), a
        ``file``, its ``pixels``, or the speckle (``near``).
    unit
        Name of the patient or the group; of a pair those of the two patients.
    partitions
        Names of the partitions, in alphabetical order.
    images
        One image in each of these partitions.
    """

    fold: int
    reason: LeakReason
    unit: str
    partitions: tuple[str, ...]
    images: tuple[str, ...]


def find_leaks(
    manifest: Manifest, partitions: pd.DataFrame, pairs: Sequence[DuplicatePair]
) -> list[Leak]:
    """Find patients, groups and pictures in several partitions of a fold.

    Parameters
    ----------
    manifest
        Manifest of the images; its column ``patient_group``, if there, counts.
    partitions
        Table of `metrascope.audit.partitions.read_partitions`.
    pairs
        Duplicates of the data set.
    """
    leaks = []
    for fold, placed in partitions.groupby("fold"):
        where = by_row(placed)
        leaks += _shared(manifest, int(str(fold)), where)
        leaks += _paired(manifest, int(str(fold)), where, pairs)
    return leaks


def by_row(placed: pd.DataFrame) -> dict[int, set[str]]:
    """Return the partitions of each image of a fold, by its position in the manifest's table."""
    where: dict[int, set[str]] = {}
    for row, partition in zip(placed["row"].tolist(), placed["partition"].tolist(), strict=True):
        where.setdefault(row, set()).add(partition)
    return where


def _shared(manifest: Manifest, fold: int, where: dict[int, set[str]]) -> list[Leak]:
    """Find patients, and groups of several patients, in more than one partition."""
    table = manifest.table
    leaks = []
    spread: set[str] = set()
    columns: tuple[tuple[str, LeakReason], ...] = (("patient_id", "patient"), (COLUMN, "group"))
    for column, reason in columns:
        if column not in table:
            continue
        members: dict[str, list[int]] = {}
        for row in where:
            members.setdefault(str(table[column].iat[row]), []).append(row)
        for unit, rows in members.items():
            examples = _examples(manifest, rows, where)
            alone = {str(table["patient_id"].iat[row]) for row in rows} <= spread
            if unit and len(examples) > 1 and not alone:
                leaks.append(Leak(fold, reason, unit, tuple(examples), tuple(examples.values())))
                spread |= {unit} if reason == "patient" else set()
    return leaks


def _examples(
    manifest: Manifest, rows: Sequence[int], where: dict[int, set[str]]
) -> dict[str, str]:
    """Return the first image in each partition, by partition."""
    examples: dict[str, str] = {}
    for row in rows:
        for partition in where[row]:
            examples.setdefault(partition, str(manifest.table["image"].iat[row]))
    return dict(sorted(examples.items()))


def _paired(
    manifest: Manifest, fold: int, where: dict[int, set[str]], pairs: Sequence[DuplicatePair]
) -> list[Leak]:
    table = manifest.table
    leaks = []
    for pair in pairs:
        rows = [row for row in (pair.first, pair.second) if row in where]
        partitions = sorted(set().union(*(where[row] for row in rows)))
        patients = dict.fromkeys(str(table["patient_id"].iat[row]) for row in rows)
        if len(patients) < 2 or len(partitions) < 2:
            continue  # one patient in several partitions is told of as such
        images = tuple(str(table["image"].iat[row]) for row in rows)
        leaks.append(Leak(fold, pair.kind, " + ".join(patients), tuple(partitions), images))
    return leaks
