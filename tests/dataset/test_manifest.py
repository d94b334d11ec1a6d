import os
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import cv2
import numpy as np
import pandas as pd
import pytest

from metrascope.dataset.manifest import read_manifest, write_manifest
from metrascope.errors import DataError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name in ("a", "b", "c"):
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), np.zeros((8, 8), np.uint8))
    return tmp_path


def table(**changes: list[str]) -> pd.DataFrame:
    columns = {
        "image": ["images/a.png", "images/b.png", "images/c.png"],
        "patient_id": ["007", "P2", "P2"],
        "label": ["normal", "polyp", "polyp"],
    }
    return pd.DataFrame(columns | changes)


def test_written_and_read_back_unchanged(data: Path) -> None:
    written = table(roi=["1,2,3,4", "", ""], note=["x", "", "y"], age=["38.5", "", "51"])
    write_manifest(written, data / "manifest.csv")
    manifest = read_manifest(data)
    assert manifest.table.columns.tolist() == [
        "image", "patient_id", "label", "age", "roi", "note",
    ]  # fmt: skip
    assert manifest.table["patient_id"].tolist() == ["007", "P2", "P2"]
    assert manifest.roi(0) == (1, 2, 3, 4)
    assert manifest.roi(1) is None
    assert manifest.path(0) == data / "images" / "a.png"
    assert manifest.path(0, "mask") is None


def test_a_byte_order_mark_is_no_part_of_a_column(data: Path) -> None:
    table().to_csv(data / "manifest.csv", index=False, encoding="utf-8-sig")
    assert len(read_manifest(data).table) == 3


def test_all_problems_are_listed_with_row_and_column(data: Path) -> None:
    bad = table(
        image=["images/a.png", "images/a.png", "images/none.png"],
        patient_id=["P1", "", "P3"],
        roi=["1,2,3", "", "5,5,0,5"],
        age=["old", "", "30"],
        mask=["../secret.png", "", ""],
    )
    write_manifest(bad, data / "manifest.csv")
    with pytest.raises(DataError) as caught:
        read_manifest(data)
    message = str(caught.value)
    assert "7 problems" in message
    for expected in (
        "row 3, column patient_id: empty",
        "row 3, column image: images/a.png is listed a second time",
        "row 4, column image: images/none.png does not exist",
        "row 2, column roi: 1,2,3 is no box",
        "row 4, column roi: 5,5,0,5 is no box",
        "row 2, column age: old is no age",
        "row 2, column mask: ../secret.png points outside",
    ):
        assert expected in message


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"image,patient_id,label\n", "no rows"),
        ("image，patient_id，label\na，b，c\n".encode(), "full-width commas"),
        (b"image;patient;label\na;b;c\n", "lacks the column(s) patient_id"),
        (b"PK\x03\x04 and the rest", "an Excel workbook and not CSV"),
        (b"image,label\nimages/a.png,normal\n", "lacks the column(s) patient_id"),
        (b"\xff\xfe\x00\x00", "no text in UTF-8 or GB18030"),
        (b"image,patient_id,label,label\na,b,c,d\n", "the column(s) label twice"),
        (b"image,patient_id,label\nimages/a.png,P1,polyp,\n", "row 2: 4 cells, the header has 3"),
    ],
)
def test_what_is_no_manifest_is_refused(data: Path, content: bytes, expected: str) -> None:
    (data / "manifest.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_manifest(data)
    assert expected in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere"):
        read_manifest(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("separator", "encoding"), [(";", "gb18030"), ("\t", "utf-16"), ("|", "utf-8"), (",", "utf-16")]
)
def test_what_a_spreadsheet_saves_is_read(data: Path, separator: str, encoding: str) -> None:
    written = table(label=["正常", "息肉", "息肉"], roi=["0,0,8,8", "", ""])
    written.to_csv(data / "manifest.csv", sep=separator, index=False, encoding=encoding)
    manifest = read_manifest(data)
    assert manifest.table["label"].tolist() == ["正常", "息肉", "息肉"]
    assert manifest.roi(0) == (0, 0, 8, 8)


def test_a_chinese_spreadsheets_encoding_is_read(data: Path) -> None:
    table(label=["正常", "息肉", "息肉"]).to_csv(
        data / "manifest.csv", index=False, encoding="gb18030"
    )
    assert read_manifest(data).table["label"].tolist() == ["正常", "息肉", "息肉"]


def test_spaces_around_cells_and_blank_rows_mean_nothing(data: Path) -> None:
    content = "image, patient_id ,label\n\nimages/a.png, P1,polyp \n\nimages/b.png,P1 ,polyp\n"
    (data / "manifest.csv").write_text(content, encoding="utf-8")
    manifest = read_manifest(data)
    assert manifest.table["patient_id"].tolist() == ["P1", "P1"]
    assert manifest.table["label"].tolist() == ["polyp", "polyp"]
    assert manifest.table.index.tolist() == [3, 5]


def test_missing_values_have_no_magic_names(data: Path) -> None:
    write_manifest(table(patient_id=["NA", "None", "null"]), data / "manifest.csv")
    assert read_manifest(data).table["patient_id"].tolist() == ["NA", "None", "null"]


def test_one_class_written_two_ways_is_refused(data: Path) -> None:
    write_manifest(table(label=["polyp", "Polyp", "polyp"]), data / "manifest.csv")
    with pytest.raises(DataError, match=r"row 3, column label: Polyp differs from polyp"):
        read_manifest(data)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_that_look_the_same_are_the_same_file(
    data: Path, form: Literal["NFC", "NFD"]
) -> None:
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    folder = data / normalize(form, "Übung")
    folder.mkdir()
    cv2.imwrite(str(folder / normalize(form, "é1.png")), np.zeros((8, 8), np.uint8))
    written = normalize(other, "Übung/é1.png")
    names = ["images/a.png", "images/b.png", written]
    write_manifest(
        table(image=names, mask=["", "", written], sector=["", written, ""]), data / "m.csv"
    )
    manifest = read_manifest(data / "m.csv")
    assert manifest.table["image"].iat[2] == normalize("NFC", written)
    for row, column in ((2, "image"), (2, "mask"), (1, "sector")):
        path = manifest.path(row, column)
        assert path is not None
        assert path.is_file()


def test_a_name_in_two_forms_is_listed_twice(data: Path) -> None:
    for name in ("é", "e\u0301"):
        cv2.imwrite(str(data / "images" / f"{name}.png"), np.zeros((8, 8), np.uint8))
    names = ["images/é.png", "images/e\u0301.png", "images/ë.png"]
    write_manifest(table(image=names), data / "manifest.csv")
    with pytest.raises(DataError) as caught:
        read_manifest(data)
    assert "row 3, column image: images/é.png is listed a second time" in str(caught.value)
    assert "row 4, column image: images/ë.png does not exist" in str(caught.value)


def linked(tmp_path: Path) -> Path:
    """Return a data set of one image, with another one beside it."""
    data, other = tmp_path / "data", tmp_path / "other"
    for folder in (data / "images/deep", other / "deep"):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(b"")
    return data


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize(
    ("link", "to", "outside"),
    [
        ("images/b.png", "../../other/deep/a.png", True),
        ("images/further", "../../other/deep", True),
        ("b.png", "../other/deep/a.png", True),
        ("images/b.png", "deep/a.png", False),
        ("more", "../other/deep", False),  # a folder at the top, say on another disk
        ("more", "images/deep", False),
    ],
)
def test_links_stay_in_the_data_set(tmp_path: Path, link: str, to: str, outside: bool) -> None:
    data = linked(tmp_path)
    (data / link).symlink_to(to)
    name = link if link.endswith(".png") else f"{link}/a.png"
    (data / "manifest.csv").write_text(f"image,patient_id,label\n{name},1,polyp\n")
    if outside:
        with pytest.raises(DataError, match=r"row 2, column image: .* leads outside the data set"):
            read_manifest(data)
    else:
        assert len(read_manifest(data).table) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_data_set_may_itself_be_a_link(tmp_path: Path) -> None:
    data = linked(tmp_path)
    (data / "manifest.csv").write_text("image,patient_id,label\nimages/deep/a.png,1,polyp\n")
    (tmp_path / "link").symlink_to(data)
    assert len(read_manifest(tmp_path / "link").table) == 1
