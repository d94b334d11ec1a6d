"""An ingest lists its diagnoses, takes up what a person decides, and decodes nothing twice."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.errors import DataError
from metrascope.ingest.ingest import Ingested, ingest
from metrascope.screen.settings import IngestSettings

QUICK = IngestSettings(verify=False)


def export(folder: Path, diagnoses: list[str]) -> None:
    """Draw a screen for each diagnosis, and write the table of them."""
    (folder / "ward").mkdir(parents=True)
    rows, columns = np.mgrid[:300, :300]
    depth = np.hypot(rows + 40.0, columns - 150.0)
    inside = (depth > 80) & (depth < 320) & (np.abs(columns - 150) < 0.7 * (rows + 40))
    with (folder / "labels.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["检查号", "病理诊断"])
        for number, diagnosis in enumerate(diagnoses):
            speckle = np.random.default_rng(number).rayleigh(60, depth.shape)
            screen = np.where(inside, cv2.GaussianBlur(speckle, (0, 0), 1.2), 0)
            cv2.imwrite(str(folder / f"ward/US900{number}.png"), screen.astype(np.uint8))
            writer.writerow([f"US900{number}", diagnosis])


def run(folder: Path) -> tuple[Ingested, int]:
    """Ingest, and count the files that had to be opened."""
    opened: list[int] = []
    done = ingest(
        folder / "ward", folder / "data", folder / "labels.csv", QUICK,
        progress=lambda _, all_: opened.append(all_),
    )  # fmt: skip
    return done, len(opened)


def decide(path: Path, **decisions: str) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="gb18030", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(row | {"decision": decisions.get(row["diagnosis"], "")} for row in rows)


def labels_of(folder: Path) -> list[str]:
    return sorted(read_manifest(folder / "data").table["label"])


def test_a_changed_decision_relabels_without_opening_files_again(tmp_path: Path) -> None:
    export(tmp_path, ["子宫内膜息肉", "子宫肌瘤", "增生期子宫内膜", "非息肉", "N/A"])
    done, opened = run(tmp_path)
    assert (labels_of(tmp_path), opened) == (["normal", "polyp"], 5)
    assert any("3 diagnosis texts have no class; 3 files" in n.text("en") for n in done.notices)
    path = done.private / "diagnoses.csv"
    decide(path, 子宫肌瘤="fibroid")
    done, opened = run(tmp_path)
    assert (labels_of(tmp_path), opened) == (["fibroid", "normal", "polyp"], 1)
    images = {p: p.stat().st_ino for p in (tmp_path / "data" / "images").iterdir()}
    decide(path, 子宫肌瘤="polyp")
    done, opened = run(tmp_path)
    assert (labels_of(tmp_path), opened) == (["normal", "polyp", "polyp"], 0)
    assert {p: p.stat().st_ino for p in (tmp_path / "data" / "images").iterdir()} == images
    decide(path, 子宫肌瘤="polyp", 增生期子宫内膜="leave out")
    run(tmp_path)
    assert labels_of(tmp_path) == ["polyp", "polyp"]


def test_a_mistyped_decision_ends_the_run_before_anything_changes(tmp_path: Path) -> None:
    export(tmp_path, ["子宫内膜息肉", "子宫肌瘤"])
    done, _ = run(tmp_path)
    before = done.manifest.read_bytes()
    path = done.private / "diagnoses.csv"
    decide(path, 子宫肌瘤="fibriod")
    written = path.read_bytes()
    with pytest.raises(DataError, match="fibriod is no class"):
        run(tmp_path)
    assert (done.manifest.read_bytes(), path.read_bytes()) == (before, written)


def test_where_nothing_has_a_class_the_list_is_named(tmp_path: Path) -> None:
    export(tmp_path, ["子宫肌瘤"])
    with pytest.raises(DataError, match=r"diagnoses\.csv"):
        run(tmp_path)


def test_the_command_says_columns_new_classes_and_what_waits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(tmp_path, ["classA", "classB", "NaN", "N/A", "-"])
    command = ["ingest", "ward", "data", "--labels", "labels.csv"]
    paths = [str(tmp_path / word) if word in ("ward", "data", "labels.csv") else word
             for word in command]  # fmt: skip
    assert main([*paths, "--no-verify", "--jobs", "1", "--lang", "en"]) == 0
    printed = capsys.readouterr().out
    assert "accession number = 检查号; diagnosis = 病理诊断" in printed
    assert "classA (1), classB (1)" in printed
    assert "3 diagnosis texts have no class; 3 files" in printed
    assert "diagnoses.csv" in printed
    assert labels_of(tmp_path) == ["classA", "classB"]
