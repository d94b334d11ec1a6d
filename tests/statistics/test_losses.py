"""Losses of networks that err seldom: scikit-learn's values, Wilson's ends, rare large losses."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from metrascope.statistics.cohort import Readings
from metrascope.statistics.losses import losses
from metrascope.statistics.proportions import wilson
from metrascope.statistics.resampling import Resamples, draw_patients


def sure(n: int, wrong: int, sharpness: float = 0.98) -> tuple[Readings, Resamples]:
    """Return readings that give one class of three so much, the first few of them wrongly."""
    truth = np.arange(n) % 3
    named = np.where(np.arange(n) < wrong, (truth + 1) % 3, truth)
    given = np.where(np.eye(3, dtype=bool)[named], sharpness, (1 - sharpness) / 2)[None]
    units = np.arange(n)
    readings = Readings("a", 3, (0,), units, truth, units, named[None], given)
    return readings, draw_patients(units, replicates=300)


@pytest.mark.parametrize("wrong", [0, 2, 9])
def test_values_are_scikit_learns(wrong: int) -> None:
    readings, resamples = sure(60, wrong)
    found = losses(readings, resamples)
    assert readings.probabilities is not None
    given = readings.probabilities[0]
    assert found["log_loss"].value == pytest.approx(log_loss(readings.truth, given), rel=1e-5)
    by_class = [brier_score_loss(readings.truth == k, given[:, k]) for k in range(3)]
    assert found["brier"].value == pytest.approx(sum(by_class), rel=1e-5)
    for one in found.values():
        assert one.low <= one.value <= one.high


def test_where_nobody_is_misread_the_end_allows_for_some_who_are() -> None:
    found = losses(*sure(60, 0))
    worst = {"brier": 0.98**2 + 0.99**2 + 0.01**2, "log_loss": -np.log(0.01)}
    for name, one in found.items():
        share = wilson(one.value / worst[name] * 60, 60)
        assert one.high >= share.high * worst[name] - 1e-6
        assert one.high == pytest.approx(share.high * worst[name], rel=0.05)


def test_an_error_in_a_hundred_is_within_the_interval_of_studies_without_one() -> None:
    truth = 0.01 * losses(*sure(60, 60))["log_loss"].value
    truth += 0.99 * losses(*sure(60, 0))["log_loss"].value
    assert losses(*sure(60, 0))["log_loss"].high > truth
    assert losses(*sure(60, 1))["log_loss"].low < truth


def test_seldom_and_large_losses_are_held() -> None:
    """One reading in ten is wrong, and its loss forty times the others'."""
    rng, held = np.random.default_rng(0), []
    truth = 0.1 * -np.log(0.01) + 0.9 * -np.log(0.98)
    for _ in range(150):
        found = losses(*sure(60, int(rng.binomial(60, 0.1))))["log_loss"]
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) > 0.92


def test_bootstrapped_t_in_closed_form() -> None:
    readings, resamples = sure(60, 9)
    values = np.where(readings.predicted[0] == readings.truth, -np.log(0.98), -np.log(0.01))
    drawn = resamples.counts.astype(float)
    means = drawn @ values / 60
    errors = np.sqrt(drawn @ values**2 / 60 - means**2) / np.sqrt(60)
    low, high = np.quantile((means - values.mean()) / errors, [0.025, 0.975])
    error = values.std() / np.sqrt(60)
    found = losses(readings, resamples)["log_loss"]
    assert found.high >= values.mean() - low * error - 1e-6
    assert found.low <= values.mean() - high * error + 1e-6


def test_of_fewer_than_ten_patients_no_loss_is_given() -> None:
    assert np.isnan(losses(*sure(9, 1))["brier"].value)
    assert not np.isnan(losses(*sure(10, 1))["brier"].value)
