import cv2
import numpy as np
import pytest

from metrascope.predict.appearance import APPEARANCE_WIDTH, appearance
from metrascope.predict.familiarity import fit_familiarity


def texture(seed: int, side: int = 224, blur: float = 3.0) -> np.ndarray:
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=(side, side)), (0, 0), blur)
    return np.clip(128 + 40 * noise / noise.std(), 0, 255).astype(np.uint8)


def cells(one: np.ndarray) -> np.ndarray:
    return appearance(one[None])[0].reshape(9, 16)


def test_grey_levels_are_quantiles_of_each_cell() -> None:
    image = np.zeros((96, 96), np.uint8)
    image[:32, 32:64] = np.repeat(np.arange(64), 16).reshape(32, 32)
    found = cells(image)
    np.testing.assert_allclose(
        found[1, :5], np.quantile(image[:32, 32:64], (0.1, 0.3, 0.5, 0.7, 0.9)) / 16
    )
    assert (found[8, :5] == 0).all()


def test_detail_is_found_at_its_scale() -> None:
    x = np.arange(96)
    strongest = []
    for period in (4, 12, 24, 48):
        wave = np.broadcast_to(128 + 100 * np.sin(2 * np.pi * x / period), (96, 96))
        strongest.append(int(cells(wave.astype(np.uint8))[4, 5:10].argmax()))
    assert strongest == sorted(strongest)
    assert len(set(strongest)) >= 3


@pytest.mark.parametrize(("turn", "direction"), [(0, 0), (90, 3)])
def test_directions_of_edges(turn: int, direction: int) -> None:
    wave = np.broadcast_to(128 + 100 * np.sin(np.arange(96) / 3), (96, 96)).astype(np.uint8)
    shares = cells(np.ascontiguousarray(np.rot90(wave, turn // 90)))[:, 10:] / 8
    # What points along the border of two directions may fall to either.
    assert (shares[:, direction] + shares[:, (direction - 1) % 6] > 0.95).all()
    np.testing.assert_allclose(shares.sum(1), 1, atol=1e-3)


def test_size_hardly_matters_and_blank_is_finite() -> None:
    large = texture(0, 448, 12)
    half = cv2.resize(large, (224, 224), interpolation=cv2.INTER_AREA)
    a, b = appearance(large[None]), appearance(half[None])
    assert np.abs(a - b).max() < 0.15
    blank = appearance(np.zeros((2, 224, 224), np.uint8))
    assert blank.shape == (2, APPEARANCE_WIDTH)
    assert np.isfinite(blank).all()
    assert appearance(np.zeros((0, 224, 224), np.uint8)).shape == (0, APPEARANCE_WIDTH)


def test_another_texture_is_unfamiliar() -> None:
    known = appearance(np.stack([texture(seed) for seed in range(60)]))
    model = fit_familiarity(known, ["a"] * 60)
    same = model.score(appearance(np.stack([texture(seed) for seed in range(100, 120)])))
    other = model.score(appearance(np.stack([texture(s, blur=1.0) for s in range(200, 220)])))
    assert other.min() > same.max()
