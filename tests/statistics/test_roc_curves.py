"""ROC curves agree with scikit-learn, and their bands say what few patients can say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from metrascope.statistics.cohort import Cohort, cohort
from metrascope.statistics.predictions import read_predictions
from metrascope.statistics.proportions import wilson
from metrascope.statistics.resampling import draw_patients
from metrascope.statistics.roc_curves import RATES, roc_curves

from .make import PAPER, hard_labels, random_table, saved


def people_of(folder: Path, table: pd.DataFrame) -> Cohort:
    return cohort(read_predictions([saved(table, folder)], PAPER))


def leaning(seed: int, lean: float, n: int = 120) -> pd.DataFrame:
    table = random_table(np.random.default_rng(seed), n=n, networks=["resnet18"])
    for name in PAPER:
        right = (table["label"] == name).astype(float)
        table[f"p_{name}"] = ((1 - lean) * table[f"p_{name}"] + lean * right).round(8)
    return table


def test_curves_are_those_of_scikit_learn(tmp_path: Path) -> None:
    table = leaning(0, 0.3).round(2)  # with ties
    table["p_normal"] = (1 - table["p_fibroid"] - table["p_polyp"]).clip(0).round(2)
    people = people_of(tmp_path, table)
    found = roc_curves(people, draw_patients(people.table["patient_id"], replicates=300))
    curves = found["networks"]["resnet18"]
    assert found["false_positive_rate"] == RATES.tolist()
    readings = people.readings["resnet18"]
    assert readings.probabilities is not None
    for label, name in enumerate(PAPER):
        truth, scores = readings.truth == label, readings.probabilities[0, :, label]
        rates, shares, _ = roc_curve(truth, scores, drop_intermediate=False)
        curve = curves["classes"][name]
        np.testing.assert_allclose(curve["value"], np.interp(RATES, rates, shares), atol=1e-12)
        area = np.trapezoid(curve["value"], RATES)
        assert area == pytest.approx(roc_auc_score(truth, scores), abs=0.01)
        told = RATES * (~truth).sum() >= 2
        assert [end is not None for end in curve["low"]] == told.tolist()
        assert [end is not None for end in curve["high"]] == told.tolist()
        assert (np.array(curve["low"])[told] <= np.array(curve["value"])[told]).all()
        assert (np.array(curve["high"])[told] >= np.array(curve["value"])[told]).all()
    mean = np.mean([one["value"] for one in curves["classes"].values()], 0)
    np.testing.assert_allclose(curves["macro"]["value"], mean)
    commonest = max((readings.truth == label).sum() for label in range(3))
    told = RATES * (len(readings.truth) - commonest) >= 2
    assert [end is not None for end in curves["macro"]["low"]] == told.tolist()


def test_where_all_are_found_the_band_is_wilson_s(tmp_path: Path) -> None:
    people = people_of(tmp_path, leaning(1, 0.9))
    curves = roc_curves(people, draw_patients(people.table["patient_id"], replicates=100))
    for name, curve in curves["networks"]["resnet18"]["classes"].items():
        count = int((people.table["label"] == name).sum())
        assert curve["value"][0] == 1
        assert curve["low"][50] == pytest.approx(wilson(count, count).low)
    macro = curves["networks"]["resnet18"]["macro"]
    assert macro["low"][50] < 1 == macro["high"][50]


def test_bands_hold_the_true_curve_most_often(tmp_path: Path) -> None:
    """With normal scores the sensitivity at each specificity is known; the macro band covers it."""
    inside = []
    truth = np.mean([one["value"] for one in _curves(tmp_path, 99, 4000).values()], 0)
    for seed in range(40):
        people = people_of(tmp_path, leaning(seed, 0.25, 90))
        found = roc_curves(people, draw_patients(people.table["patient_id"], replicates=200))
        macro = found["networks"]["resnet18"]["macro"]
        inside.append((macro["low"][20] <= truth[20]) and (truth[20] <= macro["high"][20]))
    assert np.mean(inside) >= 0.85  # 95 % of 40, less three standard errors


def _curves(folder: Path, seed: int, n: int) -> dict[str, dict[str, list[float]]]:
    people = people_of(folder, leaning(seed, 0.25, n))
    found = roc_curves(people, draw_patients(people.table["patient_id"], replicates=2))
    classes: dict[str, dict[str, list[float]]] = found["networks"]["resnet18"]["classes"]
    return classes


def test_no_curve_of_a_class_that_nobody_or_everybody_has(tmp_path: Path) -> None:
    table = leaning(2, 0.3)
    two = people_of(tmp_path, table[table["label"] != "fibroid"])
    curves = roc_curves(two, draw_patients(two.table["patient_id"], replicates=20))
    assert list(curves["networks"]["resnet18"]["classes"]) == ["normal", "polyp"]
    one = people_of(tmp_path, table[table["label"] == "normal"])
    curves = roc_curves(one, draw_patients(one.table["patient_id"], replicates=20))
    assert curves["networks"]["resnet18"] == {"macro": None, "classes": {}}


def test_labels_alone_have_no_curve(tmp_path: Path) -> None:
    people = people_of(tmp_path, hard_labels([(8, 1, 1), (2, 6, 1), (0, 1, 9)]))
    assert roc_curves(people, draw_patients(people.table["patient_id"], replicates=20)) == {}
