"""Fillings come from the nearest speckle that is no mask, and from nothing under the mask."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.screen.inpaint import inpaint

Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@pytest.fixture
def speckled() -> Image:
    """Return speckle, 120 bright on the left and 60 on the right."""
    rng = np.random.default_rng(4)
    grain = cv2.GaussianBlur(rng.normal(size=(240, 320)), (0, 0), 1.2)
    level = np.where(np.arange(320) < 160, 120, 60)
    return np.clip(np.rint(level + 12 * grain / grain.std()), 0, 255).astype(np.uint8)


def _masked(*boxes: tuple[int, int, int, int]) -> Flags:
    mask = np.zeros((240, 320), bool)
    for left, top, wide, high in boxes:
        mask[top : top + high, left : left + wide] = True
    return mask


LETTERS = _masked((40, 60, 70, 14), (41, 90, 9, 9), (230, 100, 60, 33), (300, 0, 20, 12))


def test_only_masked_pixels_change(speckled: Image) -> None:
    filled = inpaint(speckled, LETTERS)
    assert np.array_equal(filled[~LETTERS], speckled[~LETTERS])
    assert (filled[LETTERS] != speckled[LETTERS]).mean() > 0.8


@pytest.mark.parametrize("ink", [0, 77, 255])
def test_no_masked_pixel_has_an_influence(speckled: Image, ink: int) -> None:
    covered = speckled.copy()
    covered[LETTERS] = ink
    assert np.array_equal(inpaint(covered, LETTERS), inpaint(speckled, LETTERS))


def test_pixels_that_are_no_source_have_no_influence(speckled: Image) -> None:
    within = np.ones(speckled.shape, bool)
    within[:, :30] = within[:55] = False
    mask = LETTERS & within
    other = np.where(within, speckled, np.uint8(255))
    filled = inpaint(speckled, mask, within)
    assert np.array_equal(filled[mask], inpaint(other, mask, within)[mask])


@pytest.mark.parametrize(("left", "level"), [(50, 120), (220, 60)])
@pytest.mark.parametrize("size", [(12, 9), (70, 20), (64, 64)])
def test_a_filling_is_as_bright_and_as_grainy_as_what_is_around(
    speckled: Image, left: int, level: int, size: tuple[int, int]
) -> None:
    mask = _masked((left, 80, *size))
    filled = inpaint(speckled, mask)[mask].astype(float)
    assert abs(filled.mean() - level) < 8
    assert 6 < filled.std() < 20


def test_nothing_beside_the_mask_is_needed() -> None:
    image = np.full((50, 60), 200, np.uint8)
    assert not inpaint(image, np.ones(image.shape, bool)).any()
    assert np.array_equal(inpaint(image, np.zeros(image.shape, bool)), image)


def test_the_same_bytes_each_time(speckled: Image) -> None:
    assert np.array_equal(inpaint(speckled, LETTERS), inpaint(speckled.copy(), LETTERS.copy()))
