"""Find the scan sector, the region of a screen that holds echo data."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Grey = npt.NDArray[np.uint8]

DARK: Final = 6
"""Grey level up to which a pixel counts as background; JPEG leaves a little noise there."""

_WORKING_SIDE: Final = 256
_SMALLEST_SHARE: Final = 0.02


@dataclass(frozen=True)
class Sector:
    """The scan sector of an image.

    Attributes
    ----------
    box
        ``(left, top, width, height)`` in pixels.
    mask
        bool, shape of the image, True inside the sector.
    """

    box: tuple[int, int, int, int]
    mask: npt.NDArray[np.bool_]


def find_sector(grey: Grey) -> Sector:
    """Find the scan sector as the largest connected bright region.

    Text, ticks and grey bars are thinner than the sector and fall to a morphological opening;
    the convex hull brings back fluid and shadows, also those at the sector's edge (of a convex
    probe it adds the small cap before the transducer). Where nothing stands out (an image that
    is all echo, or all black) the whole image is returned.

    Parameters
    ----------
    grey
        uint8, (height, width).
    """
    height, width = grey.shape
    factor = min(1.0, _WORKING_SIDE / max(height, width))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    region = _largest_region(np.asarray(small > DARK, dtype=np.uint8))
    if region is None:
        return Sector((0, 0, width, height), np.ones(grey.shape, dtype=bool))
    full = cv2.resize(region, (width, height), interpolation=cv2.INTER_NEAREST)
    left, top, box_width, box_height = cv2.boundingRect(full)
    return Sector((left, top, box_width, box_height), full.astype(bool))


def _largest_region(bright: Grey) -> Grey | None:
    """Return the convex hull of the largest bright region as 0 and 1, None if it is negligible."""
    side = max(bright.shape)
    joined = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, _disk(max(3, side // 40)))
    opened = cv2.morphologyEx(joined, cv2.MORPH_OPEN, _disk(max(3, side // 25)))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    if count < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    if stats[largest, cv2.CC_STAT_AREA] < _SMALLEST_SHARE * bright.size:
        return None
    region = np.asarray(labels == largest, dtype=np.uint8)
    outlines, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(outlines))
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(region), hull, 1), dtype=np.uint8)


def _disk(diameter: int) -> npt.NDArray[np.uint8]:
    size = diameter | 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)), dtype=np.uint8)
