"""Ink is found by its color and by its corners, and speckle is none."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.screen.ink import find_ink

Image = NDArray[np.uint8]
EVERYWHERE = np.ones((256, 256), bool)


@pytest.fixture
def echo() -> Image:
    """Return smooth speckle of 70 grey levels."""
    grain = cv2.GaussianBlur(np.random.default_rng(2).normal(size=(256, 256)), (9, 5), 2.0, None, 1)
    return np.clip(np.rint(70 + 14 * grain / grain.std()), 0, 255).astype(np.uint8)


def _letters() -> Image:
    ink = np.zeros((256, 256), np.uint8)
    cv2.putText(ink, "ZHANG 42", (60, 130), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA)
    return ink


def test_speckle_is_no_ink(echo: Image) -> None:
    assert find_ink(echo, EVERYWHERE).area.mean() < 0.01


def test_letters_are_found_in_grey_and_in_color(echo: Image) -> None:
    ink = _letters()
    grey = np.maximum(echo, ink)
    color = np.repeat(echo[..., None], 3, axis=2)
    color[ink > 127] = (240, 220, 40)
    for image in (grey, color):
        found = find_ink(image, EVERYWHERE)
        assert found.area[ink > 127].mean() > 0.95
        assert not (found.strokes & ~found.area).any()
        assert found.area.mean() < 0.1


def test_a_tint_is_no_color(echo: Image) -> None:
    tinted = np.dstack([echo, echo, (echo * 0.8).astype(np.uint8)])
    assert find_ink(tinted, EVERYWHERE).area.mean() < 0.01


def test_what_is_outside_is_not_looked_at(echo: Image) -> None:
    inside = EVERYWHERE.copy()
    inside[100:150] = False
    assert not find_ink(np.maximum(echo, _letters()), inside).area[100:150].any()
