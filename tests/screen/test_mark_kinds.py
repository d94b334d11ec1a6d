"""Patches of ink are named for what they are; what is nothing else is lettering."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.screen.mark_kinds import name_patch

Image = NDArray[np.uint8]


def _kinds(ink: Image, depth: float = 0.3) -> list[str]:
    strokes = ink > 0
    return [kind for kind, _ in name_patch(strokes, np.full(strokes.shape, depth, np.float32))]


def test_a_cross_is_a_caliper_wherever_it_stands() -> None:
    for style in (cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS):
        ink = np.zeros((31, 31), np.uint8)
        cv2.drawMarker(ink, (15, 15), 255, style, 17, 1)
        assert _kinds(ink) == ["caliper"]


def test_a_dash_is_a_tick_at_the_outline_only() -> None:
    ink = np.zeros((9, 14), np.uint8)
    ink[4:6, 2:12] = 255
    assert _kinds(ink, depth=0.01) == ["tick"]
    assert _kinds(ink) == ["text"]


def test_a_row_of_dots_is_a_line() -> None:
    ink = np.zeros((12, 120), np.uint8)
    ink[5:7, 4:116:8] = 255
    assert _kinds(ink) == ["line"]


@pytest.mark.parametrize("pitch", [5, 7])
def test_letters_of_dots_are_lettering_and_crossing_lines_of_dots_are_not(pitch: int) -> None:
    sheet = np.zeros((11, 50), np.uint8)
    cv2.putText(sheet, "LI NA", (1, 9), cv2.FONT_HERSHEY_PLAIN, 0.9, 255, 1)
    ink = np.zeros((11 * pitch, 50 * pitch), np.uint8)
    for row, column in np.argwhere(sheet):
        ink[row * pitch : row * pitch + 2, column * pitch : column * pitch + 2] = 255
    assert set(_kinds(ink)) == {"text"}
    lines = np.zeros((120, 160), np.uint8)
    for step in range(0, 110, 7):
        lines[step : step + 2, 40 + step // 2 : 42 + step // 2] = 255
        lines[60 + step // 5 : 62 + step // 5, step + 20 : step + 22] = 255
    assert set(_kinds(lines)) == {"line"}


def test_words_are_lettering() -> None:
    ink = np.zeros((24, 200), np.uint8)
    cv2.putText(ink, "LI MING", (4, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    assert _kinds(ink) == ["text"]


@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (40, 3)])
def test_a_patch_without_a_stroke_is_lettering(shape: tuple[int, int]) -> None:
    assert _kinds(np.zeros(shape, np.uint8)) == ["text"]
