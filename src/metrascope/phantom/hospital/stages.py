"""The middle of each kind of screen: fans, colors, strips, pages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from metrascope.arrays import Box
from metrascope.phantom.hospital.document_pages import draw_report_page, render_surface
from metrascope.phantom.hospital.doppler import lay_flow, lay_stiffness
from metrascope.phantom.hospital.drawing import Canvas
from metrascope.phantom.hospital.fan_screen import FanEcho, FanScreen, listen, place
from metrascope.phantom.hospital.screen_layouts import ScreenLayout
from metrascope.phantom.hospital.shot import PhantomRegionKind, ScreenRegion, ShotKind
from metrascope.phantom.hospital.strips import draw_line_of_sight, run_motion, run_spectrum


@dataclass(frozen=True)
class Scene:
    """Fans of a screen, the main one first, and its regions."""

    fans: tuple[FanScreen, ...]
    regions: tuple[ScreenRegion, ...]


# Rows and columns of tomographic imaging.
_GRIDS: Final = ((2, 2), (2, 3), (3, 3))

Stage = Callable[[Canvas, ScreenLayout, FanEcho, Box, np.random.Generator], Scene]


def _still(
    canvas: Canvas, _layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    fan = _show(canvas, _fit(echo, box, rng))
    return Scene((fan,), (_region(fan),))


def _dark(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    dim = replace(echo, levels=echo.levels * np.float32(rng.uniform(0.03, 0.08)))
    return _still(canvas, layout, dim, box, rng)


def _color(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    fan = _show(canvas, _fit(echo, box, rng))
    window = lay_flow(canvas, layout, fan, rng, power=False)
    return Scene((fan,), (_region(fan), _region(fan, "color", window)))


def _power(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    fan = _show(canvas, _fit(echo, box, rng))
    window = lay_flow(canvas, layout, fan, rng, power=True)
    return Scene((fan,), (_region(fan), _region(fan, "color", window)))


def _elastography(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    fan = _show(canvas, _fit(echo, box, rng))
    window = lay_stiffness(canvas, layout, fan, rng)
    return Scene((fan,), (_region(fan), _region(fan, "elastography", window)))


def _spectral(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    above, below = _above_and_below(box)
    fan = _show(canvas, _fit(echo, above, rng))
    if rng.random() < 0.6:
        lay_flow(canvas, layout, fan, rng, power=False)
    draw_line_of_sight(canvas, layout, fan, gate=True)
    run_spectrum(canvas, layout, below, rng)
    return Scene((fan,), (_region(fan), ScreenRegion(below, "spectral", None)))


def _motion(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    above, below = _above_and_below(box)
    fan = _show(canvas, _fit(echo, above, rng))
    draw_line_of_sight(canvas, layout, fan, gate=False)
    run_motion(canvas, echo, below, rng)
    return Scene((fan,), (_region(fan), ScreenRegion(below, "m_mode", None)))


def _three_d(
    canvas: Canvas, _layout: ScreenLayout, _echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    render_surface(canvas, box, rng)
    return Scene((), (ScreenRegion(box, "3d", None),))


def _report(
    canvas: Canvas, layout: ScreenLayout, _echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    draw_report_page(canvas, layout, box, rng)
    return Scene((), ())


def _dual(
    canvas: Canvas, _layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    left, top, width, height = box
    half = width // 2 - 2
    halves = ((left, top, half, height), (left + width - half, top, half, height))
    clip = echo.case.scanner.clip * 0.75
    fans = tuple(
        _show(canvas, place(view, part, clip=clip))
        for view, part in zip((echo, _other(echo, rng)), halves, strict=True)
    )
    canvas.image[top : top + height, left + width // 2 - 1 : left + width // 2 + 1] = 70
    return Scene(fans, tuple(_region(fan) for fan in fans))


def _quad(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    left, top, width, height = box
    across, down = width // 2 - 2, height // 2 - 2
    corners = [(x, y) for y in (top, top + height - down) for x in (left, left + width - across)]
    boxes = [(x, y, across, down) for x, y in corners]
    fans = tuple(
        _show(canvas, place(view, part, fill=1.0, clip=0.55))
        for view, part in zip((echo, _turned(echo), _other(echo, rng)), boxes, strict=False)
    )
    for fan, letter in zip(fans, "ABC", strict=True):
        _cross(canvas, fan, rng)
        at = (fan.box[0] + fan.box[2] - 14, fan.box[1] + 16)
        canvas.write(letter, at, layout.face, 22, layout.notes, anchor="right")
    render_surface(canvas, boxes[3], rng)
    return Scene(fans, (*(_region(fan) for fan in fans), ScreenRegion(boxes[3], "3d", None)))


def _slices(
    canvas: Canvas, layout: ScreenLayout, echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    """Show parallel slices of a volume in rows, numbered from the middle one."""
    left, top, width, height = box
    rows, columns = _GRIDS[int(rng.integers(len(_GRIDS)))]
    across, down = width // columns - 2, height // rows - 2
    echoes = [echo, _turned(echo), *(_other(echo, rng) for _ in range(2))]
    fans = []
    for number in range(rows * columns):
        row, column = divmod(number, columns)
        cell = (left + column * (across + 2), top + row * (down + 2), across, down)
        fan = _show(canvas, place(echoes[number % len(echoes)], cell, fill=1.0, clip=0.55))
        name = f"{number - rows * columns // 2:+d}"
        at = (cell[0] + 4, cell[1] + 12)
        canvas.write(name, at, layout.face, 16, layout.notes)
        fans.append(fan)
    return Scene(tuple(fans), tuple(_region(fan) for fan in fans))


def _blank(
    canvas: Canvas, layout: ScreenLayout, _echo: FanEcho, box: Box, rng: np.random.Generator
) -> Scene:
    if rng.random() < 0.5:
        at = (box[0] + box[2] // 2, box[1] + box[3] // 2)
        size = round(0.03 * canvas.height)
        canvas.write("Freeze", at, layout.face, size, layout.notes, anchor="center")
    return Scene((), ())


STAGES: Final[dict[ShotKind, Stage]] = {
    "bmode": _still,
    "color_doppler": _color,
    "power_doppler": _power,
    "spectral_doppler": _spectral,
    "m_mode": _motion,
    "elastography": _elastography,
    "three_d": _three_d,
    "report": _report,
    "dual": _dual,
    "quad": _quad,
    "slices": _slices,
    "too_dark": _dark,
    "blank": _blank,
}


def _show(canvas: Canvas, fan: FanScreen) -> FanScreen:
    """Copy the echo to the screen."""
    left, top, width, height = fan.box
    part = canvas.image[top : top + height, left : left + width]
    colored = cv2.cvtColor(fan.gray, cv2.COLOR_GRAY2RGB)
    if canvas.tint != (255, 255, 255):
        ramp = np.arange(256)[:, None, None] * np.array(canvas.tint) / 255
        colored = cv2.LUT(colored, np.round(ramp).astype(np.uint8))
    part[:] = cv2.copyTo(colored, fan.mask.view(np.uint8), np.ascontiguousarray(part))
    return fan


def _fit(echo: FanEcho, box: Box, rng: np.random.Generator) -> FanScreen:
    """Place the echo as operators do: whole, or so large that its sides are cut off."""
    left, top, width, height = box
    if rng.random() < 0.4:
        narrow = round(width * float(rng.uniform(0.55, 0.85)))
        left, width = left + (width - narrow) // 2, narrow
    clip = min(1.0, echo.case.scanner.clip * float(rng.uniform(0.6, 1.1)))
    return place(echo, (left, top, width, height), fill=float(rng.uniform(0.86, 0.98)), clip=clip)


def _region(fan: FanScreen, kind: PhantomRegionKind = "2d", box: Box | None = None) -> ScreenRegion:
    return ScreenRegion(box or fan.box, kind, (fan.mm_per_pixel, fan.mm_per_pixel))


def _above_and_below(box: Box) -> tuple[Box, Box]:
    left, top, width, height = box
    high = round(0.54 * height)
    low = round(0.38 * height)
    return (left, top, width, high), (left, top + height - low, width, low)


def _other(echo: FanEcho, rng: np.random.Generator) -> FanEcho:
    """Return another view of the same patient: other texture and speckle."""
    seed = np.random.SeedSequence([int(part) for part in rng.integers(0, 2**31, 2)])
    return listen(replace(echo.case, noise_seed=seed), echo.view)


def _turned(echo: FanEcho) -> FanEcho:
    """Return the echo seen from the other side."""
    lesion = None if echo.lesion is None else np.ascontiguousarray(echo.lesion[:, ::-1])
    return replace(echo, levels=np.ascontiguousarray(echo.levels[:, ::-1]), lesion=lesion)


def _cross(canvas: Canvas, fan: FanScreen, rng: np.random.Generator) -> None:
    left, top, width, height = fan.box
    x, y = (
        left + round(width * rng.uniform(0.35, 0.65)),
        top + round(height * rng.uniform(0.35, 0.65)),
    )
    for line in ((x, top, 1, height), (left, y, width, 1)):
        with canvas.drawing(line, (90, 200, 220), "line") as sheet:
            sheet[:] = 255
