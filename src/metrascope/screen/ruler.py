"""The ticks of a scale: dashes and dots at equal distances in one column or row."""

from typing import Final

import numpy as np

from metrascope.arrays import Box, Floats, Mask

# Made 0.8 or 1.25 times as large, alone, on 20 phantom screens (benchmarks/screen_constants.py),
# none moves the share of marks given their kind, 68 %, by more than 0.6 points.

# Width and length in pixels up to which a stroke is a dash or dot; letters are wider.
_PEN: Final = 4
_LONGEST: Final = 14
# Pixels that the ticks of a scale may be off their column or row.
_ASIDE: Final = 3
# Ticks of the shortest scale.
_FEWEST: Final = 4
# Least distance in pixels of two ticks; the strokes of letters are closer.
_CLOSEST: Final = 8
# Distances of ticks are up to so many times the least: some are missing.
_MISSING: Final = 3
# Pixels that such a distance may be off.
_UNEVEN: Final = 2.5


def is_dash(strokes: Mask) -> bool:
    """Tell whether strokes are no more than one dash or dot, as thin as a pen.

    Parameters
    ----------
    strokes
        Strokes of one patch of ink, bool, (height, width).
    """
    rows, columns = np.nonzero(strokes)
    if not len(rows):
        return False
    sides = sorted((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1))
    return sides[0] <= _PEN and sides[1] <= _LONGEST


def on_scale(boxes: list[Box]) -> Mask:
    """Return which dashes stand with at least three others in one column or row, evenly spaced.

    Parameters
    ----------
    boxes
        Box ``(left, top, width, height)`` of each dash in pixels.
    """
    ticks = np.zeros(len(boxes), dtype=bool)
    if len(boxes) < _FEWEST:
        return ticks
    sides = np.array(boxes, dtype=np.float64)
    centers = sides[:, :2] + sides[:, 2:] / 2
    for axis in range(2):
        for place in centers[:, axis]:
            near = np.flatnonzero(np.abs(centers[:, axis] - place) <= _ASIDE)
            if len(near) >= _FEWEST and _is_even(np.sort(centers[near, 1 - axis])):
                ticks[near] = True
    return ticks


def _is_even(places: Floats) -> bool:
    """Tell whether places are spaced by one distance or a few times that."""
    gaps = np.diff(places)
    least = float(gaps.min())
    if least < _CLOSEST:
        return False
    times = np.rint(gaps / least)
    off = np.abs(gaps - times * float(np.median(gaps / times)))
    return bool(times.max() <= _MISSING and off.max() <= _UNEVEN)
