"""The partition of each patient: the table, and the paper's hold-out.

Everything is by patient and stratified by label; `metrascope.dataset.designs` has the other
designs.
"""

import hashlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.files.atomic import write_json
from metrascope.files.csv_file import write_frame

PAPER_PARTITIONS: Final = {
    "normal": (379, 43),
    "fibroid": (215, 23),
    "polyp": (572, 59),
}
"""The study's patients in training and validation (paper, Data)."""

PARTITIONS: Final = ("train", "validation", "test", "excluded")
"""Excluded are patients of whom a fold makes no use, because either side would be unsound."""
_COLUMNS: Final = ("patient_id", "label", "fold", "partition")


@dataclass(frozen=True)
class Split:
    """One row per patient: ``patient_id, label, fold, partition``."""

    table: pd.DataFrame

    @property
    def digest(self) -> str:
        """SHA-256 of the rows, independent of their order."""
        rows = sorted(",".join(map(str, row)) for row in self.table[list(_COLUMNS)].to_numpy())
        return hashlib.sha256("\n".join(rows).encode()).hexdigest()

    @property
    def evaluated(self) -> str:
        """The partition that results are reported of: the test where there is one."""
        return "test" if (self.table["partition"] == "test").any() else "validation"

    @property
    def folds(self) -> list[int]:
        """The numbers of the folds, ascending."""
        return sorted({int(fold) for fold in self.table["fold"]})

    def rows(self, images: pd.DataFrame, partition: str, fold: int = 0) -> np.ndarray:
        """Return the rows of a manifest's table that belong to a partition, ascending."""
        members = self.table[(self.table.fold == fold) & (self.table.partition == partition)]
        return np.flatnonzero(images["patient_id"].isin(set(members.patient_id)).to_numpy())


def split_patients(
    images: pd.DataFrame,
    classes: Sequence[str],
    *,
    validation: float,
    seed: int,
    test: float = 0.0,
) -> Split:
    """Draw a patient-level stratified hold-out.

    Parameters
    ----------
    images
        Table of a manifest. A patient with several labels counts under the most frequent one.
        Patients of one ``patient_group``, where that is a column, stay together.
    classes
        Labels in class order.
    validation
        Share of each class's patients that validate, apportioned by largest remainder, at least
        one per class. With 0.1 and exactly the paper's patients per class the paper's own
        partition sizes come out (its random split was not exactly 9:1 within the classes).
    seed
        Seed of the draw.
    test
        Share of each class's patients that are kept for the test, at least one per class; 0 for
        a split without a test. The patients that validate are the same with and without.

    Raises
    ------
    DataError
        If a label is not among the classes, or a class has fewer patients than partitions.
    """
    units = unit_labels(images, classes)
    counts = class_counts(units, classes)
    needed = 3 if test else 2
    for label, count in counts.items():
        if count < needed:
            key = "design.too_few_to_test" if test else "split.too_few"
            raise DataError(key, label=label, count=count)
    rng = np.random.default_rng(seed)
    places = {"validation": draw_units(units, validation_counts(counts, validation), rng)}
    if test:
        left = units[~units.index.isin(places["validation"])]
        most = {label: count - 1 for label, count in class_counts(left, classes).items()}
        wanted = share_counts(counts, test)
        wanted = {label: min(count, most[label]) for label, count in wanted.items()}
        places["test"] = draw_units(left, wanted, rng)
    return Split(place_patients(drawn_patients(images, classes), places))


def split_units(images: pd.DataFrame) -> "pd.Series[str]":
    """Return the unit that each image's patient is drawn with: her group, else she herself."""
    if "patient_group" not in images:
        return images["patient_id"]
    return images["patient_group"].where(images["patient_group"] != "", images["patient_id"])


def unit_labels(images: pd.DataFrame, classes: Sequence[str]) -> "pd.Series[str]":
    """Return the label of each unit that is drawn as one, indexed by its name."""
    patient_labels(images, classes)  # names the row of an unknown label as the manifest does
    return patient_labels(images.assign(patient_id=split_units(images)), classes)


def class_counts(units: "pd.Series[str]", classes: Sequence[str]) -> dict[str, int]:
    """Return the number of units of each class, in class order."""
    return {label: int((units == label).sum()) for label in classes}


def draw_units(
    units: "pd.Series[str]", counts: Mapping[str, int], rng: np.random.Generator
) -> set[str]:
    """Draw as many units of each class as ``counts`` says, whatever order they stand in."""
    drawn: set[str] = set()
    for label, count in counts.items():
        candidates = sorted(units.index[units == label])
        places = rng.choice(len(candidates), count, replace=False)
        drawn.update(candidates[index] for index in places)
    return drawn


def drawn_patients(images: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """Return ``patient_id, label, unit``, a row per patient, in order of first appearance."""
    labels = patient_labels(images, classes)
    unit = split_units(images)[~images["patient_id"].duplicated()]
    return pd.DataFrame(
        {"patient_id": labels.index, "label": labels.to_numpy(), "unit": unit.to_numpy()}
    )


def place_patients(
    patients: pd.DataFrame, places: Mapping[str, set[str]], fold: int = 0
) -> pd.DataFrame:
    """Return the rows of a fold: the patients of each partition's units, the rest training."""
    table = patients[["patient_id", "label"]].assign(fold=fold, partition="train")
    for partition, members in places.items():
        table.loc[patients["unit"].isin(members), "partition"] = partition
    return table


def validation_counts(counts: Mapping[str, int], fraction: float) -> dict[str, int]:
    """Return how many patients of each class validate; see `split_patients`."""
    paper = {label: sum(sizes) for label, sizes in PAPER_PARTITIONS.items()}
    if fraction == 0.1 and dict(counts) == paper:
        return {label: PAPER_PARTITIONS[label][1] for label in counts}
    return share_counts(counts, fraction)


def share_counts(counts: Mapping[str, int], fraction: float) -> dict[str, int]:
    """Take a share of each class by largest remainder: at least one, and one is left."""
    exact = {label: count * fraction for label, count in counts.items()}
    drawn = {label: int(share) for label, share in exact.items()}
    missing = round(sum(exact.values())) - sum(drawn.values())
    by_remainder = sorted(exact, key=lambda label: drawn[label] - exact[label])
    for label in by_remainder[:missing]:
        drawn[label] += 1
    return {label: min(max(drawn[label], 1), counts[label] - 1) for label in counts}


def patient_labels(images: pd.DataFrame, classes: Sequence[str]) -> "pd.Series[str]":
    """Return each patient's label, indexed by patient, in order of first appearance."""
    unknown = images[~images["label"].isin(classes)]
    if len(unknown):
        raise DataError(
            "split.unknown_label",
            row=unknown.index[0],
            label=unknown["label"].iat[0],
            classes=", ".join(classes),
        )
    order = {label: index for index, label in enumerate(classes)}
    codes = images["label"].map(order)
    table = pd.crosstab(images["patient_id"], codes)
    most = table.idxmax(axis=1).map(dict(enumerate(classes)))
    return most.reindex(images["patient_id"].drop_duplicates())


def write_split(split: Split, path: Path, **made_from: object) -> None:
    """Write ``splits.csv`` and, beside it, ``splits.json`` with what it was made from."""
    table = split.table[list(_COLUMNS)]
    write_json(path.with_suffix(".json"), {**made_from, "split_sha256": split.digest})
    write_frame(path, table)


def read_split(path: Path, images: pd.DataFrame, classes: Sequence[str]) -> Split:
    """Read a split and check it against the manifest it is for.

    Raises
    ------
    DataError
        If it is no such table, a patient stands in two partitions of a fold or in none, is not in
        the manifest, or a class is absent from a partition.
    """
    if not path.is_file():
        raise DataError("split.no_file", path=path)
    table = read_table(path, _COLUMNS)
    for row, fold, partition in zip(table.index, table.fold, table.partition, strict=True):
        if not fold.isdecimal() or partition not in PARTITIONS:
            valid = ", ".join(PARTITIONS)
            cell = f"{fold}, {partition}"
            raise DataError("split.bad_row", path=path, row=row, found=cell, partitions=valid)
    table["patient_id"] = [unicodedata.normalize("NFKC", name) for name in table["patient_id"]]
    table = table.astype({"fold": int}).reset_index(drop=True)
    for fold, rows in table.groupby("fold"):
        _check_fold(path, int(str(fold)), rows, images, classes)
    return Split(table)


def read_training_patients(path: Path) -> set[str]:
    """Return who trains or validates in any fold of a split; none where there is no such file."""
    if not path.is_file():
        return set()
    table = read_table(path, _COLUMNS)
    names = table["patient_id"][table["partition"].isin(["train", "validation"])]
    return {unicodedata.normalize("NFKC", name) for name in names}


def _check_fold(
    path: Path, fold: int, rows: pd.DataFrame, images: pd.DataFrame, classes: Sequence[str]
) -> None:
    repeated = rows[rows.patient_id.duplicated()]
    if len(repeated):
        patient = repeated.patient_id.iat[0]
        partitions = " + ".join(rows[rows.patient_id == patient].partition)
        raise DataError("split.twice", path=path, patient=patient, fold=fold, partitions=partitions)
    absent = set(images.patient_id) - set(rows.patient_id)
    if absent:
        raise DataError("split.absent", path=path, patient=min(absent), count=len(absent))
    unknown = set(rows.patient_id) - set(images.patient_id)
    if unknown:
        raise DataError("split.unknown", path=path, patient=min(unknown), count=len(unknown))
    labels = patient_labels(images, classes)
    for partition in ("train", "validation"):
        members = rows[rows.partition == partition].patient_id
        present = set(labels[labels.index.isin(set(members))])
        for label in classes:
            if label not in present:
                raise DataError("split.no_class", path=path, label=label, partition=partition)
