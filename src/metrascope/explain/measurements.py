"""What a run leaves of its network for the measurements: ``faithfulness.csv`` and others.

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

_BATCHES: Final = 64


@dataclass(frozen=True)
class EvaluatedImages:
    """Evaluated images of a run, as the network sees them.

    Attributes
    ----------
    names
        (n,) as in the manifest.
    patients
        (n,)
    grey, sectors
        uint8 and bool, (n, size, size).
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
    look
        From places among them to grey levels and sectors, as in `EvaluatedImages`.
    """

    names: npt.NDArray[np.object_]
    patients: npt.NDArray[np.object_]
    look: Callable[[npt.NDArray[np.int64]], tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]]

    def some(self, count: int, seed: int) -> EvaluatedImages:
        """Return at most ``count`` of them, in order: one image a patient while there are more."""
        chosen = sample_images(self.patients, count, seed)
        return EvaluatedImages(self.names[chosen], self.patients[chosen], *self.look(chosen))


def record(
    reader: Probe,
    shown: Evaluated,
    classes: Sequence[str],
    settings: ExplainSettings,
    folder: Path,
    *,
    seed: int,
) -> None:
    """Write the files of a run that the measurements are made from; see the module.

    Parameters
    ----------
    reader
        The trained network.
    shown
        Evaluated images, at least one.
    classes
        In class order.
    settings
        How many images; what is 0 or off is not written.
    folder
        Of the run.
    seed
        Of the choice of images and everything else drawn; the same seed chooses the same images
        for another network.
    """
    if settings.faithfulness_images:
        some = shown.some(settings.faithfulness_images, seed)
        _record_faithfulness(reader, some, folder, seed)
    if settings.shortcut_images:
        some = shown.some(settings.shortcut_images, seed)
        _record_shortcuts(reader, some, classes, folder, seed)
    if settings.border:
        _record_border(reader, shown, folder)


def images_to_read(count: int, settings: ExplainSettings) -> int:
    """Return how many images, changed ones too, the network reads in `record`, of so many."""
    followed = min(settings.faithfulness_images, count)
    steps = len(ORDERS) * (len(FRACTIONS) - 2)
    each = 1 + len(SIMILARITY) + 2 * len(WAYS) + len(WAYS) * steps
    changed = min(settings.shortcut_images, count) * (1 + len(CHANGES))
    return followed * each + changed + (count if settings.border else 0)


def _record_border(reader: Probe, shown: Evaluated, folder: Path) -> None:
    places, step = np.arange(len(shown.names)), _BATCHES * reader.batch_size
    with row_writer(folder / "border.npy", len(places)) as write:
        for start in range(0, len(places), step):
            grey, sectors = shown.look(places[start : start + step])
            write(reader.read(border_only(grey, sectors)).features)


def _record_faithfulness(reader: Probe, shown: EvaluatedImages, folder: Path, seed: int) -> None:
    read = reader.read(shown.grey)
    predicted = read.probabilities.argmax(1)
    every = np.arange(len(predicted))
    maps = {"map": read.maps[every, predicted]}
    rng = np.random.default_rng(seed)
    maps["shuffled"] = np.stack([shuffled(heat, rng) for heat in maps["map"]])
    sanity = pd.DataFrame({"image": shown.names})
    for column, network in zip(SIMILARITY, randomized(reader.network, seed=seed), strict=True):
        maps["randomized"] = reader.of(network).read(shown.grey).maps[every, predicted]
        sanity[column] = list(map(rank_similarity, maps["map"], maps["randomized"]))
    write_frame(folder / "sanity.csv", sanity, decimals=8)
    curves = perturbation_curves(reader.classify, shown.grey, predicted, maps, seed=seed)
    keys = [(name, way, order) for name in shown.names for way in WAYS for order in maps]
    table = pd.DataFrame(keys, columns=["image", "way", "order"])
    table[list(CURVE)] = curves.reshape(len(keys), -1)
    write_frame(folder / "faithfulness.csv", table, decimals=8)


def _record_shortcuts(
    reader: Probe, shown: EvaluatedImages, classes: Sequence[str], folder: Path, seed: int
) -> None:
    said = read_changed(reader.classify, shown.grey, shown.sectors, seed=seed)
    keys = [(name, change) for name in shown.names for change in (UNCHANGED, *CHANGES)]
    table = pd.DataFrame(keys, columns=["image", "change"])
    table[[f"p_{label}" for label in classes]] = said.reshape(len(keys), -1)
    write_frame(folder / "shortcuts.csv", table, decimals=8)
