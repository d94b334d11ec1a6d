"""What an image looks like, without a network: grey levels, detail at five scales, directions.

A network keeps what it needs to tell its classes apart, and a small or badly trained one keeps so
little that a page of text may look familiar to it. These numbers are the same for every network.
"""

from itertools import pairwise
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats32, Pixels
from metrascope.dataset.preprocess import Preprocessing, centre_crop, square

APPEARANCE_WIDTH: Final = 144
"""Numbers of an image: 16 for each of 3 x 3 cells."""
# Pixels of a side, and of a cell's. With the following these are 144 numbers, part of the
# score that was chosen among some sixty (benchmarks/README.md).
_SIDE: Final = 96
_CELL: Final = 32
_BLURS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Standard deviations, pixels of 96."""
# Quantiles of grey, and directions of edges, of each cell; part of the same choice.
_SHARES: Final = (0.1, 0.3, 0.5, 0.7, 0.9)
_DIRECTIONS: Final = 6


def appearance(squares: Pixels) -> Floats32:
    """Describe images as a network sees them, before the grey-level table.

    Parameters
    ----------
    squares
        uint8, (n, side, side), as `metrascope.dataset.preprocess.centre_crop` gives them.

    Returns
    -------
    (n, `APPEARANCE_WIDTH`), at least 0. Of each cell: five quantiles of grey, the mean strength of
    detail in five octaves, and which share of the edges lies in each of six directions; scaled so
    that they spread alike.
    """
    return np.array([_describe(one) for one in squares], dtype=np.float32).reshape(
        -1, APPEARANCE_WIDTH
    )


def describe_appearance(grey: Pixels, steps: Preprocessing) -> Floats32:
    """Describe one sector crop as a network with these steps sees it.

    Parameters
    ----------
    grey
        uint8, (height, width).
    steps
        Of the network.

    Returns
    -------
    (`APPEARANCE_WIDTH`,).
    """
    seen = centre_crop(square(grey, steps.stored_size, steps.fit)[None], steps.input_size)
    return np.asarray(appearance(seen)[0], dtype=np.float32)


def _describe(square: Pixels) -> Floats32:
    small = cv2.resize(square, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    blurred = [small, *(cv2.GaussianBlur(small, (0, 0), blur) for blur in _BLURS)]
    octaves = [np.abs(fine - coarse) for fine, coarse in pairwise(blurred)]
    across = cv2.Sobel(blurred[1], cv2.CV_32F, 1, 0)
    down = cv2.Sobel(blurred[1], cv2.CV_32F, 0, 1)
    strength = np.hypot(across, down)
    direction = np.mod(np.arctan2(down, across), np.pi) * (_DIRECTIONS / np.pi)
    sector = np.minimum(direction.astype(np.int64), _DIRECTIONS - 1)
    parts = [
        np.quantile(_cells(small), _SHARES, axis=1).T / 16,
        4 * np.log1p(np.stack([_cells(octave).mean(axis=1) for octave in octaves], axis=1)),
        8 * _shares(_cells(strength), _cells(sector)),
    ]
    return np.concatenate(parts, axis=1, dtype=np.float32)


def _cells(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the pixels of each cell, (9, 1024)."""
    count = _SIDE // _CELL
    split = image.reshape(count, _CELL, count, _CELL).transpose(0, 2, 1, 3)
    return split.reshape(count * count, _CELL * _CELL)


def _shares(strength: npt.NDArray[Any], sector: npt.NDArray[Any]) -> Floats32:
    """Return which share of a cell's edges lies in each direction; next to none has no share."""
    summed = np.stack([np.where(sector == k, strength, 0).sum(axis=1) for k in range(_DIRECTIONS)])
    return np.asarray((summed / (summed.sum(axis=0) + 1e-3)).T, dtype=np.float32)
