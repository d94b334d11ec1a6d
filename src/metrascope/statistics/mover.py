"""Intervals of sums, means and ratios, from the intervals of their parts.

The method of variance estimates recovery (MOVER): the distance from an estimate to its own limit
holds the variance that it would have there, so that limits of proportions near 0 or 1 keep what a
variance at the estimate loses. Nothing is drawn, and a cell of 0 needs no special case.

Zou GY, Donner A. Stat Med 2008;27:1693-1702 (sums). Donner A, Zou GY. Stat Methods Med Res
2012;21:347-359 and Newcombe RG. Stat Methods Med Res 2016;25:1774-1778 (ratios).
"""

from collections.abc import Sequence
from math import inf, isnan, nan, sqrt

from metrascope.statistics.interval import Interval


def weighted_sum(
    parts: Sequence[Interval], weights: Sequence[float], correlation: float = 0.0
) -> Interval:
    """Return the interval of a weighted sum of estimates.

    Parameters
    ----------
    parts
        Estimates with their intervals.
    weights
        Factor of each estimate; a negative one subtracts. Parts of weight 0 do not matter.
    correlation
        Correlation of any two of the estimates, -1 to 1.

    Returns
    -------
    Interval of the sum; NaN throughout where a part that matters is not defined.
    """
    counted = [(part, weight) for part, weight in zip(parts, weights, strict=True) if weight != 0]
    value = float(sum(weight * part.value for part, weight in counted))
    # What lowers a part raises the sum where its weight is negative.
    downs = [
        weight * (part.value - (part.low if weight > 0 else part.high)) for part, weight in counted
    ]
    ups = [
        weight * ((part.high if weight > 0 else part.low) - part.value) for part, weight in counted
    ]
    signs = [1.0 if weight > 0 else -1.0 for _, weight in counted]
    return Interval(
        value, value - _root(downs, signs, correlation), value + _root(ups, signs, correlation)
    )


def mean_interval(parts: Sequence[Interval]) -> Interval:
    """Return the interval of the mean of independent estimates; NaN where there is none."""
    if not parts:
        return Interval(nan, nan, nan)
    return weighted_sum(parts, [1 / len(parts)] * len(parts))


def ratio(above: Interval, below: Interval) -> Interval:
    """Return the interval of a ratio of two independent estimates that are not negative.

    Where the lower estimate is 0 the ratio has no value and no upper end, but still a lower end.

    Parameters
    ----------
    above, below
        Numerator and denominator, such as sensitivity and false positive rate.

    Returns
    -------
    From 0 to infinity: a value and an end that are infinite are infinite in the interval; NaN
    throughout where both estimates are 0 or one is not defined.
    """
    if isnan(above.value) or isnan(below.value) or above.value == below.value == 0:
        return Interval(nan, nan, nan)
    product = above.value * below.value
    low, high = 0.0, inf
    if above.value > 0:
        # The limit as printed, multiplied out: the arc of the upper end passes through 0.
        arc = _arc(above, above.low)
        root = sqrt(max(product**2 - arc * _arc(below, below.high), 0.0))
        low = arc / (product + root) if product + root > 0 else inf
    if (arc := _arc(below, below.low)) > 0:
        high = (product + sqrt(max(product**2 - _arc(above, above.high) * arc, 0.0))) / arc
    value = above.value / below.value if below.value > 0 else inf
    return Interval(value, min(low, value), max(high, value))


def hull(one: Interval, other: Interval) -> Interval:
    """Return the first estimate with the wider of the two ends on either side."""
    if isnan(other.low) or isnan(one.low):
        return one
    return Interval(one.value, min(one.low, other.low), max(one.high, other.high))


def _arc(estimate: Interval, end: float) -> float:
    """Return end (2 estimate - end): the estimate squared, less the squared distance to its end."""
    return end * (2 * estimate.value - end)


def _root(distances: Sequence[float], signs: Sequence[float], correlation: float) -> float:
    """Return the distance of a sum from its end, from those of its parts, all 0 or more."""
    squares = sum(distance**2 for distance in distances)
    if correlation:
        signed = sum(distance * sign for distance, sign in zip(distances, signs, strict=True))
        squares += correlation * (signed**2 - squares)
    return sqrt(max(squares, 0.0))
