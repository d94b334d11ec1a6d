"""DICOM files of every transfer syntax and photometric interpretation, from one drawn screen."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import gdcm
import jpeg_ls
import numpy as np
import openjpeg
import rle
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, UltrasoundImageStorage

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
BASELINE = "1.2.840.10008.1.2.4.50"
EXTENDED = "1.2.840.10008.1.2.4.51"
LOSSLESS = "1.2.840.10008.1.2.4.57"
LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
JPEG_2000_LOSSY = "1.2.840.10008.1.2.4.91"
RLE = "1.2.840.10008.1.2.5"

Pixels = NDArray[np.unsignedinteger]


def screen(height: int = 96, width: int = 128, seed: int = 0) -> NDArray[np.uint8]:
    """Draw a screen: black, a grey fan with speckle, a bar of color; uint8 (h, w, 3) RGB."""
    rng = np.random.default_rng(seed)
    grey = cv2.GaussianBlur(rng.normal(110, 60, (height, width)).astype(np.float32), (0, 0), 1)
    fan = np.zeros((height, width), np.uint8)
    center = (width // 2, -height // 4)
    cv2.ellipse(fan, center, (height, height), 90, -40, 40, 1, -1)
    grey = (grey.clip(0, 255) * fan).astype(np.uint8)
    rgb = np.dstack([grey] * 3)
    rgb[height // 4 : height // 2, 4:10] = (230, 120, 20)
    rgb[height // 2 : height // 2 + 8, 4:10] = (20, 40, 200)
    return rgb


def to_ycc(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return YBR_FULL of RGB, by the formula of PS3.3, C.7.6.3.1.2."""
    matrix = np.array(
        [[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], np.float64
    )
    ycc = rgb.astype(np.float64) @ matrix.T + (0, 128, 128)
    return np.rint(ycc).clip(0, 255).astype(np.uint8)


def dicom_file(pixels: bytes | Sequence[bytes], syntax: str = EXPLICIT, **elements: Any) -> bytes:
    """Return a DICOM file; ``pixels`` are native bytes or the streams of the frames."""
    ds = dataset(pixels, syntax, **elements)
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dataset(pixels: bytes | Sequence[bytes], syntax: str, **elements: Any) -> Dataset:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(syntax)
    ds.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    ds.SOPClassUID = UltrasoundImageStorage
    ds.SOPInstanceUID = "2.25.1"
    ds.Modality = "US"
    native = isinstance(pixels, bytes)
    chosen = {"BitsAllocated": 8, "SamplesPerPixel": 1, "PixelRepresentation": 0, **elements}
    chosen.setdefault("BitsStored", chosen["BitsAllocated"])
    chosen.setdefault("HighBit", (chosen["BitsStored"] or 8) - 1)
    for keyword, element in chosen.items():
        if element is not None:
            setattr(ds, keyword, element)
    if native:
        ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    else:
        ds.PixelData = encapsulate(list(pixels))
    ds["PixelData"].VR = "OW" if native and chosen["BitsAllocated"] == 16 else "OB"
    ds["PixelData"].is_undefined_length = not native
    return ds


def color_file(pixels: bytes | Sequence[bytes], shape: Sequence[int], **elements: Any) -> bytes:
    """Return a file of three samples a pixel."""
    chosen = {
        "Rows": shape[0],
        "Columns": shape[1],
        "SamplesPerPixel": 3,
        "PlanarConfiguration": 0,
        "PhotometricInterpretation": "RGB",
        **elements,
    }
    return dicom_file(pixels, **chosen)


def grey_file(pixels: bytes | Sequence[bytes], shape: Sequence[int], **elements: Any) -> bytes:
    """Return a file of one sample a pixel."""
    chosen = {
        "Rows": shape[0],
        "Columns": shape[1],
        "PhotometricInterpretation": "MONOCHROME2",
        **elements,
    }
    return dicom_file(pixels, **chosen)


def words(image: Pixels, order: str = "<u2") -> bytes:
    return image.astype(order).tobytes()


def halved(ycc: NDArray[np.uint8]) -> bytes:
    """Return YBR_FULL_422: Y Y Cb Cr for each two pixels."""
    packed = np.stack([ycc[:, 0::2, 0], ycc[:, 1::2, 0], ycc[:, 0::2, 1], ycc[:, 0::2, 2]], axis=-1)
    return packed.tobytes()


def jpeg(image: NDArray[np.uint8], **options: Any) -> bytes:
    """Return a JPEG by Pillow; ``keep_rgb=True`` leaves RGB as it is, with an Adobe marker."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", **{"quality": 95, **options})
    return buffer.getvalue()


def silent(stream: bytes) -> bytes:
    """Return a JPEG without the JFIF and Adobe markers that tell what its colors are."""
    rest = stream[2:]
    while rest[:2] in (b"\xff\xe0", b"\xff\xee"):
        rest = rest[2 + int.from_bytes(rest[2:4], "big") :]
    return stream[:2] + rest


def rle_frame(image: Pixels) -> bytes:
    samples = image.shape[2] if image.ndim == 3 else 1
    return bytes(
        rle.rle.encode_frame(
            image.astype("<u2").tobytes() if image.dtype == np.uint16 else image.tobytes(),
            *image.shape[:2],
            samples,
            8 * image.dtype.itemsize,
            "<",
        )
    )


def jpeg_ls_stream(image: Pixels, near: int = 0, interleave: int | None = None) -> bytes:
    if interleave == 0 and image.ndim == 3:
        image = np.ascontiguousarray(image.transpose(2, 0, 1))
    return bytes(jpeg_ls.encode_array(image, near, interleave))


def jpeg_2000_stream(image: Pixels, ratio: float = 0, bits: int | None = None) -> bytes:
    options = {"compression_ratios": [ratio]} if ratio else {}
    kind = 1 if image.ndim == 3 else 0
    return bytes(
        openjpeg.utils.encode_array(
            image, bits_stored=bits, photometric_interpretation=kind, **options
        )
    )


def lossless_jpeg(native: bytes, kind: int | None = None) -> bytes:
    """Return a native file's copy in lossless JPEG (selection value 1), by GDCM."""
    kind = gdcm.TransferSyntax.JPEGLosslessProcess14_1 if kind is None else kind
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.dcm"), Path(folder, "b.dcm")
        source.write_bytes(native)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(kind))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(target))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return target.read_bytes()


def palette_elements(colors: NDArray[np.integer], bits: int = 16) -> dict[str, Any]:
    """Return the elements of three palettes, of (n, 3) colors of ``bits`` bits."""
    found: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name, column in zip(("Red", "Green", "Blue"), colors.T, strict=True):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [len(column) % 65_536, 0, bits]
        data = column.astype("<u2" if bits == 16 else "u1").tobytes()
        found[f"{name}PaletteColorLookupTableData"] = data
    return found


def every_form(rgb: NDArray[np.uint8]) -> dict[str, bytes]:
    """Return a file of each transfer syntax and photometric interpretation, by a name."""
    grey, ycc, shape = np.ascontiguousarray(rgb[..., 0]), to_ycc(rgb), rgb.shape
    deep = (grey.astype(np.uint16) << 4) | 7
    twelve = {"BitsAllocated": 16, "BitsStored": 12}
    ramp = np.arange(256)
    colors = np.stack([ramp, ramp[::-1], ramp // 2], axis=1)
    native_rgb = color_file(rgb.tobytes(), shape)
    planes = np.ascontiguousarray(rgb.transpose(2, 0, 1)).tobytes()
    two = rgb.tobytes() + rgb[::-1].tobytes()
    frames = [jpeg(rgb), jpeg(rgb[::-1].copy())]
    full, half = "YBR_FULL", "YBR_FULL_422"
    return {
        "implicit": color_file(rgb.tobytes(), shape, syntax=IMPLICIT),
        "explicit": native_rgb,
        "deflated": color_file(rgb.tobytes(), shape, syntax=DEFLATED),
        "big": color_file(rgb.tobytes(), shape, syntax=BIG_ENDIAN),
        "big16": grey_file(words(deep, ">u2"), shape, syntax=BIG_ENDIAN, **twelve),
        "planar": color_file(planes, shape, PlanarConfiguration=1),
        "two": color_file(two, shape, NumberOfFrames=2),
        "ybr": color_file(ycc.tobytes(), shape, PhotometricInterpretation=full),
        "ybr422": color_file(halved(ycc), shape, PhotometricInterpretation=half),
        "mono8": grey_file(grey.tobytes(), shape),
        "mono1": grey_file((255 - grey).tobytes(), shape, PhotometricInterpretation="MONOCHROME1"),
        "mono12": grey_file(words(deep), shape, **twelve),
        "palette8": grey_file(grey.tobytes(), shape, **palette_elements(colors, 8)),
        "palette16": grey_file(grey.tobytes(), shape, **palette_elements(colors * 257)),
        "rle": color_file([rle_frame(rgb)], shape, syntax=RLE),
        "rle16": grey_file([rle_frame(deep)], shape, syntax=RLE, **twelve),
        "jpeg": color_file(frames[:1], shape, syntax=BASELINE, PhotometricInterpretation=half),
        "jpeg_rgb": color_file([jpeg(rgb, keep_rgb=True)], shape, syntax=BASELINE),
        "jpeg_grey": grey_file([jpeg(grey)], shape, syntax=BASELINE),
        "jpeg_cine": color_file(
            frames, shape, syntax=BASELINE, PhotometricInterpretation=half, NumberOfFrames=2
        ),
        "lossless": lossless_jpeg(native_rgb),
        "lossless12": lossless_jpeg(grey_file(words(deep), shape, **twelve)),
        "jpeg_ls": color_file([jpeg_ls_stream(rgb)], shape, syntax=JPEG_LS),
        "jpeg_ls_planes": color_file([jpeg_ls_stream(rgb, 0, 0)], shape, syntax=JPEG_LS),
        "jpeg_ls_lines": color_file([jpeg_ls_stream(rgb, 0, 1)], shape, syntax=JPEG_LS),
        "jpeg_ls_near": color_file([jpeg_ls_stream(rgb, 2)], shape, syntax=JPEG_LS_NEAR),
        "jpeg_ls16": grey_file([jpeg_ls_stream(deep)], shape, syntax=JPEG_LS, **twelve),
        "jpeg_2000": color_file(
            [jpeg_2000_stream(rgb)], shape, syntax=JPEG_2000, PhotometricInterpretation="YBR_RCT"
        ),
        "jpeg_2000_lossy": color_file(
            [jpeg_2000_stream(rgb, 4)],
            shape,
            syntax=JPEG_2000_LOSSY,
            PhotometricInterpretation="YBR_ICT",
        ),
        "jpeg_2000_16": grey_file(
            [jpeg_2000_stream(deep, bits=12)], shape, syntax=JPEG_2000, **twelve
        ),
    }
