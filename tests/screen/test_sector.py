from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from metrascope.screen.sector import DARK, agrees, find_sector

Grey = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
FONT = cv2.FONT_HERSHEY_SIMPLEX


def iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_the_sector_of_phantoms_is_found(phantom: Path) -> None:
    table = pd.read_csv(phantom / "manifest.csv")
    overlaps = []
    for row in table.itertuples():
        grey = cv2.imread(str(phantom / str(row.image)), cv2.IMREAD_GRAYSCALE)
        truth = cv2.imread(str(phantom / str(row.sector)), cv2.IMREAD_GRAYSCALE)
        overlaps.append(iou(find_sector(np.asarray(grey)).mask, np.asarray(truth) > 0))
    assert np.median(overlaps) > 0.95
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


def speckle(shape: tuple[int, int], seed: int = 0) -> Grey:
    """Return developed speckle, about 1.5 pixels to a grain."""
    noise = np.random.default_rng(seed).standard_normal((*shape, 2)).astype(np.float32)
    grains = np.hypot(*np.moveaxis(cv2.GaussianBlur(noise, (0, 0), 1.5), 2, 0))
    return np.asarray(np.clip(20 + 90 * grains / grains.mean(), 1, 255), np.uint8)


def fan_mask(
    shape: tuple[int, int], center: tuple[float, float], radii: tuple[float, float], half: float
) -> Mask:
    """Return the pixels whose distance and angle from a center are in range, from the formula."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    radius = np.hypot(x - center[0], y - center[1])
    angle = np.arctan2(x - center[0], y - center[1])
    return np.asarray((radius >= radii[0]) & (radius <= radii[1]) & (np.abs(angle) <= half))


def screen(mask: Mask, ground: int = 0) -> Grey:
    """Return speckle inside a mask on an even ground, with a grey bar, a banner and letters."""
    image = np.where(mask, speckle((mask.shape[0], mask.shape[1])), np.uint8(ground))
    image = np.ascontiguousarray(image, np.uint8)
    image[60:160, 4:14] = np.linspace(250, 0, 100).astype(np.uint8)[:, None]
    image[:24] = 60
    cv2.putText(image, "GENERAL HOSPITAL  12345", (20, 18), FONT, 0.6, 230, 1)
    for line in range(6):
        at = (mask.shape[1] - 90, 60 + 18 * line)
        cv2.putText(image, f"GN {line}0 dB", at, FONT, 0.45, 180, 1)
    return image


SHAPE = (480, 640)
CURVED = fan_mask(SHAPE, (320, -10), (70, 440), 1.0)
PHASED = fan_mask(SHAPE, (320, 45), (3, 400), 0.7)
LINEAR = np.zeros(SHAPE, bool)
LINEAR[50:430, 180:450] = True


@pytest.mark.parametrize(
    ("kind", "truth"), [("curved", CURVED), ("phased", PHASED), ("linear", LINEAR)]
)
@pytest.mark.parametrize("ground", [0, 14])
def test_outline_and_kind_follow_the_probe(kind: str, truth: Mask, ground: int) -> None:
    truth = truth & (np.arange(SHAPE[0]) >= 28)[:, None]
    found = find_sector(screen(truth, ground))
    assert found.kind == kind
    assert iou(found.mask, truth) > 0.97
    assert (truth & ~found.mask).sum() < 0.005 * truth.sum()


def test_a_fan_wider_than_the_screen_is_cut_where_the_screen_cuts_it() -> None:
    truth = fan_mask(SHAPE, (320, -10), (70, 440), 1.2)
    truth[:, :110] = truth[:, 530:] = truth[:28] = False
    found = find_sector(screen(truth))
    assert found.kind == "curved"
    assert iou(found.mask, truth) > 0.97
    assert found.box[0] == pytest.approx(110, abs=2)
    assert found.box[0] + found.box[2] == pytest.approx(530, abs=2)


@pytest.mark.parametrize("truth", [CURVED, PHASED], ids=["curved", "phased"])
def test_fluid_and_shadow_at_the_edges_stay_inside(truth: Mask) -> None:
    image = screen(truth & (np.arange(SHAPE[0]) >= 28)[:, None])
    dark = np.zeros(SHAPE, np.uint8)
    cv2.circle(dark, (150, 240), 60, 1, cv2.FILLED)
    cv2.rectangle(dark, (330, 330), (390, 470), 1, cv2.FILLED)
    image[truth & (dark > 0)] = 0
    found = find_sector(image)
    assert (truth & ~found.mask)[28:].sum() < 0.01 * truth.sum()


def test_letters_and_boxes_over_the_edge_do_not_move_it() -> None:
    truth = CURVED & (np.arange(SHAPE[0]) >= 28)[:, None]
    image = screen(truth)
    cv2.putText(image, "LEFT OVARY", (40, 300), FONT, 0.9, 255, 2)
    image[380:470, 470:620] = 70
    cv2.putText(image, "1 D 2.5 cm", (480, 420), FONT, 0.7, 230, 1)
    assert iou(find_sector(image).mask, truth) > 0.96


def test_compression_does_not_move_the_outline() -> None:
    truth = CURVED & (np.arange(SHAPE[0]) >= 28)[:, None]
    code = cv2.imencode(".jpg", screen(truth), [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    image = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)
    found = find_sector(image)
    assert iou(found.mask, truth) > 0.96


def test_a_probe_at_the_bottom_of_the_screen_is_found() -> None:
    truth = PHASED[::-1]
    image = np.where(truth, speckle(SHAPE), np.uint8(0))
    assert iou(find_sector(np.asarray(image, np.uint8)).mask, truth) > 0.96


def test_the_search_keeps_within_a_box() -> None:
    image = np.zeros((300, 640), np.uint8)
    left = fan_mask((300, 640), (160, 0), (40, 270), 0.5)
    right = fan_mask((300, 640), (480, 0), (40, 290), 0.5)
    image[left | right] = speckle((300, 640))[left | right]
    found = find_sector(image, (0, 0, 320, 300))
    assert iou(found.mask, left) > 0.96
    assert not found.mask[:, 320:].any()


@pytest.mark.parametrize("truth", [CURVED, PHASED, LINEAR], ids=["curved", "phased", "linear"])
def test_the_outline_filled_gives_the_mask(truth: Mask) -> None:
    found = find_sector(screen(truth & (np.arange(SHAPE[0]) >= 28)[:, None]))
    points = np.array(found.outline, np.int32)
    filled = cv2.fillPoly(np.zeros(SHAPE, np.uint8), [points], 1) > 0
    off = (filled ^ found.mask).astype(np.uint8)
    assert not cv2.erode(off, np.ones((2, 2), np.uint8)).any()
    area = cv2.contourArea(points.astype(np.float32), oriented=True)
    assert area > 0  # clockwise with y downward


def test_the_same_pixels_give_the_same_sector() -> None:
    image = screen(PHASED)
    one, other = find_sector(image), find_sector(image.copy())
    assert one.outline == other.outline
    assert (one.mask == other.mask).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (7, 3), (40, 40), (33, 700)])
@pytest.mark.parametrize("fill", ["black", "noise", "white", "lines"])
def test_any_image_gives_a_sector_inside_it(shape: tuple[int, int], fill: str) -> None:
    image = np.full(shape, 255 if fill == "white" else 0, np.uint8)
    if fill == "noise":
        image = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    if fill == "lines":
        image[::9], image[:, ::17] = 200, 90
    found = find_sector(image)
    left, top, width, height = found.box
    assert found.mask.shape == shape
    assert found.mask.any()
    assert left >= 0
    assert top >= 0
    assert left + width <= shape[1]
    assert top + height <= shape[0]


@pytest.mark.parametrize(
    ("box", "sane"),
    [
        ((60, 40, 520, 400), True),
        ((0, 0, 640, 480), True),
        ((0, 0, 1280, 960), False),
        ((60, 40, 200, 400), False),
        ((600, 0, 40, 480), False),
        ((60, 40, 0, 0), False),
    ],
)
def test_a_header_box_agrees_when_it_holds_the_sector(
    box: tuple[int, int, int, int], sane: bool
) -> None:
    image = np.where(fan_mask(SHAPE, (320, -10), (70, 430), 0.6), speckle(SHAPE), np.uint8(0))
    assert agrees(box, find_sector(np.asarray(image, np.uint8))) is sane


def test_cropped_stills_are_taken_whole(real_data: Path) -> None:
    paths = sorted((real_data / "busi" / "images").glob("*.png"))[::60]
    assert paths
    shares = []
    for path in paths:
        grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        shares.append(find_sector(grey).mask.mean())
    assert min(shares) > 0.9


def test_real_boxes_agree_with_those_drawn_by_hand(real_data: Path) -> None:
    boxes = pd.read_csv(Path(__file__).parents[2] / "benchmarks" / "mmotu_sectors.csv")
    overlaps = []
    for row in boxes.iloc[::4].itertuples():
        path = real_data / "mmotu" / "images" / str(row.image)
        left, top, width, height = find_sector(
            np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        ).box
        across = min(left + width, row.left + row.width) - max(left, row.left)
        down = min(top + height, row.top + row.height) - max(top, row.top)
        both = across * down
        overlaps.append(both / (width * height + row.width * row.height - both))
    assert np.mean(overlaps) > 0.93
    assert min(overlaps) > 0.9
