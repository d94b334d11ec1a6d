"""Fill masked pixels of an ultrasound image with speckle from beside them."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float32]
Counts = NDArray[np.int32]
Box = tuple[int, int, int, int]

_COARSE: Final = 6.0
"""Standard deviation in pixels of the blur that parts brightness from speckle."""
_STEP: Final = 4
"""Brightness is reckoned on every fourth pixel: it is smooth."""
_TILE: Final = 32
"""Speckle is copied in tiles of this side, each from the nearest place that has no mask."""
_REACH: Final = 160
"""Largest distance in pixels from which speckle is taken."""


def inpaint(image: Image, mask: Flags, within: Flags | None = None) -> Image:
    """Replace masked pixels by what their surroundings look like, brightness and speckle.

    The brightness is interpolated from the unmasked pixels around. The speckle on top of it is
    copied from a place beside the mask, so that neither a letter's shape nor a smooth patch in
    its shape remains. No masked pixel has any influence on the result, and unmasked pixels are
    left alone.

    Parameters
    ----------
    image
        uint8, (height, width) or (height, width, 3).
    mask
        bool, (height, width), True where pixels are to be replaced.
    within
        bool, (height, width): pixels that may serve as a source, such as the scan sector; all
        by default.

    Returns
    -------
    uint8, shape of ``image``.
    """
    if not mask.any():
        return image.copy()
    source = ~mask if within is None else ~mask & within
    base = _brightness(image, source)
    blocked = np.asarray(cv2.integral((~source).astype(np.uint8)), np.int32)
    filled = base.copy()
    for tile in _tiles(mask):
        _copy_speckle(filled, image, blocked, tile)
    result = image.copy()
    result[mask] = np.clip(np.rint(filled[mask]), 0, 255).astype(np.uint8)
    return result


def _tiles(mask: Flags) -> list[Box]:
    """Return boxes no larger than a tile that together hold every masked pixel."""
    height, width = mask.shape
    tiles = []
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            part = mask[top : top + _TILE, left : left + _TILE]
            if part.any():
                x, y, wide, high = cv2.boundingRect(part.astype(np.uint8))
                tiles.append((left + x, top + y, wide, high))
    return tiles


def _brightness(image: Image, source: Flags) -> Floats:
    """Return the local mean of the source pixels, from ever farther away where there is none."""
    height, width = source.shape
    size = (max(1, width // _STEP), max(1, height // _STEP))
    shown = source.astype(np.uint8) * np.uint8(255)
    # Masked pixels are zero before anything is reckoned: they leave no trace.
    known_only = cv2.bitwise_and(image, image, mask=shown)
    total = cv2.resize(known_only, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    weight = cv2.resize(shown, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    mean, known = np.zeros(total.shape, np.float32), np.zeros(weight.shape, np.float32)
    for sigma in (_COARSE / _STEP, 3 * _COARSE / _STEP, 12 * _COARSE / _STEP):
        near = cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        level = cv2.GaussianBlur(total, (0, 0), sigma, borderType=cv2.BORDER_CONSTANT)
        share = np.clip(8 * near, 0, 1) * (1 - known)
        each = share / np.maximum(near, 1e-6)
        mean += level * each[(...,) + (None,) * (image.ndim - 2)]
        known += share
    mean /= np.maximum(known, 1e-6)[(...,) + (None,) * (image.ndim - 2)]
    return np.asarray(cv2.resize(mean, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _copy_speckle(filled: Floats, image: Image, blocked: Counts, tile: Box) -> None:
    """Add to a tile what another place deviates from its own local mean."""
    left, top, wide, high = tile
    found = _nearest_free(blocked, tile)
    if found is None:
        return
    x, y = found
    donor = image[y : y + high, x : x + wide].astype(np.float32)
    speckle = donor - cv2.GaussianBlur(donor, (0, 0), _COARSE)
    filled[top : top + high, left : left + wide] += speckle


def _nearest_free(blocked: Counts, tile: Box) -> tuple[int, int] | None:
    """Return the top left corner of the nearest box of this size that is all source."""
    left, top, wide, high = tile
    x0, y0 = max(0, left - _REACH), max(0, top - _REACH)
    part = blocked[y0 : top + high + _REACH + 1, x0 : left + wide + _REACH + 1]
    counts = part[high:, wide:] - part[:-high, wide:] - part[high:, :-wide] + part[:-high, :-wide]
    rows, columns = np.nonzero(counts == 0)
    if not len(rows):
        return None
    # Sideways before up and down: speckle is alike at the same depth.
    distance = np.hypot(columns + (x0 - left), 1.5 * (rows + (y0 - top)))
    best = int(distance.argmin())
    return int(columns[best]) + x0, int(rows[best]) + y0
