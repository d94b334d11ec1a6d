"""Prints over the echo in one grey level, whatever their shape, and QR codes."""

from typing import Final

import cv2
import numpy as np

from metrascope.arrays import Floats32, Mask, Pixels

# Made 0.8 or 1.25 times as large, alone, on 20 phantom screens (benchmarks/screen_constants.py),
# each leaves all marks found but for 6 % of the focus marks (`_CELL` and `_SPIKE` raised).

# Side in pixels of the cells in which grey levels are counted.
_CELL: Final = 8
# Rows and columns of cells of a window: a word of 24 by 64 pixels, or upright.
_WINDOWS: Final = ((3, 8), (8, 3))
# How far a level must stand out from its neighbors, in standard deviations of a count. Phantom fans
# without lettering came to 5.7 at most, breast stills to 5.0, slices of real volumes to 9.6 above
# the darkest levels (24 images each); a name 18 pixels high in the speckle's own grey to 9 to 16,
# one of 28 pixels to 30 and more, dots, thick strokes and plates to far more.
_SPIKE: Final = 9.0
# Added to counts, so that empty levels do not divide by nothing.
_PLAIN: Final = 4.0
# Levels that are considered: the darkest and the brightest are even in echo as well.
_LEVELS: Final = (18, 250)
# Least share of a window that lies in the sector.
_LIT: Final = 0.4
# Share of a window within 6 levels, from which it is smooth: JPEG leaves blocks of one level in
# dark echo without grain, and a print in their level would not show.
_SMOOTH: Final = 6
_EVEN: Final = 0.85
# Pixels of the level within 15 by 15 that make a stroke or a row of dots; echo has about four.
_NEAR: Final = 15
_DENSE: Final = 9
# Around a stroke, for its antialiased edge and its ends.
_RIM: Final = np.ones((9, 9), np.uint8)

# Share of levels that hold less than a tenth of one nearby, from which a picture lacks levels: 0.68
# in a real screen of 64 greys, 0.39 at most in 64 slices of volumes, 0 in 120 real stills. Counted
# above the ground's level, among so many levels at least.
_EMPTY: Final = 0.5
_DARK: Final = 8
_FEW: Final = 16

# Width of a QR code's light plate over that of the code: four modules on each side of 25.
_QUIET: Final = 1.35
# Pixels of the smallest picture in which a code is looked for.
_SMALLEST: Final = 32


def find_overprint(grey: Pixels, inside: Mask) -> Mask:
    """Find the pixels of prints in one grey level, with their surroundings.

    Speckle has all grey levels, and neighboring levels equally often. What a program prints has
    one: in a window about as large as a word, that level is far more frequent than those beside
    it, even where it is the mean of the speckle, so that neither edges nor contrast give it away.

    Parameters
    ----------
    grey
        Screen or part of one, uint8, (height, width).
    inside
        Pixels in which prints are looked for, bool, (height, width).
    """
    prints = np.zeros(grey.shape, dtype=bool)
    if _lacks_levels(grey[inside]):
        return prints
    counts = _counts(grey, inside)
    spiked = np.zeros(counts.shape, np.uint8)
    for window in _WINDOWS:
        _mark_spikes(spiked, counts, window)
    for level in np.flatnonzero(spiked.any(axis=(1, 2))):
        prints |= _strokes(grey, inside, int(level), spiked[level])
    return prints


def _lacks_levels(values: Pixels) -> bool:
    """Tell whether a picture has but some of the grey levels, as older scanners' palettes have.

    Each of its levels stands out from empty ones beside it, and would be taken for a print.
    """
    counts = np.bincount(values[values > _DARK], minlength=256).astype(np.float32)
    if not counts.any():
        return True
    low, high = np.searchsorted(counts.cumsum() / counts.sum(), (0.05, 0.95))
    used = counts[low : high + 1]
    most = cv2.dilate(used[None], np.ones((1, 9), np.uint8))[0]
    return len(used) > _FEW and float((used < 0.1 * most).mean()) > _EMPTY


def find_codes(grey: Pixels) -> Mask:
    """Find QR codes, opaque or translucent, and return their pixels with the rim.

    OpenCV's finder by patterns of squares: of 64 images without codes it took none for one.

    Parameters
    ----------
    grey
        Screen or part of one, uint8, (height, width).
    """
    codes = np.zeros(grey.shape, np.uint8)
    if min(grey.shape) < _SMALLEST:
        return codes.astype(bool)
    detected, corners = cv2.QRCodeDetectorAruco().detectMulti(grey)
    for each in corners if detected else ():
        middle = each.mean(axis=0)
        cv2.fillConvexPoly(codes, np.rint(middle + _QUIET * (each - middle)).astype(np.int32), 1)
    return codes.astype(bool)


def _counts(grey: Pixels, inside: Mask) -> Floats32:
    """Return how often each of 256 levels occurs in each cell, (256, rows, columns)."""
    rows, columns = (-(-side // _CELL) for side in grey.shape)
    y, x = np.nonzero(inside)
    place = (grey[y, x].astype(np.intp) * rows + y // _CELL) * columns + x // _CELL
    counts = np.bincount(place, minlength=256 * rows * columns)
    return counts.reshape(256, rows, columns).astype(np.float32)


def _mark_spikes(spiked: Pixels, counts: Floats32, window: tuple[int, int]) -> None:
    """Mark level and cells of the windows in which one level stands out from the next two."""
    size = (window[1], window[0])
    first, last = _LEVELS
    near = counts[first - _SMOOTH - 1 : last + _SMOOTH]
    # Rounding by a table of grey levels makes some levels frequent everywhere: that is no print.
    usual = near.sum(axis=(1, 2))
    edge = _SMOOTH - 2
    usual = usual[edge + 1 : len(usual) - edge]
    comb = usual[2:-2] / np.maximum(_most_in_neighbors(usual), 1)
    sums = np.stack([_sum(level, size) for level in near])
    up_to = sums.cumsum(axis=0)
    similar = up_to[2 * _SMOOTH + 1 :] - up_to[: -2 * _SMOOTH - 1]
    sums = sums[edge + 1 : len(sums) - edge]
    neighbors = _most_in_neighbors(sums) * np.maximum(comb, 1)[:, None, None]
    # A count of n varies by its root (Poisson).
    strong = sums[2:-2] - neighbors > _SPIKE * np.sqrt(neighbors + _PLAIN)
    lit = _sum(counts.sum(axis=0), size)
    strong &= (lit > _LIT * window[0] * window[1] * _CELL**2) & (similar < _EVEN * lit)
    # A window stands for all of its cells.
    anchor = (size[0] - 1 - size[0] // 2, size[1] - 1 - size[1] // 2)
    for number in np.flatnonzero(strong.any(axis=(1, 2))):
        cells = strong[number].astype(np.uint8)
        spiked[first + number] |= cv2.dilate(cells, np.ones(window, np.uint8), anchor=anchor)


def _most_in_neighbors(counts: Floats32) -> Floats32:
    """Return the largest count of the two levels below and above each, but for the outer two."""
    return np.maximum(np.maximum(counts[:-4], counts[1:-3]), np.maximum(counts[3:-1], counts[4:]))


def _sum(values: Floats32, size: tuple[int, int]) -> Floats32:
    border = cv2.BORDER_CONSTANT
    return np.asarray(cv2.boxFilter(values, -1, size, normalize=False, borderType=border))


def _strokes(grey: Pixels, inside: Mask, level: int, cells: Pixels) -> Mask:
    """Return where in these cells the pixels of a level are dense, with the gaps between them."""
    place = np.kron(cells, np.ones((_CELL, _CELL), np.uint8))[: grey.shape[0], : grey.shape[1]]
    same = ((grey == level) & (place > 0) & inside).view(np.uint8)
    size, border = (_NEAR, _NEAR), cv2.BORDER_CONSTANT
    count = cv2.boxFilter(same, cv2.CV_16U, size, normalize=False, borderType=border)
    dense = (count >= _DENSE).astype(np.uint8)
    return np.asarray(cv2.dilate(dense, _RIM) > 0)
