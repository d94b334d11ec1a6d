"""Tell what a patch of ink is: caliper, line, cursor, body mark, tick or lettering."""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box, Mask

MarkKind = Literal["caliper", "text", "cursor", "body_mark", "tick", "line"]

_CROSS: Final = (7, 34)
"""Smallest and largest side of a caliper's cross in pixels."""
_DOT: Final = 6
"""Largest side of a dot of a dotted line in pixels."""
_FEW_DOTS: Final = 12
"""Dots of the least lettering: one letter has about as many."""
_CORNER: Final = 0.5
"""Sine of the angle, 30 degrees, from which two steps from dot to dot make a corner."""
_BENDS: Final = 0.4
"""Share of dots at corners from which they are letters: letters of 5 by 7 dots had 0.95 and more,
two dotted lines that cross 0.2, a dotted ellipse 0.05."""
_GAPS: Final[tuple[tuple[MarkKind, tuple[int, int]], ...]] = (("line", (31, 31)), ("text", (13, 7)))
"""Strokes no farther apart than this, in pixels across and down, make one mark."""
_SPECK: Final = 6
"""Groups of strokes up to this side in pixels are grains of speckle beside a mark."""
_PICTOGRAM: Final = 36
"""Least width and height of a body mark in pixels."""
_TICK: Final = 20
"""Largest side of a tick or of the mark of the focus in pixels."""
_EDGE: Final = 0.04
"""Largest distance of a tick from the outline, in shares of the sector's longer side."""


@dataclass(frozen=True)
class Stroke:
    """One connected stroke: its box, and its pixels within the box."""

    box: Box
    own: Mask


def name_patch(strokes: Mask, depth: NDArray[np.float32]) -> tuple[tuple[MarkKind, Box], ...]:
    """Return the marks that a patch of ink consists of, each with its box within the patch.

    What is nothing else is lettering, because lettering is what must not stay.

    Parameters
    ----------
    strokes
        bool, (height, width), the strokes of this patch.
    depth
        float32, (height, width): distance of each pixel from the sector's outline, in shares of
        the longer side of the sector's box.
    """
    high, wide = strokes.shape
    whole = (0, 0, wide, high)
    found = _strokes(strokes)
    if _is_pictogram(found, whole):
        return (("body_mark", whole),)
    if len(found) == 1 and _is_tick(found[0], depth):
        return (("tick", whole),)
    dots = [stroke for stroke in found if max(stroke.box[2:]) <= _DOT]
    printed = _are_letters(dots)
    named: list[tuple[MarkKind, Stroke]] = [
        ("text" if printed and max(stroke.box[2:]) <= _DOT else _kind(stroke, found), stroke)
        for stroke in found
    ]
    marks: list[tuple[MarkKind, Box]] = [
        (kind, stroke.box) for kind, stroke in named if kind in ("caliper", "cursor")
    ]
    for kind, gap in _GAPS:
        chosen = [stroke for other, stroke in named if other == kind]
        marks += [(kind, box) for box in _clusters(chosen, strokes.shape, gap)]
    return tuple(marks) or (("text", whole),)


def _strokes(strokes: Mask) -> list[Stroke]:
    # Crosses often have a gap at their center, which joins here.
    joined = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    found = []
    for index in range(1, count):
        x, y, w, h = (int(value) for value in stats[index][:4])
        own = (labels[y : y + h, x : x + w] == index) & strokes[y : y + h, x : x + w]
        left, top, wide, high = cv2.boundingRect(own.astype(np.uint8))
        own = own[top : top + high, left : left + wide]
        found.append(Stroke((x + left, y + top, wide, high), own))
    return found


def _clusters(chosen: list[Stroke], shape: tuple[int, ...], gap: tuple[int, int]) -> list[Box]:
    """Return the boxes of groups of strokes that are no farther apart than a gap."""
    sheet = np.zeros(shape, np.uint8)
    for left, top, wide, high in (stroke.box for stroke in chosen):
        sheet[top : top + high, left : left + wide] = 1
    _, labels = cv2.connectedComponents(cv2.dilate(sheet, np.ones(gap[::-1], np.uint8)))
    groups: dict[int, list[Box]] = {}
    for stroke in chosen:
        left, top, _, _ = stroke.box
        groups.setdefault(int(labels[top, left]), []).append(stroke.box)
    boxes = [_around(group) for group in groups.values()]
    return [box for box in boxes if max(box[2:]) > _SPECK]


def _around(boxes: list[Box]) -> Box:
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(b[0] + b[2] for b in boxes), max(b[1] + b[3] for b in boxes)
    return left, top, right - left, bottom - top


def _kind(stroke: Stroke, others: list[Stroke]) -> MarkKind:
    if _in_row_of_dots(stroke, others):
        return "line"
    if _in_word(stroke, others):
        return "text"
    if _is_line(stroke):
        return "line"
    if _is_cross(stroke):
        return "caliper"
    return "cursor" if _is_solid(stroke) else "text"


def _is_tick(stroke: Stroke, depth: NDArray[np.float32]) -> bool:
    """Tell whether a dash, dot or filled triangle stands at the sector's outline."""
    left, top, wide, high = stroke.box
    near = float(depth[top : top + high, left : left + wide].min()) < _EDGE
    small = max(wide, high) <= _TICK
    return near and small and (min(wide, high) <= 4 or float(stroke.own.mean()) > 0.45)


def _is_solid(stroke: Stroke) -> bool:
    """Tell whether a stroke is a filled shape, wider than any pen and no row of letters."""
    _, _, wide, high = stroke.box
    if min(wide, high) < 9 or wide > 2 * high or stroke.own.mean() < 0.35:
        return False
    padded = np.pad(stroke.own.astype(np.uint8), 1)
    return bool(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max() > max(3.0, 0.16 * high))


def _is_line(stroke: Stroke) -> bool:
    """Tell whether a stroke is long, thin and straight."""
    _, _, wide, high = stroke.box
    length = float(np.hypot(wide, high))
    return length >= 20 and int(stroke.own.sum()) < 2.6 * length and _straight(stroke)


def _straight(stroke: Stroke) -> bool:
    """Tell whether the pixels lie within 1.5 pixels of a straight line."""
    points = np.argwhere(stroke.own).astype(np.float64)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(spread[1] < 1.5 * np.sqrt(len(points)))


def _in_row_of_dots(dot: Stroke, others: list[Stroke]) -> bool:
    """Tell whether at least five more dots lie on one straight line with this one."""
    dots = [s for s in others if s is not dot and max(s.box[2:]) <= _DOT]
    if max(dot.box[2:]) > _DOT or len(dots) < 5:
        return False
    away = np.array([_center(s) for s in dots]) - _center(dot)
    distance = np.hypot(away[:, 0], away[:, 1])
    nearest = away[distance.argsort()[:3]]
    across = np.abs(np.outer(nearest[:, 0], away[:, 1]) - np.outer(nearest[:, 1], away[:, 0]))
    off = across / np.maximum(np.hypot(nearest[:, 0], nearest[:, 1])[:, None], 1)
    slack = 1.0 + 0.12 * distance
    return bool(((off < slack) & (distance < 90)).sum(axis=1).max() >= 5)


def _are_letters(dots: list[Stroke]) -> bool:
    """Tell whether dots turn corners at every few steps, as letters of dots do and lines do not."""
    if len(dots) < _FEW_DOTS:
        return False
    centers = np.array([_center(dot) for dot in dots])
    away = centers - centers[:, None]
    distance = np.hypot(away[..., 0], away[..., 1])
    np.fill_diagonal(distance, np.inf)
    pitch = float(np.median(distance.min(axis=1)))
    bends = 0
    for steps, lengths in zip(away, distance, strict=True):
        near = steps[lengths < 1.6 * pitch]
        unit = near / np.maximum(np.hypot(near[:, 0], near[:, 1])[:, None], 1)
        cross = np.abs(np.outer(unit[:, 0], unit[:, 1]) - np.outer(unit[:, 1], unit[:, 0]))
        bends += bool((cross > _CORNER).any())
    return bends > _BENDS * len(dots)


def _is_cross(stroke: Stroke) -> bool:
    """Tell whether nearly all of a stroke lies on two arms, upright or tilted, both whole."""
    _, _, wide, high = stroke.box
    small, large = sorted((wide, high))
    if not (_CROSS[0] <= large <= _CROSS[1] and 2 * small >= large):
        return False
    return _has_arms(stroke.own) or (5 * small >= 4 * large and _has_diagonals(stroke.own))


def _has_arms(own: Mask) -> bool:
    """Tell whether a shape is one row and one column, the column not at the side."""
    row, column = int(own.sum(axis=1).argmax()), int(own.sum(axis=0).argmax())
    level = own[max(0, row - 1) : row + 2]
    upright = own[:, max(0, column - 1) : column + 2]
    arms = int(level.sum() + upright.sum())
    arms -= int(own[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].sum())
    middle = 0.3 < column / max(1, own.shape[1] - 1) < 0.7
    whole = level.any(axis=0).mean() > 0.7 and upright.any(axis=1).mean() > 0.7
    return bool(middle and whole and arms > 0.8 * own.sum())


def _has_diagonals(own: Mask) -> bool:
    """Tell whether a shape is the two diagonals of its box."""
    high, wide = own.shape
    down, across = np.mgrid[0 : high - 1 : high * 1j, 0 : wide - 1 : wide * 1j]
    down *= (wide - 1) / max(1, high - 1)
    falling, rising = np.abs(across - down) <= 2, np.abs(across + down - wide + 1) <= 2
    whole = all((own & way).any(axis=1).mean() > 0.75 for way in (falling, rising))
    return bool(whole and (own & (falling | rising)).sum() > 0.85 * own.sum())


def _in_word(stroke: Stroke, others: list[Stroke]) -> bool:
    """Tell whether a stroke of like height stands close beside this one, as in a word."""
    left, top, wide, high = stroke.box
    for other in others:
        x, y, w, h = other.box
        gap = max(x - left - wide, left - x - w)
        level = abs((y + h) - (top + high)) <= 0.2 * high
        if other is not stroke and level and 0.75 < h / high < 1.33 and -1 <= gap < 0.6 * high:
            return True
    return False


def _is_pictogram(found: list[Stroke], box: Box) -> bool:
    """Tell whether a large outline, thinly filled, takes most of the box."""
    if min(box[2:]) < _PICTOGRAM or max(box[2:]) > 2.5 * min(box[2:]):
        return False
    large = [s for s in found if min(s.box[2:]) > 0.6 * min(box[2:])]
    return any(_is_outline(stroke) for stroke in large)


def _is_outline(stroke: Stroke) -> bool:
    """Tell whether a stroke goes around large empty places, unlike letters that run together."""
    if stroke.own.mean() > 0.35 or stroke.own.sum() < 1.2 * sum(stroke.box[2:]):
        return False
    away = cv2.distanceTransform((~stroke.own).astype(np.uint8), cv2.DIST_L2, 3)
    return bool(away[stroke.own.shape[0] // 5 :].max() > 0.15 * min(stroke.box[2:]))


def _center(stroke: Stroke) -> NDArray[np.float64]:
    left, top, wide, high = stroke.box
    return np.array([left + wide / 2, top + high / 2])
