"""The files of a run from which the measurements are made: ``faithfulness.csv`` and others.

Made right after training, while the network and the pixels are at hand; what follows from the
files is computed by the summary, without either.

- ``faithfulness.csv``: image, way (deletion, insertion), order, and ``at_0`` to ``at_100``, the
  probability of the class first predicted after that percentage of the pixels.
- ``sanity.csv``: image, and ``drawn_0`` to ``drawn_100``, the rank similarity of its map with that
  percentage of the layers drawn anew; empty where a map is even.
- ``shortcuts.csv``: image, change, and the probabilities.
- ``border.npy``: features of every evaluated image with its sector blanked, float32.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.dataset.rows import row_writer
from metrascope.explain.border import border_only
from metrascope.explain.faithfulness import (
    CURVE,
    FRACTIONS,
    ORDERS,
    SIMILARITY,
    WAYS,
    perturbation_curves,
    shuffled,
)
from metrascope.explain.perturbations import CHANGES, UNCHANGED
from metrascope.explain.probe import Probe
from metrascope.explain.sample import sample_images
from metrascope.explain.sanity import randomized, rank_similarity
from metrascope.explain.shortcuts import read_changed
from metrascope.files.csv_file import write_frame
from metrascope.settings.study_settings import ExplainSettings

# Batches whose images are in memory at a time: of 16 at 224 pixels, 51 MB of grey levels.
_BATCHES_READ: Final = 64


@dataclass(frozen=True)
class EvaluatedImages:
    """Evaluated images of a run, as the network sees them.

    Attributes
    ----------
    names, patients
        Image and patient as in the manifest, (n,).
    grey, sectors
        Grey levels, uint8, and scan sectors, bool, (n, size, size).
    """

    names: npt.NDArray[np.object_]
    patients: npt.NDArray[np.object_]
    grey: npt.NDArray[np.uint8]
    sectors: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluated:
    """All evaluated images of a run, whose pixels stay on disk.

    Attributes
    ----------
    names, patients
        As in `EvaluatedImages`.
    read_pixels
        Function from positions among them, (m,), to grey levels and sectors, (m, size, size).
    """

    names: npt.NDArray[np.object_]
    patients: npt.NDArray[np.object_]
    read_pixels: Callable[
        [npt.NDArray[np.int64]], tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]
    ]

    def sample(self, count: int, seed: int) -> EvaluatedImages:
        """Return at most ``count`` of them, in order: one image a patient while there are more."""
        rows = sample_images(self.patients, count, seed)
        return EvaluatedImages(self.names[rows], self.patients[rows], *self.read_pixels(rows))


def record(
    probe: Probe,
    evaluated: Evaluated,
    classes: Sequence[str],
    settings: ExplainSettings,
    folder: Path,
    *,
    seed: int,
) -> None:
    """Write the files of a run that the measurements are made from; see the module.

    Parameters
    ----------
    probe
        Trained network with its preprocessing.
    evaluated
        Evaluated images, at least one.
    classes
        Labels in class order.
    settings
        Numbers of images; what is 0 or off is not written.
    folder
        Folder of the run.
    seed
        Seed of the sample of images and everything else drawn; the same seed gives the same images
        for another network.
    """
    if settings.faithfulness_images:
        images = evaluated.sample(settings.faithfulness_images, seed)
        _record_faithfulness(probe, images, folder, seed)
    if settings.shortcut_images:
        images = evaluated.sample(settings.shortcut_images, seed)
        _record_shortcuts(probe, images, classes, folder, seed)
    if settings.border:
        _record_border(probe, evaluated, folder)


def images_to_read(count: int, settings: ExplainSettings) -> int:
    """Return how many images, changed ones too, `record` lets the network read, of ``count``."""
    followed = min(settings.faithfulness_images, count)
    # The image itself, once by each network drawn anew, both ends of each way, and the steps
    # between them for each order.
    steps = len(ORDERS) * (len(FRACTIONS) - 2)
    each = 1 + len(SIMILARITY) + 2 * len(WAYS) + len(WAYS) * steps
    changed = min(settings.shortcut_images, count) * (1 + len(CHANGES))
    return followed * each + changed + (count if settings.border else 0)


def _record_border(probe: Probe, evaluated: Evaluated, folder: Path) -> None:
    rows, step = np.arange(len(evaluated.names)), _BATCHES_READ * probe.batch_size
    with row_writer(folder / "border.npy", len(rows)) as write:
        for start in range(0, len(rows), step):
            grey, sectors = evaluated.read_pixels(rows[start : start + step])
            write(probe.read(border_only(grey, sectors)).features)


def _record_faithfulness(probe: Probe, images: EvaluatedImages, folder: Path, seed: int) -> None:
    readings = probe.read(images.grey)
    predicted = readings.probabilities.argmax(1)
    every = np.arange(len(predicted))
    maps = {"map": readings.maps[every, predicted]}
    rng = np.random.default_rng(seed)
    maps["shuffled"] = np.stack([shuffled(heat, rng) for heat in maps["map"]])
    sanity = pd.DataFrame({"image": images.names})
    # The last turn, with every layer drawn anew, leaves the maps that the curves are compared with.
    for column, network in zip(SIMILARITY, randomized(probe.network, seed=seed), strict=True):
        maps["randomized"] = probe.with_network(network).read(images.grey).maps[every, predicted]
        sanity[column] = list(map(rank_similarity, maps["map"], maps["randomized"]))
    write_frame(folder / "sanity.csv", sanity, decimals=8)
    curves = perturbation_curves(probe.classify, images.grey, predicted, maps, seed=seed)
    keys = [(name, way, order) for name in images.names for way in WAYS for order in maps]
    table = pd.DataFrame(keys, columns=["image", "way", "order"])
    table[list(CURVE)] = curves.reshape(len(keys), -1)
    write_frame(folder / "faithfulness.csv", table, decimals=8)


def _record_shortcuts(
    probe: Probe, images: EvaluatedImages, classes: Sequence[str], folder: Path, seed: int
) -> None:
    probabilities = read_changed(probe.classify, images.grey, images.sectors, seed=seed)
    keys = [(name, change) for name in images.names for change in (UNCHANGED, *CHANGES)]
    table = pd.DataFrame(keys, columns=["image", "change"])
    table[[f"p_{label}" for label in classes]] = probabilities.reshape(len(keys), -1)
    write_frame(folder / "shortcuts.csv", table, decimals=8)
