"""Stored pixels against pydicom's decoders and DCMTK's; the lies are lies."""

import subprocess
import warnings
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from benchmarks import dicom_colors
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_windowing

from metrascope.phantom.hospital.codings import CODINGS, Coding, store_pixels, to_gray
from metrascope.phantom.hospital.lossless_jpeg import encode_lossless_jpeg

LOSSY = {"jpeg_422", "jpeg_gray", "jpeg_rgb", "jpeg_444", "j2k_ict", "jpegls_near_gray"}
CLOSE = {"palette_8": 14, "palette_16": 14, "rle_palette": 14, "ybr_full": 2, "rle_ybr_full": 2}
TRUE = [coding for coding in CODINGS if not coding.name.startswith("lie_")]
LIES = [coding for coding in CODINGS if coding.name.startswith("lie_")]


@pytest.fixture(scope="module")
def frames() -> NDArray[np.uint8]:
    """Return two frames: speckle, smooth areas of the palette's colors, white letters."""
    rng = np.random.default_rng(0)
    echo = cv2.GaussianBlur(rng.integers(0, 256, (60, 81)).astype(np.uint8), (0, 0), 2)
    first = np.repeat(cv2.normalize(echo, None, 0, 255, cv2.NORM_MINMAX)[..., None], 3, axis=2)
    first[10:30, 8:40] = (252, 63, 0)
    first[35:50, 8:40] = (0, 63, 252)
    cv2.putText(first, "WANG", (42, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1)
    return np.stack([first, first[::-1]])


def written(frames: NDArray[np.uint8], coding: Coding) -> bytes:
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.3"
    store_pixels(ds, frames, coding)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = coding.syntax
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def decoded(content: bytes) -> NDArray[np.uint8]:
    """Return frames as pydicom decodes them, grays and palettes brought to 8 bits."""
    ds = dcmread(BytesIO(content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pixels = ds.pixel_array
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, ds)
        pixels = pixels >> 8 if pixels.dtype == np.uint16 else pixels
    if ds.PhotometricInterpretation == "MONOCHROME1":
        pixels = 255 - pixels
    if ds.BitsStored == 12:
        pixels = apply_windowing(apply_modality_lut(pixels, ds), ds) / 32
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("coding", TRUE, ids=lambda coding: coding.name)
def test_pydicom_decodes_what_was_stored(coding: Coding, frames: NDArray[np.uint8]) -> None:
    check(decoded(written(frames, coding)), frames, coding)


@pytest.mark.peer("dcmtk", "gdcm")
@pytest.mark.parametrize("coding", TRUE, ids=lambda coding: coding.name)
def test_dcmtk_and_gdcm_decode_what_was_stored(
    coding: Coding, frames: NDArray[np.uint8], tmp_path: Path
) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(written(frames, coding))
    _, images = dicom_colors.reference(path, coding.syntax)
    found = np.stack([image[..., ::-1] if image.ndim == 3 else image for image in images])
    # DCMTK turns inverted grey levels round through a table of its own, which rounds.
    check(found, frames, coding, rounded=coding.header == "MONOCHROME1")


def check(
    found: NDArray[np.uint8], frames: NDArray[np.uint8], coding: Coding, *, rounded: bool = False
) -> None:
    """Compare decoded frames with those stored, as close as the coding allows."""
    wanted = frames if found.ndim == 4 else np.stack([to_gray(frame) for frame in frames])
    wanted = wanted[:, :, : found.shape[2]]
    wrong = np.abs(found.astype(int) - wanted)
    if coding.name in LOSSY:
        assert wrong.mean() < 6
    elif coding.name.startswith("ybr_full_422"):
        assert np.median(wrong) <= 1
    else:
        limit = CLOSE.get(
            coding.name, 2 if "ybr" in coding.name else 1 if "16" in coding.name else 0
        )
        assert np.percentile(wrong, 98) <= limit + rounded


@pytest.mark.parametrize("coding", LIES, ids=lambda coding: coding.name)
def test_lies_mislead_who_trusts_the_header(coding: Coding, frames: NDArray[np.uint8]) -> None:
    ds = dcmread(BytesIO(written(frames, coding)))
    planar = coding.really_planar not in (None, coding.planar)
    assert ds.PhotometricInterpretation != coding.pixels.split(" 1")[0] or planar


def test_all_transfer_syntaxes_and_interpretations_are_there() -> None:
    assert len({coding.syntax for coding in CODINGS}) == 12
    headers = {coding.header for coding in CODINGS}
    assert headers == {
        "MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT",
        "PALETTE COLOR",
    }  # fmt: skip
    assert len({coding.name for coding in CODINGS}) == len(CODINGS)


@pytest.mark.peer("dcmtk")
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 33, 3), (17, 64)])
def test_lossless_jpeg_against_dcmtk(shape: tuple[int, ...], tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)
    samples.flat[:1] = 255
    picture = np.repeat(samples[..., None], 3, axis=2) if samples.ndim == 2 else samples
    name = "jpeg_lossless_gray" if samples.ndim == 2 else "jpeg_lossless_rgb"
    coding = next(coding for coding in CODINGS if coding.name == name)
    (tmp_path / "a.dcm").write_bytes(written(picture[None], coding))
    command = ["dcmj2pnm", "--write-raw-pnm", "--no-windowing", "a.dcm", "a.pnm"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    found = cv2.imread(str(tmp_path / "a.pnm"), cv2.IMREAD_UNCHANGED)
    found = found[..., ::-1] if found.ndim == 3 else found
    np.testing.assert_array_equal(found, samples)


def test_lossless_jpeg_stuffs_bytes_that_look_like_markers() -> None:
    samples = np.random.default_rng(2).integers(0, 256, (64, 64)).astype(np.uint8)
    stream = encode_lossless_jpeg(samples)
    scan = stream[stream.index(b"\xff\xda") + 10 : -2]
    assert b"\xff\x00" in scan
    assert all(scan[place + 1] == 0 for place in range(len(scan) - 1) if scan[place] == 0xFF)
