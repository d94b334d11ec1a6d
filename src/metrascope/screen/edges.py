"""Straight and round edges of echo, where most lines across them end.

Echo at an edge can be dark, so a single line across it may end too early; furniture beyond it
may make it end too late. An edge is where many lines end at the same place.
"""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats, GreyImage
from metrascope.screen.echo import DARK

Clip = tuple[int, int, int, int]

# Ends that must meet at an outer place, as a share of those where most meet. This and the next, 0.8
# or 1.25 times as large, leave the mean IoU of 30 phantom screens within 0.0001
# (benchmarks/screen_constants.py).
_OUTER_SHARE: Final = 0.6
# Share of the lines that end in one place from which also a dim end is a cut by the screen.
_AGREED: Final = 0.9


def outermost(ends: Floats, lines: int, width: float, share: float) -> float | None:
    """Return the smallest place where many ends meet, None if they meet nowhere.

    Parameters
    ----------
    ends
        Place at which each line meets echo first, coming from outside, pixels, (lines with echo,).
    lines
        Number of lines, those without echo included.
    width
        Distance of ends that still meet, pixels.
    share
        Share of the lines that must meet, 0 to 1; at least four, and not many fewer than at
        the place where most do.
    """
    if not len(ends):
        return None
    # How many ends lie within `width` from each end on, (ends,).
    ordered = np.sort(ends)
    meeting = np.searchsorted(ordered, ordered + width, side="right") - np.arange(len(ordered))
    least = max(4.0, share * lines, _OUTER_SHARE * meeting.max())
    enough = np.flatnonzero(meeting >= least)
    if not len(enough):
        return None
    first = int(enough[0])
    # Not the very first, which is noise, but the one at 30 % of those that meet.
    return float(ordered[first + int(0.3 * (meeting[first] - 1))])


def densest(ends: Floats, width: float) -> tuple[float, int]:
    """Return the place where most ends meet, and how many do."""
    ordered = np.sort(ends)
    meeting = np.searchsorted(ordered, ordered + width, side="right") - np.arange(len(ordered))
    first = int(meeting.argmax())
    return float(np.median(ordered[first : first + meeting[first]])), int(meeting[first])


def first_in_rows(image: GreyImage) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the rows that hold anything, and the first column of each that does."""
    rows = np.flatnonzero(image.any(axis=1))
    return rows, image[rows].argmax(axis=1).astype(np.float64)


def sides(image: GreyImage) -> tuple[GreyImage, GreyImage, GreyImage, GreyImage]:
    """Return views of an image in which its left, top, right and bottom are on the left."""
    return image, image.T, image[:, ::-1], image[::-1].T


def find_clip(region: GreyImage, bright: GreyImage, shape: GreyImage) -> Clip:
    """Find where the screen cuts a shape off by straight vertical or horizontal lines.

    Parameters
    ----------
    region, bright
        Echo, and pixels that are clearly brighter than the ground, 0 or 1: echo that fades away is
        not cut off.
    shape
        Shape without any cut, 0 or 1.

    Returns
    -------
    Clip
        Left, top, right and bottom; what is not cut is at the image's border.
    """
    views = zip(sides(region & shape), sides(bright), sides(shape), strict=True)
    cuts = [_cut(echo, clear, uncut) for echo, clear, uncut in views]
    height, width = region.shape
    return cuts[0], cuts[1], width - cuts[2], height - cuts[3]


def _cut(echo: GreyImage, bright: GreyImage, shape: GreyImage) -> int:
    """Return the column at which the left side is cut off, 0 where it is not.

    Enough rows must begin late, most of them in one column, and few before it.
    """
    rows, first = first_in_rows(echo)
    start = shape[rows].argmax(axis=1)
    late = first - start > 1.5
    if late.sum() < max(5, 0.06 * len(rows)):
        return 0
    place, count = densest(first[late], 1.6)
    beyond = start < place - 1.5
    astray = np.count_nonzero(beyond & (first < place - 1.5))
    if count < max(5, 0.18 * len(rows), 0.3 * beyond.sum()) or astray > 0.5 * beyond.sum():
        return 0
    meeting = rows[beyond & (np.abs(first - place) < 1.6)]
    # Echo that fades ends raggedly: where nearly all lines end in one place, even dim ends count.
    if len(meeting) > _AGREED * beyond.sum():
        return round(place)
    clear = bright[meeting, round(place) + 1 : round(place) + 4].any(axis=1)
    return round(place) if clear.mean() > 0.5 else 0


def edge_offsets(grey: GreyImage, points: Floats, normals: Floats, reach: int) -> Floats:
    """Return how far outside of given points echo ends, in pixels; NaN where there is none.

    Parameters
    ----------
    grey
        Full image, uint8, (height, width).
    points, normals
        Points near an edge, x and y, and unit vectors outward, (points, 2).
    reach
        Pixels to search to either side.
    """
    # (points, 2 reach + 1): grey levels along each normal, from inside to outside.
    steps = np.arange(-reach, reach + 1.0)
    across = points[:, None] + steps[:, None] * normals[:, None]
    places = across.astype(np.float32)
    profile = cv2.remap(
        grey, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT
    ).astype(np.float64)
    outside = np.median(profile[:, -max(2, reach // 2) :], axis=1)
    ground = np.minimum(outside, np.median(outside) + DARK)
    lit = profile > ground[:, None] + DARK
    # Two samples in a row: one alone is noise.
    lit[:, 1:] &= lit[:, :-1]
    lit[:, 0] = False
    last = lit.shape[1] - 1 - lit[:, ::-1].argmax(axis=1)
    # Lit up to the end is something beyond the edge, such as text.
    return np.where(lit.any(axis=1) & (last < lit.shape[1] - 1), steps[last], np.nan)
