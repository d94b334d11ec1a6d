"""Numbers of patients against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.power import NormalIndPower

from metrascope.statistics.interval import Interval
from metrascope.statistics.power import for_difference, for_width


def test_difference_agrees_with_statsmodels() -> None:
    # One sample of differences with standard deviation 1.
    expected = NormalIndPower(ddof=0).solve_power(
        effect_size=0.2, power=0.8, alpha=0.05, ratio=0, alternative="two-sided"
    )
    assert for_difference(0.2, 1 / np.sqrt(50), 50) == pytest.approx(expected, abs=1)


def test_width_of_a_proportion() -> None:
    half = 1.959964 * np.sqrt(0.8 * 0.2 / 125)
    found = for_width(Interval(0.8, 0.8 - half, 0.8 + half), 125)
    assert found == int(np.ceil(1.959964**2 * 0.16 / 0.05**2))


def test_no_difference_is_shown_by_no_number() -> None:
    assert for_difference(0.0, 0.1, 50) is None
    assert for_difference(float("nan"), 0.1, 50) is None
    assert for_difference(0.1, 0.0, 50) is None


def test_too_few_patients_are_not_extrapolated_from() -> None:
    assert for_width(Interval(0.5, float("nan"), float("nan")), 50) is None
    assert for_width(Interval(1.0, 0.2, 1.0), 9) is None
    assert for_difference(0.2, 0.1, 9) is None
