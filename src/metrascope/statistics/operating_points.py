"""Sensitivity and specificity at operating points that were chosen on other patients.

A threshold that is chosen on the patients it is then judged on flatters. So thresholds come from
each run's validation partition and are applied to its test partition; where there is no test
partition only the threshold of one half, which nobody chose, is told.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics import mover
from metrascope.statistics.cohort import Cohort, Readings, cohort
from metrascope.statistics.interval import Interval
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.proportions import proportion
from metrascope.statistics.questions import Collapse, collapses
from metrascope.statistics.scaling import RunKey, by_run

# Least sensitivity of the rule "sensitive" among validation patients. Chosen, not measured.
SENSITIVE: Final = 0.95
RULES: Final = ("half", "youden", "sensitive")
"""One half; highest sensitivity + specificity - 1 (Youden 1950); highest threshold that finds 95 %
of the positive validation patients."""


def operating_points(people: Cohort, predictions: Predictions) -> dict[str, Any]:
    """Return sensitivity and specificity of each network at its operating points.

    Parameters
    ----------
    people
        Cohort that is evaluated.
    predictions
        Predictions that the cohort was made from.

    Returns
    -------
    Empty where there are labels alone. Else ``chosen``, which says whether thresholds could be
    chosen (``validation``, ``no_test`` or ``no_validation``), and by network a list with
    ``positive`` and ``negative`` classes and ``points`` by rule of `RULES`: ``thresholds`` of the
    runs, ``sensitivity``, ``specificity`` and ``youden``, Youden's index of the two.
    """
    if predictions.probabilities is None:
        return {}
    tested = people.partition == "test"
    validated = _validated(predictions) if tested else {}
    networks = {}
    complete = False
    for name, readings in people.readings.items():
        folds = _folds(predictions, people, readings)
        runs = [(name, int(fold), readings.seeds[row]) for row, fold in _pairs(folds)]
        of_runs = {run: validated[run] for run in runs if run in validated}
        all_validated = tested and len(of_runs) == len(set(runs))
        complete |= all_validated
        networks[name] = [
            {
                "positive": [people.classes[label] for label in question.positive],
                "negative": [people.classes[label] for label in question.negative],
                "points": _points(readings, folds, question, of_runs if all_validated else None),
            }
            for question in collapses(people.classes)
        ]
    missing = "no_validation" if tested else "no_test"
    return {"chosen": "validation" if complete else missing, "networks": networks}


def threshold(score: Floats, has: npt.NDArray[np.bool_], rule: str) -> float:
    """Return the threshold that a rule chooses; who is above it counts as positive.

    Parameters
    ----------
    score
        Probability of the positive classes for validation patients, (n,), in [0, 1].
    has
        Whether they are positive, (n,).
    rule
        One of `RULES`.

    Returns
    -------
    Threshold halfway between two scores, so that neither decides by a hair; the one closest to one
    half where several are as good. One half where a side has no patient to choose by.
    """
    if rule == "half" or has.all() or not has.any():
        return 0.5
    scores = np.unique(score)
    candidates = np.concatenate([[scores[0] / 2], (scores[1:] + scores[:-1]) / 2])
    above = score[:, None] > candidates
    sensitivity, specificity = above[has].mean(0), 1 - above[~has].mean(0)
    if rule == "sensitive":
        return float(candidates[sensitivity >= SENSITIVE].max())
    good = sensitivity + specificity
    best = candidates[good >= good.max() - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


def _points(
    readings: Readings,
    folds: npt.NDArray[np.int64],
    question: Collapse,
    validated: dict[RunKey, Readings] | None,
) -> dict[str, Any]:
    rows, score, has = _scores(readings, question)
    points = {}
    for rule in RULES if validated is not None else RULES[:1]:
        thresholds = {}
        for run, other in (validated or {}).items():
            _, theirs, positive = _scores(other, question)
            thresholds[run] = threshold(theirs[0], positive, rule)
        limits = np.full(score.shape, 0.5)
        for row, fold in _pairs(folds):
            run = (readings.network, fold, readings.seeds[row])
            limits[row, folds[row, rows] == fold] = thresholds.get(run, 0.5)
        called, present = score > limits, np.broadcast_to(has, score.shape)
        clusters = readings.clusters[rows]
        sides = proportion(called, present, clusters), proportion(~called, ~present, clusters)
        points[rule] = {
            "thresholds": sorted(set(thresholds.values())) if rule != "half" else [0.5],
            "sensitivity": sides[0].json(),
            "specificity": sides[1].json(),
            "youden": _youden(*sides).json(),
        }
    return points


def _youden(sensitivity: Interval, specificity: Interval) -> Interval:
    """Return sensitivity + specificity - 1, -1 to 1: how far a point is from a guess."""
    both = mover.weighted_sum([sensitivity, specificity], [1.0, 1.0])
    return Interval(both.value - 1, both.low - 1, both.high - 1)


def _scores(
    readings: Readings, question: Collapse
) -> tuple[npt.NDArray[np.bool_], Floats, npt.NDArray[np.bool_]]:
    """Return which units the question is about, their scores (replications, m) and the answer."""
    positive, negative = list(question.positive), list(question.negative)
    rows = np.isin(readings.truth, [*positive, *negative])
    if readings.probabilities is None:
        raise ValueError("hard labels have no thresholds")
    probabilities = readings.probabilities[:, rows]
    above, below = probabilities[..., positive].sum(-1), probabilities[..., negative].sum(-1)
    return rows, above / np.maximum(above + below, 1e-12), np.isin(readings.truth[rows], positive)


def _validated(predictions: Predictions) -> dict[RunKey, Readings]:
    """Return each run's readings of its validation patients."""
    table = predictions.table
    readings = {}
    for run, rows in by_run(table[table["partition"] == "validation"]).items():
        part = Predictions(rows, predictions.classes)
        readings[run] = cohort(part, "validation").readings[run[0]]
    return readings


def _folds(predictions: Predictions, people: Cohort, readings: Readings) -> npt.NDArray[np.int64]:
    """Return the fold that each reading (replications, n) comes from."""
    table = predictions.table
    rows = table[(table["partition"] == people.partition) & (table["network"] == readings.network)]
    place = {key: unit for unit, key in enumerate(_keys(people.table))}
    units = np.array([place[key] for key in _keys(rows)])
    folds = np.zeros((len(readings.seeds), len(people.table)), dtype=np.int64)
    seeds, of_replications = rows["seed"].to_numpy(), np.array(readings.seeds)
    repeat = rows.groupby(["image", "seed"])["fold"].rank("dense").to_numpy(np.int64) - 1
    # Replications are in the order of seed and repeat.
    first = np.searchsorted(of_replications, seeds)
    folds[first + repeat, units] = rows["fold"].to_numpy()
    return folds[:, readings.units]


def _keys(table: Any) -> Sequence[tuple[str, str]]:
    return list(zip(table["patient_id"], table["label"], strict=True))


def _pairs(folds: npt.NDArray[np.int64]) -> list[tuple[int, int]]:
    """Return every replication and fold that there is."""
    return [(row, fold) for row, of_row in enumerate(folds) for fold in np.unique(of_row).tolist()]
