"""Pixels that a scanner wrote over the echo image, as opposed to the echo itself."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Mask, Pixels

_Labels = NDArray[np.int32]

# Made 0.8 or 1.25 times as large, alone, on 20 phantom screens (benchmarks/screen_constants.py):
# calipers and lines are all found. `_ALONE` raised finds 24 instead of 76 % of the ticks and 96 %
# of the text, lowered 84 % with 0.69 instead of 0.40 % of the sector masked for nothing; `_GROW`
# lowered masks 0.94 %, raised 0.20 %; `_WINDOW` moves the ticks by 2 and 7 points, `_SEED` raised
# by 4. The others hardly matter.

# Side in pixels of the window in which a letter must show edges in two directions.
_WINDOW: Final = 9
# Corner strength that starts and that continues a patch, in shares of the usual one.
_SEED: Final = 1.7
_GROW: Final = 1.35
# Least usual strength, in grey levels: in an empty image every grain would stand out.
_FLOOR: Final = 4.3
# Mean mixed second difference in the window that starts and that continues one, in grey levels.
_SHARP_SEED: Final = 10
_SHARP_GROW: Final = 6
# Pixels of the smallest patch.
_LEAST: Final = 20
# Weights of the evidence, and evidence that a patch needs alone and in a line with one that has it:
# a logistic regression on patches of phantom screens and of lettering put into images
# (`_evidence`).
_WEIGHTS: Final = np.array([3.65, 1.03, 2.23, 4.68])
_ALONE: Final = 34.1
_IN_LINE: Final = 31.9
# Largest gap in pixels between patches of one line.
_LINE_GAP: Final = 20
# Dark strokes deeper than this share of the height of bright ones are no ink.
_HOLLOW: Final = 1.6
# Distance from the tint, in steps of Cr or Cb, from which a pixel is colored.
_COLOR: Final = 20
_SECOND: Final = np.array([1, -2, 1], np.float32)  # second difference


@dataclass(frozen=True)
class Ink:
    """Ink over the echo, ``(height, width)`` each.

    Attributes
    ----------
    area
        bool, True where ink is, with the gaps between and within letters.
    strokes
        bool, True on the strokes themselves, as far as they can be seen.
    """

    area: Mask
    strokes: Mask


def find_ink(image: Pixels, inside: Mask) -> Ink:
    """Find ink over the echo.

    Two things give ink away. Color: echo is grey, or tinted by a map from grey levels to colors,
    and ink differs from that tint. Corners: a letter or cross has sharp edges in two directions
    within a few pixels, while speckle is smoothed by the scan conversion and drawn out along the
    arc, so that its gradients in one of the directions are weak. The measure is the root of the
    smaller eigenvalue of the structure tensor (Shi and Tomasi, CVPR 1994), compared with
    that elsewhere in the image.

    Parameters
    ----------
    image
        Screen or part of one, uint8, (height, width) or (height, width, 3) RGB.
    inside
        Pixels in which ink is looked for, bool, (height, width).
    """
    grey = _grey(image)
    colored = _colored(image, inside) if image.ndim == 3 else np.zeros(grey.shape, dtype=bool)
    area = _cornered(grey, inside) | _cornered_at_half(grey, inside)
    area |= cv2.dilate(colored.astype(np.uint8), _square(3)).astype(bool)
    return Ink(area & inside, area & (colored | _bright(grey)))


def _colored(image: Pixels, inside: Mask) -> Mask:
    """Return the pixels whose color is not the tint that their brightness has elsewhere."""
    parts = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb))
    luma, *chroma = (np.asarray(part, np.uint8) for part in parts)
    sample = inside[::4, ::4]
    if not sample.any():
        return np.zeros(luma.shape, dtype=bool)
    bins = luma[::4, ::4][sample] // np.uint8(32)
    away = np.zeros(luma.shape, np.uint8)
    for channel in chroma:
        tint = _tint(bins, channel[::4, ::4][sample])
        off = cv2.absdiff(channel, cv2.LUT(luma, tint))
        away = np.asarray(cv2.max(away, off), np.uint8)
    far = np.asarray((away > _COLOR) & inside, np.uint8)
    # Solid color wider than any stroke is flow, not lettering.
    solid = cv2.morphologyEx(far, cv2.MORPH_OPEN, _square(13))
    return np.asarray((far > 0) & (cv2.dilate(solid, _square(7)) == 0))


def _tint(bins: Pixels, values: Pixels) -> Pixels:
    """Return the usual chroma value of each of the 256 grey levels: a curve of second degree."""
    # Eight bins of 32 levels, those with 20 pixels or more, at their middles.
    count = np.bincount(bins, minlength=8)
    filled = np.flatnonzero(count >= 20)
    if not len(filled):
        return np.full(256, np.median(values), np.uint8)
    middle = [float(np.median(values[bins == step])) for step in filled]
    degree = min(2, len(filled) - 1)
    curve = np.polyfit(filled * 32 + 16, middle, degree, w=np.sqrt(count[filled]))
    tint = np.rint(np.polyval(curve, np.arange(256)))
    return np.asarray(np.clip(tint, 0, 255), np.uint8)


def _bright(grey: Pixels) -> Mask:
    """Return thin bright structures, by half of the greatest height above ground nearby."""
    height = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, _square(_WINDOW))
    return np.asarray((height > 30) & (height > cv2.dilate(height, _square(15)) * 0.5))


def _cornered_at_half(grey: Pixels, inside: Mask) -> Mask:
    """Return patches of letters of twice the size, found in the image at half size."""
    height, width = grey.shape
    size = (max(1, width // 2), max(1, height // 2))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    where = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    patches = _cornered(small, where.astype(bool)).astype(np.uint8)
    return cv2.resize(patches, (width, height), interpolation=cv2.INTER_NEAREST).astype(bool)


def _cornered(grey: Pixels, inside: Mask) -> Mask:
    """Return patches with sharp edges in two directions that cannot be speckle."""
    core = cv2.erode(inside.astype(np.uint8), _square(_WINDOW)).astype(bool)
    if not core.any():
        return np.zeros(grey.shape, dtype=bool)
    strength = np.sqrt(np.maximum(cv2.cornerMinEigenVal(grey, _WINDOW, ksize=1), 0)) * 255
    usual = max(_FLOOR, float(np.percentile(strength[::2, ::2][core[::2, ::2]], 90)))
    strength /= usual
    mixed = cv2.convertScaleAbs(cv2.sepFilter2D(grey, cv2.CV_16S, _SECOND, _SECOND))
    sharp = cv2.blur(mixed, (_WINDOW, _WINDOW))
    patches = (strength > _GROW) & (sharp > _SHARP_GROW)
    seeds = (strength > _SEED) & (sharp > _SHARP_SEED) & core
    _, labels, stats, _ = cv2.connectedComponentsWithStats((patches & core).astype(np.uint8))
    parts = np.unique(labels[seeds])
    parts = parts[(parts > 0) & (stats[parts, cv2.CC_STAT_AREA] >= _LEAST)]
    height = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, _square(7))
    hollow = cv2.morphologyEx(grey, cv2.MORPH_BLACKHAT, _square(7))
    maps = (mixed, height, hollow, strength)
    evidence = np.array([_evidence(part, labels, stats[part], maps) for part in parts])
    ink = np.zeros(grey.shape, dtype=bool)
    for part in parts[_in_line(evidence, stats[parts])]:
        left, top, wide, high = (int(value) for value in stats[part][:4])
        where = (slice(top, top + high), slice(left, left + wide))
        ink[where] |= labels[where] == part
    return _at_edge(ink, patches & inside & ~core)


def _evidence(part: int, labels: _Labels, box: _Labels, maps: tuple[Any, ...]) -> float:
    """Return the evidence for ink: sharpness, size, height over ground, corner strength.

    The weights are those of a logistic regression on patches of phantom screens and of lettering
    put into real and phantom images; `_ALONE` leaves about one false patch in five clean images.
    """
    left, top, wide, high, area = (int(value) for value in box)
    where = (slice(top, top + high), slice(left, left + wide))
    pixels = labels[where] == part
    mixed, height, hollow, strength = (values[where][pixels] for values in maps)
    raised, sunken = _nearly_largest(height, 0.03), _nearly_largest(hollow, 0.03)
    # Ink is bright; holes with sharp edges are fluid.
    if sunken > _HOLLOW * raised:
        return 0.0
    features = (_nearly_largest(mixed, 0.05), area, raised, float(strength.max()))
    return float(_WEIGHTS @ np.log1p(np.array(features, np.float64)))


def _nearly_largest(values: Pixels, share: float) -> int:
    """Return the value that this share of the values reaches."""
    place = len(values) - 1 - int(share * len(values))
    return int(np.partition(values, place)[place])


def _in_line(evidence: NDArray[np.float64], boxes: _Labels) -> Mask:
    """Tell which patches have evidence enough, or stand in a line with one that has."""
    sure = evidence > _ALONE
    # Pairs of any patch and a sure one: gap across, and gap down, which is below 0 side by side.
    left, top, right, bottom = (
        boxes[:, 0], boxes[:, 1], boxes[:, 0] + boxes[:, 2], boxes[:, 1] + boxes[:, 3]
    )  # fmt: skip
    across = np.maximum(left[:, None] - right[sure], left[sure] - right[:, None])
    down = np.maximum(top[:, None] - bottom[sure], top[sure] - bottom[:, None])
    in_line = ((across < _LINE_GAP) & (down < 0)).any(axis=1)
    return np.asarray(sure | (in_line & (evidence > _IN_LINE)))


def _at_edge(ink: Mask, rim: Mask) -> Mask:
    """Continue patches into the rim, where the edge of the echo itself looks like ink."""
    if not ink.any():
        return ink
    near = cv2.dilate(ink.astype(np.uint8), _square(_WINDOW)).astype(bool)
    return np.asarray(ink | (rim & near))


def _grey(image: Pixels) -> Pixels:
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _square(side: int) -> Pixels:
    return np.ones((side, side), np.uint8)
