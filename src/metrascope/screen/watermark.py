"""Whether a pattern repeats all over an image, as the tiles of a watermark do."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Floats32, Mask, Pixels

# Pixels of the longer side to which an image is shrunk.
_SIDE: Final = 512
# Standard deviation in pixels of the blur that takes the tissue away.
_FINE: Final = 6.0
# Side of the square of frequencies within which power is made equal.
_BAND: Final = 13
# Frequency, in cycles a pixel, from which detail is damped: lettering is coarser than speckle.
_CUT: Final = 0.2
# Share of the greatest power below which frequencies hold nothing.
_QUIET: Final = 1e-3
# Least distance in pixels between a tile and the next.
_NEAREST: Final = 24.0
# Least share of the sector that lies in the shifted sector as well.
_OVERLAP: Final = 0.2
# Pixels along the shorter side below which there is no room for tiles.
_SMALLEST: Final = 112
# Square in which a shift is the most alike: a peak of the likeness is a few pixels wide.
_PEAK: Final = np.ones((15, 15), np.uint8)
# Shifts at which an image must be like itself: two directions, and their sum.
_SHIFTS: Final = 3
# How many times the usual likeness the third of these must reach: that of images without a
# watermark was 7.4 at most in phantom fans, 5.2 in slices of real volumes, 5.2 in breast stills and
# 9.0 in ovary screens (20 each); of tiles with an opacity of 0.15 it was 12 to 50 in ten drawings
# of eleven, of 0.3 and more 12 to 90 in 18 of 19.
_REPEATS: Final = 11.5


def has_watermark(grey: Pixels, inside: Mask) -> bool:
    """Tell whether something repeats in two directions over the sector.

    Echo does not repeat: shifted by more than a few grains it is like itself nowhere. A pattern
    laid over it in tiles adds a little likeness at every shift from tile to tile, also where it
    is too faint to be read line by line. All frequencies are given the same power first, which
    makes these shifts stand out.

    Parameters
    ----------
    grey
        uint8, (height, width).
    inside
        bool, (height, width): the scan sector.
    """
    return repetition(grey, inside) > _REPEATS


def repetition(grey: Pixels, inside: Mask) -> float:
    """Return how far the third most alike shift stands out, in usual likenesses.

    Parameters
    ----------
    grey
        uint8, (height, width).
    inside
        bool, (height, width): the scan sector.
    """
    detail, mask = _detail(grey, inside)
    if min(grey.shape) < _SMALLEST or not mask.any() or not detail.any():
        return 0.0
    size = tuple(cv2.getOptimalDFTSize(2 * side) for side in detail.shape)
    alike = np.fft.irfft2(_equalize(np.fft.rfft2(detail, size)), size)
    overlap = np.fft.irfft2(np.abs(np.fft.rfft2(mask, size)) ** 2, size)
    down, across = (np.minimum(np.arange(side), side - np.arange(side)) for side in size)
    where = (overlap > _OVERLAP * overlap.max()) & (np.hypot(down[:, None], across) > _NEAREST)
    # A shift and its opposite are the same: half of them will do.
    where[size[0] // 2 :] = False
    likeness = np.where(where, alike / np.sqrt(np.maximum(overlap, 1.0)), 0).astype(np.float32)
    # 1.4826 times the median distance from 0 is a normal variable's standard deviation.
    usual = 1.4826 * float(np.median(np.abs(likeness[where]))) if where.any() else 0.0
    peaks = np.sort(likeness[(likeness == cv2.dilate(likeness, _PEAK)) & where])
    return float(peaks[-_SHIFTS] / usual) if len(peaks) >= _SHIFTS and usual > 0 else 0.0


def _detail(grey: Pixels, inside: Mask) -> tuple[Floats32, Floats32]:
    """Return detail of even contrast in the shrunk sector, and the sector without its rim."""
    factor = min(1.0, _SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * factor)), max(1, round(grey.shape[0] * factor)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    sector = cv2.resize(inside.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    mask = cv2.erode(sector, np.ones((9, 9), np.uint8)).astype(np.float32)
    lit = sector.astype(np.float32)
    share = np.maximum(cv2.GaussianBlur(lit, (0, 0), _FINE), 0.05)
    detail = (small - cv2.GaussianBlur(small * lit, (0, 0), _FINE) / share) * mask
    spread = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 2 * _FINE) / share)
    return np.asarray(np.clip(detail / np.maximum(spread, 1.0), -2, 2), np.float32), mask


def _equalize(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the power of each frequency against that of its neighbors, fine detail damped."""
    power = np.abs(spectrum) ** 2
    edge = _BAND // 2
    around = np.pad(power, ((edge, edge), (0, 0)), mode="wrap")
    around = np.pad(around, ((0, 0), (edge, edge)), mode="reflect")
    band = cv2.blur(around.astype(np.float32), (_BAND, _BAND))[edge:-edge, edge:-edge]
    rows = np.fft.fftfreq(spectrum.shape[0])[:, None]
    columns = np.linspace(0, 0.5, spectrum.shape[1])
    damping = np.exp(-0.5 * (rows**2 + columns**2) / _CUT**2)
    return np.asarray(power / (band + _QUIET * band.max()) * damping, np.float64)
