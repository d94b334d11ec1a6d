"""Split screens are taken apart where the header tells their images, and only there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from tests.dicom.make import dicom_file

from metrascope.dicom.regions import Region, read_regions
from metrascope.ingest.file import IngestJob, ingest_file
from metrascope.ingest.journal import Record
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.labels import read_labels
from metrascope.screen.panels import panels, regions_within
from metrascope.screen.settings import IngestSettings
from metrascope.sources.search import Source, find_sources

LEFT, RIGHT = (10, 40, 300, 300), (330, 40, 300, 300)


def region(box: tuple[int, int, int, int], kind: str = "2d", mm: float = 0.2) -> Region:
    return Region(box, kind, (mm, mm))  # type: ignore[arg-type]


def item(box: tuple[int, int, int, int], centimeters: float, kind: int = 1) -> Dataset:
    """Return a region as PS3.3, C.8.5.5 writes it."""
    ds = Dataset()
    ds.RegionSpatialFormat = 1
    ds.RegionDataType = kind
    ds.RegionLocationMinX0, ds.RegionLocationMinY0 = box[:2]
    ds.RegionLocationMaxX1, ds.RegionLocationMaxY1 = box[0] + box[2] - 1, box[1] + box[3] - 1
    ds.PhysicalUnitsXDirection = ds.PhysicalUnitsYDirection = 3
    ds.PhysicalDeltaX = ds.PhysicalDeltaY = centimeters
    return ds


def fan(seed: int, bright: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:300, :300]
    far = np.hypot(rows + 45.0, columns - 150.0)
    inside = (far > 80) & (far < 320) & (np.abs(columns - 150) < 0.7 * (rows + 45))
    speckle = cv2.GaussianBlur(rng.rayleigh(bright, far.shape), (0, 0), 1.2)
    return np.where(inside, speckle, 0).clip(0, 255).astype(np.uint8)


def test_two_images_are_panels_from_the_left() -> None:
    assert panels((region(RIGHT), region(LEFT))) == (LEFT, RIGHT)
    four = [(x, y, 100, 100) for y in (0, 110) for x in (0, 110)]
    assert panels(tuple(region(box) for box in reversed(four))) == tuple(four)


def test_one_image_with_what_lies_on_it_is_no_split_screen() -> None:
    assert panels(()) == ()
    assert panels((region(LEFT),)) == ()
    assert panels((region(LEFT), region(LEFT))) == ()
    assert panels((region(LEFT), region((60, 90, 80, 80), "color"))) == ()
    assert panels((region(LEFT), region((10, 350, 620, 80), "spectral"))) == ()
    assert panels((region(LEFT), region((60, 90, 80, 80)))) == ()  # a box within the image


def test_boxes_that_overlap_a_little_are_still_two() -> None:
    assert len(panels((region((0, 0, 101, 100)), region((100, 0, 100, 100))))) == 2


def test_a_panel_has_its_own_regions_counted_from_its_corner() -> None:
    flow = region((40, 60, 100, 100), "color")
    beyond = region((590, 290, 40, 60), "other")  # more of it within than without
    screen = (region(LEFT), region(RIGHT, mm=0.3), flow, beyond)
    assert regions_within(LEFT, screen) == (
        region((0, 0, 300, 300)),
        region((30, 20, 100, 100), "color"),
    )
    assert regions_within(RIGHT, screen) == (
        region((0, 0, 300, 300), mm=0.3),
        region((260, 250, 40, 50), "other"),
    )


def taken_in(
    folder: Path, screen: np.ndarray, boxes: Sequence[tuple[int, int, int, int]], **more: object
) -> Record:
    """Take in a screen whose header has a region for each box, of 0.2 mm a pixel and up."""
    content = dicom_file(
        screen.tobytes(),
        Rows=screen.shape[0],
        Columns=screen.shape[1],
        SamplesPerPixel=1 if screen.ndim == 2 else 3,
        PlanarConfiguration=None if screen.ndim == 2 else 0,
        PhotometricInterpretation="MONOCHROME2" if screen.ndim == 2 else "RGB",
        SequenceOfUltrasoundRegions=[
            item(box, 0.02 + 0.01 * place) for place, box in enumerate(boxes)
        ],
        **more,
    )
    (folder / "in").mkdir()
    (folder / "in" / "1.dcm").write_bytes(content)
    (folder / "labels.csv").write_text("file_name,label\n1.dcm,normal\n", encoding="utf-8")
    table = read_labels(folder / "labels.csv")
    intake = IngestJob(folder, IngestSettings(verify=False), table, Pseudonyms(b"k" * 32))
    source = next(iter(find_sources(folder / "in")))
    assert isinstance(source, Source)
    return ingest_file(intake, source)


def filled(
    shape: tuple[int, int], boxes: Sequence[tuple[int, int, int, int]], pictures: Sequence[Any]
) -> np.ndarray:
    screen = np.zeros(shape, np.uint8)
    for (left, top, width, height), picture in zip(boxes, pictures, strict=True):
        screen[top : top + height, left : left + width] = picture[:height, :width]
    return screen


def test_a_split_screen_becomes_two_stills_with_their_own_scale(tmp_path: Path) -> None:
    screen = filled((360, 640), (LEFT, RIGHT), (fan(1, 60), fan(2, 40)))
    record = taken_in(tmp_path, screen, (LEFT, RIGHT))
    assert record.rejections == ()
    assert [image["mm_per_pixel"] for image in record.images] == ["0.2 0.2", "0.3 0.3"]
    for image, box in zip(record.images, (LEFT, RIGHT), strict=True):
        still = cv2.imread(str(tmp_path / image["image"]), cv2.IMREAD_GRAYSCALE)
        assert still is not None
        original = screen[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
        found = cv2.matchTemplate(original, still, cv2.TM_CCORR_NORMED).max()
        assert found > 0.98, "each still is of its own panel"


@pytest.mark.parametrize("count", [3, 4, 6])
def test_three_panels_and_more_are_planes_of_a_volume(tmp_path: Path, count: int) -> None:
    boxes = [(310 * (i % 3), 310 * (i // 3), 300, 300) for i in range(count)]
    screen = filled((620, 930), boxes, [fan(i, 60) for i in range(count)])
    record = taken_in(tmp_path, screen, boxes)
    assert record.images == ()
    assert [one.reason for one in record.rejections] == ["usability.planes"]
    assert record.rejections[0].values == {"count": count}


def test_a_plane_beside_its_rendering_is_left_out_with_it(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    relief = cv2.GaussianBlur(rng.normal(0, 1, (300, 300)).astype(np.float32), (0, 0), 22)
    light = np.clip(150 + 60 * relief / relief.std(), 40, 250) * (fan(3, 200) > 0)
    plane = np.repeat(fan(1, 60)[..., None], 3, axis=2)
    skin = (light[..., None] * np.array([0.95, 0.7, 0.45])).astype(np.uint8)
    screen = np.zeros((360, 640, 3), np.uint8)
    screen[40:340, 10:310], screen[40:340, 330:630] = plane, cv2.medianBlur(skin, 5)
    record = taken_in(tmp_path, screen, (LEFT, RIGHT))
    assert record.images == ()
    assert [one.reason for one in record.rejections] == ["usability.planes", "usability.3d"]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "", "0041"]}, "usability.3d"),
        ({"ImageType": ["DERIVED", "PRIMARY", "VOLUME"]}, "usability.volume"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR", "0001"]}, "usability.volume"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.2"}, "usability.volume"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.3"}, "usability.other_modality"),
    ],
)
def test_what_a_header_says_of_volumes_counts_with_regions_too(
    tmp_path: Path, claims: dict[str, object], reason: str
) -> None:
    screen = filled((360, 640), (LEFT, RIGHT), (fan(1, 60), fan(2, 40)))
    record = taken_in(tmp_path, screen, (LEFT, RIGHT), **claims)
    assert record.images == ()
    assert {one.reason for one in record.rejections} == {reason}


def test_a_loop_that_lacks_frames_says_so(tmp_path: Path) -> None:
    screen = filled((360, 640), (LEFT,), (fan(1, 60),))
    record = taken_in(tmp_path, screen, (LEFT,), NumberOfFrames=4)
    assert len(record.images) == 1
    assert [(one.reason, one.values) for one in record.rejections] == [
        ("ingest.frames_missing", {"found": 1, "claimed": 4})
    ]


def test_every_page_of_a_picture_file_is_taken_in(tmp_path: Path) -> None:
    pages = [np.pad(fan(seed, 60), ((20, 20), (40, 40 + 10 * seed))) for seed in (1, 2, 3)]
    first, *others = map(Image.fromarray, pages)
    (tmp_path / "in").mkdir()
    first.save(tmp_path / "in" / "1.tif", save_all=True, append_images=others)
    (tmp_path / "labels.csv").write_text("file_name,label\n1.tif,normal\n", encoding="utf-8")
    table = read_labels(tmp_path / "labels.csv")
    intake = IngestJob(tmp_path, IngestSettings(verify=False), table, Pseudonyms(b"k" * 32))
    source = next(iter(find_sources(tmp_path / "in")))
    assert isinstance(source, Source)
    record = ingest_file(intake, source)
    assert record.rejections == ()
    assert [image["frame"] for image in record.images] == ["1", "2", "3"]
    for image, page in zip(record.images, pages, strict=True):
        still = cv2.imread(str(tmp_path / image["image"]), cv2.IMREAD_GRAYSCALE)
        assert still is not None
        assert cv2.matchTemplate(page, still, cv2.TM_CCORR_NORMED).max() > 0.98


def test_regions_of_a_header_are_read_as_they_were_written() -> None:
    ds = Dataset()
    ds.SequenceOfUltrasoundRegions = [item(LEFT, 0.02), item((60, 90, 80, 80), 0.02, kind=2)]
    assert read_regions(ds, (360, 640)) == (region(LEFT), region((60, 90, 80, 80), "color"))
