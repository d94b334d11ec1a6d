"""How far a case is from what a network was trained on, by the network's features.

The nearest training images are looked for, and their distance is compared with how far those are
from their own nearest ones. A rare kind of training image (another centre, say) lies far from all
others, and so do new images like it: they are no stranger for that.

Breunig MM et al. LOF: identifying density-based local outliers. SIGMOD 2000, of which this is the
plain ratio. Mahalanobis distances, plain neighbors, residuals of principal components and energy
were measured beside it: see docs/decisions.md.
"""

import math
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from metrascope.arrays import Floats, Floats32
from metrascope.errors import WeightsError
from metrascope.files.atomic import replacing
from metrascope.predict.array_files import read_bounded_array

Size = Annotated[int, Field(ge=1, le=65536)]

# Neighbors of a local outlier factor. Chosen, not measured alone.
NEIGHBORS: Final = 6
_MOST_KEPT: Final = 2000
"""Training images that are kept: more cost time and room, and change little."""
_LEAST_SPREAD: Final = 0.5
"""Of a feature, against the mean one: one that training hardly used must not outweigh all."""
_LEAST_SPACING: Final = 0.5
"""Of an image, against the median: copies of one image have none."""
_LEAST_VARIANCE: Final = 1e-8
"""Of the roots of features: below it, a network says the same of every image, but for rounding."""
_ROWS: Final = 256
_HEADER: Final = 1024
"""Bytes of an array's header, which are never more than 128."""
_SMALLEST: Final = float(np.finfo(np.float16).tiny)


class FamiliarityDescription(BaseModel):
    """What ``model.json`` says of a file of `Familiarity`.

    Attributes
    ----------
    width
        Of the features, d.
    images
        Training images in it, m.
    neighbors
        How many of them count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    width: Size
    images: Size
    neighbors: Size

    @property
    def numbers(self) -> int:
        """How many numbers the file holds."""
        return 2 * self.width + self.images * (self.width + 1)


class Familiarity:
    """Training images in the space of a network's features, and how close they lie there.

    Everything has the precision of float16, in which it is stored.

    Attributes
    ----------
    middle, spread
        float32, (d,): of the square roots of the features; negative ones keep their sign.
    known
        float32, (m, d): the training images, with the middle taken away, divided by the spread.
    spacing
        float32, (m,): mean distance of each from its nearest others.
    neighbors
        How many nearest ones count.
    """

    def __init__(
        self, middle: Floats32, spread: Floats32, known: Floats32, spacing: Floats32, neighbors: int
    ) -> None:
        self.middle, self.spread = middle, spread
        self.known, self.spacing, self.neighbors = known, spacing, neighbors
        self._squares = (known**2).sum(axis=1)

    def score(self, features: npt.ArrayLike) -> Floats:
        """Return how strange images are: about 1 where they lie as close as training images do.

        Parameters
        ----------
        features
            (n, d), as the network gives them.

        Returns
        -------
        (n,), at least 0; infinite where features are not finite.

        Raises
        ------
        ValueError
            If the features have another width.
        """
        values = np.asarray(features, dtype=np.float32)
        if values.ndim != 2 or values.shape[1] != len(self.middle):
            raise ValueError(f"features {values.shape}, expected width {len(self.middle)}")
        scores = np.full(len(values), math.inf)
        finite = np.flatnonzero(np.isfinite(values).all(axis=1))
        for start in range(0, len(finite), _ROWS):
            rows = finite[start : start + _ROWS]
            apart = self._distances((_root(values[rows]) - self.middle) / self.spread)
            count = self.neighbors
            nearest = np.argpartition(apart, count - 1, axis=1)[:, :count]
            far = np.take_along_axis(apart, nearest, axis=1).mean(axis=1)
            scores[rows] = far / self.spacing[nearest].mean(axis=1)
        return scores

    def save(self, path: Path) -> FamiliarityDescription:
        """Write everything as one array of float16; return what has to be known to read it."""
        parts = (self.middle, self.spread, self.known, self.spacing)
        flat = np.concatenate([part.ravel() for part in parts]).astype(np.float16)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, flat, allow_pickle=False)
        images, width = self.known.shape
        return FamiliarityDescription(width=width, images=images, neighbors=self.neighbors)

    @classmethod
    def load(cls, path: Path, description: FamiliarityDescription) -> "Familiarity":
        """Read what `save` has written.

        Raises
        ------
        WeightsError
            If the file cannot be read or does not hold what the description says.
        """
        try:
            stored = read_bounded_array(path, 2 * description.numbers + _HEADER)
        except ValueError as error:
            raise WeightsError("refusal.bad_features", path=path, reason=error) from error
        images, width = description.images, description.width
        if stored.dtype != np.float16 or stored.shape != (description.numbers,):
            reason = f"{stored.dtype} {stored.shape}"
            raise WeightsError("refusal.bad_features", path=path, reason=reason)
        flat = np.array(stored, dtype=np.float32)
        ends = (width, 2 * width, 2 * width + images * width)
        middle, spread, known, spacing = np.split(flat, ends)
        sound = np.isfinite(flat).all() and min(spread.min(), spacing.min()) > 0
        if not sound or description.neighbors > images:
            raise WeightsError("refusal.bad_features", path=path, reason="no such distances")
        known = known.reshape(images, width)
        return cls(middle, spread, known, spacing, description.neighbors)

    def _distances(self, placed: Floats32) -> Floats32:
        """Return the distances of n places from the m training images, (n, m)."""
        squares = (placed**2).sum(axis=1)[:, None] + self._squares - 2 * placed @ self.known.T
        return np.asarray(np.sqrt(np.maximum(squares, 0)), dtype=np.float32)


def fit_familiarity(
    features: npt.ArrayLike, labels: npt.ArrayLike, *, neighbors: int = NEIGHBORS
) -> Familiarity:
    """Fit to the training images of a network.

    Parameters
    ----------
    features
        (n, d), finite, of the training images as they are read, not as they were augmented.
    labels
        (n,), the class of each: of more than `_MOST_KEPT` images, every class keeps its share.
    neighbors
        How many nearest ones count; fewer where there are fewer images.

    Raises
    ------
    ValueError
        If the sizes do not belong together, there are fewer than two images, features are not
        finite, or all are equal.
    """
    values, own = np.asarray(features, dtype=np.float32), np.asarray(labels)
    if values.ndim != 2 or own.shape != values.shape[:1] or len(own) < 2:
        raise ValueError(f"features {values.shape} and labels {own.shape} do not belong together")
    if not np.isfinite(values).all():
        raise ValueError("features are not finite")
    if len(own) > _MOST_KEPT:
        # Evenly through the classes, one after the other.
        order = np.argsort(own.astype(str), kind="stable")
        kept = np.sort(order[np.linspace(0, len(own) - 1, _MOST_KEPT).astype(np.int64)])
        values = values[kept]
    roots = _root(values)
    variance = roots.var(axis=0, dtype=np.float64)
    if not variance.mean() > _LEAST_VARIANCE:
        raise ValueError("all features are equal")
    middle = _half(roots.mean(axis=0, dtype=np.float64))
    spread = _half(np.sqrt(variance + _LEAST_SPREAD**2 * variance.mean()))
    known = _half((roots - middle) / spread)
    count = min(neighbors, len(values) - 1)
    raw = Familiarity(middle, spread, known, np.ones(len(values), np.float32), count)
    spacing = np.empty(len(values))
    for start in range(0, len(values), _ROWS):
        apart = raw._distances(known[start : start + _ROWS])
        apart[np.arange(len(apart)), start + np.arange(len(apart))] = math.inf
        spacing[start : start + _ROWS] = np.sort(apart, axis=1)[:, :count].mean(axis=1)
    least = max(_LEAST_SPACING * float(np.median(spacing)), _SMALLEST)
    return Familiarity(middle, spread, known, _half(np.maximum(spacing, least)), count)


class TrainingFeatures(NamedTuple):
    """What is known of a member's training images: its features of them, and their looks.

    Attributes
    ----------
    features, looks
        Fitted to the network's features, and to `metrascope.predict.appearance`.
    """

    features: Familiarity
    looks: Familiarity

    def score(self, features: npt.ArrayLike, looks: npt.ArrayLike) -> Floats:
        """Return how strange images are in both together; see `combine`.

        Parameters
        ----------
        features, looks
            (n, d) and (n, 144).
        """
        return combine(self.features.score(features), self.looks.score(looks))


def combine(by_features: npt.ArrayLike, by_appearance: npt.ArrayLike) -> Floats:
    """Return one score of two: of a network's features and of `metrascope.predict.appearance`.

    The geometric mean, both being ratios: what is a little strange in either way is stranger in
    both, and a network that finds everything familiar does not hide what an image looks like.

    Parameters
    ----------
    by_features, by_appearance
        (n,), of `Familiarity.score`; of several networks, the mean.

    Returns
    -------
    (n,), infinite where either is.
    """
    pair = np.maximum(np.array([by_features, by_appearance], dtype=np.float64), 1e-9)
    return np.asarray(np.exp(np.log(pair).mean(axis=0)), dtype=np.float64)


def _root(features: Floats32) -> Floats32:
    """Return the square roots, negative ones with their sign: maxima have long tails."""
    return np.asarray(np.sign(features) * np.sqrt(np.abs(features)), dtype=np.float32)


def _half(values: npt.NDArray[np.floating]) -> Floats32:
    """Round to the precision that is stored."""
    return values.astype(np.float16).astype(np.float32)
