"""The nearest training images are those of the largest cosine."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from metrascope.errors import WeightsError
from metrascope.predict.neighbors import THUMBNAIL_SIDE, Neighborhood, make_neighborhood, thumbnail


def neighborhood() -> tuple[np.ndarray, Neighborhood]:
    rng = np.random.default_rng(0)
    features = rng.gamma(2.0, size=(40, 16)).astype(np.float32)
    names, labels = [f"images/{n}.png" for n in range(40)], ["a", "b"] * 20
    pictures = rng.integers(0, 256, (40, THUMBNAIL_SIDE, THUMBNAIL_SIDE), dtype=np.uint8)
    return features, make_neighborhood(features, names, labels, pictures)


def test_nearest_by_cosine(tmp_path: Path) -> None:
    features, made = neighborhood()
    made.save(tmp_path / "n.npz")
    read = Neighborhood.load(tmp_path / "n.npz", 16)
    case = np.random.default_rng(1).gamma(2.0, size=16).astype(np.float32)
    expected = cosine_similarity(case[None], features)[0]
    order = np.argsort(-expected)[:3]
    found = read.nearest(case)
    assert [neighbor.image for neighbor, _ in found] == [f"images/{n}.png" for n in order]
    assert [neighbor.label for neighbor, _ in found] == [("a", "b")[n % 2] for n in order]
    similarities = [neighbor.similarity for neighbor, _ in found]
    np.testing.assert_allclose(similarities, expected[order], atol=2e-3)
    np.testing.assert_array_equal(found[0][1], made.thumbnails[order[0]])


def test_a_file_of_something_else(tmp_path: Path) -> None:
    _, made = neighborhood()
    made.save(tmp_path / "n.npz")
    with pytest.raises(WeightsError, match="does not hold"):
        Neighborhood.load(tmp_path / "n.npz", 17)
    (tmp_path / "n.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(WeightsError, match="does not hold"):
        Neighborhood.load(tmp_path / "n.npz", 16)


def test_a_thumbnail_keeps_proportions() -> None:
    small = thumbnail(np.full((100, 300), 200, np.uint8))
    lit = small > 0
    assert small.shape == (THUMBNAIL_SIDE, THUMBNAIL_SIDE)
    assert lit.any(0).sum() == THUMBNAIL_SIDE
    assert lit.any(1).sum() == THUMBNAIL_SIDE // 3
