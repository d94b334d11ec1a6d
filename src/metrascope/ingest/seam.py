"""The straight seam between two images that touch on a split screen."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]
Rows = npt.NDArray[np.float32]

_WORKING_SIDE: Final = 640
_LEAST_SIDE: Final = 100
_BANDS: Final = 10
_MOST_CUT: Final = 0.04
_AROUND: Final = 33
_LIT: Final = 8
_LEAST_SHOWN: Final = 6
_MIDDLE: Final = (0.4, 0.6)
_SHARP: Final = 1.4
_SHARPER: Final = 3.0


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
        uint8, (height, width).
    box
        ``(left, top, width, height)`` of the echo in pixels.
    """
    left, top, width, height = box
    factor = min(1.0, _WORKING_SIDE / max(width, height))
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if min(size) < _LEAST_SIDE:
        return False
    part = grey[top : top + height, left : left + width]
    small = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    cut = int(_MOST_CUT * size[1])
    first, last = (int(share * size[0]) for share in _MIDDLE)
    middle = _jumps(small[cut : size[1] - cut], first, last)
    shown = np.isfinite(middle).sum(axis=0) >= _LEAST_SHOWN
    if not shown.any():
        return False
    # What is not a number, the dark, is sorted to the end.
    least, second = np.sort(middle[:, shown], axis=0)[:2]
    return bool(least.max() > _SHARP or second.max() > _SHARPER)


def _jumps(small: Rows, first: int, last: int) -> Rows:
    """Return how sharply some columns part their neighbours at each depth, NaN in the dark."""
    step = np.zeros_like(small)
    step[:, 1:-1] = np.abs(small[:, 2:] - small[:, :-2])
    found = []
    for rows in np.array_split(np.arange(len(small)), _BANDS):
        jump = step[rows].mean(axis=0)
        peak = np.maximum(jump, np.maximum(np.roll(jump, 1), np.roll(jump, -1)))
        around = np.lib.stride_tricks.sliding_window_view(
            np.pad(jump, _AROUND // 2, mode="edge"), _AROUND
        )[first:last]
        lit = cv2.blur(small[rows].mean(axis=0)[None], (_AROUND, 1))[0] > _LIT
        usual = np.median(around, axis=1) + 0.5
        found.append(np.where(lit[first:last], peak[first:last] / usual, np.nan))
    return np.array(found, dtype=np.float32)
