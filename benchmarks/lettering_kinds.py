"""Lettering of every kind that people put over ultrasound, drawn into a picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.phantom.hospital.burned_text import shape

Gray = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]

LATIN = ("WANG XIUYING", "OUYANG MEI", "ID 20180415", "ZHANG MIN 37Y", "MRN 8830172")
CHINESE = ("欧阳秀英", "王晓梅", "登记号830172", "市妇幼保健院", "张敏 女 37岁")


@dataclass(frozen=True)
class Style:
    """How something is drawn.

    Attributes
    ----------
    name
        Group in the table, and what sets it apart.
    height
        Of a line of letters, or of a code, in pixels.
    level
        Grey level 0 to 255; None for that of the speckle underneath, plus ``above``.
    above
        Grey levels above the speckle.
    opacity
        0 to 1.
    angle
        Degrees, counterclockwise.
    form
        ``letters``, ``bold``, ``block``, ``dotted``, ``outlined``, ``dark plate``,
        ``light plate``, ``bars``, ``matrix``.
    tiled
        Repeated all over the picture.
    """

    name: tuple[str, str]
    height: int = 24
    level: int | None = 255
    above: int = 0
    opacity: float = 1.0
    angle: float = 0.0
    form: str = "letters"
    tiled: bool = False


@dataclass(frozen=True)
class Plant:
    """One string in the picture: what it says, its middle, its size upright, and its pixels."""

    text: str
    middle: tuple[float, float]
    size: tuple[int, int]
    angle: float
    core: Flags
    code: bool = False
    lines: int = 1


@dataclass(frozen=True)
class Drawing:
    """A picture with lettering, and what was drawn."""

    image: Gray
    plants: tuple[Plant, ...]


def styles() -> Iterator[Style]:
    """Yield every style that is measured."""
    for height in (12, 18, 28):
        for above in (0, 10, 20, 40, 80):
            name = f"{height} px, speckle + {above}"
            yield Style(("contrast", name), height, level=None, above=above)
    for height in (14, 24, 40):
        yield Style(("white", f"{height} px"), height)
    for height in (64, 100, 150):
        yield Style(("thick strokes", f"{height} px, white"), height)
        yield Style(("thick strokes", f"{height} px, + 40"), height, level=None, above=40)
        yield Style(("thick strokes", f"{height} px, own grey"), height, level=None)
    for height in (80, 130):
        yield Style(("thick strokes", f"{height} px, bold"), height, form="bold")
        yield Style(("thick strokes", f"{height} px, bold, + 40"), height, None, 40, form="bold")
    for angle in (0, 90, 180):
        yield Style(("block", f"{angle} degrees, white"), 18, angle=angle, form="block")
        yield Style(("block", f"{angle} degrees, + 50"), 18, None, 50, angle=angle, form="block")
    for angle in (15, 30, 45, 90, 180, 270):
        yield Style(("turned", f"{angle} degrees, white"), 22, angle=angle)
        yield Style(("turned", f"{angle} degrees, + 50"), 22, level=None, above=50, angle=angle)
    for opacity in (0.15, 0.3, 0.6):
        for height in (24, 56):
            yield Style(
                ("translucent", f"{height} px, {opacity}"), height, opacity=opacity, angle=30
            )
        yield Style(("tiled", f"{opacity}"), 22, opacity=opacity, angle=30, tiled=True)
    for height in (24, 36, 56):
        yield Style(("dotted", f"{height} px, white"), height, form="dotted")
        yield Style(("dotted", f"{height} px, + 60"), height, level=None, above=60, form="dotted")
    for height in (24, 48):
        yield Style(("outlined", f"{height} px"), height, form="outlined")
        yield Style(("dark letters", f"{height} px"), height, level=0)
        yield Style(("plate", f"{height} px, dark"), height, level=120, form="dark plate")
        yield Style(("plate", f"{height} px, light"), height, level=20, form="light plate")
    for height in (30, 60):
        yield Style(("bar code", f"{height} px"), height, level=15, form="bars")
        yield Style(("bar code", f"{height} px, upright"), height, level=15, form="bars", angle=90)
    for height in (60, 110):
        yield Style(("QR code", f"{height} px"), height, level=15, form="matrix")
        yield Style(("QR code", f"{height} px, half"), height, level=15, opacity=0.5, form="matrix")


def draw(style: Style, image: Gray, inside: Flags, rng: np.random.Generator) -> Drawing:
    """Draw lettering of a style where there is echo.

    Parameters
    ----------
    image
        ``(height, width)`` uint8.
    inside
        Where it may stand.
    """
    text = str(rng.choice(LATIN if rng.random() < 0.5 else CHINESE))
    if style.form in ("dotted", "bars", "matrix"):
        text = str(rng.choice(LATIN))
    sheet, plate = _sheet(text, style)
    result = image.astype(np.float32)
    plants = []
    for middle in _places(style, sheet.shape, inside, rng):
        alpha = _turned(sheet, middle, style.angle, image.shape)
        ground = None if plate is None else _turned(plate, middle, style.angle, image.shape)
        if ground is not None:
            shade = 0.0 if style.form == "dark plate" else 245.0
            result += (shade - result) * ground * style.opacity
        level = _level(style, result, alpha)
        result += (level - result) * alpha * style.opacity
        core = alpha > 0.5 if ground is None or style.form.endswith("plate") else ground > 0.5
        size = (sheet.shape[1], sheet.shape[0])
        lines = 4 if style.form == "block" else 1
        code = style.form in ("bars", "matrix")
        plants.append(Plant(text, middle, size, style.angle, core & inside, code, lines))
    return Drawing(np.clip(np.rint(result), 0, 255).astype(np.uint8), tuple(plants))


def _level(style: Style, image: Floats, alpha: Floats) -> float:
    if style.level is not None:
        return float(style.level)
    under = cv2.dilate((alpha > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    return round(float(np.median(image[under]))) + style.above if under.any() else 0.0


@cache
def _sheet(text: str, style: Style) -> tuple[Gray, Gray | None]:
    """Return the coverage of the letters, upright, and of what lies under them."""
    height = style.height
    if style.form == "bars":
        return _bars(text, height)
    if style.form == "matrix":
        return _matrix(text, height)
    if style.form == "dotted":
        return _dotted(text, height), None
    if style.form == "block":
        return _block(text, height), None
    letters = np.pad(shape(text, "sans", height), 4)
    if style.form == "bold":
        pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (height // 10, height // 10))
        return np.asarray(cv2.dilate(np.pad(letters, height // 20), pen)), None
    if style.form == "outlined":
        return np.asarray(cv2.morphologyEx(letters, cv2.MORPH_GRADIENT, np.ones((3, 3)))), None
    if style.form.endswith("plate"):
        letters = np.pad(letters, 4)
        return letters, np.full(letters.shape, 255, np.uint8)
    return letters, None


def _block(text: str, height: int) -> Gray:
    """Return four lines, one below the other, as of a banner."""
    lines = [shape(line, "sans", height) for line in (text, *LATIN[1:3], CHINESE[1])]
    wide = max(line.shape[1] for line in lines)
    rows = [np.pad(line, ((2, 5), (2, wide + 2 - line.shape[1]))) for line in lines]
    return np.vstack(rows)


def _dotted(text: str, height: int) -> Gray:
    """Return letters of dots, as of a needle printer: one for each pixel of a bitmap font."""
    dots = np.argwhere(shape(text, "bitmap", 12) > 0)
    pitch = max(2, round(height / 9))
    high, wide = (int(edge) for edge in dots.max(axis=0) + 2)
    sheet = np.zeros((high * pitch, wide * pitch), np.uint8)
    for row, column in dots:
        at = (int((column + 0.5) * pitch), int((row + 0.5) * pitch))
        cv2.circle(sheet, at, max(1, round(0.36 * pitch)) - 1, 255, -1)
    return np.pad(sheet, 3)


def _bars(text: str, height: int) -> tuple[Gray, Gray]:
    """Return bars of one to three units, dark, on a light plate."""
    seed = np.random.default_rng(sum(map(ord, text)))
    widths = seed.integers(1, 4, 2 * 4 * len(text) + 1)
    row = np.concatenate([np.full(2 * w, 255 * (n % 2 == 0)) for n, w in enumerate(widths)])
    bars = np.pad(np.tile(row[:180].astype(np.uint8), (height, 1)), ((4, 4), (10, 10)))
    return bars, np.full(bars.shape, 255, np.uint8)


def _matrix(text: str, height: int) -> tuple[Gray, Gray]:
    """Return a QR code, dark, on a light plate."""
    code = 255 - np.asarray(cv2.QRCodeEncoder.create().encode(text), np.uint8)
    unit = max(2, height // code.shape[0])
    code = np.pad(np.kron(code, np.ones((unit, unit), np.uint8)), 2)
    return code, np.full(code.shape, 255, np.uint8)


def _places(
    style: Style, size: tuple[int, ...], inside: Flags, rng: np.random.Generator
) -> list[tuple[float, float]]:
    """Return the middles: one place that lies wholly inside, or many all over."""
    turn = np.deg2rad(style.angle)
    wide = abs(size[1] * np.cos(turn)) + abs(size[0] * np.sin(turn))
    high = abs(size[1] * np.sin(turn)) + abs(size[0] * np.cos(turn))
    if style.tiled:
        rows, columns = np.mgrid[40 : inside.shape[0] : 1.1 * high, 40 : inside.shape[1] : wide]
        return [(float(x), float(y)) for x, y in zip(columns.ravel(), rows.ravel(), strict=True)]
    room = np.ones((max(1, int(high)), max(1, int(wide))), np.uint8)
    free = cv2.erode(inside.astype(np.uint8), room, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    spots = np.argwhere(free)
    if not len(spots):
        spots = np.argwhere(cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 3) > 0)
        return [(float(spots[:, 1].mean()), float(spots[:, 0].mean()))]
    row, column = spots[int(rng.integers(len(spots)))]
    return [(float(column), float(row))]


def _turned(
    sheet: Gray, middle: tuple[float, float], angle: float, size: tuple[int, ...]
) -> Floats:
    high, wide = sheet.shape
    matrix = cv2.getRotationMatrix2D(((wide - 1) / 2, (high - 1) / 2), angle, 1.0)
    matrix[:, 2] += round(middle[0]) - wide // 2, round(middle[1]) - high // 2
    turned = cv2.warpAffine(sheet, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)
    return np.asarray(turned.astype(np.float32) / 255, np.float32)
