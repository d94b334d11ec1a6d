"""The images of a study, as they were when it began, and whether they still are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import pandas as pd

from metrascope.dataset.csv_table import read_table
from metrascope.dataset.manifest import Manifest
from metrascope.dataset.split import split_units
from metrascope.errors import DataError
from metrascope.files.atomic import sha256
from metrascope.files.csv_file import write_frame
from metrascope.messages import listing, text

TRAITS: Final = ("scanner", "centre", "age", "plane", "lesion_mm", "marks")
# Columns that a network is trained with. The outline of a lesion is none: it may be drawn later.
_COMPARED: Final = ("sha256", "sector_sha256", "roi", "patient_id", "label")
_HASHED: Final = {"image": "sha256", "sector": "sector_sha256"}
# Files hashed at a time: reading waits for the disk. Chosen, not measured.
_THREADS: Final = 4
_SHOWN_CHANGES: Final = 5  # in an error; the others are counted


def write_images(manifest: Manifest, study: Path) -> None:
    """Write ``images.csv``: every image of the study, in the order in which it is trained with.

    Columns ``image, sha256, sector_sha256, roi, patient_id, patient_group, label``, ``""`` where
    the manifest has none, which `select_study_images` compares; then those of `TRAITS` that
    the manifest has, which the summary needs where the data set is not at hand.
    """
    table = manifest.table[["image"]].join(_current(manifest))
    traits = [name for name in TRAITS if name in manifest.table]
    write_frame(study / "images.csv", table.join(manifest.table[traits]))


def select_study_images(manifest: Manifest, study: Path, began: str) -> Manifest:
    """Return the images of a data set that a study was begun with, in the study's order.

    Images or columns that the data set has gained since, and the order of its rows, make no
    difference; the outline of a lesion neither, which no network is trained with.

    Parameters
    ----------
    manifest
        Manifest of the data set as it is.
    study
        Folder of the study.
    began
        SHA-256 of the manifest when the study began: the one that is returned has it, so that
        what is written next says the same.

    Raises
    ------
    DataError
        If an image of the study is gone, or its file, scan sector, patient or label is another,
        or its patients are grouped otherwise: the first ones are named.
    """
    recorded = _read_images(study)
    if recorded is None:  # begun before hashes were kept: there is nothing to compare but the file
        if manifest.digest == began:
            return manifest
        raise _change_error(manifest, study, [text("data.changed_manifest")])
    rows = pd.Series(range(len(manifest.table)), index=manifest.table["image"])
    gone = [name for name in recorded["image"] if name not in rows]
    if gone:
        raise _change_error(
            manifest, study, [text("data.changed_gone", image=name) for name in gone]
        )
    table = manifest.table.iloc[rows[recorded["image"]].to_numpy()]
    selected = replace(manifest, table=table, digest=began)
    changes = list(_changes(recorded, _current(selected).reset_index(drop=True)))
    if changes:
        raise _change_error(manifest, study, changes)
    return selected


def shared_with(manifest: Manifest, study: Path) -> list[str]:
    """Return the images of a data set whose file a study has too, whatever their names."""
    recorded = _read_images(study)
    if recorded is None:
        return []
    hashes = set(recorded["sha256"])
    images = zip(manifest.table["image"], _hashes(manifest, "image"), strict=True)
    return [name for name, digest in images if digest in hashes]


def _read_images(study: Path) -> pd.DataFrame | None:
    """Return ``images.csv``, None where it is absent or of a version that kept no hashes."""
    path = study / "images.csv"
    if not path.is_file():
        return None
    recorded = read_table(path, ("image",)).reset_index(drop=True)
    return recorded if {*_COMPARED, "patient_group"} <= set(recorded) else None


def _current(manifest: Manifest) -> pd.DataFrame:
    """Return the compared columns of every image, as they are now: see `write_images`."""
    table = manifest.table
    columns = {column: _hashes(manifest, name) for name, column in _HASHED.items()}
    columns["roi"] = [value.replace(" ", "") for value in _column(table, "roi")]
    for name in ("patient_id", "patient_group", "label"):
        columns[name] = _column(table, name)
    return pd.DataFrame(columns, index=table.index)


def _column(table: pd.DataFrame, name: str) -> list[str]:
    return list(table[name]) if name in table else [""] * len(table)


def _hashes(manifest: Manifest, column: str) -> list[str]:
    """Return the SHA-256 of the files of a column, ``""`` where a row has none."""
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(
            threads.map(lambda name: _hash(manifest, name), _column(manifest.table, column))
        )


def _hash(manifest: Manifest, name: str) -> str:
    if not name:
        return ""
    path = manifest.file(name)
    try:
        return sha256(path)
    except OSError as error:
        raise DataError("table.unreadable", path=path, reason=error.strerror or error) from error


def _changes(recorded: pd.DataFrame, now: pd.DataFrame) -> Iterator[str]:
    """Yield a sentence for each change, image by image, then for groups of patients."""
    for column in _COMPARED:
        key = f"data.changed_{'file' if column == 'sha256' else column}"
        for image, before, after in zip(
            recorded["image"], recorded[column], now[column], strict=True
        ):
            if before != after:
                yield text(key, image=image, before=before or "–", after=after or "–")
    if (recorded["patient_id"] == now["patient_id"]).all():
        before, after = _groups(recorded), _groups(now)
        for patient in sorted(before):
            if before[patient] != after[patient]:
                members = {"before": ", ".join(before[patient]), "after": ", ".join(after[patient])}
                yield text("data.changed_group", patient=patient, **members)


def _groups(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the patients of each one's group, whatever the group is called."""
    members: dict[str, set[str]] = {}
    for unit, patient in zip(split_units(table), table["patient_id"], strict=True):
        members.setdefault(unit, set()).add(patient)
    return {patient: sorted(group) for group in members.values() for patient in group}


def _change_error(manifest: Manifest, study: Path, changes: list[str]) -> DataError:
    listed = listing(changes, shown=_SHOWN_CHANGES)
    return DataError(
        "data.not_of_study", path=manifest.root, study=study, count=len(changes), changes=listed
    )
