"""The frames of a cine loop that are worth keeping: sharp, and different from each other."""

from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.data.sector import find_sector
from metrascope.dicom.pixels import Cine
from metrascope.errors import DataError

Thumbnail = npt.NDArray[np.float32]

_MOST_LOOKED_AT: Final = 64
_WORKING_SIDE: Final = 256
_THUMBNAIL: Final = 32
_SAME: Final = 0.97
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
        Of one frame or many.
    count
        How many at most, or ``all``.

    Returns
    -------
    Numbers from 0. Blank frames and frames that cannot be decoded are left out, unless there
    are no others: then the first frame stands for the loop.
    """
    if count == "all":
        return list(range(cine.count))
    step = max(1, -(-cine.count // _MOST_LOOKED_AT))
    found = [
        (sharpness, number, thumbnail)
        for number in range(0, cine.count, step)
        for sharpness, thumbnail in _looked_at(cine, number)
    ]
    found.sort(key=lambda item: (-item[0], item[1]))
    chosen: list[tuple[int, Thumbnail]] = []
    for _, number, thumbnail in found:
        if len(chosen) < count and all(_alike(thumbnail, other) < _SAME for _, other in chosen):
            chosen.append((number, thumbnail))
    return sorted(number for number, _ in chosen) or [0]


def _looked_at(cine: Cine, number: int) -> list[tuple[float, Thumbnail]]:
    try:
        frame = cine.frame(number)
    except DataError:
        return []
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    factor = min(1.0, _WORKING_SIDE / max(grey.shape))
    small = np.asarray(
        cv2.resize(grey, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    left, top, width, height = find_sector(small).box
    part = small[top : top + height, left : left + width]
    spread = float(part.std())
    if spread < _LEAST_SPREAD:
        return []
    sharpness = float(cv2.Laplacian(part, cv2.CV_32F).var()) / spread**2
    tiny = cv2.resize(small, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)
    centered = tiny.astype(np.float32) - tiny.mean()
    return [(sharpness, centered / max(1e-6, float(np.linalg.norm(centered))))]


def _alike(a: Thumbnail, b: Thumbnail) -> float:
    return float((a * b).sum())
