"""Measures against scikit-learn, with patients counted several times or not at all."""

import numpy as np
import pytest
from sklearn import metrics

from metrascope.statistics.cohort import Readings
from metrascope.statistics.measures import (
    average_precision,
    binary_measures,
    brier,
    confusion_counts,
    log_loss,
    mean_statistic,
    overall,
)

N = 80


@pytest.fixture(params=range(4), name="readings")
def made(request: pytest.FixtureRequest) -> Readings:
    rng = np.random.default_rng(request.param)
    truth = rng.choice(3, N, p=[0.5, 0.2, 0.3])
    chances = np.ones((2, N, 3)) + 2 * np.eye(3)[truth]
    raw = rng.gamma(chances)
    probabilities = np.round(raw / raw.sum(2, keepdims=True), 2)
    probabilities[..., 0] = 1 - probabilities[..., 1:].sum(2)
    units = np.arange(N)
    return Readings("a", 3, (0, 1), units, truth, units, probabilities.argmax(2), probabilities)


@pytest.fixture(name="weights")
def drawn() -> np.ndarray:
    counts = np.random.default_rng(9).multinomial(N, np.full(N, 1 / N), size=5)
    return np.concatenate([np.ones((1, N)), counts]).astype(np.float32)


def test_counts_and_what_follows_from_them(readings: Readings, weights: np.ndarray) -> None:
    counts = confusion_counts(readings, weights)
    one, together = binary_measures(counts), overall(counts)
    for row, weight in enumerate(weights):
        for seed in range(2):
            said = readings.predicted[seed]
            matrix = metrics.confusion_matrix(readings.truth, said, sample_weight=weight)
            assert counts[row, seed] == pytest.approx(matrix)
            keys = {"labels": [0, 1, 2], "sample_weight": weight, "zero_division": 0}
            for average in ("macro", "weighted"):
                expected = metrics.precision_recall_fscore_support(
                    readings.truth, said, average=average, **keys
                )[:3]
                found = [
                    together[f"{average}_{name}"][row, seed]
                    for name in ("precision", "recall", "f1")
                ]
                assert found == pytest.approx(expected, abs=1e-9)
            by_class = metrics.precision_recall_fscore_support(readings.truth, said, **keys)[:3]
            for name, expected in zip(("precision", "recall", "f1"), by_class, strict=True):
                assert one[name][row, seed] == pytest.approx(expected, abs=1e-9)
            for name, function in (
                ("accuracy", metrics.accuracy_score),
                ("balanced_accuracy", metrics.balanced_accuracy_score),
                ("mcc", metrics.matthews_corrcoef),
                ("kappa", metrics.cohen_kappa_score),
            ):
                expected = function(readings.truth, said, sample_weight=weight)
                assert together[name][row, seed] == pytest.approx(expected, abs=1e-9)


def test_two_sided_rates_of_a_class(readings: Readings, weights: np.ndarray) -> None:
    one = binary_measures(confusion_counts(readings, weights))
    for row, weight in enumerate(weights):
        for label in range(3):
            true, said = readings.truth == label, readings.predicted[0] == label
            pairs = metrics.confusion_matrix(true, said, sample_weight=weight)
            tn, fp, fn, tp = pairs.ravel()
            found = {name: one[name][row, 0, label] for name in one}
            assert found["specificity"] == pytest.approx(tn / (tn + fp))
            assert found["npv"] == pytest.approx(tn / (tn + fn))
            assert found["lr_positive"] == pytest.approx((tp / (tp + fn)) / (fp / (tn + fp)))
            assert found["lr_negative"] == pytest.approx((fn / (tp + fn)) / (tn / (tn + fp)))


def test_probability_scores(readings: Readings, weights: np.ndarray) -> None:
    assert readings.probabilities is not None
    statistic = mean_statistic(np.column_stack([brier(readings), log_loss(readings)]))
    for row, weight in enumerate(weights):
        found = statistic(weights)[row]
        briers, losses = [], []
        for probabilities in readings.probabilities:
            squares = ((probabilities - np.eye(3)[readings.truth]) ** 2).sum(1)
            briers.append(np.average(squares, weights=weight))
            clipped = np.clip(probabilities, 5e-9, None)
            losses.append(
                -np.average(np.log(clipped[np.arange(N), readings.truth]), weights=weight)
            )
        assert found == pytest.approx([np.mean(briers), np.mean(losses)], rel=1e-5)


def test_log_loss_agrees_with_scikit_learn(readings: Readings) -> None:
    assert readings.probabilities is not None
    safe = np.clip(readings.probabilities, 0.01, None)
    safe /= safe.sum(2, keepdims=True)
    units = np.arange(N)
    one = Readings("a", 3, (0,), units, readings.truth, units, safe[:1].argmax(2), safe[:1])
    expected = metrics.log_loss(readings.truth, safe[0], labels=[0, 1, 2])
    assert log_loss(one).mean() == pytest.approx(expected)


@pytest.mark.parametrize("digits", [8, 1, 0])
def test_average_precision_with_and_without_ties(digits: int, weights: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    positive = rng.random(N) < 0.3
    scores = np.round(rng.random(N) + 0.3 * positive, digits)
    found = average_precision(scores, positive, np.ascontiguousarray(weights.T))
    for row, weight in enumerate(weights):
        expected = metrics.average_precision_score(positive, scores, sample_weight=weight)
        assert found[row] == pytest.approx(expected, rel=1e-5)


def test_average_precision_of_a_class_without_patients() -> None:
    columns = np.ones((4, 2), dtype=np.float32)
    assert np.isnan(average_precision(np.arange(4.0), np.zeros(4, dtype=bool), columns)).all()
    columns[:2, 1] = 0
    positive = np.array([True, True, False, False])
    found = average_precision(np.arange(4.0), positive, columns)
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_a_class_that_is_never_predicted_has_no_precision_and_no_warning() -> None:
    counts = np.array([[5.0, 0, 1], [2, 0, 2], [1, 0, 9]])
    one = binary_measures(counts)
    assert np.isnan(one["precision"][1])  # of nobody called so none is right, and none is wrong
    assert one["recall"][1] == one["f1"][1] == 0
    expected = np.mean([5 / 8, 0, 9 / 12])  # as scikit-learn with zero_division=0
    assert overall(counts)["macro_precision"] == pytest.approx(expected)
    assert np.isnan(overall(np.zeros((3, 3)) + np.diag([4, 0, 0]))["kappa"])
