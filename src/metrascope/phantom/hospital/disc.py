"""The directory of a disc: DICOMDIR (PS3.3 annex F, PS3.10 section 8)."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Final

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from metrascope.files.atomic import write_bytes
from metrascope.phantom.hospital.dicom_header import person_name
from metrascope.phantom.hospital.identities import UID_ROOT, Visit

_IN_USE: Final = 0xFFFF  # PS3.3, F.3.2.2


@dataclass(frozen=True)
class Filed:
    """One DICOM file of a disc: path relative to the folder, instance, frames."""

    path: str
    sop_instance: str
    frames: int


def write_dicomdir(folder: Path, visit: Visit, files: Sequence[Filed]) -> None:
    """Write DICOMDIR with one patient, study and series, and a record for each file.

    Parameters
    ----------
    folder
        Folder of the disc.
    visit
        The examination.
    files
        Files that the directory lists.
    """
    records = [_patient(visit), _study(visit), _series(visit)]
    records += [_image(filed, number) for number, filed in enumerate(files, start=1)]
    ds = _directory(visit, records)
    # The records point at one another by their places in the file, known once it is written.
    places = _places(_written(ds))
    last = len(records) - 1
    for number, record in enumerate(records):
        if number < min(3, last):
            record.OffsetOfReferencedLowerLevelDirectoryEntity = places[number + 1]
        elif 3 <= number < last:
            record.OffsetOfTheNextDirectoryRecord = places[number + 1]
    ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = places[0]
    ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = places[0]
    write_bytes(folder / "DICOMDIR", _written(ds))


def _directory(visit: Visit, records: Sequence[Dataset]) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    number = visit.patient.index * 10 + visit.number
    ds.file_meta.MediaStorageSOPInstanceUID = UID(f"{UID_ROOT}4.{number}")
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.FileSetID = visit.ae_title[:16]
    ds.OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.OffsetOfTheLastDirectoryRecordOfTheRootDirectoryEntity = 0
    ds.FileSetConsistencyFlag = 0
    ds.DirectoryRecordSequence = Items(records)
    return ds


def _record(kind: str) -> Dataset:
    record = Dataset()
    record.OffsetOfTheNextDirectoryRecord = 0
    record.RecordInUseFlag = _IN_USE
    record.OffsetOfReferencedLowerLevelDirectoryEntity = 0
    record.DirectoryRecordType = kind
    return record


def _patient(visit: Visit) -> Dataset:
    record = _record("PATIENT")
    record.SpecificCharacterSet = "ISO_IR 192"
    record.PatientName = person_name(visit, True)
    record.PatientID = visit.patient_id
    return record


def _study(visit: Visit) -> Dataset:
    record = _record("STUDY")
    record.StudyDate, record.StudyTime = f"{visit.exam_time:%Y%m%d}", f"{visit.exam_time:%H%M%S}"
    record.StudyInstanceUID = visit.study_uid
    record.StudyID, record.AccessionNumber = visit.study_id, visit.accession
    return record


def _series(visit: Visit) -> Dataset:
    record = _record("SERIES")
    record.Modality, record.SeriesNumber = "US", "1"
    record.SeriesInstanceUID = f"{visit.study_uid}.1"
    return record


def _image(filed: Filed, number: int) -> Dataset:
    record = _record("IMAGE")
    record.ReferencedFileID = filed.path.split("/")
    several = filed.frames > 1
    kind = UltrasoundMultiFrameImageStorage if several else UltrasoundImageStorage
    record.ReferencedSOPClassUIDInFile = kind
    record.ReferencedSOPInstanceUIDInFile = filed.sop_instance
    record.ReferencedTransferSyntaxUIDInFile = ExplicitVRLittleEndian
    record.InstanceNumber = str(number)
    return record


def _written(ds: Dataset) -> bytes:
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def _places(content: bytes) -> list[int]:
    """Return where each directory record begins, from the first byte of the file."""
    items = dcmread(BytesIO(content)).DirectoryRecordSequence
    return [int(item.seq_item_tell) for item in items]
