"""Planted marks are found and named, clean echo is left alone, fillings remember nothing."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.phantom.render import draw_case, render_phantom
from metrascope.screen.marks import Marks, find_marks, inpaint
from metrascope.screen.sector import Sector, find_sector

Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]
YELLOW, WHITE, DIM = (255, 255, 0), (255, 255, 255), (170, 170, 170)


@pytest.fixture(scope="module")
def stills() -> list[tuple[Image, Sector]]:
    """Return clean phantom images of 512 pixels, in color, with their true sectors."""
    scanners = ("voluson", "epiq", "aplio", "voluson", "epiq", "aplio")
    labels = ("normal", "fibroid", "polyp") * 2
    found = []
    for index, (label, scanner) in enumerate(zip(labels, scanners, strict=True)):
        still = render_phantom(draw_case(label, scanner, seed=3, index=index))
        found.append((np.repeat(still.image[..., None], 3, axis=2), _sector(still.sector > 0)))
    return found


def _sector(mask: Flags) -> Sector:
    left, top, width, height = cv2.boundingRect(mask.astype(np.uint8))
    corners = ((left, top), (left + width, top), (left + width, top + height), (left, top + height))
    return Sector((left, top, width, height), mask, "curved", corners)


def _plant(image: Image, ink: Image, color: tuple[int, int, int]) -> Image:
    share = ink[..., None] / 255
    return np.asarray(np.rint(image * (1 - share) + np.array(color) * share), np.uint8)


def _lettering(shape: tuple[int, ...], words: str, at: tuple[int, int], size: float) -> Image:
    ink = np.zeros(shape[:2], np.uint8)
    cv2.putText(ink, words, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1, cv2.LINE_AA)
    return ink


def _jpeg(image: Image, quality: int) -> Image:
    code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)


def _grey(image: Image) -> Image:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _covered(found: Marks, ink: Image) -> float:
    return float(found.mask[ink > 127].mean())


@pytest.mark.parametrize("color", [YELLOW, WHITE, DIM], ids=["yellow", "white", "dim"])
@pytest.mark.parametrize("form", ["color", "grey", "jpeg"])
@pytest.mark.parametrize("size", [0.35, 0.7])
def test_lettering_in_the_sector_is_covered(
    stills: list[tuple[Image, Sector]], color: tuple[int, int, int], form: str, size: float
) -> None:
    shares = []
    for image, sector in stills[:4]:
        ink = _lettering(image.shape, "WANG XIUYING 1984", (190, 250), size)
        planted = _plant(image, ink, color)
        if form != "color":
            planted = _grey(_jpeg(planted, 85)) if form == "jpeg" else _grey(planted)
        found = find_marks(planted, sector)
        assert any(mark.kind == "text" for mark in found.marks)
        shares.append(_covered(found, ink))
    assert np.mean(shares) > (0.97 if color != DIM else 0.85)


def test_clean_echo_is_left_alone(stills: list[tuple[Image, Sector]]) -> None:
    found = [(find_marks(image, sector), sector) for image, sector in stills]
    shares = [marks.mask.sum() / sector.mask.sum() for marks, sector in found]
    assert np.mean(shares) < 0.005
    assert np.mean([len(marks.marks) for marks, _ in found]) <= 1.5


@pytest.mark.parametrize("style", [cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS])
def test_calipers_and_the_dots_between_them(stills: list[tuple[Image, Sector]], style: int) -> None:
    image, sector = stills[0]
    ink = np.zeros(image.shape[:2], np.uint8)
    ends = ((180, 250), (300, 230))
    for end in ends:
        cv2.drawMarker(ink, end, 255, style, 15, 1)
    for share in np.linspace(0.1, 0.9, 18):
        x, y = (round(a + share * (b - a)) for a, b in zip(*ends, strict=True))
        ink[y, x : x + 2] = 255
    found = find_marks(_plant(image, ink, YELLOW), sector)
    boxes = [mark.box for mark in found.marks if mark.kind == "caliper"]
    for end in ends:
        assert any(
            left <= end[0] < left + wide and top <= end[1] < top + high and max(wide, high) <= 21
            for left, top, wide, high in boxes
        )
    assert [mark.box[2] > 60 for mark in found.marks if mark.kind == "line"] == [True]
    assert not any(mark.kind == "text" and mark.box[1] > 222 for mark in found.marks)
    assert _covered(found, ink) > 0.95


def test_what_is_not_in_the_sector_is_not_looked_at(stills: list[tuple[Image, Sector]]) -> None:
    image, sector = stills[0]
    planted = image.copy()
    planted[~sector.mask] = (255, 0, 0)
    found = find_marks(planted, sector)
    assert not (found.mask & ~sector.mask).any()


def test_an_empty_or_tiny_sector_has_no_marks() -> None:
    for side in (1, 8, 40):
        image = np.full((side, side), 90, np.uint8)
        for mask in (np.zeros((side, side), bool), np.ones((side, side), bool)):
            found = find_marks(image, Sector((0, 0, side, side), mask, "whole", ()))
            assert found.marks == ()
            assert not found.mask.any()


def test_a_tinted_image_is_not_all_marks(stills: list[tuple[Image, Sector]]) -> None:
    image, sector = stills[1]
    levels = np.arange(256)
    sepia = np.stack([levels, levels * 0.85, levels * 0.55], axis=1).astype(np.uint8)
    tinted = sepia[image[..., 0]]
    assert find_marks(tinted, sector).mask.sum() < 0.01 * sector.mask.sum()
    ink = _lettering(image.shape, "LI NA", (200, 260), 0.5)
    assert _covered(find_marks(_plant(tinted, ink, (0, 255, 0)), sector), ink) > 0.95


def test_filling_is_no_function_of_what_it_covers(stills: list[tuple[Image, Sector]]) -> None:
    image, sector = stills[2]
    mask = np.zeros(sector.mask.shape, bool)
    mask[230:250, 150:330] = True
    rng = np.random.default_rng(0)
    other = image.copy()
    other[mask] = rng.integers(0, 256, (int(mask.sum()), 3))
    first, second = inpaint(image, mask, sector.mask), inpaint(other, mask, sector.mask)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first[~mask], image[~mask])


def test_filling_looks_like_the_speckle_around(stills: list[tuple[Image, Sector]]) -> None:
    ratios = []
    for image, sector in stills:
        mask = np.zeros(sector.mask.shape, bool)
        mask[250:270, 200:320] = True
        grey = _grey(image)
        filled = inpaint(grey, mask, sector.mask)
        assert abs(float(filled[mask].mean()) - float(grey[mask].mean())) < 20
        rough = [float(cv2.Laplacian(part, cv2.CV_64F)[mask].std()) for part in (filled, grey)]
        ratios.append(rough[0] / rough[1])
    assert 0.6 < np.mean(ratios) < 1.6


def test_a_filling_with_no_source_is_still_free_of_what_it_covers() -> None:
    image = np.full((40, 60), 200, np.uint8)
    filled = inpaint(image, np.ones((40, 60), bool))
    assert (filled == filled[0, 0]).all()
    assert filled[0, 0] != 200


def test_marks_of_real_screens(real_data: Path) -> None:
    hand_checked = {"194.jpg": {"caliper", "line", "tick"}, "958.jpg": {"text", "tick"}}
    for name, kinds in hand_checked.items():
        image = cv2.imread(str(real_data / "mmotu" / "images" / name))[..., ::-1]
        found = find_marks(image, find_sector(_grey(np.ascontiguousarray(image))))
        assert kinds <= {mark.kind for mark in found.marks}
