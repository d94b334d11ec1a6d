"""How the pixels of an export are stored: transfer syntax, photometric interpretation, and lies.

A coding whose name begins with ``lie_`` has a header that says something else about color than
its pixels do, as real exports have it; the pixels can still be told.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import cv2
import numpy as np
from jpeg_ls import CharLS
from numpy.typing import NDArray
from openjpeg.utils import encode_pixel_data as encode_wavelet
from PIL import Image as Pillow
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from rle.utils import encode_pixel_data as encode_runs

from metrascope.phantom.hospital.lossless_jpeg import encode_lossless_jpeg

FrameStack = NDArray[np.uint8]


@dataclass(frozen=True)
class Coding:
    """One way to store pixels.

    Parameters
    ----------
    name
        What tests and the truth call it.
    syntax
        Transfer syntax.
    header
        Photometric Interpretation as the header has it.
    pixels
        Photometric interpretation that the stored pixels really have.
    planar
        Planar Configuration as the header has it.
    color
        Whether colors survive; gray codings are for gray screens.
    really_planar
        Planar configuration that the stored pixels really have, where it differs.
    """

    name: str
    syntax: UID
    header: str
    pixels: str
    planar: int = 0
    color: bool = True
    really_planar: int | None = None


_GRAY: Final = "MONOCHROME2"
CODINGS: Final = (
    Coding("implicit_rgb", ImplicitVRLittleEndian, "RGB", "RGB"),
    Coding("jpeg_422", JPEGBaseline8Bit, "YBR_FULL_422", "YBR_FULL_422"),
    Coding("rle_rgb", RLELossless, "RGB", "RGB", planar=1),
    Coding("j2k_rct", JPEG2000Lossless, "YBR_RCT", "YBR_RCT"),
    Coding("explicit_gray", ExplicitVRLittleEndian, _GRAY, _GRAY, color=False),
    Coding("explicit_rgb_planar", ExplicitVRLittleEndian, "RGB", "RGB", planar=1),
    Coding("palette_8", ExplicitVRLittleEndian, "PALETTE COLOR", "PALETTE COLOR 8"),
    Coding("jpeg_lossless_rgb", JPEGLosslessSV1, "RGB", "RGB"),
    Coding("jpegls_rgb", JPEGLSLossless, "RGB", "RGB"),
    Coding("big_endian_rgb", ExplicitVRBigEndian, "RGB", "RGB"),
    Coding("deflated_rgb", DeflatedExplicitVRLittleEndian, "RGB", "RGB"),
    Coding("ybr_full", ExplicitVRLittleEndian, "YBR_FULL", "YBR_FULL"),
    Coding("ybr_full_planar", ExplicitVRLittleEndian, "YBR_FULL", "YBR_FULL", planar=1),
    Coding("ybr_full_422", ExplicitVRLittleEndian, "YBR_FULL_422", "YBR_FULL_422"),
    Coding("palette_16", ExplicitVRLittleEndian, "PALETTE COLOR", "PALETTE COLOR 16"),
    Coding("inverted_gray", ImplicitVRLittleEndian, "MONOCHROME1", "MONOCHROME1", color=False),
    Coding("gray_16", ExplicitVRLittleEndian, _GRAY, "MONOCHROME2 16", color=False),
    Coding("big_endian_gray_16", ExplicitVRBigEndian, _GRAY, "MONOCHROME2 16", color=False),
    Coding("rle_gray", RLELossless, _GRAY, _GRAY, color=False),
    Coding("rle_ybr_full", RLELossless, "YBR_FULL", "YBR_FULL", planar=1),
    Coding("rle_palette", RLELossless, "PALETTE COLOR", "PALETTE COLOR 16"),
    Coding("jpeg_gray", JPEGBaseline8Bit, _GRAY, _GRAY, color=False),
    Coding("jpeg_rgb", JPEGBaseline8Bit, "RGB", "RGB"),
    Coding("jpeg_444", JPEGBaseline8Bit, "YBR_FULL", "YBR_FULL"),
    Coding("jpeg_lossless_gray", JPEGLosslessSV1, _GRAY, _GRAY, color=False),
    Coding("jpeg_lossless_57", JPEGLossless, "RGB", "RGB"),
    Coding("jpegls_gray", JPEGLSLossless, _GRAY, _GRAY, color=False),
    Coding("jpegls_near_gray", JPEGLSNearLossless, _GRAY, _GRAY, color=False),
    Coding("j2k_gray", JPEG2000Lossless, _GRAY, _GRAY, color=False),
    Coding("j2k_ict", JPEG2000, "YBR_ICT", "YBR_ICT"),
    Coding("lie_jpeg_as_rgb", JPEGBaseline8Bit, "RGB", "YBR_FULL_422"),
    Coding("lie_j2k_as_rgb", JPEG2000Lossless, "RGB", "YBR_RCT"),
    Coding("lie_rgb_as_ybr", ExplicitVRLittleEndian, "YBR_FULL", "RGB"),
    Coding("lie_planar", ExplicitVRLittleEndian, "RGB", "RGB", planar=1, really_planar=0),
    Coding("lie_rgb_as_gray", ExplicitVRLittleEndian, _GRAY, "RGB"),
)


def store_pixels(ds: Dataset, frames: FrameStack, coding: Coding) -> None:
    """Put frames into a data set and describe them as the coding's header does.

    Parameters
    ----------
    ds
        Data set without pixels; the caller writes it in the coding's transfer syntax.
    frames
        ``(n, h, w, 3)`` uint8 RGB.
    coding
        One of `CODINGS`. A gray one stores the luma.
    """
    _describe(ds, frames, coding)
    if coding.syntax.is_encapsulated:
        pieces = [_compress(frame, coding) for frame in frames]
        ds.PixelData = encapsulate(pieces)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        return
    content = b"".join(_native(frame, coding, ds) for frame in frames)
    ds.PixelData = content + b"\0" * (len(content) % 2)
    ds["PixelData"].VR = "OW" if ds.BitsAllocated == 16 else "OB"


def to_gray(frame: FrameStack) -> FrameStack:
    """Return the luma of an RGB picture, ``(h, w)`` uint8."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), np.uint8)


def _describe(ds: Dataset, frames: FrameStack, coding: Coding) -> None:
    count, height, width = frames.shape[:3]
    if coding.pixels == "YBR_FULL_422" and not coding.syntax.is_encapsulated:
        width -= width % 2
    single = "MONOCHROME" in coding.pixels or "PALETTE" in coding.pixels
    deep = coding.pixels == "MONOCHROME2 16"
    ds.SamplesPerPixel = 1 if single else 3
    ds.PhotometricInterpretation = coding.header
    ds.Rows, ds.Columns = height, width
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = (16, 12, 11) if deep else (8, 8, 7)
    ds.PixelRepresentation = 0
    if not single:
        ds.PlanarConfiguration = coding.planar
    if count > 1:
        ds.NumberOfFrames = count
    if "PALETTE" in coding.pixels:
        _store_palette(ds, 8 if coding.pixels.endswith(" 8") else 16)
    if deep:
        ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "-16", "2", "US"
        ds.WindowCenter, ds.WindowWidth = "4079", "8192"


def _native(frame: FrameStack, coding: Coding, ds: Dataset) -> bytes:
    """Return one frame in the coding's order of bytes, not compressed."""
    if coding.pixels == "YBR_FULL_422":
        return _half_chroma(_ybr(frame[:, : ds.Columns]))
    if coding.pixels == "MONOCHROME2 16":
        order = ">u2" if coding.syntax == ExplicitVRBigEndian else "<u2"
        return _twelve_bits(to_gray(frame)).astype(order).tobytes()
    planes = _planes(frame, coding)
    planar = coding.planar if coding.really_planar is None else coding.really_planar
    if planes.ndim == 3 and planar:
        planes = planes.transpose(2, 0, 1)
    return planes.tobytes()


def _planes(frame: FrameStack, coding: Coding) -> FrameStack:
    """Return the samples that the coding's photometric interpretation asks for."""
    if coding.pixels == "MONOCHROME1":
        return 255 - to_gray(frame)
    if coding.pixels == "MONOCHROME2":
        return to_gray(frame)
    if coding.pixels.startswith("PALETTE"):
        return _indices(frame)
    return _ybr(frame) if coding.pixels == "YBR_FULL" else frame


def _twelve_bits(gray: FrameStack) -> NDArray[np.uint16]:
    """Spread 8 bits over 12, with the low bits as a scanner's interpolation leaves them."""
    return np.asarray(gray.astype(np.uint16) * 16 + (gray >> 4), np.uint16)


def _ybr(frame: FrameStack) -> FrameStack:
    """Return Y, Cb and Cr of full range (PS3.3 C.7.6.3.1.2)."""
    swapped = cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)
    return np.asarray(swapped[..., [0, 2, 1]], np.uint8)


def _half_chroma(ybr: FrameStack) -> bytes:
    """Return Y1 Y2 Cb Cr for every two pixels (PS3.3 C.7.6.3.1.2)."""
    height, width = ybr.shape[:2]
    pairs = np.empty((height, width // 2, 4), np.uint8)
    pairs[..., 0], pairs[..., 1] = ybr[:, ::2, 0], ybr[:, 1::2, 0]
    pairs[..., 2], pairs[..., 3] = ybr[:, ::2, 1], ybr[:, ::2, 2]
    return pairs.tobytes()


def _palette() -> FrameStack:
    """Return 128 grays, then 125 colors of a cube, then black, ``(256, 3)``."""
    grays = np.repeat((np.arange(128) * 2 + 1).astype(np.uint8)[:, None], 3, axis=1)
    steps = np.arange(5, dtype=np.uint8) * 63
    cube = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    return np.concatenate([grays, cube, np.zeros((3, 3), np.uint8)])


def _indices(frame: FrameStack) -> FrameStack:
    """Return the palette's index of every pixel: gray where it is about gray, else the cube."""
    parts = frame.astype(np.int16)
    colored = parts.max(axis=2) - parts.min(axis=2) > 12
    near = (parts + 31) // 63
    cube = 128 + near[..., 0] * 25 + near[..., 1] * 5 + near[..., 2]
    return np.where(colored, cube, to_gray(frame) >> 1).astype(np.uint8)


def _store_palette(ds: Dataset, bits: int) -> None:
    table = _palette()
    for place, name in enumerate(("Red", "Green", "Blue")):
        column = np.ascontiguousarray(table[:, place])
        data = column.tobytes() if bits == 8 else (column.astype("<u2") * 257).tobytes()
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [256, 0, bits])
        setattr(ds, f"{name}PaletteColorLookupTableData", data)
        ds[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
        ds[f"{name}PaletteColorLookupTableData"].VR = "OW"


def _compress(frame: FrameStack, coding: Coding) -> bytes:
    if coding.syntax == JPEGBaseline8Bit:
        return _jpeg(frame, coding)
    planes = np.ascontiguousarray(_planes(frame, coding))
    if coding.syntax in (JPEGLossless, JPEGLosslessSV1):
        return encode_lossless_jpeg(planes)
    if coding.syntax == RLELossless:
        return bytes(encode_runs(planes.tobytes(), None, "<", **_shape(planes)))
    if coding.syntax in (JPEG2000, JPEG2000Lossless):
        return _wavelet(planes, coding)
    error = 2 if coding.syntax == JPEGLSNearLossless else 0
    mode = 0 if planes.ndim == 2 else 2
    return bytes(CharLS.encode(planes, lossy_error=error, interleave_mode=mode))


def _shape(planes: FrameStack) -> dict[str, int]:
    return {
        "rows": planes.shape[0],
        "columns": planes.shape[1],
        "samples_per_pixel": 1 if planes.ndim == 2 else 3,
        "bits_allocated": 8,
    }


def _jpeg(frame: FrameStack, coding: Coding) -> bytes:
    buffer = BytesIO()
    options: dict[str, Any] = {"quality": 92}
    if coding.pixels == "MONOCHROME2":
        Pillow.fromarray(to_gray(frame)).save(buffer, "JPEG", **options)
        return buffer.getvalue()
    if coding.pixels == "RGB":
        options["keep_rgb"] = True
    else:
        options["subsampling"] = 1 if coding.pixels == "YBR_FULL_422" else 0
    Pillow.fromarray(frame).save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _wavelet(planes: FrameStack, coding: Coding) -> bytes:
    """Return a JPEG 2000 codestream; its encoder makes YBR_RCT or YBR_ICT from RGB itself."""
    options: dict[str, Any] = _shape(planes)
    del options["bits_allocated"]
    if coding.syntax == JPEG2000:
        options["compression_ratios"] = [12.0]
    return bytes(
        encode_wavelet(
            planes.tobytes(),
            bits_stored=8,
            pixel_representation=0,
            photometric_interpretation=coding.pixels,
            **options,
        )
    )
