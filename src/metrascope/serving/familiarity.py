"""How far a case is from what a network was trained on, by the network's features.

The distance is Mahalanobis', to the nearest class: features are turned into directions of equal
spread within the classes, of which those that training images vary in are kept.
"""

import math
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from metrascope.atomic import replacing
from metrascope.errors import WeightsError

Floats = npt.NDArray[np.float64]
Array = npt.NDArray[np.float32]
Size = Annotated[int, Field(ge=1, le=65536)]

RANK: Final = 64
"""Directions that are kept at most."""


class FamiliarityDescription(BaseModel):
    """What ``model.json`` says of a file of `Familiarity`.

    Attributes
    ----------
    width
        Of the features, d.
    rank
        Directions that are looked at, r.
    points
        Places in them that are familiar, m.
    neighbors
        Of the points, how many near ones count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Size
    rank: Size
    points: Size
    neighbors: Size

    @property
    def numbers(self) -> int:
        """How many float32 the file holds."""
        return self.rank * self.width + self.rank + self.points * self.rank + 1


class Familiarity:
    """The neighborhood of the training images in the space of a network's features.

    Attributes
    ----------
    directions
        float32, (r, d).
    origin
        float32, (r,): what is subtracted after turning.
    points
        float32, (m, r).
    unit
        Distance that counts as 1: the median of the training images.
    neighbors
        The score is the mean distance to so many nearest points.
    """

    def __init__(
        self, directions: Array, origin: Array, points: Array, unit: float, neighbors: int
    ) -> None:
        self.directions, self.origin, self.points = directions, origin, points
        self.unit, self.neighbors = unit, neighbors

    def score(self, features: npt.ArrayLike) -> Floats:
        """Return how strange images are: 1 for a middling training image, more for stranger ones.

        Parameters
        ----------
        features
            (n, d), as the network gives them.

        Returns
        -------
        (n,), at least 0; infinite where features are not finite.
        """
        values = np.asarray(features, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != self.directions.shape[1]:
            raise ValueError(f"features {values.shape}, expected width {self.directions.shape[1]}")
        finite = np.isfinite(values).all(axis=1)
        scores = np.full(len(values), math.inf)
        placed = values[finite] @ self.directions.T - self.origin
        apart = _distances(placed.astype(np.float64), self.points.astype(np.float64))
        nearest = np.sort(apart, axis=1)[:, : self.neighbors]
        scores[finite] = nearest.mean(axis=1) / self.unit
        return scores

    def save(self, path: Path) -> FamiliarityDescription:
        """Write everything as one array of float32; return what has to be known to read it."""
        parts = [self.directions, self.origin, self.points, np.array([self.unit])]
        flat = np.concatenate([part.ravel().astype(np.float32) for part in parts])
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, flat, allow_pickle=False)
        (rank, width), points = self.directions.shape, len(self.points)
        return FamiliarityDescription(
            width=width, rank=rank, points=points, neighbors=self.neighbors
        )

    @classmethod
    def load(cls, path: Path, description: FamiliarityDescription) -> "Familiarity":
        """Read what `save` has written.

        Raises
        ------
        WeightsError
            If the file cannot be read or does not hold what the description says.
        """
        try:
            # Mapped, so that a header that claims too much allocates nothing.
            flat = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise WeightsError("refusal.bad_features", path=path, reason=error) from error
        rank, width, points = description.rank, description.width, description.points
        if flat.dtype != np.float32 or flat.shape != (description.numbers,):
            reason = f"{flat.dtype} {flat.shape}"
            raise WeightsError("refusal.bad_features", path=path, reason=reason)
        ends = np.cumsum([rank * width, rank, points * rank])
        directions, origin, familiar, unit = np.split(np.array(flat), ends)
        if not np.isfinite(flat).all() or unit[0] <= 0:
            raise WeightsError("refusal.bad_features", path=path, reason="not finite")
        return cls(
            directions.reshape(rank, width),
            origin,
            familiar.reshape(points, rank),
            float(unit[0]),
            description.neighbors,
        )


def fit_familiarity(
    features: npt.ArrayLike, labels: npt.ArrayLike, *, rank: int = RANK
) -> Familiarity:
    """Fit to the training images of a network.

    Parameters
    ----------
    features
        (n, d), finite, of the training images as they are read, not as they were augmented.
    labels
        (n,), the class of each.
    rank
        Directions to keep at most.

    Raises
    ------
    ValueError
        If the sizes do not belong together, or all features are equal.
    """
    values, own = np.asarray(features, dtype=np.float64), np.asarray(labels)
    if values.ndim != 2 or own.shape != values.shape[:1] or not len(own):
        raise ValueError(f"features {values.shape} and labels {own.shape} do not belong together")
    names, place = np.unique(own.astype(str), return_inverse=True)
    means = np.stack([values[place == k].mean(axis=0) for k in range(len(names))])
    _, spread, turned = np.linalg.svd(values - means[place], full_matrices=False)
    variance = spread**2 / max(1, len(values) - len(names))
    if not variance[0] > 0:
        raise ValueError("all features are equal")
    kept = min(rank, int((variance > 1e-6 * variance[0]).sum()))
    directions = turned[:kept] / np.sqrt(variance[:kept])[:, None]
    centre = values.mean(axis=0)
    points = (means - centre) @ directions.T
    raw = Familiarity(
        directions.astype(np.float32),
        (centre @ directions.T).astype(np.float32),
        points.astype(np.float32),
        1.0,
        1,
    )
    raw.unit = float(np.median(raw.score(values)))
    return raw


def _distances(places: Floats, points: Floats) -> Floats:
    """Return the Euclidean distances of n places from m points, (n, m)."""
    squares = (places**2).sum(1)[:, None] + (points**2).sum(1)[None] - 2 * places @ points.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float64)
