"""Attributes that may be kept of a data set: the whole list, as a table, and nothing besides.

The list is of attributes that pass, as DICOM PS3.15 Annex E allows in place of its list of
attributes to remove: what a scanner will invent tomorrow is not on it. Each value is made anew
from a number in a range, a day, a word of a vocabulary; free text never passes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Final

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword

from metrascope.dicom.placeholders import is_placeholder
from metrascope.dicom.values import day, numeric_value, string, strings
from metrascope.dicom.vocabulary import (
    PROBE_TYPES,
    clean_maker,
    clean_model,
    clean_probe,
    scanner_name,
)
from metrascope.messages import text

# Ages from 90 on are written as 90, as HIPAA's Safe Harbor (45 CFR 164.514) aggregates them.
OLDEST: Final = 90
KEPT_COLUMNS: Final = ("scanner", "age", "probe", "depth_mm")


@dataclass(frozen=True)
class KeptAttribute:
    """One row of the list.

    Attributes
    ----------
    keyword
        The attribute by its keyword in DICOM PS3.6, ``""`` for a column of the labels.
    column
        The manifest's column that it goes to, ``""`` if to none.
    written
        Whether ``--keep-dicom`` writes the attribute.
    how
        Key of the sentence that tells how the value is cleaned.
    """

    keyword: str
    column: str
    written: bool
    how: str


KEEP: Final = (
    KeptAttribute("PatientID", "patient_id", True, "patient"),
    KeptAttribute("PatientAge", "age", True, "age"),
    KeptAttribute("PatientBirthDate", "age", False, "birth"),
    KeptAttribute("StudyDate", "study_date", True, "date"),
    KeptAttribute("ContentDate", "study_date", True, "date_too"),
    KeptAttribute("SeriesDate", "study_date", False, "date_else"),
    KeptAttribute("AcquisitionDate", "study_date", False, "date_else"),
    KeptAttribute("AcquisitionDateTime", "study_date", False, "date_else"),
    KeptAttribute("StudyInstanceUID", "", True, "uid"),
    KeptAttribute("SeriesInstanceUID", "", True, "uid"),
    KeptAttribute("SOPInstanceUID", "image", True, "uid"),
    KeptAttribute("Manufacturer", "scanner", True, "maker"),
    KeptAttribute("ManufacturerModelName", "scanner", True, "model"),
    KeptAttribute("TransducerData", "probe", True, "probe"),
    KeptAttribute("TransducerType", "probe", True, "probe_type"),
    KeptAttribute("DepthOfScanField", "depth_mm", True, "depth"),
    KeptAttribute("FrameTime", "", True, "frame_time"),
    KeptAttribute("FrameTimeVector", "", False, "frame_time"),
    KeptAttribute("CineRate", "", False, "frame_rate"),
    KeptAttribute("RecommendedDisplayFrameRate", "", False, "frame_rate"),
    KeptAttribute("SequenceOfUltrasoundRegions", "mm_per_pixel", True, "regions"),
    KeptAttribute("ImageType", "", True, "image_type"),
    KeptAttribute("LossyImageCompression", "", True, "lossy"),
    KeptAttribute("LossyImageCompressionRatio", "", True, "lossy"),
    KeptAttribute("LossyImageCompressionMethod", "", True, "lossy"),
    KeptAttribute("PixelData", "image", True, "pixels"),
    KeptAttribute("", "label", False, "labels"),
    KeptAttribute("", "centre", False, "centre"),
    KeptAttribute("", "plane", False, "plane"),
    KeptAttribute("", "scanner", False, "scanner"),
    KeptAttribute("", "age", False, "row_age"),
)
# Names and numbers of people: words in them never pass as a code of a product.
PERSONAL: Final = (
    "PatientName", "PatientID", "OtherPatientIDs", "OtherPatientNames", "PatientBirthName",
    "PatientMotherBirthName", "ReferringPhysicianName", "PerformingPhysicianName",
    "OperatorsName", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy",
    "RequestingPhysician", "ScheduledPerformingPhysicianName", "ResponsiblePerson",
    "AccessionNumber", "StudyID", "PatientBirthDate", "PatientTelephoneNumbers",
    "MedicalRecordLocator", "AdmissionID", "DeviceSerialNumber",
)  # fmt: skip


def kept_columns(
    ds: Dataset, code: Callable[[str], str] | None = None, known: frozenset[str] = frozenset()
) -> dict[str, str]:
    """Return the manifest's columns that a data set's attributes may fill.

    Parameters
    ----------
    ds
        Any data set; it is not changed, and whatever it holds is harmless.
    code
        Function from the name of a scanner that the vocabulary lacks to a code for it
        (`Pseudonyms.scanner`), which keeps its images distinct from those of others. Without it
        such a scanner is the part of its name that is known.
    known
        Further words of makers' models that pass, in lower case.

    Returns
    -------
    dict
        All of `KEPT_COLUMNS`, ``""`` where unknown: ``scanner`` (maker and model), ``age`` (whole
        years, 90 for 90 and more), ``probe``, ``depth_mm`` (whole mm).
    """
    maker, model, unlisted = read_scanner(ds, code, known)
    values = (scanner_name(maker, model, unlisted), read_age(ds), read_probe(ds), read_depth(ds))
    return dict(zip(KEPT_COLUMNS, values, strict=True))


def keep_list_rows(lang: str | None = None) -> list[tuple[str, str, str, str, str]]:
    """Return the list for people: attribute, tag, column, whether clean DICOM has it, how."""
    rows = []
    for row in KEEP:
        tag = tag_for_keyword(row.keyword) if row.keyword else None
        of_row = f"name_{row.keyword.lower()}" if row.keyword else "from_labels"
        name = text(f"deidentify.{of_row}", lang)
        number = "" if tag is None else f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        written = text("deidentify.written" if row.written else "deidentify.not_written", lang)
        rows.append((name, number, row.column, written, text(f"deidentify.how_{row.how}", lang)))
    return rows


def read_identifiers(ds: Dataset) -> dict[str, str]:
    """Return the raw identifiers of a data set, to match it to labels; they must go no further.

    Returns
    -------
    dict
        ``patient_id``, ``issuer``, ``accession``, ``study_id``, ``study_uid``, ``series_uid``,
        ``sop_uid``, ``name`` (the whole name, groups joined by ``=``), ``name_alphabetic``,
        ``name_ideographic``, ``name_phonetic`` (components joined by a space), ``birth_date``
        and ``study_date`` (ISO 8601). ``""`` where unknown, and where a value is a placeholder
        such as ``ANONYMOUS``, ``0`` or ``不详`` (`is_placeholder`).
    """
    keywords = {
        "patient_id": "PatientID",
        "issuer": "IssuerOfPatientID",
        "accession": "AccessionNumber",
        "study_id": "StudyID",
        "study_uid": "StudyInstanceUID",
        "series_uid": "SeriesInstanceUID",
        "sop_uid": "SOPInstanceUID",
        "name": "PatientName",
    }
    values = {name: string(ds, keyword) for name, keyword in keywords.items()}
    keys = {name: "" if is_placeholder(value) else value for name, value in values.items()}
    groups = [*keys["name"].split("="), "", ""][:3]
    for kind, group in zip(("alphabetic", "ideographic", "phonetic"), groups, strict=True):
        keys[f"name_{kind}"] = " ".join(group.replace("^", " ").split())
    for name, keyword in (("birth_date", "PatientBirthDate"), ("study_date", "StudyDate")):
        date_of = day(ds, keyword)
        # 1900-01-01 is what some worklists send for an unknown date.
        keys[name] = date_of.isoformat() if date_of and date_of.year > 1900 else ""
    return keys


def patient_key(ds: Dataset) -> str:
    """Return the patient's identifier, else the study's UID, the image's, ``""``."""
    keys = read_identifiers(ds)
    sources = {"": "patient_id", "study ": "study_uid", "image ": "sop_uid"}
    return next((kind + keys[key] for kind, key in sources.items() if keys[key]), "")


def read_scanner(
    ds: Dataset, code: Callable[[str], str] | None = None, known: frozenset[str] = frozenset()
) -> tuple[str, str, str]:
    """Return maker, model and the code for what may not be named, ``""`` for each unknown."""
    written = " ".join(strings(ds, "Manufacturer")), " ".join(strings(ds, "ManufacturerModelName"))
    maker = clean_maker(written[0]) or clean_maker(written[1])
    model, complete = clean_model(written[1], personal_words(ds), known)
    listed = complete and (maker or not written[0])
    return maker, model, code(" ".join(written)) if code and not listed else ""


def read_age(ds: Dataset) -> str:
    """Return the age in whole years, 90 for 90 and more, from PatientAge or two dates."""
    years = _stated_age(string(ds, "PatientAge"))
    if years is None:
        years = _reckoned_age(day(ds, "PatientBirthDate"), study_day(ds))
    # Beyond 120 years a date was mistyped.
    return "" if years is None or not 0 <= years <= 120 else str(min(years, OLDEST))


def read_probe(ds: Dataset) -> str:
    """Return the probe's name, else its type, else ``""``."""
    personal = personal_words(ds)
    words = (clean_probe(value, personal) for value in strings(ds, "TransducerData"))
    return next(filter(None, words), "") or read_probe_type(ds)


def read_probe_type(ds: Dataset) -> str:
    """Return the TransducerType if it is one that DICOM PS3.3 C.8.5.6 defines, else ``""``."""
    kind = string(ds, "TransducerType").upper()
    return kind if kind in PROBE_TYPES else ""


def read_depth(ds: Dataset) -> str:
    """Return the depth in whole millimeters, 5 to 500, else ``""``."""
    depth = numeric_value(ds, "DepthOfScanField")
    return str(round(depth)) if depth is not None and 5 <= depth <= 500 else ""


def read_frame_time(ds: Dataset) -> str:
    """Return the milliseconds between frames, 0.5 to 5000, to two digits, else ``""``."""
    # The first of a vector is 0: it tells the time since the frame before.
    times = [numeric_value(ds, "FrameTime"), numeric_value(ds, "FrameTimeVector", 1)]
    rates = [numeric_value(ds, "CineRate"), numeric_value(ds, "RecommendedDisplayFrameRate")]
    times += [1000 / rate for rate in rates if rate]
    sane = (time for time in times if time is not None and 0.5 <= time <= 5000)
    return next((f"{time:.2f}".rstrip("0").rstrip(".") for time in sane), "")


def study_day(ds: Dataset) -> date | None:
    """Return the true day of the examination if the file tells it, 1970 to 2200."""
    keywords = ("StudyDate", "SeriesDate", "AcquisitionDate", "AcquisitionDateTime", "ContentDate")
    days = map(partial(day, ds), keywords)
    return next((when for when in days if when and 1970 <= when.year <= 2200), None)


def personal_words(ds: Dataset) -> frozenset[str]:
    """Return words and numbers of people in a data set, in lower case, of two signs or more."""
    words: set[str] = set()
    for keyword in PERSONAL:
        for value in strings(ds, keyword):
            lower = value.casefold()
            words.update((lower, *lower.replace("^", " ").replace("=", " ").split()))
    return frozenset(word for word in words if len(word) > 1)


def _stated_age(stated: str) -> int | None:
    number, unit = stated[:-1].strip(), stated[-1:].upper()
    if not (number.isascii() and number.isdigit() and len(number) <= 4):
        return None
    per_year = {"Y": 1, "M": 12, "W": 52, "D": 365}.get(unit)
    return int(number) // per_year if per_year else None


def _reckoned_age(born: date | None, examined: date | None) -> int | None:
    if born is None or examined is None:
        return None
    before = (examined.month, examined.day) < (born.month, born.day)
    return examined.year - born.year - before
