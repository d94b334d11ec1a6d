"""The picture of a reading: the image as it was read, and where the network looked, with scale."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from metrascope.arrays import Pixels
from metrascope.classes import class_title
from metrascope.files.atomic import replacing
from metrascope.files.file_names import picture_name
from metrascope.messages import text
from metrascope.overlay import SCALE, overlay
from metrascope.predict.lettering import (
    draw_text,
    fitted_text,
    picture_language,
    picture_text,
    text_width,
)
from metrascope.predict.listing import prediction_set, share_text, wrapped
from metrascope.predict.reading import ImageReading, Seen

_SIDE: Final = 448
"""Longer side of the image in the picture, pixels."""
_LARGEST: Final = 3.0
# Pixels around things and of the color bar; grey level of the ground. By eye, as all below.
_MARGIN, _BAR, _GROUND = 16, 18, 24
_TITLE, _LINE, _SMALL = 24, 16, 13
_TOP: Final = 2 * _MARGIN + _TITLE + _LINE
"""Of the images."""
# Grey levels of letters; least width of a picture's text, pixels.
_BRIGHT, _DIM = 240, 185
_NARROWEST: Final = 300
_COLUMN: Final = 0.54
"""Width of a Latin letter on average, of the size; a Chinese one takes two columns."""
# Pixels of a dash of the sector's box.
_DASH: Final = 6

_Line = tuple[str, int, int]
"""Content, size and grey level."""


class PictureOrigin(NamedTuple):
    """What made a picture, and when: a picture is passed on without the table beside it.

    Attributes
    ----------
    bundle
        Name of the bundle's data set, with its networks.
    sha256
        Of the bundle; ``""`` for a run of a study.
    date
        Day of the reading, ISO 8601.
    """

    bundle: str
    sha256: str
    date: str


def write_picture(path: Path, reading: ImageReading, seen: Seen, origin: PictureOrigin) -> None:
    """Write a PNG with the image, the heat map of the predicted class and what was read.

    Parameters
    ----------
    path
        The file.
    reading
        With probabilities.
    seen
        What is behind it.
    origin
        What made it, and when.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    picture = draw_picture(reading, seen, origin)
    with replacing(path) as temporary:
        picture.save(temporary, format="png", compress_level=4)


def reading_picture_name(reading: ImageReading) -> str:
    """Return a name for the picture of a reading, after its file: no other's, on any system."""
    unique = f"{reading.file}\n{reading.frame}"
    frame = f"-{reading.frame}" if reading.frames > 1 else ""
    return f"{picture_name(reading.file, unique)}{frame}.png"


def draw_picture(reading: ImageReading, seen: Seen, origin: PictureOrigin) -> Image.Image:
    """Draw the image and beside it the heat map of the predicted class over it, RGB."""
    number = list(reading.probabilities or {}).index(reading.predicted or "")
    lang, heat = picture_language(), seen.maps[number]
    panels = _panels(seen, heat)
    words = max(text_width(text(f"figures.{key}", lang), _SMALL) for key in ("low", "high"))
    right = 3 * _MARGIN + 2 * panels.side + _BAR + 8 + int(words)
    lines = [*_lines(reading, lang, right)]
    lines += _notes(heat, origin, lang, right, framed=panels.framed)
    under = _TOP + panels.grey.shape[0] + _MARGIN
    below = under + sum(size + 8 for _, size, _ in lines)
    near = _neighbors(reading, seen, lang)
    size = (right + _MARGIN, below + _MARGIN + (near.height + _MARGIN if near else 0))
    sheet = Image.new("RGB", size, (_GROUND,) * 3)
    pen = ImageDraw.Draw(sheet)
    _draw_title(pen, reading, number, lang, right)
    _draw_panels(sheet, pen, panels, lang)
    for line, height, grade in lines:
        draw_text(pen, _MARGIN, under, line, height, grade)
        under += height + 8
    if near:
        sheet.paste(near, (_MARGIN, below + _MARGIN))
    return sheet


class _Panels(NamedTuple):
    """The image as it is drawn, with its heat map; ``box`` is what the network saw of it."""

    grey: Pixels
    heat: Pixels
    box: tuple[float, float, float, float]
    framed: bool

    @property
    def side(self) -> int:
        """Width that each of both takes."""
        return max(int(self.grey.shape[1]), _NARROWEST)


def _panels(seen: Seen, heat: npt.NDArray[np.float32]) -> _Panels:
    grey, scale = _sized(seen.grey)
    left, top, right, bottom = (edge * scale for edge in seen.box)
    box = (left, top, right, bottom)
    framed = _is_part(box, grey.shape[1], grey.shape[0])
    return _Panels(grey, overlay(grey, heat, box=box), box, framed)


def _draw_title(
    pen: ImageDraw.ImageDraw, reading: ImageReading, number: int, lang: str, width: int
) -> None:
    name = class_name(reading.predicted or "", number, lang)
    share = share_text((reading.probabilities or {})[reading.predicted or ""], lang)
    title = f"{fitted_text(name, _TITLE, width - text_width(share, _TITLE) - 40)}  {share}"
    draw_text(pen, _MARGIN, _MARGIN, title, _TITLE, _BRIGHT)


def _draw_panels(sheet: Image.Image, pen: ImageDraw.ImageDraw, panels: _Panels, lang: str) -> None:
    height, width = panels.grey.shape
    lefts = (_MARGIN, 2 * _MARGIN + panels.side)
    images = (Image.fromarray(panels.grey).convert("RGB"), Image.fromarray(panels.heat))
    for left, image, caption in zip(lefts, images, ("as_read", "looked"), strict=True):
        above = _MARGIN + _TITLE + 8
        draw_text(pen, left, above, text(f"serving.{caption}", lang), _SMALL, _DIM)
        sheet.paste(image, (left, _TOP))
        if panels.framed:
            _draw_frame(pen, panels.box, (left, _TOP), (width, height))
    _draw_scale(sheet, pen, lefts[1] + panels.side + _MARGIN, _TOP, height, lang)


def class_name(label: str, number: int, lang: str) -> str:
    """Return the name of a class that can be drawn; a number where its letters cannot."""
    for name in (class_title(label, lang), class_title(label, "en"), label):
        if name and picture_text(name) == name:
            return name
    return text("serving.class_number", lang, number=number + 1)


def _lines(reading: ImageReading, lang: str, width: int) -> Iterator[_Line]:
    """Yield what was read, for the lines below the images."""
    values = reading.probabilities or {}
    names = {label: class_name(label, at, lang) for at, label in enumerate(values)}
    others = [
        f"{names[label]} {share_text(value, lang)}"
        for label, value in sorted(values.items(), key=lambda item: -item[1])
        if label != reading.predicted
    ]
    yield from _wrapped(" · ".join(others), _LINE, _BRIGHT, width)
    if reading.prediction_set is not None and reading.confidence is not None:
        members = [names.get(label, label) for label in reading.prediction_set]
        told = prediction_set(members, reading.confidence, lang)
        yield from _wrapped(told, _LINE, _BRIGHT, width)
    for said in reading.warnings:
        told = text("serving.list_warning", lang, warning=said.text)
        yield from _wrapped(told, _LINE, _BRIGHT, width)
    told = reading.file
    if reading.frames > 1:
        told += " · " + text("serving.frame_of", lang, frame=reading.frame, frames=reading.frames)
    yield fitted_text(picture_text(told), _LINE, width - 2 * _MARGIN), _LINE, _DIM


def _notes(
    heat: npt.NDArray[np.float32], origin: PictureOrigin, lang: str, width: int, *, framed: bool
) -> Iterator[_Line]:
    """Yield what the picture shows, what made it, and what it must not be used for."""
    if framed:
        yield from _wrapped(text("serving.frame_shown", lang), _SMALL, _DIM, width)
    shown = text("serving.heat_shown" if heat.max() > 0 else "serving.heat_nowhere", lang)
    yield from _wrapped(shown, _SMALL, _DIM, width)
    key = "serving.made_by" if origin.sha256 else "serving.made_by_run"
    made = text(
        key, lang, name=picture_text(origin.bundle), digest=origin.sha256[:12], date=origin.date
    )
    yield from _wrapped(made, _SMALL, _DIM, width)
    yield from _wrapped(text("common.research_only", lang), _LINE, _BRIGHT, width)


def _wrapped(content: str, size: int, grade: int, width: int) -> Iterator[_Line]:
    room = width - 2 * _MARGIN
    for line in wrapped(picture_text(content), int(room / (_COLUMN * size))):
        yield fitted_text(line, size, room), size, grade


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
        told = fitted_text(
            picture_text(f"{class_title(one.label, lang)} {one.similarity:.2f}"), _SMALL, step - 8
        )
        draw_text(pen, at * step, 2 * _LINE + side + 2, told, _SMALL, _DIM)
    return sheet


def _sized(grey: Pixels) -> tuple[Pixels, float]:
    height, width = grey.shape
    scale = min(_SIDE / max(height, width), _LARGEST)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=how), dtype=np.uint8), scale


def _is_part(box: tuple[float, float, float, float], width: int, height: int) -> bool:
    """Tell whether the network saw only a part of the image, by more than a pixel."""
    left, top, right, bottom = box
    return left > 1 or top > 1 or right < width - 1 or bottom < height - 1


def _draw_frame(
    pen: ImageDraw.ImageDraw,
    box: tuple[float, float, float, float],
    place: tuple[int, int],
    size: tuple[int, int],
) -> None:
    """Draw the edge of what the network saw, dashed, in the image at a place of the sheet."""
    sides = [min(max(round(edge), 0), limit - 1) for edge, limit in zip(box, size * 2, strict=True)]
    left, right = sides[0] + place[0], sides[2] + place[0]
    top, bottom = sides[1] + place[1], sides[3] + place[1]
    for x in range(left, right, 2 * _DASH):
        for y in (top, bottom):
            pen.line([(x, y), (min(x + _DASH, right), y)], fill=(_BRIGHT,) * 3)
    for y in range(top, bottom, 2 * _DASH):
        for x in (left, right):
            pen.line([(x, y), (x, min(y + _DASH, bottom))], fill=(_BRIGHT,) * 3)


def _draw_scale(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, left: int, top: int, height: int, lang: str
) -> None:
    ramp = np.linspace(1, 0, height)
    colors = np.rint(SCALE[(ramp * (len(SCALE) - 1)).astype(int)] * 255).astype(np.uint8)
    sheet.paste(Image.fromarray(np.repeat(colors[:, None], _BAR, axis=1)), (left, top))
    beside = left + _BAR + 6
    draw_text(pen, beside, top, text("figures.high", lang), _SMALL, _DIM)
    draw_text(pen, beside, top + height - _SMALL - 4, text("figures.low", lang), _SMALL, _DIM)
