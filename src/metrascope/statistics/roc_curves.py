"""ROC curves of every class and of their mean, with a band, as points that a figure draws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics.cohort import Cohort, Readings
from metrascope.statistics.interval import LEVEL
from metrascope.statistics.proportions import wilson
from metrascope.statistics.resampling import Counts, Resamples

RATES: Final[Floats] = np.linspace(0, 1, 101)
"""False positive rates at which a curve is read."""
# Resamples of a band: the ends of 95 % are found to a seventh of a standard error.
_BAND_RESAMPLES: Final = 1000
# False positives that a rate must make among the patients without the class to have a band. Of
# fewer nobody knows where the threshold of that rate lies: in 1,000 simulated studies of 60 and 125
# patients bands held the curve in 0 to 89 % there, and in 91 to 99 % from two on.
_FEWEST_FALSE_POSITIVES: Final = 2


@dataclass(frozen=True)
class _Curve:
    """Sensitivity at `RATES`, (rates,), and in each resample, (b, rates).

    NaN in a resample that lacks the class, or has nobody without it.
    """

    value: Floats
    drawn: Floats
    positive: int
    negative: int

    @property
    def without_band(self) -> npt.NDArray[np.bool_]:
        """Rates at which the patients without the class are too few for a band, (rates,)."""
        return np.asarray(RATES * self.negative < _FEWEST_FALSE_POSITIVES)


def roc_curves(people: Cohort, resamples: Resamples) -> dict[str, Any]:
    """Return the curves of every network, empty where there are labels alone.

    The score of a class is its probability, against all other classes. Between two thresholds a
    curve is straight, so that its area is that of `metrascope.statistics.roc`. With several
    replications it is the mean of theirs at each false positive rate, and the macro average is
    the mean of the classes' curves, whose area is the macro AUC. There is no micro average: it
    counts every patient once for each class, and weighs the classes by how many have them.

    Parameters
    ----------
    people
        Cohort that is evaluated.
    resamples
        Resamples of its units; the first thousand are used.

    Returns
    -------
    ``false_positive_rate`` and ``networks``: by name ``macro`` and ``classes``, of each the
    ``value``, ``low`` and ``high`` of the sensitivity at each rate. Bands hold at each rate by
    itself: percentiles of the bootstrap, no narrower than Wilson's interval of the share found
    among so many patients, since where all are found every resample finds all. Its ends are None
    at rates of fewer than two false positives among the patients at hand. Classes that nobody has,
    or everybody, have no curve.
    """
    if any(readings.probabilities is None for readings in people.readings.values()):
        return {}
    counts = resamples.counts[:_BAND_RESAMPLES][:, resamples.clusters]
    networks = {
        name: _network(readings, people.classes, counts[:, readings.units])
        for name, readings in people.readings.items()
    }
    return {"false_positive_rate": RATES.tolist(), "networks": networks}


def _network(readings: Readings, classes: Sequence[str], counts: Counts) -> dict[str, Any]:
    curves = {
        name: curve
        for label, name in enumerate(classes)
        if (curve := _curve(readings, label, counts)) is not None
    }
    bands = {name: _band(curve) for name, curve in curves.items()}
    points = {
        name: _points(curve.value, bands[name], curve.without_band)
        for name, curve in curves.items()
    }
    return {"macro": _macro(curves, bands), "classes": points}


def _curve(readings: Readings, label: int, counts: Counts) -> _Curve | None:
    truth = readings.truth == label
    positive = int(truth.sum())
    if readings.probabilities is None or not 0 < positive < len(truth):
        return None
    everyone = np.ones((1, len(truth)), dtype=np.uint8)
    weights = np.concatenate([everyone, counts])
    means = np.mean(
        [_sensitivities(row[:, label], truth, weights) for row in readings.probabilities], 0
    )
    return _Curve(means[0], means[1:], positive, len(truth) - positive)


def _sensitivities(scores: Floats, truth: npt.NDArray[np.bool_], weights: Counts) -> Floats:
    """Return the sensitivity (b, rates) of weighted units; NaN where a side has nobody."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # of equal scores
    sensitivity = np.full((len(weights), len(RATES)), np.nan)
    for row, counts in enumerate(weights[:, order]):
        hits = np.cumsum(counts * truth[order])[last]
        alarms = np.cumsum(counts * ~truth[order])[last]
        if hits[-1] and alarms[-1]:
            x, y = np.append(0, alarms / alarms[-1]), np.append(0, hits / hits[-1])
            sensitivity[row] = np.interp(RATES, x, y)
    return sensitivity


def _band(curve: _Curve) -> tuple[Floats, Floats]:
    """Return both ends (rates,) of a class's band, also where it is not to be shown."""
    low, high = _percentiles(curve.drawn)
    shares = [wilson(share * curve.positive, curve.positive) for share in curve.value.tolist()]
    low = np.fmin(low, [one.low for one in shares])
    high = np.fmax(high, [one.high for one in shares])
    return low, high


def _points(
    value: Floats, ends: tuple[Floats, Floats], without_band: npt.NDArray[np.bool_]
) -> dict[str, list[float | None]]:
    """Return a curve as lists, without the ends of its band where they cannot be told."""
    low, high = (
        [None if hidden else end for hidden, end in zip(without_band, row.tolist(), strict=True)]
        for row in ends
    )
    return {"value": value.tolist(), "low": low, "high": high}


def _macro(
    curves: Mapping[str, _Curve], bands: Mapping[str, tuple[Floats, Floats]]
) -> dict[str, list[float | None]] | None:
    """Return the mean of the classes' curves, whose band is no narrower than theirs make it.

    Patients of different classes are different patients, so the classes' half-widths add up as
    independent ones do.
    """
    if not curves:
        return None
    value = np.mean([curve.value for curve in curves.values()], 0)
    low, high = _percentiles(np.mean([curve.drawn for curve in curves.values()], 0))
    below, above = (
        np.sqrt(
            np.sum(
                [(bands[name][end] - curves[name].value) ** 2 for name in curves],
                0,
            )
        )
        / len(curves)
        for end in (0, 1)
    )
    low, high = np.fmin(low, value - below), np.fmax(high, value + above)
    without_band = np.any([curve.without_band for curve in curves.values()], axis=0)
    return _points(value, (np.maximum(low, 0), np.minimum(high, 1)), without_band)


def _percentiles(drawn: Floats) -> tuple[Floats, Floats]:
    complete = drawn[~np.isnan(drawn).any(1)]
    if not len(complete):
        undefined = np.full(drawn.shape[1], np.nan)
        return undefined, undefined
    low, high = np.percentile(complete, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
    return low, high
