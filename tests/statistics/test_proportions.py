"""Wilson's interval against statsmodels; patients with several counts."""

import numpy as np
import pytest
from scipy.stats import binom, chi2
from statsmodels.stats.proportion import proportion_confint

from metrascope.statistics.proportions import modified_wilson, proportion, wilson


@pytest.mark.parametrize(("hits", "trials"), [(0, 12), (1, 12), (7, 20), (50, 59), (23, 23)])
def test_wilson_agrees_with_statsmodels(hits: int, trials: int) -> None:
    found = wilson(hits, trials)
    low, high = proportion_confint(hits, trials, method="wilson")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.value == hits / trials


@pytest.mark.parametrize("trials", [6, 20, 23, 42, 60, 125])
def test_modified_interval_holds_close_to_0_and_1(trials: int) -> None:
    """Exact coverage, by the binomial: Wilson's falls to 83 % for some."""
    chances = np.linspace(0.8, 0.9995, 400)
    weights = binom.pmf(np.arange(trials + 1)[:, None], trials, chances)
    covered = {}
    for interval in (wilson, modified_wilson):
        each = [interval(hits, trials) for hits in range(trials + 1)]
        low, high = (np.array([getattr(one, end) for one in each]) for end in ("low", "high"))
        inside = (low[:, None] <= chances) & (chances <= high[:, None])
        covered[interval] = (weights * inside).sum(0).min()
    assert covered[wilson] < 0.89
    assert covered[modified_wilson] > 0.915


@pytest.mark.parametrize(("hits", "trials"), [(1, 23), (2, 23), (3, 60)])
def test_modified_ends_are_those_of_poisson_variables(hits: int, trials: int) -> None:
    expected = chi2.ppf(0.05, 2 * hits) / 2 / trials
    assert modified_wilson(hits, trials).low == pytest.approx(expected)
    assert modified_wilson(trials - hits, trials).high == pytest.approx(1 - expected)
    assert modified_wilson(hits, trials).high == wilson(hits, trials).high


@pytest.mark.parametrize(("hits", "trials"), [(0, 23), (3, 23), (4, 60), (23, 23), (1, 1), (2, 2)])
def test_elsewhere_the_interval_is_wilsons(hits: int, trials: int) -> None:
    assert modified_wilson(hits, trials) == wilson(hits, trials)


def test_nothing_counted_is_not_defined() -> None:
    assert np.isnan(wilson(0, 0).value)
    found = proportion([[True, False]], [[False, False]], np.arange(2))
    assert np.isnan(found.low)


def test_patients_who_count_once_have_wilsons_interval() -> None:
    rng = np.random.default_rng(0)
    hits, trials = rng.random((1, 60)) < 0.8, rng.random((1, 60)) < 0.5
    found = proportion(hits, trials, np.arange(60))
    expected = wilson((hits & trials).sum(), trials.sum())
    assert found == expected


def test_copies_of_a_unit_add_nothing() -> None:
    rng = np.random.default_rng(1)
    hits = rng.random((1, 40)) < 0.7
    once = proportion(hits, np.ones_like(hits), np.arange(40))
    thrice = proportion(
        np.repeat(hits, 3, 1), np.ones((1, 120), dtype=bool), np.repeat(np.arange(40), 3)
    )
    assert thrice.value == pytest.approx(once.value)
    width = thrice.high - thrice.low
    assert width == pytest.approx(once.high - once.low, rel=0.03)


def test_more_seeds_are_not_more_patients() -> None:
    rng = np.random.default_rng(2)
    hits = rng.random((20, 40)) < 0.7
    found = proportion(hits, np.ones_like(hits), np.arange(40))
    one = wilson(40 * hits.mean(), 40)
    assert found.high - found.low == pytest.approx(one.high - one.low)
    alike = np.repeat(hits[:1], 20, axis=0)
    same = proportion(alike, np.ones_like(alike), np.arange(40))
    alone = wilson(hits[0].sum(), 40)
    assert same.high - same.low == pytest.approx(alone.high - alone.low, rel=0.03)
