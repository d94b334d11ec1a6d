"""The ultrasound regions that a header names, those of them that can be believed."""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from metrascope.arrays import Box
from metrascope.dicom.header import value
from metrascope.dicom.layout import header_number

RegionKind: TypeAlias = Literal["2d", "color", "m_mode", "spectral", "elastography", "3d", "other"]

# Codes of PS3.3, C.8.5.5.1: units, spatial formats and data types.
_CENTIMETERS: Final = 3
# Millimeters a pixel that a screen can have: 5 mm to 2 m over 1,000 pixels. Chosen, not measured.
_SANE_MM: Final = (0.005, 2.0)
# Pixels a side that a region of anything has. Chosen, not measured.
_LEAST_SIDE: Final = 8
# Part of an image that a box may reach to, by rounding of its writer. Chosen, not measured.
_OVERRUN: Final = 1.02
# Real headers have a handful. Chosen, not measured.
_MOST_REGIONS: Final = 64
_BY_FORMAT: Final[dict[int, RegionKind]] = {2: "m_mode", 3: "spectral", 4: "other", 5: "other"}
_BY_TYPE: Final[dict[int, RegionKind]] = {
    1: "2d",
    2: "color",
    3: "spectral",
    4: "spectral",
    0x12: "elastography",
}


@dataclass(frozen=True)
class Region:
    """One region of calibration (PS3.3, C.8.5.5).

    Attributes
    ----------
    box
        Left, top, width, height in pixels, inside the image.
    kind
        Kind of image, graph or trace in it.
    mm_per_pixel
        Size of a pixel across and down, mm; None where the header has no length or an absurd one.
    """

    box: Box
    kind: RegionKind
    mm_per_pixel: tuple[float, float] | None


def read_regions(ds: Dataset, shape: tuple[int, ...]) -> tuple[Region, ...]:
    """Return the regions that lie in the image, clipped to it, in the header's order.

    Parameters
    ----------
    ds
        The data set.
    shape
        Height and width of the frames, as they were decoded.

    Returns
    -------
    tuple of Region
        Without those whose box is empty, reversed or under 8 pixels a side; none at all where
        a box reaches more than 2 % beyond the image, which then is not the one they describe.
    """
    sequence = value(ds, "SequenceOfUltrasoundRegions")
    if not isinstance(sequence, Sequence):
        return ()
    items = [(item, _corners(item)) for item in list(sequence)[:_MOST_REGIONS]]
    if any(_exceeds_image(corners, shape) for _, corners in items):
        return ()
    boxes = ((item, _clip(corners, shape)) for item, corners in items)
    return tuple(Region(box, _kind(item), _scale(item)) for item, box in boxes if box is not None)


def _corners(item: Dataset) -> Box | None:
    """Return left, top, right and bottom as the header has them, None where they are no box."""
    names = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    left, top, right, bottom = (header_number(item, f"RegionLocation{name}") for name in names)
    if left is None or top is None or right is None or bottom is None:
        return None
    return (left, top, right, bottom) if 0 <= left < right and 0 <= top < bottom else None


def _exceeds_image(corners: Box | None, shape: tuple[int, ...]) -> bool:
    """Tell whether a box reaches far beyond the image: then the picture was shrunk afterwards.

    No region is to be believed in that case, for their lengths a pixel are of the larger picture
    as well.
    """
    if corners is None:
        return False
    _, _, right, bottom = corners
    return right > shape[1] * _OVERRUN or bottom > shape[0] * _OVERRUN


def _clip(corners: Box | None, shape: tuple[int, ...]) -> Box | None:
    if corners is None:
        return None
    left, top, right, bottom = corners
    # The standard counts the last pixel in; from writers that count it out, nothing is lost.
    width = min(right + 1, shape[1]) - left
    height = min(bottom + 1, shape[0]) - top
    return (left, top, width, height) if min(width, height) >= _LEAST_SIDE else None


def _kind(item: Dataset) -> RegionKind:
    return _BY_FORMAT.get(
        header_number(item, "RegionSpatialFormat") or 0,
        _BY_TYPE.get(header_number(item, "RegionDataType") or 0, "other"),
    )


def _scale(item: Dataset) -> tuple[float, float] | None:
    sides = []
    for axis in "XY":
        unit = header_number(item, f"PhysicalUnits{axis}Direction")
        size = _millimeters(value(item, f"PhysicalDelta{axis}"))
        if unit != _CENTIMETERS or size is None:
            return None
        sides.append(size)
    return sides[0], sides[1]


def _millimeters(centimeters: Any) -> float | None:
    """Return a sane size of a pixel; the sign is that of the axis."""
    try:
        size = abs(float(centimeters)) * 10
    except (TypeError, ValueError, OverflowError):
        return None
    return size if _SANE_MM[0] <= size <= _SANE_MM[1] else None
