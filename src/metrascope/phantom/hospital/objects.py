"""DICOM files as exports have them: pixels, and texts in every corner of the file."""

import warnings
from collections.abc import Callable
from io import BytesIO
from typing import Final

import cv2
import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import (
    UID,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from metrascope.phantom.hospital.codings import FrameStack, store_pixels, to_gray
from metrascope.phantom.hospital.dicom_header import (
    escape_chinese,
    write_extras,
    write_identity,
    write_image_header,
)
from metrascope.phantom.hospital.identities import Visit, code
from metrascope.phantom.hospital.plan import Wish
from metrascope.phantom.hospital.planted import Ledger, invent_uid
from metrascope.phantom.hospital.shot import Screenshot

_PREAMBLE: Final = 128  # bytes (PS3.10, 7.1)


def make_image(
    shot: Screenshot, frames: FrameStack, wish: Wish, visit: Visit, ledger: Ledger, number: int
) -> bytes:
    """Return the bytes of an ultrasound object.

    Parameters
    ----------
    shot
        Screen, for the header's claims about it.
    frames
        ``(n, h, w, 3)`` uint8 RGB.
    wish
        How pixels are stored, what the regions are like, how the file begins.
    visit
        The examination.
    ledger
        Takes a note of everything planted.
    number
        Instance number.
    """
    ds = Dataset()
    _write_common(ds, visit, ledger, number)
    write_image_header(ds, shot, wish.regions, len(frames))
    write_extras(ds, visit, ledger)
    store_pixels(ds, frames, wish.coding)
    for decorate in _DECORATIONS:
        if ledger.rng.random() < 0.3:
            decorate(ds, shot, visit, ledger)
    return write_file(ds, wish.coding.syntax, ledger, wish.style)


def make_other(kind: str, visit: Visit, ledger: Ledger, number: int) -> bytes:
    """Return an object of another modality: ``ct``, ``sr`` or ``pdf``."""
    ds = Dataset()
    _write_common(ds, visit, ledger, number)
    _OTHERS[kind](ds, visit, ledger)
    write_extras(ds, visit, ledger)
    return write_file(ds, ExplicitVRLittleEndian, ledger, "part10")


def write_file(ds: Dataset, syntax: UID, ledger: Ledger, style: str) -> bytes:
    """Return the data set as a file, with texts in the preamble and the file meta group."""
    naked = style == "no_meta" and syntax == ImplicitVRLittleEndian
    if not naked:
        ds.file_meta = _meta(ds, syntax, ledger)
        ds.preamble = _preamble(ledger) if style == "part10" else bytes(_PREAMBLE)
    escape_chinese(ds)
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if naked:
            dcmwrite(buffer, ds, implicit_vr=True, little_endian=True)
        else:
            dcmwrite(buffer, ds, enforce_file_format=True)
    content = buffer.getvalue()
    return content[_PREAMBLE + 4 :] if style != "part10" and not naked else content


def _write_common(ds: Dataset, visit: Visit, ledger: Ledger, number: int) -> None:
    write_identity(ds, visit, ledger)
    ds.SOPInstanceUID = invent_uid("SOPInstanceUID", ledger)
    ds.StudyInstanceUID = visit.study_uid
    ledger.note("uid", visit.study_uid, "StudyInstanceUID")
    ds.SeriesInstanceUID = f"{visit.study_uid}.1"
    ledger.note("uid", ds.SeriesInstanceUID, "SeriesInstanceUID")
    ds.InstanceNumber = str(number)


def _meta(ds: Dataset, syntax: UID, ledger: Ledger) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    for end in ("Source", "Sending", "Receiving"):
        title = ledger.note("id", code(9, ledger.rng), f"{end}ApplicationEntityTitle")
        setattr(meta, f"{end}ApplicationEntityTitle", title)
    meta.PrivateInformationCreatorUID = invent_uid("PrivateInformationCreatorUID", ledger)
    secret = ledger.note("text", code(10, ledger.rng), "PrivateInformation")
    meta.PrivateInformation = f"owner={secret}".encode()
    return meta


def _preamble(ledger: Ledger) -> bytes:
    if ledger.rng.random() < 0.7:
        return bytes(_PREAMBLE)
    secret = ledger.note("text", code(12, ledger.rng), "preamble")
    return f"Exported for {secret}".encode().ljust(_PREAMBLE, b"\0")


def _add_overlay(ds: Dataset, shot: Screenshot, visit: Visit, ledger: Ledger) -> None:
    """Add a plane of bits with the patient's number and a label (PS3.3 C.9.2)."""
    height, width = int(ds.Rows), int(ds.Columns)
    plane = np.zeros((height, width), np.uint8)
    label = ledger.note("text", code(9, ledger.rng), "OverlayLabel")
    at = (width // 10, height // 2)
    words = ledger.note("id", visit.patient_id, "OverlayData")
    cv2.putText(plane, words, at, cv2.FONT_HERSHEY_SIMPLEX, height / 400, 1, 2)
    ds.add_new(0x60000010, "US", height)
    ds.add_new(0x60000011, "US", width)
    ds.add_new(0x60000022, "LO", f"Name {visit.patient_id}")
    ds.add_new(0x60000040, "CS", "G")
    ds.add_new(0x60000050, "SS", [1, 1])
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60001500, "LO", label)
    bits = np.packbits(plane, axis=None, bitorder="little").tobytes()
    ds.add_new(0x60003000, "OW", bits + b"\0" * (len(bits) % 2))


def _add_curve(ds: Dataset, shot: Screenshot, visit: Visit, ledger: Ledger) -> None:
    """Add a retired curve group with texts in its label and in its data (PS3.3-2004 C.10.2)."""
    secret = ledger.note("text", code(10, ledger.rng), "CurveData")
    ds.add_new(0x50000005, "US", 2)
    ds.add_new(0x50000010, "US", 8)
    ds.add_new(0x50000020, "CS", "PHYSIO")
    ds.add_new(0x50000022, "LO", ledger.note("text", code(9, ledger.rng), "CurveDescription"))
    ds.add_new(0x50000030, "SH", ["MV", "S"])
    ds.add_new(0x50000103, "US", 0)
    ds.add_new(0x50002500, "LO", ledger.note("text", code(9, ledger.rng), "CurveLabel"))
    ds.add_new(0x50003000, "OW", f"curve of {secret}".encode().ljust(32, b"\0"))


def _add_icon(ds: Dataset, shot: Screenshot, visit: Visit, ledger: Ledger) -> None:
    """Add a thumbnail, which shows the letters on the screen again."""
    icon = Dataset()
    small = cv2.resize(to_gray(shot.image), (128, 96), interpolation=cv2.INTER_AREA)
    icon.SamplesPerPixel, icon.PhotometricInterpretation = 1, "MONOCHROME2"
    icon.Rows, icon.Columns = 96, 128
    icon.BitsAllocated, icon.BitsStored, icon.HighBit, icon.PixelRepresentation = 8, 8, 7, 0
    icon.PixelData = small.tobytes()
    icon["PixelData"].VR = "OB"
    icon.ImageComments = ledger.note("text", code(9, ledger.rng), "IconImageSequence")
    ds.IconImageSequence = Items([icon])


def _add_unknown(ds: Dataset, shot: Screenshot, visit: Visit, ledger: Ledger) -> None:
    """Add elements whose representation is unknown, private ones without creator too."""
    for tag in (0x00190077, 0x00291010, 0x300B1001, 0x00083F3E):
        secret = ledger.note("text", code(10, ledger.rng), f"({tag >> 16:04x},unknown)")
        ds.add_new(tag, "UN", secret.encode())


def _add_padding(ds: Dataset, shot: Screenshot, visit: Visit, ledger: Ledger) -> None:
    secret = ledger.note("text", code(10, ledger.rng), "DataSetTrailingPadding")
    ds.add_new(0xFFFCFFFC, "OB", secret.encode() + bytes(246))


def _add_document(ds: Dataset, shot: Screenshot, visit: Visit, ledger: Ledger) -> None:
    """Add a document to an image, and a claim that nothing identifies."""
    secret = ledger.note("text", code(10, ledger.rng), "EncapsulatedDocument")
    ds.EncapsulatedDocument = _pdf(f"Report of {secret}")
    ds.DocumentTitle = ledger.note("text", f"Report {code(8, ledger.rng)}", "DocumentTitle")
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"
    ds.PatientIdentityRemoved = "YES"
    method = ledger.note("text", f"Removed by {code(8, ledger.rng)}", "DeidentificationMethod")
    ds.DeidentificationMethod = method


_DECORATIONS: Final[tuple[Callable[[Dataset, Screenshot, Visit, Ledger], None], ...]] = (
    _add_overlay,
    _add_curve,
    _add_icon,
    _add_unknown,
    _add_padding,
    _add_document,
)


def _pdf(words: str) -> bytes:
    stream = f"BT /F1 18 Tf 60 700 Td ({words}) Tj ET"
    page = (
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        "2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
        "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>endobj\n"
        f"4 0 obj<</Length {len(stream)}>>stream\n{stream}\nendstream endobj\n"
        "trailer<</Root 1 0 R>>\n%%EOF\n"
    )
    content = page.encode()
    return content + b"\n" * (len(content) % 2)


def _be_ct(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    ds.SOPClassUID, ds.Modality = CTImageStorage, "CT"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 64
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleIntercept, ds.RescaleSlope = "-1024", "1"
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    ds.PixelData = np.where(x * x + y * y < 0.7, 1060, 20).astype("<u2").tobytes()
    ds["PixelData"].VR = "OW"


def _be_sr(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    ds.SOPClassUID, ds.Modality = ComprehensiveSRStorage, "SR"
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"


def _be_pdf(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    ds.SOPClassUID, ds.Modality = EncapsulatedPDFStorage, "DOC"
    _add_document_text(ds, visit, ledger)


def _add_document_text(ds: Dataset, visit: Visit, ledger: Ledger) -> None:
    secret = ledger.note("text", code(10, ledger.rng), "EncapsulatedDocument")
    ds.EncapsulatedDocument = _pdf(f"Report {secret}, number {visit.accession}")
    ds.MIMETypeOfEncapsulatedDocument = "application/pdf"


_OTHERS: Final[dict[str, Callable[[Dataset, Visit, Ledger], None]]] = {
    "ct": _be_ct,
    "sr": _be_sr,
    "pdf": _be_pdf,
}
