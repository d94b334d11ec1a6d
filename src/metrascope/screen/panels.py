"""Split screens whose header names the boxes of their images: cut them."""

from dataclasses import replace
from itertools import combinations

from metrascope.arrays import Box
from metrascope.dicom.regions import Region

MOST_PANELS = 2
"""Images of a split screen that are cut from it. Three and more are as a rule planes that were
cut through a volume (A, B and C beside a rendering, or a row of parallel slices), and nothing in
the header tells them from images that were scanned."""


def panels(regions: tuple[Region, ...]) -> tuple[Box, ...]:
    """Return the boxes of the images on a split screen, as its header has them.

    Parameters
    ----------
    regions
        Regions of the header.

    Returns
    -------
    Boxes of two or more 2-D regions that do not overlap, from the top left on; empty where the
    header knows of no more than one image. Regions of other kinds (a scale, flow in one of the
    images, a trace) are no image of their own.
    """
    boxes = sorted({region.box for region in regions if region.kind == "2d"}, key=_reading_order)
    if len(boxes) < 2:
        return ()
    # Two per cent, for borders that are written a pixel or two wide. Chosen, not measured.
    if any(_overlap(one, other) > 0.02 for one, other in combinations(boxes, 2)):
        return ()
    return tuple(boxes)


def regions_within(box: Box, regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """Return the regions of a panel, cut to it and counted from its corner.

    Parameters
    ----------
    box
        Box of the panel, left, top, width and height in pixels of the screen.
    regions
        Regions of the screen. One that lies in the panel with more than half of its size is the
        panel's: boxes of flow are written a little beyond the image that they lie on.
    """
    return tuple(
        replace(region, box=_cut(region.box, box))
        for region in regions
        if _area(_common(region.box, box)) > 0.5 * _area(region.box)
    )


def _reading_order(box: Box) -> tuple[int, int]:
    return box[1] // max(1, box[3] // 2), box[0]


def _common(one: Box, other: Box) -> Box:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right = min(one[0] + one[2], other[0] + other[2])
    bottom = min(one[1] + one[3], other[1] + other[3])
    return left, top, max(0, right - left), max(0, bottom - top)


def _cut(box: Box, panel: Box) -> Box:
    left, top, width, height = _common(box, panel)
    return left - panel[0], top - panel[1], width, height


def _area(box: Box) -> int:
    return box[2] * box[3]


def _overlap(one: Box, other: Box) -> float:
    """Return the share of the smaller box that lies in the other."""
    return _area(_common(one, other)) / max(1, min(_area(one), _area(other)))
