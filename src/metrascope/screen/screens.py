"""The screens of one file, DICOM or picture, as ingest and predict see them: neither too large."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from pydicom import Dataset

from metrascope.arrays import Pixels
from metrascope.dicom.frames import Cine, open_pixels
from metrascope.dicom.regions import Region, read_regions
from metrascope.screen.picture import decode_picture, picture_pages
from metrascope.screen.usability import Claims, header_claims

MOST_PIXELS: Final = 4_000_000
"""Pixels of a screen beyond which it is reduced before anything is looked for in it.

Consoles show up to 2560 x 1440 (3.7 million). Phones that photograph them give 12 to 64 million,
of which text recognition would need 220 MiB and 7 s a million; after reducing, an image and what
was read in it have the same pixels still.
"""


@dataclass(frozen=True)
class Screens:
    """An opened file.

    Attributes
    ----------
    ds
        Its header, None for a picture.
    cine
        Its frames, reduced where they are too large.
    claims, regions
        What the header says of them, in pixels of these frames.
    """

    ds: Dataset | None
    cine: Cine
    claims: Claims
    regions: tuple[Region, ...]


def open_screens(content: bytes, ds: Dataset | None) -> Screens:
    """Open the frames of a DICOM file, or the pages of a picture.

    Parameters
    ----------
    content
        The whole file.
    ds
        Its header as `metrascope.dicom.header.read_header` returns it, None for a picture.

    Raises
    ------
    DataError
        If nothing in it can be decoded.
    """
    if ds is None:
        return Screens(None, _open_pages(content), Claims(), ())
    cine = open_pixels(ds)
    shape = (cine.height, cine.width)
    factor = _factor(shape)
    regions = tuple(_scaled(region, factor) for region in read_regions(ds, shape))
    return Screens(ds, _bounded(cine), header_claims(ds), regions)


def _open_pages(content: bytes) -> Cine:
    pages = picture_pages(content)
    first = [_reduced(decode_picture(content, pages[0], MOST_PIXELS))]

    def frame(index: int) -> Pixels:
        if index == 0:
            return first[0]
        return _reduced(decode_picture(content, pages[index], MOST_PIXELS))

    height, width = first[0].shape[:2]
    return Cine(len(pages), height, width, len(pages), frame, pages=len(pages) > 1)


def _bounded(cine: Cine) -> Cine:
    if _factor((cine.height, cine.width)) == 1.0:
        return cine
    width, height = _size((cine.height, cine.width))
    return replace(
        cine, height=height, width=width, frame=lambda index: _reduced(cine.frame(index))
    )


def _factor(shape: tuple[int, ...]) -> float:
    return float(min(1.0, (MOST_PIXELS / (shape[0] * shape[1])) ** 0.5))


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height after reducing."""
    factor = _factor(shape)
    return max(1, int(shape[1] * factor)), max(1, int(shape[0] * factor))


def _reduced(frame: Pixels) -> Pixels:
    if _factor(frame.shape) == 1.0:
        return frame
    return np.asarray(cv2.resize(frame, _size(frame.shape), interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(region: Region, factor: float) -> Region:
    if factor == 1.0:
        return region
    left, top, width, height = (int(side * factor) for side in region.box)
    size = region.mm_per_pixel
    return replace(
        region,
        box=(left, top, width, height),
        mm_per_pixel=None if size is None else (size[0] / factor, size[1] / factor),
    )
