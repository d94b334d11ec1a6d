"""Features in two dimensions, and how well the classes are separated there."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import pairwise_distances, silhouette_score
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from metrascope.errors import DataError

_MapPoints = npt.NDArray[np.floating]
# Fewer have nothing to arrange: the greatest usable perplexity, (n - 1) / 3, is 1 at four.
FEWEST_POINTS: Final = 5
# Perplexities of the maps that a study draws: its numbers are of the first, scikit-learn's default;
# the others show what depends on it.
PERPLEXITIES: Final = (30.0, 10.0, 50.0)


class Separation(NamedTuple):
    """How well the classes are separated; None where that cannot be said.

    Attributes
    ----------
    silhouette
        Mean silhouette of the samples, -1 to 1: how much nearer a sample is to its own class
        than to the nearest other. None with fewer than two classes, or no class of two.
    neighbor_purity
        Mean share of a sample's nearest neighbors that have its label, 0 to 1. None with fewer
        than two classes.
    """

    silhouette: float | None
    neighbor_purity: float | None


def embed(features: _MapPoints, *, seed: int, perplexity: float = 30.0) -> npt.NDArray[np.float32]:
    """Lay features out in two dimensions by t-SNE (paper, Fig. 4).

    Parameters
    ----------
    features
        Finite values, (n, d).
    seed
        Seed of the layout: the same features and seed give the same bytes on one machine.
    perplexity
        About the number of neighbors a sample keeps; lowered to (n - 1) / 3 for few samples.

    Returns
    -------
    float32, (n, 2). With fewer than five samples, where t-SNE has nothing to arrange, the first two
    principal coordinates; zeros where all samples are equal.
    """
    values = np.asarray(features, dtype=np.float32)
    count = len(values)
    if count == 0 or bool((values == values[0]).all()):
        return np.zeros((count, 2), dtype=np.float32)
    if count < FEWEST_POINTS:
        return _principal_coordinates(values)
    if values.shape[1] == 1:  # two principal components are where the layout begins
        values = np.pad(values, ((0, 0), (0, 1)))
    layout = TSNE(
        init="pca",
        learning_rate="auto",
        perplexity=usable_perplexity(perplexity, count),
        random_state=seed,
    )
    # Sums over threads come in no fixed order; one thread makes the map reproducible.
    with threadpool_limits(limits=1):
        return np.asarray(layout.fit_transform(values), dtype=np.float32)


def usable_perplexity(perplexity: float, count: int) -> float:
    """Return the perplexity that is used for so many samples: at most (count - 1) / 3."""
    return min(perplexity, (count - 1) / 3)


def distances(features: _MapPoints) -> _MapPoints:
    """Return the Euclidean distances between all samples, (n, n), for `trust` of several maps."""
    return np.asarray(pairwise_distances(features))


def trust(
    features: _MapPoints,
    points: _MapPoints,
    *,
    neighbors: int = 10,
    precomputed: _MapPoints | None = None,
) -> float | None:
    """Return the trustworthiness of a map (Venna & Kaski 2001), 0 to 1.

    How far the nearest neighbors in the map are near in the features as well: 1 where all are.
    None with fewer than five samples.

    Parameters
    ----------
    features
        Features, (n, d).
    points
        Their map, (n, 2).
    neighbors
        Neighbors of each sample, fewer than half of n.
    precomputed
        `distances` of the features, where they are known: they are most of the time.
    """
    if len(points) < FEWEST_POINTS:
        return None
    count = min(neighbors, (len(points) - 1) // 2)
    far = distances(features) if precomputed is None else precomputed
    return float(trustworthiness(far, points, n_neighbors=count, metric="precomputed"))


def nearest(points: _MapPoints, *, neighbors: int = 10) -> npt.NDArray[np.int64]:
    """Return the rows of each sample's nearest neighbors, (n, neighbors), at most n - 1."""
    count = min(neighbors, len(points) - 1)
    rows = NearestNeighbors(n_neighbors=count).fit(points).kneighbors(return_distance=False)
    return np.asarray(rows, dtype=np.int64)


def purity(
    points: _MapPoints,
    groups: npt.ArrayLike,
    *,
    neighbors: int = 10,
    near: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.float64]:
    """Return for each sample the share of its nearest neighbors that are of its group, (n,).

    Parameters
    ----------
    points
        Map or features, (n, d), n at least 2.
    groups
        Class, scanner or partition of each sample, (n,).
    neighbors
        Neighbors of each sample, at most n - 1.
    near
        `nearest` of the points, where it is known: it is most of the time.
    """
    names = np.asarray(groups)
    near = nearest(points, neighbors=neighbors) if near is None else near
    return np.asarray((names[near] == names[:, None]).mean(axis=1), dtype=np.float64)


def chance_purity(groups: npt.ArrayLike) -> float:
    """Return the purity that is expected where groups lie at random."""
    # The share of all pairs of samples that are of one group.
    counts = np.unique(np.asarray(groups), return_counts=True)[1]
    count = counts.sum()
    return float((counts * (counts - 1)).sum() / (count * (count - 1)))


def separation(points: _MapPoints, labels: npt.ArrayLike, *, neighbors: int = 10) -> Separation:
    """Measure how well the classes are separated.

    A study measures it on the map of ``embed``, because the paper judges the networks by
    those maps; t-SNE does not keep distances, so it describes the figure more than the network.
    The same function measures the features themselves.

    Parameters
    ----------
    points
        Map or features, (n, d).
    labels
        Class of each sample, (n,).
    neighbors
        Nearest neighbors of each sample, at most n - 1.

    Raises
    ------
    DataError
        If the numbers of points and labels differ.
    """
    points, names = np.asarray(points, dtype=np.float64), np.asarray(labels)
    if len(points) != len(names):
        raise DataError("explain.mismatch", labels=len(names), samples=len(points))
    classes = len(np.unique(names))
    if classes < 2:
        return Separation(None, None)
    silhouette = float(silhouette_score(points, names)) if classes < len(names) else None
    return Separation(silhouette, float(purity(points, names, neighbors=neighbors).mean()))


def _principal_coordinates(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    left, lengths, _ = np.linalg.svd(values - values.mean(0), full_matrices=False)
    coordinates = np.zeros((len(values), 2), dtype=np.float32)
    rank = min(2, len(lengths))
    coordinates[:, :rank] = left[:, :rank] * lengths[:rank]
    return coordinates
