"""Colors laid over the echo: color and power Doppler, elastography, with their color bars."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box, Mask
from metrascope.phantom.hospital.drawing import Canvas, Color
from metrascope.phantom.hospital.fan_screen import FanScreen, polar
from metrascope.phantom.hospital.screen_layouts import ScreenLayout
from metrascope.phantom.shapes import FloatMap

Map = NDArray[np.float32]
# Colors from one end of each bar to the other, and of the boxes; after the usual maps, by eye.
_VELOCITY: Final = (
    (40, 240, 250),
    (20, 60, 230),
    (0, 0, 60),
    (80, 0, 0),
    (230, 40, 20),
    (250, 230, 60),
)
_POWER: Final = ((40, 10, 0), (170, 50, 10), (240, 130, 30), (255, 230, 120))
_STIFFNESS: Final = ((200, 30, 30), (230, 200, 40), (60, 190, 80), (40, 110, 220), (20, 20, 150))
_FRAMES: Final = ((70, 220, 90), (230, 230, 230), (230, 210, 60))


def lay_flow(
    canvas: Canvas, layout: ScreenLayout, fan: FanScreen, rng: np.random.Generator, *, power: bool
) -> Box:
    """Lay flow over part of the fan and replace the grey bar by the color bar.

    Returns
    -------
    The box around the colored region, screen pixels.
    """
    inside = _window(fan, rng)
    shape = (fan.box[3], fan.box[2])
    speed = _noise(shape, 40, rng) + 0.3 * _noise(shape, 5, rng)
    # patches with ragged edges where there is most of it, as in a loose plexus
    amount = _noise(shape, 38, rng) + 0.5 * _noise(shape, 11, rng) + 0.3 * _noise(shape, 4, rng)
    flowing = inside & (amount > np.quantile(amount[inside], rng.uniform(0.75, 0.92)))
    palette = _POWER if power else _VELOCITY
    share = np.clip(np.abs(speed) * 0.8 if power else 0.5 + 0.35 * speed, 0, 1)
    _cover(canvas, fan, _color(np.asarray(share, np.float32), palette), flowing, 0.92)
    box = _frame(canvas, fan, inside, _FRAMES[int(rng.integers(3))])
    ends = ("", "") if power else (f"+{rng.uniform(3, 14):.1f}", f"-{rng.uniform(3, 14):.1f}")
    _bar(canvas, layout, palette, (*ends, "" if power else "cm/s"))
    return box


def lay_stiffness(
    canvas: Canvas, layout: ScreenLayout, fan: FanScreen, rng: np.random.Generator
) -> Box:
    """Lay a half transparent map of stiffness over the fan, with its bar from soft to hard."""
    inside = _window(fan, rng, wide=True)
    map_ = np.clip(0.45 + 0.28 * _noise((fan.box[3], fan.box[2]), 45, rng), 0, 1)
    _cover(canvas, fan, _color(map_, _STIFFNESS), inside, 0.55)
    box = _frame(canvas, fan, inside, _FRAMES[1])
    _bar(canvas, layout, _STIFFNESS, ("Soft", "Hard", ""))
    return box


def _window(fan: FanScreen, rng: np.random.Generator, *, wide: bool = False) -> Mask:
    """Return the pixels between two lines and two depths, as a Doppler box is shaped."""
    left, top, width, height = fan.box
    apex = (fan.apex[0] - left, fan.apex[1] - top)
    angle, depth = polar(fan.view, fan.beam, (height, width), apex, fan.mm_per_pixel)
    half = np.deg2rad(fan.beam.fov_deg) / 2
    center = float(rng.uniform(-0.3, 0.3)) * half
    reach = float(rng.uniform(0.35, 0.5) if wide else rng.uniform(0.2, 0.45)) * half
    start = float(rng.uniform(0.08, 0.3)) * fan.beam.depth_mm
    stop = start + float(rng.uniform(0.35, 0.6)) * fan.beam.depth_mm
    inside = (np.abs(angle - center) < reach) & (depth > start) & (depth < stop)
    return np.asarray(inside & fan.mask)


def _noise(shape: tuple[int, ...], scale: float, rng: np.random.Generator) -> Map:
    """Return smooth noise, mean 0 and standard deviation about 1."""
    small = rng.standard_normal((int(shape[0] / scale) + 4, int(shape[1] / scale) + 4), np.float32)
    full = cv2.resize(small, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(full * np.float32(1.25), np.float32)


def _color(share: FloatMap, palette: tuple[Color, ...]) -> NDArray[np.uint8]:
    at = np.linspace(0, 255, len(palette))
    table = np.stack(
        [np.interp(np.arange(256), at, [color[way] for color in palette]) for way in range(3)], -1
    )
    index = (share * np.float32(255)).astype(np.uint8)
    return np.asarray(table.astype(np.uint8)[index], np.uint8)


def _cover(
    canvas: Canvas, fan: FanScreen, colors: NDArray[np.uint8], where: Mask, opacity: float
) -> None:
    left, top, width, height = fan.box
    part = canvas.image[top : top + height, left : left + width]
    part[where] = cv2.addWeighted(part[where], 1 - opacity, colors[where], opacity, 0)


def _frame(canvas: Canvas, fan: FanScreen, inside: Mask, color: Color) -> Box:
    contours, _ = cv2.findContours(
        inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    thick = max(1, round(canvas.height / 700))
    with canvas.drawing(fan.box, color, "line") as sheet:
        cv2.drawContours(sheet, contours, -1, 255, thick)
    x, y, width, height = cv2.boundingRect(inside.astype(np.uint8))
    return fan.box[0] + x, fan.box[1] + y, width, height


def _bar(
    canvas: Canvas, layout: ScreenLayout, palette: tuple[Color, ...], words: tuple[str, str, str]
) -> None:
    """Draw the color bar, its top the palette's end, and what stands above and below it."""
    left, top = round(layout.bar[0] * canvas.width), round(layout.bar[1] * canvas.height)
    width, height = round(layout.bar[2] * canvas.width), round(layout.bar[3] * canvas.height)
    with canvas.drawing((left, top, width, height), (0, 0, 0), "bar") as sheet:
        sheet[:] = 255
    ramp = _color(np.linspace(1, 0, height, dtype=np.float32)[:, None], palette)
    canvas.image[top : top + height, left : left + width] = ramp
    size = round(0.018 * canvas.height)
    for word, row in zip(words, (-0.6, height / size + 0.6, height / size + 1.9), strict=True):
        at = (left + width // 2, top + round(row * size))
        canvas.write(word, at, layout.face, size, (220, 220, 220), anchor="center")
