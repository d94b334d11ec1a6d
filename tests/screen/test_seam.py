"""Two images that touch are parted by a seam; calipers, cursors and shadows are none."""

import cv2
import numpy as np
import pytest

from metrascope.screen.seam import gap, seam

BOX = (0, 0, 400, 400)


def echo(seed: int, size: tuple[int, int] = (400, 400), level: float = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    organs = cv2.GaussianBlur(rng.normal(0, 600, size), (0, 0), 14)
    speckle = cv2.GaussianBlur(rng.rayleigh(level, size), (0, 0), 1.2)
    return (organs + speckle).clip(12, 255).astype(np.uint8)


def split(at: int = 200) -> np.ndarray:
    return np.hstack([echo(1)[:, :at] // 2, echo(2)[:, at:]])


def test_a_change_of_image_is_a_seam_without_any_line() -> None:
    assert seam(split(), BOX)
    assert not seam(echo(1), BOX)
    assert not seam(echo(2), BOX)


def test_a_line_and_a_gap_are_seams() -> None:
    lined, gap = echo(3), echo(3)
    lined[:, 200] = 200
    gap[:, 196:204] = 0
    assert seam(lined, BOX)
    assert seam(gap, BOX)


@pytest.mark.parametrize("at", [60, 330])
def test_images_of_a_split_screen_are_alike_in_width(at: int) -> None:
    assert not seam(split(at), BOX)


def test_what_ends_or_slants_is_no_seam() -> None:
    caliper, cursor, shadow = echo(4), echo(5), echo(6)
    caliper[60:280, 200] = 230
    cv2.line(cursor, (150, 0), (260, 399), 230, 1)
    columns = np.arange(400)
    shade = 1 - 0.7 * np.exp(-(((columns - 200) / 30.0) ** 2))
    shadow = (shadow * shade).astype(np.uint8)
    for picture in (caliper, cursor, shadow):
        assert not seam(picture, BOX)


def test_a_caliper_above_the_dark_is_no_seam() -> None:
    picture = echo(7)
    picture[180:] = 3
    picture[60:180:4, 200] = 230
    assert not seam(picture, BOX)


def test_letters_at_one_depth_do_not_hide_a_seam() -> None:
    picture = np.hstack([echo(1)[:, :200] // 4, echo(2)[:, 200:]])
    picture[16:60, 170:230] = 0
    picture[20:56, 175:185] = picture[20:56, 215:225] = 240
    assert seam(picture, BOX)


def test_only_the_box_is_looked_at_and_it_must_not_be_tiny() -> None:
    screen = np.zeros((600, 900), np.uint8)
    screen[100:500, 300:700] = split()
    assert seam(screen, (300, 100, 400, 400))
    assert not seam(screen, (300, 100, 190, 400))
    assert not seam(screen, (480, 100, 40, 400))


def test_the_size_of_the_screen_does_not_matter() -> None:
    large = cv2.resize(split(), (1400, 1400), interpolation=cv2.INTER_LINEAR)
    assert seam(np.asarray(large, np.uint8), (0, 0, 1400, 1400))


@pytest.mark.parametrize("at", [[200], [133, 266], [100, 200, 300]])
@pytest.mark.parametrize("across", [False, True])
def test_a_grid_of_images_has_gaps(at: list[int], across: bool) -> None:
    grid = echo(7)
    for place in at:
        grid[:, place : place + 2] = 0
    packed = cv2.imencode(".jpg", grid, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    for picture in (grid, np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE))):
        assert gap(np.ascontiguousarray(picture.T) if across else picture, BOX)


def test_shadows_lines_and_letters_are_no_gaps() -> None:
    shadow, line, dark = echo(8), echo(9), echo(10)
    columns = np.arange(400)
    shadow = (shadow * (1 - 0.9 * np.exp(-(((columns - 200) / 30.0) ** 2)))).astype(np.uint8)
    line[:, 200] = 255
    dark[:300, 200:202] = 0
    for picture in (echo(11), shadow, line, dark):
        assert not gap(picture, BOX)
        assert not gap(np.ascontiguousarray(picture.T), BOX)


def test_a_gap_at_the_border_parts_nothing() -> None:
    margin = echo(12)
    margin[:, 20:22] = 0
    assert not gap(margin, BOX)
