"""The images of a study: what each was when the study began, and whether it is that still."""

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
# What a network is trained with. The outline of a lesion is not: it may be drawn afterwards.
_COMPARED: Final = ("sha256", "sector_sha256", "roi", "patient_id", "label")
_HASHED: Final = {"image": "sha256", "sector": "sector_sha256"}
_THREADS: Final = 4
_SHOWN: Final = 5


def write_images(manifest: Manifest, study: Path) -> None:
    """Write ``images.csv``: every image of the study, in the order in which it is trained with.

    Columns ``image, sha256, sector_sha256, roi, patient_id, patient_group, label``, ``""`` where
    the manifest has none, which `select_study_images` compares; then those of `TRAITS` that
    the manifest has, which the summary needs where the data set is not at hand.
    """
    table = manifest.table[["image"]].join(_now(manifest))
    traits = [name for name in TRAITS if name in manifest.table]
    write_frame(study / "images.csv", table.join(manifest.table[traits]))


def select_study_images(manifest: Manifest, study: Path, began: str) -> Manifest:
    """Return the images of a data set that a study was begun with, in the study's order.

    What the data set has gained since, images or columns, and the order of its rows make no
    difference; the outline of a lesion neither, which no network is trained with.

    Parameters
    ----------
    manifest
        Of the data set as it is.
    study
        The study's folder.
    began
        SHA-256 of the manifest when the study began: the one that is returned has it, so that
        what is written next says the same.

    Raises
    ------
    DataError
        If an image of the study is gone, or its file, scan sector, patient or label is another,
        or its patients are grouped otherwise: the first ones are named.
    """
    known = _read_images(study)
    if known is None:  # begun before hashes were kept: there is nothing to compare but the file
        if manifest.digest == began:
            return manifest
        raise _differs(manifest, study, [text("data.changed_manifest")])
    rows = pd.Series(range(len(manifest.table)), index=manifest.table["image"])
    gone = [name for name in known["image"] if name not in rows]
    if gone:
        raise _differs(manifest, study, [text("data.changed_gone", image=name) for name in gone])
    table = manifest.table.iloc[rows[known["image"]].to_numpy()]
    found = replace(manifest, table=table, digest=began)
    changes = list(_changes(known, _now(found).reset_index(drop=True)))
    if changes:
        raise _differs(manifest, study, changes)
    return found


def shared_with(manifest: Manifest, study: Path) -> list[str]:
    """Return the images of a data set whose file a study has too, whatever their names."""
    known = _read_images(study)
    if known is None:
        return []
    hashes = set(known["sha256"])
    own = zip(manifest.table["image"], _hashes(manifest, "image"), strict=True)
    return [name for name, digest in own if digest in hashes]


def _read_images(study: Path) -> pd.DataFrame | None:
    """Return ``images.csv``, None where it is absent or of a version that kept no hashes."""
    path = study / "images.csv"
    if not path.is_file():
        return None
    known = read_table(path, ("image",)).reset_index(drop=True)
    return known if {*_COMPARED, "patient_group"} <= set(known) else None


def _now(manifest: Manifest) -> pd.DataFrame:
    """Return what is compared of every image: see `write_images`."""
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


def _changes(known: pd.DataFrame, now: pd.DataFrame) -> Iterator[str]:
    """Name what is another than it was, image by image, then groups of patients."""
    for column in _COMPARED:
        key = f"data.changed_{'file' if column == 'sha256' else column}"
        for image, before, after in zip(known["image"], known[column], now[column], strict=True):
            if before != after:
                yield text(key, image=image, before=before or "–", after=after or "–")
    if (known["patient_id"] == now["patient_id"]).all():
        before, after = _groups(known), _groups(now)
        for patient in sorted(before):
            if before[patient] != after[patient]:
                told = {"before": ", ".join(before[patient]), "after": ", ".join(after[patient])}
                yield text("data.changed_group", patient=patient, **told)


def _groups(table: pd.DataFrame) -> dict[str, list[str]]:
    """Return the patients of each one's group, whatever the group is called."""
    members: dict[str, set[str]] = {}
    for unit, patient in zip(split_units(table), table["patient_id"], strict=True):
        members.setdefault(unit, set()).add(patient)
    return {patient: sorted(group) for group in members.values() for patient in group}


def _differs(manifest: Manifest, study: Path, changes: list[str]) -> DataError:
    told = listing(changes, shown=_SHOWN)
    return DataError(
        "data.not_of_study", path=manifest.root, study=study, count=len(changes), changes=told
    )
