"""What the members of a bundle say of the images that they were trained and validated with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import Manifest
from metrascope.dataset.split import Split
from metrascope.export.trained import TrainedRun
from metrascope.predict.appearance import describe_appearance
from metrascope.predict.neighbors import thumbnail
from metrascope.predict.runtime import Runtime

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Cases:
    """Images of a study as a bundle will read them: n images, M members, K classes.

    Attributes
    ----------
    images
        Rows of the manifest's table.
    codes
        int64, (n,): the class of each image.
    training, validation
        bool, (M, n): whether a member was trained, or validated, with an image.
    probabilities
        float64, (M, n, K): calibrated.
    features
        Of each member float32, (n, d).
    looks
        Of each member float32, (n, 144): `metrascope.predict.appearance` of what it sees.
    thumbnails
        uint8, (n, side, side), where they were asked for.
    """

    images: pd.DataFrame
    codes: npt.NDArray[np.int64]
    training: npt.NDArray[np.bool_]
    validation: npt.NDArray[np.bool_]
    probabilities: npt.NDArray[np.float64]
    features: tuple[npt.NDArray[np.float32], ...]
    looks: tuple[npt.NDArray[np.float32], ...]
    thumbnails: npt.NDArray[np.uint8] | None = None

    def held_out(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return images that were held out, and what those members say that had not seen them.

        Returns
        -------
        Numbers of the images, ascending, and float64 (images, K): the mean of the members that
        the image validates. No member was trained with it, or it would look easier than a new
        case is.
        """
        numbers = np.flatnonzero(self.validation.any(0))
        return numbers, self.mean_unseen(self.probabilities, numbers)

    def mean_unseen(
        self, values: npt.NDArray[np.float64], numbers: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Return the mean, for each image, over the members that it validates.

        Parameters
        ----------
        values
            (M, n, ...).
        numbers
            Of the images that are asked for.
        """
        chosen = self.validation[:, numbers]
        weights = chosen / chosen.sum(0)
        return np.asarray(np.einsum("mi,mi...->i...", weights, values[:, numbers]))


def read_cases(
    runtimes: Sequence[Runtime],
    runs: Sequence[TrainedRun],
    manifest: Manifest,
    split: Split,
    progress: Progress,
    *,
    thumbnails: bool = False,
) -> Cases:
    """Read every training and validation image with all members.

    Parameters
    ----------
    runtimes, runs
        Of the members.
    manifest, split
        Of the study.
    progress
        Called with images done and images in all.
    thumbnails
        Keep small pictures of the images.

    Raises
    ------
    DataError
        If an image cannot be read.
    """
    table, first = manifest.table, runs[0].description
    count = len(table)
    training, validation = (
        np.zeros((len(runs), count), dtype=bool),
        np.zeros((len(runs), count), dtype=bool),
    )
    for member, run in enumerate(runs):
        training[member, split.rows(table, "train", run.description.fold)] = True
        validation[member, split.rows(table, "validation", run.description.fold)] = True
    rows = np.flatnonzero((training | validation).any(0))
    answers: list[list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]] = []
    small: list[npt.NDArray[np.uint8]] = []
    looks: list[list[npt.NDArray[np.float32]]] = []
    for done, row in enumerate(rows, start=1):
        picture = read_picture(manifest, int(row), sector_crop=first.preprocessing.sector_crop)
        pixels = np.ascontiguousarray(picture.grey)[None, None]
        read = [runtime(pixels) for runtime in runtimes]
        answers.append([(answer.probabilities[0], answer.features[0]) for answer in read])
        looks.append(
            [describe_appearance(picture.grey, run.description.preprocessing) for run in runs]
        )
        if thumbnails:
            small.append(thumbnail(picture.grey))
        progress(done, len(rows))
    members = list(zip(*answers, strict=True))
    codes = table["label"].map({label: code for code, label in enumerate(first.classes)})
    return Cases(
        images=table.iloc[rows],
        codes=np.asarray(codes, dtype=np.int64)[rows],
        training=training[:, rows],
        validation=validation[:, rows],
        probabilities=np.array([[own[0] for own in member] for member in members], np.float64),
        features=tuple(np.array([own[1] for own in member]) for member in members),
        looks=tuple(np.array(own) for own in zip(*looks, strict=True)),
        thumbnails=np.array(small) if thumbnails else None,
    )
