"""How images stand on a screen: one, several, or one above a trace over time."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Box, Pixels
from metrascope.screen.echo import find_echo
from metrascope.screen.seam import gap, seam
from metrascope.screen.sector import Sector

# Made 0.8 or 1.25 times as large, alone, none changes the judgement of 48 phantom screens, half of
# them usable (benchmarks/screen_constants.py), but for `_REACHES_OUT` at 1, which keeps none.

# Diameter of the disk, pixels of the reduced screen, that a part must hold, and the share of the
# screen that it takes: letters are thinner and smaller.
_OPENED: Final = 9
_LEAST_AREA: Final = 0.012
# Area of the largest image, as a share, from which a part is an image too.
_AS_LARGE: Final = 0.3
# Share of each part that must lie in the fan for all to be parts of it.
_ONE_IMAGE: Final = 0.8
# Width over height of a trace under an image, and of one alone; its least height and width in
# shares of the screen's; the area of the image above it, as a share of the largest part's.
_WIDE: Final = 1.3
_STRIP: Final = 2
_STRIP_SIDES: Final = (0.1, 0.35)
_ABOVE: Final = 0.15
# Share of the largest part that lies in the sector: 0.93 or more on 892 real screens and stills.
_REACHES_OUT: Final = 0.8
# Grey level that a twentieth of a part reaches: noise under a sector is dim throughout.
_BRIGHT: Final = 40
# Difference in width and height, as a share, within which two parts are images of one kind.
_SIMILAR: Final = 0.15
# Depth of the notch between two fans, in shares of their height, and overlap of their silhouettes
# over the union.
_NOTCH: Final = 0.04
_REPEATS: Final = 0.5


@dataclass(frozen=True)
class Arrangement:
    """Number of images on a screen, and whether there is a trace.

    Attributes
    ----------
    images
        Number of images, 1 or more.
    sweep
        Whether a trace over time (spectral Doppler or M-mode) runs under an image.
    """

    images: int = 1
    sweep: bool = False


@dataclass(frozen=True)
class _Part:
    """A connected part of the screen that looks like echo, in the reduced image."""

    box: Box
    area: int
    inside: float


def arrangement(grey: Pixels, sector: Sector) -> Arrangement:
    """Return how the images stand on a screen, without help of a header.

    Parts of the screen that are textured as echo is (`metrascope.screen.echo`) and do not touch
    are images; a wide one under another is a trace over time. Images that touch are recognized by
    the straight seam between them, by a silhouette that repeats itself where that of one fan is
    mirrored, or by echo that goes on far beyond the sector.

    Parameters
    ----------
    grey
        Screen, uint8, (height, width).
    sector
        Scan sector of this frame.
    """
    echo = find_echo(grey)
    if echo is None:
        return Arrangement()
    parts = [part for part in _parts(echo.evidence, sector) if _is_lit(part, echo.factor, grey)]
    if not parts:
        return Arrangement()
    if _has_sweep(parts, echo.evidence.shape):
        return Arrangement(sweep=True)
    largest = max(parts, key=lambda part: part.area)
    if largest.inside < _REACHES_OUT:
        width, height = sector.box[2:]
        strip = sector.kind == "linear" and width > _STRIP * height
        return Arrangement(sweep=True) if strip else Arrangement(images=2)
    images = [part for part in parts if part.area >= _AS_LARGE * largest.area and _is_image(part)]
    if len(images) > 1 and not _is_one(images, sector):
        return Arrangement(images=len(images))
    touching = seam(grey, sector.box) or _repeats(echo.region > 0)
    return Arrangement(images=2 if touching or gap(grey, sector.box) else 1)


def _parts(evidence: Pixels, sector: Sector) -> list[_Part]:
    """Return the parts of the screen that are too large and too thick for letters."""
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_OPENED, _OPENED))
    opened = cv2.morphologyEx(evidence, cv2.MORPH_OPEN, disk)
    size = (evidence.shape[1], evidence.shape[0])
    within = cv2.resize(sector.mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    parts = []
    for number in range(1, count):
        left, top, width, height, area = (int(value) for value in stats[number])
        if area < _LEAST_AREA * evidence.size:
            continue
        inside = np.count_nonzero(within & (labels == number)) / area
        parts.append(_Part((left, top, width, height), area, inside))
    return parts


def _is_image(part: _Part) -> bool:
    return 0.3 < part.box[2] / part.box[3] < 4


def _is_one(parts: list[_Part], sector: Sector) -> bool:
    """Tell whether a fan holds all parts: fluid or shadow parts it."""
    fan = sector.kind in ("curved", "phased")
    return fan and all(part.inside > _ONE_IMAGE for part in parts)


def _has_sweep(parts: list[_Part], shape: tuple[int, ...]) -> bool:
    """Tell whether a trace over time runs under one of the parts."""
    high, wide = (share * side for share, side in zip(_STRIP_SIDES, shape, strict=True))
    strips = [part for part in parts if part.box[3] > high and part.box[2] > wide]
    least = _ABOVE * max(part.area for part in parts)
    images = [part for part in parts if part.area >= least and _is_image(part)]
    return any(_is_sweep(image, strip) for image in images for strip in strips)


def _is_lit(part: _Part, factor: float, grey: Pixels) -> bool:
    """Tell whether there is something bright in a part: noise under a sector is dim throughout."""
    left, top, right, bottom = (
        round(side / factor)
        for side in (*part.box[:2], part.box[0] + part.box[2], part.box[1] + part.box[3])
    )
    return float(np.percentile(grey[top:bottom, left:right], 95)) > _BRIGHT


def _is_sweep(upper: _Part, lower: _Part) -> bool:
    """Tell whether one part is a trace over time that runs under another."""
    (left, top, width, height), (x, y, across, down) = upper.box, lower.box
    below = y > top + 0.75 * height
    shared = min(left + width, x + across) - max(left, x)
    under = shared > 0.6 * min(width, across)
    if not (below and under and across > _WIDE * down) or min(upper.inside, lower.inside) > 0.5:
        return False
    similar = abs(across - width) < _SIMILAR * width and abs(down - height) < _SIMILAR * height
    return not similar


def _repeats(region: npt.NDArray[np.bool_]) -> bool:
    """Tell whether a silhouette is that of two fans that touch, not of one.

    Two fans side by side repeat each other and leave a notch between them above and below; the
    halves of one fan mirror each other, and it is deepest in its middle.
    """
    x, y, width, height = cv2.boundingRect(region.view(np.uint8))
    shape = region[y : y + height, x : x + width]
    if min(width, height) < 32:
        return False
    top = shape.argmax(axis=0) / height
    bottom = 1 - shape[::-1].argmax(axis=0) / height

    def level(edge: npt.NDArray[np.float64], start: float, stop: float) -> float:
        return float(np.median(edge[int(start * width) : int(stop * width) + 1]))

    highest = max(level(top, 0.2, 0.3), level(top, 0.7, 0.8))
    deepest = min(level(bottom, 0.2, 0.3), level(bottom, 0.7, 0.8))
    above = level(top, 0.48, 0.52) > highest + _NOTCH
    below = level(bottom, 0.48, 0.52) < deepest - _NOTCH
    if not (above and below):
        return False
    half = width // 2
    one, other = shape[:, :half], shape[:, width - half :]
    return bool(np.count_nonzero(one & other) > _REPEATS * np.count_nonzero(one | other))
