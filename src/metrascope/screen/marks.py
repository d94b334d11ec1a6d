"""Find marks that a scanner burned into the scan sector: calipers, text, cursors, lines."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box, Mask, Pixels
from metrascope.screen.ink import Ink, find_ink
from metrascope.screen.inpaint import inpaint
from metrascope.screen.mark_kinds import MarkKind, name_patch
from metrascope.screen.overprint import find_codes, find_overprint
from metrascope.screen.ruler import is_dash, on_scale
from metrascope.screen.sector import Sector

__all__ = ["Mark", "MarkKind", "Marks", "find_marks", "inpaint"]


# Margin around a mark, two pixels, for the traces of antialiasing and JPEG beside its strokes.
_MARGIN: Final = np.ones((5, 5), np.uint8)
# Ink no farther apart than this, pixels, belongs together: letters of a word stand side by side.
_GAP: Final = np.ones((3, 15), np.uint8)
# Pixels that the mask of a mark may reach beyond its box: the gap's half and the margin.
_RIM: Final = 8
# Height in pixels up to which a patch of lettering is masked as one box. Chosen, not measured.
_TALLEST: Final = 64


@dataclass(frozen=True)
class Mark:
    """One mark: its kind and its box ``(left, top, width, height)`` in pixels."""

    kind: MarkKind
    box: Box


@dataclass(frozen=True)
class Marks:
    """The marks of an image.

    Attributes
    ----------
    mask
        bool, (height, width), True at every pixel that a mark covers or may have touched.
    marks
        Marks from top to bottom, then left to right.
    """

    mask: Mask
    marks: tuple[Mark, ...]

    def mask_of(self, *kinds: MarkKind) -> Mask:
        """Return the part of the mask that belongs to marks of these kinds, with its margin."""
        part = np.zeros_like(self.mask)
        for mark in self.marks:
            if mark.kind in kinds:
                left, top, wide, high = mark.box
                rows = slice(max(0, top - _RIM), top + high + _RIM)
                columns = slice(max(0, left - _RIM), left + wide + _RIM)
                part[rows, columns] = self.mask[rows, columns]
        return part


def find_marks(image: Pixels, sector: Sector) -> Marks:
    """Find the marks inside the scan sector.

    Parameters
    ----------
    image
        Screen as it was, not blanked, uint8, (height, width) or (height, width, 3) RGB.
    sector
        Scan sector in which marks are looked for.
    """
    left, top, width, height = sector.box
    part = (slice(top, top + height), slice(left, left + width))
    inside = np.ascontiguousarray(sector.mask[part])
    view = np.ascontiguousarray(image[part])
    ink = find_ink(view, inside)
    mask = np.zeros(sector.mask.shape, dtype=bool)
    patches = _join(ink.area)
    found = _classify(ink, patches, inside) if ink.area.any() else []
    printed = _printed(view, inside, patches)
    found += [("text", box) for box in _boxes(printed)]
    marks = [Mark(kind, (x + left, y + top, wide, high)) for kind, (x, y, wide, high) in found]
    for kind, box in found:
        _cover(patches, kind, box)
    mask[part] = ((patches > 0) | printed) & inside
    return Marks(mask, tuple(sorted(marks, key=lambda mark: (mark.box[1], mark.box[0]))))


def _printed(view: Pixels, inside: Mask, patches: Pixels) -> Mask:
    """Return prints in one level and codes, where no ink was found."""
    grey = view if view.ndim == 2 else cv2.cvtColor(view, cv2.COLOR_RGB2GRAY)
    grey = np.asarray(grey, np.uint8)
    return find_overprint(grey, inside & (patches == 0)) | find_codes(grey)


def _boxes(flags: Mask) -> list[Box]:
    """Return the boxes of connected pixels."""
    if not flags.any():
        return []
    _, _, stats, _ = cv2.connectedComponentsWithStats(flags.view(np.uint8))
    return [(int(x), int(y), int(wide), int(high)) for x, y, wide, high, _ in stats[1:]]


def _cover(patches: Pixels, kind: MarkKind, box: Box) -> None:
    """Mask the whole box of a word: the gaps of its letters would still show their shapes."""
    left, top, wide, high = box
    if kind != "text" or high > _TALLEST:
        return
    part = patches[max(0, top - 2) : top + high + 2, max(0, left - 2) : left + wide + 2]
    # Sparse patches are no words, and their boxes hold tissue.
    if part.mean() > 0.5:
        part[...] = 1


def _join(area: Mask) -> Pixels:
    """Close the gaps between the letters of a word, and add the margin."""
    patches = cv2.morphologyEx(area.astype(np.uint8), cv2.MORPH_CLOSE, _GAP)
    return np.asarray(cv2.dilate(patches, _MARGIN), np.uint8)


def _classify(ink: Ink, patches: Pixels, inside: Mask) -> list[tuple[MarkKind, Box]]:
    """Return kind and box of the marks in each patch; dashes on a scale are ticks."""
    depth = _depth(inside)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(patches)
    marks: list[tuple[MarkKind, Box]] = []
    dashes: list[int] = []
    for index in range(1, count):
        left, top, wide, high = (int(value) for value in stats[index][:4])
        where = (slice(top, top + high), slice(left, left + wide))
        strokes = ink.strokes[where] & (labels[where] == index)
        of_patch = name_patch(strokes, depth[where])
        if len(of_patch) == 1 and of_patch[0][0] in ("text", "tick") and is_dash(strokes):
            dashes.append(len(marks))
        for kind, (x, y, across, down) in of_patch:
            marks.append((kind, (left + x, top + y, across, down)))
    for place in np.array(dashes, dtype=int)[on_scale([marks[dash][1] for dash in dashes])]:
        marks[place] = ("tick", marks[place][1])
    return marks


def _depth(inside: Mask) -> NDArray[np.float32]:
    """Return the distance from the outline in shares of the longer side, to four pixels."""
    height, width = inside.shape
    size = (width // 4 + 1, height // 4 + 1)
    small = cv2.resize(inside.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    away = cv2.distanceTransform(np.pad(small, 1), cv2.DIST_L2, 3)[1:-1, 1:-1] / max(size)
    return np.asarray(cv2.resize(away, (width, height)), np.float32)
