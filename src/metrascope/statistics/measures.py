"""What is said of a network's readings, each number a function of the patients' weights.

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
        Of one network.
    weights
        (b, n).
    """
    classes = readings.classes
    cells = readings.truth * classes + readings.predicted
    replications, n = cells.shape
    which = np.zeros((n, replications, classes * classes), dtype=np.float32)
    which[np.arange(n), np.arange(replications)[:, None], cells] = 1
    flat = weights @ which.reshape(n, -1)
    return flat.reshape(len(weights), replications, classes, classes).astype(np.float64)


def binary_measures(counts: Floats) -> dict[str, Floats]:
    """Return `CLASS_MEASURES`, each (..., classes), of confusion matrices (..., classes, classes).

    Precision counts as 0 where a class is never predicted (as the study's tables have it), as F1
    does; a predictive value, rate or ratio is NaN where its denominator is 0 otherwise.
    """
    total = counts.sum((-2, -1))[..., None]
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    true, said = counts.sum(-1), counts.sum(-2)
    misses, alarms = true - hits, said - hits
    rejected = total - true - alarms
    recall, specificity = _ratio(hits, true), _ratio(rejected, total - true)
    return {
        "precision": _ratio(hits, said),
        "recall": recall,
        "f1": _ratio(2 * hits, true + said),
        "specificity": specificity,
        "npv": _ratio(rejected, total - said),
        "lr_positive": _ratio(recall, 1 - specificity),
        "lr_negative": _ratio(misses / np.maximum(true, 1e-12), specificity),
    }


def overall(counts: Floats) -> dict[str, Floats]:
    """Return `OVERALL`, each (...), of confusion matrices (..., classes, classes).

    Averages are over the classes that have patients. MCC is Gorodkin's for several classes (2004),
    kappa Cohen's (1960).
    """
    one = binary_measures(counts)
    total = counts.sum((-2, -1))
    true, said = counts.sum(-1), counts.sum(-2)
    share = _ratio(true, total[..., None])
    hits = np.trace(counts, axis1=-2, axis2=-1)
    chance = (true * said).sum(-1)
    spread = (total**2 - (said**2).sum(-1)) * (total**2 - (true**2).sum(-1))
    found = {"accuracy": _ratio(hits, total)}
    for name in ("precision", "recall", "f1"):
        found[f"macro_{name}"] = _mean_of(one[name], true)
    for name in ("precision", "recall", "f1"):
        found[f"weighted_{name}"] = np.nansum(share * one[name], -1)
    found["balanced_accuracy"] = found["macro_recall"]
    found["mcc"] = np.where(
        spread > 0, (hits * total - chance) / np.sqrt(np.where(spread > 0, spread, 1)), 0.0
    )
    found["kappa"] = _ratio(hits * total - chance, total**2 - chance)
    return found


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
    chosen = probabilities[:, truth[0], truth[1]]
    # Probabilities are written with eight decimals.
    losses = -np.log(np.maximum(chosen, 5e-9))
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
        (n,) probability of the class.
    positive
        (n,) whether a patient has it.
    columns
        (n, b), contiguous: weights with a row per patient, or whole counts.
    """
    resamples = columns.shape[1]
    if not positive.any():
        return np.full(resamples, np.nan)
    order = np.argsort(-scores, kind="stable")
    ends = (np.flatnonzero(np.diff(scores[order], append=-np.inf)) + 1).tolist()
    hits, area, step = (np.zeros(resamples, dtype=np.float32) for _ in range(3))
    # Where nothing is said yet nothing is gained either: 0 of next to nothing adds nothing.
    said = np.full(resamples, np.finfo(np.float32).tiny)
    rows, has = order.tolist(), positive[order].tolist()
    start = 0
    # Row by row in place: three numbers per resample stay in the cache, cumulative sums do not.
    for end in ends:
        gained = None
        for place in range(start, end):
            column = columns[rows[place]].astype(np.float32, copy=False)
            said += column
            if has[place]:
                hits += column
                gained = column if gained is None else gained + column
        start = end
        if gained is not None:
            np.multiply(gained, hits, out=step)
            step /= said
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


def _mean_of(values: Floats, true: Floats) -> Floats:
    there = true > 0
    sums = np.where(there, np.nan_to_num(values), 0).sum(-1)
    return np.asarray(sums / np.maximum(there.sum(-1), 1), dtype=np.float64)
