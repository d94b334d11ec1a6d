"""Speckle, rendered surfaces and letters are told apart by measures with known values."""

import cv2
import numpy as np
import pytest

from metrascope.screen.sector import Sector
from metrascope.screen.texture import count_letters, even_share, fineness, warmth

SIDE = 384


def sector() -> Sector:
    mask = np.zeros((SIDE + 40, SIDE + 40), bool)
    mask[20:-20, 20:-20] = True
    return Sector((20, 20, SIDE, SIDE), mask, "linear", mask)  # type: ignore[arg-type]


def on_screen(picture: np.ndarray) -> np.ndarray:
    return np.pad(picture.clip(0, 255).astype(np.uint8), 20)


def noise(sigma: float, seed: int = 0) -> np.ndarray:
    """Return noise of deviation 20 about 120 that was smoothed by ``sigma`` pixels."""
    drawn = np.random.default_rng(seed).normal(size=(SIDE, SIDE))
    smooth = cv2.GaussianBlur(drawn, (0, 0), sigma) if sigma else drawn
    return 120 + 20 * smooth / smooth.std()


def test_even_parts_are_measured_by_their_share() -> None:
    picture = noise(1)
    assert even_share(on_screen(picture), sector()) < 0.02
    picture[: SIDE // 2] = 90
    assert even_share(on_screen(picture), sector()) == pytest.approx(0.5, abs=0.02)
    assert even_share(on_screen(np.full((SIDE, SIDE), 90)), sector()) > 0.95
    assert even_share(on_screen(np.zeros((SIDE, SIDE))), sector()) == 1


def test_the_dark_does_not_count_as_even() -> None:
    picture = noise(1)
    picture[: SIDE // 2] = 2
    assert even_share(on_screen(picture), sector()) < 0.05


def test_fineness_falls_as_detail_is_smoothed_away() -> None:
    found = [fineness(on_screen(noise(sigma)), sector()) for sigma in (0, 1, 2, 3, 5)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2
    assert found[1] > 0.4
    assert found[-1] < 0.15


def test_fineness_is_that_of_band_passes_in_closed_form() -> None:
    # White noise smoothed by a Gaussian s has the power 1 / (4 pi s^2); the bands' powers follow.
    def covered(a: float, b: float) -> float:
        return 1 / (4 * np.pi * ((a**2 + b**2) / 2))

    fine = 1 - 2 * 1 / (2 * np.pi * 1.5**2) + covered(1.5, 1.5)
    wide = float(np.hypot(1.5, 8))  # the coarser smoothing comes after the finer
    coarse = covered(1.5, 1.5) - 2 * covered(1.5, wide) + covered(wide, wide)
    expected = (fine / coarse) ** 0.5
    drawn = 120 + 20 * np.random.default_rng(1).normal(size=(SIDE, SIDE))
    assert fineness(on_screen(drawn), sector()) == pytest.approx(expected, rel=0.15)


def test_gain_does_not_change_fineness_and_too_little_light_is_no_finding() -> None:
    picture = noise(2)
    dimmed = fineness(on_screen(picture * 0.6), sector())
    assert dimmed == pytest.approx(fineness(on_screen(picture), sector()), rel=0.1)
    assert fineness(on_screen(picture * 0.1), sector()) == 1


def test_warmth_is_the_excess_of_red() -> None:
    grey = on_screen(noise(1))
    color = np.repeat(grey[..., None], 3, axis=2)
    assert warmth(grey, sector()) == 0
    assert warmth(color, sector()) == 0
    skin = (color * np.array([1.0, 0.75, 0.5])).astype(np.uint8)
    # Cr - 128 = 0.713 (R - Y), as ITU-R BT.601 has it.
    luminance = 0.299 + 0.587 * 0.75 + 0.114 * 0.5
    assert warmth(skin, sector()) == pytest.approx(0.713 * (1 - luminance) / luminance, abs=0.02)
    blue = (color * np.array([0.5, 0.75, 1.0])).astype(np.uint8)
    assert warmth(blue, sector()) < 0


def test_letters_are_counted_and_echo_has_few() -> None:
    page = np.zeros((600, 800), np.uint8)
    lines = ("UTERUS L 6.21 CM", "ENDOMETRIUM 0.84 CM", "OVARY R 2.95 X 1.71")
    for number, line in enumerate(lines):
        place = (160, 180 + 60 * number)
        cv2.putText(page, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 220, 2, cv2.LINE_AA)
    letters = sum(len(line.replace(" ", "").replace(".", "")) for line in lines)
    assert count_letters(page) == pytest.approx(letters, abs=5)
    inverted = 255 - page
    assert count_letters(inverted) == pytest.approx(letters, abs=5)
    assert count_letters(np.zeros((600, 800), np.uint8)) == 0


def test_letters_in_the_margins_do_not_count() -> None:
    screen = np.zeros((600, 800), np.uint8)
    cv2.putText(screen, "WANG LI 1980", (100, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 220, 2)
    assert count_letters(screen) == 0
