"""Brier score and log loss with their intervals."""

import numpy as np

from metrascope.evaluation import mover
from metrascope.evaluation.cohort import Readings
from metrascope.evaluation.interval import Interval
from metrascope.evaluation.limits import ALTOGETHER, FEW_MISREAD, patients
from metrascope.evaluation.measures import Floats, brier, log_loss, mean
from metrascope.evaluation.proportions import wilson
from metrascope.evaluation.resampling import Replicates, Resamples, bca, of_units, replicate
from metrascope.evaluation.temperature import SMALLEST


def losses(readings: Readings, resamples: Resamples) -> dict[str, Interval]:
    """Return ``brier`` and ``log_loss``, the mean of the replications.

    The interval is the bootstrap's (BCa, widened for few patients). Where next to nobody is misread
    it knows nothing of what one more misread patient would add; then its upper end is no lower than
    Wilson's makes it, each loss counting as a share of the largest that the network's own
    probabilities allow. The variance of what lies between 0 and 1 is at most that of a proportion.

    Parameters
    ----------
    readings
        Of one network, with probabilities.
    resamples
        Of the cohort's units.
    """
    count = patients(readings)
    if count < ALTOGETHER:
        return dict.fromkeys(("brier", "log_loss"), Interval(np.nan, np.nan, np.nan))
    average = mean(np.column_stack([brier(readings), log_loss(readings)]))
    both = replicate(lambda weights: average(of_units(weights, readings.units)), resamples)
    misread = float((readings.predicted != readings.truth).mean(0).sum())
    bounds = {"brier": 2.0, "log_loss": -np.log(SMALLEST)}
    found = {}
    for place, (name, worst) in enumerate(zip(bounds, _worst(readings), strict=True)):
        one = Replicates(
            both.value[place], both.drawn[:, place], both.left_out[:, place], both.patients
        )
        low, high = bca(one, 0, bounds[name], smooth=True)
        found[name] = Interval(float(one.value), float(low), float(high))
        if misread < FEW_MISREAD and worst > 0:
            share = wilson(found[name].value / worst * count, count)
            top = Interval(found[name].value, found[name].low, share.high * worst)
            found[name] = mover.hull(found[name], top)
    return found


def _worst(readings: Readings) -> tuple[float, float]:
    """Return the largest Brier score and log loss that some class would have given a patient."""
    if readings.probabilities is None:
        raise ValueError("hard labels have no probabilities")
    given: Floats = readings.probabilities
    squares = (given**2).sum(-1) - 2 * given.min(-1) + 1
    return float(squares.max()), float(-np.log(max(float(given.min()), SMALLEST)))
