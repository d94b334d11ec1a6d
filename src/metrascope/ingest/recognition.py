"""Read lettering in an image, Latin and Chinese, with the models of the package ``rapidocr``.

Only the model files of that package are used (PP-OCR, Apache-2.0), run by ONNX Runtime: nothing
is looked up or downloaded, and nothing leaves the machine.
"""

import os
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.data.sector import Sector
from metrascope.errors import MissingExtraError
from metrascope.ingest.filling import inpaint

Image = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Box = tuple[int, int, int, int]

_THREADS: Final = "METRASCOPE_OCR_THREADS"
_ROUNDS: Final = 2
"""How often what reads is filled in before a person has to look."""
_COVERED: Final = 0.5
"""Share of a line's box that is masked where the line was found without reading it."""
_SURE: Final = 0.6
_SURE_OF_ONE: Final = 0.9
_PIXELS: Final = 900_000
"""Size up to which an image is enlarged, at most to twice its sides."""
_STROKE: Final = 9
"""Strokes of letters are narrower than this, in pixels of the image."""
_GAIN: Final = 1.5
_INK: Final = 0.3
_LINE: Final = 0.45
_SPREAD: Final = 1.6
_LETTER_HEIGHT: Final = 48
_WIDEST: Final = 960
_TALLEST: Final = 64
_BATCH: Final = 6


@dataclass(frozen=True)
class Line:
    """One line of lettering.

    Attributes
    ----------
    text
        What it reads.
    score
        Mean probability of its characters, 0 to 1.
    box
        ``(left, top, width, height)`` in pixels of the image.
    """

    text: str
    score: float
    box: Box


@dataclass(frozen=True)
class Verified:
    """What came of reading an image.

    Attributes
    ----------
    image
        The image, with what was masked and what read as text filled in.
    found
        Lines that read as text and were not masked already.
    state
        ``clean``: nothing read; ``masked``: what read was filled in, and nothing reads any more;
        ``quarantine``: something still reads, a person has to look.
    """

    image: Image
    found: tuple[Line, ...]
    state: Literal["clean", "masked", "quarantine"]


def verify(image: Image, sector: Sector, masked: Flags | None = None) -> Verified:
    """Read an image, fill in what reads as text, read again, and give up where it still reads.

    It is read first as it was, with the text in it that was found without reading: half a name,
    the other half filled in, is harder to read than the whole.

    Parameters
    ----------
    image
        uint8, (height, width) or (height, width, 3) RGB, nothing filled in yet.
    sector
        Where the speckle that fills the gaps may come from.
    masked
        bool, (height, width): what is filled in whatever it reads; nothing by default.

    Raises
    ------
    MissingExtraError
        The extra ``ocr`` is not installed, or its package carries no models.
    """
    mask = np.zeros(image.shape[:2], dtype=bool) if masked is None else masked
    lines = still_reads(image)
    missed = tuple(line for line in lines if not _is_covered(line, mask))
    mask = (mask | _boxes_as_mask(lines, image.shape)) & sector.mask
    if not mask.any():
        return Verified(image, (), "clean")
    image = inpaint(image, mask, sector.mask)
    left = still_reads(image)
    found = missed + left
    for _ in range(_ROUNDS):
        if not left:
            break
        image = inpaint(image, _boxes_as_mask(left, image.shape), sector.mask)
        left = still_reads(image)
    if left:
        return Verified(image, found, "quarantine")
    return Verified(image, found, "masked" if found else "clean")


def still_reads(image: Image) -> tuple[Line, ...]:
    """Return the lines of an image that count as text, from top to bottom.

    A line counts with two letters, digits or characters that were read with a mean probability
    of 0.6; a single one, which says little and is what speckle is taken for most often, with 0.9.
    Speckle without lettering, phantom and real, stayed under 0.5 for two and under 0.85 for one
    where this was looked at.

    Parameters
    ----------
    image
        uint8, (height, width) or (height, width, 3) RGB.
    """
    tallest = max(_TALLEST, image.shape[0] // 4)
    lines = (line for line in read_text(image) if _counts(line))
    # A whole fan is sometimes taken for one large character.
    return tuple(line for line in lines if len(line.text) > 1 or line.box[3] <= tallest)


def _counts(line: Line) -> bool:
    letters = sum(sign.isalnum() for sign in line.text)
    return line.score >= (_SURE if letters > 1 else _SURE_OF_ONE) if letters else False


def _is_covered(line: Line, mask: Flags) -> bool:
    left, top, wide, high = line.box
    return bool(mask[top : top + high, left : left + wide].mean() > _COVERED)


def _boxes_as_mask(lines: tuple[Line, ...], shape: tuple[int, ...]) -> Flags:
    mask = np.zeros(shape[:2], dtype=bool)
    for left, top, wide, high in (line.box for line in lines):
        edge = max(3, high // 4)
        mask[max(0, top - edge) : top + high + edge, max(0, left - edge) : left + wide + edge] = (
            True
        )
    return mask


def read_text(image: Image) -> tuple[Line, ...]:
    """Read all lettering in an image, from top to bottom, also what is hardly lettering.

    The tissue is taken away first (what is wider than a stroke), and small images are enlarged:
    the network that finds lines was taught on photographs, where letters are larger.

    Parameters
    ----------
    image
        uint8, (height, width) or (height, width, 3) RGB.

    Raises
    ------
    MissingExtraError
        The extra ``ocr`` is not installed, or its package carries no models.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    scale = min(max((_PIXELS / max(1, grey.size)) ** 0.5, 1.0), 2.0)
    ground = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((_STROKE, _STROKE), np.uint8))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    bright = cv2.resize(
        cv2.convertScaleAbs(ground, alpha=_GAIN), size, interpolation=cv2.INTER_CUBIC
    )
    color = np.asarray(cv2.cvtColor(bright, cv2.COLOR_GRAY2BGR), np.uint8)
    boxes = _find_lines(color)
    read = _recognize([_cut(color, box) for box in boxes])
    lines = (Line(*what, _unscaled(box, scale)) for what, box in zip(read, boxes, strict=True))
    return tuple(line for line in lines if line.text)


@dataclass(frozen=True)
class _Reader:
    """The two networks, and the characters that the second one knows."""

    finder: Any
    recognizer: Any
    characters: tuple[str, ...]


@cache
def _reader() -> _Reader:
    """Load the networks once in each process."""
    package = find_spec("rapidocr")
    if package is None or package.origin is None:
        raise MissingExtraError("recognition.missing")
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("recognition.missing") from error
    # The builds for Windows report usage to their maker unless told not to.
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get(_THREADS, "1"))
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    folder = Path(package.origin).parent / "models"
    finder, recognizer = (
        onnxruntime.InferenceSession(
            str(_model(folder, task)), options, providers=["CPUExecutionProvider"]
        )
        for task in ("det", "rec")
    )
    known = recognizer.get_modelmeta().custom_metadata_map["character"].splitlines()
    return _Reader(finder, recognizer, ("", *known, " "))


def _model(folder: Path, task: str) -> Path:
    found = sorted(folder.glob(f"*_{task}_*.onnx"))
    if not found:
        raise MissingExtraError("recognition.no_model", folder=folder)
    return found[-1]


def _find_lines(color: Image) -> list[Box]:
    """Return the boxes of what looks like lines of lettering, from top to bottom."""
    height, width = color.shape[:2]
    size = (max(32, round(width / 32) * 32), max(32, round(height / 32) * 32))
    tensor = _tensor(np.asarray(cv2.resize(color, size), np.uint8))[None]
    finder = _reader().finder
    chance = finder.run(None, {finder.get_inputs()[0].name: tensor})[0][0, 0]
    count, labels, stats, _ = cv2.connectedComponentsWithStats((chance > _INK).astype(np.uint8))
    total = np.bincount(labels.ravel(), weights=chance.ravel(), minlength=count)
    mean = total / np.maximum(stats[:, cv2.CC_STAT_AREA], 1)
    ratio = (width / size[0], height / size[1])
    boxes = [
        _spread(stats[part][:4], ratio, (width, height))
        for part in range(1, count)
        if mean[part] > _LINE and stats[part][3] >= 3
    ]
    return sorted(boxes, key=lambda box: (box[1], box[0]))


def _spread(box: NDArray[np.int32], ratio: tuple[float, float], limit: tuple[int, int]) -> Box:
    """Grow a box as far as the network was taught to shrink it, and bring it to the image."""
    left, top, wide, high = (int(value) for value in box)
    edge = wide * high * _SPREAD / (2 * (wide + high))
    x0, y0 = max(0, round((left - edge) * ratio[0])), max(0, round((top - edge) * ratio[1]))
    x1 = min(limit[0], round((left + wide + edge) * ratio[0]))
    y1 = min(limit[1], round((top + high + edge) * ratio[1]))
    return x0, y0, x1 - x0, y1 - y0


def _recognize(crops: list[Image]) -> list[tuple[str, float]]:
    """Read each crop of one line; ``("", 0.0)`` where nothing is read."""
    reader, read = _reader(), [("", 0.0)] * len(crops)
    order = sorted(range(len(crops)), key=lambda index: crops[index].shape[1])
    name = reader.recognizer.get_inputs()[0].name
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        wide = max(crops[index].shape[1] for index in batch)
        tensors = np.zeros((len(batch), 3, _LETTER_HEIGHT, max(wide, 96)), np.float32)
        for row, index in enumerate(batch):
            tensors[row, :, :, : crops[index].shape[1]] = _tensor(crops[index])
        for index, chances in zip(
            batch, reader.recognizer.run(None, {name: tensors})[0], strict=True
        ):
            read[index] = _decode(chances, reader.characters)
    return read


def _cut(color: Image, box: Box) -> Image:
    left, top, wide, high = box
    part = color[top : top + high, left : left + wide]
    width = min(_WIDEST, max(8, round(wide * _LETTER_HEIGHT / max(1, high))))
    return np.asarray(cv2.resize(part, (width, _LETTER_HEIGHT)), np.uint8)


def _decode(chances: NDArray[np.float32], characters: tuple[str, ...]) -> tuple[str, float]:
    """Join the likeliest characters, repeats and blanks left out (CTC)."""
    best = chances.argmax(axis=1)
    kept = (best > 0) & np.append(True, best[1:] != best[:-1])
    if not kept.any():
        return "", 0.0
    text = "".join(characters[index] for index in best[kept]).strip()
    return text, float(chances.max(axis=1)[kept].mean())


def _tensor(color: Image) -> NDArray[np.float32]:
    return np.ascontiguousarray((color.astype(np.float32) / 127.5 - 1).transpose(2, 0, 1))


def _unscaled(box: Box, scale: float) -> Box:
    left, top, wide, high = (round(value / scale) for value in box)
    return left, top, wide, high
