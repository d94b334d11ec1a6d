"""MOVER against statsmodels, its own defining equation and the coverage of two binomials."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom
from statsmodels.stats.proportion import confint_proportions_2indep

from metrascope.statistics.interval import Interval
from metrascope.statistics.mover import hull, mean_interval, ratio, weighted_sum
from metrascope.statistics.proportions import wilson

CELLS = [(9, 12, 3, 40), (6, 6, 1, 54), (1, 6, 50, 54), (20, 23, 4, 102)]


@pytest.mark.parametrize(("hits", "n", "others", "m"), [*CELLS, (6, 6, 0, 54), (0, 6, 54, 54)])
def test_difference_of_proportions_is_newcombes(hits: int, n: int, others: int, m: int) -> None:
    found = weighted_sum([wilson(hits, n), wilson(others, m)], [1, -1])
    expected = confint_proportions_2indep(hits, n, others, m, compare="diff", method="newcomb")
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("hits", "n", "others", "m"), CELLS)
def test_ratio_is_where_the_difference_from_it_is_just_not_0(
    hits: int, n: int, others: int, m: int
) -> None:
    above, below = wilson(hits, n), wilson(others, m)
    found = ratio(above, below)

    def end(times: float, side: str) -> float:
        return float(getattr(weighted_sum([above, below], [1, -times]), side))

    assert found.value == pytest.approx(hits / n / (others / m))
    assert found.low == pytest.approx(brentq(end, 1e-6, found.value, args=("low",)))
    assert found.high == pytest.approx(brentq(end, found.value, 1e6, args=("high",)))


@pytest.mark.parametrize(("hits", "n", "others", "m"), CELLS)
def test_ratio_is_close_to_the_score_interval(hits: int, n: int, others: int, m: int) -> None:
    found = ratio(wilson(hits, n), wilson(others, m))
    theirs = confint_proportions_2indep(hits, n, others, m, compare="ratio", method="score")
    assert np.log([found.low, found.high]) == pytest.approx(np.log(theirs), abs=0.45)


@pytest.mark.parametrize(
    ("n", "p", "m", "q"),
    [
        (23, 0.9, 102, 0.01),
        (6, 0.85, 54, 0.05),
        (6, 0.2, 119, 0.9),
        (42, 0.02, 83, 0.97),
        (20, 0.8, 40, 0.1),
    ],
)
def test_ratio_of_two_binomials_is_held_in_95_of_100(n: int, p: float, m: int, q: float) -> None:
    """Every table there can be, weighted by how likely it is."""
    hits, others = binom.pmf(np.arange(n + 1), n, p), binom.pmf(np.arange(m + 1), m, q)
    held = 0.0
    for i, one in enumerate(hits):
        for j, other in enumerate(others):
            if i or j:
                found = ratio(wilson(i, n), wilson(j, m))
                held += one * other * (found.low <= p / q <= found.high)
    assert 0.93 < held / (1 - hits[0] * others[0]) < 0.985


def test_nobody_below_leaves_a_lower_end() -> None:
    found = ratio(wilson(20, 23), wilson(0, 102))
    assert found.value == found.high == np.inf
    # Se (0.87) over the most that the false positive rate may be, somewhat less for both.
    assert 15 < found.low < 20 / 23 / wilson(0, 102).high


def test_nobody_above_is_0_with_an_upper_end() -> None:
    found = ratio(wilson(0, 23), wilson(100, 102))
    assert found.value == found.low == 0
    assert found.high == pytest.approx(wilson(0, 23).high / (100 / 102), rel=0.01)


def test_what_is_not_defined_stays_so() -> None:
    nothing = wilson(0, 0)
    for found in (
        ratio(nothing, wilson(1, 3)),
        ratio(wilson(0, 3), wilson(0, 3)),
        weighted_sum([nothing, wilson(1, 3)], [1, 1]),
        mean_interval([]),
    ):
        assert np.isnan([found.value, found.low, found.high]).all()
    assert weighted_sum([nothing, wilson(1, 3)], [0, 1]) == wilson(1, 3)


def test_correlation_narrows_a_difference_and_widens_a_sum() -> None:
    parts = [Interval(0.5, 0.4, 0.6), Interval(0.3, 0.2, 0.4)]
    apart = weighted_sum(parts, [1, -1], correlation=0.5)
    together = weighted_sum(parts, [1, 1], correlation=0.5)
    # Of equal variances v: v + v - 2 v / 2 and v + v + 2 v / 2.
    assert apart.high - apart.value == pytest.approx(0.1)
    assert together.high - together.value == pytest.approx(0.1 * np.sqrt(3))


def test_hull_takes_the_wider_end_of_either() -> None:
    one, other = Interval(0.5, 0.4, 0.6), Interval(0.5, 0.45, 0.7)
    assert hull(one, other) == Interval(0.5, 0.4, 0.7)
    assert hull(one, Interval(0.5, np.nan, np.nan)) == one
