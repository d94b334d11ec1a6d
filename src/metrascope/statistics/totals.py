"""The measures of all classes together, with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from metrascope.statistics import mover
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.measures import OVERALL
from metrascope.statistics.resampling import Replicates, bca
from metrascope.statistics.shares import accuracy

_AVERAGES: Final = {
    "macro_precision": "precision",
    "macro_recall": "recall",
    "balanced_accuracy": "recall",
    "macro_f1": "f1",
    "weighted_precision": "precision",
    "weighted_f1": "f1",
}
_CHANCE_CORRECTED: Final = ("mcc", "kappa")


def total_intervals(
    readings: Readings, together: Replicates, classes: Sequence[Mapping[str, Interval]]
) -> dict[str, Interval]:
    """Return `OVERALL`: the bootstrap's interval, no narrower than its parts make it.

    Averages are no narrower than their classes' intervals make them. MCC and kappa rise with the
    accuracy in a straight line where truth and readings keep their shares, so that they are no
    narrower than the accuracy's interval makes them.

    Parameters
    ----------
    readings
        Readings of one network.
    together
        `OVERALL` in the bootstrap, the last axis in its order.
    classes
        Intervals of each class's measures.
    """
    signed = np.isin(OVERALL, ("mcc", "kappa"))
    lows, highs = np.empty(len(OVERALL)), np.empty(len(OVERALL))
    for rows, least in ((signed, -1.0), (~signed, 0.0)):
        lows[rows], highs[rows] = bca(_columns(together, rows), least)
    intervals = {
        name: Interval(float(together.value[i]), float(lows[i]), float(highs[i]))
        for i, name in enumerate(OVERALL)
    }
    right = accuracy(readings)
    for name in ("accuracy", "weighted_recall"):
        intervals[name] = around(intervals[name].value, right)
    for name in _CHANCE_CORRECTED:
        intervals[name] = mover.hull(
            intervals[name], _by_accuracy(readings, intervals[name].value, right, name)
        )
    shares = np.bincount(readings.truth, minlength=readings.classes) / len(readings.truth)
    present = shares > 0
    for name, measure in _AVERAGES.items():
        weights = shares if name.startswith("weighted") else present / present.sum()
        parts = _parts(classes, measure)
        of_classes = around(intervals[name].value, mover.weighted_sum(parts, weights.tolist()))
        intervals[name] = mover.hull(intervals[name], of_classes)
    if _of_one_class(readings):
        # 0 by convention, which resamples need, and 0/0 by definition.
        intervals["mcc"] = Interval(np.nan, np.nan, np.nan)
    return intervals


def _by_accuracy(readings: Readings, value: float, right: Interval, name: str) -> Interval:
    """Return the interval of MCC or kappa that the accuracy's gives, the shares being as found."""
    ends = []
    true = np.bincount(readings.truth, minlength=readings.classes) / len(readings.truth)
    for row in readings.predicted:
        predicted = np.bincount(row, minlength=readings.classes) / len(row)
        chance = float((true * predicted).sum())
        spread = np.sqrt((1 - (true**2).sum()) * (1 - (predicted**2).sum()))
        scale = 1 - chance if name == "kappa" else float(spread)
        if scale > 0:
            ends.append([(right.low - right.value) / scale, (right.high - right.value) / scale])
    if not ends or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    low, high = np.mean(ends, axis=0).tolist()
    return Interval(value, max(-1.0, value + low), min(1.0, value + high))


def _of_one_class(readings: Readings) -> bool:
    """Whether all patients are of one class, or are called one in every replication."""
    class_counts = [len(np.unique(row)) for row in readings.predicted]
    return len(np.unique(readings.truth)) == 1 or max(class_counts) == 1


def _parts(classes: Sequence[Mapping[str, Interval]], measure: str) -> list[Interval]:
    """Return the intervals of the classes that an average is of.

    A class that is never predicted counts as 0, and of its precision nothing is known.
    """
    parts = [one[measure] for one in classes]
    return [Interval(0.0, 0.0, 1.0) if np.isnan(part.value) else part for part in parts]


def around(value: float, share: Interval) -> Interval:
    """Return a share's interval moved to where the mean of the replications is, within 0 to 1."""
    if np.isnan(share.value) or np.isnan(value):
        return Interval(value, np.nan, np.nan)
    shift = value - share.value
    low, high = share.low + shift, share.high + shift
    return Interval(value, max(0.0, min(low, value)), min(1.0, max(high, value)))


def _columns(replicates: Replicates, which: npt.NDArray[np.bool_]) -> Replicates:
    return replicates.map(lambda values: values[:, which])
