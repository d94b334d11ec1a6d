"""What a file is, is told by its first bytes, as the programs that write such files write them."""

import io
import tarfile
import zipfile

import cv2
import numpy as np
import openpyxl
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, UltrasoundImageStorage

from metrascope.sources.signatures import HEAD, file_kind

PICTURE = np.arange(32 * 32, dtype=np.uint8).reshape(32, 32)


def dicom(sop_class: str, preamble: bytes = bytes(128)) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = "2.25.7"
    ds.preamble = preamble
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("extension", "kind"),
    [(".png", "png"), (".jpg", "jpeg"), (".bmp", "bmp"), (".tif", "tiff"), (".webp", "picture")],
)
def test_pictures_of_opencv(extension: str, kind: str) -> None:
    assert file_kind(cv2.imencode(extension, PICTURE)[1].tobytes()[:HEAD]) == kind


@pytest.mark.parametrize("name", ["GIF", "PNG", "BMP", "TIFF", "JPEG", "JPEG2000"])
def test_pictures_of_pillow(name: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(PICTURE).save(buffer, name)
    expected = {"GIF": "picture", "JPEG2000": "picture"}.get(name, name.lower())
    assert file_kind(buffer.getvalue()[:HEAD]) == expected


def test_dicom_goes_before_what_its_preamble_looks_like() -> None:
    tiff = b"II*\0".ljust(128, b"\0")
    assert file_kind(dicom(UltrasoundImageStorage)[:HEAD]) == "dicom"
    assert file_kind(dicom(UltrasoundImageStorage, tiff)[:HEAD]) == "dicom"
    assert file_kind(tiff) == "tiff"
    assert file_kind(dicom(MediaStorageDirectoryStorage)[:HEAD]) == "dicomdir"


def test_archives_and_documents() -> None:
    archive, tape, book = io.BytesIO(), io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("a", "b")
    with tarfile.open(fileobj=tape, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("a"), io.BytesIO())
    openpyxl.Workbook().save(book)
    assert file_kind(archive.getvalue()[:HEAD]) == "zip"
    assert file_kind(tape.getvalue()[:HEAD]) == "packed"
    assert file_kind(book.getvalue()[:HEAD]) == "zip"  # its members tell that it is a workbook
    assert file_kind(b"%PDF-1.7\n") == "document"
    assert file_kind(b"\x1f\x8b\x08\0") == "packed"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"RIFF\x24\0\0\0AVI LIST", "video"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "other"),
        (b"\0\0\0\x18ftypisom", "video"),
        (b"\0\0\0\x18ftypheic", "picture"),
        (b"\0\0\x01\xba\x44", "video"),
        (b"BMI of the patient: 23.1, and so on", "other"),
        (b"BM", "other"),
        (b"", "other"),
        (b"\0" * HEAD, "other"),
        ("姓名,病理\n".encode(), "other"),
    ],
)
def test_starts_that_are_known_and_those_that_only_look_so(head: bytes, kind: str) -> None:
    assert file_kind(head) == kind
