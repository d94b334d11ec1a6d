"""Measures of a network's readings, each a function of the patients' weights.

Every function takes weights (b, n), how often each patient counts in each of b resamples, and
returns one value per resample; see `metrascope.statistics.resampling`. With several replications
(seeds, repeats) a value is the mean of theirs.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics.cohort import Readings
from metrascope.statistics.resampling import Counts, Weights
from metrascope.statistics.temperature import SMALLEST_PROBABILITY

CLASS_MEASURES: Final = (
    "precision",
    "recall",
    "f1",
    "specificity",
    "npv",
    "lr_positive",
    "lr_negative",
)
"""Measures of one class against the others, from counts alone."""

OVERALL: Final = (
    "accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "weighted_precision",
    "weighted_recall",
    "weighted_f1",
    "balanced_accuracy",
    "mcc",
    "kappa",
)
"""Measures of all classes together, from counts alone."""


def confusion_counts(readings: Readings, weights: Weights) -> Floats:
    """Return the confusion matrices (b, replications, classes, classes), rows true.

    Parameters
    ----------
    readings
        Readings of one network, n units.
    weights
        Weights of the units, (b, n).
    """
    classes = readings.classes
    cells = readings.truth * classes + readings.predicted  # (replications, n)
    replications, n = cells.shape
    # Each unit is a one in its cell, so that all matrices are one product of (b, n) and (n, m).
    indicators = np.zeros((n, replications, classes * classes), dtype=np.float32)
    indicators[np.arange(n), np.arange(replications)[:, None], cells] = 1
    flat = weights @ indicators.reshape(n, -1)
    return flat.reshape(len(weights), replications, classes, classes).astype(np.float64)


def binary_measures(counts: Floats) -> dict[str, Floats]:
    """Return `CLASS_MEASURES`, each (..., classes), of confusion matrices (..., classes, classes).

    Precision counts as 0 where a class is never predicted (as the study's tables have it), as F1
    does; a predictive value, rate or ratio is NaN where its denominator is 0 otherwise.
    """
    total = counts.sum((-2, -1))[..., None]
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, predicted = counts.sum(-1), counts.sum(-2)
    misses, alarms = true - hits, predicted - hits
    true_negatives = total - true - alarms
    recall, specificity = _ratio(hits, true), _ratio(true_negatives, total - true)
    return {
        "precision": _ratio(hits, predicted),
        "recall": recall,
        "f1": _ratio(2 * hits, true + predicted),
        "specificity": specificity,
        "npv": _ratio(true_negatives, total - predicted),
        "lr_positive": _ratio(recall, 1 - specificity),
        "lr_negative": _ratio(misses / np.maximum(true, 1e-12), specificity),
    }


def overall(counts: Floats) -> dict[str, Floats]:
    """Return `OVERALL`, each (...), of confusion matrices (..., classes, classes).

    Averages are over the classes that have patients. MCC is Gorodkin's for several classes (2004),
    kappa Cohen's (1960).
    """
    by_class = binary_measures(counts)
    total = counts.sum((-2, -1))
    true, predicted = counts.sum(-1), counts.sum(-2)
    share = _ratio(true, total[..., None])
    hits = np.trace(counts, axis1=-2, axis2=-1)
    chance = (true * predicted).sum(-1)
    norm = (total**2 - (predicted**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    values = {"accuracy": _ratio(hits, total)}
    for name in ("precision", "recall", "f1"):
        values[f"macro_{name}"] = _mean_over_present(by_class[name], true)
    for name in ("precision", "recall", "f1"):
        values[f"weighted_{name}"] = np.nansum(share * by_class[name], -1)
    values["balanced_accuracy"] = values["macro_recall"]
    values["mcc"] = np.where(
        norm > 0, (hits * total - chance) / np.sqrt(np.where(norm > 0, norm, 1)), 0.0
    )
    values["kappa"] = _ratio(hits * total - chance, total**2 - chance)
    return values


def brier(readings: Readings) -> Floats:
    """Return each patient's Brier score (n,), 0 to 2, the mean of her replications.

    The sum over the classes of the squared distance from probability to outcome (Brier 1950).
    """
    probabilities = _probabilities(readings)
    outcome = np.eye(probabilities.shape[2])[readings.truth]
    distance = (probabilities - outcome) ** 2
    return np.asarray(distance.sum(2).mean(0), dtype=np.float64)


def log_loss(readings: Readings) -> Floats:
    """Return each patient's log loss (n,), nats, the mean of her replications."""
    probabilities = _probabilities(readings)
    truth = np.arange(len(readings.truth)), readings.truth
    of_truth = probabilities[:, truth[0], truth[1]]  # (replications, n)
    losses = -np.log(np.maximum(of_truth, SMALLEST_PROBABILITY))
    return np.asarray(losses.mean(0), dtype=np.float64)


def mean_statistic(values: Floats) -> Callable[[Weights], Floats]:
    """Return the statistic that is the mean of patients' values (n,) or (n, ...)."""
    flat = values.reshape(len(values), -1).astype(np.float32)

    def statistic(weights: Weights) -> Floats:
        sums = (weights @ flat).astype(np.float64)
        sizes = weights.sum(1, dtype=np.float64)[:, None]
        means = sums / np.where(sizes > 0, sizes, np.nan)
        return np.asarray(means.reshape(len(weights), *values.shape[1:]))

    return statistic


def average_precision(
    scores: Floats, positive: npt.NDArray[np.bool_], columns: Weights | Counts
) -> Floats:
    """Return the average precision (b,) of one class, as scikit-learn defines it.

    The sum over the thresholds of precision times the step in recall; patients with equal scores
    share a threshold. NaN where no patient of a resample has the class.

    Parameters
    ----------
    scores
        Probability of the class, (n,).
    positive
        Whether a patient has it, (n,).
    columns
        Weights or whole counts with a row per patient, (n, b), contiguous.
    """
    resamples = columns.shape[1]
    if not positive.any():
        return np.full(resamples, np.nan)
    order = np.argsort(-scores, kind="stable")
    # Ends of the runs of equal scores: only there is a threshold.
    ends = (np.flatnonzero(np.diff(scores[order], append=-np.inf)) + 1).tolist()
    hits, area, step = (np.zeros(resamples, dtype=np.float32) for _ in range(3))
    # Patients above the threshold, as yet none. The smallest number instead of 0, so that 0 / 0
    # of a resample that has none of them adds nothing.
    above = np.full(resamples, np.finfo(np.float32).tiny)
    rows, has_class = order.tolist(), positive[order].tolist()
    start = 0
    # Row by row in place: three numbers per resample stay in the cache, cumulative sums do not.
    for end in ends:
        gain = None
        for place in range(start, end):
            column = columns[rows[place]].astype(np.float32, copy=False)
            above += column
            if has_class[place]:
                hits += column
                gain = column if gain is None else gain + column
        start = end
        if gain is not None:
            np.multiply(gain, hits, out=step)
            step /= above
            area += step
    with np.errstate(invalid="ignore"):
        return np.asarray(area / hits, dtype=np.float64)


def _probabilities(readings: Readings) -> Floats:
    if readings.probabilities is None:
        raise ValueError("hard labels have no probabilities")
    return readings.probabilities


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _mean_over_present(values: Floats, true: Floats) -> Floats:
    present = true > 0
    sums = np.where(present, np.nan_to_num(values), 0).sum(-1)
    return np.asarray(sums / np.maximum(present.sum(-1), 1), dtype=np.float64)
