import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrascope.dataset.split import (
    PAPER_PARTITIONS,
    Split,
    patient_labels,
    read_split,
    split_patients,
    validation_counts,
    write_split,
)
from metrascope.errors import DataError

CLASSES = ("normal", "fibroid", "polyp")


def images(images_per_patient: int = 1, **patients: int) -> pd.DataFrame:
    rows = [
        (f"{label}{number}", label)
        for label, count in patients.items()
        for number in range(count)
        for _ in range(images_per_patient)
    ]
    table = pd.DataFrame(rows, columns=["patient_id", "label"])
    table.index += 2  # as a spreadsheet counts, and the manifest
    return table.assign(image=[f"{number}.png" for number in range(len(rows))])


def test_the_papers_partition_sizes() -> None:
    table = images(normal=422, fibroid=238, polyp=631)
    split = split_patients(table, CLASSES, validation=0.1, seed=0)
    sizes = split.table.groupby(["label", "partition"]).size()
    for label, (train, validation) in PAPER_PARTITIONS.items():
        assert sizes[label, "train"] == train
        assert sizes[label, "validation"] == validation
    assert len(split.rows(table, "train")) == 1166
    assert len(split.rows(table, "validation")) == 125


@pytest.mark.parametrize("seed", range(5))
def test_patients_stay_whole_and_shares_hold(seed: int) -> None:
    table = images(images_per_patient=3, normal=40, fibroid=20, polyp=60)
    split = split_patients(table, CLASSES, validation=0.2, seed=seed)
    train, held = split.rows(table, "train"), split.rows(table, "validation")
    assert set(table.patient_id.iloc[train]).isdisjoint(table.patient_id.iloc[held])
    assert sorted([*train, *held]) == list(range(len(table)))
    assert table.label.iloc[held].value_counts().to_dict() == {
        "normal": 24,
        "fibroid": 12,
        "polyp": 36,
    }


def test_the_seed_decides_and_nothing_else() -> None:
    table = images(normal=30, fibroid=30, polyp=30)
    first = split_patients(table, CLASSES, validation=0.2, seed=1)
    shuffled = table.sample(frac=1, random_state=0)
    again = split_patients(shuffled, CLASSES, validation=0.2, seed=1)
    other = split_patients(table, CLASSES, validation=0.2, seed=2)
    assert first.digest == again.digest != other.digest


def test_largest_remainder() -> None:
    counts = validation_counts({"a": 13, "b": 13, "c": 14}, 0.1)
    assert sum(counts.values()) == 4
    assert counts["c"] == 2
    assert validation_counts({"a": 2, "b": 1000}, 0.1)["a"] == 1
    assert validation_counts({"a": 2, "b": 1000}, 0.9)["a"] == 1


def test_a_patient_with_two_labels_counts_under_the_commoner() -> None:
    table = pd.DataFrame(
        {"patient_id": ["x", "x", "x", "y"], "label": ["polyp", "normal", "polyp", "normal"]}
    )
    labels = patient_labels(table, CLASSES)
    assert labels.to_dict() == {"x": "polyp", "y": "normal"}


def test_unknown_labels_and_single_patients_are_refused() -> None:
    with pytest.raises(DataError, match=r"Row 4 .* myoma"):
        split_patients(images(normal=2, myoma=2), CLASSES, validation=0.5, seed=0)
    with pytest.raises(DataError, match=r"fibroid has 1 patient"):
        split_patients(images(normal=4, fibroid=1, polyp=4), CLASSES, validation=0.5, seed=0)


def test_written_and_read_back(tmp_path: Path) -> None:
    table = images(normal=5, fibroid=5, polyp=5)
    split = split_patients(table, CLASSES, validation=0.2, seed=0)
    write_split(split, tmp_path / "splits.csv", manifest_sha256="abc")
    again = read_split(tmp_path / "splits.csv", table, CLASSES)
    assert again.digest == split.digest
    made_from = json.loads((tmp_path / "splits.json").read_text(encoding="utf-8"))
    assert made_from == {"manifest_sha256": "abc", "split_sha256": split.digest}


def broken(change: str, table: pd.DataFrame) -> pd.DataFrame:
    if change == "twice":
        other = np.where(table.partition.iloc[:1] == "train", "validation", "train")
        return pd.concat([table, table.iloc[:1].assign(partition=other)])
    if change == "absent":
        return table.iloc[1:]
    if change == "unknown":
        return pd.concat([table, table.iloc[:1].assign(patient_id="stranger")])
    if change == "class":
        return table.assign(partition=np.where(table.label == "polyp", "train", table.partition))
    if change == "fold":
        return table.assign(fold="a")
    if change == "partition":
        return table.assign(partition="trian")
    return table.drop(columns="fold")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("twice", "stands in more than one partition"),
        ("absent", "in no partition"),
        ("unknown", "1 patient who is not in the manifest (such as stranger)"),
        ("class", "no patient of the class polyp is in the partition validation"),
        ("columns", "It needs patient_id, label, fold, partition"),
        ("fold", "row 2: a, "),
        ("partition", "trian is no fold and partition"),
    ],
)
def test_a_wrong_split_is_refused(tmp_path: Path, change: str, expected: str) -> None:
    table = images(normal=5, fibroid=5, polyp=5)
    split = split_patients(table, CLASSES, validation=0.4, seed=0)
    broken(change, split.table).to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_split(tmp_path / "s.csv", table, CLASSES)
    assert expected in str(caught.value)


def test_rows_of_a_fold() -> None:
    table = images(normal=2)
    folds = pd.DataFrame(
        {
            "patient_id": ["normal0", "normal1"] * 2,
            "label": "normal",
            "fold": [0, 0, 1, 1],
            "partition": ["train", "validation", "validation", "train"],
        }
    )
    split = Split(folds)
    assert split.rows(table, "train", 0).tolist() == [0]
    assert split.rows(table, "train", 1).tolist() == [1]
