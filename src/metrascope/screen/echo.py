"""Pixels of a screen that look like echo: textured, or brighter than an even ground."""

from collections import deque
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from metrascope.arrays import GreyImage, Mask, Points

DARK: Final = 6
"""Grey levels above the ground up to which a pixel counts as ground; JPEG leaves noise there."""

WORKING_SIDE: Final = 320
"""Longer side of the reduced image in which shapes are fitted; edges are refined in the full."""

# Made 0.8 or 1.25 times as large, alone, each of these and `DARK` leaves the mean IoU of 30 phantom
# screens, 0.992, within 0.0002; `WORKING_SIDE` moves it by 0.001 (benchmarks/screen_constants.py).

# Grey levels between the 3 x 3 pixels of the reduced image, and tenths of a level between neighbors
# of the full one, from which texture is seen.
_COARSE_TEXTURE: Final = 5
_FINE_TEXTURE: Final = 15
# Grey levels under the ground for fluid and shadow on a tinted screen, and over it for light.
_DIMMER: Final = 3
_LIT: Final = 4
# Share of the even parts at the ground's level from which the ground is of one grey.
_EVEN_SHARE: Final = 0.45
# Share of the image that its largest part of echo takes at least.
_SMALLEST_SHARE: Final = 0.02
_SQUARE: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True)
class Echo:
    """The echo of a reduced image; all maps are uint8, 0 or 1, of the reduced size.

    Attributes
    ----------
    factor
        Side of the reduced image over that of the full one, at most 1.
    ground
        Grey level of the background.
    evidence
        Pixels that look like echo, furniture included.
    bright
        Pixels of the evidence that are clearly above the ground.
    region
        Largest connected part of the evidence without thin parts (text, ticks, bars).
    """

    factor: float
    ground: int
    evidence: GreyImage
    bright: GreyImage
    region: GreyImage


# The last results: the image, whether by texture alone, and its echo. Three, since a sector may be
# searched for in three ways.
_recent: Final[deque[tuple[GreyImage, bool, Echo | None]]] = deque(maxlen=3)


def find_echo(grey: GreyImage, *, textured: bool = False) -> Echo | None:
    """Find the largest part of an image that looks like echo, None if there is none.

    Echo is speckled, furniture and ground are even, so texture tells them apart on any ground.
    Where the ground has one grey level, what is brighter counts too: noise reduction leaves
    whole parts of a fan without texture.

    Parameters
    ----------
    grey
        Screen, uint8, (height, width).
    textured
        Whether texture counts alone, whatever is bright: for screens whose ground is of several
        greys.
    """
    # A screen is judged after its sector was found: both look for the same echo.
    for image, by_texture, echo in tuple(_recent):
        if by_texture == textured and image.shape == grey.shape and np.array_equal(image, grey):
            return echo
    echo = _find_echo(grey, textured=textured)
    _recent.append((grey.copy(), textured, echo))
    return echo


def _find_echo(grey: GreyImage, *, textured: bool) -> Echo | None:
    factor = min(1.0, WORKING_SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    fine = _fine_texture(grey, size)
    coarse = cv2.erode(_flag(_spread(small) > _COARSE_TEXTURE), _SQUARE)
    texture = cv2.bitwise_or(coarse, _flag(fine > _FINE_TEXTURE))
    flat = (_spread(small) <= 2) & (fine <= 3)
    ground, lit = _lit(small, flat)
    echo_like, banners = _without_furniture(lit, small, flat)
    even = not textured and _is_even(small, flat, ground, (lit == 0) | (echo_like > 0))
    evidence = np.asarray(cv2.bitwise_or(texture, echo_like) if even else texture, np.uint8)
    if even:
        evidence |= _dim(small, ground)
    evidence[banners > 0] = 0
    # Rims of panels and other lines are thin; echo is not.
    evidence = np.asarray(cv2.morphologyEx(evidence, cv2.MORPH_OPEN, _SQUARE), np.uint8)
    region = _largest(evidence)
    if region is None:
        # A drawing rather than echo: bright without any texture.
        region = _largest(lit)
    if region is None:
        return None
    evidence |= region
    return Echo(factor, ground, evidence, evidence & _flag(small > ground + 2 * DARK), region)


def echo_outline(region: GreyImage) -> tuple[Points, Points, Points]:
    """Return a region's contour, the points of it that lie on the convex hull, and the hull.

    All are float64, (points, 2), x and y. Dents (shadow, fluid, a probe's face) are not on the
    hull.
    """
    contours, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate(contours)[:, 0]
    hull = cv2.convexHull(points)
    filled = cv2.fillConvexPoly(np.zeros_like(region), hull, 1)
    framed = cv2.copyMakeBorder(filled, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 3)
    contour = points.astype(np.float64)
    outer = depth[points[:, 1] + 1, points[:, 0] + 1] < 2.2
    return contour, contour[outer], hull[:, 0].astype(np.float64)


def _fine_texture(grey: GreyImage, size: tuple[int, int]) -> GreyImage:
    """Return the mean difference of neighbors in tenths of a grey level, reduced to a size."""
    if min(grey.shape) < 2:
        return np.zeros(size[::-1], np.uint8)
    here = grey[:-1, :-1]
    step = cv2.max(cv2.absdiff(here, grey[1:, :-1]), cv2.absdiff(here, grey[:-1, 1:]))
    tenths = cv2.convertScaleAbs(step, alpha=10)
    return np.asarray(cv2.resize(tenths, size, interpolation=cv2.INTER_AREA), np.uint8)


def _lit(small: GreyImage, flat: Mask) -> tuple[int, GreyImage]:
    """Return the commonest level of even parts, the ground, and what is brighter."""
    levels = np.bincount(small[flat], minlength=256)
    near = np.convolve(levels, np.ones(2 * DARK + 1), "same")
    about = int(near[:160].argmax()) if flat.any() else 0
    low = max(0, about - DARK)
    ground = low + int(levels[low : about + DARK + 1].argmax())
    return ground, _flag(small > ground + _LIT)


def _is_even(small: GreyImage, flat: Mask, ground: int, considered: Mask) -> bool:
    """Return whether most even parts, of those considered, have the ground's level."""
    levels = small[flat & considered]
    at_ground = np.count_nonzero(np.abs(levels.astype(np.int16) - ground) <= DARK)
    return bool(at_ground > _EVEN_SHARE * levels.size)


def _without_furniture(lit: GreyImage, small: GreyImage, flat: Mask) -> tuple[GreyImage, GreyImage]:
    """Return the lit pixels without even bright furniture, and the banners with their letters.

    Furniture are plates, and at the image's border banners, tinted margins and frames.
    """
    height, width = small.shape
    echo_like, banners = lit.copy(), np.zeros_like(lit)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(lit & _flag(flat), connectivity=4)
    for part in range(1, count):
        x, y, wide, high, area = (int(value) for value in stats[part])
        at_border = x == 0 or y == 0 or x + wide == width or y + high == height
        # Letters are smaller; even parts inside the screen that are larger may be echo.
        if area < 0.001 * small.size or (area > 0.03 * small.size and not at_border):
            continue
        window = slice(y, y + high), slice(x, x + wide)
        here = labels[window] == part
        frame = wide > 0.7 * width and high > 0.7 * height and area < 0.5 * wide * high
        if area > 0.75 * wide * high or frame or np.ptp(small[window][here]) > DARK + 2:
            echo_like[window][here] = 0
        flat_band = area > 0.4 * wide * high and wide > 0.6 * width and high < 0.2 * height
        if at_border and flat_band:
            banners[max(0, y - 2) : y + high + 2, max(0, x - 2) : x + wide + 2] = 1
    return echo_like, banners


def _dim(small: GreyImage, ground: int) -> GreyImage:
    """Return inner parts darker than the ground: fluid and shadow on a tinted screen."""
    dim = np.zeros_like(small)
    if ground < _DIMMER:
        return dim
    darker = _flag(small <= ground - _DIMMER)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(darker, connectivity=4)
    height, width = small.shape
    for part in range(1, count):
        x, y, wide, high, area = (int(value) for value in stats[part])
        at_border = x == 0 or y == 0 or x + wide == width or y + high == height
        if area > 0.001 * small.size and not at_border:
            dim[labels == part] = 1
    return dim


def _largest(evidence: GreyImage) -> GreyImage | None:
    """Return the largest part that a disk fits into, with its edges as they were."""
    # Gaps of a sixty-fourth of the side are closed; a disk of a twenty-fifth must fit.
    side = max(evidence.shape)
    joined = cv2.morphologyEx(evidence, cv2.MORPH_CLOSE, _disk(max(3, side // 64)))
    opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, _disk(max(3, side // 25)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[largest, cv2.CC_STAT_AREA] < _SMALLEST_SHARE * evidence.size:
        return None
    grown = cv2.dilate(_flag(labels == largest), _disk(5))
    return np.asarray(cv2.bitwise_and(grown, joined), np.uint8)


def _spread(image: GreyImage) -> GreyImage:
    return np.asarray(cv2.subtract(cv2.dilate(image, _SQUARE), cv2.erode(image, _SQUARE)), np.uint8)


def _flag(values: Mask) -> GreyImage:
    return values.view(np.uint8)


def _disk(diameter: int) -> GreyImage:
    size = diameter | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), np.uint8)
