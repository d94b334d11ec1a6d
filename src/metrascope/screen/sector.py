"""Find the scan sector, the region of a screen that holds echo data."""

from dataclasses import dataclass
from typing import Final, Literal

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Box, GreyImage
from metrascope.screen.echo import DARK, Echo, echo_outline, find_echo
from metrascope.screen.fan import FanShape, fit_fans, refine_fan
from metrascope.screen.slab import Slab, fit_slab, refine_slab

__all__ = ["DARK", "Box", "Sector", "SectorKind", "agrees", "find_sector"]

SectorKind = Literal["curved", "phased", "linear", "whole"]

# Made 0.8 or 1.25 times as large, alone, on 30 phantom screens: the margin moves the mean IoU of
# 0.992 by 0.001, `_POOR` raised brings it to 0.979 (hulls in place of shapes that fit), the others
# leave it (benchmarks/screen_constants.py).

# Pixels by which a fitted shape is drawn larger: its edges are centers of the last lit pixels.
_MARGIN: Final = 0.5
# Radius of the near arc, as a share of the far one, under which a fan ends in a point.
_POINT: Final = 0.07
# Scores of a fit (`_rate`, 2 at best): no other center is tried from the first on, no other way of
# looking from the second on, and below the third no shape fits and the hull is taken.
_CERTAIN: Final = 1.95
_GOOD: Final = 1.7
_POOR: Final = 1.55
# By how much another way of looking must score better.
_CLEARLY: Final = 0.1
# Distance from the image's border, in shares of its sides, within which a slab reaches it.
_BORDER: Final = 0.025


@dataclass(frozen=True)
class Sector:
    """The scan sector of an image.

    Attributes
    ----------
    box
        ``(left, top, width, height)`` in pixels.
    mask
        bool, shape of the image, True inside the sector.
    kind
        ``curved`` (a fan with a near arc), ``phased`` (a wedge with an apex), ``linear`` (a
        rectangle or trapezoid) or ``whole`` (nothing but echo, or nothing that stands out).
    outline
        Polygon ``((x, y), ...)`` in pixels, clockwise on the screen; filled, it gives the mask
        to within half a pixel.
    """

    box: Box
    mask: npt.NDArray[np.bool_]
    kind: SectorKind
    outline: tuple[tuple[int, int], ...]


def find_sector(grey: GreyImage, within: Box | None = None) -> Sector:
    """Find the scan sector of an ultrasound screen from its pixels.

    The largest region that looks like echo is searched for in a reduced image. A fan (two flanks
    and two arcs around one center, cut off by the screen) and a slab are fitted to it; the better
    one is moved to the edges of the full image and taken whole, so that fluid, shadows and a
    dark far field at its edges stay inside, and letters and bars that touch it outside. Its
    edges lie at most a pixel or so outside the echo. If neither fits, the region's convex hull
    is taken. Where nothing stands out (an image that is all echo, or all black) the whole image
    is returned. The same pixels always give the same sector.

    Parameters
    ----------
    grey
        Screen, uint8, (height, width).
    within
        Box ``(left, top, width, height)`` inside the image that is searched alone, None for the
        whole image.
    """
    left, top, width, height = within or (0, 0, grey.shape[1], grey.shape[0])
    part = np.ascontiguousarray(grey[top : top + height, left : left + width])
    inside, kind = _find(part)
    mask = np.zeros(grey.shape, np.uint8)
    mask[top : top + height, left : left + width] = inside
    x, y, wide, high = cv2.boundingRect(mask)
    return Sector((x, y, wide, high), mask.view(bool), kind, _outline(mask))


def agrees(box: Box, sector: Sector) -> bool:
    """Return whether a region box from a header fits what the pixels show.

    It does if it lies inside the image, has some size, and holds nearly all of the sector that
    was found without it; it may be larger, since a far field can be too dark to be seen. Where
    the pixels show no outline, every such box agrees.

    Parameters
    ----------
    box
        ``(left, top, width, height)`` in pixels, maybe beyond the image.
    sector
        Sector that was found without the box.
    """
    left, top, width, height = box
    rows, columns = sector.mask.shape
    if left < 0 or top < 0 or left + width > columns or top + height > rows:
        return False
    # Smaller boxes are of a scale or a color bar. Chosen, not measured, as is the next share.
    if width * height < 0.05 * sector.mask.size:
        return False
    if sector.kind == "whole":
        return True
    inside = np.count_nonzero(sector.mask[top : top + height, left : left + width])
    return bool(inside > 0.9 * np.count_nonzero(sector.mask))


@dataclass(frozen=True)
class _Fit:
    """A shape fitted to the reduced image, its mask of 0 and 1, and its score, 0 to 2."""

    shape: FanShape | Slab
    mask: GreyImage
    score: float


def _find(grey: GreyImage) -> tuple[GreyImage, SectorKind]:
    """Return the mask and the kind of the sector, from the best of three ways of looking.

    The screen as it is; by texture alone, for a ground of several greys; upside down.
    """
    echo = find_echo(grey)
    if echo is None:
        return np.ones(grey.shape, np.uint8), "whole"
    fit = _best_fit(echo)
    if fit.score < _GOOD:
        textured = find_echo(grey, textured=True)
        again = fit if textured is None else _best_fit(textured)
        if textured and again.score > fit.score + _CLEARLY:
            echo, fit = textured, again
    if fit.score < _GOOD:
        turned = find_echo(np.ascontiguousarray(grey[::-1]))
        other = fit if turned is None else _best_fit(turned)
        if turned and isinstance(other.shape, FanShape) and other.score > fit.score + _CLEARLY:
            # The probe is at the bottom of the screen.
            mask, kind = _finish(other, turned, np.ascontiguousarray(grey[::-1]))
            return np.ascontiguousarray(mask[::-1]), kind
    return _finish(fit, echo, grey)


def _best_fit(echo: Echo) -> _Fit:
    contour, outer, _ = echo_outline(echo.region)
    best = _rate(fit_slab(echo), echo, outer)
    for fan in fit_fans(echo, contour, outer):
        fit = _rate(fan, echo, outer)
        if fit.score > best.score:
            best = fit
        # Other centers lead to none as good.
        if fit.score > _CERTAIN:
            break
    return best


def _rate(shape: FanShape | Slab, echo: Echo, outer: npt.NDArray[np.float64]) -> _Fit:
    """Rate a shape by the outer contour on its edge, the echo it holds, and how full it is."""
    mask = shape.draw((echo.region.shape[0], echo.region.shape[1]), 0.3)
    # A frame of one pixel, so that an edge at the image's border is an edge as well; the edge is
    # two pixels wide on either side.
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    edge = cv2.morphologyEx(framed, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    places = outer.astype(np.intp) + 1
    on_edge = float(edge[places[:, 1], places[:, 0]].mean())
    both = np.count_nonzero(mask & echo.region)
    echo_inside = both / np.count_nonzero(echo.region)
    full = both / (np.count_nonzero(mask) + 1)
    # Losing echo is worse than taking in ground: a far field can be too dark to be seen.
    return _Fit(shape, mask, on_edge + 0.6 * echo_inside + 0.4 * full)


def _finish(fit: _Fit, echo: Echo, grey: GreyImage) -> tuple[GreyImage, SectorKind]:
    """Return the mask in the full image, and the kind of the sector."""
    shape = grey.shape[0], grey.shape[1]
    if fit.score < _POOR:
        return _hull(echo, shape), "curved"
    reach = max(3, round(2.5 / echo.factor))  # two and a half pixels of the reduced image
    if isinstance(fit.shape, FanShape):
        fan = refine_fan(fit.shape.scaled(echo.factor), grey, reach)
        return fan.draw(shape, _MARGIN), "phased" if fan.near < _POINT * fan.far else "curved"
    slab = refine_slab(fit.shape.scaled(echo.factor), grey, reach)
    if _fills(slab, shape):
        return np.ones(shape, np.uint8), "whole"
    return slab.draw(shape, _MARGIN), "linear"


def _fills(slab: Slab, shape: tuple[int, int]) -> bool:
    """Return whether a slab reaches nearly to every border of the image."""
    spare = _BORDER * np.array(shape[::-1])
    low, high = slab.corners[[0, 1, 3]].min(axis=0), slab.corners.max(axis=0)
    return bool((low < spare).all() and (high > np.array(shape[::-1]) - 1 - spare).all())


def _hull(echo: Echo, shape: tuple[int, int]) -> GreyImage:
    """Return the convex hull of the echo in the full image, 0 and 1."""
    hull = (echo_outline(echo.region)[2] + 0.5) / echo.factor - 0.5
    mask = np.zeros(shape, np.uint8)
    points = np.rint(hull * 16).astype(np.int32)
    return np.asarray(cv2.fillConvexPoly(mask, points, 1, shift=4), np.uint8)


def _outline(mask: GreyImage) -> tuple[tuple[int, int], ...]:
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    largest = cv2.approxPolyDP(max(outlines, key=cv2.contourArea), 0.5, closed=True)
    # OpenCV goes round counterclockwise on the screen.
    return tuple((int(x), int(y)) for x, y in largest[::-1, 0])
