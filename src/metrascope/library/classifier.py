"""The training of one network as an estimator of scikit-learn."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning_fabric import Fabric
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from metrascope import __version__
from metrascope.arrays import Floats
from metrascope.dataset.preprocess import Equalization, Preprocessing, fit_grey_table, stored_size
from metrascope.errors import DataError, SettingsError
from metrascope.library.training_images import (
    ImageList,
    check_groups,
    check_labels,
    draw_partitions,
    list_images,
    prepare_screen,
)
from metrascope.networks.architectures import find_architecture
from metrascope.networks.checkpoint import ModelDescription, save
from metrascope.networks.networks import Network, Pooling, create_network
from metrascope.progress import progress
from metrascope.settings.study_settings import Settings, dump_settings, parse_settings
from metrascope.study.runs import choose_device
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.execute import TrainingReporter, make_deterministic
from metrascope.training.loop import HISTORY, derived_seed, fit, predict

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
        settings, screens = self._settings(), list_images(images)
        labels = check_labels(y, len(screens))
        self.classes_, codes = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError("study.few_classes", label=self.classes_[0])
        rows = draw_partitions(labels, check_groups(groups, len(screens)), settings)
        data = self._data(screens, codes.astype(np.int64), rows, settings)
        with _reproducible(settings.seeds[0], self.network, choose_device(self.device)):
            network = create_network(
                self.network, len(self.classes_), settings.pooling, weights=self.weights
            )
            network.architecture.require_size(data.preprocessing.input_size, training=True)
            self._train(network, data, settings)
        self.network_ = network.cpu().eval()
        self.preprocessing_, self.validation_rows_ = data.preprocessing, rows["validation"]
        self._trained_on: dict[str, Any] = {
            "manifest_sha256": _digest(data.pixels, data.labels),
            "split_sha256": _digest(data.train, data.validation),
            "settings_sha256": sha256(dump_settings(settings).encode()).hexdigest(),
        }
        return self

    def save(self, folder: str | Path) -> Path:
        """Write the network as the run of a study has it: no pickle, and readable elsewhere.

        A `metrascope.predict.predictor.Predictor` reads images with the folder, and
        ``weights.safetensors`` in it is what ``weights`` takes. ``model.json`` has classes and
        preprocessing; the probabilities are as they are, without temperature. Its hashes are of
        the prepared images and their classes, of who validated and of the settings.

        Parameters
        ----------
        folder
            Made where it does not exist; files of these names in it are replaced.

        Returns
        -------
        The folder.

        Raises
        ------
        StudyError
            If it cannot be written.
        """
        check_is_fitted(self, "network_")
        description = ModelDescription(
            network=self.network_.architecture.name,
            title=self.network_.architecture.title,
            pooling=self.network_.pooling,
            classes=tuple(map(str, self.classes_)),
            preprocessing=self.preprocessing_,
            seed=int(self.random_state),
            origin=self.network_.origin,
            versions={"metrascope": __version__, "torch": torch.__version__},
            **self._trained_on,
        )
        save(Path(folder), self.network_, description)
        return Path(folder)

    def predict_proba(self, images: ImageList) -> Floats:
        """Return the probability of each class, float64 (n, K), in the order of ``classes_``.

        As ``predictions.csv`` of a study has them: softmax without temperature.
        """
        check_is_fitted(self, "network_")
        screens, steps = list_images(images), self.preprocessing_
        fabric = Fabric(accelerator=choose_device(self.device), devices=1)
        network = self.network_.to(fabric.device)
        parts = [np.empty((0, len(self.classes_)))]
        try:
            for start in range(0, len(screens), _PREDICTED):
                some = screens[start : start + _PREDICTED]
                squares = [
                    prepare_screen(one, start + row, steps)[0] for row, one in enumerate(some)
                ]
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
            pixels[row], inside = prepare_screen(image, row, steps)
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
def _reproducible(seed: int, network: str, device: str) -> Iterator[None]:
    """Train with the seed of a study's run, and leave torch's random numbers and kernels be."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark = torch.backends.cudnn.benchmark
    with torch.random.fork_rng(devices=[0] if device == "cuda" else []):
        make_deterministic()
        torch.manual_seed(derived_seed("weights", seed, network))
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(deterministic, warn_only=warns)
            torch.backends.cudnn.benchmark = benchmark


def _digest(*arrays: npt.NDArray[Any]) -> str:
    """Return the SHA-256 of arrays, one after the other."""
    digest = sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
