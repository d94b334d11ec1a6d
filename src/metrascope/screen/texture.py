"""Texture of a sector: speckle, the smooth shading of a rendered surface, or letters."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Box, Mask, Pixels
from metrascope.screen.sector import Sector

Levels = npt.NDArray[np.float32]

# Made 0.8 or 1.25 times as large, alone, none changes the judgement of 48 phantom screens, half of
# them usable (benchmarks/screen_constants.py).

# Mean grey level of 9 x 9 pixels from which a place is lit; levels within which it is even.
_LIT: Final = 16
_EVEN: Final = 2
# Width and height that a sector is reduced to, pixels, to look for a trace over time.
_TRACE: Final = (64, 192)
# Standard deviations in pixels of that: blurs that take noise out along a trace and across it, and
# the slow change with depth.
_ALONG, _ACROSS, _TREND = 3.0, 0.7, 8.0
# Longer side to which a sector is reduced for its detail, level from which a pixel is shaded and
# not ground, and pixels that must be.
_WORKING_SIDE: Final = 384
_SHADED: Final = 30
_FEWEST: Final = 256
# Grey levels of a letter's stroke over its ground; its least and greatest height, and the margins
# above and beside in which none count, in shares of the screen.
_CONTRAST: Final = 40
_LETTER: Final = (0.007, 0.06)
_MARGIN: Final = (0.14, 0.12)


def even_share(grey: Pixels, sector: Sector) -> float:
    """Return the share of the lit sector that is even, 0 to 1: hardly any of echo, most of a page.

    Even is where no two of 5 x 5 pixels differ by more than 2 grey levels. A sector that is dark
    everywhere counts as even.
    """
    left, top, width, height = sector.box
    part = np.ascontiguousarray(grey[top : top + height, left : left + width])
    square = np.ones((5, 5), np.uint8)
    spread = cv2.subtract(cv2.dilate(part, square), cv2.erode(part, square))
    lit = sector.mask[top : top + height, left : left + width] & (cv2.blur(part, (9, 9)) > _LIT)
    count = np.count_nonzero(lit)
    return np.count_nonzero(lit & (spread <= _EVEN)) / count if count else 1.0


def fineness(grey: Pixels, sector: Sector) -> float:
    """Return the strength of the sector's finest detail, against detail a few times coarser.

    Speckle has most of its power in its finest detail; a surface that was rendered from a
    volume is shaded smoothly, whatever its colors. Detail under 1.5 and between 1.5 and 8
    pixels, root mean square each, in the sector shrunk to 384 pixels; the median over all that
    is lit.
    """
    part, inside = _shrunk(grey, sector), _shrunk_mask(sector)
    soft = cv2.GaussianBlur(part, (0, 0), 1.5)
    fine, coarse = part - soft, soft - cv2.GaussianBlur(part, (0, 0), 8)
    lit = inside & (cv2.GaussianBlur(part, (0, 0), 4) > _SHADED)
    if np.count_nonzero(lit) < _FEWEST:
        return 1.0
    powers = [np.sqrt(cv2.GaussianBlur(one * one, (0, 0), 4))[lit] for one in (fine, coarse)]
    return float(np.median(powers[0] / np.maximum(powers[1], 1e-3)))


def likeness_over_time(grey: Pixels, sector: Sector) -> float:
    """Return how alike the columns of a sector are, at whatever distance: 0 to 1.

    An M-mode trace is the echo of one line again and again, moved up and down by what pulsates:
    columns agree, however far apart, once one is shifted by up to an eighth of the height. The
    correlation of columns an eighth, a quarter and a half of the width apart, each at its best
    shift and the slow change with depth taken out; the median of each distance, the least of
    the three.
    """
    left, top, width, height = sector.box
    sector_levels = grey[top : top + height, left : left + width].astype(np.float32)
    small = cv2.resize(sector_levels, _TRACE, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigmaX=_ALONG, sigmaY=_ACROSS)
    trend = cv2.GaussianBlur(small, (1, 0), sigmaX=0, sigmaY=_TREND)
    part = np.asarray(small - trend, np.float32)
    across, down = _TRACE
    room = down // 8
    likeness = []
    for distance in (across // 8, across // 4, across // 2):
        # Columns of one length: their product is the correlation, at each of 2 x room shifts.
        first = _unit(part[room:-room, :-distance])
        shifts = (part[shift : down - 2 * room + shift, distance:] for shift in range(2 * room))
        best = np.max([(first * _unit(other)).sum(axis=0) for other in shifts], axis=0)
        likeness.append(float(np.median(best)))
    return min(likeness)


def _unit(columns: Levels) -> Levels:
    """Return columns of length 1; of what is even, 0."""
    sizes = np.sqrt(np.square(columns).sum(axis=0))
    return np.asarray(columns / np.maximum(sizes, 1.0), np.float32)


def warmth(frame: Pixels, sector: Sector) -> float:
    """Return how much redder than grey the lit sector is, as a share of its luminance."""
    if frame.ndim == 2:
        return 0.0
    left, top, width, height = sector.box
    part = frame[top : top + height, left : left + width]
    ycrcb = cv2.cvtColor(np.ascontiguousarray(part), cv2.COLOR_RGB2YCrCb).astype(np.float32)
    lit = sector.mask[_window(sector.box)] & (ycrcb[..., 0] > _SHADED)
    if np.count_nonzero(lit) < _FEWEST:
        return 0.0
    return float((np.median(ycrcb[lit, 1]) - 128) / np.median(ycrcb[lit, 0]))


def count_letters(grey: Pixels) -> int:
    """Return how many letters stand in the middle of a screen, its margins left out."""
    height, width = grey.shape
    down, across = (round(share * side) for share, side in zip(_MARGIN, grey.shape, strict=True))
    part = grey[down : height - down, across : width - across]
    ground = cv2.medianBlur(np.ascontiguousarray(part), 21)
    strokes = (cv2.absdiff(part, ground) > _CONTRAST).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(strokes)
    least, most = (share * height for share in _LETTER)
    wide, high = stats[1:count, 2], stats[1:count, 3]
    return int(((high >= least) & (high <= most) & (wide <= 2 * most)).sum())


def _window(box: Box) -> tuple[slice, slice]:
    left, top, width, height = box
    return slice(top, top + height), slice(left, left + width)


def _size(box: Box) -> tuple[int, int]:
    factor = min(1.0, _WORKING_SIDE / max(box[2:]))
    return max(1, round(box[2] * factor)), max(1, round(box[3] * factor))


def _shrunk(grey: Pixels, sector: Sector) -> Levels:
    part = grey[_window(sector.box)]
    small = cv2.resize(part, _size(sector.box), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32)


def _shrunk_mask(sector: Sector) -> Mask:
    part = np.ascontiguousarray(sector.mask[_window(sector.box)]).view(np.uint8)
    small = cv2.resize(part, _size(sector.box), interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.erode(small, np.ones((5, 5), np.uint8)) > 0)
