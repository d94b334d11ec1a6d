"""Read lettering in an image, Latin and Chinese, of any size, angle and contrast; mask it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box, Mask, Pixels
from metrascope.screen.inpaint import inpaint
from metrascope.screen.ocr import Strip, find_strips, read_strips
from metrascope.screen.sector import Sector

# How often legible lines are filled in before a person has to look.
_ROUNDS: Final = 2
# Share of a line's box that is masked where the line was found without reading it.
_COVERED: Final = 0.5
# Mean probability of several characters, and of one, from which a line counts: speckle without
# lettering stayed under 0.5 and 0.85 where this was looked at (`still_reads`).
_SURE: Final = 0.6
_SURE_OF_ONE: Final = 0.9
# Pixels up to which an image is enlarged for thin strokes, at most to twice its sides. Names of 18
# to 28 pixels in the speckle's own grey and 15 levels above, packed as JPEG, were read in 7 of 12
# screens at twice the size, hardly any at 900,000 pixels.
_PIXELS: Final = 1_500_000
# Pixels of the view for large strokes; a quarter of it is for the largest.
_PIXELS_LARGE: Final = 225_000
# Pixels around filled places that are read again.
_MARGIN: Final = 40
# Share of an image from which all of it is read again.
_WHOLE: Final = 0.6
# Strokes of letters are narrower than this in the first view, in pixels of the image; their height
# over the ground is multiplied by the gain, for contrast.
_STROKE: Final = 9
_GAIN: Final = 1.5
# Height in pixels up to which a single character counts; of tall images a quarter.
_TALLEST: Final = 64
# Share of an image that a line may take: one ovary screen of 60 was taken for two letters, with
# more than all of it; a name 150 pixels high takes a fifth of a screen.
_LARGEST: Final = 0.6
# Share of a line that lies in another, from which both are the same.
_SAME: Final = 0.8
# Standard deviation in pixels of the blur that evens out brightness and contrast; the contrast that
# remains, and the least deviation that is divided by, in grey levels. Chosen, not measured.
_GROUND: Final = 24.0
_CONTRAST: Final = 45.0
_LEAST_SPREAD: Final = 4.0


@dataclass(frozen=True)
class TextLine:
    """One line of lettering.

    Attributes
    ----------
    text
        Characters of the line.
    score
        Mean probability of its characters, 0 to 1.
    strip
        Place of the line, in pixels of the image.
    """

    text: str
    score: float
    strip: Strip

    @property
    def box(self) -> Box:
        """Return the upright box ``(left, top, width, height)`` around the line."""
        corners = self.strip.corners()
        left, top = np.floor(corners.min(axis=0)).astype(int)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int)
        return max(0, int(left)), max(0, int(top)), int(right - left), int(bottom - top)


@dataclass(frozen=True)
class Verified:
    """Result of reading an image and filling in its lettering.

    Attributes
    ----------
    image
        Image with masked pixels and legible lines filled in.
    found
        Lines that read as text and were not masked already.
    state
        ``clean``: nothing read; ``masked``: what read was filled in, and nothing reads any more;
        ``quarantine``: something still reads, a person has to look.
    """

    image: Pixels
    found: tuple[TextLine, ...]
    state: Literal["clean", "masked", "quarantine"]


def verify(image: Pixels, sector: Sector, masked: Mask | None = None) -> Verified:
    """Read an image, fill in what reads as text, read again, and give up where it still reads.

    It is read first as it was, with the text in it that was found without reading: half a name,
    the other half filled in, is harder to read than the whole.

    Parameters
    ----------
    image
        Image without anything filled in yet, uint8, (height, width) or (height, width, 3) RGB.
    sector
        Scan sector, from which the speckle that fills the gaps may come.
    masked
        Pixels that are filled in whatever they read, bool, (height, width); none by default.

    Raises
    ------
    MissingExtraError
        The extra ``ocr`` is not installed, or its package carries no models.
    """
    mask = np.zeros(image.shape[:2], dtype=bool) if masked is None else masked
    lines = still_reads(image)
    missed = tuple(line for line in lines if not _is_covered(line, mask))
    mask = (mask | _area_of(lines, image.shape)) & sector.mask
    if not mask.any():
        return Verified(image, (), "clean")
    image = inpaint(image, mask, sector.mask)
    left = _read_near(image, mask)
    found = missed + left
    for _ in range(_ROUNDS):
        if not left:
            break
        area = _area_of(left, image.shape)
        image = inpaint(image, area, sector.mask)
        left = _read_near(image, area)
    if left:
        return Verified(image, found, "quarantine")
    return Verified(image, found, "masked" if found else "clean")


def _read_near(image: Pixels, changed: Mask) -> tuple[TextLine, ...]:
    """Return the lines that count near filled pixels; the rest has been read before."""
    height, width = changed.shape
    near = cv2.dilate(changed.view(np.uint8), np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1)))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near)
    boxes = [(int(x), int(y), int(wide), int(high)) for x, y, wide, high, _ in stats[1:]]
    if sum(wide * high for _, _, wide, high in boxes) > _WHOLE * height * width:
        return still_reads(image)
    lines: list[TextLine] = []
    for left, top, wide, high in boxes:
        part = image[top : top + high, left : left + wide]
        part_lines = still_reads(np.ascontiguousarray(part), image.shape[:2])
        lines += [
            TextLine(line.text, line.score, line.strip.moved(left, top)) for line in part_lines
        ]
    return tuple(lines)


def still_reads(image: Pixels, of: tuple[int, ...] | None = None) -> tuple[TextLine, ...]:
    """Return the lines of an image that count as text, from top to bottom.

    A line counts with two letters, digits or characters that were read with a mean probability
    of 0.6; a single one, which says little and is what speckle is taken for most often, with 0.9.
    Speckle without lettering, phantom and real, stayed under 0.5 for two and under 0.85 for one
    where this was looked at.

    Parameters
    ----------
    image
        Image or part of one, uint8, (height, width) or (height, width, 3) RGB.
    of
        Height and width of the image that it is a part of; it is read at that one's scale.
    """
    tallest = max(_TALLEST, image.shape[0] // 4)
    lines = (line for line in read_text(image, of) if _counts(line))
    # A whole fan is sometimes taken for one large character, or for two.
    most = _LARGEST * image.shape[0] * image.shape[1]
    return tuple(
        line
        for line in lines
        if (len(line.text) > 1 or line.box[3] <= tallest)
        and line.strip.size[0] * line.strip.size[1] <= most
    )


def _counts(line: TextLine) -> bool:
    letters = sum(sign.isalnum() for sign in line.text)
    return line.score >= (_SURE if letters > 1 else _SURE_OF_ONE) if letters else False


def _is_covered(line: TextLine, mask: Mask) -> bool:
    area = _area_of((line,), mask.shape, grown=False)
    return bool(mask[area].mean() > _COVERED) if area.any() else True


def _area_of(lines: Sequence[TextLine], shape: tuple[int, ...], *, grown: bool = True) -> Mask:
    """Return the pixels of lines, with an edge that antialiasing may have touched."""
    area = np.zeros(shape[:2], np.uint8)
    for strip in (line.strip for line in lines):
        edge = max(3.0, strip.size[1] / 4) if grown else 0.0
        cv2.fillConvexPoly(area, np.rint(strip.corners(edge)).astype(np.int32), 1)
    return area.astype(bool)


def read_text(image: Pixels, of: tuple[int, ...] | None = None) -> tuple[TextLine, ...]:
    """Read all lettering in an image, from top to bottom, also what is hardly lettering.

    Parameters
    ----------
    image
        Image or part of one, uint8, (height, width) or (height, width, 3) RGB.
    of
        Height and width of the image that it is a part of; it is read at that one's scale.

    Raises
    ------
    MissingExtraError
        The extra ``ocr`` is not installed, or its package carries no models.
    """
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    lines: list[TextLine] = []
    for view in views(np.asarray(grey, np.uint8), of):
        color = np.asarray(cv2.cvtColor(view, cv2.COLOR_GRAY2BGR), np.uint8)
        factor = grey.shape[1] / view.shape[1]
        strips = find_strips(color)
        for (text, score), strip in zip(read_strips(color, strips), strips, strict=True):
            if text:
                lines.append(TextLine(text, score, strip.resized(factor)))
    return tuple(sorted(_without_repeats(lines, grey.shape), key=lambda line: line.box[1::-1]))


def _without_repeats(lines: Sequence[TextLine], shape: tuple[int, ...]) -> Iterator[TextLine]:
    """Yield lines without those that lie in the area of one that reads more surely."""
    covered = np.zeros(shape, dtype=bool)
    for line in sorted(lines, key=lambda line: -line.score * len(line.text)):
        area = _area_of((line,), shape, grown=False)
        if not area.any() or covered[area].mean() < _SAME:
            covered |= _area_of((line,), shape)
            yield line


def views(grey: Pixels, of: tuple[int, ...] | None = None) -> Iterator[Pixels]:
    """Yield the image as it is read: thin strokes enlarged; large ones and faint ones smaller.

    Parameters
    ----------
    grey
        Image or part of one, uint8, (height, width).
    of
        Height and width of the image that it is a part of, which decide on the sizes.
    """
    height, width = of or grey.shape
    size = max(1, height * width)
    scale = min(max((_PIXELS / size) ** 0.5, 1.0), 2.0)
    smaller = min(max((_PIXELS_LARGE / size) ** 0.5, 0.5), 1.0)
    # The network that finds lines was taught on photographs, where letters are larger.
    ground = cv2.morphologyEx(grey, cv2.MORPH_TOPHAT, np.ones((_STROKE, _STROKE), np.uint8))
    yield _resize(np.asarray(cv2.convertScaleAbs(ground, alpha=_GAIN), np.uint8), scale)
    yield _resize(_even_out(grey), smaller)
    yield _resize(_even_out(grey), smaller / 2)


def _even_out(grey: Pixels) -> Pixels:
    """Return the image with the same brightness and the same contrast everywhere."""
    values = grey.astype(np.float32)
    inside = (grey > 0).astype(np.float32)
    lit = np.asarray(cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((9, 9))), np.float32)
    share = np.maximum(_smooth(lit), 0.05)
    away = np.asarray((values - _smooth(values) / share) * lit, np.float32)
    spread = np.sqrt(_smooth(np.square(away)) / share)
    leveled = 110 + _CONTRAST * away / np.maximum(spread, _LEAST_SPREAD)
    return np.asarray(np.clip(leveled, 0, 255).astype(np.uint8))


def _smooth(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a wide blur, computed on every fourth pixel."""
    height, width = values.shape
    size = (max(1, width // 4), max(1, height // 4))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), _GROUND / 4)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _resize(view: Pixels, factor: float) -> Pixels:
    size = tuple(max(1, round(side * factor)) for side in view.shape[::-1])
    how = cv2.INTER_CUBIC if factor >= 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(view, size, interpolation=how), np.uint8)
