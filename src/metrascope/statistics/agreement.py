"""Where networks agree: shared errors, Fleiss' kappa, and all of them voting together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics.cohort import Cohort, Readings
from metrascope.statistics.measures import mean_statistic
from metrascope.statistics.resampling import Statistic, Weights, select_units

ENSEMBLE = "ensemble"


def consensus(readings: Readings) -> npt.NDArray[np.int64]:
    """Return one reading per unit (n,): of the replications' mean probability, or most votes."""
    if len(readings.predicted) == 1:
        return np.asarray(readings.predicted[0], dtype=np.int64)
    return np.asarray(_shares(readings).mean(0).argmax(1), dtype=np.int64)


def ensemble(cohort: Cohort) -> Readings:
    """Return the readings of all networks voting together, with equal weight.

    Probabilities are averaged (soft voting), or votes counted where a network gave labels alone.
    Replications are averaged one with another where all networks have the same seeds in the same
    order, else each network votes with the mean of its own.

    Parameters
    ----------
    cohort
        Patients that all networks read.
    """
    members = list(cohort.readings.values())
    first = members[0]
    aligned = all(one.seeds == first.seeds for one in members)
    shares = [_shares(one) for one in members]
    # (replications, n, classes), or (1, n, classes) of the means.
    mean = np.mean(shares if aligned else [one.mean(0, keepdims=True) for one in shares], axis=0)
    hard = any(one.probabilities is None for one in members)
    return Readings(
        ENSEMBLE,
        first.classes,
        first.seeds if aligned else (first.seeds[0],),
        first.units,
        first.truth,
        first.clusters,
        mean.argmax(2).astype(np.int64),
        None if hard else mean,
    )


def missed_by_all(cohort: Cohort) -> list[int]:
    """Return the rows of the cohort's table whose patient every network misreads."""
    members = list(cohort.readings.values())
    wrong = np.all([consensus(one) != one.truth for one in members], axis=0)
    return [int(row) for row in members[0].units[wrong]]


def fleiss_kappa(cohort: Cohort) -> Statistic:
    """Return Fleiss' kappa (1971) of the networks' readings, agreement beyond chance, as statistic.

    Parameters
    ----------
    cohort
        Patients that all networks read; at least two networks. The statistic takes weights of all
        units of its table.
    """
    votes = np.stack([consensus(one) for one in cohort.readings.values()])
    units = next(iter(cohort.readings.values())).units
    raters = len(votes)
    # (n, classes) votes of each unit; the statistic needs the mean of (n, 1 + classes) numbers: the
    # share of agreeing pairs of raters, and the classes' shares.
    counts = np.stack([(votes == label).sum(0) for label in range(len(cohort.classes))], 1)
    agreed = ((counts**2).sum(1) - raters) / (raters * (raters - 1))
    average = mean_statistic(np.column_stack([agreed, counts / raters]))

    def statistic(weights: Weights) -> Floats:
        means = average(select_units(weights, units))
        chance = (means[:, 1:] ** 2).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            # All agreeing on one class is perfect agreement that kappa does not define.
            return np.where(chance < 1, (means[:, 0] - chance) / (1 - chance), np.nan)

    return statistic


def _shares(readings: Readings) -> Floats:
    if readings.probabilities is not None:
        return readings.probabilities
    return np.eye(readings.classes)[readings.predicted]


def agreement_table(cohort: Cohort) -> Sequence[Sequence[float]]:
    """Return for each two networks the share of units that they read alike, as a matrix."""
    votes = [consensus(one) for one in cohort.readings.values()]
    return [[float((first == second).mean()) for second in votes] for first in votes]
