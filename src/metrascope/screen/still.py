"""Make a clean still of one decoded frame: sector, marks, masking, verification."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Box, Pixels
from metrascope.dicom.regions import Region
from metrascope.messages import Reason
from metrascope.screen.marks import Mark, find_marks, inpaint
from metrascope.screen.sector import Sector, agrees, find_sector
from metrascope.screen.settings import IngestSettings
from metrascope.screen.text import Verified
from metrascope.screen.usability import Claims, judge
from metrascope.screen.watermark import has_watermark

Verify = Callable[[Pixels, Sector, npt.NDArray[np.bool_]], Verified]

_TEXT: Final = ("text",)


@dataclass(frozen=True)
class CleanStill:
    """A frame with nothing but echoes in it.

    Attributes
    ----------
    grey
        uint8, (height, width): the scan sector's box, 0 outside the sector.
    screen
        uint8, same height and width, grey or RGB: the box as it is on the screen.
    sector
        bool, same shape.
    origin
        Left and top of the box on the screen, pixels.
    kind
        Of the sector: ``curved``, ``phased``, ``linear`` or ``whole``.
    outline
        Polygon of the sector in pixels of ``grey``.
    marks
        What was found burned in, boxes in pixels of ``grey``; text is gone, the rest as set.
    mm_per_pixel
        Along x and y, None where no header tells.
    checked
        What text recognition said: ``clean``, ``masked``, or ``""`` where it was not asked.
    """

    grey: Pixels
    screen: Pixels
    sector: npt.NDArray[np.bool_]
    origin: tuple[int, int]
    kind: str
    outline: tuple[tuple[int, int], ...]
    marks: tuple[Mark, ...]
    mm_per_pixel: tuple[float, float] | None
    checked: str


def make_still(
    frame: Pixels,
    regions: tuple[Region, ...],
    claims: Claims,
    settings: IngestSettings,
    verify: Verify | None,
) -> CleanStill | Reason:
    """Return the clean still of a frame, or why it is not usable.

    Parameters
    ----------
    frame
        uint8, (height, width) or (height, width, 3) RGB.
    regions
        What the header says of the screen, if anything.
    claims
        What the header says of the file: modality and the like.
    settings
        Thresholds, and what becomes of marks.
    verify
        Text recognition, None to do without.
    """
    grey = _luminance(frame)
    sector = find_sector(grey)
    region = _echo_region(regions, sector)
    if region is not None and not _holds(region.box, sector.box):
        sector = find_sector(grey, region.box)
    reason = judge(frame, sector, regions, claims, settings.usability)
    if reason is not None:
        return reason
    found = find_marks(frame, sector)
    marks = found.marks
    if settings.marks == "reject" and any(mark.kind not in _TEXT for mark in marks):
        return Reason("ingest.marked")
    left, top, width, height = sector.box
    window = (slice(top, top + height), slice(left, left + width))
    mask = found.mask if settings.marks == "inpaint" else found.mask_of(*_TEXT)
    inside = sector.mask[window]
    shown = np.where(inside, grey[window], np.uint8(0))
    outline = tuple((x - left, y - top) for x, y in sector.outline)
    cut = Sector((0, 0, width, height), np.ascontiguousarray(inside), sector.kind, outline)
    cleaned = _cleaned(np.ascontiguousarray(shown), cut, mask[window] & inside, verify)
    if isinstance(cleaned, Reason):
        return cleaned
    clean, checked = cleaned
    if clean[inside].std() < settings.usability.least_contrast:
        return Reason("ingest.nothing_left")
    return CleanStill(
        np.ascontiguousarray(clean, dtype=np.uint8),
        frame[window],
        cut.mask,
        (left, top),
        cut.kind,
        outline,
        tuple(Mark(mark.kind, _moved(mark.box, left, top)) for mark in marks),
        None if region is None else region.mm_per_pixel,
        checked,
    )


def _cleaned(
    shown: Pixels, sector: Sector, covered: npt.NDArray[np.bool_], verify: Verify | None
) -> tuple[Pixels, str] | Reason:
    """Fill in what is covered and what reads as text; return the image and how it was checked."""
    if verify is None:
        image, checked = inpaint(shown, covered, sector.mask), ""
    elif has_watermark(shown, sector.mask):
        return Reason("ingest.still_repeats")
    else:
        verified = verify(shown, sector, covered)
        if verified.state == "quarantine":
            return Reason("ingest.still_reads", {"lines": len(verified.found)})
        image, checked = verified.image, verified.state
    return np.where(sector.mask, image, np.uint8(0)), checked


def _luminance(frame: Pixels) -> Pixels:
    if frame.ndim == 2:
        return frame
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)


def _echo_region(regions: tuple[Region, ...], sector: Sector) -> Region | None:
    """Return the largest 2-D region of the header, if it fits what the pixels show."""
    candidates = [region for region in regions if region.kind == "2d"]
    largest = max(candidates, key=lambda region: region.box[2] * region.box[3], default=None)
    return largest if largest is not None and agrees(largest.box, sector) else None


def _holds(outer: Box, inner: Box) -> bool:
    right, bottom = outer[0] + outer[2], outer[1] + outer[3]
    inside = inner[0] + inner[2] <= right and inner[1] + inner[3] <= bottom
    return outer[0] <= inner[0] and outer[1] <= inner[1] and inside


def _moved(box: Box, left: int, top: int) -> Box:
    return box[0] - left, box[1] - top, box[2], box[3]
