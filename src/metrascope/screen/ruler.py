"""The ticks of a scale: dashes and dots at equal distances in one column or row."""

from typing import Final

import numpy as np

from metrascope.arrays import Box, Floats, Mask

_PEN: Final = 4
_LONGEST: Final = 14
"""Width and length in pixels up to which a stroke is a dash or dot; letters are wider."""
_ASIDE: Final = 3
"""How far in pixels the ticks of a scale may be off their column or row."""
_FEWEST: Final = 4
_CLOSEST: Final = 8
"""Least distance in pixels of two ticks; the strokes of letters are closer."""
_MISSING: Final = 3
"""Distances of ticks are up to so many times the least: some are not found."""
_UNEVEN: Final = 2.5
"""How far in pixels such a distance may be off."""


def is_dash(strokes: Mask) -> bool:
    """Tell whether strokes are no more than one dash or dot, as thin as a pen.

    Parameters
    ----------
    strokes
        bool, (height, width), of one patch of ink.
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
        ``(left, top, width, height)`` of each dash in pixels.
    """
    found = np.zeros(len(boxes), dtype=bool)
    if len(boxes) < _FEWEST:
        return found
    sides = np.array(boxes, dtype=np.float64)
    centers = sides[:, :2] + sides[:, 2:] / 2
    for axis in range(2):
        for place in centers[:, axis]:
            near = np.flatnonzero(np.abs(centers[:, axis] - place) <= _ASIDE)
            if len(near) >= _FEWEST and _is_even(np.sort(centers[near, 1 - axis])):
                found[near] = True
    return found


def _is_even(places: Floats) -> bool:
    """Tell whether places are spaced by one distance or a few times that."""
    gaps = np.diff(places)
    least = float(gaps.min())
    if least < _CLOSEST:
        return False
    times = np.rint(gaps / least)
    off = np.abs(gaps - times * float(np.median(gaps / times)))
    return bool(times.max() <= _MISSING and off.max() <= _UNEVEN)
