"""From the bytes of a file to sector crops, as ``metrascope ingest`` makes them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydicom import Dataset

from metrascope.arrays import Pixels
from metrascope.dicom.frames import Cine
from metrascope.dicom.header import looks_like_dicom, read_header
from metrascope.dicom.identifiers import identifier_spellings
from metrascope.dicom.regions import Region
from metrascope.dicom.values import day, string
from metrascope.errors import DataError
from metrascope.messages import Reason, language, table, text
from metrascope.predict.patient import HeaderPatient, header_digest
from metrascope.predict.reading import Notice
from metrascope.screen.key_frames import key_frames
from metrascope.screen.marks import Mark
from metrascope.screen.panels import panels
from metrascope.screen.screens import open_screens
from metrascope.screen.sector import Sector
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill, make_still
from metrascope.screen.usability import Claims

_DAMAGED: Final = {"dicom": "damaged", "picture": "damaged"}
_ADVISED: Final = (
    "dicom.bad_deflated",
    "dicom.bad_header",
    "dicom.chroma",
    "dicom.no_codec",
    "dicom.photometric",
    "dicom.unsupported_syntax",
    "picture.too_many_pages",
    "picture.undecodable",
)
"""Reasons whose sentence says itself what to do."""
_BESIDE: Final = 0.2
"""Of the width, from the middle."""
_CHINESE: Final = re.compile("[㐀-鿿]")
_FIRST_BIRTH: Final = 1910
"""Earlier ones are what is typed where none is known: 1900-01-01, 1901-01-01."""
_SETTINGS: Final = IngestSettings(verify=False)


@dataclass(frozen=True)
class Exam:
    """An opened file: who, and which frames.

    Attributes
    ----------
    patient
        PatientID of its header, ``""`` where there is none or it stands for nobody.
    cine
        Its frames; a still has one.
    claims, regions
        What the header says of them.
    """

    patient: str
    cine: Cine
    claims: Claims
    regions: tuple[Region, ...]

    @property
    def key(self) -> int:
        """The frame that shows most, counted from 0: the sharpest."""
        return 0 if self.cine.count == 1 or self.cine.pages else key_frames(self.cine, 1)[0]


@dataclass(frozen=True)
class Crop:
    """The scan sector of one frame, ready for a graph.

    Attributes
    ----------
    grey
        uint8, (height, width).
    marks
        Burned in and still there, boxes in pixels of ``grey``; text has been filled in where
        the data set of the bundle was cleaned the same way.
    origin
        Left and top of the crop on the screen, pixels.
    """

    grey: Pixels
    marks: tuple[Mark, ...]
    origin: tuple[int, int]


def open_exam(content: bytes) -> Exam:
    """Decode what a file holds: DICOM, PNG, JPEG, BMP or TIFF, whatever its name.

    Raises
    ------
    DataError
        If it is none of these, damaged, or too large for an ultrasound screen.
    """
    ds = read_header(content) if looks_like_dicom(content[:256]) else None
    screens = open_screens(content, ds)
    patient = "" if ds is None else _patient(ds)
    return Exam(patient, screens.cine, screens.claims, screens.regions)


def read_person(content: bytes) -> HeaderPatient:
    """Return whose a file says that it is: nobody's where it is a picture or cannot be read."""
    if not looks_like_dicom(content[:256]):
        return HeaderPatient()
    try:
        ds = read_header(content)
    except DataError:
        return HeaderPatient()
    number = "".join(identifier_spellings("patient_id", string(ds, "PatientID")))
    birth = day(ds, "PatientBirthDate")
    # A Chinese name is not compared with its Latin spelling, of which there are several.
    names = sorted(filter(_CHINESE.search, identifier_spellings("name", string(ds, "PatientName"))))
    known = birth is not None and birth.year >= _FIRST_BIRTH
    return HeaderPatient(
        number, header_digest(str(birth)) if known else "", tuple(map(header_digest, names))
    )


def crop_frames(
    exam: Exam, frames: Sequence[int], *, cleaned: bool
) -> Iterator[tuple[int, Crop | Reason]]:
    """Cut the scan sector out of frames, or say why one cannot be read.

    The sector is looked for once in a loop: the probe's fan stays where it is. On pages it does
    not.

    Parameters
    ----------
    exam
        The file.
    frames
        Numbers from 0, the key frame first.
    cleaned
        Black outside the sector and text filled in, as in an ingested data set; otherwise the
        box of the sector as it is on the screen.

    Yields
    ------
    The number of a frame, and its crop or the reason why there is none.
    """
    if panels(exam.regions):
        count = len(panels(exam.regions))
        yield from ((f, Reason("serving.several_images", {"count": count})) for f in frames)
        return
    known: Sector | None = None
    for number in frames:
        try:
            frame = exam.cine.frame(number)
        except DataError as error:
            values = {name: _plain(found) for name, found in error.values.items()}
            yield number, Reason(error.key, values)
            continue
        still = make_still(frame, exam.regions, exam.claims, _SETTINGS, None, known)
        if isinstance(still, CleanStill) and _is_cut_off(still):
            yield number, Reason("serving.cut_off")
        elif isinstance(still, CleanStill):
            if not exam.cine.pages:
                known = known or _sector(still, (exam.cine.height, exam.cine.width))
            yield number, _crop(frame, still, cleaned=cleaned)
        else:
            yield number, still


def _crop(frame: Pixels, still: CleanStill, *, cleaned: bool) -> Crop:
    if cleaned:
        kept = tuple(mark for mark in still.marks if mark.kind != "text")
        return Crop(still.grey, kept, still.origin)
    (left, top), (height, width) = still.origin, still.grey.shape
    part = frame[top : top + height, left : left + width]
    return Crop(to_grey(part), still.marks, still.origin)


def to_grey(picture: Pixels) -> Pixels:
    """Return 8-bit grey of an RGB picture by the whole numbers that the graph uses too."""
    if picture.ndim == 2:
        return np.ascontiguousarray(picture)
    weighted = picture.astype(np.uint32) @ np.array([19595, 38470, 7471], np.uint32)
    return np.asarray((weighted + 32768) >> 16, dtype=np.uint8)


def refusal_message(key: str, sentence: str) -> Notice:
    """Return why an image cannot be read, and what to do about it.

    Parameters
    ----------
    key
        Of the reason.
    sentence
        In the language in use.
    """
    area, _, code = key.partition(".")
    advice = f"advice.{code}" if area == "usability" else f"advice.{_DAMAGED.get(area, '')}"
    if advice not in table() or key in _ADVISED:
        return Notice(key=key, text=sentence)
    between = "" if language() == "zh" else " "
    told = f"{sentence}{between}{text(advice)}"
    return Notice(key=key, text=told)


def _is_cut_off(still: CleanStill) -> bool:
    """Tell whether a side of a fan is missing: then the probe does not stand over its middle.

    Screens cut wide fans off a little; of 289 real and synthetic ones none had its probe more
    than 9 % of the width beside the middle.
    """
    if still.kind not in ("curved", "phased"):
        return False
    height, width = still.sector.shape
    near = np.flatnonzero(still.sector[: max(2, height // 12)].any(axis=0))
    return len(near) > 0 and abs((near[0] + near[-1]) / 2 - width / 2) > _BESIDE * width


def _sector(still: CleanStill, shape: tuple[int, int]) -> Sector:
    (left, top), (height, width) = still.origin, still.grey.shape
    mask = np.zeros(shape, dtype=bool)
    mask[top : top + height, left : left + width] = still.sector
    outline = tuple((x + left, y + top) for x, y in still.outline)
    return Sector((left, top, width, height), mask, still.kind, outline)  # type: ignore[arg-type]


def _patient(ds: Dataset) -> str:
    found = string(ds, "PatientID")
    return found if identifier_spellings("patient_id", found) else ""


def _plain(found: object) -> str | int | float:
    return found if isinstance(found, int | float) else str(found)
