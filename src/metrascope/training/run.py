"""One run: one network, fold and seed; what it shares with the others, and its data."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metrascope.dataset.manifest import Manifest
from metrascope.dataset.preprocess import Preprocessing, fit_grey_table, stored_size
from metrascope.dataset.split import Split
from metrascope.dataset.store import StoreKey, files_digest, open_store
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.settings.study_settings import Settings
from metrascope.training.batches import TrainingData
from metrascope.training.loop import best_weights


@dataclass(frozen=True, order=True)
class TrainingRun:
    """One network, fold and seed of a study."""

    network: str
    fold: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.network}-f{self.fold}-s{self.seed}"


@dataclass(frozen=True)
class StudyInputs:
    """Data, split and settings that all runs of a study share."""

    folder: Path
    manifest: Manifest
    split: Split
    classes: tuple[str, ...]
    settings: Settings
    device: str


def run_is_finished(folder: Path, run: TrainingRun) -> bool:
    """Tell whether a run of the study in ``folder`` has written all its files."""
    return (folder / "runs" / run.name / "resources.json").is_file()


def store_key(manifest: Manifest, settings: Settings, network: str) -> StoreKey:
    """Return the key of the pixel store that a network reads."""
    return store_keys(manifest, settings, [network])[0]


def store_keys(manifest: Manifest, settings: Settings, networks: Sequence[str]) -> list[StoreKey]:
    """Return the keys of the pixel stores that some networks read, each once, in their order.

    The digest of the image files is made once for all of them.
    """
    steps, state = settings.preprocessing, files_digest(manifest)
    sizes = dict.fromkeys(stored_size(input_size(settings, network)) for network in networks)
    return [
        StoreKey(manifest.digest, state, size, steps.sector_crop, steps.fit, steps.equalization)
        for size in sizes
    ]


def input_size(settings: Settings, network: str) -> int:
    """Return the side of the square that a network sees in this study, pixels."""
    return settings.preprocessing.input_size or ARCHITECTURES[network].input_size


def remove_training_state(folder: Path) -> None:
    """Remove the training state and an earlier failure from the folder of a finished run."""
    resume = folder / "resume.safetensors"
    for leftover in (resume, best_weights(resume), folder / "failure.json"):
        leftover.unlink(missing_ok=True)


def training_data(inputs: StudyInputs, run: TrainingRun) -> TrainingData:
    """Open the pixel store and fit the grey-level table to the run's training partition alone."""
    manifest, split = inputs.manifest, inputs.split
    key = store_key(manifest, inputs.settings, run.network)
    store = open_store(manifest, key, inputs.folder / "prepared")
    train = split.rows(manifest.table, "train", run.fold)
    size = input_size(inputs.settings, run.network)
    return TrainingData(
        pixels=store.pixels,
        labels=class_codes(manifest, inputs.classes),
        train=train,
        validation=split.rows(manifest.table, "validation", run.fold),
        preprocessing=fit_preprocessing(key, size, store.histogram(train)),
    )


def class_codes(manifest: Manifest, classes: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the class of each image by its place in class order, int64 (images,)."""
    codes = manifest.table["label"].map({label: place for place, label in enumerate(classes)})
    return np.asarray(codes, dtype=np.int64)


def fit_preprocessing(
    key: StoreKey, size: int, histogram: npt.NDArray[np.int64] | None
) -> Preprocessing:
    """Return the steps from an image to a network, with the grey-level table of a partition.

    Parameters
    ----------
    key
        Of the store.
    size
        Side of the square that the network sees, pixels.
    histogram
        Grey levels of the training images inside their sectors, int64 (256,); None, or any
        equalization but ``train``, leaves the grey levels as the store has them.
    """
    table: npt.NDArray[np.uint8] = np.arange(256, dtype=np.uint8)  # identity: grey levels stay
    if key.equalization == "train" and histogram is not None:
        table = fit_grey_table(histogram)
    return Preprocessing(
        input_size=size,
        stored_size=key.size,
        sector_crop=key.sector_crop,
        fit=key.fit,
        equalization=key.equalization,
        grey_table=tuple(int(level) for level in table),
    )
