"""Screens are opened page by page, and reduced where they are larger than any console's."""

import io

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from tests.dicom.make import grey_file
from tests.screen.test_panels import fan

from metrascope.dicom.header import read_header
from metrascope.screen import exam as opened
from metrascope.screen.exam import MOST_PIXELS, make_stills, open_exam, open_header
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill


def region(right: int, bottom: int) -> Dataset:
    """Return a region from (200, 100) to a corner, of 0.1 mm a pixel."""
    ds = Dataset()
    ds.RegionSpatialFormat = ds.RegionDataType = 1
    ds.RegionLocationMinX0, ds.RegionLocationMinY0 = 200, 100
    ds.RegionLocationMaxX1, ds.RegionLocationMaxY1 = right - 1, bottom - 1
    ds.PhysicalUnitsXDirection = ds.PhysicalUnitsYDirection = 3
    ds.PhysicalDeltaX = ds.PhysicalDeltaY = 0.01
    return ds


def tiff(*sizes: tuple[int, int]) -> bytes:
    first, *others = (Image.new("L", size, 10 * i + 5) for i, size in enumerate(sizes))
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others, compression="tiff_lzw")
    return buffer.getvalue()


def test_pages_are_frames_of_their_own_size() -> None:
    cine = open_exam(tiff((60, 40), (80, 50), (30, 20)), None).cine
    assert cine.pages
    assert (cine.count, cine.claimed) == (3, 3)
    assert [cine.frame(i).shape for i in (2, 1, 0)] == [(20, 30), (50, 80), (40, 60)]
    assert [int(cine.frame(i)[0, 0]) for i in range(3)] == [5, 15, 25]
    assert not open_exam(tiff((60, 40)), None).cine.pages


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (8000, 4000)])
def test_pictures_are_reduced_to_what_a_console_shows(size: tuple[int, int]) -> None:
    cine = open_exam(tiff(size, (40, 30), size), None).cine
    for index in (0, 2):
        height, width = cine.frame(index).shape
        assert 0.99 * MOST_PIXELS < height * width <= MOST_PIXELS
        assert width / height == pytest.approx(size[0] / size[1], rel=1e-3)
    assert (cine.height, cine.width) == cine.frame(0).shape
    assert cine.frame(1).shape == (30, 40)


def test_the_largest_screens_of_consoles_are_left_as_they_are() -> None:
    assert open_exam(tiff((2560, 1440)), None).cine.frame(0).shape == (1440, 2560)


def test_regions_and_their_scale_are_reduced_with_the_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opened, "MOST_PIXELS", 120_000)
    image = np.zeros((600, 800), np.uint8)
    image[100:500, 200:700] = 90
    ds = read_header(
        grey_file(image.tobytes(), image.shape, SequenceOfUltrasoundRegions=[region(700, 500)])
    )
    found = open_exam(b"", ds)
    (one,) = found.regions
    assert one.box == (100, 50, 250, 200)
    assert one.mm_per_pixel == pytest.approx((0.2, 0.2))
    frame = found.cine.frame(0)
    assert frame.shape == (found.cine.height, found.cine.width) == (300, 400)
    assert np.array_equal(np.argwhere(frame)[[0, -1]], [[50, 100], [249, 349]])


def test_a_still_does_not_depend_on_which_other_frames_are_read() -> None:
    frames = [
        np.pad(fan(seed, 60), ((20, 40), (edge, 100 - edge))) for seed, edge in ((1, 0), (2, 60))
    ]
    content = grey_file(
        b"".join(frame.tobytes() for frame in frames), frames[0].shape, NumberOfFrames=2
    )
    exam = open_exam(content, open_header(content))
    settings = IngestSettings(verify=False)
    together = list(make_stills(exam, [0, 1], settings))
    ((_, _, alone),) = make_stills(exam, [1], settings)
    (_, _, first), (_, _, second) = together
    assert isinstance(first, CleanStill)
    assert isinstance(second, CleanStill)
    assert isinstance(alone, CleanStill)
    assert first.origin != second.origin
    assert second.origin == alone.origin
    np.testing.assert_array_equal(second.grey, alone.grey)
