"""Regions: sane ones as the header has them, the others not at all."""

from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.regions import Region, read_regions

SHAPE = (480, 640)
PLAIN = {
    "RegionLocationMinX0": 100,
    "RegionLocationMinY0": 50,
    "RegionLocationMaxX1": 499,
    "RegionLocationMaxY1": 449,
    "RegionSpatialFormat": 1,
    "RegionDataType": 1,
    "PhysicalUnitsXDirection": 3,
    "PhysicalUnitsYDirection": 3,
    "PhysicalDeltaX": 0.02,
    "PhysicalDeltaY": 0.03,
}


def item(**changed: Any) -> Dataset:
    ds = Dataset()
    for keyword, element in {**PLAIN, **changed}.items():
        if element is not None:
            setattr(ds, keyword, element)
    return ds


def regions(*items: Dataset) -> tuple[Region, ...]:
    ds = Dataset()
    ds.SequenceOfUltrasoundRegions = Sequence(items)
    return read_regions(ds, SHAPE)


def test_a_plain_region() -> None:
    (found,) = regions(item())
    assert found.box == (100, 50, 400, 400)
    assert found.kind == "2d"
    assert found.mm_per_pixel == pytest.approx((0.2, 0.3))


@pytest.mark.parametrize(
    ("spatial", "data", "kind"),
    [
        (1, 1, "2d"),
        (1, 2, "color"),
        (2, 1, "m_mode"),
        (3, 3, "spectral"),
        (3, 4, "spectral"),
        (4, 10, "other"),
        (0, 13, "other"),
        (None, None, "other"),
    ],
)
def test_kinds(spatial: int | None, data: int | None, kind: str) -> None:
    (found,) = regions(item(RegionSpatialFormat=spatial, RegionDataType=data))
    assert found.kind == kind


@pytest.mark.parametrize(
    "changed",
    [
        {"RegionLocationMaxX1": 90},
        {"RegionLocationMaxX1": 103},
        {"RegionLocationMinX0": None},
        {"RegionLocationMinX0": 4_000_000_000, "RegionLocationMaxX1": 4_100_000_000},
        {"RegionLocationMinY0": 700, "RegionLocationMaxY1": 800},
    ],
)
def test_absurd_boxes_are_left_out(changed: dict[str, int]) -> None:
    assert regions(item(**changed)) == ()


def test_boxes_a_little_too_large_are_clipped() -> None:
    (found,) = regions(item(RegionLocationMaxX1=640, RegionLocationMaxY1=483))
    assert found.box == (100, 50, 540, 430)


def test_regions_of_a_larger_image_are_not_believed() -> None:
    assert regions(item(), item(RegionLocationMaxX1=1000)) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"PhysicalUnitsXDirection": 4},
        {"PhysicalDeltaY": 0.0},
        {"PhysicalDeltaY": 7.0},
        {"PhysicalDeltaX": float("nan")},
        {"PhysicalDeltaX": None},
    ],
)
def test_absurd_lengths_are_left_out(changed: dict[str, float]) -> None:
    (found,) = regions(item(**changed))
    assert found.mm_per_pixel is None


def test_axes_may_point_backwards() -> None:
    (found,) = regions(item(PhysicalDeltaY=-0.02))
    assert found.mm_per_pixel == pytest.approx((0.2, 0.2))


def test_no_regions() -> None:
    assert regions() == ()
    assert read_regions(Dataset(), SHAPE) == ()


def test_regions_of_real_files(real_data: Path) -> None:
    counts = {}
    for path in sorted((real_data / "dicom").glob("*.dcm")):
        ds = read_header(path.read_bytes())
        cine = open_pixels(ds)
        found = read_regions(ds, (cine.height, cine.width))
        counts[path.name] = len(found)
        for region in found:
            left, top, width, height = region.box
            assert left + width <= cine.width
            assert top + height <= cine.height
    assert counts["gdcm-US-ALOKA-16.dcm"] == 3
    assert counts["OBXXXX1A.dcm"] == 2
    assert counts["examples_ybr_color.dcm"] == 0  # of a picture twice as large
