"""Furniture around the fan: banner, logo, settings, grey bar, depth ruler, status line."""

from functools import lru_cache
from typing import Final

import cv2
import numpy as np

from metrascope.arrays import Pixels
from metrascope.phantom.hospital.burned_text import legible
from metrascope.phantom.hospital.drawing import Canvas, Color
from metrascope.phantom.hospital.fan_screen import FanScreen
from metrascope.phantom.hospital.screen_layouts import GRAY_LETTERS, LayoutLine, ScreenLayout
from metrascope.phantom.hospital.shot import InventedPatient

_PERSONAL: Final = (
    "latin",
    "chinese",
    "id",
    "birth",
    "hospital",
    "day",
    "time",
    "accession",
    "operator",
)
# Grounds of screens: half are black, the others nearly (`paint_ground`).
_BLACKS: Final = ((0, 0, 0), (0, 0, 0), (0, 0, 0), (4, 4, 4), (10, 10, 10), (6, 8, 20))
_PROBES: Final = ("PVL-715RST", "C10-3v", "RIC5-9-D", "EV3-10B", "V11-3HU")


def paint_ground(canvas: Canvas, layout: ScreenLayout, rng: np.random.Generator) -> None:
    """Paint the ground of everything: the fan's well, strips of banner and status.

    Black is not black on every screen: levels up to 10 and a dark blue are in use.
    """
    canvas.image[:] = _ground(layout, canvas.width, canvas.height)
    np.maximum(canvas.image, np.array(rng.choice(_BLACKS), np.uint8), out=canvas.image)


def fill_in(
    layout: ScreenLayout, person: InventedPatient, fan: FanScreen | None, rng: np.random.Generator
) -> dict[str, str]:
    """Return the text of every placeholder: person, date, and settings drawn at random."""
    depth = fan.beam.depth_mm / 10 if fan else float(rng.integers(6, 11))
    frequency = fan.beam.frequency_mhz if fan else 7.5
    chinese = rng.random() < 0.6 and legible(person.hospital)
    return {
        "latin": person.latin_name,
        "chinese": person.chinese_name,
        "id": person.patient_id,
        "birth": person.birth_date.strftime(layout.birth),
        "hospital": person.hospital if chinese else person.hospital_latin,
        "day": person.exam_time.strftime(layout.day),
        "time": person.exam_time.strftime(layout.clock),
        "accession": person.accession,
        "operator": person.operator,
        "probe": _PROBES[int(rng.integers(len(_PROBES)))],
        "freq": f"{frequency:.1f}",
        "fps": str(rng.integers(14, 52)),
        "dr": str(rng.integers(52, 76)),
        "gain": str(rng.integers(44, 92)),
        "mi": f"{rng.uniform(0.6, 1.3):.1f}",
        "tis": f"{rng.uniform(0.1, 0.5):.1f}",
        "depth": f"{depth:.1f}",
    }


def write_line(
    canvas: Canvas, layout: ScreenLayout, line: LayoutLine, values: dict[str, str]
) -> None:
    """Write one line of the furniture; it identifies if it names anything personal."""
    at = (round(line.x * canvas.width), round(line.y * canvas.height))
    canvas.write(
        line.text.format(**values),
        at,
        layout.face,
        round(line.height * canvas.height),
        line.color,
        anchor=line.anchor,
        identifying=any(f"{{{name}}}" in line.text for name in _PERSONAL),
    )


def write_banner(canvas: Canvas, layout: ScreenLayout, values: dict[str, str]) -> None:
    """Write who, where and when, and the status line."""
    for line in (*layout.banner, *layout.status):
        write_line(canvas, layout, line, values)


def draw_logo(canvas: Canvas, layout: ScreenLayout) -> None:
    """Write the maker's name."""
    line = layout.logo
    at = (round(line.x * canvas.width), round(line.y * canvas.height))
    canvas.write(line.text, at, layout.face, round(line.height * canvas.height), line.color)


def write_settings(canvas: Canvas, layout: ScreenLayout, values: dict[str, str]) -> None:
    """Write the column of settings; where the fan reaches under it, over the fan's corner."""
    x, y, anchor, color = layout.settings
    for row, text in enumerate(layout.setting_lines):
        line = LayoutLine(text, x, y + 1.45 * layout.small * row, color, layout.small, anchor)
        write_line(canvas, layout, line, values)


def draw_bar(canvas: Canvas, layout: ScreenLayout) -> None:
    """Draw the grey bar, white at the top, in a thin frame."""
    left, top = round(layout.bar[0] * canvas.width), round(layout.bar[1] * canvas.height)
    width, height = round(layout.bar[2] * canvas.width), round(layout.bar[3] * canvas.height)
    with canvas.drawing((left, top, width, height), GRAY_LETTERS, "bar") as sheet:
        sheet[:] = 255
    ramp = np.linspace(250, 0, height - 2).astype(np.uint8)
    canvas.image[top + 1 : top + height - 1, left + 1 : left + width - 1] = ramp[:, None, None]


def draw_ruler(canvas: Canvas, layout: ScreenLayout, fan: FanScreen) -> None:
    """Draw the depth marks, longer at every fifth, and the triangle of the focus."""
    unit = canvas.height / 768
    left, _, width, _ = fan.box
    at_left = layout.ruler == "left"
    edge = left + round(26 * unit) if at_left else left + width - round(14 * unit)
    for step in range(int(fan.beam.depth_mm // layout.tick_mm) + 1):
        y = round(fan.face + step * layout.tick_mm / fan.mm_per_pixel)
        _tick(canvas, layout, (edge, y), long=step % 5 == 0, unit=unit)
    focus = round(fan.face + fan.beam.focus_mm / fan.mm_per_pixel)
    side = round(9 * unit)
    at = edge - round(12 * unit) if at_left else edge + round(4 * unit)
    with canvas.drawing((at, focus - side // 2, side, side), layout.notes, "focus") as sheet:
        tip = (0, side // 2) if not at_left else (side - 1, side // 2)
        back = side - 1 - tip[0]
        corners = np.array([tip, (back, 0), (back, side - 1)])
        cv2.fillPoly(sheet, [corners], 255, cv2.LINE_AA)


def _tick(
    canvas: Canvas, layout: ScreenLayout, at: tuple[int, int], *, long: bool, unit: float
) -> None:
    x, y = at
    if not 0 <= y < canvas.height:
        return
    size = round((9 if long else 5) * unit)
    with canvas.drawing(
        (x - 1, y - size // 2, size + 2, size + 1), (205, 205, 205), "tick"
    ) as sheet:
        middle = size // 2
        if layout.dots:
            cv2.circle(sheet, (middle, middle), 2 if long else 1, 255, -1)
        else:
            cv2.line(sheet, (1, middle), (size, middle), 255, max(1, round(unit)))


@lru_cache(maxsize=16)
def _ground(layout: ScreenLayout, width: int, height: int) -> Pixels:
    top, bottom = (np.array(color, np.float32) for color in layout.ground)
    share = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.round(top + (bottom - top) * share).astype(np.uint8)[:, None]
    if layout.well is not None:
        _fill(image, layout.panel, layout.well)
    for *edges, color in layout.strips:
        _fill(image, (edges[0], edges[1], edges[2], edges[3]), color)
    return image


def _fill(image: Pixels, share: tuple[float, float, float, float], color: Color) -> None:
    height, width = image.shape[:2]
    left, right = round(share[0] * width), round(share[2] * width)
    top, bottom = round(share[1] * height), round(share[3] * height)
    image[top:bottom, left:right] = color
