"""Measures that are shares of patients, with Wilson's interval: accuracy, and those of a class."""

import numpy as np

from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.proportions import proportion


def accuracy(readings: Readings) -> Interval:
    """Return the share of units that are read right."""
    right = readings.predicted == readings.truth
    return proportion(right, np.ones_like(right), readings.clusters)


def class_shares(readings: Readings) -> list[dict[str, Interval]]:
    """Return precision, recall, F1, specificity and negative predictive value of each class.

    The F1 of a class is 2 s / (1 + s) of the share s of hits among the patients who have the class
    or are called so, so that its ends are those of s. NaN where nobody counts.

    Parameters
    ----------
    readings
        Readings of one network; with several replications the share is the pooled one.
    """
    truth, predicted = readings.truth, readings.predicted
    right = predicted == truth
    by_class = []
    for label in range(readings.classes):
        has, gets = np.broadcast_to(truth == label, predicted.shape), predicted == label
        counts = {
            "precision": (right, gets),
            "recall": (right, has),
            "specificity": (~gets, ~has),
            "npv": (~has, ~gets),
            "f1": (has & gets, has | gets),
        }
        shares = {
            name: proportion(hits, trials, readings.clusters)
            for name, (hits, trials) in counts.items()
        }
        shares["f1"] = _f1(shares["f1"])
        by_class.append(shares)
    return by_class


def called_as(readings: Readings, label: int) -> list[Interval]:
    """Return for each true class the share that is called one class, with Wilson's interval."""
    truth, gets = readings.truth, readings.predicted == label
    return [
        proportion(gets, np.broadcast_to(truth == other, gets.shape), readings.clusters)
        for other in range(readings.classes)
    ]


def _f1(share: Interval) -> Interval:
    """Return the F1 of a class from the share of hits among all who have it or are called so."""
    return Interval(*(2 * part / (1 + part) for part in (share.value, share.low, share.high)))
