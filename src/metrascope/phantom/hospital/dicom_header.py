"""The header of an ultrasound object as a scanner writes it, full of what identifies."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items
from pydicom.uid import UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from metrascope.phantom.hospital.identities import Visit, code
from metrascope.phantom.hospital.planted import Ledger, invent_text, invent_uid, plantable
from metrascope.phantom.hospital.shot import Screenshot

CHARACTER_SETS: Final = ("ISO_IR 192", "GB18030", "ISO 2022 IR 58", "ISO_IR 100")
_RANDOM_ELEMENTS: Final = 24  # texts planted in a header beside those of every scanner; chosen
# Groups of private elements with their creators, as scanners' conformance statements have them.
_CREATORS: Final = (
    (0x0009, "GEMS_Ultrasound_ImageGroup_001"),
    (0x0011, "MINDRAY US PRIVATE 1.0"),
    (0x200D, "Philips US Imaging DD 017"),
    (0x0119, "SIEMENS Ultrasound S2000"),
    (0x7FE1, "GEMS_Ultrasound_MovieGroup_001"),
)
_PARTS: Final = re.compile(r"[^=^\\\r\n\t\f]+")
# Region Data Type of each kind (PS3.3, C.8.5.5.1.2).
_DATA_TYPES: Final = {"2d": 1, "color": 2, "m_mode": 10, "spectral": 3, "elastography": 1}


def write_identity(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    """Put who, where and when into a data set, with a character set that can write it.

    Parameters
    ----------
    ds
        Gets the patient, study and equipment attributes that every scanner fills.
    visit
        The examination.
    ledger
        Takes a note of everything that identifies.
    """
    ds.SpecificCharacterSet = _character_set(visit, ledger.rng)
    chinese = ds.SpecificCharacterSet != "ISO_IR 100"
    _write_patient(ds, visit, ledger, chinese)
    _write_people_and_places(ds, visit, ledger, chinese)
    _write_times(ds, visit, ledger)


def write_image_header(ds: Dataset, shot: Screenshot, regions: str, frames: int) -> None:
    """Write the attributes of an ultrasound image that identify nobody.

    Parameters
    ----------
    ds
        Gets the attributes.
    shot
        The screen.
    regions
        ``sane``, ``absent`` or ``insane`` (boxes beyond the image, upside down, no units).
    frames
        Number of frames.
    """
    loop = frames > 1
    ds.SOPClassUID = UltrasoundMultiFrameImageStorage if loop else UltrasoundImageStorage
    ds.Modality, ds.ImageType = "US", ["ORIGINAL", "PRIMARY", "", "0001"]
    ds.Manufacturer, ds.ManufacturerModelName = shot.maker, shot.model
    ds.PatientSex, ds.BodyPartExamined = "F", "UTERUS"
    ds.SeriesNumber, ds.BurnedInAnnotation = "1", "YES"
    if shot.mm_per_pixel:
        ds.TransducerType = {"linear": "LINEAR", "phased": "PHASED"}.get(
            shot.sector_kind, "CURVED LINEAR"
        )
        ds.DepthOfScanField = str(round(shot.mm_per_pixel * _height(shot)))
    if loop:
        ds.FrameTime, ds.CineRate = "33.3", "30"
        ds.FrameIncrementPointer = 0x00181063
    if regions != "absent" and shot.regions:
        ds.SequenceOfUltrasoundRegions = Items(_region_items(shot, regions == "insane"))


def write_extras(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    """Plant texts in sequences, private groups and two dozen other standard attributes."""
    _write_sequences(ds, visit, ledger)
    _write_private(ds, visit, ledger)
    _write_others(ds, _RANDOM_ELEMENTS, ledger)


def escape_chinese(ds: Dataset) -> None:
    """Put in the escape sequences that ISO 2022 IR 58 needs (PS3.5 annex K), which pydicom omits.

    They stand before the first Chinese character of every component and value.
    """
    if ds.get("SpecificCharacterSet") != ["", "ISO 2022 IR 58"]:
        return
    for element in ds.iterall():
        if element.VR in ("PN", "LO", "SH", "ST", "LT", "UT", "UC"):
            values = element.value if isinstance(element.value, MultiValue) else [element.value]
            escaped = [_PARTS.sub(_escape, str(value)) for value in values]
            element.value = escaped[0] if len(escaped) == 1 else escaped


def _escape(part: re.Match[str]) -> str:
    return part[0] if part[0].isascii() else f"\x1b$)A{part[0]}"


def person_name(visit: Visit, chinese: bool) -> str:
    """Return the patient's name as a PN value with its ideographic and phonetic groups."""
    patient = visit.patient
    latin = f"{patient.surname}^{patient.given}"
    latin = latin.upper() if visit.spelling == 0 else latin
    if not chinese or not patient.surname_chinese:
        return latin
    ideographic = f"{patient.surname_chinese}^{patient.given_chinese}"
    return f"{latin}={ideographic}" + (f"={latin}" if visit.spelling == 3 else "")


def note_names(visit: Visit, ledger: Ledger, where: str) -> None:
    """Note the patient's names, which the caller has put somewhere."""
    ledger.note("name", visit.latin_name, where)
    if visit.patient.surname_chinese:
        ledger.note("name", visit.chinese_name, where)


def _character_set(visit: Visit, rng: np.random.Generator) -> str | list[str]:
    """Choose among the character sets that can write the names; rare characters need more."""
    if visit.patient.surname_chinese:
        fits = _encodes(visit.chinese_name + visit.physician_chinese, "gb2312")
        choice = str(rng.choice(CHARACTER_SETS[: 3 if fits else 2]))
        return ["", choice] if choice.startswith("ISO 2022") else choice
    fits = _encodes(visit.latin_name, "latin-1")
    return str(rng.choice(["ISO_IR 192", "ISO_IR 100"])) if fits else "ISO_IR 192"


def _encodes(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _write_patient(ds: Dataset, visit: Visit, ledger: Ledger, chinese: bool) -> None:
    patient, note = visit.patient, ledger.note
    ds.PatientName = person_name(visit, chinese)
    note_names(visit, ledger, "PatientName")
    ds.PatientID = note("id", visit.patient_id, "PatientID")
    ds.IssuerOfPatientID = note("place", visit.hospital_latin, "IssuerOfPatientID")
    ds.PatientBirthDate = note("date", f"{visit.birth_date:%Y%m%d}", "PatientBirthDate")
    age = f"{visit.age:03d}Y"
    ds.PatientAge = note("age", age, "PatientAge") if visit.age > 90 else age
    ds.PatientAddress = note("place", patient.address, "PatientAddress")
    ds.PatientTelephoneNumbers = note("id", patient.phone, "PatientTelephoneNumbers")
    ds.OtherPatientIDs = [
        note("id", patient.other_id, "OtherPatientIDs"),
        note("id", patient.national_id, "OtherPatientIDs"),
    ]
    ds.PatientMotherBirthName = invent_text("PN", "PatientMotherBirthName", ledger)
    known = f"Patient {visit.latin_name}, tel. {patient.phone}, lives in {patient.address}"
    ds.PatientComments = known
    note("name", visit.latin_name, "PatientComments")


def _write_people_and_places(ds: Dataset, visit: Visit, ledger: Ledger, chinese: bool) -> None:
    note = ledger.note
    hospital = visit.hospital if chinese else visit.hospital_latin
    ds.InstitutionName = note("place", hospital, "InstitutionName")
    ds.InstitutionAddress = note(
        "place",
        visit.hospital_address if chinese else visit.hospital_address.split(" ", 1)[1],
        "InstitutionAddress",
    )
    department = visit.department if chinese else visit.department_latin
    ds.InstitutionalDepartmentName = note("place", department, "InstitutionalDepartmentName")
    referring = visit.physician.replace(" ", "^")
    ds.ReferringPhysicianName = f"{referring}={visit.physician_chinese}" if chinese else referring
    note("name", visit.physician, "ReferringPhysicianName")
    if chinese:
        note("name", visit.physician_chinese, "ReferringPhysicianName")
    ds.OperatorsName = note("name", visit.operator, "OperatorsName").replace(" ", "^")
    ds.PerformingPhysicianName = ds.OperatorsName
    reader = note("name", visit.radiologist, "NameOfPhysiciansReadingStudy").replace(" ", "^")
    ds.NameOfPhysiciansReadingStudy = reader
    ds.StationName = note("id", visit.station, "StationName")
    ds.DeviceSerialNumber = note("id", visit.serial, "DeviceSerialNumber")
    ds.SoftwareVersions = f"R{ledger.rng.integers(1, 9)}.{ledger.rng.integers(1, 30)}"
    ds.AccessionNumber = note("id", visit.accession, "AccessionNumber")
    ds.StudyID = note("id", visit.study_id, "StudyID")
    ds.AdmissionID = note("id", visit.visit_id, "AdmissionID")
    described = f"{code(7, ledger.rng)} TVUS {visit.patient.surname}"
    ds.StudyDescription = note("text", described.encode("ascii", "replace").decode(), "StudyDesc")
    ds.SeriesDescription = invent_text("LO", "SeriesDescription", ledger)
    ds.ImageComments = invent_text("LT", "ImageComments", ledger)


def _write_times(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    at, note = visit.exam_time, ledger.note
    for stage in ("Study", "Series", "Acquisition", "Content"):
        setattr(ds, f"{stage}Date", note("date", f"{at:%Y%m%d}", f"{stage}Date"))
        setattr(ds, f"{stage}Time", note("time", f"{at:%H%M%S}.{at.second:06d}", f"{stage}Time"))
    ds.AcquisitionDateTime = f"{at:%Y%m%d%H%M%S}.000000"
    ds.InstanceCreationDate, ds.InstanceCreationTime = ds.StudyDate, ds.StudyTime


def _height(shot: Screenshot) -> int:
    rows = np.flatnonzero(shot.sector.any(axis=1))
    return int(rows[-1] - rows[0] + 1) if len(rows) else 0


def _region_items(shot: Screenshot, insane: bool) -> Sequence[Dataset]:
    items = []
    for number, region in enumerate(shot.regions):
        left, top, width, height = region.box
        item = Dataset()
        item.RegionSpatialFormat = {"m_mode": 2, "spectral": 3}.get(region.kind, 1)
        item.RegionDataType = _DATA_TYPES.get(region.kind, 0)
        item.RegionFlags = 0
        item.RegionLocationMinX0, item.RegionLocationMinY0 = left, top
        item.RegionLocationMaxX1 = left + width - 1
        item.RegionLocationMaxY1 = top + height - 1
        lengths = region.mm_per_pixel
        item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3 if lengths else 0
        item.PhysicalDeltaX, item.PhysicalDeltaY = [mm / 10 for mm in lengths or (0.0, 0.0)]
        if insane:
            _derange(item, number + int(shot.image.shape[1]), shot.image.shape[:2])
        items.append(item)
    return items


def _derange(item: Dataset, number: int, shape: tuple[int, ...]) -> None:
    """Make a region that no reader should believe, as some scanners write them."""
    kind = number % 3
    if kind == 0:
        item.RegionLocationMaxX1, item.RegionLocationMaxY1 = shape[1] * 3, shape[0] * 3
        item.RegionLocationMinX0, item.RegionLocationMinY0 = shape[1] + 9, shape[0] + 9
    elif kind == 1:
        item.RegionLocationMinX0, item.RegionLocationMaxX1 = item.RegionLocationMaxX1, 0
    else:
        item.RegionLocationMaxX1 = item.RegionLocationMinX0
        item.PhysicalDeltaX = item.PhysicalDeltaY = 0.0


def _write_sequences(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    request = Dataset()
    request.AccessionNumber = ds.AccessionNumber
    request.RequestedProcedureID = invent_text("SH", "RequestAttributes", ledger)
    request.RequestedProcedureDescription = invent_text("LO", "RequestAttributes", ledger)
    request.ReasonForTheRequestedProcedure = invent_text("LO", "RequestAttributes", ledger)
    ds.RequestAttributesSequence = Items([request])
    ds.ReferencedStudySequence = Items([_reference("ReferencedStudy", ledger)])
    other = Dataset()
    other.PatientID = visit.patient.other_id
    other.IssuerOfPatientID = visit.hospital_latin
    other.TypeOfPatientID = "TEXT"
    ds.OtherPatientIDsSequence = Items([other])
    ds.ContentSequence = Items([_content(visit, ledger, 3)])
    before = Dataset()
    before.PatientName = person_name(visit, False)
    before.PatientID = visit.patient_id
    original = Dataset()
    original.ModifiedAttributesSequence = Items([before])
    original.ModifyingSystem = invent_text("LO", "OriginalAttributes", ledger)
    original.AttributeModificationDateTime = invent_text("DT", "OriginalAttributes", ledger)
    ds.OriginalAttributesSequence = Items([original])


def _reference(where: str, ledger: Ledger) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    item.ReferencedSOPInstanceUID = invent_uid(where, ledger)
    _write_others(item, 2, ledger)
    return item


def _content(visit: Visit, ledger: Ledger, depth: int) -> Dataset:
    """Return a content item that holds others, each with a name and a text."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CONTAINER" if depth else "PNAME"
    item.TextValue = invent_text("UT", "ContentSequence", ledger)
    item.PersonName = person_name(visit, False)
    concept = Dataset()
    concept.CodeValue = invent_text("SH", "ConceptNameCode", ledger)
    concept.CodingSchemeDesignator = "99HOSP"
    concept.CodeMeaning = invent_text("LO", "ConceptNameCode", ledger)
    item.ConceptNameCodeSequence = Items([concept])
    if depth:
        item.ContentSequence = Items([_content(visit, ledger, depth - 1)])
    return item


def _write_private(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    """Plant texts of all representations under several creators, nested ones too."""
    places = ledger.rng.choice(len(_CREATORS), 3, replace=False)
    for group, creator in (_CREATORS[place] for place in sorted(places)):
        block = ds.private_block(group, creator, create=True)
        where = f"({group:04x},private)"
        for offset, vr in enumerate(ledger.rng.choice(["LO", "PN", "UT", "DA", "SH", "LT"], 3)):
            block.add_new(0xD1 + offset, str(vr), invent_text(str(vr), where, ledger))
        secret = ledger.note("text", code(8, ledger.rng), where)
        block.add_new(0xE0, "OB", f"<patient><name>{secret}</name></patient>\0".encode())
        inner = Dataset()
        nested = inner.private_block(group, creator, create=True)
        nested.add_new(0xD1, "LO", invent_text("LO", where, ledger))
        nested.add_new(0xD2, "PN", person_name(visit, False))
        inner.PatientID = visit.patient_id
        block.add_new(0xE1, "SQ", Items([inner]))


def _write_others(ds: Dataset, count: int, ledger: Ledger) -> None:
    """Plant texts in attributes drawn from the whole dictionary, where there is none yet."""
    every = plantable()
    for place in ledger.rng.choice(len(every), count, replace=False):
        keyword, vr, least = every[int(place)]
        if keyword not in ds:
            texts = [invent_text(vr, keyword, ledger) for _ in range(least)]
            setattr(ds, keyword, texts if least > 1 else texts[0])
