"""Run the two networks of the package ``rapidocr``, which find lines of lettering and read them.

Only the model files of that package are used (PP-OCR, Apache-2.0), run by ONNX Runtime: nothing
is looked up or downloaded, and nothing leaves the machine.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Pixels
from metrascope.errors import MissingExtraError

_Point = tuple[float, float]

_THREADS: Final = "METRASCOPE_OCR_THREADS"
# Probability from which a pixel is of a line, mean of a line's pixels from which it counts, and
# factor by which it is grown: RapidOCR has 0.3, 0.5 and 1.6; here more lines are looked at.
_INK: Final = 0.3
_LINE: Final = 0.45
_GROWTH: Final = 1.6
# Lines tilted by fewer degrees are taken for level: blobs of the network are ragged.
_LEVEL: Final = 4.0
# Lines no longer than this many times their height may stand on any of their four sides.
_SQUARE: Final = 1.5
# Height of the recognizing network's input, pixels; the width to which a line is squeezed at most,
# and lines at a time, are chosen, not measured.
_LETTER_HEIGHT: Final = 48
_WIDEST: Final = 960
_BATCH: Final = 6


@dataclass(frozen=True)
class Strip:
    """Where a line of lettering lies, at any angle.

    Attributes
    ----------
    middle
        x and y in pixels of the image.
    size
        Length along the line and height across it, pixels.
    angle
        Angle of the line against the image's rows, degrees, clockwise as y points down; -90 to 90.
    """

    middle: _Point
    size: tuple[float, float]
    angle: float

    def corners(self, edge: float = 0.0) -> NDArray[np.float32]:
        """Return the four corners, (4, 2), moved outwards by ``edge`` pixels."""
        grown = (self.size[0] + 2 * edge, self.size[1] + 2 * edge)
        return np.asarray(cv2.boxPoints((self.middle, grown, self.angle)), np.float32)

    def moved(self, right: float, down: float) -> "Strip":
        """Return the strip so many pixels to the right and below."""
        return Strip((self.middle[0] + right, self.middle[1] + down), self.size, self.angle)

    def resized(self, factor: float) -> "Strip":
        """Return the strip in an image of ``factor`` times the size."""
        x, y = self.middle
        long, high = self.size
        return Strip((x * factor, y * factor), (long * factor, high * factor), self.angle)


@dataclass(frozen=True)
class _Networks:
    """The two networks, and the characters that the second one knows."""

    finder: Any
    recognizer: Any
    characters: tuple[str, ...]


@cache
def ocr_networks() -> _Networks:
    """Load the networks, once in each process.

    Raises
    ------
    MissingExtraError
        The extra ``ocr`` is not installed, or its package carries no models.
    """
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise MissingExtraError("recognition.missing", extra="ocr")
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("recognition.missing", extra="ocr") from error
    # The builds for Windows report usage to their maker unless told not to.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get(_THREADS, "1"))
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    folder = Path(package.origin).parent / "models"
    finder, recognizer = (
        onnxruntime.InferenceSession(
            str(model_file(folder, task)), options, providers=["CPUExecutionProvider"]
        )
        for task in ("det", "rec")
    )
    characters = recognizer.get_modelmeta().custom_metadata_map["character"].splitlines()
    return _Networks(finder, recognizer, ("", *characters, " "))


def model_file(folder: Path, task: str) -> Path:
    """Return the newest model of a task, ``det`` or ``rec``, in a folder."""
    models = sorted(folder.glob(f"*_{task}_*.onnx"))
    if not models:
        raise MissingExtraError("recognition.no_model", folder=folder)
    return models[-1]


def find_strips(color: Pixels) -> list[Strip]:
    """Return the places of probable lines of lettering, at any angle, from top to bottom.

    Parameters
    ----------
    color
        Image, uint8, (height, width, 3).
    """
    height, width = color.shape[:2]
    # The network halves its input five times.
    size = (max(32, round(width / 32) * 32), max(32, round(height / 32) * 32))
    tensor = _tensor(np.asarray(cv2.resize(color, size), np.uint8))[None]
    finder = ocr_networks().finder
    chance = finder.run(None, {finder.get_inputs()[0].name: tensor})[0][0, 0]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((chance > _INK).astype(np.uint8))
    total = np.bincount(labels.ravel(), weights=chance.ravel(), minlength=count)
    mean = total / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    ratio = np.array((width / size[0], height / size[1]))
    strips = []
    for part in range(1, count):
        left, top, wide, high = (int(value) for value in stats[part][:4])
        if mean[part] > _LINE and min(wide, high) >= 3:
            pixels = labels[top : top + high, left : left + wide] == part
            points = (np.argwhere(pixels)[:, ::-1] + (left, top) + 0.5) * ratio
            strips.append(_around(points.astype(np.float32)))
    return sorted(strips, key=lambda strip: (strip.middle[1], strip.middle[0]))


def _around(points: NDArray[np.float32]) -> Strip:
    """Return the strip around a line, grown as far as the network was taught to shrink it."""
    middle, (long, high), angle = cv2.minAreaRect(points)
    straight = cv2.boundingRect(points)
    if min(abs(angle), abs(abs(angle) - 90)) < _LEVEL:
        left, top, wide, tall = straight
        middle, (long, high), angle = (left + wide / 2, top + tall / 2), (wide, tall), 0.0
    if long < high:
        long, high, angle = high, long, angle - 90
    angle = (angle + 90) % 180 - 90
    # Area times factor over half the perimeter, on both sides together, as the network's authors
    # do.
    edge = long * high * _GROWTH / (long + high)
    return Strip((float(middle[0]), float(middle[1])), (long + edge, high + edge), float(angle))


def read_strips(color: Pixels, strips: Sequence[Strip]) -> list[tuple[str, float]]:
    """Return the text of each strip and the mean probability of its characters, 0 to 1.

    A line may be upside down, and one about as long as high may stand on any side: it is read in
    each way, and the likeliest counts.

    Parameters
    ----------
    color
        Image, uint8, (height, width, 3).
    strips
        Strips of `find_strips`.
    """
    first = recognize([_cut(color, strip) for strip in strips])
    again = [(at, turn) for at, strip in enumerate(strips) for turn in _turns(strip)]
    crops = [_cut(color, strips[at], turn) for at, turn in again]
    best = first
    for (at, _), other in zip(again, recognize(crops), strict=True):
        if _weight(other) > _weight(best[at]):
            best[at] = other
    return best


def _turns(strip: Strip) -> tuple[int, ...]:
    long, high = strip.size
    return (90, 180, 270) if long < _SQUARE * high else (180,)


def _weight(read: tuple[str, float]) -> float:
    """Return how much was read: several characters say more than one."""
    return read[1] * min(3, sum(sign.isalnum() for sign in read[0]))


def recognize(crops: Sequence[Pixels]) -> list[tuple[str, float]]:
    """Read pictures of one line each, 48 pixels high; ``("", 0.0)`` where nothing is read."""
    read = [("", 0.0)] * len(crops)
    order = sorted(range(len(crops)), key=lambda index: crops[index].shape[1])
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        wide = max(crops[index].shape[1] for index in batch)
        tensors = np.zeros((len(batch), 3, _LETTER_HEIGHT, max(wide, 96)), np.float32)
        for row, index in enumerate(batch):
            tensors[row, :, :, : crops[index].shape[1]] = _tensor(crops[index])
        recognizer = ocr_networks().recognizer
        chances = recognizer.run(None, {recognizer.get_inputs()[0].name: tensors})[0]
        for index, each in zip(batch, chances, strict=True):
            read[index] = _decode(each, ocr_networks().characters)
    return read


def _cut(color: Pixels, strip: Strip, turn: int = 0) -> Pixels:
    """Return a strip level and 48 pixels high, turned by a quarter, a half or three quarters."""
    long, high = (max(1.0, side) for side in strip.size)
    if turn % 180:
        long, high = high, long
    size = (min(_WIDEST, max(8, round(long * _LETTER_HEIGHT / high))), _LETTER_HEIGHT)
    turned = cv2.getRotationMatrix2D(strip.middle, strip.angle + turn, 1.0)
    matrix = np.asarray(turned, np.float64)
    matrix[:, 2] += np.array((long, high)) / 2 - strip.middle
    matrix *= np.array([[size[0] / long], [size[1] / high]])
    smaller = size[1] < high
    part = cv2.warpAffine(
        color, matrix, size, flags=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    )
    return np.asarray(part, np.uint8)


def _decode(chances: NDArray[np.float32], characters: tuple[str, ...]) -> tuple[str, float]:
    """Join the likeliest characters, repeats and blanks left out (CTC)."""
    best = chances.argmax(axis=1)
    signs = (best > 0) & np.append(True, best[1:] != best[:-1])
    if not signs.any():
        return "", 0.0
    text = "".join(characters[index] for index in best[signs]).strip()
    return text, float(chances.max(axis=1)[signs].mean())


def _tensor(color: Pixels) -> NDArray[np.float32]:
    """Return an image (h, w, 3) as the networks take it: (3, h, w), -1 to 1."""
    return np.ascontiguousarray((color.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1))
