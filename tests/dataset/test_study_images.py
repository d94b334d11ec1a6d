"""A study's images are known again whatever the data set has gained, and a real change is named."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.dataset.study_images import select_study_images, shared_with, write_images
from metrascope.errors import DataError


@pytest.fixture
def data(phantom: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(phantom, tmp_path / "data"))


@pytest.fixture
def study(data: Path, tmp_path: Path) -> Path:
    """Return a study of all but the last two images."""
    table = rows(data)
    save(data, table[:-2])
    (tmp_path / "study").mkdir()
    write_images(read_manifest(data), tmp_path / "study")
    save(data, table)
    return tmp_path / "study"


def rows(data: Path) -> pd.DataFrame:
    return pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)


def save(data: Path, table: pd.DataFrame) -> Manifest:
    table.to_csv(data / "manifest.csv", index=False)
    return read_manifest(data)


def test_what_is_kept_of_every_image(data: Path, study: Path) -> None:
    table = pd.read_csv(study / "images.csv", dtype=str, keep_default_na=False)
    columns = ["image", "sha256", "sector_sha256", "roi", "patient_id", "patient_group", "label"]
    assert list(table) == [*columns, "scanner", "centre", "age", "plane", "lesion_mm"]
    known = rows(data)[:-2]
    for name in ("image", "patient_id", "label", "scanner", "lesion_mm"):
        assert list(table[name]) == list(known[name])
    for column, name in (("image", "sha256"), ("sector", "sector_sha256")):
        files = [hashlib.sha256((data / path).read_bytes()).hexdigest() for path in known[column]]
        assert list(table[name]) == files


def test_what_a_data_set_gains_makes_no_difference(data: Path, study: Path) -> None:
    began = rows(data)[:-2]
    groups = began["patient_id"].map("G{}".format)  # of one patient each, whatever their names
    now = rows(data).assign(remark="seen", patient_group=groups.reindex(range(40), fill_value="X"))
    found = select_study_images(save(data, now[::-1].drop(columns="mask")), study, "a1" * 32)
    assert list(found.table["image"]) == list(began["image"])
    assert list(found.table["label"]) == list(began["label"])
    assert list(found.table.index) == [41 - row for row in range(38)]  # as the file now shows them
    assert found.digest == "a1" * 32


def put(column: str, value: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    """Return a change of the fourth row's cell, whatever else the column has."""

    def change(table: pd.DataFrame) -> pd.DataFrame:
        cells = list(table.get(column, [""] * len(table)))
        return table.assign(**{column: [*cells[:3], value, *cells[4:]]})

    return change


def group(table: pd.DataFrame) -> pd.DataFrame:
    """Say that the fourth and the sixth patient belong together."""
    return table.assign(patient_group=["one" if row in (3, 5) else "" for row in range(len(table))])


def leave_out(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(index=3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (put("label", "tumour"), "{image}: label was {label}, is tumour"),
        (put("patient_id", "Z9"), "{image}: patient was {patient}, is Z9"),
        (group, "patient {patient}: patient_group was {patient}, is {patient}, "),
        (put("roi", "10,10,60,60"), "{image}: roi was {roi}, is 10,10,60,60"),
        (leave_out, "{image}: no longer in the manifest"),
    ],
)
def test_a_real_change_is_named(
    data: Path, study: Path, change: Callable[[pd.DataFrame], pd.DataFrame], expected: str
) -> None:
    table = rows(data)
    image, owner, label, roi = table.loc[3, ["image", "patient_id", "label", "roi"]]
    with pytest.raises(DataError) as error:
        select_study_images(save(data, change(table)), study, "")
    told = expected.format(image=image, patient=owner, label=label, roi=roi)
    assert told in str(error.value)


@pytest.mark.parametrize(("column", "told"), [("image", "file"), ("sector", "scan sector")])
def test_another_file_under_the_same_manifest_is_named(
    data: Path, study: Path, column: str, told: str
) -> None:
    manifest = read_manifest(data)
    first, other = manifest.path(0, column), manifest.path(1, column)
    assert first
    assert other
    shutil.copyfile(other, first)
    with pytest.raises(
        DataError, match=f"1 difference.*\n.*{manifest.table['image'].iat[0]}.*{told}"
    ):
        select_study_images(manifest, study, manifest.digest)


def test_without_hashes_the_manifest_itself_is_compared(data: Path, tmp_path: Path) -> None:
    manifest = read_manifest(data)
    manifest.table[["image", "patient_id"]].to_csv(tmp_path / "images.csv", index=False)
    assert select_study_images(manifest, tmp_path, manifest.digest) is manifest
    with pytest.raises(DataError, match="the manifest has changed"):
        select_study_images(manifest, tmp_path, "0" * 64)
    assert shared_with(manifest, tmp_path) == []


def test_shared_images_are_found_under_other_names(data: Path, study: Path, tmp_path: Path) -> None:
    table = rows(data).tail(3).reset_index(drop=True)  # one of the study, two that it has not
    other = tmp_path / "other"
    for column in ("image", "sector", "mask"):
        for name in filter(None, table[column]):
            (other / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / name, other / name)
    (other / table.loc[0, "image"]).rename(other / "images" / "renamed.png")
    table.loc[0, "image"] = "images/renamed.png"
    assert shared_with(save(other, table), study) == ["images/renamed.png"]
