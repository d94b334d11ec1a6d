"""t-SNE maps and their separation, with scikit-learn and closed forms as oracles."""

import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score

from metrascope.errors import DataError
from metrascope.explain.embedding import (
    Separation,
    chance_purity,
    embed,
    purity,
    separation,
    trust,
)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    rng = np.random.default_rng(2)
    centers = np.repeat(np.eye(3, 20) * 12, 20, axis=0)
    return (centers + rng.normal(size=(60, 20))).astype(np.float32)


LABELS = np.repeat(["normal", "fibroid", "polyp"], 20)


def test_map_keeps_neighborhoods_and_groups(features: np.ndarray) -> None:
    points = embed(features, seed=1)
    assert points.shape == (60, 2)
    assert points.dtype == np.float32
    assert trustworthiness(features, points, n_neighbors=10) > 0.9
    apart = separation(points, LABELS)
    assert apart.neighbor_purity == 1.0
    assert apart.silhouette is not None
    assert apart.silhouette > 0.5


def test_same_seed_same_bytes() -> None:
    # As wide as a network's: scikit-learn then finds the first layout with random numbers.
    wide = np.random.default_rng(3).normal(size=(150, 1024)).astype(np.float32)
    assert embed(wide, seed=1).tobytes() == embed(wide, seed=1).tobytes()


@pytest.mark.parametrize("count", range(8))
def test_few_samples(count: int) -> None:
    values = np.random.default_rng(0).normal(size=(count, 6))
    points = embed(values, seed=0)
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


def test_two_samples_keep_their_distance() -> None:
    points = embed(np.array([[0.0, 0.0, 0.0], [3.0, 4.0, 0.0]]), seed=0)
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(5)


@pytest.mark.parametrize("shape", [(40, 5), (3, 5), (40, 1), (3, 1)])
def test_equal_and_narrow_features(shape: tuple[int, int]) -> None:
    assert not embed(np.full(shape, 2.5), seed=0).any()
    assert np.isfinite(embed(np.arange(np.prod(shape)).reshape(shape), seed=0)).all()


def test_silhouette_is_scikit_learns_on_the_points_given(features: np.ndarray) -> None:
    assert separation(features, LABELS).silhouette == pytest.approx(
        silhouette_score(features.astype(float), LABELS)
    )


def test_purity_by_hand() -> None:
    points = np.array([[0.0], [1.0], [3.0], [10.0], [11.5]])
    labels = ["a", "a", "b", "b", "b"]
    # nearest of each: a-a, a-a, b-a, b-b, b-b
    assert separation(points, labels, neighbors=1).neighbor_purity == pytest.approx(4 / 5)
    # all four others of each: a sees 1 of its own, b sees 2
    assert separation(points, labels, neighbors=99).neighbor_purity == pytest.approx(
        (2 * 1 / 4 + 3 * 2 / 4) / 5
    )


def test_random_labels_have_the_purity_of_chance() -> None:
    rng = np.random.default_rng(5)
    labels = rng.permutation(np.repeat([0, 1], 200))
    apart = separation(rng.normal(size=(400, 2)), labels)
    assert apart.neighbor_purity == pytest.approx(199 / 399, abs=0.03)
    assert apart.silhouette == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], Separation(None, None)),
        (["a"], Separation(None, None)),
        (["a", "a", "a"], Separation(None, None)),
        (["a", "b"], Separation(None, 0.0)),
    ],
)
def test_nothing_to_compare(labels: list[str], expected: Separation) -> None:
    points = np.arange(2.0 * len(labels)).reshape(len(labels), 2)
    assert separation(points, labels) == expected


def test_one_label_per_sample(features: np.ndarray) -> None:
    with pytest.raises(DataError, match="59 labels for 60 samples"):
        separation(features, LABELS[1:])


def test_trust_is_scikit_learns(features: np.ndarray) -> None:
    points = features[:, :2]
    assert trust(features, points) == pytest.approx(
        trustworthiness(features, points, n_neighbors=10)
    )
    assert trust(features, features) == 1
    assert trust(features[:4], points[:4]) is None
    assert trust(features[:6], points[:6]) == pytest.approx(
        trustworthiness(features[:6], points[:6], n_neighbors=2)
    )


def test_chance_purity_is_the_mean_over_shuffles() -> None:
    rng = np.random.default_rng(6)
    groups = np.repeat(["a", "b", "c"], [50, 30, 10])
    points = rng.normal(size=(90, 2))
    shuffled = [purity(points, rng.permutation(groups)).mean() for _ in range(200)]
    assert np.mean(shuffled) == pytest.approx(chance_purity(groups), abs=0.01)
