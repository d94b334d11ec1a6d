"""A scanner's whole screen around a phantom's echo, and the truth about it."""

from collections.abc import Callable
from typing import Final

import numpy as np

from metrascope.arrays import Box, Mask
from metrascope.phantom.hospital.drawing import Canvas
from metrascope.phantom.hospital.fan_screen import FanEcho, FanScreen, listen
from metrascope.phantom.hospital.furniture import (
    draw_bar,
    draw_logo,
    draw_ruler,
    fill_in,
    paint_ground,
    write_banner,
    write_settings,
)
from metrascope.phantom.hospital.overlays import (
    annotate,
    draw_body_mark,
    draw_measurement,
    leave_cursor,
    mark_orientation,
    overlap_corner,
    point_at,
)
from metrascope.phantom.hospital.screen_layouts import LAYOUTS, ScreenLayout
from metrascope.phantom.hospital.shot import InventedPatient, ProbeView, Screenshot, ShotKind
from metrascope.phantom.hospital.stages import STAGES, Scene
from metrascope.phantom.render import PhantomCase

# Colors of white: five of seven screens are untinted, the others warm or cold. Chosen.
_TINTS: Final = (*((255, 255, 255),) * 5, (255, 247, 230), (236, 244, 255))
_COLORED: Final = ("color_doppler", "power_doppler", "elastography")


def draw_screen(
    case: PhantomCase | FanEcho,
    layout: str,
    person: InventedPatient,
    rng: np.random.Generator,
    *,
    kind: ShotKind = "bmode",
    view: ProbeView = "curved",
) -> Screenshot:
    """Draw the screen of one patient; the same arguments give the same screen.

    Parameters
    ----------
    case
        The patient, or her echo from `fan.listen` where several screens show it.
    layout
        Short name of a layout, as of a scanner preset.
    person
        Whom the letters name.
    rng
        Source of everything but the echo.
    kind
        Kind of screen; only ``bmode`` is usable.
    view
        Probe, unless ``case`` is an echo already.

    Raises
    ------
    KeyError
        If there is no such layout.
    """
    echo = case if isinstance(case, FanEcho) else listen(case, view)
    canvas, scene = compose(echo, LAYOUTS[layout], person, rng, kind)
    return finish(canvas, LAYOUTS[layout], scene, kind)


def compose(
    echo: FanEcho,
    layout: ScreenLayout,
    person: InventedPatient,
    rng: np.random.Generator,
    kind: ShotKind,
) -> tuple[Canvas, Scene]:
    """Draw a screen layer by layer: ground, echo, furniture, marks."""
    canvas = Canvas(layout.sizes[int(rng.integers(len(layout.sizes)))])
    paint_ground(canvas, layout, rng)
    canvas.tint = _TINTS[int(rng.integers(len(_TINTS)))]
    scene = STAGES[kind](canvas, layout, echo, _panel(canvas, layout), rng)
    fan = scene.fans[0] if scene.fans else None
    values = fill_in(layout, person, fan, rng)
    _furnish(canvas, layout, fan, values, kind)
    if fan is not None:
        _mark(canvas, layout, fan, person, values, rng, measured=kind in ("bmode", "dual"))
    return canvas, scene


def _panel(canvas: Canvas, layout: ScreenLayout) -> Box:
    """Return the rectangle of the fan in pixels."""
    left, right = (round(layout.panel[way] * canvas.width) for way in (0, 2))
    top, bottom = (round(layout.panel[way] * canvas.height) for way in (1, 3))
    return left, top, right - left, bottom - top


def _furnish(
    canvas: Canvas,
    layout: ScreenLayout,
    fan: FanScreen | None,
    values: dict[str, str],
    kind: ShotKind,
) -> None:
    write_banner(canvas, layout, values)
    draw_logo(canvas, layout)
    if kind == "report":
        return
    write_settings(canvas, layout, values)
    if kind not in _COLORED:
        draw_bar(canvas, layout)
    if fan is not None:
        draw_ruler(canvas, layout, fan)


def _mark(
    canvas: Canvas,
    layout: ScreenLayout,
    fan: FanScreen,
    person: InventedPatient,
    values: dict[str, str],
    rng: np.random.Generator,
    *,
    measured: bool,
) -> None:
    """Leave an operator's marks in the image, each with its own chance; the chances are chosen."""
    with_name = rng.random() < 0.2
    chances: tuple[tuple[float, Callable[[], None]], ...] = (
        (0.9, lambda: mark_orientation(canvas, layout, fan)),
        (0.4, lambda: draw_body_mark(canvas, layout, fan, rng)),
        (0.5 * measured, lambda: draw_measurement(canvas, layout, fan, rng)),
        (0.15, lambda: point_at(canvas, layout, fan, rng)),
        (0.1, lambda: leave_cursor(canvas, fan, rng)),
        (0.4, lambda: annotate(canvas, layout, fan, person, rng, with_name=with_name)),
        (0.12, lambda: overlap_corner(canvas, layout, fan, values, rng)),
    )
    for chance, draw in chances:
        if rng.random() < chance:
            draw()


def finish(canvas: Canvas, layout: ScreenLayout, scene: Scene, kind: ShotKind) -> Screenshot:
    """Put together the truth about a screen that was drawn."""
    clean = np.zeros((canvas.height, canvas.width), np.uint8)
    sector = np.zeros(clean.shape, np.bool_)
    lesion: Mask = np.zeros(clean.shape, np.bool_)
    for fan in scene.fans:
        left, top, width, height = fan.box
        within = (slice(top, top + height), slice(left, left + width))
        clean[within], sector[within] = fan.gray, fan.mask
        if fan.lesion is not None:
            lesion[within] = fan.lesion
    return Screenshot(
        image=canvas.image,
        clean=clean,
        sector=sector,
        sector_kind=scene.fans[0].view if scene.fans else "whole",
        lesion=lesion if any(fan.lesion is not None for fan in scene.fans) else None,
        marks=tuple(canvas.marks),
        glyphs=canvas.glyphs,
        ink=canvas.ink,
        kind=kind,
        usable=kind == "bmode",
        mm_per_pixel=scene.fans[0].mm_per_pixel if scene.fans else 0.0,
        regions=scene.regions,
        maker=layout.maker,
        model=layout.model,
    )
