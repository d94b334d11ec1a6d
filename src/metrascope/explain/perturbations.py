"""Changes by scanners and people that leave the patient's disease as it is.

Every change is made to the image as the network sees it, uint8 (size, size), before the grey-level
table. Strokes are as thin as those of a screen 1024 pixels high would be after the resize. Sizes
and places of marks are in pixels of an image of 224 (`unit`); they, the 5 dB and the exponents are
chosen as a user would plausibly set them, not measured on screens.
"""

from collections.abc import Callable, Mapping
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import GreyImage, Mask

Change = Callable[[GreyImage, Mask, np.random.Generator], GreyImage]
"""Image, its scan sector, and a source of randomness to the changed image."""

UNCHANGED: Final = "unchanged"
"""Name, in place of a change's, of the image as it is."""

# Marks are drawn this many times as fine as the image and averaged down, so that edges are soft.
_FINENESS: Final = 4
# Grey level of marks: below white, as on most screens. Chosen, not measured.
_INK_LEVEL: Final = 230
# Grey levels per decibel on a screen that shows a dynamic range of 60 dB.
_LEVELS_PER_DECIBEL: Final = 255 / 60


def calipers(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Measure something: two crosses and a dotted line, anywhere in the sector."""
    sheet, unit = _sheet(grey)
    rows, columns = np.nonzero(sector if sector.any() else np.ones_like(sector))
    ends = [
        (columns[at] * _FINENESS, rows[at] * _FINENESS) for at in rng.integers(len(rows), size=2)
    ]
    for x, y in ends:
        cv2.drawMarker(sheet, (int(x), int(y)), 255, cv2.MARKER_CROSS, 6 * unit, unit // 2)
    (x0, y0), (x1, y1) = ends
    for share in np.linspace(0, 1, max(2, int(np.hypot(x1 - x0, y1 - y0) / (4 * unit)))):
        at = round(x0 + share * (x1 - x0)), round(y0 + share * (y1 - y0))
        cv2.circle(sheet, at, max(1, unit // 4), 255, -1)
    return _add_ink(grey, sheet)


def ticks(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Draw a depth scale along the left or the right edge."""
    sheet, unit = _sheet(grey)
    side = len(sheet)
    edge = 3 * unit if rng.random() < 0.5 else side - 3 * unit
    for step, y in enumerate(np.arange(side * 0.05, side * 0.95, side * 0.09)):
        long = (3 if step % 5 == 0 else 2) * unit // 2
        cv2.line(sheet, (edge - long, round(y)), (edge + long, round(y)), 255, max(1, unit // 2))
    return _add_ink(grey, sheet)


def burn_in_text(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Write two lines of settings into a lower corner."""
    sheet, unit = _sheet(grey)
    x = 4 * unit if rng.random() < 0.5 else len(sheet) - 40 * unit
    for line, words in enumerate((f"Gn {rng.integers(40, 90)}", f"D {rng.uniform(5, 11):.1f}cm")):
        at = (x, len(sheet) - (14 - 9 * line) * unit)
        cv2.putText(sheet, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.28 * unit, 255, unit // 2)
    return _add_ink(grey, sheet)


def logo(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Put a maker's mark, a filled disc with a letter, into an upper corner."""
    sheet, unit = _sheet(grey)
    x = 9 * unit if rng.random() < 0.5 else len(sheet) - 9 * unit
    cv2.circle(sheet, (x, 9 * unit), 6 * unit, 255, -1)
    at = (x - 3 * unit, 12 * unit)
    cv2.putText(sheet, "V", at, cv2.FONT_HERSHEY_SIMPLEX, 0.3 * unit, 0, unit)
    return _add_ink(grey, sheet)


def brighter(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Raise the gain by 5 dB."""
    return _map_levels(grey, sector, np.arange(256) + 5 * _LEVELS_PER_DECIBEL)


def darker(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Lower the gain by 5 dB."""
    return _map_levels(grey, sector, np.arange(256) - 5 * _LEVELS_PER_DECIBEL)


def softer(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Take the grey levels to the power 0.75."""
    return _map_levels(grey, sector, 255 * (np.arange(256) / 255) ** 0.75)


def harder(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Take the grey levels to the power 4/3."""
    return _map_levels(grey, sector, 255 * (np.arange(256) / 255) ** (4 / 3))


def outside(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Make what lies outside the sector dark grey instead of what it is."""
    return np.where(sector, grey, np.uint8(40))


def frame(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Blacken a frame of 4 % of the side."""
    width = max(1, round(0.04 * len(grey)))
    framed = np.zeros_like(grey)
    framed[width:-width, width:-width] = grey[width:-width, width:-width]
    return framed


def vignette(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Darken toward the corners, to half the level there."""
    place = np.linspace(-1, 1, len(grey)) ** 2
    share = 1 - 0.25 * (place[:, None] + place)
    return np.asarray(np.rint(grey * share), dtype=np.uint8)


def jpeg(grey: GreyImage, sector: Mask, rng: np.random.Generator) -> GreyImage:
    """Compress as JPEG of quality 90: the floor, a change that nobody sees."""
    code = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


CHANGES: Final[Mapping[str, Change]] = {
    "jpeg": jpeg,
    "calipers": calipers,
    "ticks": ticks,
    "text": burn_in_text,
    "logo": logo,
    "brighter": brighter,
    "darker": darker,
    "softer": softer,
    "harder": harder,
    "outside": outside,
    "frame": frame,
    "vignette": vignette,
}
"""By name, in the order of the table."""


def _sheet(grey: GreyImage) -> tuple[GreyImage, int]:
    """Return a black sheet finer than the image, and the size on it of a pixel of 224."""
    side = _FINENESS * len(grey)
    return np.zeros((side, side), np.uint8), max(2, round(side / 224))


def _add_ink(grey: GreyImage, sheet: GreyImage) -> GreyImage:
    """Blend the ink's grey level into the image by the share of each pixel that is drawn on."""
    share = cv2.resize(sheet, grey.shape[::-1], interpolation=cv2.INTER_AREA) / 255.0
    return np.asarray(np.rint(grey * (1 - share) + _INK_LEVEL * share), dtype=np.uint8)


def _map_levels(grey: GreyImage, sector: Mask, levels: npt.NDArray[np.floating]) -> GreyImage:
    """Put grey levels inside the sector through a table; outside it they stay."""
    table = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return np.where(sector, table[grey], grey)
