"""Screens with more than one image: take them apart, or tell that they are."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.dicom.regions import Region

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

_WORKING_SIDE: Final = 256


def panels(frame: Pixels, regions: tuple[Region, ...]) -> tuple[Box, ...]:
    """Return the boxes of the images on a split screen, as its header tells them.

    Parameters
    ----------
    frame
        uint8, (height, width) or (height, width, 3).
    regions
        From the header.

    Returns
    -------
    Boxes of two or more 2-D regions that do not overlap, from the top left on; empty where the
    header knows of no more than one image.
    """
    boxes = sorted({region.box for region in regions if region.kind == "2d"}, key=_reading)
    if len(boxes) < 2 or len(boxes) < len(regions):
        return ()
    if any(_overlap(a, b) for n, a in enumerate(boxes) for b in boxes[n + 1 :]):
        return ()
    return tuple(boxes)


def apart(grey: Pixels) -> tuple[Box, ...]:
    """Return the boxes of the images that stand apart on a screen, as the pixels show them."""
    height, width = grey.shape
    factor = min(1.0, _WORKING_SIDE / max(grey.shape))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    bright = (small > 6).astype(np.uint8)
    opened = cv2.morphologyEx(bright, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    count, _, stats, _ = cv2.connectedComponentsWithStats(opened)
    areas = stats[1:count, 4]
    if not len(areas):
        return ()
    large = stats[1:count][areas >= 0.25 * areas.max()]
    return tuple(
        (int(left / factor), int(top / factor), int(wide / factor), int(high / factor))
        for left, top, wide, high, _ in large
    )


def _reading(box: Box) -> tuple[int, int]:
    return box[1] // max(1, box[3] // 2), box[0]


def _overlap(a: Box, b: Box) -> bool:
    width = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    height = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    return width > 0 and height > 0 and width * height > 0.02 * min(a[2] * a[3], b[2] * b[3])
