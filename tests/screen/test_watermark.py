"""A pattern in tiles is told from echo, also where it is too faint to read."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.phantom.render import draw_case, render_phantom
from metrascope.screen.watermark import has_watermark, repetition

Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@pytest.fixture(scope="module")
def still() -> tuple[Image, Flags]:
    drawn = render_phantom(draw_case("polyp", "voluson", seed=8, index=1), 480)
    return np.asarray(drawn.image, np.uint8), np.asarray(drawn.sector > 0)


def _tiled(image: Image, opacity: float) -> Image:
    sheet = np.zeros_like(image)
    for y in range(20, image.shape[0], 60):
        for x in range(-90 + y % 110, image.shape[1], 130):
            cv2.putText(sheet, "HOSPITAL 7", (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 2)
    cover = sheet / 255 * opacity
    return np.asarray(np.rint(image * (1 - cover) + 255 * cover).astype(np.uint8))


def test_echo_does_not_repeat(still: tuple[Image, Flags]) -> None:
    image, inside = still
    assert not has_watermark(image, inside)
    assert not has_watermark(image[:, ::-1].copy(), inside[:, ::-1].copy())


@pytest.mark.parametrize("opacity", [0.15, 0.5])
def test_tiles_repeat(still: tuple[Image, Flags], opacity: float) -> None:
    image, inside = still
    assert has_watermark(_tiled(image, opacity), inside)


def test_one_line_does_not_repeat(still: tuple[Image, Flags]) -> None:
    image, inside = still
    written = image.copy()
    cv2.putText(written, "HOSPITAL 7", (90, 240), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 220, 2)
    assert not has_watermark(written, inside)


def test_empty_and_small_images() -> None:
    for size in (3, 40, 90):
        blank = np.zeros((size, size), np.uint8)
        assert repetition(blank, np.ones_like(blank, dtype=bool)) == 0.0
        assert repetition(blank, np.zeros_like(blank, dtype=bool)) == 0.0
