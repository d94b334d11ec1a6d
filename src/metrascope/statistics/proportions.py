"""Intervals of proportions of patients.

Wilson's score interval (1927) for patients who count once, modified near 0 and 1. Where several
counts belong to one patient (units of two classes, or several seeds) the number that enters is the
effective one: that of independent patients whose proportion would vary as much as this one does
between patients.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from metrascope.arrays import Floats
from metrascope.statistics.interval import Interval, Z

# With up to 50 trials two successes are few, with more three, and their Poisson end has 5 % beyond
# it (Brown, Cai & DasGupta 2001).
_FEW_SUCCESSES: Final = 2
_MANY_TRIALS: Final = 50
_ONE_SIDED: Final = 0.05


def wilson(successes: float, trials: float) -> Interval:
    """Return Wilson's interval for independent trials; all NaN where there is none.

    Parameters
    ----------
    successes, trials
        Counts; an effective number need not be whole.
    """
    if trials <= 0:
        return Interval(np.nan, np.nan, np.nan)
    share = successes / trials
    center = (share + Z**2 / (2 * trials)) / (1 + Z**2 / trials)
    half = Z * np.sqrt(share * (1 - share) / trials + Z**2 / (4 * trials**2)) / (1 + Z**2 / trials)
    low, high = max(0.0, float(center - half)), min(1.0, float(center + half))
    return Interval(share, min(low, share), max(high, share))


def modified_wilson(successes: float, trials: float) -> Interval:
    """Return Wilson's interval with ends that hold where next to none, or next to all, succeed.

    With one to three successes, or failures, its end on that side is that of a Poisson variable:
    Wilson's falls to a coverage of 84 % at proportions close to 0 and 1, this one to 91.6 % (Brown,
    Cai & DasGupta 2001).

    Parameters and returns as of `wilson`.
    """
    score = wilson(successes, trials)
    few = _FEW_SUCCESSES if trials <= _MANY_TRIALS else _FEW_SUCCESSES + 1
    low, high = score.low, score.high
    if 0 < successes <= min(few, trials / 2):
        low = min(low, float(gammaincinv(successes, _ONE_SIDED)) / trials)
    if 0 < trials - successes <= min(few, trials / 2):
        high = max(high, 1 - float(gammaincinv(trials - successes, _ONE_SIDED)) / trials)
    return Interval(score.value, low, high)


def proportion(
    hits: npt.ArrayLike, trials: npt.ArrayLike, clusters: npt.NDArray[np.int64]
) -> Interval:
    """Return the pooled proportion with Wilson's interval for the effective number of patients.

    Parameters
    ----------
    hits, trials
        Whether a unit counts as a success, and whether it counts at all, (replications, n).
    clusters
        Number of each unit's patient, (n,).

    Notes
    -----
    The variance between patients of a ratio of sums, ``C/(C-1) Σ (h - p t)² / (Σ t)²``, gives the
    effective number ``p (1 - p) / variance`` (Korn & Graubard 1998). It is taken no larger than
    the number of trials of one replication, since more seeds are not more patients.
    """
    weights = np.asarray(trials, dtype=np.float64)
    successes = np.asarray(hits, dtype=np.float64) * weights
    total = weights.sum()
    if total == 0:
        return Interval(np.nan, np.nan, np.nan)
    share = float(successes.sum() / total)
    of_patient = np.stack([_by_patient(part.sum(0), clusters) for part in (successes, weights)])
    present = of_patient[:, of_patient[1] > 0]
    patients, most = present.shape[1], float(weights.sum(1).mean())
    effective = min(most, patients)
    if (present[1] > 1).any() and 0 < share < 1 and patients > 1:
        residual = present[0] - share * present[1]
        variance = patients / (patients - 1) * float((residual**2).sum()) / total**2
        effective = min(most, share * (1 - share) / variance) if variance > 0 else effective
    return modified_wilson(share * effective, effective)


def _by_patient(values: Floats, clusters: npt.NDArray[np.int64]) -> Floats:
    return np.bincount(clusters, weights=values).astype(np.float64)
