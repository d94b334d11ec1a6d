"""The picture of a reading: the image as it was read, and where the network looked, with scale."""

import hashlib
import re
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from metrascope.atomic import replacing
from metrascope.classes import class_title
from metrascope.messages import text
from metrascope.overlay import SCALE, overlay
from metrascope.serving.lettering import draw_text, fitting, lettering, printable, text_width
from metrascope.serving.reading import ImageReading, Seen

Pixels = npt.NDArray[np.uint8]

_SIDE: Final = 448
"""Longer side of the image in the picture, pixels."""
_LARGEST: Final = 3.0
_MARGIN, _BAR, _GROUND = 16, 18, 24
_TITLE, _LINE, _SMALL = 24, 16, 13
_BRIGHT, _DIM = 240, 185
_NARROWEST: Final = 300


def write_picture(path: Path, reading: ImageReading, seen: Seen) -> None:
    """Write a PNG with the image, the heat map of the predicted class and what was read.

    Parameters
    ----------
    path
        The file.
    reading
        With probabilities.
    seen
        What is behind it.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    picture = draw_picture(reading, seen)
    with replacing(path) as temporary:
        picture.save(temporary, format="png", compress_level=4)


def file_name(reading: ImageReading) -> str:
    """Return a name for the picture of a reading: safe on every system, and no other's."""
    unique = hashlib.sha256(f"{reading.file}\n{reading.frame}".encode()).hexdigest()[:10]
    readable = re.sub(r"[^\w.-]+", "_", reading.file, flags=re.ASCII).strip("._-")[-80:]
    frame = f"-{reading.frame}" if reading.frames > 1 else ""
    return f"{readable or 'image'}{frame}-{unique}.png"


def draw_picture(reading: ImageReading, seen: Seen) -> Image.Image:
    """Draw the image and beside it the heat map of the predicted class over it, RGB."""
    probabilities = reading.probabilities or {}
    number = list(probabilities).index(reading.predicted or "")
    grey, scale = _sized(seen.grey)
    box = tuple(edge * scale for edge in seen.box)
    heat = overlay(grey, seen.maps[number], box=box)  # type: ignore[arg-type]
    lang = lettering()
    height, width = grey.shape
    panel = max(width, _NARROWEST)
    words = max(text_width(text(f"figures.{key}", lang), _SMALL) for key in ("low", "high"))
    right = 3 * _MARGIN + 2 * panel + _BAR + 8 + int(words)
    top = 2 * _MARGIN + _TITLE + _LINE
    lines = _lines(reading, lang, right)
    below = top + height + _MARGIN + len(lines) * (_LINE + 8)
    near = _neighbors(reading, seen, lang)
    size = (right + _MARGIN, below + _MARGIN + (near.height + _MARGIN if near else 0))
    sheet = Image.new("RGB", size, (_GROUND,) * 3)
    pen = ImageDraw.Draw(sheet)
    name = class_name(reading.predicted or "", number, lang)
    share = f"{100 * probabilities[reading.predicted or '']:.1f} %"
    title = f"{fitting(name, _TITLE, right - text_width(share, _TITLE) - 40)}  {share}"
    draw_text(pen, _MARGIN, _MARGIN, title, _TITLE, _BRIGHT)
    captions = _MARGIN + _TITLE + 8
    first, second = _MARGIN, 2 * _MARGIN + panel
    draw_text(pen, first, captions, text("serving.as_read", lang), _SMALL, _DIM)
    draw_text(pen, second, captions, text("serving.looked", lang), _SMALL, _DIM)
    sheet.paste(Image.fromarray(grey).convert("RGB"), (first, top))
    sheet.paste(Image.fromarray(heat), (second, top))
    _draw_scale(sheet, pen, second + panel + _MARGIN, top, height, lang)
    for row, (line, grade) in enumerate(lines):
        draw_text(pen, _MARGIN, top + height + _MARGIN + row * (_LINE + 8), line, _LINE, grade)
    if near:
        sheet.paste(near, (_MARGIN, below + _MARGIN))
    return sheet


def class_name(label: str, number: int, lang: str) -> str:
    """Return the name of a class that can be drawn; a number where its letters cannot."""
    for name in (class_title(label, lang), class_title(label, "en"), label):
        if name and printable(name) == name:
            return name
    return text("serving.class_number", lang, number=number + 1)


def _lines(reading: ImageReading, lang: str, width: int) -> list[tuple[str, int]]:
    """Return what stands below the images, each with its grey level."""
    values = reading.probabilities or {}
    names = {label: class_name(label, at, lang) for at, label in enumerate(values)}
    others = [
        f"{names[label]} {100 * value:.1f} %"
        for label, value in sorted(values.items(), key=lambda item: -item[1])
        if label != reading.predicted
    ]
    lines = [(" · ".join(others), _BRIGHT)]
    if reading.prediction_set is not None and reading.confidence is not None:
        members = " · ".join(names.get(label, label) for label in reading.prediction_set)
        percent = f"{100 * reading.confidence:g}"
        key = "serving.set_of_one" if len(reading.prediction_set) == 1 else "serving.set_of"
        lines.append((text(key, lang, percent=percent, classes=members), _BRIGHT))
    told = reading.file
    if reading.frames > 1:
        told += " · " + text("serving.frame_of", lang, frame=reading.frame, frames=reading.frames)
    lines += [(told, _DIM), (text("common.research_only", lang), _BRIGHT)]
    room = width - 2 * _MARGIN
    return [(fitting(printable(line), _LINE, room), grade) for line, grade in lines]


def _neighbors(reading: ImageReading, seen: Seen, lang: str) -> Image.Image | None:
    """Draw the nearest training images in a row, where the bundle carries them."""
    if not seen.thumbnails:
        return None
    side = max(picture.shape[0] for picture in seen.thumbnails)
    step = max(side, _NARROWEST // 2) + _MARGIN
    size = (step * len(seen.thumbnails), 2 * _LINE + side + _SMALL + 8)
    sheet = Image.new("RGB", size, (_GROUND,) * 3)
    pen = ImageDraw.Draw(sheet)
    draw_text(pen, 0, 0, text("serving.nearest_shown", lang), _LINE, _DIM)
    for at, (one, picture) in enumerate(zip(reading.neighbors, seen.thumbnails, strict=True)):
        sheet.paste(Image.fromarray(picture).convert("RGB"), (at * step, 2 * _LINE))
        told = fitting(
            printable(f"{class_title(one.label, lang)} {one.similarity:.2f}"), _SMALL, step - 8
        )
        draw_text(pen, at * step, 2 * _LINE + side + 2, told, _SMALL, _DIM)
    return sheet


def _sized(grey: Pixels) -> tuple[Pixels, float]:
    height, width = grey.shape
    scale = min(_SIDE / max(height, width), _LARGEST)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8), scale


def _draw_scale(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, left: int, top: int, height: int, lang: str
) -> None:
    ramp = np.linspace(1, 0, height)
    colors = np.rint(SCALE[(ramp * (len(SCALE) - 1)).astype(int)] * 255).astype(np.uint8)
    sheet.paste(Image.fromarray(np.repeat(colors[:, None], _BAR, axis=1)), (left, top))
    beside = left + _BAR + 6
    draw_text(pen, beside, top, text("figures.high", lang), _SMALL, _DIM)
    draw_text(pen, beside, top + height - _SMALL - 4, text("figures.low", lang), _SMALL, _DIM)
