"""Merge patients whose images are one into groups that a split must keep together."""

from collections.abc import Iterable, Sequence

import pandas as pd

from metrascope.audit.pairs import DuplicatePair
from metrascope.dataset.manifest import Manifest, write_manifest
from metrascope.dataset.patient_groups import write_group_file
from metrascope.errors import DataError
from metrascope.files.atomic import sha256

COLUMN = "patient_group"


def patient_groups(table: pd.DataFrame, pairs: Iterable[DuplicatePair]) -> "pd.Series[str]":
    """Return the group of every image: patients joined by pairs, and by groups already known.

    Parameters
    ----------
    table
        Table of a manifest. Groups in its column ``patient_group`` stay together.
    pairs
        Duplicates.

    Returns
    -------
    Name of each row's group: the first of its patients in alphabetical order.
    """
    patients = [f"patient {name}" for name in table["patient_id"]]
    parents = {name: name for name in patients}
    if COLUMN in table:
        for patient, group in zip(patients, table[COLUMN], strict=True):
            if group:
                parents.setdefault(f"group {group}", f"group {group}")
                _join(parents, patient, f"group {group}")
    for pair in pairs:
        _join(parents, patients[pair.first], patients[pair.second])
    members: dict[str, str] = {}
    for patient in sorted(set(patients)):
        members.setdefault(_root(parents, patient), patient.removeprefix("patient "))
    names = [members[_root(parents, patient)] for patient in patients]
    return pd.Series(names, index=table.index, name=COLUMN, dtype=str)


def write_groups(manifest: Manifest, groups: Sequence[str]) -> bool:
    """Write the groups to ``groups.csv`` and to the manifest's column ``patient_group``.

    The first is what every later ingest respects, the second what all other commands read.

    Returns
    -------
    Whether the manifest changed: the same groups are not written again.

    Raises
    ------
    DataError
        If the manifest has changed since it was read: its new rows were not looked at.
    """
    path = manifest.root / "manifest.csv"
    if not path.is_file() or sha256(path) != manifest.digest:
        raise DataError("audit.manifest_changed", path=path)
    table = manifest.table.copy()
    table[COLUMN] = list(groups)
    rows = zip(table["image"], table["patient_id"], table[COLUMN], strict=True)
    write_group_file(rows, manifest.root)
    if COLUMN in manifest.table and (manifest.table[COLUMN] == table[COLUMN]).all():
        return False
    write_manifest(table, path)
    return True


def _root(parents: dict[str, str], name: str) -> str:
    while parents[name] != name:
        parents[name] = parents[parents[name]]
        name = parents[name]
    return name


def _join(parents: dict[str, str], first: str, second: str) -> None:
    parents[_root(parents, second)] = _root(parents, first)
