"""One image, several, or an image above a trace over time are told by what stands where."""

import cv2
import numpy as np
import pytest

from metrascope.screen.arrangement import Arrangement, arrangement
from metrascope.screen.sector import find_sector

ONE, TWO, SWEEP = Arrangement(), Arrangement(images=2), Arrangement(sweep=True)


def speckle(shape: tuple[int, int], seed: int, level: float = 60) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return cv2.GaussianBlur(rng.rayleigh(level, shape), (0, 0), 1.2).clip(0, 255).astype(np.uint8)


def fan(side: int = 300, seed: int = 0, level: float = 60) -> np.ndarray:
    rows, columns = np.mgrid[:side, :side]
    far = np.hypot(rows + 0.15 * side, columns - side / 2)
    inside = (far > 0.27 * side) & (far < 1.05 * side)
    inside &= np.abs(columns - side / 2) < 0.7 * (rows + 0.15 * side)
    return np.where(inside, speckle(inside.shape, seed, level), 0).astype(np.uint8)


def put(screen: np.ndarray, picture: np.ndarray, left: int, top: int) -> np.ndarray:
    height, width = picture.shape
    part = screen[top : top + height, left : left + width]
    np.maximum(part, picture, out=part)
    return screen


def blank() -> np.ndarray:
    return np.zeros((600, 800), np.uint8)


def told(screen: np.ndarray) -> Arrangement:
    return arrangement(screen, find_sector(screen))


def lettered(screen: np.ndarray) -> np.ndarray:
    for number, word in enumerate(("7.0 MHz", "Gn 44", "C6 / M8", "FF3 / E2")):
        place = (690, 120 + 26 * number)
        cv2.putText(screen, word, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 210, 1)
    cv2.rectangle(screen, (10, 100), (24, 260), 128, -1)
    return screen


@pytest.mark.parametrize("side", [300, 480])
def test_one_fan_among_letters_and_bars_is_one_image(side: int) -> None:
    screen = put(blank(), fan(side), 400 - side // 2, 80)
    assert told(lettered(screen)) == ONE


def test_a_rectangle_and_a_cropped_picture_are_one_image() -> None:
    assert told(put(blank(), speckle((400, 380), 1), 200, 90)) == ONE
    assert told(speckle((400, 400), 2)) == ONE


def test_fluid_and_shadow_within_a_fan_do_not_part_it() -> None:
    screen = put(blank(), fan(480, 3), 160, 80)
    cv2.ellipse(screen, (400, 330), (150, 60), 0, 0, 360, 2, -1)
    cv2.fillPoly(screen, [np.array([[395, 300], [410, 300], [440, 590], [380, 590]])], (3.0,))
    assert told(screen) == ONE


def test_two_fans_apart_and_two_that_touch_are_two_images() -> None:
    apart = put(put(blank(), fan(300, 4), 60, 120), fan(300, 5), 440, 120)
    assert told(apart) == TWO
    touching = put(put(blank(), fan(380, 4), 30, 120), fan(380, 5), 395, 120)
    assert told(touching) == TWO


def test_two_rectangles_that_touch_are_two_images() -> None:
    screen = put(blank(), speckle((380, 300), 6, 30), 100, 100)
    assert told(put(screen, speckle((380, 300), 7, 90), 400, 100)) == TWO


def test_four_images_are_several() -> None:
    screen = blank()
    for number, (left, top) in enumerate(((90, 30), (430, 30), (90, 310), (430, 310))):
        put(screen, fan(260, 10 + number), left, top)
    assert told(screen).images > 1


def test_a_small_copy_for_orientation_is_no_second_image() -> None:
    screen = put(blank(), fan(480, 8), 200, 80)
    assert told(put(screen, fan(90, 9), 20, 480)) == ONE


@pytest.mark.parametrize("width", [780, 520])
def test_a_broad_strip_under_an_image_is_a_trace(width: int) -> None:
    screen = put(blank(), fan(280, 1), 260, 30)
    strip = speckle((170, width), 2)
    assert told(put(screen, strip, 400 - width // 2, 380)) == SWEEP


def test_a_plate_and_dim_noise_under_an_image_are_no_trace() -> None:
    screen = put(blank(), fan(380, 1), 210, 20)
    plate = put(screen.copy(), np.full((70, 200), 90, np.uint8), 590, 510)
    for number in range(3):
        place = (600, 530 + 22 * number)
        cv2.putText(plate, "1 D 1.73 cm", place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 230, 1)
    assert told(plate) == ONE
    noise = np.random.default_rng(3).integers(10, 30, (100, 420)).astype(np.uint8)
    assert not told(put(screen.copy(), noise, 190, 440)).sweep


def test_a_screen_without_echo_is_left_to_others() -> None:
    assert told(blank()) == ONE
