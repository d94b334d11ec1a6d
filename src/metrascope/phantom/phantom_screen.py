"""The screen: grey levels, the fan, and the furniture around it; sizes of 512 pixels, by eye."""

from dataclasses import dataclass

import cv2
import numpy as np

from metrascope.arrays import Pixels
from metrascope.phantom.acoustics import Beam
from metrascope.phantom.scanners import Scanner
from metrascope.phantom.shapes import FloatMap

Lookup = tuple[FloatMap, FloatMap, Pixels]


@dataclass(frozen=True)
class Screen:
    """Place of the sector on a square screen.

    Parameters
    ----------
    size
        Pixels along each side.
    pixel_mm
        Size of one pixel.
    apex
        Position of the probe's centre of curvature in pixels, x and y (y may be negative).
    bounds
        Rectangle of the echo image: left, top, right, bottom; the fan is cut off outside.
    """

    size: int
    pixel_mm: float
    apex: tuple[float, float]
    bounds: tuple[int, int, int, int]


def lay_out_screen(scanner: Scanner, beam: Beam, size: int) -> Screen:
    """Place the sector on the screen: depth to the height, sides cut off where it is wider."""
    half = np.deg2rad(beam.fov_deg) / 2
    top_mm = beam.radius_mm * np.cos(half)
    reach_mm = beam.radius_mm + beam.depth_mm
    visible = 2 * scanner.clip * reach_mm * np.sin(half)
    edge = round(0.025 * size)
    pixel = max((reach_mm - top_mm) / (scanner.fill * size), visible / (size - 2 * edge))
    top = 0.35 * (size - (reach_mm - top_mm) / pixel)
    bounds = (edge, 0, size - edge, size)
    return Screen(size, float(pixel), (size / 2, float(top - top_mm / pixel)), bounds)


def scan_lookup(screen: Screen, beam: Beam) -> Lookup:
    """Return the line and sample of every pixel, and the sector mask (0 or 255)."""
    steps = np.arange(screen.size, dtype=np.float32) + 0.5
    x = (steps - np.float32(screen.apex[0])) * np.float32(screen.pixel_mm)
    z = (steps - np.float32(screen.apex[1])) * np.float32(screen.pixel_mm)
    width, height = np.meshgrid(x, z)
    radius, angle = cv2.cartToPolar(height, width)
    angle = np.where(angle > np.pi, angle - np.float32(2 * np.pi), angle)
    fov = np.float32(np.deg2rad(beam.fov_deg))
    line = (angle / fov + np.float32(0.5)) * beam.lines - np.float32(0.5)
    sample = (radius - np.float32(beam.radius_mm)) / np.float32(beam.step_mm) - np.float32(0.5)
    inside = (np.abs(angle) <= fov / 2) & (sample >= -0.5) & (sample <= beam.samples - 0.5)
    left, top, right, bottom = screen.bounds
    mask = np.zeros((screen.size, screen.size), np.uint8)
    mask[top:bottom, left:right] = inside[top:bottom, left:right] * np.uint8(255)
    return line.astype(np.float32), sample.astype(np.float32), mask


def compress(envelope: FloatMap, scanner: Scanner, gain_db: float) -> FloatMap:
    """Turn the envelope into grey levels 0 to 255: logarithm, speckle reduction, grey map.

    An envelope of 1 (the myometrium's echo) at gain 0 comes to rest at 43 % of the range.
    """
    level = np.log(np.maximum(envelope, np.float32(1e-6))) * np.float32(20 / np.log(10))
    smooth = cv2.GaussianBlur(level, (0, 0), sigmaX=1.5, sigmaY=3.0)
    level += np.float32(scanner.smoothing) * (smooth - level)
    share = (level + np.float32(gain_db)) / np.float32(scanner.dynamic_range_db) + np.float32(0.43)
    bent = np.power(np.clip(share, 0, 1), np.float32(scanner.gamma))
    return np.asarray(bent * 255, np.float32)


def show(
    gray: FloatMap,
    lookup: Lookup,
    screen: Screen,
    scanner: Scanner,
    beam: Beam,
    marks: dict[str, int],
) -> Pixels:
    """Scan-convert the grey levels and draw the screen's furniture outside the sector."""
    line, sample, mask = lookup
    fan = cv2.remap(gray, line, sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    image = _furniture(scanner, screen, beam, marks)
    np.copyto(image, np.clip(fan + np.float32(0.5), 0, 255).astype(np.uint8), where=mask > 0)
    return image


def show_mask(distance: FloatMap, lookup: Lookup, every: int = 1) -> Pixels:
    """Return the pixels of the sector at which a distance map is negative, as 0 or 255.

    The map may be coarser than the beam grid: one value for ``every`` squared samples.
    """
    half = np.float32(0.5)
    line, sample = (lookup[0] + half) / every - half, (lookup[1] + half) / every - half
    far = cv2.remap(distance, line, sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(((far < 0) & (lookup[2] > 0)) * np.uint8(255), np.uint8)


def _furniture(scanner: Scanner, screen: Screen, beam: Beam, marks: dict[str, int]) -> Pixels:
    """Draw grey bar, depth ticks and settings on an empty screen."""
    image = np.zeros((screen.size, screen.size), np.uint8)
    unit = screen.size / 512
    _draw_bar(image, scanner, unit)
    _draw_ticks(image, scanner, screen, beam)
    left = round(8 * unit) if scanner.bar == "right" else screen.size - round(78 * unit)
    for row, text in enumerate(scanner.marks):
        at = (left, round((14 + 13 * row) * unit))
        cv2.putText(image, text.format(**marks), at, cv2.FONT_HERSHEY_SIMPLEX, 0.34 * unit, 170, 1)
    return image


def _draw_bar(image: Pixels, scanner: Scanner, unit: float) -> None:
    """Draw the grey bar, white at the top."""
    ramp = np.linspace(250, 0, round(110 * unit)).astype(np.uint8)[:, None]
    left = round(4 * unit) if scanner.bar == "left" else len(image) - round(11 * unit)
    top = round(16 * unit)
    image[top : top + ramp.size, left : left + round(7 * unit)] = ramp


def _draw_ticks(image: Pixels, scanner: Scanner, screen: Screen, beam: Beam) -> None:
    """Draw the depth scale and the mark of the focus on the side away from the grey bar."""
    unit = screen.size / 512
    edge = screen.size - round(6 * unit) if scanner.bar == "left" else round(2 * unit)
    face = screen.apex[1] + beam.radius_mm / screen.pixel_mm
    for step in range(int(beam.depth_mm // scanner.tick_mm) + 1):
        y = round(face + step * scanner.tick_mm / screen.pixel_mm)
        length = round((4 if step % 5 == 0 else 2) * unit)
        cv2.line(image, (edge, y), (edge + length, y), 200, 1)
    focus = round(face + beam.focus_mm / screen.pixel_mm)
    at = (edge + round(2 * unit), focus)
    cv2.drawMarker(image, at, 230, cv2.MARKER_TRIANGLE_UP, max(3, round(5 * unit)))
