"""Color on a screen of grey echoes: flow and stiffness, as opposed to a tint of all greys."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Mask, Pixels

# Made 0.8 or 1.25 times as large, alone, none changes the judgement of 48 phantom screens, half of
# them usable (benchmarks/screen_constants.py).

_WORKING_SIDE: Final = 512  # pixels of the longer side to which a frame is reduced
# Distance from the tint, in levels of Cr and Cb, from which a pixel is colored.
_FAR_FROM_GREY: Final = 24.0
_NEUTRAL: Final = 128  # Cr and Cb of grey
# Luminances are sorted into so many bins, of which one needs so many pixels for a tint of its own.
_BINS: Final = 16
_ENOUGH_PIXELS: Final = 32
# Share of a sector in color that no calipers and letters reach.
_MORE_THAN_MARKS: Final = 0.05


def in_color(frame: Pixels, inside: Mask) -> float:
    """Return the share of the sector that is in colors of flow or stiffness.

    Red, orange and blue count; yellow and green are what calipers, letters and their plates are
    drawn in, and count where they are more than marks can be.

    Parameters
    ----------
    frame
        Decoded frame, uint8, (height, width, 3) RGB.
    inside
        Scan sector, bool, (height, width).

    Returns
    -------
    Share, 0 to 1. Strokes as thin as letters and calipers do not count.
    """
    colored, flow, within = _colored(frame, inside)
    total = int(within.sum())
    if not total:
        return 0.0
    share = float((colored & within).sum()) / total
    return share if share > _MORE_THAN_MARKS else float((flow & within).sum()) / total


def has_color_bar(frame: Pixels, inside: Mask) -> bool:
    """Return whether a scale of colors stands beside the sector, as in every flow mode."""
    colored, _, within = _colored(frame, inside)
    count, _, stats, _ = cv2.connectedComponentsWithStats((colored & ~within).astype(np.uint8))
    for _, _, width, height, area in stats[1:count]:
        # A filled bar, upright, no shorter than a twenty-fifth of the screen.
        tall = height >= 2.5 * width and height >= 0.04 * frame.shape[0] * _factor(frame)
        if tall and width >= 3 and area >= 0.6 * width * height:
            return True
    return False


def _factor(frame: Pixels) -> float:
    return min(1.0, _WORKING_SIDE / float(max(frame.shape[:2])))


def _colored(frame: Pixels, inside: Mask) -> tuple[Mask, Mask, Mask]:
    """Return masks of colored pixels, of those in colors of flow, and of the sector, reduced."""
    factor = _factor(frame)
    size = (max(1, round(frame.shape[1] * factor)), max(1, round(frame.shape[0] * factor)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    reduced = cv2.resize(inside.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    within: Pixels = np.asarray(reduced, dtype=np.uint8)
    ycrcb: Pixels = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb), dtype=np.uint8)
    tints = _tint(ycrcb, within)
    luminance = np.ascontiguousarray(ycrcb[..., 0])
    toward_red, toward_blue = (
        ycrcb[..., 1 + place] - cv2.LUT(luminance, tints[place]) for place in range(2)
    )
    strong = np.square(toward_red) + np.square(toward_blue) > _FAR_FROM_GREY**2
    # Blue, or red that is no yellow (which has little blue): yellow and green are marks' colors.
    flow = strong & ((toward_blue > 0) | (toward_red > 0.5 * np.abs(toward_blue)))
    return _thick(strong), _thick(flow), within > 0


def _thick(flags: Mask) -> Mask:
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.morphologyEx(flags.astype(np.uint8), cv2.MORPH_OPEN, kernel) > 0)


def _tint(ycrcb: Pixels, within: Pixels) -> npt.NDArray[np.float32]:
    """Return the usual Cr and Cb of each of the 256 luminances of the sector, (2, 256).

    A tint goes on smoothly from one luminance to the next. Where it jumps, a color has the
    luminance to itself, as bright flow in a dim image does, and the tint is that of the nearest
    luminance toward the commonest one. White is no such color: what is brightest ends in it.
    """
    ranges = [0.0, 256.0, 0.0, 256.0]
    counts = [
        np.asarray(cv2.calcHist([ycrcb], [0, 1 + place], within, [_BINS, 256], ranges), np.float32)
        for place in range(2)
    ]
    pixels = counts[0].sum(axis=1)
    tint = np.stack([_medians(each) for each in counts])
    first = int(pixels.argmax())
    if pixels[first] < _ENOUGH_PIXELS:
        tint[:, first] = _NEUTRAL
    for bins in (range(first + 1, _BINS), range(first - 1, -1, -1)):
        last = first
        for place in bins:
            color = tint[:, place]
            away = min(np.abs(color - other).max() for other in (tint[:, last], _NEUTRAL))
            if pixels[place] < _ENOUGH_PIXELS or away > _FAR_FROM_GREY:
                tint[:, place] = tint[:, last]
            last = place
    return np.repeat(tint, 256 // _BINS, axis=1)


def _medians(counts: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the median of each row of counts of the values 0, 1, 2 and so on."""
    reached = counts.cumsum(axis=1)
    half = reached[:, -1:] / 2
    lower, upper = (reached >= half).argmax(axis=1), (reached > half).argmax(axis=1)
    return np.asarray((lower + upper) / 2, np.float32)
