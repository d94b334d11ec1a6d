"""Average precision with its interval, against scikit-learn and closed forms."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score

from metrascope.statistics.average_precision import average_precisions
from metrascope.statistics.cohort import Readings
from metrascope.statistics.resampling import (
    bca,
    draw_patients,
    replicate_by_patient,
    student_quantile,
)

CLASSES = ("normal", "fibroid", "polyp")


def readings(seed: int, counts: tuple[int, ...] = (20, 20, 20), skill: float = 1.5) -> Readings:
    """Return what one network says of so many patients of each class."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), counts)
    scores = np.exp(rng.normal(size=(len(truth), 3)) + skill * np.eye(3)[truth])
    probabilities = scores / scores.sum(1, keepdims=True)
    units = np.arange(len(truth))
    return Readings(
        network="one",
        truth=truth,
        predicted=probabilities.argmax(1)[None],
        probabilities=probabilities[None],
        clusters=units,
        units=units,
        classes=3,
        seeds=(0,),
    )


def resamples(found: Readings, count: int = 400):
    return draw_patients(found.clusters, replicates=count)


def test_values_are_those_of_scikit_learn() -> None:
    found = readings(0)
    mean, *each = average_precisions(found, CLASSES, resamples(found))
    expected = [
        average_precision_score(found.truth == label, found.probabilities[0, :, label])
        for label in range(3)
    ]
    assert [one.value for one in each] == pytest.approx(expected, abs=1e-6)
    assert mean.value == pytest.approx(np.mean(expected), abs=1e-6)


def test_either_end_is_the_wider_of_bca_and_the_logit_scale() -> None:
    found = readings(1)
    drawn = resamples(found)

    def statistic(counts: np.ndarray) -> np.ndarray:
        scores, positive = found.probabilities[0, :, 0], found.truth == 0
        return np.array(
            [average_precision_score(positive, scores, sample_weight=row) for row in counts.T]
        )[:, None]

    replicates = replicate_by_patient(statistic, drawn)
    low, high = bca(replicates, smooth=True)
    value, error = replicates.value[0], replicates.drawn[:, 0].std(ddof=1)
    reach = student_quantile(60) * error / (value * (1 - value))
    own = average_precisions(found, CLASSES, drawn)[1]
    assert own.low == pytest.approx(min(low[0], expit(logit(value) - reach)), abs=1e-5)
    assert own.high == pytest.approx(max(high[0], expit(logit(value) + reach)), abs=1e-5)


def test_a_network_without_an_error_keeps_the_bootstrap_s_bound() -> None:
    found = readings(2, skill=30)
    mean, *each = average_precisions(found, CLASSES, resamples(found))
    for one in (mean, *each):
        assert one.value == one.high == 1
        assert one.low == pytest.approx(60 / (60 + stats.norm.ppf(0.975) ** 2), abs=1e-3)


def test_a_class_of_four_has_no_number_nor_has_their_mean() -> None:
    found = readings(3, counts=(20, 4, 20))
    mean, *each = average_precisions(found, CLASSES, resamples(found))
    assert [bool(np.isnan(one.value)) for one in (mean, *each)] == [True, False, True, False]


def test_intervals_hold_the_area_of_many_patients() -> None:
    many = readings(4, counts=(20_000, 20_000, 20_000))
    true = [
        average_precision_score(many.truth == label, many.probabilities[0, :, label])
        for label in range(3)
    ]
    held = 0
    for seed in range(100):
        found = readings(100 + seed)
        _, *each = average_precisions(found, CLASSES, resamples(found, 200))
        held += sum(one.low <= area <= one.high for one, area in zip(each, true, strict=True))
    # 300 intervals that three classes share by patient: 95 % with a standard error of 1.5 points.
    assert held >= 0.91 * 300


def test_labels_alone_have_none() -> None:
    found = readings(5)
    bare = Readings(**{**vars(found), "probabilities": None})
    with pytest.raises(ValueError, match="no probabilities"):
        average_precisions(bare, CLASSES, resamples(found))


@pytest.mark.parametrize("patients", [2, 30, 125])
def test_quantile_is_student_s_with_the_lost_degree_of_freedom(patients: int) -> None:
    expected = stats.t.ppf(0.975, patients - 1) * np.sqrt(patients / (patients - 1))
    assert student_quantile(patients) == pytest.approx(expected)
