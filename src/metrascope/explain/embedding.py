"""Features in two dimensions, and how well the classes stand apart there."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from metrascope.errors import DataError

Points = npt.NDArray[np.floating]
FEWEST: Final = 5


class Separation(NamedTuple):
    """How well the classes stand apart; None where that cannot be said.

    Parameters
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


def embed(features: Points, *, seed: int, perplexity: float = 30.0) -> npt.NDArray[np.float32]:
    """Lay features out in two dimensions by t-SNE (paper, Fig. 4).

    Parameters
    ----------
    features
        (n, d), finite.
    seed
        Same features and seed give the same bytes on one machine.
    perplexity
        About the number of neighbors a sample keeps; lowered to (n - 1) / 3 for few samples.

    Returns
    -------
    (n, 2). With fewer than five samples, where t-SNE has nothing to arrange, the first two
    principal coordinates; zeros where all samples are equal.
    """
    values = np.asarray(features, dtype=np.float32)
    count = len(values)
    if count == 0 or bool((values == values[0]).all()):
        return np.zeros((count, 2), dtype=np.float32)
    if count < FEWEST:
        return _principal_coordinates(values)
    if values.shape[1] == 1:  # two principal components are where the layout begins
        values = np.pad(values, ((0, 0), (0, 1)))
    layout = TSNE(
        init="pca",
        learning_rate="auto",
        perplexity=min(perplexity, (count - 1) / 3),
        random_state=seed,
    )
    # Sums over threads come in no fixed order; one thread makes the map reproducible.
    with threadpool_limits(limits=1):
        return np.asarray(layout.fit_transform(values), dtype=np.float32)


def separation(points: Points, labels: npt.ArrayLike, *, neighbors: int = 10) -> Separation:
    """Measure how well the classes stand apart.

    A study measures it on the map of :func:`embed`, because the paper judges the networks by
    those maps; t-SNE does not keep distances, so it describes the figure more than the network.
    The same function measures the features themselves.

    Parameters
    ----------
    points
        (n, d): the map or the features.
    labels
        One per sample.
    neighbors
        How many nearest neighbors are looked at, at most n - 1.

    Raises
    ------
    DataError
        If the numbers of points and labels differ.
    """
    points, own = np.asarray(points, dtype=np.float64), np.asarray(labels)
    if len(points) != len(own):
        raise DataError("explain.mismatch", labels=len(own), samples=len(points))
    classes = len(np.unique(own))
    if classes < 2:
        return Separation(None, None)
    silhouette = float(silhouette_score(points, own)) if classes < len(own) else None
    return Separation(silhouette, _neighbor_purity(points, own, min(neighbors, len(own) - 1)))


def _neighbor_purity(points: Points, labels: npt.NDArray[np.generic], neighbors: int) -> float:
    nearest = NearestNeighbors(n_neighbors=neighbors).fit(points).kneighbors(return_distance=False)
    return float((labels[nearest] == labels[:, None]).mean())


def _principal_coordinates(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    left, lengths, _ = np.linalg.svd(values - values.mean(0), full_matrices=False)
    coordinates = np.zeros((len(values), 2), dtype=np.float32)
    kept = min(2, len(lengths))
    coordinates[:, :kept] = left[:, :kept] * lengths[:kept]
    return coordinates
