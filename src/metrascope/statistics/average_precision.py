"""Average precision of each class and their mean, with intervals."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import expit, logit

from metrascope.arrays import Floats
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.limits import are_enough
from metrascope.statistics.measures import average_precision
from metrascope.statistics.resampling import (
    Counts,
    Replicates,
    Resamples,
    bca,
    replicate_by_patient,
    student_quantile,
)

# Standard deviation of resamples below which they all agree, but for rounding: the logit scale
# says nothing then.
_NO_SPREAD: Final = 1e-9


def average_precisions(
    readings: Readings, classes: Sequence[str], resamples: Resamples
) -> list[Interval]:
    """Return the mean of the classes' average precisions, then each class's own.

    Either end is the wider one of the bootstrap's BCa interval and of a normal one on the logit
    scale, which keeps areas close to 1 inside their bounds (Boyd, Eng & Page 2013). Of 500
    simulated studies each, of 60 and 125 patients, BCa alone held 91.8 to 96.4 % and both together
    93.4 to 98.4 %, being 4 % wider on the mean.

    Parameters
    ----------
    readings
        Readings of one network.
    classes
        Names in the order of the probabilities.
    resamples
        Resamples of the cohort's units.

    Returns
    -------
    One more than there are classes; NaN where a class has too few patients.

    Raises
    ------
    ValueError
        If the readings are labels alone.
    """
    probabilities = readings.probabilities
    if probabilities is None:
        raise ValueError("hard labels have no probabilities")
    rows = list(probabilities)

    def statistic(counts: Counts) -> Floats:
        unit_counts = counts if len(readings.units) == len(counts) else counts[readings.units]
        # (replications, b) to (b,) of each class; then (b, classes).
        columns = [
            np.mean(
                [
                    average_precision(row[:, label], readings.truth == label, unit_counts)
                    for row in rows
                ],
                axis=0,
            )
            for label in range(len(classes))
        ]
        together = np.stack(columns, axis=1)
        return np.column_stack([_mean_of_defined(together), together])

    replicates = replicate_by_patient(statistic, resamples)
    lows, highs = bca(replicates, smooth=True)
    on_logit_scale = _logit_ends(replicates)
    lows, highs = np.fmin(lows, on_logit_scale[0]), np.fmax(highs, on_logit_scale[1])
    few = {label for label in range(len(classes)) if not are_enough(readings.truth == label)}
    hidden = [bool(few & set(readings.truth.tolist()))]
    hidden += [label in few for label in range(len(classes))]
    ends = np.column_stack([replicates.value, lows, highs])
    ends[hidden] = np.nan
    return [Interval(*three) for three in ends.tolist()]


def _mean_of_defined(values: Floats) -> Floats:
    """Return the mean (b,) of the classes (b, classes) that a resample has patients of."""
    defined = np.isfinite(values)
    sums = np.where(defined, values, 0).sum(1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / defined.sum(1), dtype=np.float64)


def _logit_ends(replicates: Replicates) -> tuple[Floats, Floats]:
    """Return the ends (k,) of normal intervals on the logit scale, NaN where there is none.

    The standard error is the resamples' standard deviation, carried to the scale by its slope
    1 / (v (1 - v)); the quantile is Student's, for few patients.
    """
    value = replicates.value
    drawn = np.where(np.isfinite(replicates.drawn), replicates.drawn, value)
    error = drawn.std(axis=0, ddof=1) if len(drawn) > 1 else np.zeros_like(value)
    inside = (value > 0) & (value < 1) & (error > _NO_SPREAD)
    middle = np.where(inside, value, 0.5)
    reach = student_quantile(replicates.patients) * error / (middle * (1 - middle))
    low, high = expit(logit(middle) - reach), expit(logit(middle) + reach)
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)
