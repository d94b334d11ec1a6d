"""A whole export: what is on disk, the truth about it, and a checker that finds what is planted."""

import hashlib
import json
import zipfile
from collections import Counter, defaultdict
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import openpyxl
import pandas as pd
import pytest
from benchmarks.leaks import find_identifiers
from benchmarks.letters import find_letters
from PIL import Image
from pydicom import dcmread
from pydicom.fileset import FileSet

from metrascope.errors import DataError, SettingsError
from metrascope.messages import set_language, text
from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.hospital.identities import invent_patients, invent_visits
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.truth import read_truth, shrink
from metrascope.phantom.render import draw_case

Row = dict[str, Any]
LABELS = ("normal", "fibroid", "polyp")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("phantom") / "export"
    set_language("en")  # other modules' fixtures may have left another
    write_export(out, patients=12, seed=3, size=120)
    return out


@pytest.fixture(scope="module")
def truth(export: Path) -> list[Row]:
    return read_truth(export)


def content(export: Path, row: Row) -> bytes:
    path = export / "exports" / row["file"]
    if row["member"]:
        with zipfile.ZipFile(path) as archive:
            return archive.read(row["member"])
    return path.read_bytes()


def hashes(out: Path) -> dict[str, str]:
    return {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


def test_the_workbook_is_in_the_language_in_use(tmp_path: Path, export: Path) -> None:
    set_language("zh")
    for name in ("one", "two"):
        write_export(tmp_path / name, patients=12, seed=3, size=120)
    set_language("en")
    one, two = (tmp_path / name for name in ("one", "two"))
    assert (one / "labels.xlsx").read_bytes() == (two / "labels.xlsx").read_bytes()
    assert (one / "labels.csv").read_bytes() == (export / "labels.csv").read_bytes()
    tables = [
        [[cell or "" for cell in row] for row in found.active.iter_rows(values_only=True)]
        for found in map(openpyxl.load_workbook, (one / "labels.xlsx", export / "labels.xlsx"))
    ]
    assert tables[0][0][5] == "病理诊断"
    found, wanted = ({row[1]: row[5] for row in rows[1:-3]} for rows in tables)
    names = {text(f"classes.{label}", "en"): text(f"classes.{label}", "zh") for label in LABELS}
    assert found == {key: names[label] for key, label in wanted.items()}


def test_one_that_was_stopped_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    write_export(whole, patients=3, seed=3, size=96)
    expected = {path.relative_to(whole): path.read_bytes() for path in files_in(whole)}

    def stop(done: int, _: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_export(stopped, patients=3, seed=3, size=96, progress=stop)
    for _ in range(2):  # a whole one too
        write_export(stopped, patients=3, seed=3, size=96)
        assert {path.relative_to(stopped): path.read_bytes() for path in files_in(stopped)} == (
            expected
        )
    with pytest.raises(DataError, match="holds other files"):
        write_export(stopped, patients=3, seed=4, size=96)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_truth_names_every_file_and_no_other(export: Path, truth: list[Row]) -> None:
    on_disk = {
        path.relative_to(export / "exports").as_posix()
        for path in (export / "exports").rglob("*")
        if path.is_file() and path.name != "DICOMDIR"
    }
    assert {row["file"] for row in truth} == on_disk
    assert len({(row["file"], row["member"]) for row in truth}) == len(truth)
    assert {row["patient"] for row in truth} == set(range(12))


def test_there_is_some_of_everything(export: Path, truth: list[Row]) -> None:
    names = [row["file"] for row in truth]
    assert any(row["member"] for row in truth)
    assert any(not name.isascii() for name in names)
    assert any("." not in name for name in names)
    assert {Path(name).suffix.lower() for name in names} >= {"", ".dcm", ".png", ".jpg", ".zip"}
    assert list((export / "exports").glob("CD_*/DICOMDIR"))
    assert len({row["coding"] for row in truth}) > 12
    assert {row["usable"] for row in truth} == {True, False}
    assert max(row["frames"] for row in truth) > 1


def test_pictures_are_as_the_truth_says(export: Path, truth: list[Row]) -> None:
    for row in truth:
        if row["coding"] or row["kind"] in ("ct", "sr", "pdf"):
            ds = dcmread(BytesIO(content(export, row)), force=True)
            assert ds.PatientID in {note.text for note in row["planted"]}
            shape = (ds.get("Rows"), ds.get("Columns"), int(ds.get("NumberOfFrames", 1)))
        else:
            picture = Image.open(BytesIO(content(export, row)))
            shape = (picture.height, picture.width, 1)
        if "height" in row:
            odd = row["coding"] == "ybr_full_422"
            assert shape == (row["height"], row["width"] - odd * (row["width"] % 2), row["frames"])


def test_sectors_lie_in_their_boxes(export: Path, truth: list[Row]) -> None:
    checked = 0
    for row in truth:
        assert row["usable"] <= bool(row["sector"])
        if row["sector"]:
            mask = cv2.imread(str(export / row["sector"]), cv2.IMREAD_GRAYSCALE)
            assert mask.shape == (row["height"], row["width"])
            assert list(cv2.boundingRect(mask)) == row["box"]
            checked += 1
    assert checked > 12


def test_the_same_seed_gives_the_same_bytes_with_any_jobs(tmp_path: Path) -> None:
    for name, jobs in (("one", 1), ("two", 2)):
        write_export(tmp_path / name, patients=2, seed=3, size=96, jobs=jobs)
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


def test_labels_match_accessions_but_for_some(export: Path, truth: list[Row]) -> None:
    raw = (export / "labels.csv").read_bytes()
    text = raw.decode("utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "gb18030")
    table = pd.read_csv(BytesIO(text.encode()), dtype=str)
    sheet = openpyxl.load_workbook(export / "labels.xlsx").active
    cells = [[cell.value for cell in line] for line in sheet.iter_rows()]
    assert {"姓名", "检查号", "病理诊断"} <= set(table.columns)
    assert "Accession number" in cells[0]
    assert list(table["检查号"]) == [row[1] for row in cells[1:]][: len(table)] or len(cells) > 1
    accessions = {row["accession"] for row in truth}
    listed = set(table["检查号"])
    assert len(accessions - listed) == 1
    assert len(listed - accessions) == 3
    words = {"normal": "正常", "fibroid": "黏膜下肌瘤", "polyp": "子宫内膜息肉"}
    known = dict(zip(table["检查号"], table["病理诊断"], strict=True))
    for row in truth:
        assert known.get(row["accession"], words[row["label"]]) == words[row["label"]]


def test_a_disc_has_a_directory_that_others_read(export: Path) -> None:
    found = 0
    for path in (export / "exports").glob("CD_*/DICOMDIR"):
        disc = FileSet(path)
        for instance in disc:
            assert Path(instance.path).exists()
            assert instance.SOPInstanceUID == dcmread(instance.path, force=True).SOPInstanceUID
            found += 1
        disc._stage["t"].cleanup()  # else its finalizer warns
    assert found


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("all my work")
    with pytest.raises(DataError, match="empty or new folder"):
        write_export(tmp_path, patients=1, seed=0)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


@pytest.mark.parametrize(
    ("changed", "named"),
    [({"patients": 0}, "patients"), ({"seed": -1}, "seed"), ({"size": 20}, "size")],
)
def test_arguments_out_of_range_are_refused(
    tmp_path: Path, changed: dict[str, int], named: str
) -> None:
    with pytest.raises(SettingsError, match=named):
        write_export(tmp_path / "new", **{"patients": 1, "seed": 0, **changed})
    with pytest.raises(SettingsError, match="scanner"):
        write_export(tmp_path / "new", patients=1, seed=0, scanners=())


def test_the_checker_finds_what_is_planted_in_unclean_files(export: Path, truth: list[Row]) -> None:
    owners = defaultdict(list)
    for number, row in enumerate(truth):
        owners[row["file"]].append(number)
    found = find_identifiers(export / "exports", truth, owners)
    seen = {(finding.row, finding.text) for finding in found}
    wanted = [
        (number, note)
        for number, row in enumerate(truth)
        for note in row["planted"]
        if note.kind != "screen"
    ]
    missing = Counter(note.where for number, note in wanted if (number, note.text) not in seen)
    assert len(wanted) > 2000
    assert not missing


def test_the_checker_finds_nothing_in_another_hospital(
    export: Path, truth: list[Row], tmp_path: Path
) -> None:
    write_export(tmp_path / "other", patients=2, seed=99, size=96)
    found = find_identifiers(tmp_path / "other" / "exports", truth)
    # Names, hospitals and doctors repeat; nothing that is unique does.
    assert {finding.kind for finding in found} <= {"name", "place"}


@pytest.mark.parametrize(
    "leak",
    [
        b"a,b\nWANG^XIULAN,3\n",
        "姓名 王秀兰".encode("gb18030"),
        "姓名 王秀兰".encode("utf-16-le"),
        b"<p>&#29579;&#31168;&#20848;</p>",
        b'{"name": "\\u738b\\u79c0\\u5170"}',
        b"file=%E7%8E%8B%E7%A7%80%E5%85%B0",
        b"xiulan_wang.png",
        "X".encode("utf-16-le") + "Wang Xiulan".encode("utf-16-le"),
    ],
)
def test_the_checker_sees_through_spellings_and_encodings(leak: bytes, tmp_path: Path) -> None:
    from metrascope.phantom.hospital.planted import Planted

    truth = [{"planted": [Planted("name", "Wang Xiulan", ""), Planted("name", "王秀兰", "")]}]
    (tmp_path / "out.txt").write_bytes(leak)
    assert find_identifiers(tmp_path, truth)
    (tmp_path / "out.txt").write_bytes(b"patient P0001, scanner GE Voluson E10, 38 years")
    assert not find_identifiers(tmp_path, truth)


def test_the_checker_takes_dates_of_the_same_patient_only(tmp_path: Path) -> None:
    from metrascope.phantom.hospital.planted import Planted

    truth = [{"planted": [Planted("date", "20200307", "StudyDate")]}]
    for day in ("2020-03-07", "20200307", "7.3.2020 07.03.2020", "20200307101500"):
        (tmp_path / "a.txt").write_text(f"seen {day}")
        assert find_identifiers(tmp_path, truth, {"a.txt": [0]}), day
        assert not find_identifiers(tmp_path, truth, {"b.txt": [0]}), day
    (tmp_path / "a.txt").write_text("2.25.812020030755 a20200307f")
    assert not find_identifiers(tmp_path, truth, {"a.txt": [0]})


def test_letters_are_found_where_they_show_and_only_there() -> None:
    rng = np.random.default_rng(1)
    people = invent_patients(4, rng)
    shown = hidden = lines = 0
    for index, scanner in enumerate(("aplio", "voluson", "nuewa")):
        visit = invent_visits(people[index], 1, scanner, rng)[0]
        case = draw_case("polyp", scanner, seed=0, index=index)
        shot = draw_screen(case, scanner, visit, rng)
        boxes = [mark.box for mark in shot.marks if mark.identifying]
        gray = cv2.cvtColor(shot.image, cv2.COLOR_RGB2GRAY)
        inside = np.where(shot.sector, shot.clean, 0).astype(np.uint8)
        lines += len(boxes)
        shown += len(find_letters(gray, shot.glyphs, boxes, (0, 0)))
        hidden += len(find_letters(inside, shot.glyphs, boxes, (0, 0)))
        moved = gray[7:, 11:]
        assert len(find_letters(moved, shot.glyphs, boxes, (11, 7))) >= 0.9 * len(boxes)
    assert shown >= lines > 10
    assert hidden == 0


def test_a_small_screen_keeps_its_truth() -> None:
    rng = np.random.default_rng(1)
    visit = invent_visits(invent_patients(1, rng)[0], 1, "epiq", rng)[0]
    shot = draw_screen(draw_case("normal", "epiq", seed=0, index=1), "epiq", visit, rng)
    small = shrink(shot, 240)
    assert small.image.shape[0] == 240
    assert small.sector.mean() == pytest.approx(shot.sector.mean(), rel=0.02)
    span, wide = (one.sector.any(axis=1).sum() * one.mm_per_pixel for one in (small, shot))
    assert span == pytest.approx(wide, rel=0.02)


def test_the_truth_is_plain_json(export: Path) -> None:
    lines = (export / "truth" / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(json.loads(line)["planted"] for line in lines)
