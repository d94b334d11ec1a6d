"""The note of everything planted that identifies, and texts to plant for every kind of element."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Final, Literal

import numpy as np
from pydicom._dicom_dict import DicomDictionary
from pydicom.uid import UID

from metrascope.phantom.hospital.identities import UID_ROOT, code

PlantKind = Literal["name", "id", "text", "place", "date", "time", "uid", "number", "age", "screen"]
# Groups that say how pixels are read, where they lie in space, or how a file is organized.
_READ_GROUPS: Final = (0x0000, 0x0002, 0x0004, 0x0022, 0x0028, 0x0048, 0x0052, 0x0062, 0x2050)
# What an ultrasound header says about the machine or its setting rather than about a person,
# and what decides how the file is understood.
_HARMLESS: Final = frozenset(
    {
        "SpecificCharacterSet",
        "ImageType",
        "SOPClassUID",
        "SOPInstanceUID",
        "Modality",
        "ModalitiesInStudy",
        "Manufacturer",
        "ManufacturerModelName",
        "AlternateRepresentationSequence",
        "PatientAge",
        "PatientSex",
        "PixelDataProviderURL",
        "BodyPartExamined",
        "ViewPosition",
        "DepthOfScanField",
        "TransducerType",
        "TransducerData",
        "FrameTime",
        "CineRate",
        "RecommendedDisplayFrameRate",
        "ImagerPixelSpacing",
        "FrameTimeVector",
        "BurnedInAnnotation",
        "TimezoneOffsetFromUTC",
        "InstanceNumber",
        "SeriesNumber",
        "RescaleSlope",
        "DataSetType",
        "MIMETypeOfEncapsulatedDocument",
        "DocumentTitle",
        "DeidentificationMethod",
        "PatientIdentityRemoved",
    }
)


@dataclass(frozen=True)
class Planted:
    """One identifying text and where it was put.

    Parameters
    ----------
    kind
        What it is; names, dates and times also count in other ways of writing them.
    text
        As it was put.
    where
        The element, chunk or name that holds it.
    """

    kind: PlantKind
    text: str
    where: str


@dataclass
class Ledger:
    """Collects what is planted in one export; `note` returns its text so that it can be used."""

    rng: np.random.Generator
    planted: list[Planted] = field(default_factory=list)

    def note(self, kind: PlantKind, text: str, where: str) -> str:
        """Write down one text and return it."""
        self.planted.append(Planted(kind, text, where))
        return text


def invent_text(vr: str, where: str, ledger: Ledger) -> str:
    """Invent and note a text that is valid for a value representation (PS3.5 section 6.2).

    Parameters
    ----------
    vr
        One of `TEXT_VRS`.
    where
        The element, for the note.
    ledger
        Takes the note.
    """
    kind, make = _MAKERS[vr]
    return ledger.note(kind, make(ledger.rng), where)


def invent_uid(where: str, ledger: Ledger) -> UID:
    """Invent and note a unique identifier."""
    return UID(invent_text("UI", where, ledger))


@cache
def plantable() -> tuple[tuple[str, str, int], ...]:
    """Return keyword, representation and least multiplicity of all standard text attributes.

    Left out are those that decide how a file is read and those that only tell the machine's
    setting.
    """
    return tuple(
        (keyword, vr, int(many.split("-")[0]))
        for tag, (vr, many, _, _, keyword) in sorted(DicomDictionary.items())
        if vr in TEXT_VRS
        and keyword
        and keyword not in _HARMLESS
        and tag >> 16 not in _READ_GROUPS
        and "Spacing" not in keyword
    )


def _day(rng: np.random.Generator) -> str:
    return f"{date(1938, 1, 1) + timedelta(days=int(rng.integers(9000))):%Y%m%d}"


def _clock(rng: np.random.Generator) -> str:
    hour, minute, second = rng.integers(24), rng.integers(60), rng.integers(60)
    return f"{hour:02d}{minute:02d}{second:02d}.{rng.integers(10**5, 10**6)}"


def _sentence(rng: np.random.Generator) -> str:
    start = rng.choice(["Seen for follow-up", "Referred by ward", "Call relative", "Sample number"])
    return f"{start} {code(8, rng)}"


_MAKERS: Final[dict[str, tuple[PlantKind, Callable[[np.random.Generator], str]]]] = {
    "PN": ("text", lambda rng: f"{code(7, rng)}^{code(6, rng)}"),
    "LO": ("text", lambda rng: f"Ward {code(8, rng)}"),
    "SH": ("text", lambda rng: code(10, rng)),
    "ST": ("text", _sentence),
    "LT": ("text", _sentence),
    "UT": ("text", _sentence),
    "UC": ("text", _sentence),
    "UR": ("text", lambda rng: f"https://pacs.example/{code(10, rng)}"),
    "AE": ("text", lambda rng: code(10, rng)),
    "CS": ("text", lambda rng: code(10, rng)),
    "DS": ("number", lambda rng: f"{rng.integers(10**8, 10**9)}.{rng.integers(10**4, 10**5)}"),
    "IS": ("number", lambda rng: str(rng.integers(10**9, 2 * 10**9))),
    "DA": ("date", _day),
    "DT": ("date", lambda rng: _day(rng) + _clock(rng)),
    "TM": ("time", _clock),
    # 90 is what de-identification writes for every older age, so it identifies nobody.
    "AS": ("age", lambda rng: f"{rng.integers(91, 104):03d}Y"),
    "UI": ("uid", lambda rng: UID_ROOT + ".".join(str(rng.integers(1, 10**8)) for _ in range(3))),
}
TEXT_VRS: Final = tuple(_MAKERS)
