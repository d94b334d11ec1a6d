"""Paired tests against statsmodels; what luck gains; when nothing can be told."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar
from statsmodels.stats.multitest import multipletests

from metrascope.statistics.cohort import Cohort, Readings
from metrascope.statistics.comparison import cochran_q, compare_networks, exact_sign_flip, holm
from metrascope.statistics.interval import Interval
from metrascope.statistics.performance import performance
from metrascope.statistics.resampling import draw_patients

CLASSES = ("normal", "fibroid", "polyp")


def made(skills: dict[str, float], n: int = 150, seed: int = 0, seeds: int = 1) -> Cohort:
    """Return networks whose scores stand apart by so many standard deviations."""
    rng = np.random.default_rng(seed)
    truth, units = rng.integers(0, 3, n), np.arange(n)
    readings = {}
    for name, skill in skills.items():
        scores = rng.normal(size=(seeds, n, 3)) + skill * np.eye(3)[truth]
        raised = np.exp(scores)
        probabilities = raised / raised.sum(2, keepdims=True)
        readings[name] = Readings(
            name, 3, tuple(range(seeds)), units, truth, units, scores.argmax(2), probabilities
        )
    table = pd.DataFrame({"patient_id": units.astype(str), "label": np.array(CLASSES)[truth]})
    return Cohort("test", CLASSES, table, readings)


def compared(people: Cohort, replicates: int = 1000) -> dict:  # type: ignore[type-arg]
    resamples = draw_patients(np.arange(len(people.table)), replicates=replicates, seed=0)
    each = {name: performance(one, CLASSES, resamples) for name, one in people.readings.items()}
    macro_f1 = {name: drawn for name, (_, drawn) in each.items()}
    ends = ("value", "low", "high")
    intervals = {
        name: Interval(*(numbers["macro_f1"][end] for end in ends))
        for name, (numbers, _) in each.items()
    }
    return compare_networks(people, macro_f1, intervals)


def test_difference_of_macro_f1_is_no_narrower_than_its_parts_make_it() -> None:
    people = made({"a": 1.0, "b": 1.0}, n=60, seed=5)
    resamples = draw_patients(np.arange(60), replicates=1000, seed=0)
    each = [performance(one, CLASSES, resamples) for one in people.readings.values()]
    one, other = (numbers["macro_f1"] for numbers, _ in each)
    correlation = np.corrcoef(each[0][1].drawn, each[1][1].drawn)[0, 1]
    down, up = one["value"] - one["low"], other["high"] - other["value"]
    half = np.sqrt(down**2 + up**2 - 2 * correlation * down * up)
    found = compared(people)["pairs"][0]["macro_f1"]
    assert found["value"] - found["low"] >= half - 1e-9


@pytest.mark.parametrize("seed", range(4))
def test_sign_flips_are_mcnemars_exact_test(seed: int) -> None:
    people = made({"a": 1.0, "b": 0.5}, n=80, seed=seed)
    right = [one.predicted[0] == one.truth for one in people.readings.values()]
    table = [
        [int((right[0] & right[1]).sum()), int((right[0] & ~right[1]).sum())],
        [int((~right[0] & right[1]).sum()), int((~right[0] & ~right[1]).sum())],
    ]
    expected = mcnemar(table, exact=True).pvalue
    assert exact_sign_flip(right[0].astype(int) - right[1]) == pytest.approx(expected, rel=1e-9)
    assert compared(people)["pairs"][0]["accuracy"]["p"] == pytest.approx(expected, rel=1e-9)


def test_sign_flips_of_any_sizes_by_counting_all() -> None:
    differences = np.array([3, -1, 2, 2, 0, -4, 1, 5, 3, 3])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product((-1, 1), repeat=10)]
    expected = np.mean(np.array(sums) >= abs(differences.sum()))
    assert exact_sign_flip(differences) == pytest.approx(expected, abs=1e-12)


def test_cochrans_q_agrees_with_statsmodels() -> None:
    correct = (np.random.default_rng(0).random((8, 60)) < 0.7).astype(float)
    expected = cochrans_q(correct.T)
    found = cochran_q(correct)
    assert found["statistic"] == pytest.approx(expected.statistic)
    assert found["p"] == pytest.approx(expected.pvalue)
    assert found["degrees_of_freedom"] == 7


def test_cochrans_q_of_networks_that_agree_is_not_defined() -> None:
    assert cochran_q(np.ones((3, 10)))["p"] is None


def test_cochrans_q_of_two_networks_is_mcnemars_test_and_not_shown() -> None:
    correct = (np.random.default_rng(0).random((2, 40)) < 0.7).astype(float)
    assert cochran_q(correct)["p"] is None


def test_holm_agrees_with_statsmodels() -> None:
    p_values = np.random.default_rng(0).random(28) ** 3
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected)
    with_gap = holm([0.01, np.nan, 0.03])
    assert with_gap[[0, 2]] == pytest.approx([0.02, 0.03])
    assert np.isnan(with_gap[1])


def test_equal_networks_are_not_told_apart_and_luck_is_the_maximum_of_noise() -> None:
    found = compared(made(dict.fromkeys("abcdefgh", 1.2), n=200))
    assert found["ranking"]["told_apart"] == 0
    assert found["ranking"]["pairs"] == 28
    spread = found["luck"]["if_equal"]
    # Eight independent normal values: the best is 1.42 standard deviations above their mean.
    error = np.sqrt(0.75 * 0.25 / 200)
    assert spread == pytest.approx(1.42 * error, rel=0.25)
    assert 0 < found["luck"]["optimism"] < 2 * spread
    assert sum(found["ranking"]["best_of_resamples"].values()) == pytest.approx(1)


def test_a_far_better_network_is_told_apart_by_every_test() -> None:
    found = compared(made({"good": 3.0, "poor": 0.3, "fair": 0.4}))
    ranking = found["ranking"]
    assert ranking["order"][0] == "good"
    assert set(ranking["told_from_best"]) == {"poor", "fair"}
    first = found["pairs"][0]
    for test in ("macro_f1", "macro_auc", "accuracy"):
        assert first[test]["low"] > 0
        assert first[test]["p_holm"] < 0.01
        assert first[test]["p_holm"] >= first[test]["p"]
    assert 0 < first["patients_needed"] < 150


@pytest.mark.parametrize("seed", [2, 3, 4, 6, 10, 11, 14])
def test_p_is_under_five_percent_only_where_the_interval_leaves_zero_out(seed: int) -> None:
    # With these seeds one of the tests gives p < 0.05 to an interval that holds 0.
    found = compared(made({"a": 3.2, "b": 2.0}, n=60, seed=seed), 300)["pairs"][0]
    for test in ("macro_f1", "macro_auc"):
        if found[test]["low"] <= 0 <= found[test]["high"]:
            assert found[test]["p"] >= 0.05 - 1e-6
        else:
            assert found[test]["p"] < 0.06


def test_bootstrap_p_is_never_zero() -> None:
    found = compared(made({"good": 6.0, "poor": 0.0}), replicates=500)
    assert 0 < found["pairs"][0]["macro_f1"]["p"] <= 2 / 501


def test_several_seeds_are_compared_by_patient() -> None:
    people = made({"a": 1.0, "b": 1.0}, seeds=3)
    found = compared(people)["pairs"][0]["accuracy"]
    rates = [(one.predicted == one.truth).mean() for one in people.readings.values()]
    assert found["value"] == pytest.approx(rates[0] - rates[1])
    apart = np.subtract(*[(one.predicted == one.truth).sum(0) for one in people.readings.values()])
    wilcoxon = stats.permutation_test(
        (apart,), np.sum, permutation_type="samples", n_resamples=20000, rng=0
    )
    assert found["p"] == pytest.approx(wilcoxon.pvalue, abs=0.02)
