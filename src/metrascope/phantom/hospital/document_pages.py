"""Screens that are no scan: a rendered surface, and the page of measurements."""

from typing import Final

import cv2
import numpy as np

from metrascope.arrays import Box
from metrascope.phantom.hospital.drawing import Canvas
from metrascope.phantom.hospital.screen_layouts import ScreenLayout
from metrascope.phantom.shapes import FloatMap

# Name, unit and usual value of each row of a report; invented.
_ROWS: Final = (
    ("Uterus L", "cm", 7.6),
    ("Uterus W", "cm", 5.1),
    ("Uterus H", "cm", 4.4),
    ("Endometrium", "mm", 8.2),
    ("Myoma 1 D1", "cm", 2.4),
    ("Myoma 1 D2", "cm", 1.9),
    ("Rt Ovary L", "cm", 3.1),
    ("Lt Ovary L", "cm", 2.9),
    ("Uterine A PI", "", 2.2),
    ("Uterine A RI", "", 0.81),
)


def render_surface(canvas: Canvas, box: Box, rng: np.random.Generator) -> None:
    """Paint a lit surface in the orange brown of a 3-D rendering, faded out at its edges."""
    left, top, width, height = box
    side = min(width, height)
    small = 160
    relief = _relief(small, rng)
    down, across = (slope / (2.2 * slope.std()) for slope in np.gradient(relief))
    normal = 1 / np.sqrt(1 + np.square(across) + np.square(down))
    light = np.clip((0.85 - 0.6 * across - 0.55 * down) * normal, 0.1, 1.15)
    y, x = np.mgrid[-1 : 1 : small * 1j, -1 : 1 : small * 1j]
    edge = np.abs(x) ** 4 + np.abs(y) ** 4 + 0.09 * relief / relief.std()
    light = light * np.clip((0.85 - edge) * 6, 0, 1)
    shade = cv2.resize(light.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(1, 0.035, (side, side)).astype(np.float32)
    shade = np.clip(shade * grain, 0, 1.15)[..., None]
    colors = np.clip(shade * (228, 160, 96) + np.square(shade) * (22, 30, 36), 0, 255)
    x0, y0 = left + (width - side) // 2, top + (height - side) // 2
    canvas.image[y0 : y0 + side, x0 : x0 + side] = colors.astype(np.uint8)


def draw_report_page(
    canvas: Canvas, layout: ScreenLayout, box: Box, rng: np.random.Generator
) -> None:
    """Fill the box with a table of measurements, light on dark or dark on light."""
    left, top, width, height = box
    light = rng.random() < 0.4
    canvas.image[top : top + height, left : left + width] = (
        (232, 234, 238) if light else (18, 22, 30)
    )
    ink = (30, 30, 40) if light else (205, 210, 215)
    size = round(0.028 * canvas.height)
    title = ("GYN Report", "Pelvis Report", "妇科超声测量报告")[int(rng.integers(3))]
    canvas.write(
        title, (left + width // 2, top + size), layout.face, round(1.4 * size), ink, anchor="center"
    )
    rows = [("Measurement", "Value", "m1", "m2", "Method")] + [_row(entry, rng) for entry in _ROWS]
    step = (height - 4 * size) / len(rows)
    for number, row in enumerate(rows):
        y = round(top + 3.2 * size + number * step)
        for column, word in enumerate(row):
            at = (round(left + width * (0.05 + (0, 0.34, 0.5, 0.66, 0.82)[column])), y)
            canvas.write(word, at, layout.face, size, ink)
        rule = (left + round(0.04 * width), y + round(0.55 * step), round(0.92 * width), 1)
        with canvas.drawing(rule, (120, 125, 130), "line") as sheet:
            sheet[:] = 255


def _row(entry: tuple[str, str, float], rng: np.random.Generator) -> tuple[str, ...]:
    name, unit, usual = entry
    first, second = usual * rng.uniform(0.7, 1.3, 2)
    mean = f"{(first + second) / 2:.2f} {unit}".strip()
    return name, mean, f"{first:.2f}", f"{second:.2f}", "avg."


def _relief(side: int, rng: np.random.Generator) -> FloatMap:
    relief = np.zeros((side, side), np.float32)
    for scale, weight in ((5, 12.0), (9, 6.0), (20, 2.4), (50, 0.5)):
        noise = rng.standard_normal((scale, scale), np.float32)
        relief += np.float32(weight) * cv2.resize(
            noise, (side, side), interpolation=cv2.INTER_CUBIC
        )
    return np.asarray(cv2.GaussianBlur(relief, (0, 0), 1.5), np.float32)
