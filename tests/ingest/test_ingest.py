"""A folder of exports becomes a data set: whole, clean, resumable, and nothing stops it."""

import io
import json
import shutil
import subprocess
import sys
import time
import zipfile
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from metrascope.cli import main
from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import read_manifest
from metrascope.errors import DataError, SettingsError
from metrascope.ingest.ingest import Ingested, ingest
from metrascope.ingest.key_folder import key_folder
from metrascope.phantom.hospital.hospital import write_export
from metrascope.screen.settings import IngestSettings, load_ingest_settings

QUICK = IngestSettings(verify=False)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "ward"
    write_export(folder, patients=8, seed=5, size=320)
    return folder


@pytest.fixture(scope="module")
def whole(export: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    secret = tmp_path_factory.mktemp("key") / "secret.txt"
    # Not a random one: under one secret of many a moved date is the date of another patient.
    secret.write_text("5e" * 32, encoding="ascii")
    secret.chmod(0o600)
    settings = load_ingest_settings(None, ["verify=false", "keep_dicom=true"])
    out = tmp_path_factory.mktemp("whole") / "clean"
    return ingest(export / "exports", out, export / "labels.csv", settings, secret=secret, jobs=2)


def state(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        str(path.relative_to(folder)): (
            path.stat().st_size,
            path.stat().st_mtime_ns,
            path.read_bytes(),
        )
        for path in files
    }


def contents(folder: Path) -> dict[str, bytes]:
    return {name: content for name, (_, _, content) in state(folder).items() if ".lock" not in name}


def test_the_data_set_is_one_that_the_study_reads(whole: Ingested) -> None:
    manifest = read_manifest(whole.manifest.parent)
    assert len(manifest.table) == len(whole.catalog.images) > 5
    assert set(manifest.table["label"]) <= {"normal", "fibroid", "polyp"}
    for row in range(len(manifest.table)):
        picture = read_picture(manifest, row, sector_crop=True)
        assert picture.sector.any()
        assert not picture.grey[~picture.sector].any()
    digest = dict(zip(manifest.table["image"], manifest.table["sha256"], strict=True))
    assert all(len(value) == 64 for value in digest.values())


def test_every_file_is_kept_or_has_a_reason(whole: Ingested, export: Path) -> None:
    found = {record.source.split("!/")[0] for record in whole.catalog.records}
    files = (path for path in (export / "exports").rglob("*") if path.is_file())
    assert found == {path.relative_to(export / "exports").as_posix() for path in files}
    for record in whole.catalog.records:
        assert record.images or record.rejections, record.source
    rejects = pd.read_csv(whole.manifest.parent / "rejects.csv", encoding="utf-8-sig")
    assert len(rejects) == whole.catalog.reasons.total()
    assert rejects["explanation"].notna().all()


def test_nothing_planted_is_in_the_bytes_of_the_data_set(whole: Ingested, export: Path) -> None:
    truth = (export / "truth" / "truth.jsonl").read_text(encoding="utf-8").splitlines()
    notes = [note for line in truth for note in json.loads(line)["planted"]]
    planted = {note["text"] for note in notes if len(note["text"]) > 5}
    assert len(planted) > 200
    written = contents(whole.manifest.parent)
    assert any(name.startswith("dicom/") for name in written)
    everything = b"".join([*written.values(), *map(str.encode, written)])
    for encoding in ("utf-8", "gb18030", "utf-16-le"):
        for word in planted:
            assert word.encode(encoding, "ignore") not in everything, word


def test_the_private_lists_lead_back(whole: Ingested) -> None:
    links = pd.read_csv(whole.private / "links.csv", encoding="utf-8-sig", dtype=str)
    kept = {image["image"] for image in whole.catalog.images}
    assert kept <= set(links["image"].dropna())
    assert whole.private.parent not in (whole.manifest.parent, *whole.manifest.parents)


def test_neither_rows_nor_times_keep_the_order_of_the_original_names(whole: Ingested) -> None:
    # A ward's list of patients, sorted by name as the exports are, would undo the pseudonyms.
    for name in ("manifest.csv", "marks.csv", "rejects.csv"):
        path = whole.manifest.parent / name
        rows = path.read_text(encoding="utf-8-sig").splitlines()[1:]
        if name == "manifest.csv":
            table = pd.read_csv(path, dtype=str)
            places = table[["patient_id", "study_id", "source"]].fillna("").apply(tuple, axis=1)
            assert list(places) == sorted(places)
            order = list(table["image"])
        elif name == "marks.csv":
            places = [order.index(row.split(",")[0]) for row in rows]
            assert places == sorted(places)
        else:
            assert rows == sorted(rows)
    folders = [whole.manifest.parent / name for name in ("images", "sectors", "dicom")]
    assert len({path.stat().st_mtime_ns for folder in folders for path in folder.iterdir()}) == 1


def test_added_bit_by_bit_it_is_the_same(whole: Ingested, export: Path, tmp_path: Path) -> None:
    source, out, secret = tmp_path / "ward", tmp_path / "clean", whole.private.parent / "secret.txt"
    settings = load_ingest_settings(None, ["verify=false", "keep_dicom=true"])
    shutil.copytree(export / "exports", source)
    moved = sorted(path for path in source.iterdir())[::2]
    (tmp_path / "later").mkdir()
    for path in moved:
        path.rename(tmp_path / "later" / path.name)
    private = tmp_path / "key"
    shutil.copytree(secret.parent, private, ignore=shutil.ignore_patterns("*-links"))
    labels = export / "labels.csv"
    first = ingest(source, out, labels, settings, secret=private / "secret.txt")
    images = state(out / "images")
    for path in moved:
        (tmp_path / "later" / path.name).rename(source / path.name)
    before = state(source)
    second = ingest(source, out, labels, settings, secret=private / "secret.txt")
    assert state(source) == before
    assert 0 < len(first.catalog.images) < len(second.catalog.images)
    kept = state(out / "images")
    assert {name: kept.get(name) for name in images} == images  # not even written again
    ours, theirs = contents(out), contents(whole.manifest.parent)
    for name in ("evidence.html",):  # shows time of nothing, but the folder's settings
        assert ours.pop(name)
        theirs.pop(name)
    assert ours == theirs


def test_a_killed_run_goes_on(export: Path, whole: Ingested, tmp_path: Path) -> None:
    out, secret = tmp_path / "clean", tmp_path / "key" / "secret.txt"
    secret.parent.mkdir()
    shutil.copy(whole.private.parent / "secret.txt", secret)
    command = [sys.executable, "-m", "metrascope", "ingest", export / "exports", out]
    command += ["--labels", export / "labels.csv", "--secret", secret, "--no-verify"]
    command += ["--keep-dicom", "--jobs", "1"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    journal = secret.parent / "clean-links" / "journal.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"images/") >= 3):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (out / "manifest.csv").exists()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    ours, theirs = contents(out), contents(whole.manifest.parent)
    assert {**ours, "evidence.html": b""} == {**theirs, "evidence.html": b""}


def test_what_is_gone_is_made_again(whole: Ingested, export: Path, tmp_path: Path) -> None:
    """The journal lies beside the data set and remembers files that somebody has deleted."""
    made = whole.manifest.parent
    out, secret = tmp_path / made.name, tmp_path / "key" / "secret.txt"
    shutil.copytree(made, out)
    shutil.copytree(whole.private.parent, secret.parent)
    one, other = sorted((out / "images").iterdir())[:2]
    lost = [one, out / "sectors" / other.name, next((out / "dicom").iterdir())]
    for path in lost:
        path.unlink()
    settings = load_ingest_settings(None, ["verify=false", "keep_dicom=true"])
    asked: list[int] = []
    ingest(
        export / "exports", out, export / "labels.csv", settings, secret=secret,
        progress=lambda _, all_: asked.append(all_),
    )  # fmt: skip
    assert 1 <= asked[0] <= len(lost)
    ours, theirs = contents(out), contents(made)
    assert {**ours, "evidence.html": b""} == {**theirs, "evidence.html": b""}
    shutil.rmtree(out)
    again = ingest(export / "exports", out, export / "labels.csv", settings, secret=secret)
    assert len(again.catalog.images) == len(whole.catalog.images)
    assert {**contents(out), "evidence.html": b""} == {**theirs, "evidence.html": b""}


@pytest.mark.usefixtures("two_workers")
def test_a_cluster_makes_what_one_machine_makes(
    export: Path, whole: Ingested, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where one machine had begun, from a folder of its own; another goes on with it."""
    out, secret = Path("clean"), Path("key/secret.txt")
    monkeypatch.chdir(tmp_path)
    secret.parent.mkdir()
    shutil.copy(whole.private.parent / "secret.txt", secret)
    shutil.copytree(export / "exports", "ward")
    settings = load_ingest_settings(None, ["verify=false", "keep_dicom=true"])
    arguments = (Path("ward"), out, export / "labels.csv", settings)

    def stop(done: int, all_: int, *, left: int) -> None:
        if done == max(1, all_ - left):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(*arguments, secret=secret, progress=partial(stop, left=10**6))
    with pytest.raises(KeyboardInterrupt):
        ingest(*arguments, secret=secret, jobs=2, engine="ray", progress=partial(stop, left=3))
    ingest(*arguments, secret=secret)
    ours, theirs = contents(out), contents(whole.manifest.parent)
    assert {**ours, "evidence.html": b""} == {**theirs, "evidence.html": b""}


def rubbish(folder: Path) -> None:
    """Write what lies about in export folders, and one good picture."""
    folder.mkdir()
    (folder / "notes.txt").write_text("see Dr. Wang", encoding="utf-8")
    (folder / "empty.dcm").write_bytes(b"")
    (folder / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\2\0\0\0UL\4\0\7")
    (folder / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0")
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a/cut.jpg", b"\xff\xd8\xff\xe0rubbish")
    with zipfile.ZipFile(folder / "outer.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:400, :400]
    fan = np.hypot(rows + 60.0, columns - 200.0)
    inside = (fan > 110) & (fan < 420) & (np.abs(columns - 200) < 0.7 * (rows + 60))
    speckle = cv2.GaussianBlur(rng.rayleigh(60, fan.shape), (0, 0), 1.2)
    cv2.imwrite(str(folder / "P1.png"), np.where(inside, speckle, 0).astype(np.uint8))


def test_rubbish_is_told_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    rubbish(tmp_path / "ward")
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label\nP1.png,normal\ncut.png,polyp\n", encoding="utf-8")
    done = ingest(tmp_path / "ward", tmp_path / "clean", labels, QUICK)
    assert [image["label"] for image in done.catalog.images] == ["normal"]
    reasons = {record.source: rejection.reason for record, rejection in done.catalog.rejections}
    assert set(reasons) == {
        "notes.txt", "empty.dcm", "cut.dcm", "cut.png", "outer.zip!/inner.zip!/a/cut.jpg",
    }  # fmt: skip
    assert reasons["cut.png"].startswith("picture.")


def test_what_cannot_be_used_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    rubbish(tmp_path / "ward")
    labels = tmp_path / "labels.csv"
    out = tmp_path / "clean"
    arguments = (tmp_path / "ward", out, labels, QUICK)
    with pytest.raises(DataError):
        ingest(*arguments)  # no labels
    labels.write_text("file_name,label\nP1.png,normal\n", encoding="utf-8")
    with pytest.raises(DataError):
        ingest(tmp_path / "nowhere", out, labels, QUICK)
    with pytest.raises(SettingsError):
        ingest(*arguments, secret=out / "secret.txt")
    foreign = tmp_path / "photos"
    foreign.mkdir()
    (foreign / "holiday.jpg").write_bytes(b"")
    with pytest.raises(DataError, match="photos"):
        ingest(tmp_path / "ward", foreign, labels, QUICK)
    assert [path.name for path in foreign.iterdir()] == ["holiday.jpg"]
    assert not (out / "secret.txt").exists()


def test_another_secret_or_other_settings_are_refused(tmp_path: Path) -> None:
    rubbish(tmp_path / "ward")
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label\nP1.png,normal\n", encoding="utf-8")
    arguments = (tmp_path / "ward", tmp_path / "clean", labels)
    first = ingest(*arguments, QUICK)
    with pytest.raises(DataError, match="secret"):
        ingest(*arguments, QUICK, secret=tmp_path / "other" / "secret.txt")
    with pytest.raises(DataError, match="differ in: --marks, --no-verify"):
        ingest(*arguments, IngestSettings(marks="reject"))
    # A new word for the class is no reason to look at the file again.
    labels.write_text("file_name,label\nP1.png,polyp\n", encoding="utf-8")
    before = state(tmp_path / "clean" / "images")
    again = ingest(*arguments, QUICK)
    assert [image["label"] for image in again.catalog.images] == ["polyp"]
    assert state(tmp_path / "clean" / "images") == before
    assert first.private == again.private == key_folder(tmp_path / "clean") / "clean-links"


def test_the_command_tells_what_came_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rubbish(tmp_path / "ward")
    labels = tmp_path / "labels.csv"
    labels.write_text("文件名,病理诊断\nP1.png,子宫内膜息肉\n", encoding="gb18030")
    command = ["ingest", str(tmp_path / "ward"), str(tmp_path / "clean"), "--labels", str(labels)]
    assert main([*command, "--no-verify", "--jobs", "1", "--lang", "zh"]) == 0
    told = capsys.readouterr().out
    assert "仅供研究使用" in told
    assert str(tmp_path / "clean" / "evidence.html") in told
    assert main([*command, "--no-verify", "--set", "usability.nonsense=1"]) == 1
    assert "usability.nonsense" in capsys.readouterr().err
    assert any((tmp_path / "clean" / "images").iterdir())
