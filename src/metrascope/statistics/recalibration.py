"""Calibration slope and intercept: what it takes to put a network's probabilities right.

A logistic regression of the outcome on the logit of the probability. Slope 1 and intercept 0 are
perfect; a slope under 1 says that the network is too sure of itself, an intercept over 0 that the
class is more frequent than it says.

Cox DR. Biometrika 1958;45:562-565; Van Calster B et al. BMC Med 2019;17:230. The variance is the
sandwich that adds up what each patient contributes (Liang & Zeger 1986).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, log_expit

from metrascope.arrays import Floats
from metrascope.statistics import mover
from metrascope.statistics.interval import Interval, Z
from metrascope.statistics.limits import ALIKE, FOR_A_SLOPE, ON_A_SIDE, are_enough
from metrascope.statistics.temperature import SMALLEST_PROBABILITY

_Outcome = npt.NDArray[np.bool_]

# Newton's method needs ten steps or so; no convergence in a hundred is reported as no fit. Both
# are chosen, not measured.
_MOST_STEPS: Final = 100
_CONVERGED: Final = 1e-10
# Halvings of a step after which float64 has nothing left of it (2 ** -52).
_HALVINGS: Final = 60


def logits(probability: Floats) -> Floats:
    """Return log(p / (1 - p)); 0 and 1 count as half of the last digit that is written."""
    inside = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)


def slope(
    probability: Floats, outcome: _Outcome, clusters: npt.NDArray[np.int64]
) -> tuple[Interval, list[float]]:
    """Return the calibration slope, the intercept being free.

    Parameters
    ----------
    probability
        Probability of a class, (replications, n).
    outcome
        Whether a unit has the class, (n,).
    clusters
        Number of its patient, (n,).

    Returns
    -------
    The mean of the replications with its interval, and the value of each. NaN where too few
    patients have the class or have it not, or too few of either lie among the others: without an
    overlap no slope fits best, and with an overlap of a few it rests on them alone. NaN as well
    where the network says next to the same of everyone.
    """
    if not are_enough(outcome, FOR_A_SLOPE) or (np.ptp(probability, axis=1) < ALIKE).any():
        return Interval(np.nan, np.nan, np.nan), [np.nan] * len(probability)
    return _mean([_slope(row, outcome) for row in logits(probability)], clusters)


def intercept(
    probability: Floats, outcome: _Outcome, clusters: npt.NDArray[np.int64]
) -> tuple[Interval, list[float]]:
    """Return the intercept with the slope fixed at 1: calibration in the large.

    Parameters and returns as of `slope`; NaN where too few patients have the class or have it not.
    The sandwich's interval is no narrower than the score test's (Rao 1948), which is Wilson's where
    all probabilities are the same and knows that outcomes vary where none differed.
    """
    if not are_enough(outcome):
        return Interval(np.nan, np.nan, np.nan), [np.nan] * len(probability)
    scores = logits(probability)
    interval, values = _mean([_intercept(row, outcome) for row in scores], clusters)
    ends = np.mean([_score_ends(row, outcome) for row in scores], axis=0)
    return mover.hull(interval, Interval(interval.value, float(ends[0]), float(ends[1]))), values


def _score_ends(score: Floats, outcome: _Outcome) -> tuple[float, float]:
    """Return the intercepts at which as many as were seen are 1.96 errors from as many as expected.

    They are searched for on either side of the range of the scores, by which every intercept of a
    class that some have and some have not lies.
    """
    # A logit of 30 is a probability of 1 but for 1e-13: beyond, nothing is expected to differ.
    positives, reach = float(outcome.sum()), float(np.abs(score).max()) + 30

    def difference(shift: float, quantile: float) -> float:
        chance = expit(score + shift)
        return (
            float(chance.sum())
            - positives
            + quantile * float(np.sqrt((chance * (1 - chance)).sum()))
        )

    ends = [brentq(difference, -reach, reach, args=(quantile,)) for quantile in (Z, -Z)]
    return float(ends[0]), float(ends[1])


def _mean(
    fits: list[tuple[float, Floats]], clusters: npt.NDArray[np.int64]
) -> tuple[Interval, list[float]]:
    values = [value for value, _ in fits]
    value = float(np.mean(values))
    numbers = np.unique(clusters, return_inverse=True)[1].reshape(-1)
    patients = int(numbers.max()) + 1
    if np.isnan(value) or patients < 2:
        return Interval(np.nan, np.nan, np.nan), values
    parts = np.bincount(numbers, weights=np.mean([parts for _, parts in fits], axis=0))
    half = Z * float(np.sqrt(patients / (patients - 1) * (parts**2).sum()))
    return Interval(value, value - half, value + half), values


def _slope(score: Floats, outcome: _Outcome) -> tuple[float, Floats]:
    """Return the slope and each unit's influence on it, (n,)."""
    undefined = np.nan, np.full(len(score), np.nan)
    if not _overlap(score, outcome):
        return undefined
    design = np.column_stack([np.ones(len(score)), score - score.mean()])
    fitted = _fit(design, outcome)
    if fitted is None:
        return undefined
    residual = outcome - expit(design @ fitted)
    influence = (design * residual[:, None]) @ np.linalg.inv(_information(design, fitted))
    return float(fitted[1]), influence[:, 1]


def _intercept(score: Floats, outcome: _Outcome) -> tuple[float, Floats]:
    if outcome.all() or not outcome.any():
        return np.nan, np.full(len(score), np.nan)
    design = np.ones((len(score), 1))
    fitted = _fit(design, outcome, score)
    if fitted is None:
        return np.nan, np.full(len(score), np.nan)
    residual = outcome - expit(score + fitted[0])
    return float(fitted[0]), residual / float(_information(design, fitted, score)[0, 0])


def _overlap(score: Floats, outcome: _Outcome) -> bool:
    """Whether the outcomes overlap on the score, each with enough units among the others.

    Without any overlap a logistic regression has no finite best fit (Albert & Anderson 1984).
    """
    having, other = score[outcome], score[~outcome]
    if not len(having) or not len(other):
        return False
    among = (having < other.max()).sum(), (other > having.min()).sum()
    return bool(min(among) >= ON_A_SIDE and other.min() < having.max())


def _fit(design: Floats, outcome: _Outcome, offset: Floats | float = 0.0) -> Floats | None:
    """Return the coefficients of the highest likelihood by Newton's method, steps halved."""
    fitted = np.zeros(design.shape[1])
    likelihood = _likelihood(design @ fitted + offset, outcome)
    for _ in range(_MOST_STEPS):
        residual = outcome - expit(design @ fitted + offset)
        information = _information(design, fitted, offset)
        try:
            step = np.linalg.solve(information, design.T @ residual)
        except np.linalg.LinAlgError:
            return None
        for _ in range(_HALVINGS):
            after = _likelihood(design @ (fitted + step) + offset, outcome)
            if after >= likelihood - 1e-12 * abs(likelihood):
                break
            step = step / 2
        fitted, likelihood = fitted + step, after
        if np.abs(step).max() < _CONVERGED * (1 + np.abs(fitted).max()):
            return fitted
    return None


def _information(design: Floats, fitted: Floats, offset: Floats | float = 0.0) -> Floats:
    chance = expit(design @ fitted + offset)
    return np.asarray(design.T @ (design * (chance * (1 - chance))[:, None]), dtype=np.float64)


def _likelihood(score: Floats, outcome: _Outcome) -> float:
    return float(log_expit(np.where(outcome, score, -score)).sum())
