from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from metrascope.data.sector import DARK, find_sector


def iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_the_sector_of_phantoms_is_found(phantom: Path) -> None:
    table = pd.read_csv(phantom / "manifest.csv")
    overlaps = []
    for row in table.itertuples():
        grey = cv2.imread(str(phantom / str(row.image)), cv2.IMREAD_GRAYSCALE)
        truth = cv2.imread(str(phantom / str(row.sector)), cv2.IMREAD_GRAYSCALE)
        overlaps.append(iou(find_sector(np.asarray(grey)).mask, np.asarray(truth) > 0))
    assert np.median(overlaps) > 0.93
    assert min(overlaps) > 0.7


def test_text_and_bars_beside_the_sector_are_left_out() -> None:
    screen = np.zeros((300, 400), np.uint8)
    cv2.ellipse(screen, (200, 40), (150, 200), 0, 20, 160, 120, cv2.FILLED)
    sector = screen > 0
    cv2.putText(screen, "GYN 7.5 MHz", (5, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, 255, 1)
    screen[100:200, 2:8] = np.linspace(255, 0, 100)[:, None]
    found = find_sector(screen)
    assert iou(found.mask, sector) > 0.9
    left, top, width, _ = found.box
    assert left > 20
    assert top > 30
    assert width == pytest.approx(300, abs=30)


@pytest.mark.parametrize("level", [0, 90])
def test_an_image_without_background_is_taken_whole(level: int) -> None:
    found = find_sector(np.full((50, 80), level, np.uint8))
    assert found.box == (0, 0, 80, 50)
    assert found.mask.all()


def test_dark_fluid_inside_belongs_to_the_sector() -> None:
    screen = np.zeros((200, 200), np.uint8)
    cv2.circle(screen, (100, 100), 80, 100, cv2.FILLED)
    cv2.circle(screen, (100, 100), 30, 0, cv2.FILLED)
    assert find_sector(screen).mask[100, 100]


def test_real_sectors_keep_their_echo_and_lose_the_screen(real_data: Path) -> None:
    paths = sorted((real_data / "tvus_normal" / "images").glob("*.png"))
    assert paths
    for path in paths:
        grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        found = find_sector(grey)
        echo = grey > DARK
        assert (echo & found.mask).sum() > 0.97 * echo.sum(), path.name
        assert found.mask.mean() < 0.6, path.name
