"""A header's claims about its pixels, read with suspicion and checked before any is decoded."""

from dataclasses import dataclass
from typing import Any, Final

from pydicom.dataset import Dataset

from metrascope.dicom.header import transfer_syntax, value
from metrascope.errors import DataError

# Twenty minutes of a loop at 50 frames a second. Chosen, not measured.
_MOST_FRAMES: Final = 65_536
# Retired, or of compressions that are not read: taken for RGB, they would be in false colors.
_OTHER_COLORS: Final = ("HSV", "ARGB", "CMYK", "XYB")


@dataclass(frozen=True)
class PixelLayout:
    """Claims of the Image Pixel module (PS3.3, C.7.6.3); ``frames`` is 1 where none is claimed."""

    height: int
    width: int
    samples: int
    frames: int
    allocated: int
    stored: int
    high: int
    signed: bool
    photometric: str
    planar: bool
    syntax: str

    @property
    def sample_bytes(self) -> int:
        """Bytes of a sample, 1 or 2."""
        return self.allocated // 8


def read_layout(ds: Dataset, largest: int) -> PixelLayout:
    """Read the header's claims about its pixels.

    Raises
    ------
    DataError
        ``dicom.no_size``, ``dicom.too_large`` (more than ``largest`` pixels a frame),
        ``dicom.too_many_frames``, ``dicom.bits``, ``dicom.samples`` or ``dicom.photometric``.
    """
    height, width = header_number(ds, "Rows"), header_number(ds, "Columns")
    if not height or not width or height < 0 or width < 0:
        raise DataError("dicom.no_size")
    check_size(width, height, largest)
    allocated = header_number(ds, "BitsAllocated") or 8
    if allocated not in (8, 16):
        raise DataError("dicom.bits", bits=allocated)
    photometric = str(value(ds, "PhotometricInterpretation") or "").strip().upper()
    if photometric in _OTHER_COLORS:
        raise DataError("dicom.photometric", photometric=photometric)
    stored = header_number(ds, "BitsStored") or allocated
    stored = stored if 1 <= stored <= allocated else allocated
    high = header_number(ds, "HighBit")
    return PixelLayout(
        height=height,
        width=width,
        samples=_samples(ds),
        frames=_frames(ds),
        allocated=allocated,
        stored=stored,
        high=high if high is not None and stored - 1 <= high < allocated else stored - 1,
        signed=header_number(ds, "PixelRepresentation") == 1,
        photometric=photometric,
        planar=header_number(ds, "PlanarConfiguration") == 1,
        syntax=transfer_syntax(ds),
    )


def check_size(width: int, height: int, largest: int) -> None:
    """Refuse a frame of more than ``largest`` pixels.

    Raises
    ------
    DataError
        ``dicom.too_large``.
    """
    if width * height > largest:
        raise DataError("dicom.too_large", width=width, height=height, largest=largest)


def header_number(ds: Dataset, keyword: str) -> int | None:
    """Return an element's value as an integer, the first if there are several, None if none."""
    number: Any = value(ds, keyword)
    if not isinstance(number, str | bytes | int | float) and hasattr(number, "__len__"):
        number = number[0] if len(number) else None
    try:
        return int(number)
    except (TypeError, ValueError, OverflowError):
        return None


def _samples(ds: Dataset) -> int:
    samples = header_number(ds, "SamplesPerPixel")
    if samples is None:
        color = str(value(ds, "PhotometricInterpretation") or "")
        return 3 if color.startswith(("RGB", "YBR")) else 1
    if samples not in (1, 3):
        raise DataError("dicom.samples", samples=samples)
    return samples


def _frames(ds: Dataset) -> int:
    frames = header_number(ds, "NumberOfFrames")
    if frames is not None and frames > _MOST_FRAMES:
        raise DataError("dicom.too_many_frames", frames=frames)
    return max(frames or 1, 1)
