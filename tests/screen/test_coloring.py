"""Flow and stiffness are colors beside grey; a tint of all greys, letters and calipers are not."""

import cv2
import numpy as np
import pytest

from metrascope.screen.coloring import has_color_bar, in_color

RED, BLUE, ORANGE = (230, 40, 20), (30, 60, 230), (240, 140, 20)
YELLOW, GREEN = (230, 220, 40), (60, 220, 60)
INSIDE = np.zeros((400, 400), bool)
INSIDE[50:350, 60:340] = True
SECTOR = int(INSIDE.sum())


def screen(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    speckle = cv2.GaussianBlur(rng.rayleigh(60, INSIDE.shape), (0, 0), 1.2)
    grey = np.where(INSIDE, speckle, 0).clip(0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def tinted(image: np.ndarray, most: tuple[int, int, int]) -> np.ndarray:
    return (image.astype(float) * np.array(most) / 255).astype(np.uint8)


@pytest.mark.parametrize("color", [RED, BLUE, ORANGE])
def test_flow_counts_by_its_area(color: tuple[int, int, int]) -> None:
    image = screen()
    cv2.rectangle(image, (150, 150), (199, 189), color, -1)
    assert in_color(image, INSIDE) == pytest.approx(50 * 40 / SECTOR, rel=0.03)
    assert in_color(screen(), INSIDE) == 0


def test_what_lies_beside_the_sector_does_not_count() -> None:
    image = screen()
    cv2.rectangle(image, (5, 100), (40, 300), RED, -1)
    assert in_color(image, INSIDE) == 0


@pytest.mark.parametrize("color", [YELLOW, GREEN])
def test_plates_and_letters_are_no_flow_unless_they_are_many(color: tuple[int, int, int]) -> None:
    image = screen()
    cv2.rectangle(image, (150, 150), (219, 179), color, -1)
    assert in_color(image, INSIDE) == 0
    # A map of stiffness is yellow and green as well, and covers more than any plate.
    cv2.rectangle(image, (100, 100), (249, 249), color, -1)
    assert in_color(image, INSIDE) == pytest.approx(150**2 / SECTOR, rel=0.03)


def test_thin_strokes_do_not_count() -> None:
    image = screen()
    for x in range(100, 300, 20):
        cv2.line(image, (x, 80), (x + 30, 300), RED, 1)
        image[310:312, x : x + 15] = BLUE
    assert in_color(image, INSIDE) == 0


@pytest.mark.parametrize("most", [(255, 200, 130), (150, 190, 255), (255, 170, 170)])
def test_a_tint_of_all_greys_is_no_color(most: tuple[int, int, int]) -> None:
    image = tinted(screen(), most)
    assert in_color(image, INSIDE) < 0.001
    cv2.rectangle(image, (150, 150), (199, 189), (20, 20, 240), -1)
    assert in_color(image, INSIDE) == pytest.approx(50 * 40 / SECTOR, rel=0.1)


def test_the_share_does_not_depend_on_the_size() -> None:
    image = screen()
    cv2.rectangle(image, (150, 150), (229, 229), RED, -1)
    large = cv2.resize(image, (1200, 1200), interpolation=cv2.INTER_CUBIC)
    inside = cv2.resize(INSIDE.view(np.uint8), (1200, 1200)) > 0
    assert in_color(large, inside) == pytest.approx(in_color(image, INSIDE), rel=0.05)


def test_a_bar_of_colors_beside_the_sector_is_seen() -> None:
    image = screen()
    assert not has_color_bar(image, INSIDE)
    for row in range(100, 160):
        image[row, 10:22] = RED if row < 130 else BLUE
    assert has_color_bar(image, INSIDE)
    # A bar of greys, a square sign and a word in color are none.
    other = screen()
    other[100:160, 10:22] = np.arange(60, 240, 3, dtype=np.uint8)[:, None, None]
    cv2.rectangle(other, (10, 200), (30, 220), RED, -1)
    cv2.putText(other, "FLOW", (2, 300), cv2.FONT_HERSHEY_SIMPLEX, 0.5, BLUE, 2)
    assert not has_color_bar(other, INSIDE)


def test_nothing_inside_is_no_color() -> None:
    assert in_color(screen(), np.zeros_like(INSIDE)) == 0
