"""Find planted lettering in output pictures: does the shape of the letters still show?"""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Box = tuple[int, int, int, int]
Gray = NDArray[np.uint8]
# Windows of plain echo came to 0.54 at most (7,000 tried), those with letters to 0.59 at least.
VISIBLE = 0.55
_SHIFT = 2
_FEWEST = 25


def find_letters(
    picture: Gray, glyphs: NDArray[np.bool_], boxes: Sequence[Box], origin: tuple[int, int]
) -> list[tuple[Box, float]]:
    """Return the pieces of lettering that still show, and how strongly.

    Parameters
    ----------
    picture
        An output, ``(h, w)`` uint8.
    glyphs
        Pixels of identifying letters on the whole screen.
    boxes
        Left, top, width and height of every line of letters on the screen.
    origin
        Left and top of the output on the screen.

    Returns
    -------
    list
        Box on the screen and the correlation, 0 to 1, of letters and picture, both less their
        surroundings; those above `VISIBLE`.
    """
    found = []
    for box in boxes:
        for window in _windows(box):
            score = _score(picture, glyphs, window, origin)
            if score > VISIBLE:
                found.append((window, score))
    return found


def _windows(box: Box) -> Iterator[Box]:
    """Cut a line into pieces of some letters each, so that half a name is found as well."""
    left, top, width, height = box
    step = max(3 * height, 24)
    for start in range(left, left + max(width - step // 2, 1), step):
        yield start, top, min(step, left + width - start), height


def _score(picture: Gray, glyphs: NDArray[np.bool_], window: Box, origin: tuple[int, int]) -> float:
    left, top, width, height = window
    pad = max(2, height // 3)
    x, y = left - pad, top - pad
    shape = (height + 2 * pad, width + 2 * pad)
    letters = _cut(glyphs.astype(np.uint8) * 255, x, y, shape)
    seen = _cut(picture, x - origin[0] - _SHIFT, y - origin[1] - _SHIFT, shape, _SHIFT)
    if letters is None or seen is None:
        return 0.0
    inside = seen[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT] > 0
    if np.count_nonzero(letters[inside]) < _FEWEST or seen.std() < 1:
        return 0.0
    scores = cv2.matchTemplate(
        _relief(seen, height), _relief(letters, height), cv2.TM_CCOEFF_NORMED
    )
    return float(np.abs(scores[np.isfinite(scores)]).max(initial=0.0))


def _cut(image: Gray, x: int, y: int, shape: tuple[int, int], more: int = 0) -> Gray | None:
    """Return a part of an image, zeros where it reaches beyond; None if it is all beyond."""
    height, width = shape[0] + 2 * more, shape[1] + 2 * more
    part = np.zeros((height, width), np.uint8)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + height, image.shape[0]), min(x + width, image.shape[1])
    if top >= bottom or left >= right:
        return None
    part[top - y : bottom - y, left - x : right - x] = image[top:bottom, left:right]
    return part


def _relief(image: Gray, height: int) -> NDArray[np.float32]:
    """Return an image less its surroundings."""
    values = image.astype(np.float32)
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), max(2.0, height / 2)), np.float32)
