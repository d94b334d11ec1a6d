"""A heat map laid over its image, with the outline of the lesion."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

OutlineBox = tuple[float, float, float, float]
_LEVELS: Final = 256
# Share of the color scale that is left out, being too dark over an image. By eye.
_DARKEST: Final = 0.3
_OUTLINE: Final = (0, 255, 255)
# Greatest opacity of a map, so that the image shows through. By eye.
_STRENGTH: Final = 0.75


def _scale() -> NDArray[np.float64]:
    # Perceptually uniform from dark violet to yellow: matplotlib's "inferno", which OpenCV has
    # too. The black end is left out: over an ultrasound image it would look like shadow.
    levels = (np.linspace(_DARKEST, 1.0, _LEVELS) * _LEVELS).astype(int).clip(0, _LEVELS - 1)
    ramp = levels.astype(np.uint8)[:, None]
    bgr = cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO)
    return np.asarray(bgr[:, 0, ::-1] / 255.0, dtype=np.float64)


SCALE: Final = _scale()
"""Colors from no heat to the hottest: float64, (256, 3), red, green and blue in [0, 1]."""


def heat_rgb(heat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colors of heat in [0, 1]: shape (..., 3), red, green and blue in [0, 1]."""
    colors: NDArray[np.float64] = SCALE[(heat * _LEVELS).astype(int).clip(0, _LEVELS - 1)]
    return colors


def overlay(
    grey: NDArray[np.uint8],
    heat: NDArray[np.float32],
    mask: NDArray[np.uint8] | None = None,
    box: OutlineBox | None = None,
) -> NDArray[np.uint8]:
    """Lay a heat map over a grey image; the hotter, the more its color covers the image.

    Parameters
    ----------
    grey
        Shape (height, width), uint8.
    heat
        Shape (h, w), any scale, not negative; shown relative to its own maximum. A map of zeros
        leaves the image as it is.
    mask
        Lesion mask of the image's shape, over 0 inside; its outline is drawn, if given.
    box
        Left, top, right and bottom of what the network saw, in pixels of the image; all of it
        when not given. Outside the box there is no heat.

    Returns
    -------
    numpy.ndarray
        Shape (height, width, 3), uint8 RGB.
    """
    height, width = grey.shape
    spread = spread_heat(heat, (height, width), box)
    colors = heat_rgb(spread) * 255.0
    cover = (_STRENGTH * spread**0.75)[..., None]
    picture = grey[..., None] * (1.0 - cover) + colors * cover
    result = np.rint(picture).astype(np.uint8)
    if mask is not None:
        result[mask_outline(mask, max(1, round(max(height, width) / 320)))] = _OUTLINE
    return result


def spread_heat(
    heat: NDArray[np.float32], shape: tuple[int, int], box: OutlineBox | None = None
) -> NDArray[np.float64]:
    """Interpolate a heat map linearly over its box of an image; values in [0, 1], 0 outside.

    A value of the map sits in the middle of its cell, as in the network.
    """
    top = float(heat.max(initial=0.0))
    if not top > 0.0:
        return np.zeros(shape)
    left, upper, right, lower = box or (0.0, 0.0, float(shape[1]), float(shape[0]))
    rows = _weights(shape[0], upper, lower, heat.shape[0])
    columns = _weights(shape[1], left, right, heat.shape[1])
    return np.clip(rows @ (heat.astype(np.float64) / top) @ columns.T, 0.0, 1.0)


def mask_outline(mask: NDArray[np.uint8], width: int = 1) -> NDArray[np.bool_]:
    """Return the pixels of a mask within ``width`` pixels of its edge."""
    inside = mask > 0
    core = np.pad(inside, 1)
    for _ in range(width):
        core = np.pad(
            core[1:-1, 1:-1] & core[:-2, 1:-1] & core[2:, 1:-1] & core[1:-1, :-2] & core[1:-1, 2:],
            1,
        )
    return inside & ~core[1:-1, 1:-1]


def _weights(size: int, start: float, end: float, cells: int) -> NDArray[np.float64]:
    """Return shape (size, cells): how much each cell adds to each pixel of one axis."""
    middle = np.arange(size) + 0.5
    position = np.clip((middle - start) / (end - start) * cells - 0.5, 0, cells - 1)
    near: NDArray[np.float64] = 1.0 - np.abs(position[:, None] - np.arange(cells))
    weights = np.maximum(near, 0.0)
    weights[(middle < start) | (middle > end)] = 0.0
    return weights
