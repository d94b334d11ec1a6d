"""Of a loop the sharpest frames that differ are kept."""

from collections.abc import Sequence

import cv2
import numpy as np
import pytest

from metrascope.dicom.frames import Cine
from metrascope.errors import DataError
from metrascope.screen.key_frames import key_frames

ROWS, COLUMNS = np.mgrid[:240, :240]
FAR = np.hypot(ROWS + 36.0, COLUMNS - 120.0)
INSIDE = (FAR > 60) & (FAR < 255) & (np.abs(COLUMNS - 120) < 0.7 * (ROWS + 36))


def view(seed: int, blur: float = 0.0) -> np.ndarray:
    """Return a fan of one place of the body, out of focus by ``blur`` pixels."""
    rng = np.random.default_rng(seed)
    bones = cv2.GaussianBlur(rng.normal(0, 900, FAR.shape), (0, 0), 12)
    speckle = cv2.GaussianBlur(rng.rayleigh(60, FAR.shape), (0, 0), 1)
    echo = (bones + speckle).clip(5, 255)
    echo = cv2.GaussianBlur(echo, (0, 0), blur) if blur else echo
    return np.where(INSIDE, echo, 0).astype(np.uint8)


def loop(frames: Sequence[np.ndarray | None]) -> Cine:
    def frame(index: int) -> np.ndarray:
        found = frames[index]
        if found is None:
            raise DataError("dicom.truncated")
        return found

    return Cine(len(frames), 240, 240, len(frames), frame)


def test_the_sharpest_of_each_place_is_taken() -> None:
    # Three places of five frames each, one of them in focus.
    sharp = [2, 8, 11]
    frames = [view(number // 5, 0 if number in sharp else 2.5) for number in range(15)]
    assert key_frames(loop(frames), 3) == sharp
    assert key_frames(loop(frames), 2) == sorted(set(sharp) & set(key_frames(loop(frames), 2)))
    # There are no more than three places.
    assert key_frames(loop(frames), 9) == sharp


def test_a_still_loop_gives_one_frame() -> None:
    assert len(key_frames(loop([view(1, 1)] * 6), 3)) == 1


def test_all_means_all() -> None:
    frames = [view(1), np.zeros((240, 240), np.uint8), view(1)]
    assert key_frames(loop(frames), "all") == [0, 1, 2]


def test_blank_and_broken_frames_are_left_out() -> None:
    blank = np.full((240, 240), 7, np.uint8)
    assert key_frames(loop([blank, None, view(1), blank, view(2), None]), 3) == [2, 4]
    # Unless there are no others: the first stands for the loop.
    assert key_frames(loop([blank, None, blank]), 3) == [0]


def test_letters_and_clocks_beside_the_sector_do_not_count() -> None:
    sharp, soft = view(3), view(4, 2.5)
    soft[200:236, :60] = np.random.default_rng(0).integers(0, 2, (36, 60)) * 255
    place = INSIDE[200:236, :60]
    soft[200:236, :60][place] = view(4, 2.5)[200:236, :60][place]
    assert key_frames(loop([sharp, soft]), 1) == [0]
    assert key_frames(loop([view(4, 2.5), sharp]), 1) == [1]


def test_colored_frames_are_read_as_grey() -> None:
    frames = [np.repeat(view(seed, blur)[..., None], 3, axis=2) for seed, blur in ((1, 3), (1, 0))]
    assert key_frames(loop(frames), 1) == [1]


def test_of_long_loops_few_frames_are_decoded() -> None:
    frames = [view(seed) for seed in range(4)]
    asked: list[int] = []

    def frame(index: int) -> np.ndarray:
        asked.append(index)
        return frames[index // 250]

    chosen = key_frames(Cine(1000, 240, 240, 1000, frame), 4)
    assert len(asked) <= 64
    assert [number // 250 for number in chosen] == [0, 1, 2, 3]


@pytest.mark.parametrize("gain", [0.5, 0.8])
def test_gain_alone_makes_no_frame_sharper(gain: float) -> None:
    soft, sharp = view(5, 1.5), (view(6) * gain).astype(np.uint8)
    assert key_frames(loop([soft, sharp]), 1) == [1]
