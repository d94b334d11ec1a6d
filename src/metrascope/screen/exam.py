"""One file, DICOM or picture, as ingest and predict see it: its frames, panels and clean stills.

Both commands open files here, so that a network is shown a new image as it was shown those that it
learned from.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

import cv2
import numpy as np
from pydicom import Dataset

from metrascope.arrays import Box, Pixels
from metrascope.dicom.frames import Cine, open_pixels
from metrascope.dicom.header import looks_like_dicom, read_header
from metrascope.dicom.regions import Region, read_regions
from metrascope.errors import DataError
from metrascope.messages import Reason
from metrascope.screen.key_frames import key_frames
from metrascope.screen.panels import MOST_PANELS, panels, regions_within
from metrascope.screen.picture import decode_picture, picture_pages
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill, Verify, make_still
from metrascope.screen.usability import Claims, header_claims

MOST_PIXELS: Final = 4_000_000
"""Pixels of a screen beyond which it is reduced before anything is looked for in it.

Consoles show up to 2560 x 1440 (3.7 million). Phones that photograph them give 12 to 64 million,
of which text recognition would need 220 MiB and 7 s a million; after reducing, an image and what
was read in it have the same pixels still.
"""


@dataclass(frozen=True)
class Exam:
    """An opened file.

    Attributes
    ----------
    ds
        Its header, None for a picture.
    cine
        Its frames, reduced where they are too large; a still has one.
    claims, regions
        What the header says of them, in pixels of these frames.
    """

    ds: Dataset | None
    cine: Cine
    claims: Claims
    regions: tuple[Region, ...]

    @property
    def panels(self) -> tuple[Box, ...]:
        """Boxes of the images on a screen that are taken apart; empty where it is one image."""
        boxes = panels(self.regions)
        return boxes if len(boxes) <= MOST_PANELS else ()

    def best_frames(self, count: int | Literal["all"]) -> list[int]:
        """Return the numbers, from 0, of the sharpest distinct frames; of a picture all pages.

        Parameters
        ----------
        count
            Frames of a loop at most, see `metrascope.screen.key_frames.key_frames`.
        """
        if self.cine.count == 1 or self.cine.pages:
            return list(range(self.cine.count))
        return key_frames(self.cine, count)


def open_header(content: bytes) -> Dataset | None:
    """Return the header of a file, None where it is no DICOM file.

    Raises
    ------
    DataError
        If it is a DICOM file whose header cannot be read.
    """
    return read_header(content) if looks_like_dicom(content[:256]) else None


def open_exam(content: bytes, ds: Dataset | None) -> Exam:
    """Open the frames of a DICOM file, or the pages of a PNG, JPEG, BMP or TIFF.

    Parameters
    ----------
    content
        The whole file.
    ds
        Its header, from `open_header`.

    Raises
    ------
    DataError
        If nothing in it can be decoded.
    """
    if ds is None:
        return Exam(None, _open_pages(content), Claims(), ())
    cine = open_pixels(ds)
    shape = (cine.height, cine.width)
    factor = _factor(shape)
    regions = tuple(_scaled(region, factor) for region in read_regions(ds, shape))
    return Exam(ds, _bounded(cine), header_claims(ds), regions)


def make_stills(
    exam: Exam, frames: Iterable[int], settings: IngestSettings, verify: Verify | None = None
) -> Iterator[tuple[int, int, CleanStill | Reason]]:
    """Make the clean stills of some frames: one each, or one of each panel of a split screen.

    A still depends on its frame and the header alone, not on which other frames are asked for.

    Parameters
    ----------
    exam
        The file.
    frames
        Numbers from 0.
    settings
        Thresholds, and what becomes of marks.
    verify
        Text recognition, None to do without.

    Yields
    ------
    Number of the frame and of the panel, both from 0, and the still, whose origin counts from the
    corner of the screen, or the reason why there is none.
    """
    boxes = panels(exam.regions)
    for number in frames:
        try:
            frame = exam.cine.frame(number)
        except DataError as error:
            yield number, 0, error.reason
            continue
        planes = Reason("usability.planes", {"count": len(boxes)})
        if len(boxes) > MOST_PANELS:
            yield number, 0, planes
            continue
        if not boxes:
            yield number, 0, make_still(frame, exam.regions, exam.claims, settings, verify)
            continue
        stills = [_panel_still(exam, frame, box, settings, verify) for box in boxes]
        # A rendering on one side: the other is a plane of the same volume, not a scanned image.
        rendered = any(isinstance(one, Reason) and one.key == "usability.3d" for one in stills)
        for panel, still in enumerate(stills):
            yield number, panel, planes if rendered and isinstance(still, CleanStill) else still


def _panel_still(
    exam: Exam, frame: Pixels, box: Box, settings: IngestSettings, verify: Verify | None
) -> CleanStill | Reason:
    left, top, width, height = box
    part = frame[top : top + height, left : left + width]
    still = make_still(part, regions_within(box, exam.regions), exam.claims, settings, verify)
    if isinstance(still, Reason):
        return still
    return replace(still, origin=(still.origin[0] + left, still.origin[1] + top))


def _open_pages(content: bytes) -> Cine:
    pages = picture_pages(content)
    first = [_reduced(decode_picture(content, pages[0], MOST_PIXELS))]

    def frame(index: int) -> Pixels:
        if index == 0:
            return first[0]
        return _reduced(decode_picture(content, pages[index], MOST_PIXELS))

    height, width = first[0].shape[:2]
    return Cine(len(pages), height, width, len(pages), frame, pages=len(pages) > 1)


def _bounded(cine: Cine) -> Cine:
    if _factor((cine.height, cine.width)) == 1.0:
        return cine
    width, height = _size((cine.height, cine.width))
    return replace(
        cine, height=height, width=width, frame=lambda index: _reduced(cine.frame(index))
    )


def _factor(shape: tuple[int, ...]) -> float:
    return float(min(1.0, (MOST_PIXELS / (shape[0] * shape[1])) ** 0.5))


def _size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return width and height after reducing."""
    factor = _factor(shape)
    return max(1, int(shape[1] * factor)), max(1, int(shape[0] * factor))


def _reduced(frame: Pixels) -> Pixels:
    if _factor(frame.shape) == 1.0:
        return frame
    return np.asarray(cv2.resize(frame, _size(frame.shape), interpolation=cv2.INTER_AREA), np.uint8)


def _scaled(region: Region, factor: float) -> Region:
    if factor == 1.0:
        return region
    left, top, width, height = (int(side * factor) for side in region.box)
    size = region.mm_per_pixel
    return replace(
        region,
        box=(left, top, width, height),
        mm_per_pixel=None if size is None else (size[0] / factor, size[1] / factor),
    )
