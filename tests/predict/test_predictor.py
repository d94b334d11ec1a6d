"""Files of several images: loops that lack frames, and split screens."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid
from tests.dicom.make import grey_file
from tests.screen.test_panels import item

from metrascope.predict.listing import reading_text
from metrascope.predict.predictor import Predictor


def loop(frame: np.ndarray, *, claimed: int, held: int) -> bytes:
    """Return a multi-frame file that says it has more frames than it holds."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = UltrasoundMultiFrameImageStorage, generate_uid()
    ds.Modality, ds.PatientID, ds.NumberOfFrames = "US", "42", claimed
    ds.Rows, ds.Columns = frame.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.PixelData = frame.tobytes() * held
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


@pytest.mark.parametrize(("claimed", "held"), [(6, 2), (6, 1), (2, 2)])
def test_a_loop_that_lacks_frames_says_so(
    bundle: Path, images: Path, claimed: int, held: int
) -> None:
    frame = np.asarray(Image.open(images / "P0" / "00.png").convert("L"))
    predictor = Predictor(bundle, runtime="onnxruntime", threads=1)
    read = predictor.read_bytes(loop(frame, claimed=claimed, held=held), "l.dcm")
    assert len(read) == held
    _, whole = predictor.read_whole(read)
    rows = [one.reading for one in read] + ([whole] if whole else [])
    keys = [[said.key for said in row.warnings] for row in rows]
    if claimed == held:
        assert not any("serving.frames_missing" in found for found in keys)
        return
    assert all("serving.frames_missing" in found for found in keys)
    shown = " ".join(reading_text(rows[-1]).split())
    assert f"has {claimed} frames and holds {held}" in shown.replace("l.dcm ", "")


def test_a_split_screen_counts_once_for_its_patient(bundle: Path, images: Path) -> None:
    frame = np.asarray(Image.open(images / "P0" / "00.png").convert("L"))
    height, width = frame.shape
    regions = [item((left, 0, width, height), 0.02) for left in (0, width)]
    screen = np.hstack([frame, frame])
    content = grey_file(
        screen.tobytes(), screen.shape, SequenceOfUltrasoundRegions=regions, PatientID="P7"
    )
    predictor = Predictor(bundle, runtime="onnxruntime", threads=1)
    read = predictor.read_bytes(content, "split.dcm")
    assert [(one.reading.frame, one.reading.frames) for one in read] == [(1, 2), (2, 2)]
    assert read[0].reading.probabilities == read[1].reading.probabilities is not None
    patient = predictor.read_patient("P7", read)
    assert (patient.files, patient.read) == (1, 1)
    assert patient.probabilities == read[0].reading.probabilities
