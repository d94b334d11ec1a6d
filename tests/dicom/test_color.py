"""The order of samples is told from the picture, whatever its colors and the header say."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.dicom.color import is_planar, vividness, ycc_to_rgb


def screen(kind: str) -> NDArray[np.uint8]:
    """Return speckle in a fan on a screen: grey, tinted all over, or in YCbCr."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[:300, :420]
    inside = np.hypot(rows + 40.0, columns - 210.0) < 280
    speckle = cv2.GaussianBlur(rng.rayleigh(60, inside.shape), (0, 0), 1.5)
    grey = np.where(inside, speckle, 0).clip(0, 255)
    grey[10:30, 20:200:4] = 220
    tint = {"grey": (1.0, 1.0, 1.0), "tinted": (1.0, 0.8, 0.6)}.get(kind, (1.0, 1.0, 1.0))
    ground = 30 if kind == "tinted" else 0
    rgb = np.stack([grey * part + ground * (channel == 2) for channel, part in enumerate(tint)], 2)
    rgb = rgb.clip(0, 255).astype(np.uint8)
    if kind == "ycc":
        return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb), np.uint8)
    return rgb


@pytest.mark.parametrize("kind", ["grey", "tinted", "ycc"])
@pytest.mark.parametrize("truly", [False, True])
@pytest.mark.parametrize("stated", [False, True])
def test_order_of_samples(kind: str, truly: bool, stated: bool) -> None:
    pixels = screen(kind)
    flat = np.ascontiguousarray(np.moveaxis(pixels, 2, 0) if truly else pixels).ravel()
    assert is_planar(flat, *pixels.shape[:2], stated=stated) == truly


@pytest.mark.parametrize("stated", [False, True])
def test_a_picture_that_says_nothing_is_read_as_stated(stated: bool) -> None:
    assert is_planar(np.zeros(3 * 64 * 64, np.uint8), 64, 64, stated=stated) == stated
    assert is_planar(np.zeros(3 * 64, np.uint8), 1, 64, stated=stated) == stated


def test_the_wrong_reading_is_the_vivid_one() -> None:
    for kind in ("grey", "tinted"):
        right = screen(kind)
        assert vividness(right) < 60 < vividness(ycc_to_rgb(right))
    samples = cv2.cvtColor(screen("grey"), cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]]
    right = ycc_to_rgb(np.ascontiguousarray(samples))
    assert vividness(right) < 10 < 60 < vividness(samples)


def test_vividness_is_the_mean_range_of_lit_pixels() -> None:
    rgb = np.zeros((2, 2, 3), np.uint8)
    assert vividness(rgb) == 0
    rgb[0, 0], rgb[0, 1] = (100, 40, 60), (30, 30, 30)
    rgb[1, 0] = (20, 0, 0)  # too dark to count
    assert vividness(rgb) == (60 + 0) / 2
