"""Shortcuts: how far a prediction changes with what should not matter.

An image is changed as scanners and people change it (`metrascope.explain.perturbations`), and the
network's probabilities before and after are compared. The patient is the same, so they should be.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats, GreyImage, Mask
from metrascope.explain.faithfulness import Classifier
from metrascope.explain.perturbations import CHANGES
from metrascope.statistics.averages import averages


def read_changed(classify: Classifier, grey: GreyImage, sectors: Mask, *, seed: int) -> Floats:
    """Return a network's probabilities for images under each change.

    Parameters
    ----------
    classify
        Function from images to probabilities: the network.
    grey
        Images as the network sees them, uint8, (n, size, size).
    sectors
        Scan sectors, bool, (n, size, size).
    seed
        Seed of the places of marks: the same seed puts them there again for another network.

    Returns
    -------
    float64, (n, 1 + changes, classes): unchanged, then in the order of `CHANGES`.
    """
    probabilities = []
    for index, (image, sector) in enumerate(zip(grey, sectors, strict=True)):
        variants = [
            change(image, sector, np.random.default_rng([seed, index, number]))
            for number, change in enumerate(CHANGES.values())
        ]
        probabilities.append(classify(np.stack([image, *variants])))
    return np.stack(probabilities)


def moved(probabilities: Floats) -> Floats:
    """Return how much probability a change moves from class to class, (n, changes), 0 to 1.

    Half the sum of the absolute differences (the total variation distance).

    Parameters
    ----------
    probabilities
        float64, (n, 1 + changes, classes), as `read_changed` returns it.
    """
    differences = np.abs(probabilities[:, 1:] - probabilities[:, :1])
    return np.asarray(differences.sum(2) / 2, dtype=np.float64)


def flipped(probabilities: Floats) -> Floats:
    """Return whether a change makes another class the likeliest, (n, changes), 0 or 1."""
    classes = probabilities.argmax(2)
    return np.asarray(classes[:, 1:] != classes[:, :1], dtype=np.float64)


def shortcut_numbers(probabilities: Floats, patients: npt.ArrayLike) -> dict[str, Any]:
    """Return ``moved`` and ``flipped`` of every change with intervals, for ``metrics.json``.

    Parameters
    ----------
    probabilities
        float64, (n, 1 + changes, classes), as `read_changed` returns it.
    patients
        Patient of each image, (n,).
    """
    measures = np.concatenate([moved(probabilities), flipped(probabilities)], axis=1)
    means = averages(measures, patients)
    return {
        name: {"moved": means[at].json(), "flipped": means[at + len(CHANGES)].json()}
        for at, name in enumerate(CHANGES)
    }
