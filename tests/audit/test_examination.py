"""Planted duplicates are found, different patients are not merged, a leaking split is told."""

import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from metrascope.audit.audit import audit
from metrascope.audit.duplicates import read_duplicates, write_duplicates
from metrascope.audit.pairs import DuplicatePair
from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.errors import DataError
from metrascope.phantom.phantom import write_phantom
from metrascope.settings.study_settings import SplitSettings
from metrascope.study.split_choice import choose_split, find_duplicate_pairs

CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "same": lambda grey: grey,
    "gain": lambda grey: np.clip(grey * 1.25 + 6, 0, 255).astype(np.uint8),
    "smaller": lambda grey: cv2.resize(grey, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA),
    "mirrored": lambda grey: np.ascontiguousarray(grey[:, ::-1]),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 16 phantoms of one scanner, four of them there again, changed, as other patients."""
    data = tmp_path_factory.mktemp("planted") / "data"
    even = {"normal": 1.0, "fibroid": 1.0, "polyp": 1.0}
    write_phantom(data, patients=16, seed=3, size=400, scanners=["voluson"], prevalence=even)
    table = read_manifest(data).table[["image", "patient_id", "label", "scanner"]]
    rows = table.to_dict("records")
    for row, (name, change) in zip(list(rows), CHANGES.items(), strict=False):
        grey = cv2.imread(str(data / row["image"]), cv2.IMREAD_GRAYSCALE)
        cv2.imwrite(str(data / f"images/{name}.png"), change(np.asarray(grey)))
        rows.append({**row, "image": f"images/{name}.png", "patient_id": f"X-{name}"})
    pd.DataFrame(rows).to_csv(data / "manifest.csv", index=False)
    return data


def split(data: Path, path: Path, held: list[str]) -> Path:
    table = read_manifest(data).table.drop_duplicates("patient_id")
    rows = table[["patient_id", "label"]].assign(fold=0, partition="train")
    rows.loc[rows["patient_id"].isin(held), "partition"] = "validation"
    rows.to_csv(path, index=False)
    return path


def test_planted_duplicates_are_found_and_nobody_else_is_merged(
    planted: Path, tmp_path: Path
) -> None:
    before = (planted / "manifest.csv").read_bytes()
    found = audit(planted, tmp_path / "audit")
    patients = found.manifest.table["patient_id"].tolist()
    pairs = {frozenset((patients[pair.first], patients[pair.second])) for pair in found.pairs}
    originals = found.manifest.table["patient_id"].iloc[: len(CHANGES)]
    expected = {frozenset((p, f"X-{n}")) for p, n in zip(originals, CHANGES, strict=True)}
    assert pairs == expected
    assert found.groups.nunique() == 16
    assert {frozenset(members) for _, members in found.joined} == expected
    assert (planted / "manifest.csv").read_bytes() == before
    page = (tmp_path / "audit" / "audit.html").read_text(encoding="utf-8")
    assert "Research use only" in page
    assert "仅供研究使用" in page


def test_a_leak_is_exit_status_1_and_written_groups_mend_it(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = read_manifest(planted).table
    held = [str(table["patient_id"].iloc[0]), *table["patient_id"].iloc[8:12]]
    leaking = split(planted, tmp_path / "leaking.csv", held)
    arguments = ["audit", str(planted), "--out", str(tmp_path / "audit"), "--jobs", "1"]
    assert main([*arguments, "--splits", str(leaking)]) == 1
    assert "leak" in capsys.readouterr().out
    assert main(arguments) == 0


def test_near_duplicates_are_kept_together_unless_they_are_known(
    planted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(planted, tmp_path / "data"))
    manifest = read_manifest(data)
    known = find_duplicate_pairs(manifest, tmp_path / "not" / "there")
    assert known.near == "searched"
    assert "3 pairs of near duplicates" in capsys.readouterr().err
    assert not (tmp_path / "not").exists()
    write_duplicates(tmp_path / "duplicates.csv", manifest, known.pairs)
    kept = read_duplicates(tmp_path / "duplicates.csv", manifest)
    assert [(p.first, p.second, p.kind) for p in kept] == [
        (p.first, p.second, p.kind) for p in known.pairs
    ]
    classes = ("normal", "fibroid", "polyp")
    originals = manifest.table["patient_id"].iloc[: len(CHANGES)]
    apart = 0
    for seed in range(5):
        settings = SplitSettings(validation=0.3, seed=seed)
        drawn, _ = choose_split(manifest, classes, settings, None, kept)
        place = drawn.table.set_index("patient_id")["partition"]
        for patient, name in zip(originals, CHANGES, strict=True):
            assert place[patient] == place[f"X-{name}"]
        drawn, _ = choose_split(manifest, classes, settings, None, ())
        place = drawn.table.set_index("patient_id")["partition"]
        apart += sum(place[p] != place[f"X-{n}"] for p, n in zip(originals, CHANGES, strict=True))
    assert apart  # without the pairs they are torn apart, so that keeping them is no accident
    audit(data, tmp_path / "audit", write=True)
    assert find_duplicate_pairs(read_manifest(data), tmp_path).near == "audited"
    table = pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[0, "patient_group"] = ""
    table.to_csv(data / "manifest.csv", index=False)
    capsys.readouterr()
    assert find_duplicate_pairs(read_manifest(data), tmp_path, near=False).near == "skipped"


def test_a_near_duplicate_on_both_sides_of_a_given_split_is_a_leak(
    planted: Path, tmp_path: Path
) -> None:
    manifest = read_manifest(planted)
    classes = ("normal", "fibroid", "polyp")
    place = manifest.table["patient_id"].tolist().index
    first = str(manifest.table["patient_id"].iloc[1])
    pair = DuplicatePair(1, place("X-gain"), "near")
    held = [first]
    for label in classes:
        held += manifest.table["patient_id"][manifest.table["label"] == label].tolist()[2:4]
    leaking = split(planted, tmp_path / "leaking.csv", held)
    _, leaks = choose_split(manifest, classes, SplitSettings(), leaking, ())
    assert leaks == 0
    with pytest.raises(DataError, match="near duplicates are in train \\+ validation"):
        choose_split(manifest, classes, SplitSettings(), leaking, [pair])


def test_a_table_of_other_images_is_refused(planted: Path, tmp_path: Path) -> None:
    manifest = read_manifest(planted)
    file = tmp_path / "duplicates.csv"
    write_duplicates(file, manifest, [])
    assert read_duplicates(file, manifest) == []
    for row in ("images/same.png,images/none.png,near,0.5", "images/same.png,images/gain.png,x,"):
        file.write_text(f"first,second,kind,score\n{row}\n")
        with pytest.raises(DataError, match="row 2: this is no pair"):
            read_duplicates(file, manifest)


def test_a_study_draws_no_leak_and_refuses_a_given_one(planted: Path, tmp_path: Path) -> None:
    manifest = read_manifest(planted)
    classes = ("normal", "fibroid", "polyp")
    first = str(manifest.table["patient_id"].iloc[0])
    known = find_duplicate_pairs(manifest, tmp_path, near=False)
    assert known.near == "skipped"
    pairs = known.pairs
    for seed in range(5):
        settings = SplitSettings(validation=0.3, seed=seed)
        drawn, leaks = choose_split(manifest, classes, settings, None, pairs)
        place = drawn.table.set_index("patient_id")["partition"]
        assert place[first] == place["X-same"]
        assert leaks == 0
    held = [first]
    for label in classes:
        held += manifest.table["patient_id"][manifest.table["label"] == label].tolist()[2:4]
    leaking = split(planted, tmp_path / "leaking.csv", held)
    with pytest.raises(DataError, match="--allow-leaks"):
        choose_split(manifest, classes, SplitSettings(), leaking, pairs)
    _, leaks = choose_split(manifest, classes, SplitSettings(), leaking, pairs, allow_leaks=True)
    assert leaks >= 1
