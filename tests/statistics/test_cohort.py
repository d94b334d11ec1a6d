"""Units, replications and averages of a predictions table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrascope.statistics.cohort import cohort
from metrascope.statistics.predictions import Predictions, read_predictions

from .make import PAPER, hard_labels, random_table, saved


def loaded(table: pd.DataFrame, folder: Path) -> Predictions:
    return read_predictions([saved(table, folder)], PAPER)


def test_a_patients_images_are_averaged(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=12)
    table["patient_id"] = [f"P{i // 3}" for i in range(12)]
    table["label"] = [PAPER[i // 3 % 3] for i in range(12)]
    people = cohort(loaded(table, tmp_path))
    assert people.patients == len(people.table) == 4
    readings = people.readings["resnet18"]
    columns = [f"p_{name}" for name in PAPER]
    means = table.groupby("patient_id")[columns].mean().to_numpy()
    assert readings.probabilities is not None
    assert readings.probabilities[0] == pytest.approx(means, abs=1e-7)
    assert readings.predicted[0].tolist() == means.argmax(1).tolist()
    assert readings.truth.tolist() == [0, 1, 2, 0]
    assert people.table["images"].iat[0] == "images/0000.png | images/0001.png | images/0002.png"


def test_images_of_two_classes_are_two_units_of_one_patient(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=4)
    table["patient_id"], table["label"] = (
        ["A", "A", "A", "B"],
        ["polyp", "normal", "polyp", "polyp"],
    )
    people = cohort(loaded(table, tmp_path))
    assert (people.patients, len(people.table)) == (2, 3)
    assert people.readings["resnet18"].clusters.tolist() == [0, 0, 1]


def test_seeds_and_repeats_are_replications(tmp_path: Path) -> None:
    once = random_table(np.random.default_rng(0), n=10, seeds=(3, 5))
    folds = [once.assign(fold=4 * repeat + np.arange(20) % 2) for repeat in range(2)]
    people = cohort(loaded(pd.concat(folds), tmp_path))
    readings = people.readings["resnet18"]
    assert readings.seeds == (3, 3, 5, 5)
    assert readings.predicted.shape == (4, 10)
    assert (readings.predicted[0] == readings.predicted[1]).all()


def test_units_that_a_replication_lacks_are_left_out(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=10, networks=("vgg16", "resnet18"))
    gone = (table["network"] == "vgg16") & table["image"].isin(["images/0002.png"])
    people = cohort(loaded(table[~gone], tmp_path))
    assert len(people.table) == 10
    assert people.readings["vgg16"].units.tolist() == [0, 1, *range(3, 10)]
    shared = people.common()
    assert shared is not None
    assert all(len(one.truth) == 9 for one in shared.readings.values())
    assert (shared.readings["resnet18"].truth == people.readings["vgg16"].truth).all()


def test_networks_without_common_patients_are_not_compared(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=10, networks=("vgg16", "resnet18"))
    first = table["image"] < "images/0005.png"
    people = cohort(loaded(table[first == (table["network"] == "vgg16")], tmp_path))
    assert people.common() is None


def test_hard_labels_vote(tmp_path: Path) -> None:
    table = hard_labels([(2, 1, 0), (0, 3, 0), (0, 0, 3)])
    table["patient_id"] = ["A", "A", "A", *"BBBCCC"]
    readings = cohort(loaded(table, tmp_path)).readings["resnet18"]
    assert readings.probabilities is None
    assert readings.predicted.tolist() == [[0, 1, 2]]


def test_a_label_that_came_with_probabilities_is_kept(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=6)
    table["predicted"] = "polyp"
    readings = cohort(loaded(table, tmp_path)).readings["resnet18"]
    assert (readings.predicted == 2).all()
