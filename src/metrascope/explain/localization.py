"""Heat maps against lesion masks: how far a network looks where the lesion is.

A map is interpolated over the square that the network saw, as it is drawn, and compared with the
lesion's mask brought to the same square by the same crop and resize as the image:

- pointing game (Zhang et al., IJCV 2018): is the middle of the map's highest cell inside the
  lesion? The lesion is grown by 15 pixels of 224, as in that article; where several cells are the
  highest, their share counts.
- energy (Wang et al., CVPR workshops 2020): share of the map's sum inside the lesion.
- best IoU: intersection over union of the lesion and the map above a threshold, at the threshold
  that suits the image best. It is generous, and is to be read beside its baselines.

A map that is even everywhere scores what chance scores: in the pointing game the share of the
cells whose middle is inside the grown lesion, in energy and IoU the lesion's share. A map that
shows the middle of every image is the harder baseline, since lesions tend to lie there.
"""

from functools import lru_cache
from typing import Final, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import GreyImage, Mask
from metrascope.dataset.preprocess import centre_crop, square, stored_size

HeatMap = npt.NDArray[np.float32]

# Margin that the pointing game adds around a lesion, in sides of the square: as in the article.
TOLERANCE: Final = 15 / 224

# Standard deviation of the map that shows the middle, in sides of the square. Chosen, not measured.
CENTER_SPREAD: Final = 1 / 4

# Levels of a map whose best IoU is looked for: as many as a grey image of it has.
_LEVELS: Final = 256


class Located(NamedTuple):
    """How well a map finds a lesion, each number 0 to 1; see the module."""

    pointing: float
    energy: float
    iou: float


def seen_mask(mask: GreyImage, input_size: int, fit: Literal["crop", "pad"] = "crop") -> Mask:
    """Bring a mask to the square that a network sees.

    Parameters
    ----------
    mask
        Mask of the image cropped to its sector, uint8, (height, width); 255 inside.
    input_size
        Side of the square, pixels.
    fit
        As in `metrascope.dataset.preprocess.Preprocessing`.

    Returns
    -------
    bool, (input_size, input_size).
    """
    stored = square(mask, stored_size(input_size), fit)
    # The resize leaves grey levels between: a pixel belongs to the mask by its larger part.
    return np.asarray(centre_crop(stored[None], input_size)[0] > 127)


def spread(heat: HeatMap, size: int) -> HeatMap:
    """Interpolate a map (h, w) linearly over a square of ``size`` pixels.

    A value of the map sits in the middle of its cell; the maximum becomes 1. Zeros stay zeros.
    """
    top = float(heat.max(initial=0.0))
    if not top > 0:
        return np.zeros((size, size), dtype=np.float32)
    scaled = np.ascontiguousarray(heat, dtype=np.float32) / np.float32(top)
    return np.asarray(cv2.resize(scaled, (size, size), interpolation=cv2.INTER_LINEAR))


def locate(heat: HeatMap, lesion: Mask, near: Mask | None = None) -> Located:
    """Measure a map against a lesion.

    Parameters
    ----------
    heat
        Heat map, float32, (h, w), at least 0. A map of zeros shows nothing and scores 0.
    lesion
        Pixels of the lesion, bool, (size, size), somewhere True.
    near
        `grown` of the lesion, where it is known: it costs more than all the rest.
    """
    size = len(lesion)
    fine = spread(heat, size)
    total = float(fine.sum(dtype=np.float64))
    if not total > 0:
        return Located(0.0, 0.0, 0.0)
    near = grown(lesion) if near is None else near
    # Pointing is asked of the coarse map: interpolated, a maximum between pixels is lost in the
    # middle of the square, but not at its edge.
    return Located(
        float(_middles(near, heat.shape)[heat == heat.max()].mean()),
        float(fine[lesion].sum(dtype=np.float64)) / total,
        _best_iou(fine, lesion),
    )


def by_chance(lesion: Mask, cells: tuple[int, ...], near: Mask | None = None) -> Located:
    """Return the score of an even map of ``cells`` (h, w): the score of chance."""
    share = float(lesion.mean())
    near = grown(lesion) if near is None else near
    return Located(float(_middles(near, cells).mean()), share, share)


def by_center(lesion: Mask, near: Mask | None = None) -> Located:
    """Return the score of a map that shows the middle of every image."""
    return locate(_center(len(lesion)), lesion, near)


def grown(lesion: Mask) -> Mask:
    """Return the lesion grown by the tolerance of the pointing game."""
    # Distances are to the nearest zero pixel, and there must be one.
    distance = cv2.distanceTransform((~lesion).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distance <= TOLERANCE * len(lesion))


def _middles(mask: Mask, cells: tuple[int, ...]) -> Mask:
    """Return the mask at the middle of every cell."""
    rows, columns = (
        ((np.arange(count) + 0.5) / count * side).astype(np.int64)
        for count, side in zip(cells, mask.shape, strict=True)
    )
    return np.asarray(mask[rows[:, None], columns])


def _best_iou(heat: HeatMap, lesion: Mask) -> float:
    """Return the best IoU over 255 thresholds, evenly from just above 0 to the maximum."""
    # Levels 0 to 255, rounded up so that anything above 0 is at least 1; the small number keeps
    # values that are a level but for float32's rounding on that level.
    levels = np.ceil(heat * ((_LEVELS - 1) / float(heat.max())) - 1e-4).astype(np.int64)
    # Pixels at or above each threshold, (255,), from the highest down to 1.
    inside, outside = (
        np.bincount(levels[part], minlength=_LEVELS)[::-1].cumsum()[:-1]
        for part in (lesion, ~lesion)
    )
    return float((inside / (lesion.sum() + outside)).max())


@lru_cache(maxsize=4)
def _center(size: int) -> HeatMap:
    offset = (np.arange(size) + 0.5) / size - 0.5
    bell = np.exp(-0.5 * (offset / CENTER_SPREAD) ** 2)
    return np.asarray(bell[:, None] * bell, dtype=np.float32)
