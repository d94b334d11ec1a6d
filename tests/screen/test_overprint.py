"""What is printed in one grey level is found, of any level, form and angle; speckle is not."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.screen.overprint import find_codes, find_overprint

Image = NDArray[np.uint8]
EVERYWHERE = np.ones((256, 320), dtype=bool)


@pytest.fixture(scope="module")
def speckle() -> Image:
    """Return grain of two pixels with the distribution of log-compressed echo, mean about 90."""
    rng = np.random.default_rng(5)
    parts = rng.standard_normal((2, 256, 320)).astype(np.float32)
    parts = np.stack([cv2.GaussianBlur(part, (0, 0), 1.2) for part in parts])
    grey = 100 + 26 * np.log(np.hypot(*parts) + 0.02) + np.linspace(0, 60, 256)[:, None]
    return np.asarray(np.clip(grey, 0, 255).astype(np.uint8))


def _words(scale: float, pen: int) -> NDArray[np.bool_]:
    sheet = np.zeros((256, 320), np.uint8)
    cv2.putText(sheet, "WANG MEI", (40, 140), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, pen)
    return np.asarray(sheet > 0)


def test_speckle_has_none(speckle: Image) -> None:
    assert not find_overprint(speckle, EVERYWHERE).any()
    smooth = np.asarray(cv2.GaussianBlur(speckle, (0, 0), 3), np.uint8)
    assert not find_overprint(smooth, EVERYWHERE).any()


def test_a_picture_of_few_grey_levels_has_none(speckle: Image) -> None:
    """As of a scanner with a palette of 64: every level stands out from empty ones beside it."""
    assert not find_overprint(np.asarray(speckle // 4 * 4, np.uint8), EVERYWHERE).any()


@pytest.mark.parametrize(("scale", "pen"), [(0.6, 1), (0.9, 2), (1.6, 12)])
@pytest.mark.parametrize("above", [0, 30])
def test_letters_in_the_grey_of_the_speckle(
    speckle: Image, scale: float, pen: int, above: int
) -> None:
    words = _words(scale, pen)
    printed = speckle.copy()
    printed[words] = int(speckle[words].mean()) + above
    found = find_overprint(printed, EVERYWHERE)
    assert found[words].mean() > 0.9
    far = cv2.dilate(words.astype(np.uint8), np.ones((60, 60), np.uint8)) == 0
    assert found[far].mean() < 0.04


def test_dots_and_a_block_on_its_side(speckle: Image) -> None:
    sheet = np.zeros((256, 320), np.uint8)
    for row, text in enumerate(("WANG MEI", "0231", "1980")):
        at = (30, 40 + 20 * row)
        cv2.putText(sheet, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    sheet[::2] = 0
    words = np.zeros((256, 320), dtype=bool)
    words[:, 60:316] = np.rot90(sheet[:, :256])[:256, :256]
    printed = speckle.copy()
    printed[words] = 120
    assert find_overprint(printed, EVERYWHERE)[words].mean() > 0.9


def test_nothing_outside_is_looked_at(speckle: Image) -> None:
    words = _words(0.9, 2)
    printed = np.where(words, np.uint8(90), speckle).astype(np.uint8)
    outside = EVERYWHERE.copy()
    outside[100:160] = False
    assert not find_overprint(printed, outside).any()
    assert not find_overprint(printed, np.zeros_like(outside)).any()


@pytest.mark.parametrize("opacity", [1.0, 0.5])
def test_a_code_is_found_with_its_plate(speckle: Image, opacity: float) -> None:
    code = np.asarray(cv2.QRCodeEncoder.create().encode("MRN 8830172"), np.uint8)
    code = np.kron(code, np.ones((3, 3), np.uint8))
    printed = speckle.astype(np.float32)
    part = (slice(80, 80 + code.shape[0]), slice(120, 120 + code.shape[1]))
    printed[part] += (code - printed[part]) * opacity
    found = find_codes(np.rint(printed).astype(np.uint8))
    assert found[part].mean() > 0.95
    assert found.mean() < 3 * code.size / found.size
    assert not find_codes(speckle).any()
    assert not find_codes(speckle[:8, :8]).any()
