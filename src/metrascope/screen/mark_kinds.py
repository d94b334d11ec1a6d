"""The kind of a patch of ink: caliper, line, cursor, body mark, tick or lettering."""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.arrays import Box, Mask

MarkKind = Literal["caliper", "text", "cursor", "body_mark", "tick", "line"]

# Made 0.8 or 1.25 times as large, alone, on 20 phantom screens (benchmarks/screen_constants.py),
# none moves the share of marks given their kind, 68 %, by more than a point, but for `_OUTLINE`:
# lowered, 63 %.

# Smallest and largest side of a caliper's cross in pixels.
_CROSS: Final = (7, 34)
# Largest side of a dot of a dotted line in pixels.
_DOT: Final = 6
# Dots of the least lettering: one letter has about as many.
_FEW_DOTS: Final = 12
# Sine of the angle, 30 degrees, from which two steps from dot to dot make a corner.
_CORNER: Final = 0.5
# Share of dots at corners from which they are letters: letters of 5 by 7 dots had 0.95 and more,
# two dotted lines that cross 0.2, a dotted ellipse 0.05.
_BENDS: Final = 0.4
# Strokes no farther apart than this, in pixels across and down, make one mark.
_GAPS: Final[tuple[tuple[MarkKind, tuple[int, int]], ...]] = (("line", (31, 31)), ("text", (13, 7)))
# Groups of strokes up to this side in pixels are grains of speckle beside a mark.
_SPECK: Final = 6
# Least width and height of a body mark in pixels.
_PICTOGRAM: Final = 36
# Largest side of a tick or of the mark of the focus in pixels.
_TICK: Final = 20
# Largest distance of a tick from the outline, in shares of the sector's longer side.
_OUTLINE: Final = 0.04


@dataclass(frozen=True)
class Stroke:
    """One connected stroke: its box, and its pixels within the box."""

    box: Box
    pixels: Mask


def name_patch(strokes: Mask, depth: NDArray[np.float32]) -> tuple[tuple[MarkKind, Box], ...]:
    """Return the marks that a patch of ink consists of, each with its box within the patch.

    Strokes of no other kind are lettering, because lettering must not stay.

    Parameters
    ----------
    strokes
        Strokes of this patch, bool, (height, width).
    depth
        Distance of each pixel from the sector's outline, in shares of the longer side of the
        sector's box, float32, (height, width).
    """
    high, wide = strokes.shape
    patch = (0, 0, wide, high)
    parts = _strokes(strokes)
    if _is_pictogram(parts, patch):
        return (("body_mark", patch),)
    if len(parts) == 1 and _is_tick(parts[0], depth):
        return (("tick", patch),)
    dots = [stroke for stroke in parts if max(stroke.box[2:]) <= _DOT]
    printed = _are_letters(dots)
    kinds: list[tuple[MarkKind, Stroke]] = [
        ("text" if printed and max(stroke.box[2:]) <= _DOT else _kind(stroke, parts), stroke)
        for stroke in parts
    ]
    marks: list[tuple[MarkKind, Box]] = [
        (kind, stroke.box) for kind, stroke in kinds if kind in ("caliper", "cursor")
    ]
    for kind, gap in _GAPS:
        of_kind = [stroke for other, stroke in kinds if other == kind]
        marks += [(kind, box) for box in _clusters(of_kind, strokes.shape, gap)]
    return tuple(marks) or (("text", patch),)


def _strokes(strokes: Mask) -> list[Stroke]:
    # Crosses often have a gap at their center, which joins here.
    joined = cv2.dilate(strokes.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    parts = []
    for index in range(1, count):
        x, y, across, down = (int(value) for value in stats[index][:4])
        window = slice(y, y + down), slice(x, x + across)
        pixels = (labels[window] == index) & strokes[window]
        left, top, wide, high = cv2.boundingRect(pixels.astype(np.uint8))
        pixels = pixels[top : top + high, left : left + wide]
        parts.append(Stroke((x + left, y + top, wide, high), pixels))
    return parts


def _clusters(strokes: list[Stroke], shape: tuple[int, ...], gap: tuple[int, int]) -> list[Box]:
    """Return the boxes of groups of strokes that are no farther apart than a gap."""
    sheet = np.zeros(shape, np.uint8)
    for left, top, wide, high in (stroke.box for stroke in strokes):
        sheet[top : top + high, left : left + wide] = 1
    _, labels = cv2.connectedComponents(cv2.dilate(sheet, np.ones(gap[::-1], np.uint8)))
    groups: dict[int, list[Box]] = {}
    for stroke in strokes:
        left, top, _, _ = stroke.box
        groups.setdefault(int(labels[top, left]), []).append(stroke.box)
    boxes = [_around(group) for group in groups.values()]
    return [box for box in boxes if max(box[2:]) > _SPECK]


def _around(boxes: list[Box]) -> Box:
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right = max(box[0] + box[2] for box in boxes)
    bottom = max(box[1] + box[3] for box in boxes)
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
    near = float(depth[top : top + high, left : left + wide].min()) < _OUTLINE
    small = max(wide, high) <= _TICK
    return near and small and (min(wide, high) <= 4 or float(stroke.pixels.mean()) > 0.45)


def _is_solid(stroke: Stroke) -> bool:
    """Tell whether a stroke is a filled shape, wider than any pen and no row of letters."""
    _, _, wide, high = stroke.box
    if min(wide, high) < 9 or wide > 2 * high or stroke.pixels.mean() < 0.35:
        return False
    padded = np.pad(stroke.pixels.astype(np.uint8), 1)
    return bool(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max() > max(3.0, 0.16 * high))


def _is_line(stroke: Stroke) -> bool:
    """Tell whether a stroke is long, thin and straight."""
    _, _, wide, high = stroke.box
    length = float(np.hypot(wide, high))
    return length >= 20 and int(stroke.pixels.sum()) < 2.6 * length and _straight(stroke)


def _straight(stroke: Stroke) -> bool:
    """Tell whether the pixels lie within 1.5 pixels of a straight line."""
    points = np.argwhere(stroke.pixels).astype(np.float64)
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(spread[1] < 1.5 * np.sqrt(len(points)))


def _in_row_of_dots(dot: Stroke, others: list[Stroke]) -> bool:
    """Tell whether at least five more dots lie on one straight line with this one."""
    dots = [other for other in others if other is not dot and max(other.box[2:]) <= _DOT]
    if max(dot.box[2:]) > _DOT or len(dots) < 5:
        return False
    away = np.array([_center(other) for other in dots]) - _center(dot)
    distance = np.hypot(away[:, 0], away[:, 1])
    nearest = away[distance.argsort()[:3]]
    # Distance of each dot from the lines to the three nearest, (3, dots): the cross product.
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
    return _has_arms(stroke.pixels) or (5 * small >= 4 * large and _has_diagonals(stroke.pixels))


def _has_arms(pixels: Mask) -> bool:
    """Tell whether a shape is one row and one column, the column not at the side."""
    row, column = int(pixels.sum(axis=1).argmax()), int(pixels.sum(axis=0).argmax())
    level = pixels[max(0, row - 1) : row + 2]
    upright = pixels[:, max(0, column - 1) : column + 2]
    arms = int(level.sum() + upright.sum())
    arms -= int(pixels[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2].sum())
    middle = 0.3 < column / max(1, pixels.shape[1] - 1) < 0.7
    complete = level.any(axis=0).mean() > 0.7 and upright.any(axis=1).mean() > 0.7
    return bool(middle and complete and arms > 0.8 * pixels.sum())


def _has_diagonals(pixels: Mask) -> bool:
    """Tell whether a shape is the two diagonals of its box."""
    high, wide = pixels.shape
    down, across = np.mgrid[0 : high - 1 : high * 1j, 0 : wide - 1 : wide * 1j]
    down *= (wide - 1) / max(1, high - 1)
    falling, rising = np.abs(across - down) <= 2, np.abs(across + down - wide + 1) <= 2
    complete = all((pixels & way).any(axis=1).mean() > 0.75 for way in (falling, rising))
    return bool(complete and (pixels & (falling | rising)).sum() > 0.85 * pixels.sum())


def _in_word(stroke: Stroke, others: list[Stroke]) -> bool:
    """Tell whether a stroke of like height stands close beside this one, as in a word."""
    left, top, wide, high = stroke.box
    for other in others:
        x, y, across, down = other.box
        gap = max(x - left - wide, left - x - across)
        level = abs((y + down) - (top + high)) <= 0.2 * high
        similar = 0.75 < down / high < 1.33
        if other is not stroke and level and similar and -1 <= gap < 0.6 * high:
            return True
    return False


def _is_pictogram(strokes: list[Stroke], box: Box) -> bool:
    """Tell whether a large outline, thinly filled, takes most of the box."""
    if min(box[2:]) < _PICTOGRAM or max(box[2:]) > 2.5 * min(box[2:]):
        return False
    large = [stroke for stroke in strokes if min(stroke.box[2:]) > 0.6 * min(box[2:])]
    return any(_is_outline(stroke) for stroke in large)


def _is_outline(stroke: Stroke) -> bool:
    """Tell whether a stroke goes around large empty places, unlike letters that run together."""
    if stroke.pixels.mean() > 0.35 or stroke.pixels.sum() < 1.2 * sum(stroke.box[2:]):
        return False
    away = cv2.distanceTransform((~stroke.pixels).astype(np.uint8), cv2.DIST_L2, 3)
    return bool(away[stroke.pixels.shape[0] // 5 :].max() > 0.15 * min(stroke.box[2:]))


def _center(stroke: Stroke) -> NDArray[np.float64]:
    left, top, wide, high = stroke.box
    return np.array([left + wide / 2, top + high / 2])
