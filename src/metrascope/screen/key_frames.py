"""The frames of a cine loop that are worth keeping: sharp, and different from each other."""

from collections.abc import Iterator
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Box, Mask, Pixels
from metrascope.dicom.frames import Cine
from metrascope.errors import DataError
from metrascope.screen.sector import find_sector

Thumbnail = npt.NDArray[np.float32]

# None was measured. Frames of a loop that are decoded; pixels of the longer side on which sharpness
# is measured, and of a thumbnail's sides.
_MOST_FRAMES: Final = 64
_WORKING_SIDE: Final = 256
_THUMBNAIL: Final = 32
# Correlation of two thumbnails from which they show the same.
_SAME: Final = 0.97
# Standard deviation of grey under which a frame is blank.
_LEAST_SPREAD: Final = 2.0


def key_frames(cine: Cine, count: int | Literal["all"]) -> list[int]:
    """Return the numbers of the sharpest distinct frames, in the order of time.

    One pass; of each frame a thumbnail and a number are kept. Of long loops up to 64 frames,
    evenly spread, are looked at. Sharpness is the variance of the Laplacian over the variance
    of grey (Pertuz et al., Pattern Recognit 2013;46:1415), inside the sector of the first frame
    that shows one, so that letters and clocks on the screen do not count. Two frames are
    distinct if their thumbnails correlate less than 0.97; if the loop has no more that are, the
    list is shorter than ``count``.

    Parameters
    ----------
    cine
        Loop of one frame or many.
    count
        Greatest number of frames, or ``all``.

    Returns
    -------
    Numbers from 0. Blank frames and frames that cannot be decoded are left out, unless there
    are no others: then the first frame stands for the loop.
    """
    if count == "all":
        return list(range(cine.count))
    ranked = sorted(_measure_frames(cine), key=lambda item: (-item[0], item[1]))
    distinct: list[tuple[int, Thumbnail]] = []
    for _, number, thumbnail in ranked:
        if len(distinct) < count and all(
            _correlation(thumbnail, other) < _SAME for _, other in distinct
        ):
            distinct.append((number, thumbnail))
    return sorted(number for number, _ in distinct) or [0]


def _measure_frames(cine: Cine) -> Iterator[tuple[float, int, Thumbnail]]:
    """Yield sharpness, number and thumbnail of frames spread over the loop, blank ones left out."""
    sector: tuple[Box, Mask] | None = None
    for number in range(0, cine.count, max(1, -(-cine.count // _MOST_FRAMES))):
        small = _reduced(cine, number)
        if small is None:
            continue
        (left, top, width, height), inside = sector or _sector(small)
        part = np.ascontiguousarray(small[top : top + height, left : left + width])
        spread = float(part[inside].std()) if inside.any() else 0.0
        if spread < _LEAST_SPREAD:
            continue
        # The probe's sector stays where it is as long as a loop lasts.
        sector = (left, top, width, height), inside
        sharpness = float(cv2.Laplacian(part, cv2.CV_32F)[inside].var()) / spread**2
        tiny = cv2.resize(small, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
        centered = tiny.astype(np.float32) - tiny.mean()
        yield sharpness, number, centered / max(1e-6, float(np.linalg.norm(centered)))


def _sector(small: Pixels) -> tuple[Box, Mask]:
    """Return the box of the sector and its pixels without its edge, bool, (height, width)."""
    sector = find_sector(small)
    left, top, width, height = sector.box
    mask = sector.mask[top : top + height, left : left + width].astype(np.uint8)
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    inside = cv2.erode(framed, np.ones((3, 3), np.uint8))[1:-1, 1:-1]
    return sector.box, np.asarray(inside > 0)


def _reduced(cine: Cine, number: int) -> Pixels | None:
    """Return a small grey picture of a frame, None where it cannot be decoded."""
    try:
        frame = cine.frame(number)
    except DataError:
        return None
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    factor = min(1.0, _WORKING_SIDE / max(grey.shape))
    small = cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _correlation(one: Thumbnail, other: Thumbnail) -> float:
    return float((one * other).sum())
