"""Averages by patient, against hand-made means and SciPy's BCa."""

import numpy as np
import pytest
from scipy.stats import bootstrap

from metrascope.statistics.averages import averages


def test_the_patient_is_the_unit() -> None:
    values = np.array([[1.0], [0.0], [0.0], [1.0], [1.0]])
    (found,) = averages(values, ["a", "b", "b", "b", "b"])
    assert found.value == pytest.approx((1 + 0.5) / 2)


def test_intervals_are_scipys() -> None:
    rng = np.random.default_rng(0)
    values = rng.beta(1, 4, 60)
    (found,) = averages(values[:, None], np.arange(60))
    oracle = bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", rng=1)
    assert found.value == pytest.approx(values.mean())
    expected = oracle.confidence_interval
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.004)


def test_gaps_are_left_out_and_columns_without_numbers_are_undefined() -> None:
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [0.0, np.nan], [0.5, np.nan]])
    known, unknown = averages(values, list("abcd"))
    assert known.value == pytest.approx(0.5)
    assert unknown.json() == {"value": None, "low": None, "high": None}
    assert averages(np.empty((0, 2)), [])[0].json()["value"] is None


def test_the_ends_stay_within_the_bounds() -> None:
    (all_,) = averages(np.ones((20, 1)), np.arange(20))
    assert (all_.value, all_.high) == (1, 1)
    assert 0.8 < all_.low < 0.9
    (apart,) = averages(np.full((12, 1), -1.0), np.arange(12), -1, 1)
    assert apart.low == apart.value == -1
    assert apart.high > -1


def test_few_patients_give_a_mean_without_an_interval() -> None:
    # A gap is a patient fewer: 9 of the second column.
    values = np.column_stack([np.full(12, 0.4), [0.4] * 9 + [np.nan] * 3])
    known, few = averages(values, np.arange(12))
    assert known.low < known.value < known.high
    assert few.value == pytest.approx(0.4)
    assert few.json()["low"] is few.json()["high"] is None
