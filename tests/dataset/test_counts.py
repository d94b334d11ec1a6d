import numpy as np
import pandas as pd

from metrascope.dataset.counts import cautions, count_partitions, count_patients, sites
from metrascope.dataset.designs import draw_split
from metrascope.settings.study_settings import SplitSettings

CLASSES = ("normal", "polyp")


def images(polyps: tuple[int, int, int]) -> pd.DataFrame:
    """Twenty normal patients of three scanners with two images each, and some with polyps."""
    rows = [
        (f"{label}{scanner}{n}", label, scanner)
        for place, scanner in enumerate("abc")
        for label, count in (("normal", 20), ("polyp", polyps[place]))
        for n in range(count)
        for _ in range(2)
    ]
    return pd.DataFrame(rows, columns=["patient_id", "label", "scanner"])


def test_everyone_is_counted_once_per_fold() -> None:
    table = images((15, 15, 15))
    split = draw_split(table, CLASSES, SplitSettings(design="kfold", folds=3))
    counts = count_partitions(split, table, CLASSES)
    assert (counts["images"] == 2 * counts["patients"]).all()
    assert (counts.groupby("fold")["patients"].sum() == table["patient_id"].nunique()).all()
    fold = counts[(counts["fold"] == 1) & (counts["partition"] == "test")]
    assert fold["patients"].tolist() == [20, 15]
    assert sites(split, table) == {}


def test_folds_by_site_are_named() -> None:
    table = images((15, 15, 15)).assign(centre=lambda rows: rows["scanner"].str.upper())
    by_scanner = draw_split(table, CLASSES, SplitSettings(design="leave-one-out"))
    assert sites(by_scanner, table) == {0: "a", 1: "b", 2: "c"}
    table["scanner"] = np.tile(["x", "x", "y", "y"], len(table))[: len(table)]
    by_centre = draw_split(table, CLASSES, SplitSettings(design="leave-one-out", by="centre"))
    assert sites(by_centre, table) == {0: "A", 1: "B", 2: "C"}


def test_confounded_sites_are_told() -> None:
    table = images((30, 12, 3))
    split = draw_split(table, CLASSES, SplitSettings(design="leave-one-out", validation=0.3))
    told = cautions(split, table, CLASSES)
    assert "Fold 0 tests a, which has more than half" in told[0]
    assert "Fold 2 tests c" in told[1]
    assert "polyp (3)" in told[1]
    assert "normal" not in told[1]
    even = images((16, 16, 16))
    split = draw_split(even, CLASSES, SplitSettings(design="leave-one-out", validation=0.3))
    assert cautions(split, even, CLASSES) == []


def test_a_patient_of_two_classes_is_one_patient() -> None:
    table = images((15, 15, 15))
    table.loc[0, "label"] = "polyp"  # one of the two images of the first woman
    split = draw_split(table, CLASSES, SplitSettings(design="kfold", folds=3))
    by_class = count_partitions(split, table, CLASSES)["patients"].sum()
    patients = count_patients(split, table)
    assert sum(patients.values()) == 3 * table["patient_id"].nunique() == by_class - 3
    assert set(patients) == {(f, p) for f in range(3) for p in ("train", "validation", "test")}


def test_too_few_patients_of_a_class_are_told() -> None:
    table = images((3, 3, 3))
    settings = SplitSettings(design="kfold", folds=3, validation=0.3)
    evaluated, validating = cautions(draw_split(table, CLASSES, settings), table, CLASSES)
    assert "Results will be of few patients (test) of: Endometrial polyp (9)." in evaluated
    # Of the six polyps that a fold does not test, two validate: 0.3 of 6, rounded.
    assert "few patients validate of: Endometrial polyp (2)." in validating
    table = images((15, 15, 15))
    (only,) = cautions(draw_split(table, CLASSES, SplitSettings(validation=0.2)), table, CLASSES)
    assert "Results will be of few patients (validation) of: Endometrial polyp (9)." in only
