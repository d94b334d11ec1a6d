"""The questions a clinic asks of three classes: is there a lesion, and if so which."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from metrascope.statistics.cohort import Readings
from metrascope.statistics.proportions import proportion
from metrascope.statistics.roc import delong_area


@dataclass(frozen=True)
class Collapse:
    """Two groups of classes that are compared, by their indices."""

    positive: tuple[int, ...]
    negative: tuple[int, ...]


def collapses(classes: Sequence[str]) -> list[Collapse]:
    """Return the two-way questions of a list of classes whose first is the healthy one.

    For the study's: any lesion against normal, polyp against fibroid.
    """
    if len(classes) < 3:
        return [Collapse((1,), (0,))] if len(classes) == 2 else []
    others = tuple(range(1, len(classes)))
    return [
        Collapse(others, (0,)),
        *(Collapse((later,), (earlier,)) for earlier, later in combinations(others, 2)),
    ]


def binary_performance(readings: Readings, question: Collapse) -> dict[str, Any]:
    """Return area, sensitivity and specificity of one group of classes against another.

    Only units of these classes count. A unit counts as positive where the positive classes
    together have the higher probability of the two groups (or, of labels alone, where the label
    is of them).

    Parameters
    ----------
    readings
        Readings of one network.
    question
        Positive and negative classes.
    """
    positive, negative = question.positive, question.negative
    rows = np.isin(readings.truth, [*positive, *negative])
    has, clusters = np.isin(readings.truth[rows], list(positive)), readings.clusters[rows]
    if readings.probabilities is None:
        called = np.isin(readings.predicted[:, rows], list(positive))
        content: dict[str, Any] = {}
    else:
        probabilities = readings.probabilities[:, rows]  # (replications, units, classes)
        above, below = (
            probabilities[..., list(positive)].sum(-1),
            probabilities[..., list(negative)].sum(-1),
        )
        score = above / np.maximum(above + below, 1e-12)
        called = score > 0.5
        patients = np.unique(clusters, return_inverse=True)[1].reshape(-1)
        content = {"auc": delong_area(score, has, patients).interval().json()}
    present = np.broadcast_to(has, called.shape)
    content["sensitivity"] = proportion(called, present, clusters).json()
    content["specificity"] = proportion(~called, ~present, clusters).json()
    return content
