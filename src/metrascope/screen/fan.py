"""The fan of a curved or phased probe: two flanks and two arcs around one center."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats, GreyImage, Points
from metrascope.screen.echo import Echo
from metrascope.screen.edges import Clip, edge_offsets, find_clip, outermost

# Pixels are those of the reduced image, whose longer side is 320. Made 0.8 or 1.25 times as large,
# alone, each leaves the mean IoU of 30 phantom screens, 0.992, within 0.0001
# (benchmarks/screen_constants.py).

# Anchors along a contour: all 455 triples of them give a circle.
_ANCHORS: Final = 15
_TRIPLES: Final = np.array(list(combinations(range(_ANCHORS), 3)))
# Radians that a flank may lie from straight down, 115 degrees.
_WIDEST: Final = 2.0
# Pixels within which the ends of beams or points of an arc count as meeting.
_MEET: Final = 1.6
# Pixels across a beam or along a level into which echo is sorted.
_STEP: Final = 2.2
# Pixels from an edge within which contour points pull it, closer in each round.
_GATES: Final = (14.0, 10.0, 7.0, 4.0, 3.0, 2.0)
# Share of the depths at which a flank must end echo; below, the other side's angle is taken.
_WEAK: Final = 0.55
# Pixels within which two fans are one.
_SAME_FAN: Final = 0.5


@dataclass(frozen=True)
class FanShape:
    """Geometry of a fan in pixels; pixel centers are whole numbers.

    Attributes
    ----------
    x, y
        Center of the arcs.
    near, far
        Radii of the arcs.
    left, right
        Angles of the flanks in radians, 0 straight down, positive to the right.
    clip
        Left, top, right and bottom at which the screen cuts the fan off.
    """

    x: float
    y: float
    near: float
    far: float
    left: float
    right: float
    clip: Clip

    def scaled(self, factor: float) -> "FanShape":
        """Return the fan in an image reduced by a factor, back in the image's own pixels."""
        radii = self.near / factor, self.far / factor
        at = (self.x + 0.5) / factor - 0.5, (self.y + 0.5) / factor - 0.5
        clip = [round(edge / factor) for edge in self.clip]
        return FanShape(*at, *radii, self.left, self.right, (clip[0], clip[1], clip[2], clip[3]))

    def draw(self, shape: tuple[int, int], margin: float = 0.0) -> GreyImage:
        """Return the fan as 0 and 1, grown by a margin in pixels where the screen allows."""
        outline = replace(self, clip=(0, 0, shape[1], shape[0]))._polygon(margin)
        mask = np.zeros(shape, np.uint8)
        # In sixteenths of a pixel, as OpenCV's fixed point with a shift of 4 bits.
        cv2.fillPoly(mask, [np.rint(outline * 16).astype(np.int32)], 1, shift=4)
        left, top, right, bottom = self.clip
        mask[: max(0, top)] = 0
        mask[max(0, bottom) :] = 0
        mask[:, : max(0, left)] = 0
        mask[:, max(0, right) :] = 0
        return mask

    def _polygon(self, margin: float) -> Points:
        """Return the outline; the flanks are moved outward in parallel."""
        near, far = max(0.0, self.near - margin), self.far + margin
        count = max(24, int((self.right - self.left) * far / 6))  # a point every six pixels
        wide = np.linspace(self.left - margin / far, self.right + margin / far, count)
        outer = _arc(self.x, self.y, far, wide)
        if near < 1.5:
            return np.vstack([outer, [[self.x, self.y - margin]]])
        spare = min(0.3, margin / near)
        inner = _arc(
            self.x, self.y, near, np.linspace(self.right + spare, self.left - spare, count)
        )
        return np.vstack([outer, inner])


def fit_fans(echo: Echo, contour: Points, outer: Points) -> Iterator[FanShape]:
    """Fit fans to the echo of a reduced image: one around each likely center.

    Parameters
    ----------
    echo
        Echo of the reduced image.
    contour, outer
        Points of the region's contour, all and those that lie on its hull, float64, (points, 2).
    """
    # Straight cuts by the screen are no part of the fan and would pull its flanks and arcs.
    box = cv2.boundingRect(echo.region)
    edge = _without_cuts(contour, box, echo.region.shape)
    free = _without_cuts(outer, box, echo.region.shape)
    if len(free) < 25:  # too few to vote for a circle
        return
    # A quarter of the pixels is enough, and four times as fast.
    rows, columns = np.nonzero(echo.region[::2, ::2])
    pixels = np.column_stack([columns * 2.0, rows * 2.0])
    screen = (0, 0, echo.region.shape[1], echo.region.shape[0])
    fitted: list[FanShape] = []
    for center in _centers(edge, free, box):
        # From a likely center: radii and angles in which the echo is a rectangle, then the center
        # itself with them, so that several starts may lead to one fan.
        fan = _fit_around(pixels, center)
        if fan is None:
            continue
        fan = _fit_to_contour(fan, edge)
        if any(_is_same(fan, other) for other in fitted):
            continue
        fitted.append(fan)
        # Flanks once more, from all of the contour: dark parts of it have pulled them inward.
        left, right = _flanks(*_polar(contour, (fan.x, fan.y)), fan.near, fan.far)
        fan = _widen_at_face(replace(fan, left=left, right=right, clip=screen), echo.bright)
        mask = fan.draw((echo.region.shape[0], echo.region.shape[1]), 0.3)
        yield replace(fan, clip=find_clip(echo.region, echo.bright, mask))


def refine_fan(fan: FanShape, grey: GreyImage, reach: int) -> FanShape:
    """Move the edges of a fan to where the full image has them.

    Parameters
    ----------
    fan
        Fan in pixels of ``grey``.
    grey
        Full image, uint8, (height, width).
    reach
        Pixels within which the edges are searched for.
    """
    # Twice: edges are sampled along a fan that the first round has moved.
    for _ in range(2):
        edges = [_edge(fan, grey, name, reach) for name in ("near", "far", "left", "right")]
        fan = _adjust(fan, [edge for edge in edges if edge is not None])
    return fan


def _arc(x: float, y: float, radius: float, angles: Floats) -> Points:
    return np.column_stack([x + radius * np.sin(angles), y + radius * np.cos(angles)])


def _without_cuts(outer: Points, box: Sequence[int], shape: tuple[int, ...]) -> Points:
    """Return the points that are not on a straight upright or level cut."""
    # A cut has far more points in one column or row (and those beside it) than an arc or a flank.
    columns, rows = outer[:, 0].astype(int), outer[:, 1].astype(int)
    in_column = np.convolve(np.bincount(columns, minlength=shape[1]), np.ones(3), "same")
    in_row = np.convolve(np.bincount(rows, minlength=shape[0]), np.ones(3), "same")
    straight = (in_column[columns] > 0.4 * box[3]) | (in_row[rows] > 0.45 * box[2])
    border = (columns < 2) | (rows < 2) | (columns > shape[1] - 3) | (rows > shape[0] - 3)
    return np.asarray(outer[~straight & ~border])


def _centers(contour: Points, outer: Points, box: Sequence[int]) -> Iterator[tuple[float, float]]:
    """Yield likely centers: of circles through the arcs, and where the flanks meet.

    The face of a convex probe is a dent in the contour, on its upper side and about its middle.
    """
    yield from _arc_centers(outer, box, 2)
    left, top, width, height = box
    dent = np.abs(contour[:, 0] - left - width / 2) < 0.3 * width
    dent &= contour[:, 1] < top + 0.35 * height
    if np.count_nonzero(dent) > 25:
        yield from _arc_centers(contour[dent], (left, top, width, 0.12 * height), 1)
    meeting = _flank_center(outer, box)
    if meeting is not None:
        yield meeting


def _arc_centers(points: Points, box: Sequence[float], most: int) -> Iterator[tuple[float, float]]:
    """Yield the centers of the circles on whose lower side most points are."""
    # Every circle through three anchors that could be an arc of a fan in this box, (circles,); the
    # points within 1.3 pixels of its lower side are its votes.
    x, y, radius = _circles(points)
    left, top, width, height = box
    usable = (radius > 0.35 * height) & (radius < 3 * max(width, height))
    usable &= (x > left - 0.2 * width) & (x < left + 1.2 * width) & (y < top + 0.6 * height)
    x, y, radius = x[usable], y[usable], radius[usable]
    voters = points[:: max(1, len(points) // 150)]
    distance = np.hypot(voters[:, 0] - x[:, None], voters[:, 1] - y[:, None]) - radius[:, None]
    votes = ((np.abs(distance) < 1.3) & (voters[:, 1] > y[:, None])).sum(axis=1)
    centers: list[tuple[float, float]] = []
    for best in np.argsort(-votes, kind="stable")[:8]:
        if votes[best] < 0.1 * len(voters) or len(centers) == most:
            break
        center = _refine_center(points, float(x[best]), float(y[best]), float(radius[best]))
        # Centers closer than this lead to one fan.
        if all(np.hypot(center[0] - left, center[1] - top) > 4 for left, top in centers):
            centers.append(center)
            yield center


def _circles(points: Points) -> tuple[Floats, Floats, Floats]:
    """Return x, y and radius of the circles through triples of anchors along the contour.

    The center is equally far from a, b and c: two linear equations in x and y, solved by Cramer's
    rule for all triples at once. Triples on one line have none.
    """
    anchors = points[np.linspace(0, len(points) - 1, _ANCHORS).astype(int)]
    a, b, c = (anchors[_TRIPLES[:, corner]] for corner in range(3))
    twice = 2 * (a[:, 0] * (b - c)[:, 1] + b[:, 0] * (c - a)[:, 1] + c[:, 0] * (a - b)[:, 1])
    bent = np.abs(twice) > 1e-6
    a, b, c, twice = a[bent], b[bent], c[bent], twice[bent]
    squares = [(corner**2).sum(axis=1) for corner in (a, b, c)]
    x = squares[0] * (b - c)[:, 1] + squares[1] * (c - a)[:, 1] + squares[2] * (a - b)[:, 1]
    y = squares[0] * (c - b)[:, 0] + squares[1] * (a - c)[:, 0] + squares[2] * (b - a)[:, 0]
    x, y = x / twice, y / twice
    return x, y, np.hypot(x - a[:, 0], y - a[:, 1])


def _refine_center(points: Points, x: float, y: float, radius: float) -> tuple[float, float]:
    """Return the center of the circle through all points near a first circle (Kasa 1976)."""
    for _ in range(3):
        off = np.hypot(points[:, 0] - x, points[:, 1] - y) - radius
        on = points[(np.abs(off) < _MEET) & (points[:, 1] > y)]
        if len(on) < 8:
            break
        # x² + y² = 2 a x + 2 b y + c is linear in the center (a, b) and c = r² - a² - b².
        design = np.column_stack([2 * on, np.ones(len(on))])
        moments = design.T @ design + 1e-6 * np.eye(3)
        solution = np.linalg.solve(moments, design.T @ (on**2).sum(axis=1))
        x, y = float(solution[0]), float(solution[1])
        radius = float(np.sqrt(max(1.0, solution[2] + x * x + y * y)))
    return x, y


def _flank_center(points: Points, box: Sequence[int]) -> tuple[float, float] | None:
    middle = box[0] + box[2] / 2
    lines = []
    for side in (-1, 1):
        half = points[(points[:, 0] - middle) * side > 0]
        line = _flank(half, side, 0.12 * box[3]) if len(half) > 12 else None
        if line is None:
            return None
        lines.append(line)
    normals = np.array([line[:2] for line in lines])
    if abs(np.linalg.det(normals)) < 0.1:
        return None
    x, y = np.linalg.solve(normals, [line[2] for line in lines])
    return float(x), float(y)


def _flank(points: Points, side: int, shortest: float) -> tuple[float, float, float] | None:
    """Return normal and offset of the line most points are on that leads outward and down."""
    anchors = points[np.linspace(0, len(points) - 1, 20).astype(int)]
    one, other = np.triu_indices(20, 3)
    along = anchors[other] - anchors[one]
    length = np.hypot(along[:, 0], along[:, 1])
    outward = along[:, 0] * np.where(along[:, 1] < 0, -side, side)
    usable = (length > shortest) & (outward > 0.12 * length) & (np.abs(along[:, 1]) > 0.1 * length)
    if not usable.any():
        return None
    # Lines as normal · point = offset; the one with most points within 1.1 pixels wins.
    normal = np.column_stack([-along[:, 1], along[:, 0]])[usable] / length[usable, None]
    offset = (normal * anchors[one][usable]).sum(axis=1)
    best = int((np.abs(points @ normal.T - offset) < 1.1).sum(axis=0).argmax())
    return float(normal[best, 0]), float(normal[best, 1]), float(offset[best])


def _fit_around(echo: Points, center: tuple[float, float]) -> FanShape | None:
    """Fit radii and angles to echo around a center; in polar coordinates a fan is a rectangle."""
    radius, angle = _polar(echo, center)
    ahead = np.abs(angle) < _WIDEST
    if np.count_nonzero(ahead) < 50:
        return None
    radius, angle = radius[ahead], angle[ahead]
    # The far arc is where most beams end: their beginning with the sign of the radius turned.
    far = -_arc_radius(angle, -radius, 0.12, 2)
    inside = radius < far + 1
    near = _arc_radius(angle[inside], radius[inside], 0.2, 5)
    if far - near < 8:
        return None
    left, right = _flanks(radius[inside], angle[inside], near, far)
    if right - left < 0.3:
        return None
    return FanShape(center[0], center[1], near, far, left, right, (0, 0, 0, 0))


def _polar(points: Points, center: tuple[float, float]) -> tuple[Floats, Floats]:
    """Return distance from a center, and angle from straight down."""
    away = points - np.array(center)
    return np.hypot(away[:, 0], away[:, 1]), np.arctan2(away[:, 0], away[:, 1])


def _flanks(radius: Floats, angle: Floats, near: float, far: float) -> tuple[float, float]:
    """Return the angles at which echo ends on either side at most depths."""
    band = radius > max(near - 1, 0.04 * far)
    radius, angle = radius[band], angle[band]
    across = radius * np.sin(angle)
    left, left_share = _flank_angle(radius, angle, near, far, -across.min(initial=0))
    right, right_share = _flank_angle(radius, -angle, near, far, across.max(initial=0))
    right = -right
    # A flank that few lines reach is in the dark; the probe is as wide on either side.
    if left_share < min(_WEAK, right_share):
        left = min(left, -right)
    elif right_share < min(_WEAK, left_share):
        right = max(right, -left)
    return max(left, -_WIDEST), min(right, _WIDEST)


def _arc_radius(angle: Floats, radius: Floats, share: float, otherwise: float) -> float:
    """Return where most of the beams begin; a percentile where they agree on nothing."""
    low, high = float(angle.min()), float(angle.max()) + 1e-6
    beams = max(24, int((high - low) * np.abs(radius).max() / _STEP))
    ends = _smallest(((angle - low) / (high - low) * beams).astype(int), radius, beams)
    place = outermost(ends, len(ends), _STEP, share)
    return float(np.percentile(ends, otherwise)) if place is None else place


def _flank_angle(
    radius: Floats, angle: Floats, near: float, far: float, reach: float
) -> tuple[float, float]:
    """Return where echo begins at most depths, and the share of the depths where it does.

    Only depths count at which the flank is within ``reach`` of the middle, not cut off.
    """
    level = np.maximum((radius - near) / _STEP, 0).astype(int)
    levels, width = int(level.max(initial=0)) + 1, _MEET / (0.6 * far)
    ends = _smallest(level, angle, levels)
    place = outermost(ends, levels, width, 0.14)
    if place is None:
        place = float(np.percentile(ends, 3)) if len(ends) else 0.0
    on = np.count_nonzero(np.abs(ends - place) < width)
    visible = min(far, reach / max(1e-3, -np.sin(place))) - near
    return place, min(1.0, on / max(4.0, visible / _STEP))


def _smallest(group: npt.NDArray[np.int_], values: Floats, groups: int) -> Floats:
    """Return the smallest value of each group that has any."""
    least = np.full(groups, np.inf)
    np.minimum.at(least, group, values)
    return np.asarray(least[np.isfinite(least)])


def _fit_to_contour(fan: FanShape, contour: Points) -> FanShape:
    """Return the fan whose edges are where the contour is, gate by gate closer.

    Every point counts for the edge it is closest to; the farther, the less.
    """
    for gate in _GATES:
        away = contour - np.array([fan.x, fan.y])
        radius, angle = np.hypot(away[:, 0], away[:, 1]), np.arctan2(away[:, 0], away[:, 1])
        # Pixels from each point to each of the four edges, (4, points).
        misses = np.abs(
            [
                fan.near - radius,
                radius - fan.far,
                (fan.left - angle) * radius,
                (angle - fan.right) * radius,
            ]
        )
        # Edges end where they meet: an arc between the flanks, a flank between the arcs.
        spare = gate / np.maximum(radius, gate)
        outside = (angle < fan.left - spare) | (angle > fan.right + spare)
        misses[:2, outside] = np.inf
        misses[2:, (radius < fan.near - gate) | (radius > fan.far + gate)] = np.inf
        closest, least = misses.argmin(axis=0), misses.min(axis=0)
        edges = [
            _Edge(name, contour[(closest == number) & (least < gate)], 0.0)
            for number, name in enumerate(("near", "far", "left", "right"))
        ]
        fan = _adjust(fan, [edge for edge in edges if len(edge.points) > 5])
    return fan


def _is_same(fan: FanShape, other: FanShape) -> bool:
    """Tell whether two centers have led to one fan, to within half a pixel."""
    shift = np.hypot(fan.x - other.x, fan.y - other.y) + abs(fan.near - other.near)
    turn = max(abs(fan.left - other.left), abs(fan.right - other.right)) * fan.far
    return bool(max(shift, abs(fan.far - other.far), turn) < _SAME_FAN)


def _widen_at_face(fan: FanShape, bright: GreyImage) -> FanShape:
    """Follow the bright ring at the probe's face: beside poor contact nothing else is seen."""
    if fan.near < 6:
        return fan
    left = fan.left - _ring_beyond(fan, bright, fan.left, -1)
    right = fan.right + _ring_beyond(fan, bright, fan.right, 1)
    return replace(fan, left=max(left, -_WIDEST), right=min(right, _WIDEST))


def _ring_beyond(fan: FanShape, bright: GreyImage, flank: float, side: int) -> float:
    """Return by which angle the ring reaches beyond a flank."""
    # Steps of half a pixel along the ring, up to 0.6 radians; five radii across it, of which three
    # must be bright.
    step = 0.5 / fan.near
    angles = flank + side * step * np.arange(1, max(2, int(0.6 / step)))
    radii = fan.near + np.array([[0.5], [1.5], [2.5], [3.5], [4.5]])
    x = np.rint(fan.x + radii * np.sin(angles)).astype(int)
    y = np.rint(fan.y + radii * np.cos(angles)).astype(int)
    visible = (x >= 0) & (y >= 0) & (x < bright.shape[1]) & (y < bright.shape[0])
    lit = np.zeros(x.shape, bool)
    lit[visible] = bright[y[visible], x[visible]] > 0
    gaps = np.flatnonzero(lit.sum(axis=0) < 3)
    return step * int(gaps[0]) if len(gaps) else 0.0


@dataclass(frozen=True)
class _Edge:
    """Points on an edge of the image, (points, 2), and the shift that most of them agree on."""

    name: str
    points: Points
    shift: float


def _edge(fan: FanShape, grey: GreyImage, name: str, reach: int) -> _Edge | None:
    points, normals = _samples(fan, name)
    left, top, right, bottom = fan.clip
    visible = (points[:, 0] > max(left, 0) + 1) & (points[:, 0] < min(right, grey.shape[1]) - 2)
    visible &= (points[:, 1] > max(top, 0) + 1) & (points[:, 1] < min(bottom, grey.shape[0]) - 2)
    points, normals = points[visible], normals[visible]
    if len(points) < 8:
        return None
    offsets = edge_offsets(grey, points, normals, reach)
    has_edge = np.isfinite(offsets)
    shift = outermost(-offsets[has_edge], len(points), 1.5, 0.15)
    if shift is None:
        return None
    # Only points near the shift that most agree on pull the fan: the others are letters or shadow.
    on = has_edge & (np.abs(offsets + shift) < 1.6)
    return _Edge(name, points[on] + offsets[on, None] * normals[on], -shift)


def _samples(fan: FanShape, name: str) -> tuple[Points, Points]:
    """Return points along an edge and the unit vectors outward."""
    if name in ("left", "right"):
        angle = fan.left if name == "left" else fan.right
        radii = np.linspace(max(fan.near, 0.05 * fan.far), fan.far, 160)[2:-2, None]
        along = np.array([[np.sin(angle), np.cos(angle)]])
        outward = np.array([[np.cos(angle), -np.sin(angle)]]) * (-1 if name == "left" else 1)
        return np.array([fan.x, fan.y]) + radii * along, np.repeat(outward, len(radii), axis=0)
    angles = np.linspace(fan.left, fan.right, 200)[3:-3]
    away = np.column_stack([np.sin(angles), np.cos(angles)])
    radius = fan.near if name == "near" else fan.far
    if radius < 3:
        return np.empty((0, 2)), np.empty((0, 2))
    return np.array([fan.x, fan.y]) + radius * away, -away if name == "near" else away


def _adjust(fan: FanShape, edges: list[_Edge]) -> FanShape:
    """Return the fan through points on its edges, by one step of damped least squares.

    Unknowns are x, y, near, far, left and right; the angles are counted in pixels at the far arc,
    so that all six are of one size.
    """
    moments, pull = 0.5 * np.eye(6), np.zeros(6)
    for edge in edges:
        # (points, 6) and (points,). An edge of many points counts as one of 40, and a point that is
        # 1.5 pixels off half as much as one on the edge (Cauchy's weights).
        design, miss = _equations(fan, edge)
        weighted = design * (40 / max(40, len(miss)) / (1 + np.square(miss / 1.5)))[:, None]
        moments += weighted.T @ design
        pull += weighted.T @ miss
    step = np.linalg.solve(moments, pull)
    return replace(
        fan,
        x=fan.x + float(step[0]),
        y=fan.y + float(step[1]),
        near=max(0.0, fan.near + float(step[2])),
        far=fan.far + float(step[3]),
        left=fan.left + float(step[4]) / fan.far,
        right=fan.right + float(step[5]) / fan.far,
    )


def _equations(fan: FanShape, edge: _Edge) -> tuple[npt.NDArray[np.float64], Floats]:
    """Return the derivative of each point's distance from the edge by the unknowns, and that."""
    away = edge.points - np.array([fan.x, fan.y])
    design = np.zeros((len(away), 6))
    if edge.name in ("near", "far"):
        distance = np.hypot(away[:, 0], away[:, 1])
        design[:, :2] = away / distance[:, None]
        design[:, 2 if edge.name == "near" else 3] = 1
        return design, distance - (fan.near if edge.name == "near" else fan.far)
    angle = fan.left if edge.name == "left" else fan.right
    normal = np.array([np.cos(angle), -np.sin(angle)])
    design[:, :2] = normal
    design[:, 4 if edge.name == "left" else 5] = np.hypot(away[:, 0], away[:, 1]) / fan.far
    return design, away @ normal
