"""Ratios of two rates: likelihood ratios, and predictive values at a stated prevalence.

Both compare how often a class is named among those who have it and among those who have not. These
are different patients, so that the interval of the ratio follows from Wilson's of the two rates
(`metrascope.statistics.mover.ratio`). It has an end where a cell of the table is 0, where neither
a bootstrap nor a logarithm has one: with nobody called falsely the ratio may be as high as one
likes, and is still no lower than the upper end of the false positive rate allows.
"""

from collections.abc import Sequence
from itertools import combinations
from math import inf

import numpy as np

from metrascope.statistics import mover
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.shares import called_as


def likelihood_ratios(sensitivity: Interval, specificity: Interval) -> dict[str, Interval]:
    """Return ``lr_positive`` and ``lr_negative`` of a class against the others.

    Sensitivity / (1 - specificity) and (1 - sensitivity) / specificity. With several replications
    the rates are the pooled ones: a mean of ratios would leave out the replications without a
    false positive, whose ratio is infinite.

    Parameters
    ----------
    sensitivity, specificity
        With Wilson's intervals, as `metrascope.statistics.shares.class_shares` returns them.
    """
    return {
        "lr_positive": mover.ratio(sensitivity, _complement(specificity)),
        "lr_negative": mover.ratio(_complement(sensitivity), specificity),
    }


def predictive_values(readings: Readings, shares: Sequence[float]) -> list[dict[str, Interval]]:
    """Return ``precision`` and ``npv`` of each class where the classes are as frequent as stated.

    The odds of a predictive value are a ratio of rates: who is called so rightly to who is called
    so falsely. The false positive rate is that of a mix of the other classes, whose interval
    follows from those of its parts and, where patients have several of these classes, from how
    their rates vary together.

    Parameters
    ----------
    readings
        Readings of one network; with several replications the rates are the pooled ones.
    shares
        Share of each class, adding up to 1.
    """
    values = []
    for label in range(readings.classes):
        called = called_as(readings, label)
        correlation = _correlation(readings, label)
        spared = [_complement(one) for one in called]
        having = [share if place == label else 0.0 for place, share in enumerate(shares)]
        lacking = [0.0 if place == label else share for place, share in enumerate(shares)]
        values.append(
            {
                "precision": _share_from_odds(called, having, lacking, correlation),
                "npv": _share_from_odds(spared, lacking, having, correlation),
            }
        )
    return values


def _correlation(readings: Readings, label: int) -> float:
    """Return the correlation of the rates at which two other classes are called this one.

    From each patient's contribution to either, of two other classes or the largest of several
    pairs; 0 where no patient has both, and never below it, so that intervals get wider alone. Taken
    for independent, with a fifth of the patients having both lesions, the positive predictive value
    of normal was held in 91.5 to 92.9 % of 1,000 simulated studies.
    """
    patients = int(readings.clusters.max()) + 1
    gets = (readings.predicted == label).mean(0)
    parts = []
    for other in set(range(readings.classes)) - {label}:
        has = readings.truth == other
        if has.any():
            deviations = np.where(has, gets - gets[has].mean(), 0.0)
            parts.append(np.bincount(readings.clusters, weights=deviations, minlength=patients))
    lengths = [float(np.sqrt((one**2).sum())) for one in parts]
    correlations = [
        float(parts[first] @ parts[second]) / (lengths[first] * lengths[second])
        for first, second in combinations(range(len(parts)), 2)
        if lengths[first] * lengths[second] > 0
    ]
    return max([0.0, *correlations])


def _share_from_odds(
    rates: Sequence[Interval], right: Sequence[float], wrong: Sequence[float], correlation: float
) -> Interval:
    """Return the share of the right among all, the rates being weighted by either."""
    above, below = (
        _bounded(mover.weighted_sum(rates, weights, correlation)) for weights in (right, wrong)
    )
    odds = mover.ratio(above, below)
    return Interval(*(1.0 if end == inf else end / (1 + end) for end in _ends(odds)))


def _bounded(one: Interval) -> Interval:
    return Interval(one.value, max(one.low, 0.0), one.high)


def _ends(one: Interval) -> tuple[float, float, float]:
    return one.value, one.low, one.high


def _complement(share: Interval) -> Interval:
    return Interval(1 - share.value, 1 - share.high, 1 - share.low)
