"""Cine loops: the tissue moves under the probe and the speckle renews itself, the screen stays."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import cv2
import numpy as np

from metrascope.phantom.hospital.drawing import Canvas
from metrascope.phantom.hospital.fan_screen import FanEcho, FanScreen, listen, reshow
from metrascope.phantom.hospital.screen_kinds import compose, finish
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.shot import InventedPatient, ProbeView, Screenshot, ShotKind
from metrascope.phantom.hospital.stages import Scene
from metrascope.phantom.render import TISSUE_STEP, PhantomCase
from metrascope.phantom.shapes import FloatMap

LOOPED: Final = ("bmode", "color_doppler", "power_doppler", "elastography")


def draw_loop(
    case: PhantomCase,
    layout: str,
    person: InventedPatient,
    rng: np.random.Generator,
    *,
    frames: int = 12,
    kind: ShotKind = "bmode",
    view: ProbeView = "curved",
) -> tuple[Screenshot, ...]:
    """Draw the frames of a loop of one patient; the same arguments give the same loop.

    Neighboring frames are alike, distant ones share the tissue but hardly the speckle. One or
    two frames of a loop of four or more are blurred by a quick move.

    Parameters
    ----------
    case, layout, person, rng, view
        As in `screens.draw_screen`.
    frames
        How many, 1 or more.
    kind
        One of `LOOPED`.

    Raises
    ------
    ValueError
        If there is no loop of that kind.
    """
    if kind not in LOOPED:
        raise ValueError(f"kind must be one of {LOOPED}, not {kind!r}")
    style, seed = LAYOUTS[layout], int(rng.integers(2**62))
    first = listen(case, view)
    # What is drawn over the echo covers it by shares: two screens, over black and over white,
    # say what any echo looks like under it.
    dark, light = (
        compose(_even(first, level), style, person, np.random.default_rng(seed), kind)
        for level in (0, 255)
    )
    shots = []
    for echo in _moving(first, listen(case, view, take=1), frames, rng):
        fan = reshow(dark[1].fans[0], echo)
        canvas = _under(dark[0], light[0], fan)
        shots.append(finish(canvas, style, Scene((fan,), dark[1].regions), kind))
    return tuple(shots)


def _even(echo: FanEcho, level: int) -> FanEcho:
    return replace(echo, levels=np.full_like(echo.levels, level))


def _moving(
    first: FanEcho, second: FanEcho, frames: int, rng: np.random.Generator
) -> Iterator[FanEcho]:
    """Yield the echo of every frame: two independent speckles, turned into one another."""
    base = cv2.GaussianBlur(0.5 * (first.levels + second.levels), (0, 0), sigmaX=4, sigmaY=6)
    rests = first.levels - base, second.levels - base
    match = float(np.corrcoef(rests[0][::4, ::4].ravel(), rests[1][::4, ::4].ravel())[0, 1])
    pace, start = float(rng.uniform(0.12, 0.3)), float(rng.uniform(0, np.pi))
    reach = rng.uniform(2, 7), rng.uniform(3, 10)
    blurred = rng.choice(frames, min(2, frames // 4), replace=False)
    for number in range(frames):
        turn = start + pace * number
        # as strong in every frame as in a still, though the two speckles are not independent
        even = np.sqrt(1 + 2 * match * np.cos(turn) * np.sin(turn))
        weights = np.float32(np.cos(turn) / even), np.float32(np.sin(turn) / even)
        levels = base + weights[0] * rests[0] + weights[1] * rests[1]
        shift = reach[0] * np.sin(0.35 * number + start), reach[1] * np.sin(0.5 * number)
        levels = _warp(np.clip(levels, 0, 255), shift, 1)
        if number in blurred:
            levels = np.asarray(cv2.GaussianBlur(levels, (0, 0), sigmaX=5, sigmaY=4), np.float32)
        lesion = None if first.lesion is None else _warp(first.lesion, shift, TISSUE_STEP)
        yield replace(first, levels=levels, lesion=lesion)


def _warp(field: FloatMap, shift: tuple[float, float], every: int) -> FloatMap:
    """Move a map on the beam grid by lines and samples, most in the middle of its depth."""
    rows, columns = field.shape
    line = np.arange(columns, dtype=np.float32)[None] + np.zeros((rows, 1), np.float32)
    sample = np.arange(rows, dtype=np.float32)[:, None] + np.zeros((1, columns), np.float32)
    weight = np.sin(np.pi * (sample + np.float32(0.5)) / rows).astype(np.float32)
    line += np.float32(shift[0] / every) * weight
    sample += np.float32(shift[1] / every) * weight
    moved = cv2.remap(field, line, sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.float32)


def _under(dark: Canvas, light: Canvas, fan: FanScreen) -> Canvas:
    """Return the screen with an echo below everything that was drawn over black and white."""
    canvas = Canvas((dark.width, dark.height))
    canvas.marks, canvas.ink, canvas.glyphs = dark.marks, dark.ink, dark.glyphs
    canvas.image = dark.image.copy()
    left, top, width, height = fan.box
    within = (slice(top, top + height), slice(left, left + width))
    span = light.image[within].astype(np.uint16) - dark.image[within]
    lift = (span * fan.gray[..., None] + 127) // 255
    canvas.image[within] += lift.astype(np.uint8)
    return canvas
