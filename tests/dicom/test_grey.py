"""Bits, rescale, windows, lookup tables and presentation against their formulas in PS3.3."""

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.sequence import Sequence
from tests.dicom import make

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)
TWELVE = {"BitsAllocated": 16, "BitsStored": 12}


def frame(content: bytes) -> NDArray[np.int64]:
    return open_pixels(read_header(content)).frame(0).astype(np.int64)


def file(image: NDArray[np.integer], **elements: object) -> bytes:
    return make.grey_file(make.words(image), image.shape, **{**TWELVE, **elements})


def table(data: NDArray[np.integer], first: int, bits: int) -> Sequence:
    item = Dataset()
    item.LUTDescriptor = [len(data), first, bits]
    item["LUTDescriptor"].VR = "US"
    item.LUTData = data.astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return Sequence([item])


def test_the_stored_range_becomes_the_grey_range() -> None:
    assert np.array_equal(frame(file(RAMP)), np.rint(RAMP / 4095 * 255))


def test_signed_values() -> None:
    signed = RAMP.astype(np.int32) - 2048
    content = make.grey_file(
        (signed & 0xFFF).astype("<u2").tobytes(), RAMP.shape, **TWELVE, PixelRepresentation=1
    )
    assert np.array_equal(frame(content), np.rint(RAMP / 4095 * 255))


def test_bits_beside_the_stored_ones_are_left_out() -> None:
    noisy = (RAMP << 2) | 0xC003
    assert np.array_equal(frame(file(noisy, HighBit=13)), np.rint(RAMP / 4095 * 255))


def test_eight_bits_claimed_to_be_sixteen() -> None:
    dark = (RAMP % 256).astype(np.uint16)
    assert np.array_equal(frame(file(dark, BitsStored=16, HighBit=15)), dark)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ("LINEAR", lambda x: ((x - 999.5) / 499 + 0.5) * 255),
        ("LINEAR_EXACT", lambda x: ((x - 1000) / 500 + 0.5) * 255),
        ("SIGMOID", lambda x: 255 / (1 + np.exp(-4 * (x - 1000) / 500))),
    ],
)
def test_windows(function: str, expected: object) -> None:
    content = file(RAMP, WindowCenter=1000, WindowWidth=500, VOILUTFunction=function)
    assert callable(expected)
    formula = np.rint(expected(RAMP.astype(float))).clip(0, 255)
    assert np.array_equal(frame(content), formula)


def test_the_first_of_several_windows_after_the_rescale() -> None:
    elements = {"WindowCenter": [100, 9], "WindowWidth": [200, 9]}
    elements |= {"RescaleSlope": 0.5, "RescaleIntercept": -300}
    content = file(RAMP, **elements)
    ds = dcmread(make.io.BytesIO(content))
    voi = apply_voi_lut(apply_modality_lut(RAMP, ds), ds)
    other = (voi - voi.min()) / (voi.max() - voi.min()) * 255
    assert np.abs(frame(content) - other).max() <= 0.51


def test_lookup_tables() -> None:
    modality = np.minimum(np.arange(1024) * 4, 4095)
    voi = (np.arange(4096) ** 2 // 4096).clip(0, 4095)
    content = file(
        RAMP,
        ModalityLUTSequence=table(modality, 512, 12),
        VOILUTSequence=table(voi, 0, 12),
    )
    places = (RAMP.astype(int) - 512).clip(0, 1023)
    assert np.array_equal(frame(content), np.rint(voi[modality[places]] / 4095 * 255))


@pytest.mark.parametrize(
    "elements",
    [
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"},
        {"PresentationLUTShape": "INVERSE"},
    ],
)
def test_inverse_presentation(elements: dict[str, str]) -> None:
    assert np.array_equal(frame(file(RAMP, **elements)), np.rint(255 - RAMP / 4095 * 255))


@pytest.mark.parametrize("width", [0, -5, "", "1e30"])
def test_windows_that_make_no_sense_are_left_out(width: object) -> None:
    content = file(RAMP, WindowCenter=1000, WindowWidth=width or None)
    assert np.array_equal(frame(content), np.rint(RAMP / 4095 * 255))
