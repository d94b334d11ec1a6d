"""A clean DICOM data set, made anew: nothing of the old one but what the list keeps.

Basic Application Level Confidentiality Profile of DICOM PS3.15 Annex E with the options that the
output names itself. A new data set is filled by name, so that what nobody thought of, private
attributes, overlays, icons, curves, what hides in sequences, cannot come along.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from metrascope import __version__
from metrascope.dicom import keep_list as keep
from metrascope.dicom import values
from metrascope.files.atomic import replacing

# A UUID drawn once for this program, under the root of PS3.5 B.2.
IMPLEMENTATION_UID: Final = UID("2.25.12763725431389335272158723568803946674")
IMPLEMENTATION_NAME: Final = "METRASCOPE"
# Each with the encoder to use: to leave the choice to pydicom is to get GDCM's, where it is
# installed, whose exception at a frame that it does not like ends the process.
LOSSLESS: Final = {"rle": (RLELossless, "pydicom"), "jpeg_ls": (JPEGLSLossless, "pyjpegls")}
# Transfer syntaxes that lose something, and what PS3.3 C.7.6.1.1.5 calls their method.
LOSSY: Final = {
    "1.2.840.10008.1.2.4.50": "ISO_10918_1",
    "1.2.840.10008.1.2.4.51": "ISO_10918_1",
    "1.2.840.10008.1.2.4.81": "ISO_14495_1",
    "1.2.840.10008.1.2.4.91": "ISO_15444_1",
    "1.2.840.10008.1.2.4.100": "ISO_13818_2",
    "1.2.840.10008.1.2.4.102": "ISO_14496_10",
}
CODES: Final = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}
# The organs that PS3.3 C.8.5.6.1.1 gives for value 3 of ImageType.
EXAMINATIONS: Final = frozenset(
    {
        "ABDOMINAL", "BREAST", "CHEST", "ENDOCAVITARY", "ENDORECTAL", "ENDOVAGINAL", "EPICARDIAL",
        "FETAL HEART", "GYNECOLOGY", "INTRACARDIAC", "INTRAOPERATIVE", "INTRAVASCULAR",
        "MUSCULOSKELETAL", "NEONATAL HEAD", "OBSTETRICAL", "OPHTHALMIC", "PEDIATRIC", "PELVIC",
        "RETROPERITONEAL", "SCROTAL", "SMALL PARTS", "TEE", "THYROID", "TRANSCRANIAL", "TTE",
        "US BIOPSY", "VASCULAR",
    }
)  # fmt: skip


class Keyed(Protocol):
    """Pseudonyms that a clean data set needs, `metrascope.ingest.pseudonyms.Pseudonyms`."""

    def patient(self, patient_id: str) -> str: ...  # noqa: D102
    def scanner(self, scanner: str) -> str: ...  # noqa: D102
    def uid(self, uid: str) -> str: ...  # noqa: D102
    def shift_days(self, patient_id: str) -> int: ...  # noqa: D102


def clean_dataset(
    ds: Dataset,
    frames: npt.NDArray[np.uint8],
    pseudonyms: Keyed,
    *,
    patient_id: str = "",
    image: str = "",
    mm_per_pixel: tuple[float, float] | None = None,
    frame_ms: float | None = None,
    number: int | None = None,
    dates: bool = True,
    verified: bool = False,
    lossless: str = "none",
    known: frozenset[str] = frozenset(),
) -> Dataset:
    """Return a new ultrasound image with what the list keeps of an old one.

    Parameters
    ----------
    ds
        Original data set; it is not changed.
    frames
        Clean pixels, uint8, (n, height, width) or (n, height, width, 3) RGB, n from 1.
    pseudonyms
        Keyed pseudonyms of the data set.
    patient_id
        Raw identifier of the patient; the data set's own when empty. Without any, images of one
        study are one patient.
    image
        Name that no other image of the set has (say, its UID and the frame's number); the
        original's UID when empty.
    mm_per_pixel
        Size of a pixel of ``frames``, x and y, mm, if known.
    frame_ms
        Time between ``frames``, ms, if it is not that of the original's. FrameTime, which several
        frames must have, is 0 where nobody knows it.
    number
        Number of the image in its series, if any; that of the original does not pass.
    dates
        Whether dates are kept, shifted; else they are empty.
    verified
        Whether somebody looked for text that is left in the pixels. Only then BurnedInAnnotation
        is NO, and only then the Clean Pixel Data Option is claimed, which demands just that
        (PS3.15 E.3.1).
    lossless
        ``none``, ``rle`` or ``jpeg_ls``.
    known
        Words of makers' models that pass, see `keep.kept_columns`.

    Raises
    ------
    ValueError
        If ``frames`` has another shape or type, ``lossless`` is another word, or neither ``ds``
        nor the arguments tell the patient and the image.
    """
    _check(frames, lossless)
    patient_id = patient_id or keep.patient_key(ds)
    image = image or values.string(ds, "SOPInstanceUID")
    if not (patient_id and image):
        raise ValueError("neither the data set nor the arguments tell patient and image")
    clean = Dataset()
    _set_patient(clean, ds, pseudonyms, patient_id)
    _set_study(clean, ds, pseudonyms, patient_id, dates)
    _set_series(clean, ds, pseudonyms, known)
    _set_image(clean, ds, frames, frame_ms)
    _set_region(clean, frames, mm_per_pixel)
    _set_pixels(clean, frames)
    _set_record(clean, verified)
    clean.SOPInstanceUID = pseudonyms.uid(image)
    clean.InstanceNumber = number
    clean.file_meta = _file_meta(clean)
    if lossless != "none":
        syntax, encoder = LOSSLESS[lossless]
        clean.compress(syntax, encoding_plugin=encoder, generate_instance_uid=False)
    return clean


def write_clean(clean: Dataset, path: Path) -> None:
    """Write a clean data set as a DICOM file, atomically.

    Raises
    ------
    StudyError
        If the disk is full or the folder cannot be written.
    """
    with replacing(path) as temporary:
        clean.save_as(temporary, enforce_file_format=True)


def _check(frames: npt.NDArray[np.uint8], lossless: str) -> None:
    shaped = frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] == 3)
    sized = 0 not in frames.shape and max(frames.shape[1:3]) < 1 << 16 and frames.nbytes < 1 << 32
    if not shaped or frames.dtype != np.uint8 or not sized:
        raise ValueError(f"frames of shape {frames.shape}, {frames.dtype}")
    if lossless not in ("none", *LOSSLESS):
        raise ValueError(f"no such compression: {lossless}")


def _set_patient(clean: Dataset, ds: Dataset, pseudonyms: Keyed, patient_id: str) -> None:
    clean.PatientID = pseudonyms.patient(patient_id)
    clean.PatientName = clean.PatientID
    clean.PatientBirthDate = ""
    clean.PatientSex = ""
    age = keep.read_age(ds)
    if age:
        clean.PatientAge = f"{int(age):03d}Y"


def _set_study(
    clean: Dataset, ds: Dataset, pseudonyms: Keyed, patient_id: str, dates: bool
) -> None:
    day = keep.study_day(ds)
    days = pseudonyms.shift_days(patient_id)
    study = values.string(ds, "StudyInstanceUID") or f"study of {patient_id} on {day}"
    clean.StudyInstanceUID = pseudonyms.uid(study)
    clean.StudyDate = _shift(day, days) if dates else ""
    clean.ContentDate = _shift(values.day(ds, "ContentDate"), days) if dates else ""
    moved = clean.StudyDate or clean.ContentDate
    clean.LongitudinalTemporalInformationModified = "MODIFIED" if moved else "REMOVED"
    for keyword in ("StudyTime", "ContentTime", "StudyID", "AccessionNumber"):
        setattr(clean, keyword, "")
    clean.ReferringPhysicianName = ""
    series = values.string(ds, "SeriesInstanceUID") or f"series of {study}"
    clean.SeriesInstanceUID = pseudonyms.uid(series)


def _set_series(clean: Dataset, ds: Dataset, pseudonyms: Keyed, known: frozenset[str]) -> None:
    clean.Modality = "US"
    clean.SeriesNumber = None
    clean.Laterality = ""
    maker, model, unlisted = keep.read_scanner(ds, pseudonyms.scanner, known)
    clean.Manufacturer = maker
    name = " ".join(part for part in (model, unlisted and f"unlisted-{unlisted}") if part)
    if name:
        clean.ManufacturerModelName = name
    probe, kind, depth = keep.read_probe(ds), keep.read_probe_type(ds), keep.read_depth(ds)
    if probe and probe != kind:
        clean.TransducerData = probe
    if kind:
        clean.TransducerType = kind
    if depth:
        clean.DepthOfScanField = depth


def _set_image(
    clean: Dataset, ds: Dataset, frames: npt.NDArray[np.uint8], frame_ms: float | None
) -> None:
    several = len(frames) > 1
    clean.SOPClassUID = UltrasoundMultiFrameImageStorage if several else UltrasoundImageStorage
    examination = "".join(values.strings(ds, "ImageType")[2:3])
    kinds = [examination] if examination in EXAMINATIONS else []
    clean.ImageType = ["DERIVED", "PRIMARY", *kinds]
    clean.DerivationDescription = "cut to the scan sector, all else blanked"
    clean.PatientOrientation = ""
    if several:
        clean.NumberOfFrames = len(frames)
        clean.FrameTime = f"{frame_ms:.2f}" if frame_ms else keep.read_frame_time(ds) or "0"
        clean.FrameIncrementPointer = 0x00181063  # FrameTime
    _set_loss(clean, ds)


def _set_loss(clean: Dataset, ds: Dataset) -> None:
    meta = getattr(ds, "file_meta", None) or Dataset()
    method = LOSSY.get(values.string(meta, "TransferSyntaxUID"), "")
    stated = values.string(ds, "LossyImageCompression")
    if stated == "01" or method:
        clean.LossyImageCompression = "01"
        stated_methods = values.strings(ds, "LossyImageCompressionMethod")
        methods = [name for name in stated_methods if name in LOSSY.values()]
        ratio = values.numeric_value(ds, "LossyImageCompressionRatio")
        if ratio is not None and 1 <= ratio <= 1000:
            clean.LossyImageCompressionRatio = f"{ratio:.3g}"
        if methods or method:
            clean.LossyImageCompressionMethod = methods[:1] or [method]
    elif stated == "00":
        clean.LossyImageCompression = "00"


def _set_region(
    clean: Dataset, frames: npt.NDArray[np.uint8], mm_per_pixel: tuple[float, float] | None
) -> None:
    if mm_per_pixel is None:
        return
    height, width = frames.shape[1:3]
    region = Dataset()
    region.RegionSpatialFormat = 1  # 2-D
    region.RegionDataType = 1  # tissue
    region.RegionFlags = 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = width - 1, height - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.PhysicalDeltaX, region.PhysicalDeltaY = (size / 10 for size in mm_per_pixel)
    clean.SequenceOfUltrasoundRegions = [region]


def _set_pixels(clean: Dataset, frames: npt.NDArray[np.uint8]) -> None:
    colored = frames.ndim == 4
    clean.SamplesPerPixel = 3 if colored else 1
    clean.PhotometricInterpretation = "RGB" if colored else "MONOCHROME2"
    if colored:
        clean.PlanarConfiguration = 0
    clean.Rows, clean.Columns = frames.shape[1:3]
    clean.BitsAllocated, clean.BitsStored, clean.HighBit = 8, 8, 7
    clean.PixelRepresentation = 0
    content = frames.tobytes()
    clean.PixelData = content + b"\0" * (len(content) % 2)
    clean["PixelData"].VR = "OB"


def _set_record(clean: Dataset, verified: bool) -> None:
    """Tell in the data set what was done to it."""
    codes = ["113100"]
    if verified:
        clean.BurnedInAnnotation = "NO"
        codes.append("113101")
    if clean.LongitudinalTemporalInformationModified == "MODIFIED":
        codes.append("113107")
    if "PatientAge" in clean:
        codes.append("113108")
    clean.PatientIdentityRemoved = "YES"
    checked = "looked for text in what is left" if verified else "text in what is left not checked"
    clean.DeidentificationMethod = [
        f"Metrascope {__version__}: attributes of a keep-list alone",
        "pixels outside the scan sector blanked",
        checked,
    ]
    clean.DeidentificationMethodCodeSequence = [_code(value) for value in codes]


def _code(value: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", CODES[value]
    return item


def _shift(day: date | None, days: int) -> str:
    # Of other years, no ultrasound: the date was mistyped.
    sane = day is not None and 1970 <= day.year <= 2200
    return (day + timedelta(days)).strftime("%Y%m%d") if day and sane else ""


def _file_meta(clean: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = clean.SOPClassUID
    meta.MediaStorageSOPInstanceUID = clean.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return meta
