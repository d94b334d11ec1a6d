"""The screens of a patient's visits, and the files and folders that hold them."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from metrascope.phantom.hospital.codings import CODINGS, Coding
from metrascope.phantom.hospital.identities import Visit
from metrascope.phantom.hospital.loops import LOOPED
from metrascope.phantom.hospital.shot import SHOT_KINDS, ProbeView, ShotKind

Container = Literal["dicom", "loop", "png", "jpeg", "both"]
FolderStyle = Literal["latin", "chinese", "archive", "disc", "zip", "flat"]
FOLDER_STYLES: Final[tuple[FolderStyle, ...]] = (
    "latin",
    "archive",
    "chinese",
    "flat",
    "zip",
    "disc",
)
FILE_STYLES: Final = ("part10", "part10", "part10", "part10", "no_preamble", "no_meta")
OTHER_KINDS: Final = ("ct", "sr", "pdf")
_LOOP_FRAMES: Final = 6  # enough for a loop, which costs a drawing each


@dataclass(frozen=True)
class Wish:
    """One picture to export.

    Parameters
    ----------
    kind, view
        Kind of screen, and probe; ``other`` names another modality instead.
    container
        File type; ``both`` is one picture as DICOM and as PNG.
    coding, frames
        Storage of the pixels and number of frames, for DICOM.
    regions
        ``sane``, ``absent`` or ``insane`` (boxes beyond the image, upside down, no units).
    style
        ``part10``; ``no_preamble`` begins with the file meta group; ``no_meta`` (implicit little
        endian only, else as ``no_preamble``) with the data set.
    other
        ``ct``, ``sr`` or ``pdf``, or empty.
    """

    kind: ShotKind
    view: ProbeView
    container: Container
    coding: Coding
    regions: str
    style: str
    frames: int = 1
    other: str = ""


def plan_visit(visit: Visit, rng: np.random.Generator) -> tuple[Wish, ...]:
    """Return the pictures of a visit; the first one is always a usable still.

    Codings and kinds follow the patient's number, so that a few dozen patients show all of them.
    """
    first = _wish("bmode", visit, 0, rng)
    wishes = [first]
    for place in range(1, 1 + int(rng.choice([0, 1, 2, 3], p=[0.3, 0.35, 0.2, 0.15]))):
        usable = rng.random() < 0.5
        others = SHOT_KINDS[1:]
        kind = "bmode" if usable else others[(visit.patient.index + place) % len(others)]
        wishes.append(_wish(kind, visit, place, rng))
    if rng.random() < 0.05:
        other = OTHER_KINDS[visit.patient.index % len(OTHER_KINDS)]
        wishes.append(Wish("report", "curved", "dicom", CODINGS[0], "absent", "part10", 1, other))
    return tuple(wishes)


def export_name(visit: Visit, style: FolderStyle, number: int, suffix: str) -> str:
    """Return the path of a picture below the exports, as scanners and people name them.

    Parameters
    ----------
    visit
        The examination.
    style
        How the department keeps its folders.
    number
        Number of the picture in the visit, from 0.
    suffix
        ``.png``, ``.jpg`` or ``.dcm``; archives and discs have none for DICOM.
    """
    day = f"{visit.exam_time:%Y%m%d}"
    name = safe(visit.latin_name).replace(" ", "_")
    if style == "latin":
        return f"{name}_{visit.patient_id}/{day}/IMG_{number + 1:03d}{suffix}"
    if style == "chinese":
        return f"{safe(visit.local_name)}_{visit.accession}/US{number:06d}{suffix.upper()}"
    if style == "flat":
        return f"{visit.patient_id}_{name}_{day}_{visit.accession}_{number}{suffix}"
    bare = "" if suffix == ".dcm" else suffix
    folder = f"PA{visit.patient.index:06d}/ST{visit.number:06d}/SE000001"
    if style == "archive":
        return f"DICOM/{folder}/IM_{number + 1:04d}{bare}"
    if style == "disc":
        return f"CD_{visit.accession}/{folder}/IM{number + 1:06d}{bare.upper()}"
    return f"{name}_{day}_{visit.accession}.zip"


def safe(name: str) -> str:
    """Return a person's name without what a file name cannot hold."""
    return name.replace("/", "_").replace(",", "")


def folder_style(visit: Visit) -> FolderStyle:
    """Return how the files of a visit are kept."""
    return FOLDER_STYLES[(visit.patient.index + visit.number) % len(FOLDER_STYLES)]


def _wish(kind: ShotKind, visit: Visit, place: int, rng: np.random.Generator) -> Wish:
    coding = _coding(kind, 3 * visit.patient.index + 11 * visit.number + place)
    container: Container = rng.choice(
        ["dicom", "loop", "png", "jpeg", "both"], p=[0.58, 0.1, 0.14, 0.13, 0.05]
    )
    loop = container == "loop" and kind in LOOPED
    # What is deflated cannot be told from noise without a file meta group in its place.
    whole = coding.name == "deflated_rgb"
    return Wish(
        kind,
        rng.choice(["curved", "phased", "linear"], p=[0.86, 0.07, 0.07]),
        container,
        coding,
        str(rng.choice(["sane", "absent", "insane"], p=[0.6, 0.25, 0.15])),
        "part10" if whole else str(rng.choice(FILE_STYLES)),
        _LOOP_FRAMES if loop else 1,
    )


def _coding(kind: ShotKind, place: int) -> Coding:
    """Return the next coding, one that keeps colors for screens that live on them."""
    while not CODINGS[place % len(CODINGS)].color and kind != "bmode":
        place += 1
    return CODINGS[place % len(CODINGS)]
