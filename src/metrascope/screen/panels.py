"""Split screens whose header tells where their images are: take them apart."""

from dataclasses import replace

from metrascope.arrays import Box
from metrascope.dicom.regions import Region

MOST_PANELS = 2
"""Images of a split screen that are taken apart. Three and more are as a rule planes that were
cut through a volume (A, B and C beside a rendering, or a row of parallel slices), and nothing in
the header tells them from images that were scanned."""


def panels(regions: tuple[Region, ...]) -> tuple[Box, ...]:
    """Return the boxes of the images on a split screen, as its header tells them.

    Parameters
    ----------
    regions
        From the header.

    Returns
    -------
    Boxes of two or more 2-D regions that do not overlap, from the top left on; empty where the
    header knows of no more than one image. Regions of other kinds (a scale, flow in one of the
    images, a trace) are no image of their own.
    """
    boxes = sorted({region.box for region in regions if region.kind == "2d"}, key=_reading)
    if len(boxes) < 2:
        return ()
    if any(_shared(a, b) > 0.02 for n, a in enumerate(boxes) for b in boxes[n + 1 :]):
        return ()
    return tuple(boxes)


def regions_within(box: Box, regions: tuple[Region, ...]) -> tuple[Region, ...]:
    """Return the regions of a panel, cut to it and counted from its corner.

    Parameters
    ----------
    box
        Of the panel, left, top, width and height in pixels of the screen.
    regions
        Of the screen. One that lies in the panel with more than half of its size is the
        panel's: boxes of flow are written a little beyond the image that they lie on.
    """
    return tuple(
        replace(region, box=_cut(region.box, box))
        for region in regions
        if _area(_common(region.box, box)) > 0.5 * _area(region.box)
    )


def _reading(box: Box) -> tuple[int, int]:
    return box[1] // max(1, box[3] // 2), box[0]


def _common(a: Box, b: Box) -> Box:
    left, top = max(a[0], b[0]), max(a[1], b[1])
    right, bottom = min(a[0] + a[2], b[0] + b[2]), min(a[1] + a[3], b[1] + b[3])
    return left, top, max(0, right - left), max(0, bottom - top)


def _cut(box: Box, panel: Box) -> Box:
    left, top, width, height = _common(box, panel)
    return left - panel[0], top - panel[1], width, height


def _area(box: Box) -> int:
    return box[2] * box[3]


def _shared(a: Box, b: Box) -> float:
    """Return how much of the smaller box lies in the other."""
    return _area(_common(a, b)) / max(1, min(_area(a), _area(b)))
