"""Brier score and log loss with their intervals."""

from typing import Final

import numpy as np

from metrascope.arrays import Floats
from metrascope.statistics import mover
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import LEVEL, Interval
from metrascope.statistics.limits import ALTOGETHER, FEW_MISREAD, patient_count
from metrascope.statistics.measures import brier, log_loss
from metrascope.statistics.proportions import wilson
from metrascope.statistics.resampling import (
    Replicates,
    Resamples,
    Weights,
    bca,
    replicate,
    select_units,
)
from metrascope.statistics.temperature import SMALLEST_PROBABILITY

# Least standard error of a resample, as a share of that of all patients: one without a large loss
# would divide by next to nothing. Chosen, not measured.
_LEAST_ERROR: Final = 1e-3


def losses(readings: Readings, resamples: Resamples) -> dict[str, Interval]:
    """Return ``brier`` and ``log_loss``, the mean of the replications.

    The interval is the bootstrap's (BCa, widened for few patients, and t). Where next to nobody is
    misread it cannot know what one more misread patient would add; then its upper end is no
    lower than Wilson's makes it, each loss counting as a share of the largest that the network's
    own probabilities allow. The variance of what lies between 0 and 1 is at most a proportion's.

    Parameters
    ----------
    readings
        Readings of one network, with probabilities.
    resamples
        Resamples of the cohort's units.
    """
    count = patient_count(readings)
    if count < ALTOGETHER:
        return dict.fromkeys(("brier", "log_loss"), Interval(np.nan, np.nan, np.nan))
    misread = float((readings.predicted != readings.truth).mean(0).sum())
    by_patient = {"brier": brier(readings), "log_loss": log_loss(readings)}
    intervals = {}
    for (name, values), worst in zip(by_patient.items(), _worst(readings), strict=True):
        spread = _deviations(values, readings, resamples)
        intervals[name] = _interval(float(values.mean()), spread, worst)
        if misread < FEW_MISREAD and worst > 0:
            share = wilson(intervals[name].value / worst * count, count)
            top = Interval(intervals[name].value, intervals[name].low, share.high * worst)
            intervals[name] = mover.hull(intervals[name], top)
    return intervals


def _deviations(values: Floats, readings: Readings, resamples: Resamples) -> Replicates:
    """Return a mean's deviation from that of all patients, and its variance, (..., 2).

    A patient's units count together: what she adds to the mean is on her first unit.
    """
    _, first, places = np.unique(readings.clusters, return_index=True, return_inverse=True)
    sizes = np.bincount(places).astype(np.float64)
    added = np.bincount(places, weights=values - values.mean())
    # Each patient's sums, on her first unit: a resample's are one product, and the variance of a
    # ratio of sums follows from them.
    columns = np.zeros((len(values), 5))
    columns[first] = np.column_stack([added, sizes, added**2, added * sizes, sizes**2])

    def statistic(weights: Weights) -> Floats:
        unit_weights = select_units(weights, readings.units).astype(np.float64)
        deviation, units, squares, both, others = (unit_weights @ columns).T
        shift = deviation / units
        variance = (squares - 2 * shift * both + shift**2 * others) / units**2
        return np.column_stack([shift, np.maximum(variance, 0)])

    return replicate(statistic, resamples)


def _interval(value: float, spread: Replicates, worst: float) -> Interval:
    """Return the wider of BCa's interval and that of the bootstrapped t (Hall 1988) on either side.

    The mean of values that are seldom large goes with its own standard error, which BCa leaves out
    and t divides by.
    """
    mean = spread.map(lambda values: value + values[:, 0])
    low, high = bca(mean, 0, worst, smooth=True)
    of_bootstrap = Interval(value, float(low), float(high))
    error = float(np.sqrt(spread.value[1]))
    if error <= 1e-9:
        return of_bootstrap
    least = (_LEAST_ERROR * error) ** 2
    scores = spread.drawn[:, 0] / np.sqrt(np.maximum(spread.drawn[:, 1], least))
    below, above = np.quantile(scores, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) * error
    of_t = Interval(value, max(0.0, value - above), min(worst, value - below))
    return mover.hull(of_bootstrap, of_t)


def _worst(readings: Readings) -> tuple[float, float]:
    """Return the largest Brier score and log loss of any patient, had her class been any."""
    if readings.probabilities is None:
        raise ValueError("hard labels have no probabilities")
    probabilities: Floats = readings.probabilities
    # Brier's sum if the least likely class were true: sum p² - 2 p_min + 1.
    squares = (probabilities**2).sum(-1) - 2 * probabilities.min(-1) + 1
    return float(squares.max()), float(
        -np.log(max(float(probabilities.min()), SMALLEST_PROBABILITY))
    )
