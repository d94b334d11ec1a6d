"""The images of an exam that networks read: which frames, and the crop to the sector of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from metrascope.arrays import Pixels
from metrascope.messages import Reason
from metrascope.screen.exam import Exam, make_stills
from metrascope.screen.marks import Mark
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill

FrameChoice = Literal["key", "all"] | int

_SETTINGS: Final = IngestSettings(verify=False)


@dataclass(frozen=True)
class Crop:
    """The scan sector of one image, ready for a graph.

    Attributes
    ----------
    grey
        uint8, (height, width).
    marks
        Burned in and still there, boxes in pixels of ``grey``; text has been filled in where
        the data set of the bundle was cleaned the same way.
    """

    grey: Pixels
    marks: tuple[Mark, ...]


def crop_images(
    exam: Exam, frames: FrameChoice, *, cleaned: bool
) -> Iterator[tuple[int, Crop | Reason]]:
    """Cut the scan sector out of the chosen images of a file, or say why one cannot be read.

    Parameters
    ----------
    exam
        The file.
    frames
        Of a loop: ``all``, ``key`` (the sharpest) or a number, evenly spread; of a picture file
        all pages count.
    cleaned
        Black outside the sector and text filled in, as in an ingested data set; otherwise the
        box of the sector as it is on the screen.

    Yields
    ------
    Number of the image from 0, the key frame first, and its crop or the reason why there is none.
    The panels of a split screen are images of their own: those of frame f are f n to f n + n - 1.
    """
    count = max(1, len(exam.panels))
    for frame, panel, still in make_stills(exam, _numbers(exam, frames), _SETTINGS):
        crop = still if isinstance(still, Reason) else _crop(still, cleaned=cleaned)
        yield frame * count + panel, crop


def count_images(exam: Exam) -> int:
    """Return how many images a file has: its frames or pages, panels counted each."""
    return exam.cine.count * max(1, len(exam.panels))


def to_grey(picture: Pixels) -> Pixels:
    """Return 8-bit grey of an RGB picture by the whole numbers that the graph uses too."""
    if picture.ndim == 2:
        return np.ascontiguousarray(picture)
    weighted = picture.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return np.asarray((weighted + 32768) >> 16, dtype=np.uint8)


def _numbers(exam: Exam, frames: FrameChoice) -> list[int]:
    best, count = exam.best_frames(1), exam.cine.count
    if frames == "key" or exam.cine.pages:
        return best
    wanted = count if frames == "all" else min(count, int(frames))
    spread = np.linspace(0, count - 1, wanted).round().astype(int).tolist()
    return [*best, *(number for number in spread if number != best[0])][:wanted]


def _crop(still: CleanStill, *, cleaned: bool) -> Crop:
    if cleaned:
        return Crop(still.grey, tuple(mark for mark in still.marks if mark.kind != "text"))
    return Crop(to_grey(still.screen), still.marks)
