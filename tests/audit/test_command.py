"""What a person types and gets wrong: one sentence that says what to do, exit status 1."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from metrascope.cli import main

MANIFEST = "image,patient_id,label\na.png,1,polyp\nb.png,2,normal\n"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        speckle = cv2.GaussianBlur(rng.rayleigh(60, (200, 260)), (0, 0), 1.5)
        cv2.imwrite(str(folder / name), speckle.clip(0, 255).astype(np.uint8))
    (folder / "manifest.csv").write_text(MANIFEST, encoding="utf-8")
    return folder


def said(arguments: list[str], capsys: pytest.CaptureFixture[str], status: int) -> str:
    assert main(["audit", *arguments, "--jobs", "1"]) == status
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.err if status else captured.out


def test_no_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not exist" in said([str(tmp_path / "none")], capsys, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b\n1,2\n", "lacks the column"),
        ("image,patient_id,label\n", "no rows"),
        (MANIFEST.replace("a.png", "lost.png"), "lost.png does not exist"),
    ],
)
def test_a_manifest_that_is_none(
    data: Path, content: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "manifest.csv").write_text(content, encoding="utf-8")
    assert expected in said([str(data)], capsys, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("foo,bar\n1,2\n", "lacks the column(s) partition"),
        ("foo,partition\n1,train\n", "neither a column patient_id nor image"),
        ("patient_id,partition\n99,train\n", "names no patient_id of the manifest"),
        ("patient_id,partition,fold\n1,train,a\n", "no number of a fold"),
    ],
)
def test_a_split_that_is_none(
    data: Path, content: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = data / "splits.csv"
    splits.write_text(content, encoding="utf-8")
    assert expected in said([str(data), "--splits", str(splits)], capsys, 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("patient_id,partition\n1,train\n", "1 patient of the manifest has no partition"),
        ("image,partition\na.png,train\n", "1 image of the manifest has no partition"),
        (
            "patient_id,partition,fold\n1,train,0\n2,test,0\n1,test,1\n",
            "1 patient of the manifest has no partition",
        ),
        (
            "patient_id,partition\n1,train\n2,test\n3,test\n",
            "1 patient of it is not in the manifest (such as 3)",
        ),
    ],
)
def test_a_split_that_does_not_fit_is_no_split_without_leaks(
    data: Path, content: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = data / "splits.csv"
    splits.write_text(content, encoding="utf-8")
    assert main(["audit", str(data), "--splits", str(splits), "--jobs", "1"]) == 1
    told = capsys.readouterr().out
    assert expected in told
    assert "No leak" not in told
    assert "does not fit" in (data / "audit/audit.html").read_text(encoding="utf-8")
    splits.write_text("patient_id,partition\n1,train\n2,excluded\n", encoding="utf-8")
    assert main(["audit", str(data), "--splits", str(splits), "--jobs", "1"]) == 0


def test_a_place_that_is_a_file(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a.png" in said([str(data), "--out", str(data / "a.png")], capsys, 1)


def test_an_image_that_cannot_be_read_is_told_of_and_stops_nothing(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "a.png").write_bytes(b"no picture")
    told = said([str(data)], capsys, 0)
    assert "1 image compared" in told
    assert "1 image could not be read" in told


def test_a_patient_on_both_sides_is_a_leak(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data / "manifest.csv").write_text(MANIFEST.replace("b.png,2", "b.png,1"), encoding="utf-8")
    splits = data / "splits.csv"
    splits.write_text("image,partition\na.png,train\nb.png,test\n", encoding="utf-8")
    main(["audit", str(data), "--splits", str(splits), "--jobs", "1"])
    told = capsys.readouterr().out
    assert "The split leaks" in told
    assert main(["audit", str(data), "--splits", str(splits), "--jobs", "1"]) == 1


def test_groups_written_twice_give_the_same_files(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said([str(data), "--write"], capsys, 0)
    names = ("manifest.csv", "audit/audit.html", "audit/audit.json")
    first = {name: (data / name).read_bytes() for name in names}
    known = json.loads(first["audit/audit.json"])["manifest_sha256"]
    assert known == hashlib.sha256(first["manifest.csv"]).hexdigest()
    assert known.encode() in first["audit/audit.html"]
    said([str(data), "--write"], capsys, 0)
    assert {name: (data / name).read_bytes() for name in names} == first
