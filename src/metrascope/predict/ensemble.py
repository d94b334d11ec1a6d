"""The members of a bundle, or the network of a run, as one reader of crops."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Pixels
from metrascope.dataset.preprocess import Preprocessing, seen_box
from metrascope.errors import DataError, WeightsError
from metrascope.files.atomic import sha256
from metrascope.predict.appearance import describe_appearance
from metrascope.predict.bundle import Bundle
from metrascope.predict.familiarity import Familiarity, TrainingFeatures
from metrascope.predict.refusal import disagreement
from metrascope.predict.runtime import (
    NetworkOutput,
    Runtime,
    RuntimeName,
    choose_runtime,
    open_runtime,
)

_ROUNDING: Final = 1e-3
"""How far probabilities may be from 1 together: 32 bits and half precision stay well below."""
_SMALL: Final = 128
"""Side of the square that networks are tried out on, pixels."""
_LARGEST_MAP: Final = 512
"""Side of a heat map: networks of ours have 7 to 32."""


@dataclass(frozen=True)
class Combined:
    """What all members say of n images of one size, K classes.

    Attributes
    ----------
    answers
        Of each member.
    probabilities
        float64, (n, K): the mean of the members' calibrated probabilities.
    maps
        float32, (n, K, rows, columns), at least 0: of several members the mean, each scaled by
        the largest value that it has in the image.
    unfamiliarity
        float64, (n,): the mean of the members' scores; None where nothing is known of the
        training images.
    disagreement
        float64, (n,): see `metrascope.predict.refusal.disagreement`.
    """

    answers: tuple[NetworkOutput, ...]
    probabilities: npt.NDArray[np.float64]
    maps: npt.NDArray[np.float32]
    unfamiliarity: npt.NDArray[np.float64] | None
    disagreement: npt.NDArray[np.float64]


class Ensemble:
    """Members that read the same crops.

    Parameters
    ----------
    runtimes
        One for each member.
    preprocessings
        Of the members.
    known
        Of the members' training images; nothing for a run.
    classes
        How many; None takes what the graphs give.
    """

    def __init__(
        self,
        runtimes: Sequence[Runtime],
        preprocessings: Sequence[Preprocessing],
        known: Sequence[TrainingFeatures] = (),
        classes: int | None = None,
    ) -> None:
        self.runtimes, self.preprocessings = tuple(runtimes), tuple(preprocessings)
        self.known = tuple(known)
        self._classes = classes

    def read(self, grey: Pixels) -> Combined:
        """Read crops of one size: uint8, (n, height, width).

        Raises
        ------
        DataError
            If a network gives no probabilities, heat maps and features of them.
        WeightsError
            If a network takes far too long.
        """
        answers = tuple(self._ask(member, grey) for member in range(len(self.runtimes)))
        each = np.array([answer.probabilities for answer in answers], dtype=np.float64)
        return Combined(
            answers,
            each.mean(0),
            _mean_maps([answer.maps for answer in answers]),
            self._unfamiliarity(grey, answers),
            disagreement(each),
        )

    def try_out(self, bundle: Path) -> None:
        """Read a small square of grey: what fails here for want of memory fails for every file.

        Raises
        ------
        WeightsError
            If a network asks for more memory than there is, or takes far too long.
        """
        for runtime in self.runtimes:
            try:
                runtime(np.full((1, 1, _SMALL, _SMALL), 128, np.uint8))
            except MemoryError as error:
                raise WeightsError("serving.no_memory", bundle=bundle, reason=error) from error
            except DataError:  # said of each image, as its refusal
                continue

    def _ask(self, member: int, grey: Pixels) -> NetworkOutput:
        answer = self.runtimes[member](grey[:, None])
        width = len(self.known[member].features.middle) if self.known else None
        fault = _fault(answer, len(grey), self._classes, width)
        if fault:
            raise DataError("serving.no_answer", reason=fault)
        return answer

    def _unfamiliarity(
        self, grey: Pixels, answers: Sequence[NetworkOutput]
    ) -> npt.NDArray[np.float64] | None:
        if not self.known:
            return None
        scores = [
            own.score(answer.features, [describe_appearance(one, steps) for one in grey])
            for own, answer, steps in zip(self.known, answers, self.preprocessings, strict=True)
        ]
        return np.asarray(np.mean(scores, axis=0), dtype=np.float64)

    def box(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Return what the networks see of a crop, in its pixels: the same for all sizes."""
        box = seen_box(height, width, self.preprocessings[0].fit)
        return box.left, box.top, box.right, box.bottom


def open_ensemble(
    bundle: Bundle, *, runtime: RuntimeName | Sequence[RuntimeName] | None, threads: int
) -> Ensemble:
    """Load the members of a bundle, with the runtime that is faster here or the one named.

    Parameters
    ----------
    bundle
        On disk.
    runtime
        Of all members, or of each; None for the faster one.
    threads
        That one reading may use.

    Raises
    ------
    WeightsError
        If a file is no graph that may be loaded.
    MissingExtraError
        If no runtime is installed.
    """
    members = bundle.description.members
    runtimes = []
    named = [runtime] * len(members) if runtime is None or isinstance(runtime, str) else runtime
    for member, given in zip(members, named, strict=True):
        path = bundle.path(member.graph)
        name = given or choose_runtime(path, sha256(path), threads=threads)
        runtimes.append(open_runtime(path, name=name, threads=threads))
    known = [
        TrainingFeatures(
            Familiarity.load(bundle.path(member.familiarity_file), member.familiarity),
            Familiarity.load(bundle.path(member.looks_file), member.looks),
        )
        for member in members
    ]
    steps, classes = [member.preprocessing for member in members], bundle.description.classes
    return Ensemble(runtimes, steps, known, len(classes))


def open_run(folder: Path) -> tuple[Ensemble, tuple[str, ...], bool]:
    """Load the network of a run, which needs torch.

    Returns
    -------
    The network, its classes, and whether images are cleaned before they are read.

    Raises
    ------
    WeightsError
        If the folder holds no trained network.
    """
    # Before torch is loaded, which is no answer to a folder misspelt.
    if not (folder / "model.json").is_file() or not (folder / "weights.safetensors").is_file():
        raise WeightsError("serving.no_bundle", folder=folder)
    from metrascope.predict.torch_runtime import TorchRuntime

    runtime = TorchRuntime(folder)
    said = runtime.description
    network = Ensemble([runtime], [said.preprocessing], classes=len(said.classes))
    return network, said.classes, said.cleaned


def _fault(
    answer: NetworkOutput, images: int, classes: int | None, width: int | None
) -> str | None:
    """Return in a few signs what is wrong with an answer, None where it is sound."""
    for name, value in answer._asdict().items():
        if value.dtype.kind != "f" or not value.size:
            return f"{name}: {value.dtype} {value.shape}"
    shares, maps, features = answer.probabilities, answer.maps, answer.features
    count = classes or shares.shape[-1]
    shapes = shares.shape == (images, count) and maps.shape[:2] == (images, count)
    if not shapes or maps.ndim != 4 or max(maps.shape[2:]) > _LARGEST_MAP:
        return f"probabilities {shares.shape}, maps {maps.shape}"
    if (
        features.ndim != 2
        or len(features) != images
        or features.shape[1] != (width or features.shape[1])
    ):
        return f"features {features.shape}"
    # What is no number is in no range.
    if not (shares.min() >= 0 and np.abs(shares.sum(axis=1) - 1).max() <= _ROUNDING):
        return f"probabilities {', '.join(f'{share:.3g}' for share in shares[0][:5])}"
    if not (np.isfinite(maps).all() and np.isfinite(features).all()):
        return "NaN"
    return None


def _mean_maps(maps: Sequence[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    if len(maps) == 1:
        return maps[0]
    rows, columns = (max(own.shape[axis] for own in maps) for axis in (2, 3))
    scaled = []
    for own in maps:
        largest = own.max(axis=(1, 2, 3), keepdims=True)
        relative = own / np.where(largest > 0, largest, 1)
        scaled.append(
            [[cv2.resize(plane, (columns, rows)) for plane in image] for image in relative]
        )
    return np.asarray(np.mean(scaled, axis=0), dtype=np.float32)
