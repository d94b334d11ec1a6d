"""Traces over time under a small fan: spectral Doppler and M-mode; their numbers are by eye."""

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box
from metrascope.phantom.hospital.drawing import Canvas, dotted
from metrascope.phantom.hospital.fan_screen import FanEcho, FanScreen
from metrascope.phantom.hospital.screen_layouts import ScreenLayout


def run_spectrum(canvas: Canvas, layout: ScreenLayout, box: Box, rng: np.random.Generator) -> None:
    """Fill a box with the spectrum of a pulsating flow, its velocities at the right edge."""
    left, top, width, height = box
    base = round(height * float(rng.uniform(0.66, 0.8)))
    beats = float(rng.uniform(3, 6)) * np.linspace(0, 1, width) + float(rng.uniform(0, 1))
    phase = beats % 1
    pulse = 0.25 + 0.75 * np.exp(-np.square((phase - 0.15) / 0.09)) + 0.25 * np.exp(-2.5 * phase)
    reach = pulse / pulse.max() * float(rng.uniform(0.6, 0.9)) * base
    rise = (base - np.arange(height)[:, None]) / reach[None]
    filled = np.clip(6 * (1 - rise), 0, 1) * (rise > 0) * (0.35 + 0.65 * np.clip(rise, 0, 1))
    grain = rng.gamma(1.2, 0.8, (height, width))
    noise = rng.gamma(1.0, 3.0, (height, width))
    strip = np.clip(170 * filled * grain + noise, 0, 255).astype(np.float32)
    _put(canvas, box, cv2.GaussianBlur(strip, (0, 0), 0.8))
    with canvas.drawing((left, top + base, width, 1), (200, 200, 120), "line") as sheet:
        sheet[:] = 255
    _scale(canvas, layout, box, base)


def run_motion(canvas: Canvas, echo: FanEcho, box: Box, rng: np.random.Generator) -> None:
    """Fill a box with the echo of one line over time: tissue that breathes and pulsates."""
    _, _, width, height = box
    beam = echo.beam
    line = echo.levels[:, beam.lines // 2 : beam.lines // 2 + 9].mean(axis=1)
    time = np.linspace(0, 1, width)
    shift = 9 * np.sin(2 * np.pi * rng.uniform(1, 2) * time)
    shift += 4 * np.abs(np.sin(np.pi * rng.uniform(6, 10) * time))
    rows = np.linspace(0, beam.samples - 1, height, dtype=np.float32)[:, None]
    moved = (rows + shift.astype(np.float32)[None]).astype(np.float32)
    strip = cv2.remap(
        line[:, None],
        np.zeros_like(moved),
        moved,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    grain = rng.normal(1, 0.16, (height, width)).astype(np.float32)
    _put(canvas, box, strip * cv2.GaussianBlur(grain, (0, 0), 1.0))


def draw_line_of_sight(canvas: Canvas, layout: ScreenLayout, fan: FanScreen, *, gate: bool) -> None:
    """Draw the dotted line that the strip listens to, and the gate of the Doppler."""
    top = round(fan.face)
    span = round(fan.beam.depth_mm / fan.mm_per_pixel)
    middle = round(fan.apex[0])
    bottom = min(top + span, fan.box[1] + fan.box[3])
    box = (middle - 12, top, 25, bottom - top)
    with canvas.drawing(box, layout.notes, "line") as sheet:
        dotted(sheet, (12, 0), (12, bottom - top - 1), 6)
        if gate:
            for row in (span // 2 - 5, span // 2 + 5):
                cv2.line(sheet, (5, row), (19, row), 255, 1)


def _put(canvas: Canvas, box: Box, strip: NDArray[np.floating]) -> None:
    left, top, width, height = box
    gray = np.clip(strip, 0, 255).astype(np.uint8)
    canvas.image[top : top + height, left : left + width] = gray[..., None]


def _scale(canvas: Canvas, layout: ScreenLayout, box: Box, base: int) -> None:
    left, top, width, height = box
    step = max(12, round(0.045 * canvas.height))
    size = round(0.018 * canvas.height)
    for number in range(-(height - base) // step + 1, base // step):
        y = top + base - number * step
        with canvas.drawing((left + width - 8, y, 8, 1), (210, 210, 210), "tick") as sheet:
            sheet[:] = 255
        if number % 2 == 0:
            at = (left + width - 12, y)
            canvas.write(str(10 * number), at, layout.face, size, (210, 210, 210), anchor="right")
    unit = "cm/s"
    canvas.write(
        unit, (left + width - 6, top + size), layout.face, size, layout.notes, anchor="right"
    )
