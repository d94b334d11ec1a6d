"""Likelihood ratios and predictive values at a prevalence: closed forms, coverage, edges."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.mover import ratio
from metrascope.statistics.proportions import wilson
from metrascope.statistics.ratios import likelihood_ratios, predictive_values

STATED = (0.90, 0.04, 0.06)


def readings(matrix: list[list[int]], seeds: int = 1) -> Readings:
    """Return readings with this confusion matrix, rows true."""
    cells = np.repeat(np.arange(9), np.ravel(matrix))
    units = np.arange(len(cells))
    predicted = np.tile(cells % 3, (seeds, 1))
    return Readings("a", 3, tuple(range(seeds)), units, cells // 3, units, predicted, None)


def test_values_are_those_of_bayes() -> None:
    matrix = [[34, 0, 9], [4, 18, 1], [9, 2, 48]]
    found = predictive_values(readings(matrix), STATED)
    rates = np.array(matrix) / np.sum(matrix, 1, keepdims=True) * np.array(STATED)[:, None]
    total = rates.sum()
    for label, both in enumerate(found):
        assert both["precision"].value == pytest.approx(rates[label, label] / rates[:, label].sum())
        spared = total - rates[:, label].sum()
        right = spared - (rates[label].sum() - rates[label, label])
        assert both["npv"].value == pytest.approx(right / spared)
        for one in both.values():
            assert 0 < one.low < one.value < one.high < 1


def test_with_two_classes_the_odds_are_the_prevalences_times_the_likelihood_ratio() -> None:
    found = predictive_values(readings([[95, 5, 0], [3, 20, 0], [0, 0, 0]]), (0.96, 0.04, 0.0))
    lr = likelihood_ratios(wilson(20, 23), wilson(95, 100))
    for end in ("value", "low", "high"):
        odds = 0.04 / 0.96 * getattr(lr["lr_positive"], end)
        assert getattr(found[1]["precision"], end) == pytest.approx(odds / (1 + odds))


def test_nobody_called_falsely_is_no_proof() -> None:
    """Of 23 fibroids and 102 others with a specificity of 99 %: the truth is 76.5 %."""
    truth = 0.04 * 0.78 / (0.04 * 0.78 + 0.96 * 0.01)
    one = predictive_values(readings([[43, 0, 0], [4, 18, 1], [0, 0, 59]]), STATED)[1]["precision"]
    assert one.value == one.high == 1.0
    assert 0.25 < one.low < truth < 0.8


def test_coverage_of_a_predictive_value_at_a_prevalence() -> None:
    """Every table of 23 fibroids and 102 others, the others being of one class."""
    sensitivity, false = 0.78, 0.01
    truth = 0.04 * sensitivity / (0.04 * sensitivity + 0.96 * false)
    held = without = without_held = 0.0
    for hits in range(24):
        for alarms in range(8):
            chance = binom.pmf(hits, 23, sensitivity) * binom.pmf(alarms, 102, false)
            matrix = [[102 - alarms, alarms, 0], [23 - hits, hits, 0], [0, 0, 0]]
            if chance < 1e-5:
                continue
            one = predictive_values(readings(matrix), (0.96, 0.04, 0.0))[1]["precision"]
            inside = chance * (one.low <= truth <= one.high)
            held += inside
            without += chance * (alarms == 0)
            without_held += inside * (alarms == 0)
    assert held > 0.93
    assert without_held / without > 0.95


def test_a_class_that_is_always_found_may_still_be_missed() -> None:
    found = likelihood_ratios(wilson(23, 23), wilson(97, 102))["lr_negative"]
    assert found.value == found.low == 0
    assert found.high == pytest.approx((1 - wilson(23, 23).low) / (97 / 102), rel=0.01)


def test_more_seeds_are_not_more_patients() -> None:
    matrix = [[40, 2, 1], [2, 20, 1], [3, 1, 55]]
    one, three = (predictive_values(readings(matrix, seeds), STATED) for seeds in (1, 3))
    for first, other in zip(one, three, strict=True):
        for name in ("precision", "npv"):
            assert first[name].value == pytest.approx(other[name].value)
            width = first[name].high - first[name].low
            assert other[name].high - other[name].low == pytest.approx(width, rel=0.05)


def test_a_class_without_patients_has_no_value_at_a_prevalence() -> None:
    found = predictive_values(readings([[40, 2, 1], [0, 0, 0], [3, 1, 55]]), STATED)
    assert all(np.isnan(both["precision"].value) for both in found)


def test_a_prevalence_of_all_leaves_nobody_to_call_falsely() -> None:
    found = predictive_values(readings([[40, 2, 1], [2, 20, 1], [3, 1, 55]]), (0.0, 1.0, 0.0))
    assert (found[1]["precision"].low, found[1]["precision"].high) == (1.0, 1.0)
    assert (found[0]["precision"].low, found[0]["precision"].high) == (0.0, 0.0)
    assert ratio(wilson(3, 5), wilson(2, 5)).value == pytest.approx(1.5)


def test_patients_with_both_lesions_make_the_value_of_normal_less_certain() -> None:
    """Called normal with both lesions or with neither, a patient counts twice in the mix."""
    apart = readings([[60, 3, 3], [6, 24, 0], [6, 0, 24]])
    fibroid, polyp = (np.flatnonzero(apart.truth == label) for label in (1, 2))
    clusters = apart.clusters.copy()
    clusters[polyp] = clusters[fibroid]  # the six who are called normal share their patients
    clusters = np.unique(clusters, return_inverse=True)[1]
    shared = replace(apart, clusters=clusters)
    one, both = (predictive_values(found, STATED)[0]["precision"] for found in (apart, shared))
    assert both.value == one.value
    assert both.low < one.low < one.high < both.high
    # Fully correlated rates: the distances of both parts add up instead of their squares.
    ends = wilson(6, 30)
    high = 0.1 * ends.high
    odds = ratio(_scaled(wilson(60, 66), 0.90), Interval(0.02, 0.1 * ends.low, high))
    assert both.low == pytest.approx(odds.low / (1 + odds.low))


def _scaled(share: Interval, weight: float) -> Interval:
    return Interval(*(weight * end for end in (share.value, share.low, share.high)))
