"""A data set as PyTorch's data loaders take it: the pixels of training, split by patient."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple
from weakref import finalize

import numpy as np
import numpy.typing as npt
import pandas as pd
from torch import Tensor
from torch.utils.data import Dataset

from metrascope.audit.pairs import DuplicatePair
from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.dataset.preprocess import Equalization, Preprocessing, stored_size
from metrascope.dataset.split import Split
from metrascope.dataset.store import PixelStore, StoreKey, files_digest, open_store
from metrascope.errors import DataError
from metrascope.library.prediction_sources import class_names
from metrascope.settings.study_settings import (
    PreprocessingSettings,
    SplitSettings,
    parse_section,
)
from metrascope.study.split_choice import choose_classes, choose_split, find_duplicate_pairs
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.run import class_codes, fit_preprocessing

Transform = Callable[[Tensor], Tensor]


def load_data(
    path: str | Path,
    *,
    classes: Sequence[str] = (),
    input_size: int = 224,
    sector_crop: bool = True,
    equalization: Equalization = "train",
    fit: Literal["crop", "pad"] = "crop",
    transform: Transform | None = None,
    cache: str | Path | None = None,
) -> "ImageDataset":
    """Open a data set: a folder with ``manifest.csv``, or the manifest itself.

    Parameters
    ----------
    path
        What ``metrascope ingest`` or ``metrascope phantom`` has written, or a manifest of one's
        own: ``image``, ``patient_id``, ``label``, and whatever else is known.
    classes
        In order; by default those of the manifest, ``normal`` first.
    input_size
        Side of the squares, pixels: 224 for all networks of ours but Inception-v3 (299).
    sector_crop, equalization, fit
        The steps of a study; see ``preprocessing`` in docs/guide.md.
    transform
        Called with each image, (3, input_size, input_size); ``dataset.transform`` may be set
        later, for the training part alone say.
    cache
        Folder that keeps the decoded pixels for the next call; without, they are kept in a
        temporary folder until the program ends. Every image is decoded once, when the first
        image is asked for or the data set is split.

    Raises
    ------
    DataError
        If there is no manifest, or it has problems: all are listed with row and column.
    SettingsError
        If a step is none of those there are.
    """
    steps = {"input_size": input_size, "sector_crop": sector_crop, "fit": fit}
    settings = parse_section(
        PreprocessingSettings, {**steps, "equalization": equalization}, "load_data"
    )
    manifest = read_manifest(Path(path))
    names = choose_classes(manifest, class_names(classes) or ())
    source = _Source(manifest, names, settings, cache)
    return ImageDataset(source, np.arange(len(manifest.table)), None, transform)


class Partitions(NamedTuple):
    """The parts of a data set in one fold; no patient is in two of them."""

    train: "ImageDataset"
    validation: "ImageDataset"
    test: "ImageDataset"


class ImageDataset(Dataset[tuple[Tensor, int]]):
    """Images and their classes, as `load_data` and `ImageDataset.split` return them.

    ``dataset[i]`` is an image, float32 (3, size, size) and normalized, the very numbers that a
    network of a study is trained with but for augmentation, and the number of its class.

    Attributes
    ----------
    transform
        Called with each image; None for nothing.
    """

    def __init__(
        self,
        source: "_Source",
        rows: npt.NDArray[np.int64],
        preprocessing: Preprocessing | None,
        transform: Transform | None = None,
    ) -> None:
        self._source, self._rows, self._fitted = source, rows, preprocessing
        self.transform = transform

    def __repr__(self) -> str:
        classes, size = ", ".join(self.classes), self._source.size
        return f"<ImageDataset: {len(self)} images of {size} x {size} pixels; {classes}>"

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[tuple[Tensor, int]]:
        """Return several images, read together: what PyTorch's data loader asks for."""
        rows = self._rows[np.asarray(indices, dtype=np.int64)]
        images = self._feed.images(self._feed.to_device(rows))
        labels = self._source.labels[rows].tolist()
        changed = images if self.transform is None else map(self.transform, images)
        return list(zip(changed, labels, strict=True))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label of an image is a place in it."""
        return self._source.classes

    @property
    def dataframe(self) -> pd.DataFrame:
        """The manifest: row i is image i of this data set.

        Columns as in ``manifest.csv``, with ``path`` (of the file) and ``class_index`` after
        them. Cells are text, missing where unknown; ``age`` and ``lesion_mm`` are numbers.
        """
        manifest = self._source.manifest
        table = manifest.table.iloc[self._rows].reset_index(drop=True)
        table = table.astype(object).where(table != "")
        for column in ("age", "lesion_mm"):
            if column in table:
                table[column] = pd.to_numeric(table[column], errors="coerce")
        table["path"] = [str(manifest.file(name)) for name in table["image"]]
        table["class_index"] = self._source.labels[self._rows]
        return table

    @property
    def preprocessing(self) -> Preprocessing:
        """All steps from a decoded image to a network, as ``model.json`` has them.

        The grey-level table of ``equalization="train"`` is fitted to the training part when the
        data set is split; before that, grey levels are left as they are.
        """
        return self._fitted or fit_preprocessing(self._source.key, self._source.size, None)

    def split(
        self,
        *,
        validation: float = 0.1,
        test: float = 0.0,
        seed: int = 0,
        near_duplicates: bool = True,
    ) -> Partitions:
        """Split by patient, stratified by class, as a study does.

        Parameters
        ----------
        validation, test
            Shares of the patients; with ``test=0`` the part ``test`` is empty.
        seed
            Of the draw: the same data set and seed give the same parts.
        near_duplicates
            Look for images that are nearly one, whose patients stay together: about 30 ms an
            image, once for a data set. Not needed where ``metrascope audit --write`` has.

        Raises
        ------
        DataError
            If a class has too few patients.
        SettingsError
            If the shares make no sense.
        """
        shares = {"validation": validation, "test": test, "seed": seed}
        return self._parts(shares, "split", near_duplicates)[0]

    def folds(
        self,
        folds: int = 5,
        *,
        by: Literal["scanner", "centre"] | None = None,
        repeats: int = 1,
        validation: float = 0.1,
        seed: int = 0,
        near_duplicates: bool = True,
    ) -> list[Partitions]:
        """Split for cross-validation by patient: every patient is tested once in each repeat.

        Parameters
        ----------
        folds, repeats
            How many; the folds of all repeats come one after the other.
        by
            Test one scanner, or centre, in each fold instead; ``folds`` is of no account then.
        validation
            Share of the patients of the other folds.
        seed, near_duplicates
            As in `split`.

        Raises
        ------
        DataError, SettingsError
            As `split`.
        """
        design: dict[str, Any] = {"design": "kfold", "folds": folds, "repeats": repeats}
        if by is not None:
            design = {"design": "leave-one-out", "by": by}
        return self._parts(
            {**design, "validation": validation, "seed": seed}, "folds", near_duplicates
        )

    def _parts(
        self, values: Mapping[str, Any], name: str, near_duplicates: bool
    ) -> list[Partitions]:
        if len(self) != len(self._source.manifest.table):
            raise DataError("library.split_again")
        settings = parse_section(SplitSettings, values, name)
        split = self._source.draw(settings, near=near_duplicates)
        return [self._partitions(split, fold) for fold in split.folds]

    def _partitions(self, split: Split, fold: int) -> Partitions:
        source, table = self._source, self._source.manifest.table
        rows = {part: split.rows(table, part, fold) for part in Partitions._fields}
        fitted = fit_preprocessing(source.key, source.size, source.store.histogram(rows["train"]))
        return Partitions(
            *(ImageDataset(source, rows[part], fitted, self.transform) for part in rows)
        )

    @cached_property
    def _feed(self) -> BatchFeed:
        """What makes the batches of a training, on the processor."""
        from torch import device

        source, nobody = self._source, np.empty(0, dtype=np.int64)
        pixels, steps = source.store.pixels, self.preprocessing
        return BatchFeed(TrainingData(pixels, source.labels, nobody, nobody, steps), device("cpu"))

    def __getstate__(self) -> dict[str, Any]:
        # A data loader's process opens the store itself: pickled, it would be sent as a copy.
        return {name: value for name, value in self.__dict__.items() if name != "_feed"}


class _Source:
    """What all parts of a data set share: manifest, classes, and the store of decoded pixels."""

    def __init__(
        self,
        manifest: Manifest,
        classes: tuple[str, ...],
        steps: PreprocessingSettings,
        cache: str | Path | None,
    ) -> None:
        self.manifest, self.classes = manifest, classes
        self.labels = class_codes(manifest, classes)
        self.size = steps.input_size or 224
        self.key = StoreKey(
            manifest.digest,
            files_digest(manifest),
            stored_size(self.size),
            steps.sector_crop,
            steps.fit,
            steps.equalization,
        )
        if cache is None:
            self._folder = Path(tempfile.mkdtemp(prefix="metrascope-"))
            finalize(self, _remove, self._folder, os.getpid())
        else:
            self._folder = Path(cache)
        self._pairs: dict[bool, tuple[DuplicatePair, ...]] = {}

    @cached_property
    def store(self) -> PixelStore:
        """The decoded images, made where they are not there yet."""
        return open_store(self.manifest, self.key, self._folder)

    def draw(self, settings: SplitSettings, *, near: bool) -> Split:
        """Draw a split as a study does, with the patients of duplicates kept together."""
        if near not in self._pairs:
            known = find_duplicate_pairs(self.manifest, self._folder, near=near)
            self._pairs[near] = known.pairs
        return choose_split(self.manifest, self.classes, settings, None, self._pairs[near])[0]

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "store"}


def _remove(folder: Path, process: int) -> None:
    """Remove a temporary folder when its data set is gone, or the program that made it ends."""
    if os.getpid() == process:  # not when a data loader's process ends, which is a copy of it
        shutil.rmtree(folder, ignore_errors=True)
