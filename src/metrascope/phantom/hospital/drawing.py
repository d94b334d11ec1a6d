"""The screen while it is being drawn: every stroke is recorded as it is put down."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import cv2
import numpy as np

from metrascope.arrays import Box, Mask, Pixels
from metrascope.phantom.hospital.burned_text import Alpha, Face, legible, shape
from metrascope.phantom.hospital.shot import PhantomMarkKind, PlantedMark

Color = tuple[int, int, int]
Anchor = Literal["left", "center", "right"]


class Canvas:
    """Pixels, marks and masks of a screen in the making.

    Attributes
    ----------
    image
        ``(h, w, 3)`` uint8, RGB.
    ink, glyphs
        Pixels touched by any mark, and by identifying lettering, ``(h, w)`` bool.
    marks
        What was drawn, in order.
    tint
        Color of the brightest echo; one channel is 255.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self.width, self.height = size
        self.image: Pixels = np.zeros((self.height, self.width, 3), np.uint8)
        self.ink: Mask = np.zeros((self.height, self.width), np.bool_)
        self.glyphs: Mask = np.zeros((self.height, self.width), np.bool_)
        self.marks: list[PlantedMark] = []
        self.tint: Color = (255, 255, 255)

    def write(
        self,
        text: str,
        at: tuple[int, int],
        face: Face,
        height: int,
        color: Color,
        *,
        anchor: Anchor = "left",
        identifying: bool = False,
        plate: Color | None = None,
    ) -> Box | None:
        """Write a line, the middle of its letters at the height of ``at``; return its box.

        What the fonts at hand cannot draw, and what would leave the screen whole, is left out:
        None is returned. ``plate`` fills the rectangle behind the letters.
        """
        text = legible(" ".join(text.split()))
        if not text:
            return None
        alpha = shape(text, face, max(8, height))
        back = {"left": 0, "center": alpha.shape[1] // 2, "right": alpha.shape[1]}[anchor]
        left, top = self._kept(at[0] - back, at[1] - alpha.shape[0] // 2, alpha)
        if plate is not None:
            self.plate((left - 3, top - 3, alpha.shape[1] + 6, alpha.shape[0] + 6), plate)
        return self.stamp(alpha, (left, top), color, "text", text, identifying=identifying)

    def stamp(
        self,
        alpha: Alpha,
        at: tuple[int, int],
        color: Color,
        kind: PhantomMarkKind,
        text: str = "",
        *,
        identifying: bool = False,
    ) -> Box | None:
        """Blend a color in by a coverage map whose left top corner is ``at``; record the mark."""
        x, y = at
        rows = slice(max(0, y), min(self.height, y + alpha.shape[0]))
        columns = slice(max(0, x), min(self.width, x + alpha.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return None
        alpha = alpha[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x]
        blend(self.image[rows, columns], alpha, color)
        touched = alpha > 0
        self.ink[rows, columns] |= touched
        if identifying:
            self.glyphs[rows, columns] |= touched
        box = (columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start)
        self.marks.append(PlantedMark(kind, box, text, identifying))
        return box

    def plate(self, box: Box, color: Color) -> None:
        """Fill a rectangle, as furniture behind letters; it counts as ink."""
        left, top = max(0, box[0]), max(0, box[1])
        right, bottom = max(0, box[0] + box[2]), max(0, box[1] + box[3])
        self.image[top:bottom, left:right] = color
        self.ink[top:bottom, left:right] = True

    @contextmanager
    def drawing(
        self, box: Box, color: Color, kind: PhantomMarkKind, text: str = ""
    ) -> Iterator[Alpha]:
        """Lend a sheet the size of the box to draw on with white; stamp what was drawn."""
        sheet = np.zeros((max(1, box[3]), max(1, box[2])), np.uint8)
        yield sheet
        rows, columns = np.flatnonzero(sheet.any(axis=1)), np.flatnonzero(sheet.any(axis=0))
        if not rows.size:
            return
        part = sheet[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        self.stamp(part, (box[0] + int(columns[0]), box[1] + int(rows[0])), color, kind, text)

    def _kept(self, x: int, y: int, alpha: Alpha) -> tuple[int, int]:
        """Return the corner moved so that the letters stay on the screen where they fit."""
        across = min(x, self.width - alpha.shape[1] - 1)
        down = min(y, self.height - alpha.shape[0] - 1)
        return max(0, across), max(0, down)


def blend(pixels: Pixels, alpha: Alpha, color: Color) -> None:
    """Mix a color into the pixels in place, by the coverage."""
    share = alpha[..., None].astype(np.uint16)
    paint = np.array(color, np.uint16)
    mixed = (pixels * (255 - share) + paint * share + 127) // 255
    np.copyto(pixels, mixed.astype(np.uint8))


def dotted(
    sheet: Alpha, start: tuple[int, int], end: tuple[int, int], gap: int, radius: int = 0
) -> None:
    """Draw a dotted line on a sheet."""
    span = float(np.hypot(end[0] - start[0], end[1] - start[1]))
    for share in np.linspace(0, 1, max(2, round(span / gap) + 1)):
        x = round(start[0] + share * (end[0] - start[0]))
        y = round(start[1] + share * (end[1] - start[1]))
        cv2.circle(sheet, (x, y), radius, 255, -1)
