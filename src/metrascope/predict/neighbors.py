"""Training images that the networks see much as they see a case; only where a bundle has them.

Thumbnails of training images are patient data, so a bundle carries them only when asked to.
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.errors import WeightsError
from metrascope.files.atomic import replacing
from metrascope.predict.array_files import read_arrays
from metrascope.predict.reading import Neighbor

Thumbnails = npt.NDArray[np.uint8]

THUMBNAIL_SIDE: Final = 96
"""Of a thumbnail, pixels."""
NEAREST: Final = 3
# Training images of a bundle that neighbors are looked for among: 46 MB of thumbnails. Chosen.
_MOST: Final = 5000
_NAMES: Final = 8 * 400
"""Bytes of an image's name and label, each of at most 400 signs."""


class Neighborhood:
    """Training images by the features of the first member.

    Attributes
    ----------
    directions
        float16, (n, d): features, each of length 1.
    images
        Their names in the data set.
    labels
        Their classes.
    thumbnails
        uint8, (n, SIDE, SIDE).
    """

    def __init__(
        self,
        directions: npt.NDArray[np.float16],
        images: npt.NDArray[np.str_],
        labels: npt.NDArray[np.str_],
        thumbnails: Thumbnails,
    ) -> None:
        self.directions, self.images = directions, images
        self.labels, self.thumbnails = labels, thumbnails

    def nearest(self, features: npt.NDArray[np.float32]) -> list[tuple[Neighbor, Thumbnails]]:
        """Return the nearest images, the most similar first, with their thumbnails.

        Parameters
        ----------
        features
            (d,), of the case.
        """
        similarity = self.directions.astype(np.float32) @ _unit(features[None])[0]
        order = np.argsort(-similarity, kind="stable")[:NEAREST]
        return [
            (
                Neighbor(
                    image=str(self.images[number]),
                    label=str(self.labels[number]),
                    similarity=round(float(np.clip(similarity[number], -1, 1)), 4),
                ),
                self.thumbnails[number],
            )
            for number in order
        ]

    def save(self, path: Path) -> None:
        """Write to an ``.npz`` file."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                directions=self.directions,
                images=self.images,
                labels=self.labels,
                thumbnails=self.thumbnails,
            )

    @classmethod
    def load(cls, path: Path, width: int) -> "Neighborhood":
        """Read what `save` has written, of features of a width.

        Raises
        ------
        WeightsError
            If the file cannot be read or does not hold what it should.
        """
        names = ("directions", "images", "labels", "thumbnails")
        try:
            parts = read_arrays(
                path, names, _MOST * (THUMBNAIL_SIDE * THUMBNAIL_SIDE + 2 * width + _NAMES)
            )
            for name in (*parts[1].ravel()[:_MOST], *parts[2].ravel()[:_MOST]):
                str(name).encode()
        except ValueError as error:
            raise WeightsError("serving.bad_neighbors", path=path, reason=error) from error
        directions, images, labels, thumbnails = parts
        count = len(images)
        shapes = (directions.shape, labels.shape, thumbnails.shape)
        kinds = (
            directions.dtype == np.float16,
            images.dtype.kind == labels.dtype.kind == "U",
            thumbnails.dtype == np.uint8,
        )
        expected = ((count, width), (count,), (count, THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        if count > _MOST or shapes != expected or not all(kinds):
            reason = ", ".join(f"{part.dtype} {part.shape}" for part in parts)
            raise WeightsError("serving.bad_neighbors", path=path, reason=reason)
        if not np.isfinite(directions).all():
            raise WeightsError("serving.bad_neighbors", path=path, reason="NaN")
        return cls(directions, images, labels, thumbnails)


def make_neighborhood(
    features: npt.NDArray[np.float32],
    images: npt.ArrayLike,
    labels: npt.ArrayLike,
    thumbnails: Thumbnails,
) -> Neighborhood:
    """Keep training images, of very many every n-th.

    Parameters
    ----------
    features
        (n, d).
    images, labels
        Of each.
    thumbnails
        uint8, (n, SIDE, SIDE).
    """
    step = -(-len(features) // _MOST)
    return Neighborhood(
        _unit(features[::step]).astype(np.float16),
        np.asarray(images, dtype=np.str_)[::step],
        np.asarray(labels, dtype=np.str_)[::step],
        thumbnails[::step],
    )


def thumbnail(grey: npt.NDArray[np.uint8]) -> Thumbnails:
    """Return an image reduced into a square of `THUMBNAIL_SIDE` pixels, black around it."""
    height, width = grey.shape
    scale = THUMBNAIL_SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    square = np.zeros((THUMBNAIL_SIDE, THUMBNAIL_SIDE), np.uint8)
    top, left = (THUMBNAIL_SIDE - size[1]) // 2, (THUMBNAIL_SIDE - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _unit(features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)
