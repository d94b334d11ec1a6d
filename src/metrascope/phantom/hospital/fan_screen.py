"""The echo of a case on any grid of lines, and its scan conversion into any rectangle."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from metrascope.arrays import Box, Mask, Pixels
from metrascope.phantom.acoustics import Beam, receive
from metrascope.phantom.hospital.shot import ProbeView
from metrascope.phantom.phantom_screen import compress
from metrascope.phantom.render import TISSUE_STEP, PhantomCase
from metrascope.phantom.shapes import FloatMap
from metrascope.phantom.tissue import draw_tissue

LINEAR_RADIUS_MM = 400.0  # so flat that lines are nearly parallel, as a linear probe's


@dataclass(frozen=True)
class FanEcho:
    """Grey levels 0 to 255 of every sample, ``(samples, lines)``, and the lesion's place.

    ``lesion`` is the distance to the lesion in millimeters on the coarser tissue grid, negative
    inside; None without one.
    """

    case: PhantomCase
    view: ProbeView
    beam: Beam
    levels: FloatMap
    lesion: FloatMap | None


@dataclass(frozen=True)
class FanScreen:
    """A fan on the screen.

    Parameters
    ----------
    box
        Rectangle that it may fill; the arrays below are of that size.
    gray, mask, lesion
        Echo image (0 outside), sector and lesion.
    view, beam
        Geometry.
    apex
        Centre of curvature in screen pixels (middle of the top edge for a linear probe).
    mm_per_pixel
        Size of a pixel.
    """

    box: Box
    gray: Pixels
    mask: Mask
    lesion: Mask | None
    view: ProbeView
    beam: Beam
    apex: tuple[float, float]
    mm_per_pixel: float

    @property
    def face(self) -> float:
        """Row of the probe's face in the middle of the fan, screen pixels."""
        if self.view == "linear":
            return self.apex[1]
        return self.apex[1] + self.beam.radius_mm / self.mm_per_pixel


def listen(case: PhantomCase, view: ProbeView = "curved", take: int = 0) -> FanEcho:
    """Send the beam of a probe through the tissue of a case.

    Parameters
    ----------
    case
        The patient; the same case and view give the same echo.
    view
        ``curved`` is the case's own probe; ``phased`` looks from nearly a point, ``linear``
        along parallel lines, both from where the probe's face is.
    take
        Number of the shot: other speckle and noise of the same tissue.
    """
    rng = np.random.default_rng(case.noise_seed)
    beam = _beam(case, view)
    x, z = _positions(beam, view, case.scanner.radius_mm)
    tissue = draw_tissue(case.anatomy, x, z, case.scanner.radius_mm, rng)
    if take:
        rng = np.random.default_rng([int(rng.integers(2**31)), take])
    envelope = receive(tissue, case.contact_db + case.slide_db, beam, rng)
    _ring_down(envelope, beam, rng)
    levels = compress(envelope, case.scanner, case.gain_db)
    return FanEcho(case, view, beam, levels, tissue.lesion)


def _beam(case: PhantomCase, view: ProbeView) -> Beam:
    if view == "phased":
        return replace(case.beam, radius_mm=1.5, fov_deg=min(84.0, 0.66 * case.beam.fov_deg))
    if view == "linear":
        width_mm = 0.75 * case.beam.depth_mm
        fov = float(np.rad2deg(width_mm / LINEAR_RADIUS_MM))
        return replace(case.beam, radius_mm=LINEAR_RADIUS_MM, fov_deg=fov)
    return case.beam


def _positions(beam: Beam, view: ProbeView, radius_mm: float) -> tuple[FloatMap, FloatMap]:
    """Return where the blocks of samples lie, the probe's face at its place in the anatomy."""
    x, z = beam.positions(TISSUE_STEP)
    return x, z + np.float32(radius_mm - beam.radius_mm)


def _ring_down(envelope: FloatMap, beam: Beam, rng: np.random.Generator) -> None:
    """Add the reverberations at the probe's face: bright arcs that fade within millimeters."""
    depth = beam.depths_mm[:, None]
    period, fade = float(rng.uniform(0.7, 1.3)), float(rng.uniform(0.5, 1.2))
    rings = np.square(np.cos(np.pi * depth / period)) * np.exp(-depth / fade)
    envelope += np.float32(rng.uniform(2, 8)) * rings.astype(np.float32)


def place(echo: FanEcho, box: Box, *, fill: float = 0.94, clip: float | None = None) -> FanScreen:
    """Convert the echo into a rectangle of the screen.

    Parameters
    ----------
    echo
        What to show.
    box
        Left, top, width and height; the fan is cut off at its sides where it is wider.
    fill
        Share of the height that the fan takes at most.
    clip
        Share of the fan's width that fits into the rectangle; the scanner's own by default.
    """
    beam, (_, _, width, height) = echo.beam, box
    half = np.deg2rad(beam.fov_deg) / 2
    linear = echo.view == "linear"
    reach = beam.depth_mm if linear else beam.radius_mm + beam.depth_mm
    top = 0.0 if linear else beam.radius_mm * float(np.cos(half))
    whole = echo.case.scanner.clip if clip is None else clip
    share = whole if echo.view == "curved" else 1.0
    wide = beam.radius_mm * 2 * half if linear else 2 * share * reach * float(np.sin(half))
    pixel = max((reach - top) / (fill * height), wide / width)
    spare = height - (reach - top) / pixel
    apex = (width / 2, 0.35 * spare - top / pixel)
    gray, mask, lesion = _convert(echo, (height, width), apex, pixel)
    on_screen = (box[0] + apex[0], box[1] + apex[1])
    return FanScreen(box, gray, mask, lesion, echo.view, beam, on_screen, float(pixel))


def reshow(fan: FanScreen, echo: FanEcho) -> FanScreen:
    """Return another echo of the same probe in the place of a fan."""
    left, top, width, height = fan.box
    apex = (fan.apex[0] - left, fan.apex[1] - top)
    gray, mask, lesion = _convert(echo, (height, width), apex, fan.mm_per_pixel)
    return replace(fan, gray=gray, mask=mask, lesion=lesion)


def _convert(
    echo: FanEcho, shape: tuple[int, int], apex: tuple[float, float], pixel: float
) -> tuple[Pixels, Mask, Mask | None]:
    angle, depth = polar(echo.view, echo.beam, shape, apex, pixel)
    beam = echo.beam
    fov = np.float32(np.deg2rad(beam.fov_deg))
    line = (angle / fov + np.float32(0.5)) * beam.lines - np.float32(0.5)
    sample = depth / np.float32(beam.step_mm) - np.float32(0.5)
    mask = (line >= -0.5) & (line <= beam.lines - 0.5)
    mask &= (sample >= -0.5) & (sample <= beam.samples - 0.5)
    fan = cv2.remap(echo.levels, line, sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    gray = np.asarray(cv2.convertScaleAbs(fan), np.uint8) * mask.view(np.uint8)
    if echo.lesion is None:
        return gray, mask, None
    half = np.float32(0.5)
    line, sample = (line + half) / TISSUE_STEP - half, (sample + half) / TISSUE_STEP - half
    far = cv2.remap(echo.lesion, line, sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return gray, mask, np.asarray((far < 0) & mask)


def polar(
    view: ProbeView, beam: Beam, shape: tuple[int, int], apex: tuple[float, float], pixel: float
) -> tuple[FloatMap, FloatMap]:
    """Return angle in radians and depth in millimeters of every pixel, not only of those seen."""
    x = (np.arange(shape[1], dtype=np.float32) + np.float32(0.5 - apex[0])) * np.float32(pixel)
    z = (np.arange(shape[0], dtype=np.float32) + np.float32(0.5 - apex[1])) * np.float32(pixel)
    across, down = np.meshgrid(x, z)
    if view == "linear":
        return across / np.float32(beam.radius_mm), down
    radius, angle = cv2.cartToPolar(down, across)
    angle = np.where(angle > np.pi, angle - np.float32(2 * np.pi), angle)
    return np.asarray(angle, np.float32), np.asarray(radius - np.float32(beam.radius_mm))
