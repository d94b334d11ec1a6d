"""Pictures of a pair for the page: the two images, and the second laid over the first."""

from dataclasses import dataclass
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from PIL import Image

from metrascope.arrays import GreyImage
from metrascope.audit.pairs import DuplicatePair
from metrascope.audit.pane import PANE_SIDE
from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import Manifest
from metrascope.errors import DataError
from metrascope.pages import data_address

_JPEG_QUALITY: Final = 80  # a page may have 450 pictures; chosen, not measured


@dataclass(frozen=True)
class Pictures:
    """``data:`` addresses; ``""`` where an image has gone since, or was not laid over."""

    first: str
    second: str
    overlay: str


def picture_pair(manifest: Manifest, pair: DuplicatePair) -> Pictures:
    """Draw the scan sectors of a pair, longer side 256 pixels.

    In the overlay the first image is red and the second, moved onto it, is cyan: where they
    agree it is grey.
    """
    first, second = (_sector(manifest, row) for row in (pair.first, pair.second))
    overlay = ""
    agreement = pair.agreement
    if first is not None and second is not None and agreement and agreement.transform is not None:
        size = (first.shape[1], first.shape[0])
        moving = np.ascontiguousarray(second[:, ::-1]) if agreement.flipped else second
        laid = np.asarray(cv2.warpAffine(moving, agreement.transform, size), np.uint8)
        overlay = _address(np.dstack([first, _matched(laid, first), _matched(laid, first)]))
    return Pictures(_address(first), _address(second), overlay)


def _sector(manifest: Manifest, row: int) -> GreyImage | None:
    try:
        grey = read_picture(manifest, row, sector_crop=True).grey
    except DataError:
        return None
    factor = PANE_SIDE / max(grey.shape)
    size = (max(8, round(grey.shape[1] * factor)), max(8, round(grey.shape[0] * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey, size, interpolation=way), np.uint8)


def _matched(laid: GreyImage, first: GreyImage) -> GreyImage:
    """Give the second the first's gain, so that a difference in brightness tints nothing."""
    covered = laid > 0
    if not covered.any():
        return laid
    order = np.searchsorted(np.sort(laid[covered]), np.arange(256)) / covered.sum()
    levels = np.quantile(first[covered], np.clip(order, 0, 1))
    return np.where(covered, levels.astype(np.uint8)[laid], np.uint8(0))


def _address(picture: GreyImage | None) -> str:
    if picture is None:
        return ""
    buffer = BytesIO()
    Image.fromarray(picture).save(buffer, "jpeg", quality=_JPEG_QUALITY)
    return data_address(buffer.getvalue(), "jpeg")
