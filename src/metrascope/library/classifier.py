"""The training of one network as an estimator of scikit-learn."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning_fabric import Fabric
from PIL import Image
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from metrascope.arrays import Floats, GreyImage
from metrascope.dataset.image import SMALLEST_SIDE, detect_sector, lacks_content
from metrascope.dataset.preprocess import Equalization, Preprocessing, fit_grey_table, stored_size
from metrascope.dataset.split import split_patients
from metrascope.dataset.store import StoredSquare, stored_square
from metrascope.errors import DataError, SettingsError
from metrascope.networks.architectures import find_architecture
from metrascope.networks.networks import Network, Pooling, create_network
from metrascope.progress import progress
from metrascope.screen.picture import read_grey
from metrascope.settings.study_settings import Settings, parse_settings
from metrascope.study.runs import choose_device
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.execute import TrainingReporter, make_deterministic
from metrascope.training.loop import HISTORY, derived_seed, fit, predict

ImageList = Sequence[str | Path | npt.NDArray[Any]] | npt.NDArray[Any]
"""Paths, or arrays of whole screens: grey (h, w) or RGB (h, w, 3), uint8; of any sizes."""

_SECTIONS: Final = ("training", "preprocessing", "augmentation")
"""Of the settings of a study, those that shape a training."""
_PREDICTED: Final = 64
"""Images that are prepared and read together: their squares are in memory, 64 kB each."""


class UltrasoundClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """One network, trained as a study trains it, behind scikit-learn's ``fit`` and ``predict``.

    Images are decoded, cropped to their scan sector, brought to a square and equalized as
    `metrascope study` does it; a part of the patients validates, which ``best_epoch`` is chosen
    on. The same images, parameters and machine give the same weights.

    Parameters
    ----------
    network
        One of the eight: ``densenet121``, ``densenet201``, ``efficientnet_b0``, ``vgg16``,
        ``mobilenet_v2``, ``resnet18``, ``resnet34``, ``inception_v3``.
    weights
        ``imagenet``, ``none``, or the path of a safetensors file.
    pooling
        ``avgmax`` (the study's head) or ``avg`` (the network's own).
    epochs, batch_size, learning_rate, momentum, weight_decay, schedule, warmup_epochs
        The recipe; the defaults are the paper's.
    class_weights
        Weigh the loss of a class by how rare it is.
    best_epoch
        Keep the weights of the epoch with the best macro F1 on the validating patients instead
        of the last.
    validation
        Share of the patients that validate and are not trained on.
    input_size
        Side of the square that the network sees, pixels; None for the network's own.
    sector_crop, equalization
        The deterministic steps before the network.
    settings
        Any other setting of a study, as ``--set`` takes them: ``{"augmentation.rotation": 5}``.
    random_state
        Seed of the validating patients, the initial weights, the order and the augmentation.
    device
        ``auto``, ``cpu`` or ``cuda``.
    verbose
        Show the progress of a training.

    Attributes
    ----------
    classes_ : numpy.ndarray
        (K,), sorted; column k of ``predict_proba`` is class k.
    network_ : metrascope.networks.networks.Network
        Trained, in evaluation mode, on the processor.
    preprocessing_ : metrascope.dataset.preprocess.Preprocessing
        With the grey-level table of the training images.
    history_ : pandas.DataFrame
        A row for each step: epoch, step, learning rate, loss; at the end of an epoch also loss
        and macro F1 of the validating patients.
    validation_rows_ : numpy.ndarray
        Which of the images given to ``fit`` validated.
    """

    def __init__(
        self,
        network: str = "mobilenet_v2",
        *,
        weights: str | Path = "imagenet",
        pooling: Pooling = "avgmax",
        epochs: int = 10,
        batch_size: int = 16,
        learning_rate: float = 0.001,
        momentum: float = 0.9,
        weight_decay: float = 1e-4,
        schedule: Literal["cosine", "step", "constant"] = "cosine",
        warmup_epochs: int = 5,
        class_weights: bool = False,
        best_epoch: bool = False,
        validation: float = 0.1,
        input_size: int | None = None,
        sector_crop: bool = True,
        equalization: Equalization = "train",
        settings: Mapping[str, object] | None = None,
        random_state: int = 0,
        device: Literal["auto", "cpu", "cuda"] = "auto",
        verbose: bool = False,
    ) -> None:
        self.network = network
        self.weights = weights
        self.pooling = pooling
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.class_weights = class_weights
        self.best_epoch = best_epoch
        self.validation = validation
        self.input_size = input_size
        self.sector_crop = sector_crop
        self.equalization = equalization
        self.settings = settings
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(
        self, images: ImageList, y: Sequence[object], groups: Sequence[object] | None = None
    ) -> Self:
        """Train on images.

        Parameters
        ----------
        images
            Paths of files, or arrays of whole screens.
        y
            Class of each image, (n,): names or whole numbers.
        groups
            Patient of each image, (n,), so that none of hers validates while others train;
            without, every image is a patient of its own.

        Raises
        ------
        DataError
            If the lengths differ, an image cannot be used, or a class has too few patients.
        SettingsError
            If a parameter cannot be used.
        WeightsError
            If the weights are not to be had.
        StudyError
            If the training diverges, or there is no such device.
        """
        settings, screens = self._settings(), _listed(images)
        labels = _labels(y, len(screens))
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError("study.few_classes", label=self.classes_[0])
        rows = _partition_rows(labels, _patients(groups, len(screens)), settings)
        data = self._data(screens, codes.astype(np.int64), rows, settings)
        with _reproducible(settings.seeds[0], self.network):
            network = create_network(
                self.network, len(self.classes_), settings.pooling, weights=self.weights
            )
            network.architecture.require_size(data.preprocessing.input_size, training=True)
            self._train(network, data, settings)
        self.network_ = network.cpu().eval()
        self.preprocessing_, self.validation_rows_ = data.preprocessing, rows["validation"]
        return self

    def predict_proba(self, images: ImageList) -> Floats:
        """Return the probability of each class, float64 (n, K), in the order of ``classes_``.

        As ``predictions.csv`` of a study has them: softmax without temperature.
        """
        check_is_fitted(self, "network_")
        screens = _listed(images)
        fabric, steps = (
            Fabric(accelerator=choose_device(self.device), devices=1),
            self.preprocessing_,
        )
        network = self.network_.to(fabric.device)
        parts = [np.empty((0, len(self.classes_)))]
        try:
            for start in range(0, len(screens), _PREDICTED):
                some = screens[start : start + _PREDICTED]
                squares = [_square(one, start + row, steps)[0] for row, one in enumerate(some)]
                rows = np.arange(len(some))
                feed = BatchFeed(
                    TrainingData(np.stack(squares), rows, rows[:0], rows[:0], steps), fabric.device
                )
                for output in predict(fabric, network, feed, rows, self.batch_size):
                    parts.append(output.logits.cpu().double().softmax(dim=1).numpy())
        finally:
            network.cpu()
        return np.concatenate(parts)

    def predict(self, images: ImageList) -> npt.NDArray[Any]:
        """Return the likeliest class of each image, (n,)."""
        likeliest = self.predict_proba(images).argmax(axis=1)
        return np.asarray(self.classes_[likeliest])

    def _settings(self) -> Settings:
        """Return the parameters as settings of a study, checked as those of a file are."""
        training = (
            *("epochs", "batch_size", "learning_rate", "momentum", "weight_decay"),
            *("schedule", "warmup_epochs", "class_weights", "best_epoch"),
        )
        steps = ("input_size", "sector_crop", "equalization")
        values: dict[str, Any] = {
            "networks": (self.network,),
            "seeds": (self.random_state,),
            "pooling": self.pooling,
            "split": {"validation": self.validation, "seed": self.random_state},
            "training": {name: getattr(self, name) for name in training},
            "preprocessing": {name: getattr(self, name) for name in steps},
        }
        if self.device not in ("auto", "cpu", "cuda"):
            raise SettingsError("library.device", found=self.device)
        further = {} if self.settings is None else self.settings
        if not isinstance(further, Mapping):
            raise SettingsError("library.settings_kind", sections=", ".join(_SECTIONS))
        for key, value in further.items():
            section, _, name = key.partition(".")
            if section not in _SECTIONS or key == "training.processes":
                raise SettingsError("library.settings_key", key=key, sections=", ".join(_SECTIONS))
            values.setdefault(section, {})[name] = value
        return parse_settings(values, type(self).__name__)

    def _data(
        self,
        images: Sequence[object],
        codes: npt.NDArray[np.int64],
        rows: Mapping[str, npt.NDArray[np.int64]],
        settings: Settings,
    ) -> TrainingData:
        """Prepare all images as a study's store holds them; the grey levels of training count."""
        size = settings.preprocessing.input_size or find_architecture(self.network).input_size
        steps = Preprocessing(
            input_size=size,
            stored_size=stored_size(size),
            **settings.preprocessing.model_dump(exclude={"input_size"}),
        )
        pixels = np.empty((len(images), steps.stored_size, steps.stored_size), dtype=np.uint8)
        histogram = np.zeros(256, dtype=np.int64)
        trained = set(rows["train"].tolist())
        for row, image in enumerate(images):
            pixels[row], inside = _square(image, row, steps)
            if row in trained:
                histogram += np.bincount(pixels[row][inside], minlength=256)
        if steps.equalization == "train":
            table = tuple(fit_grey_table(histogram).tolist())
            steps = steps.model_copy(update={"grey_table": table})
        return TrainingData(pixels, codes, rows["train"], rows["validation"], steps)

    def _train(self, network: Network, data: TrainingData, settings: Settings) -> None:
        precision = settings.training.precision
        fabric = Fabric(
            accelerator=choose_device(self.device),
            devices=1,
            precision="32-true" if precision == "auto" else precision,
        )
        title = network.architecture.title
        shown = progress(title) if self.verbose else nullcontext(_silent)
        with tempfile.TemporaryDirectory(prefix="metrascope-") as folder, shown as advance:
            fitted = fit(
                fabric,
                network,
                data,
                settings,
                seed=derived_seed(settings.seeds[0], 0),
                resume=Path(folder) / "resume.safetensors",
                report=TrainingReporter(advance, settings.training.epochs),
            )
        history = pd.DataFrame(fitted.history, columns=list(HISTORY))
        self.history_ = history.apply(pd.to_numeric)


def _silent(done: int, all_: int, note: str = "") -> None:
    """Show nothing."""


@contextmanager
def _reproducible(seed: int, network: str) -> Iterator[None]:
    """Train with the seed of a study's run, and leave torch's random numbers and kernels be."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    with torch.random.fork_rng():
        make_deterministic()
        torch.manual_seed(derived_seed("weights", seed, network))
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warns)
            torch.backends.cudnn.benchmark = benchmark


def _listed(images: object) -> list[object]:
    """Return images one after the other, whatever holds them.

    By their order, as y has it: a Series would be asked by the labels of its index.
    """
    one = isinstance(images, str | Path | pd.DataFrame)
    if one or not isinstance(images, Iterable):
        raise DataError("library.no_image_list", found=type(images).__name__)
    return list(images)


def _labels(y: Sequence[object], images: int) -> npt.NDArray[Any]:
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != images:
        raise DataError("library.labels_shape", images=images, found=labels.shape)
    for row in np.flatnonzero(pd.isna(labels)):
        raise DataError("library.label_missing", row=row)
    if labels.dtype == object:
        labels = np.asarray([str(label) for label in labels])
    if labels.dtype.kind not in "iuUb":
        raise DataError("library.labels_kind", found=labels.dtype)
    return labels


def _patients(groups: Sequence[object] | None, images: int) -> list[str]:
    if groups is None:
        return [str(row) for row in range(images)]
    given = np.asarray(groups, dtype=object)
    if given.shape != (images,):
        raise DataError("library.groups_length", images=images, found=given.shape)
    for row in np.flatnonzero(pd.isna(given)):
        raise DataError("library.patient_missing", row=row)
    return list(map(str, given))


def _partition_rows(
    labels: npt.NDArray[Any], patients: Sequence[str], settings: Settings
) -> dict[str, npt.NDArray[np.int64]]:
    """Return the rows that train and that validate, as a study's hold-out draws them."""
    images = pd.DataFrame({"patient_id": patients, "label": list(map(str, labels))})
    split = split_patients(
        images,
        [str(label) for label in np.unique(labels)],
        validation=settings.split.validation,
        seed=settings.split.seed,
    )
    return {part: split.rows(images, part) for part in ("train", "validation")}


def _square(image: object, row: int, steps: Preprocessing) -> StoredSquare:
    """Return one image as a study's store holds it."""
    grey = _grey(image, row)
    if lacks_content(grey):
        size = f"{grey.shape[1]} x {grey.shape[0]}"
        raise DataError("library.blank", row=row, size=size, least=SMALLEST_SIDE)
    picture = detect_sector(grey)
    picture = picture.cropped() if steps.sector_crop else picture
    return stored_square(picture, steps.stored_size, steps.fit, steps.equalization)


def _grey(image: object, row: int) -> GreyImage:
    if isinstance(image, str | Path):
        try:
            return read_grey(Path(image), row)
        except DataError as error:
            reason = error.values.get("reason") or error.values.get("size")
            raise DataError("library.unreadable", row=row, path=image, reason=reason) from error
    array = np.asarray(image)
    rgb = array.ndim == 3 and array.shape[2] == 3
    if array.dtype != np.uint8 or not (array.ndim == 2 or rgb) or not array.size:
        raise DataError("library.array_image", dtype=array.dtype, shape=array.shape)
    return np.asarray(Image.fromarray(array).convert("L"))
