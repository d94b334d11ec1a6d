"""Fill masked pixels of an ultrasound image with speckle from beside them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box, Floats32, Mask, Pixels

_Counts = NDArray[np.int32]

# Chosen, not measured alone; benchmarks/lettering.py shows what is left of filled-in lettering.
# Standard deviation in pixels of the blur that parts brightness from speckle.
_COARSE: Final = 6.0
# Brightness is computed on every fourth pixel: it is smooth.
_STEP: Final = 4
# Speckle is copied in tiles of this side in pixels, each from the nearest place without a mask.
_TILE: Final = 32
# Distances in pixels within which speckle is looked for, the next where there is none.
_REACHES: Final = (24, 56, 160)
_SHIFTS: Final = np.arange(-_REACHES[-1], _REACHES[-1] + 1)
# Distance of a place from a tile, by how far it is below and to the right, (321, 321). Sideways
# before up and down: speckle is alike at the same depth.
_DISTANCES: Final = np.hypot(_SHIFTS, 1.5 * _SHIFTS[:, None])


def inpaint(image: Pixels, mask: Mask, within: Mask | None = None) -> Pixels:
    """Replace masked pixels by brightness and speckle of their surroundings.

    The brightness is interpolated from the unmasked pixels around. The speckle on top of it is
    copied from a place beside the mask, so that neither a letter's shape nor a smooth patch in
    its shape remains. No masked pixel has any influence on the result, and unmasked pixels are
    left alone.

    Parameters
    ----------
    image
        Image, uint8, (height, width) or (height, width, 3).
    mask
        Pixels that are replaced, bool, (height, width).
    within
        Pixels that may serve as a source, such as the scan sector, bool, (height, width); all by
        default.

    Returns
    -------
    Filled image, uint8, shape of ``image``.
    """
    if not mask.any():
        return image.copy()
    source = ~mask if within is None else ~mask & within
    filled = _brightness(image, source, mask)
    blocked = np.asarray(cv2.integral((~source).view(np.uint8)), np.int32)
    for tile in _tiles(mask):
        _copy_speckle(filled, image, blocked, tile)
    result = image.copy()
    result[mask] = np.clip(np.rint(filled[mask]), 0, 255).astype(np.uint8)
    return result


def _tiles(mask: Mask) -> list[Box]:
    """Return boxes no larger than a tile that together hold every masked pixel."""
    flags = mask.view(np.uint8)
    tiles = []
    for row, column in _blocks(flags):
        left, top = column * _TILE, row * _TILE
        x, y, wide, high = cv2.boundingRect(flags[top : top + _TILE, left : left + _TILE])
        tiles.append((left + x, top + y, wide, high))
    return tiles


def _blocks(flags: Pixels) -> list[tuple[int, int]]:
    """Return row and column of the tiles that hold any flag, from top to bottom."""
    height, width = flags.shape
    by_rows = np.maximum.reduceat(flags, np.arange(0, height, _TILE), axis=0)
    blocks = np.maximum.reduceat(by_rows, np.arange(0, width, _TILE), axis=1)
    return [(int(row), int(column)) for row, column in np.argwhere(blocks)]


def _brightness(image: Pixels, source: Mask, wanted: Mask) -> Floats32:
    """Return the local mean of the source pixels, from ever farther away where there is none.

    It is right where it is wanted; elsewhere it need not be.
    """
    height, width = source.shape
    size = (max(1, width // _STEP), max(1, height // _STEP))
    usable = source.astype(np.uint8) * np.uint8(255)
    # Masked pixels are zero before anything is computed: they leave no trace.
    source_only = cv2.bitwise_and(image, image, mask=usable)
    total = cv2.resize(source_only, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(usable, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    few = cv2.resize(wanted.view(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA)
    needed = cv2.dilate(few, np.ones((5, 5), np.uint8)) > 0
    # Means within ever wider blurs, each as far as the narrower ones have not covered a place; a
    # blur counts in full from an eighth of source pixels on.
    mean, covered = np.zeros(total.shape, np.float32), np.zeros(weight.shape, np.float32)
    for sigma in (_COARSE / _STEP, 3 * _COARSE / _STEP, 12 * _COARSE / _STEP):
        near = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        level = cv2.GaussianBlur(total, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        share = np.clip(8 * near, 0, 1) * (1 - covered)
        each = share / np.maximum(near, 1e-6)
        mean += level * each[(...,) + (None,) * (image.ndim - 2)]
        covered += share
        if (covered[needed] >= 1).all():
            break
    mean /= np.maximum(covered, 1e-6)[(...,) + (None,) * (image.ndim - 2)]
    return np.asarray(cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _copy_speckle(filled: Floats32, image: Pixels, blocked: _Counts, tile: Box) -> None:
    """Add to a tile the deviations of another place from its own local mean."""
    left, top, wide, high = tile
    corner = _nearest_free(blocked, tile)
    if corner is None:
        return
    x, y = corner
    donor = image[y : y + high, x : x + wide].astype(np.float32)
    speckle = donor - cv2.GaussianBlur(donor, (0, 0), _COARSE)
    filled[top : top + high, left : left + wide] += speckle


def _nearest_free(blocked: _Counts, tile: Box) -> tuple[int, int] | None:
    """Return the top left corner of the nearest box of this size that is all source."""
    for reach in _REACHES:
        nearest = _free_within(blocked, tile, reach)
        # Beyond the reach, which is a square, something may be nearer than in its corners.
        if nearest is not None and (nearest[0] <= reach or reach == _REACHES[-1]):
            return nearest[1]
    return None


def _free_within(blocked: _Counts, tile: Box, reach: int) -> tuple[float, tuple[int, int]] | None:
    """Return distance and corner of the nearest box in the square of this reach, if any."""
    left, top, wide, high = tile
    x0, y0 = max(0, left - reach), max(0, top - reach)
    part = blocked[y0 : top + high + reach + 1, x0 : left + wide + reach + 1]
    # Masked pixels in the box at each corner, from the table of sums.
    counts = part[high:, wide:] - part[:-high, wide:] - part[high:, :-wide] + part[:-high, :-wide]
    rows, columns = counts.shape
    down, across = _REACHES[-1] - (top - y0), _REACHES[-1] - (left - x0)
    distances = np.where(
        counts == 0, _DISTANCES[down : down + rows, across : across + columns], np.inf
    )
    best = int(distances.argmin())
    distance = float(distances.flat[best])
    if distance == np.inf:
        return None
    return distance, (best % columns + x0, best // columns + y0)
