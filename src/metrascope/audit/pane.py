"""The scan sector of an image as the search for duplicates sees it: one size, texture only."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Mask
from metrascope.dataset.image import Picture

Texture = npt.NDArray[np.int8]

PANE_SIDE: Final = 256
"""Longer side of a pane in pixels: speckle is still there, noise of the recompression is not."""

# None was measured alone; together they find all 16 planted changes (docs/audit.md). Pixels of the
# pane: standard deviation of the local mean and deviation, width left out along the outline, width
# of a stroke. Grey levels: least local deviation, height of a stroke over its ground, its level.
_NEIGHBORHOOD: Final = 10.0
_OUTLINE_WIDTH: Final = 5
_STROKE: Final = 7
_FLOOR: Final = 3.0
_STROKE_CONTRAST: Final = 70
_STROKE_LEVEL: Final = 170
# A deviation in steps of int8: values up to 2.6 deviations fit.
_SCALE: Final = 48.0


@dataclass(frozen=True)
class Pane:
    """A normalized scan sector.

    Attributes
    ----------
    texture
        int8, (height, width), longer side `PANE_SIDE`: grey levels less the local mean, over the
        local standard deviation, times 48. Gain, gamma and shading drop out of it.
    valid
        bool, same shape, True where there is echo: not near the sector's outline, which all
        images of a scanner share, and not on marks (thin bright strokes: calipers, text).
    """

    texture: Texture
    valid: Mask


def make_pane(picture: Picture) -> Pane:
    """Normalize the scan sector of an image.

    Parameters
    ----------
    picture
        Image that is cropped to its sector.
    """
    height, width = picture.grey.shape
    factor = PANE_SIDE / max(height, width)
    size = (max(8, round(width * factor)), max(8, round(height * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grey = np.asarray(cv2.resize(picture.grey, size, interpolation=way), np.uint8)
    sector = cv2.resize(picture.sector.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    framed = cv2.copyMakeBorder(sector, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inner = cv2.erode(framed, np.ones((2 * _OUTLINE_WIDTH + 1,) * 2, np.uint8))[1:-1, 1:-1] > 0
    return Pane(_texture(grey), np.asarray(inner & ~_strokes(grey)))


def _texture(grey: npt.NDArray[np.uint8]) -> Texture:
    values = grey.astype(np.float32)
    rest = values - cv2.GaussianBlur(values, (0, 0), _NEIGHBORHOOD)
    spread = np.sqrt(cv2.GaussianBlur(rest * rest, (0, 0), _NEIGHBORHOOD))
    return np.asarray(np.clip(_SCALE * rest / (spread + _FLOOR), -127, 127), np.int8)


def _strokes(grey: npt.NDArray[np.uint8]) -> Mask:
    """Mark thin bright strokes: what an opening removes, if it is nearly white."""
    hat = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((_STROKE, _STROKE), np.uint8))
    thin = (hat > _STROKE_CONTRAST) & (grey > _STROKE_LEVEL)
    return np.asarray(cv2.dilate(thin.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
