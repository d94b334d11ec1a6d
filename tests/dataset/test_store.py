import shutil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from PIL import Image

from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import Manifest, read_manifest, write_manifest
from metrascope.dataset.preprocess import Preprocessing, seen_box, square
from metrascope.dataset.store import StoreKey, files_digest, open_store
from metrascope.errors import DataError, StudyError
from metrascope.screen.picture import read_grey
from metrascope.settings.study_settings import PreprocessingSettings
from metrascope.study.cases import write_cases


@pytest.fixture
def copy(phantom: Path, tmp_path: Path) -> Path:
    """Return a copy of the phantom that a test may spoil."""
    return Path(shutil.copytree(phantom, tmp_path / "data"))


def key(manifest: Manifest, **changes: object) -> StoreKey:
    values = {"sector_crop": True, "fit": "crop", "equalization": "train", "size": 32}
    return StoreKey(manifest.digest, files_digest(manifest), **(values | changes))  # type: ignore[arg-type]


def test_pixels_and_histograms_are_those_of_the_pictures(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    seen: list[tuple[int, int]] = []
    store = open_store(manifest, key(manifest), tmp_path, lambda *step: seen.append(step))
    assert seen[-1] == (40, 40)
    assert store.pixels.shape == (40, 32, 32)
    for row in (0, 7, 39):
        picture = read_picture(manifest, row, sector_crop=True)
        assert np.array_equal(store.pixels[row], square(picture.grey, 32))
        inside = square(picture.sector.astype(np.uint8) * 255, 32) > 127
        assert store.histograms[row].sum() == inside.sum()
        assert np.array_equal(store.sectors(np.array([row]))[0], inside)
    assert not store.pixels.flags.writeable


def test_a_store_of_any_length_stays_on_disk(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    store = open_store(manifest, key(manifest), tmp_path)
    for array in (store.pixels, store.histograms, store.packed_sectors):
        assert isinstance(array, np.memmap)
    rows = np.tile(np.array([3, 39, 4]), 500)  # more than are added up at once
    assert np.array_equal(store.histogram(rows), store.histograms[rows].sum(axis=0))


def test_sectors_of_any_width_are_kept(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    store = open_store(manifest, key(manifest, size=45), tmp_path)
    picture = read_picture(manifest, 3, sector_crop=True)
    inside = square(picture.sector.astype(np.uint8) * 255, 45) > 127
    assert np.array_equal(store.sectors(np.array([2, 3]))[1], inside)


def test_a_store_is_made_once_and_per_key(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    open_store(manifest, key(manifest), tmp_path)
    made = (tmp_path / key(manifest).name / "pixels.npy").stat().st_mtime_ns
    open_store(manifest, key(manifest), tmp_path, lambda *_: pytest.fail("decoded again"))
    assert (tmp_path / key(manifest).name / "pixels.npy").stat().st_mtime_ns == made
    other = open_store(manifest, key(manifest, equalization="clahe"), tmp_path)
    assert other.pixels.std() > 0
    assert len(list(tmp_path.iterdir())) == 2


def test_all_unusable_images_are_listed_and_nothing_is_left(copy: Path, tmp_path: Path) -> None:
    manifest = read_manifest(copy)
    first, second = (copy / str(manifest.table["image"].iat[row]) for row in (3, 5))
    first.write_bytes(first.read_bytes()[:300])
    second.write_text("no image", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        open_store(manifest, key(manifest), tmp_path / "store")
    message = str(caught.value)
    assert "2 images cannot be used" in message
    assert f"{first} (manifest row 5)" in message
    assert f"{second} (manifest row 7)" in message
    assert not list((tmp_path / "store").rglob("*.*"))


def test_a_mask_of_another_size_is_refused(copy: Path) -> None:
    manifest = read_manifest(copy)
    row = int(np.flatnonzero(manifest.table["mask"] != "")[0])
    cv2.imwrite(str(manifest.path(row, "mask")), np.zeros((5, 9), np.uint8))
    with pytest.raises(DataError, match=r"mask of 9 x 5 pixels for an image of 128 x 128"):
        read_picture(manifest, row, sector_crop=True)


def test_a_roi_beyond_the_image_is_refused(copy: Path) -> None:
    table = read_manifest(copy).table.drop(columns="sector").assign(roi="100,0,100,50")
    write_manifest(table, copy / "manifest.csv")
    with pytest.raises(DataError, match=r"roi 100,0,100,50 reaches beyond the image of 128 x 128"):
        read_picture(read_manifest(copy), 0, sector_crop=True)


def test_without_sector_or_roi_the_sector_is_found(copy: Path) -> None:
    known = read_manifest(copy)
    write_manifest(known.table.drop(columns=["sector", "roi"]), copy / "manifest.csv")
    found = read_picture(read_manifest(copy), 0, sector_crop=True)
    truth = read_picture(known, 0, sector_crop=True)
    assert found.grey.shape == pytest.approx(truth.grey.shape, abs=12)


@pytest.mark.parametrize(
    ("mode", "value", "expected"),
    [
        ("L", 77, 77),
        ("RGB", (77, 77, 77), 77),
        ("RGB", (255, 0, 0), 76),
        ("RGBA", (200, 200, 200, 0), 0),
        ("I;16", 65535, 255),
        ("1", 1, 255),
        ("P", 0, 0),
    ],
)
def test_every_kind_of_png_becomes_grey(
    tmp_path: Path, mode: str, value: int | tuple[int, ...], expected: int
) -> None:
    Image.new(mode, (4, 3), value).save(tmp_path / "x.png")  # type: ignore[arg-type]
    grey = read_grey(tmp_path / "x.png", 0)
    assert grey.dtype == np.uint8
    assert grey.shape == (3, 4)
    assert (grey == expected).all()


@pytest.mark.parametrize(
    ("size", "told"), [((9_000, 8_000), "9000 x 8000"), ((40_000, 30_000), "1200000000 pixels")]
)
def test_an_image_that_claims_too_many_pixels_is_refused(
    tmp_path: Path, size: tuple[int, int], told: str
) -> None:
    Image.new("1", size).save(tmp_path / "huge.png")
    with pytest.raises(DataError, match=told):
        read_grey(tmp_path / "huge.png", 0)


def test_cases_show_the_sector_and_what_the_network_sees(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    lesion = int(np.flatnonzero(manifest.table["mask"] != "")[0])
    write_cases(manifest, [lesion], PreprocessingSettings(), tmp_path)
    image, file, mask, *box = (tmp_path / "cases.csv").read_text().splitlines()[1].split(",")
    assert image == manifest.table["image"].iat[lesion]
    picture = read_picture(manifest, lesion, sector_crop=True)
    shown = np.asarray(Image.open(tmp_path / file))
    assert np.array_equal(shown, picture.grey)
    assert np.array_equal(np.asarray(Image.open(tmp_path / mask)) > 0, picture.lesion)
    assert [float(edge) for edge in box] == pytest.approx(seen_box(*shown.shape), abs=1e-3)


def test_a_folder_that_cannot_be_written_is_told(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StudyError, match="cannot be written"):
        open_store(manifest, key(manifest), tmp_path / "file")


def test_preprocessing_travels_as_json() -> None:
    steps = Preprocessing(
        input_size=224, stored_size=256, sector_crop=True, fit="crop", equalization="train"
    )
    assert Preprocessing.model_validate_json(steps.model_dump_json()) == steps


def test_a_replaced_image_is_decoded_again(copy: Path, tmp_path: Path) -> None:
    manifest = read_manifest(copy)
    before = open_store(manifest, key(manifest), tmp_path / "store").pixels[0].copy()
    first, second = (copy / str(manifest.table["image"].iat[row]) for row in (0, 1))
    shutil.copyfile(second, first)
    after = open_store(manifest, key(manifest), tmp_path / "store").pixels[0]
    assert not np.array_equal(before, after)


def test_a_damaged_store_is_made_again(phantom: Path, tmp_path: Path) -> None:
    manifest = read_manifest(phantom)
    before = np.array(open_store(manifest, key(manifest), tmp_path).pixels)
    pixels = tmp_path / key(manifest).name / "pixels.npy"
    content = pixels.read_bytes()[:1000]
    pixels.unlink()
    pixels.write_bytes(content)
    assert np.array_equal(open_store(manifest, key(manifest), tmp_path).pixels, before)


def test_a_file_that_is_not_the_manifests_is_refused(copy: Path, tmp_path: Path) -> None:
    manifest = read_manifest(copy)
    write_manifest(manifest.table.assign(sha256="0" * 64), copy / "manifest.csv")
    manifest = read_manifest(copy)
    with pytest.raises(DataError, match="its SHA-256 differs"):
        open_store(manifest, key(manifest), tmp_path / "store")


@pytest.mark.parametrize(("shape", "level"), [((20, 200), None), ((64, 64), 0), ((64, 64), 255)])
def test_an_image_without_content_is_refused(
    tmp_path: Path, shape: tuple[int, int], level: int | None
) -> None:
    grey = np.full(shape, level or 0, np.uint8)
    if level is None:
        grey[::2] = 200
    cv2.imwrite(str(tmp_path / "x.png"), grey)
    table = pd.DataFrame({"image": ["x.png"], "patient_id": ["1"], "label": ["polyp"]})
    write_manifest(table, tmp_path / "manifest.csv")
    with pytest.raises(DataError, match="all alike or too few"):
        read_picture(read_manifest(tmp_path), 0, sector_crop=True)


def test_masks_of_zero_and_one_count(copy: Path) -> None:
    manifest = read_manifest(copy)
    row = int(np.flatnonzero(manifest.table["mask"] != "")[0])
    before = read_picture(manifest, row, sector_crop=False).lesion
    path = str(manifest.path(row, "mask"))
    cv2.imwrite(path, np.asarray(cv2.imread(path, cv2.IMREAD_GRAYSCALE)) // 255)
    assert np.array_equal(read_picture(manifest, row, sector_crop=False).lesion, before)


def test_postscript_in_a_pngs_clothes_is_not_run(tmp_path: Path) -> None:
    content = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n"
    (tmp_path / "x.png").write_text(content)
    with pytest.raises(DataError, match="cannot be decoded"):
        read_grey(tmp_path / "x.png", 2)


def test_clean_images_are_black_outside_a_sector_that_comes_with_them(copy: Path) -> None:
    manifest = read_manifest(copy)
    for row in range(len(manifest.table)):
        grey, sector = (cv2.imread(str(manifest.path(row, c)), 0) for c in ("image", "sector"))
        cv2.imwrite(str(manifest.path(row)), np.where(sector > 0, grey, 0))
    rows = np.arange(len(manifest.table))

    def are_clean(chosen: npt.NDArray[np.int64]) -> bool:
        found = read_manifest(copy)
        return open_store(found, key(found), copy / "store").are_clean(chosen)

    assert are_clean(rows)
    blank = np.full(cv2.imread(str(manifest.path(3)), 0).shape, 200, np.uint8)
    blank[0, 0] = 0
    cv2.imwrite(str(manifest.path(3)), blank)
    assert not are_clean(rows)
    write_manifest(manifest.table.drop(columns="sector"), copy / "manifest.csv")
    assert not are_clean(rows[:1])
    assert not are_clean(rows[:0])
