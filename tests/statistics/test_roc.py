"""DeLong: pROC's documented example, all pairs, and patients with several units."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from metrascope.statistics.cohort import Readings
from metrascope.statistics.proportions import wilson
from metrascope.statistics.roc import Area, class_areas, delong_area, mean_area

# Ranks of two markers in 41 patients with a poor and 72 with a good outcome after a hemorrhage
# (Turck et al. 2010), from the placements that pROC (Robin et al. 2011) documents.
S100B = (
    "8 5 11 7 25 30 28 2 19 4 2 23 21 27 30 15 30 30 30 2 30 17 0 4 13 30 15 30 3 15 8 5 6 "
    "13 30 9 30 18 30 30 25",
    "8 9 5 1 26 12 5 5 1 3 1 4 6 2 12 2 6 8 12 1 11 9 20 4 29 26 11 2 24 26 6 3 4 3 1 8 5 9 "
    "10 1 1 4 1 4 3 11 4 3 19 6 16 2 5 18 2 1 14 22 5 10 3 9 5 2 1 12 10 26 12 10 29 27",
)
WFNS = (
    "2 1 3 4 4 4 4 1 4 1 0 1 4 3 3 1 4 4 4 1 4 1 4 1 3 4 3 3 0 3 3 1 1 4 4 1 1 4 4 4 4",
    "0 0 0 0 4 0 1 1 0 1 1 0 0 0 1 0 1 0 0 2 3 0 3 0 4 4 0 0 1 3 0 0 1 1 0 1 0 1 1 0 0 0 0 "
    "1 0 1 0 0 2 1 3 1 0 3 0 0 4 3 1 1 0 0 0 2 0 1 1 3 3 0 0 0",
)
POOR = np.array([True] * 41 + [False] * 72)
PATIENTS = np.arange(113)


def scores(marker: tuple[str, str]) -> np.ndarray:
    return np.array([float(rank) for side in marker for rank in side.split()])[None]


def test_area_and_variance_of_procs_example() -> None:
    found = delong_area(scores(S100B), POOR, PATIENTS)
    assert found.value == pytest.approx(0.731368563685637, abs=1e-14)
    half = 1.959963984540054 * np.sqrt(found.variance)
    ends = found.value - half, found.value + half
    assert ends == pytest.approx((0.6301182, 0.8326189), abs=1e-6)


def test_interval_is_on_the_logit_scale_and_wider_where_a_class_is_rare() -> None:
    found = delong_area(scores(S100B), POOR, PATIENTS)
    error = np.sqrt(found.variance) / (found.value * (1 - found.value))
    interval = found.interval()
    assert logit(interval.high) + logit(interval.low) == pytest.approx(2 * logit(found.value))
    reach = (logit(interval.high) - logit(interval.low)) / 2 / error
    # Welch's degrees of freedom of 41 patients with the class and 72 without.
    with_class, without = ((found.parts[side] ** 2).sum() for side in (POOR, ~POOR))
    freedom = found.variance**2 / (with_class**2 / 40 + without**2 / 71)
    assert reach == pytest.approx(stats.t.ppf(0.975, freedom))


@pytest.mark.parametrize("rare", [6, 9])
def test_ends_with_a_rare_class_are_no_closer_than_newcombes(rare: int) -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(rare + 60) < rare
    found = delong_area(
        rng.normal(size=(1, rare + 60)) + 2 * positive, positive, np.arange(rare + 60)
    )
    ends = found.interval()
    delong = replace(found, most=0).interval()
    for end, own in ((ends.low, delong.low), (ends.high, delong.high)):
        # Hanley and McNeil's variance at the end, with 1 less than the mean of both numbers.
        middle = (rare + 60) / 2 - 1
        spread = 1 + middle * ((1 - end) / (2 - end) + end / (1 + end))
        reach = stats.norm.ppf(0.975) * np.sqrt(end * (1 - end) * spread / (rare * 60))
        assert end == pytest.approx(own) or abs(end - found.value) == pytest.approx(reach)
        assert abs(end - found.value) >= abs(own - found.value) - 1e-12
    assert (ends.low, ends.high) != (delong.low, delong.high)


def test_intervals_of_a_class_of_six_hold_the_area() -> None:
    """DeLong's alone held it in 90 % of such studies."""
    rng, held = np.random.default_rng(5), 0
    positive, patients = np.arange(125) < 6, np.arange(125)
    shift = 2.2
    true = stats.norm.cdf(shift / np.sqrt(2))
    for _ in range(300):
        ends = delong_area(
            rng.normal(size=(1, 125)) + shift * positive, positive, patients
        ).interval()
        held += ends.low <= true <= ends.high
    assert held >= 0.93 * 300


def test_paired_test_of_procs_example() -> None:
    first, second = (delong_area(scores(one), POOR, PATIENTS) for one in (WFNS, S100B))
    assert (first - second).p_value() == pytest.approx(0.0271757822291882, abs=1e-10)
    # pROC's interval is the normal one; ours follows the logit of either area, and Student's t.
    interval = first.difference_interval(second)
    assert interval.low == pytest.approx(0.0104061769564846, abs=0.01)
    assert interval.high == pytest.approx(0.174214419249478, abs=0.01)


def test_difference_of_areas_in_closed_form() -> None:
    first, second = (delong_area(scores(one), POOR, PATIENTS) for one in (WFNS, S100B))
    one, other, both = (
        first.interval(),
        second.interval(),
        np.sqrt(first.variance * second.variance),
    )
    correlation = (first.variance + second.variance - (first - second).variance) / (2 * both)
    down, up = one.value - one.low, other.high - other.value
    expected = one.value - other.value - np.sqrt(down**2 + up**2 - 2 * correlation * down * up)
    freedom = min(first.freedom, second.freedom)
    error = np.sqrt((first - second).variance)
    of_delong = one.value - other.value - stats.t.ppf(0.975, freedom) * error
    found = first.difference_interval(second)
    assert found.low == pytest.approx(min(expected, of_delong))


def test_two_networks_that_read_everyone_right_may_still_differ() -> None:
    has = np.arange(30) < 10
    right = delong_area(has[None].astype(float), has, np.arange(30))
    found = right.difference_interval(right)
    # Either may truly be as low as Wilson's end for 10 of 10.
    assert (found.low, found.value) == pytest.approx((-(1 - wilson(10, 10).low), 0.0))
    assert found.high == -found.low


def test_identical_curves_do_not_differ() -> None:
    one = delong_area(scores(WFNS), POOR, PATIENTS)
    assert (one - one).p_value() == 1.0


@pytest.mark.parametrize("seed", range(5))
def test_variance_equals_that_of_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(40) < 0.4
    values = np.round(rng.normal(size=(1, 40)) + positive, 1)
    found = delong_area(values, positive, np.arange(40))
    ahead = values[0][positive][:, None] - values[0][~positive][None]
    won = (ahead > 0) + 0.5 * (ahead == 0)
    expected = (
        won.mean(1).var(ddof=1) / positive.sum() + won.mean(0).var(ddof=1) / (~positive).sum()
    )
    assert found.value == pytest.approx(roc_auc_score(positive, values[0]), abs=1e-12)
    assert found.variance == pytest.approx(expected, rel=1e-10)


def test_units_of_one_patient_are_not_independent() -> None:
    rng = np.random.default_rng(0)
    positive = np.repeat(rng.random(50) < 0.5, 3)
    values = (np.repeat(rng.normal(size=50), 3) + positive)[None]
    patients = np.repeat(np.arange(50), 3)
    together = delong_area(values, positive, patients).variance
    once = delong_area(values[:, ::3], positive[::3], np.arange(50)).variance
    apart = delong_area(values, positive, np.arange(150)).variance
    assert together == pytest.approx(once, rel=0.06)
    assert apart < 0.5 * together


def test_macro_area_is_the_mean_and_its_parts_add_up() -> None:
    rng = np.random.default_rng(1)
    probabilities = rng.dirichlet(np.ones(3), size=(2, 60))
    truth = rng.integers(0, 3, 60)
    readings = Readings(
        "a", 3, (0, 1), np.arange(60), truth, np.arange(60), probabilities.argmax(2), probabilities
    )
    areas = class_areas(readings)
    expected = [
        np.mean([roc_auc_score(truth == label, one[:, label]) for one in probabilities])
        for label in range(3)
    ]
    assert [one.value for one in areas] == pytest.approx(expected, abs=1e-12)
    macro = mean_area(areas)
    assert macro.value == pytest.approx(np.mean(expected), abs=1e-12)
    assert macro.variance == pytest.approx(
        (np.mean([one.parts for one in areas], axis=0) ** 2).sum(), rel=1e-12
    )


def test_no_overlap_does_not_pretend_to_be_certain() -> None:
    positive = np.arange(30) < 10
    found = delong_area(positive.astype(float)[None], positive, np.arange(30)).interval()
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(10 / (10 + 1.959963984540054**2))


def test_a_side_without_patients_has_no_area() -> None:
    found = delong_area(np.zeros((1, 5)), np.zeros(5, dtype=bool), np.arange(5))
    assert np.isnan(found.value)
    assert np.isnan(found.interval().low)
    assert np.isnan(found.p_value())


def test_freedom_of_a_mean_is_that_of_the_class_that_brings_the_variance() -> None:
    rng = np.random.default_rng(3)
    parts = rng.normal(size=(2, 40)) * np.array([[0.02], [0.001]])
    rare, common = Area(0.8, parts[0], 6, 6.0), Area(0.9, parts[1], 40, 60.0)
    assert mean_area([rare, common]).freedom == pytest.approx(6, rel=0.05)
    assert mean_area([common, common]).freedom == pytest.approx(120)
