"""Totals whose intervals follow from the accuracy's and the classes' own."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, matthews_corrcoef
from statsmodels.stats.proportion import proportion_confint

from metrascope.statistics.evaluate import evaluate_predictions as evaluate

from .make import hard_labels, loaded

MATRIX = [(18, 1, 1), (0, 20, 0), (0, 0, 20)]


def test_kappa_and_mcc_follow_the_accuracy_where_the_shares_are_kept(tmp_path: Path) -> None:
    """Moving patients onto the diagonal of a table with the same margins raises both evenly."""
    counts = np.array(MATRIX, dtype=float)
    n = counts.sum()
    low, _ = proportion_confint(58, 60, method="wilson")
    # The margins are kept if the table is mixed with that of independent readings.
    chance = np.outer(counts.sum(1), counts.sum(0)) / n
    share = (np.trace(counts) / n - low) / ((np.trace(counts) - np.trace(chance)) / n)
    mixed = (1 - share) * counts + share * chance
    assert np.trace(mixed) / n == pytest.approx(low)
    truth, named = (side.ravel() for side in np.indices((3, 3)))
    network = evaluate(loaded(hard_labels(MATRIX), tmp_path))["networks"]["resnet18"]
    for name, score in (("kappa", cohen_kappa_score), ("mcc", matthews_corrcoef)):
        expected = score(truth, named, sample_weight=mixed.ravel())
        assert network[name]["low"] <= expected + 1e-9
        if name == "kappa":
            assert network[name]["low"] > expected - 0.1


def test_weighted_averages_are_no_narrower_than_their_classes_make_them(tmp_path: Path) -> None:
    network = evaluate(loaded(hard_labels(MATRIX), tmp_path))["networks"]["resnet18"]
    for name in ("precision", "f1"):
        parts = [one[name] for one in network["classes"].values()]
        apart = np.array([one["value"] - one["low"] for one in parts])
        whole = network[f"weighted_{name}"]
        assert whole["value"] - whole["low"] >= np.hypot.reduce(apart / 3) - 1e-9
