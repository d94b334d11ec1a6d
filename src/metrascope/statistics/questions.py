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
    """Two groups of classes to be told apart, by their places in class order."""

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
    """Return how well two groups of classes are told apart: area, sensitivity and specificity.

    Only units of these classes count. A unit counts as positive where the positive classes
    together have the higher probability of the two groups (or, of labels alone, where the label
    is of them).

    Parameters
    ----------
    readings
        Of one network.
    question
        Which classes against which.
    """
    positive, negative = question.positive, question.negative
    rows = np.isin(readings.truth, [*positive, *negative])
    has, clusters = np.isin(readings.truth[rows], list(positive)), readings.clusters[rows]
    if readings.probabilities is None:
        said = np.isin(readings.predicted[:, rows], list(positive))
        told: dict[str, Any] = {}
    else:
        chosen = readings.probabilities[:, rows]
        above, below = chosen[..., list(positive)].sum(-1), chosen[..., list(negative)].sum(-1)
        score = above / np.maximum(above + below, 1e-12)
        said = score > 0.5
        numbers = np.unique(clusters, return_inverse=True)[1].reshape(-1)
        told = {"auc": delong_area(score, has, numbers).interval().json()}
    present = np.broadcast_to(has, said.shape)
    told["sensitivity"] = proportion(said, present, clusters).json()
    told["specificity"] = proportion(~said, ~present, clusters).json()
    return told
