"""The straight seam, or the gap, between images that stand side by side on a screen."""

from typing import Final

import cv2
import numpy as np

from metrascope.arrays import Box, Floats32, Pixels

# Made 0.8 or 1.25 times as large, alone, none changes the judgement of 48 phantom screens, half of
# them usable (benchmarks/screen_constants.py).

# Longer side to which a box is reduced, and the shorter one, pixels, that it must have.
_WORKING_SIDE: Final = 640
_LEAST_SIDE: Final = 100
# Depths at which a jump is looked for, of which so many must be lit; and the share of the height
# left out above and below, where letters stand. Chosen, not measured.
_BANDS: Final = 10
_LEAST_LIT_BANDS: Final = 6
_LEFT_OUT: Final = 0.04
# Columns that a jump is compared with, and the grey level from which they are lit. Chosen, not
# measured.
_AROUND: Final = 33
_LIT: Final = 8
# Part of the width in which a seam parts two images. Chosen, not measured.
_MIDDLE: Final = (0.4, 0.6)
# Least and second least jump, in jumps of the columns around: 892 real screens had 1.15 and 1.9 at
# most, four real split screens at least one of 1.5 and 5.4 (`seam`).
_SHARP: Final = 1.4
_SHARPER: Final = 3.0
# Spread along a column or row, in spreads of those around: 286 real images had 0.61 and 0.29 at
# least, grids of drawn screens 0.39 and 0.05 at most (`gap`).
_EVEN_COLUMN: Final = 0.45
_EVEN_ROW: Final = 0.2
# A gap's level and the step beside it, in levels around it, which must be lit; and the outer share
# in which none is looked for. None of 651 real images has a gap (`gap`).
_DARKER: Final = 0.6
_STEEP: Final = 0.2
_LIT_AROUND: Final = 20
_OUTER: Final = 0.15


def seam(grey: Pixels, box: Box) -> bool:
    """Return whether a straight seam parts a box of echo in its middle from top to bottom.

    At a seam (a line, a gap, or nothing but a change of image) grey levels jump from column to
    column more than anywhere near, and do so at every depth. Calipers and cursors end
    somewhere, edges of organs and shadows are neither straight nor vertical. On 892 real
    screens and stills the weakest jump of a column was at most 1.15 times that of the columns
    around, the second weakest 1.9 times; on four real split screens one of them was at least
    1.5 and 5.4. The second counts because letters may hide the seam at one depth.

    Parameters
    ----------
    grey
        Screen, uint8, (height, width).
    box
        Box ``(left, top, width, height)`` of the echo in pixels.
    """
    left, top, width, height = box
    factor = min(1.0, _WORKING_SIDE / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if min(size) < _LEAST_SIDE:
        return False
    part = grey[top : top + height, left : left + width]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    cut = int(_LEFT_OUT * size[1])
    first, last = (int(share * size[0]) for share in _MIDDLE)
    middle = _jumps(small[cut : size[1] - cut], first, last)
    lit = np.isfinite(middle).sum(axis=0) >= _LEAST_LIT_BANDS
    if not lit.any():
        return False
    # NaN, the dark, is sorted to the end.
    least, second = np.sort(middle[:, lit], axis=0)[:2]
    return bool(least.max() > _SHARP or second.max() > _SHARPER)


def gap(grey: Pixels, box: Box) -> bool:
    """Return whether an even dark line parts a box of echo, from top to bottom or across.

    The images of a grid leave a gap of a pixel or two between them, which no echo crosses. Of
    286 real images the evenest column had 0.61 of the spread of the columns around, the evenest
    row 0.29; grids of drawn screens whose images touch had 0.39 and 0.05 at most. None of 651
    real images has such a line that is also darker than what is around it.

    Parameters
    ----------
    grey
        Screen, uint8, (height, width).
    box
        Box ``(left, top, width, height)`` of the echo in pixels.
    """
    left, top, width, height = box
    part = grey[top : top + height, left : left + width]
    return _has_gap(part, 0, _EVEN_COLUMN) or _has_gap(part, 1, _EVEN_ROW)


def _has_gap(part: Pixels, axis: int, most: float) -> bool:
    """Return whether a line is far more even, and darker, than most of those around it."""
    count = part.shape[1 - axis]
    if count < _LEAST_SIDE:
        return False
    mean, spread = _line_statistics(part, axis)
    inner = slice(int(_OUTER * count), count - int(_OUTER * count))
    usual = _usual(mean)
    even = (spread < most * (_usual(spread) + 1)) & (mean < _DARKER * usual) & (usual > _LIT_AROUND)
    # Echo ends at a gap within a pixel or two; into the middle of a shadow it fades.
    steps = np.abs(mean - np.roll(mean, 2))[None]
    sharp = cv2.dilate(steps, np.ones((1, _AROUND), np.uint8))[0] > _STEEP * usual
    return bool((even & sharp)[inner].any())


def _line_statistics(part: Pixels, axis: int) -> tuple[Floats32, Floats32]:
    """Return mean and standard deviation of each column (axis 0) or row (axis 1)."""
    levels = part.astype(np.float32)
    return levels.mean(axis=axis), levels.std(axis=axis)


def _usual(values: Floats32) -> Floats32:
    """Return the median of the values around each."""
    padded = np.pad(values, _AROUND // 2, mode="edge")
    return np.asarray(
        np.median(np.lib.stride_tricks.sliding_window_view(padded, _AROUND), axis=1), np.float32
    )


def _jumps(small: Floats32, first: int, last: int) -> Floats32:
    """Return how sharply some columns part their neighbors at each depth, NaN in the dark."""
    step = np.zeros_like(small)
    step[:, 1:-1] = np.abs(small[:, 2:] - small[:, :-2])
    jumps = []
    for rows in np.array_split(np.arange(len(small)), _BANDS):
        jump = step[rows].mean(axis=0)
        peak = np.maximum(jump, np.maximum(np.roll(jump, 1), np.roll(jump, -1)))
        around = np.lib.stride_tricks.sliding_window_view(
            np.pad(jump, _AROUND // 2, mode="edge"), _AROUND
        )[first:last]
        lit = cv2.blur(small[rows].mean(axis=0)[None], (_AROUND, 1))[0] > _LIT
        usual = np.median(around, axis=1) + 0.5
        jumps.append(np.where(lit[first:last], peak[first:last] / usual, np.nan))
    return np.array(jumps, dtype=np.float32)
