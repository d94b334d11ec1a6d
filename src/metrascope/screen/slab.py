"""The sector of a linear probe: a rectangle, or a trapezoid or parallelogram if steered."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats, GreyImage, Points
from metrascope.screen.echo import Echo
from metrascope.screen.edges import edge_offsets, first_in_rows, outermost, sides

_MEET: Final = 1.6  # pixels of the reduced image within which the ends of rows meet; see fan.py


@dataclass(frozen=True)
class Slab:
    """Four corners in pixels, (4, 2): left top, right top, right bottom, left bottom."""

    corners: Points

    def scaled(self, factor: float) -> "Slab":
        """Return the slab of an image reduced by a factor in the image's own pixels."""
        return Slab((self.corners + 0.5) / factor - 0.5)

    def draw(self, shape: tuple[int, int], margin: float = 0.0) -> GreyImage:
        """Return the slab as 0 and 1, grown by a margin in pixels."""
        outward = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * margin
        mask = np.zeros(shape, np.uint8)
        corners = np.rint((self.corners + outward) * 16).astype(np.int32)
        return np.asarray(cv2.fillPoly(mask, [corners], 1, shift=4), np.uint8)


def fit_slab(echo: Echo) -> Slab:
    """Fit a slab to the echo of a reduced image."""
    left, top, right, bottom = (_line(part, tilted) for part, tilted in _views(echo.region))
    height, width = echo.region.shape
    upper, lower = top[1], height - 1 - bottom[1]
    rows = np.array([upper, lower])
    starts = left[0] * rows + left[1]
    stops = width - 1 - (right[0] * rows + right[1])
    if left[0] == 0 and right[0] == 0:
        # Where contact is poor, the bright line at the probe's face tells how wide it is.
        rows_at_face = echo.bright[max(0, round(upper)) : round(upper) + 8]
        face = np.asarray(rows_at_face.sum(axis=0) >= 3)
        starts = np.full(2, min(starts[0], _reach(face, starts[0], -1)))
        stops = np.full(2, max(stops[0], _reach(face, stops[0], 1)))
    return Slab(
        np.array([[starts[0], upper], [stops[0], upper], [stops[1], lower], [starts[1], lower]])
    )


def refine_slab(slab: Slab, grey: GreyImage, reach: int) -> Slab:
    """Move the edges of a slab to where the full image has them.

    Parameters
    ----------
    slab
        Slab in pixels of ``grey``.
    grey
        Full image, uint8, (height, width).
    reach
        Pixels within which the edges are searched for.
    """
    corners = slab.corners.copy()
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 0)):
        corners[[one, other]] += _shift(slab.corners[one], slab.corners[other], grey, reach)
    return Slab(corners)


def _views(region: GreyImage) -> list[tuple[GreyImage, bool]]:
    return [(part, number % 2 == 0) for number, part in enumerate(sides(region))]


def _line(part: GreyImage, tilted: bool) -> tuple[float, float]:
    """Return slope and start of the line on which most rows begin."""
    rows, first = first_in_rows(part)
    place = outermost(first, len(rows), _MEET, 0.2)
    if place is None:
        place = float(np.percentile(first, 5))
    if not tilted or len(rows) < 20:
        return 0.0, place
    upright = float((np.abs(first - place) < _MEET).mean())
    slope, start, share = _tilted_line(rows.astype(np.float64), first)
    # Probes are seldom steered: a tilted line must hold clearly more rows than an upright one.
    return (slope, start) if share > upright + 0.12 else (0.0, place)


def _tilted_line(rows: Floats, first: Floats) -> tuple[float, float, float]:
    """Return slope, start and share of the rows on the line that leaves little outside."""
    # Lines through every two of 24 rows that are six or more apart, (lines,).
    anchors = np.linspace(0, len(rows) - 1, 24).astype(int)
    one, other = np.triu_indices(24, 6)
    one, other = anchors[one], anchors[other]
    slope = (first[other] - first[one]) / (rows[other] - rows[one])
    start = first[one] - slope * rows[one]
    off = first[:, None] - (rows[:, None] * slope + start)
    # Rows on the line, less three times those that begin outside it; steeper than 50 degrees is
    # no flank.
    score = (np.abs(off) < 1.2).mean(axis=0) - 3 * (off < -_MEET).mean(axis=0)
    score[np.abs(slope) > 1.2] = -1
    best = int(score.argmax())
    return float(slope[best]), float(start[best]), float(score[best])


def _reach(lit: npt.NDArray[np.bool_], start: float, step: int) -> float:
    """Return where a run of lit pixels from a place ends."""
    place = min(max(round(start), 0), len(lit) - 1)
    while 0 <= place + step < len(lit) and lit[place + step]:
        place += step
    return float(place)


def _shift(one: Floats, other: Floats, grey: GreyImage, reach: int) -> Floats:
    """Return the shift of an edge outward, x and y, pixels."""
    along = other - one
    length = float(np.hypot(along[0], along[1]))
    if length < 8:
        return np.zeros(2)
    outward = np.array([along[1], -along[0]]) / length
    points = one + np.linspace(0.02, 0.98, 160)[:, None] * along
    inner = np.array([1, 1]), np.array(grey.shape[::-1]) - 2
    points = points[((points >= inner[0]) & (points <= inner[1])).all(axis=1)]
    if len(points) < 8:
        return np.zeros(2)
    offsets = edge_offsets(grey, points, np.repeat(outward[None], len(points), axis=0), reach)
    shift = outermost(-offsets[np.isfinite(offsets)], len(points), 1.5, 0.15)
    return np.zeros(2) if shift is None else -shift * outward
