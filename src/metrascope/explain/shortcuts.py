"""Shortcuts: how far a reading changes with what should not matter.

An image is changed as scanners and people change it (`metrascope.explain.perturbations`), and what
the
network says before and after is compared. The patient is the same, so it should say the same.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats, GreyImage, Mask
from metrascope.explain.faithfulness import Classifier
from metrascope.explain.perturbations import CHANGES
from metrascope.statistics.averages import averages


def read_changed(classify: Classifier, grey: GreyImage, sectors: Mask, *, seed: int) -> Floats:
    """Return what a network says of images under each change.

    Parameters
    ----------
    classify
        The network.
    grey
        uint8, (n, size, size), as the network sees them.
    sectors
        bool, same shape: the scan sector.
    seed
        Of where marks are put: the same seed puts them there again for another network.

    Returns
    -------
    (n, 1 + changes, classes): unchanged, then in the order of `CHANGES`.
    """
    said = []
    for index, (image, sector) in enumerate(zip(grey, sectors, strict=True)):
        variants = [
            change(image, sector, np.random.default_rng([seed, index, number]))
            for number, change in enumerate(CHANGES.values())
        ]
        said.append(classify(np.stack([image, *variants])))
    return np.stack(said)


def moved(said: Floats) -> Floats:
    """Return how much probability a change moves from class to class, (n, changes), 0 to 1.

    Half the sum of the absolute differences (the total variation distance).

    Parameters
    ----------
    said
        (n, 1 + changes, classes), as `read_changed` returns it.
    """
    return np.asarray(np.abs(said[:, 1:] - said[:, :1]).sum(2) / 2, dtype=np.float64)


def flipped(said: Floats) -> Floats:
    """Return whether a change makes it another reading, (n, changes), 0 or 1."""
    classes = said.argmax(2)
    return np.asarray(classes[:, 1:] != classes[:, :1], dtype=np.float64)


def shortcut_numbers(said: Floats, patients: npt.ArrayLike) -> dict[str, Any]:
    """Return ``moved`` and ``flipped`` of every change with intervals, for ``metrics.json``.

    Parameters
    ----------
    said
        (n, 1 + changes, classes), as `read_changed` returns it.
    patients
        (n,)
    """
    found = averages(np.concatenate([moved(said), flipped(said)], axis=1), patients)
    return {
        name: {"moved": found[at].json(), "flipped": found[at + len(CHANGES)].json()}
        for at, name in enumerate(CHANGES)
    }
