"""Dashes at equal distances in a column or row are a scale's ticks; letters never are."""

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.screen.marks import find_marks
from metrascope.screen.ruler import is_dash, on_scale
from metrascope.screen.sector import Sector

Image = NDArray[np.uint8]


def _column(places: list[int], x: int = 40) -> list[tuple[int, int, int, int]]:
    return [(x + place % 3, place, 6, 3) for place in places]


def test_a_column_and_a_row_with_gaps_are_scales() -> None:
    column = _column([20, 50, 81, 140, 170])
    row = [(top, left, high, wide) for left, top, wide, high in column]
    stray = [(300, 33, 5, 3), (41, 400, 6, 3)]
    for boxes in (column, row):
        assert on_scale([*boxes, stray[0]]).tolist() == [True] * 5 + [False]


def test_few_or_uneven_or_close_dashes_are_none() -> None:
    for places in ([], [20, 50, 80], [20, 50, 95, 112, 170], [20, 24, 28, 32, 36]):
        assert not on_scale(_column(places)).any()


def test_a_letter_is_no_dash() -> None:
    for sign, dash in (("-", True), (".", True), ("A", False), ("8", False), ("W", False)):
        ink = np.zeros((40, 40), np.uint8)
        cv2.putText(ink, sign, (8, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
        assert is_dash(ink > 0) == dash
    assert not is_dash(np.zeros((4, 4), bool))


def _kinds(ink: Image) -> list[str]:
    grain = cv2.GaussianBlur(np.random.default_rng(2).normal(size=ink.shape), (9, 5), 2.0, None, 1)
    echo = np.clip(np.rint(40 + 4 * grain / grain.std()), 0, 255).astype(np.uint8)
    color = np.repeat(echo[..., None], 3, axis=2)
    color[ink > 127] = (250, 230, 40)
    height, width = ink.shape
    sector = Sector((0, 0, width, height), np.ones(ink.shape, bool), "whole", ())
    return [mark.kind for mark in find_marks(color, sector).marks]


def test_ticks_far_from_the_outline_are_named_and_spaced_letters_are_none() -> None:
    ticks, letters = (np.zeros((400, 400), np.uint8) for _ in range(2))
    for number, letter in enumerate("WANG"):
        ticks[80 + 40 * number : 82 + 40 * number, 100:107] = 255
        at = (100, 80 + 40 * number)
        cv2.putText(letters, letter, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    assert _kinds(ticks) == ["tick"] * 4
    assert "tick" not in _kinds(letters)
