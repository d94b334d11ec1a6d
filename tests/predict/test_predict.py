"""A folder read at once, in processes, or in two goes with a kill between gives the same."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.dicom.make import dicom_file

from metrascope.cli import main
from metrascope.errors import DataError, StudyError
from metrascope.files.atomic import temporary_name
from metrascope.predict.journal import ReadingJournal
from metrascope.predict.predict import AnyReading, BatchPredictor, PredictJob
from metrascope.predict.predictor import Predictor
from metrascope.predict.reading import ImageReading, PatientReading
from metrascope.sources.search import Source


def read(order: PredictJob) -> list[AnyReading]:
    with BatchPredictor(order) as reader:
        return list(reader.read())


def written(folder: Path) -> bytes:
    return (folder / "readings.jsonl").read_bytes()


def shares(one: ImageReading | PatientReading) -> list[float]:
    """Return what networks gave, refused or not; nothing where they did not look."""
    return list((one.probabilities or one.refused_probabilities or {}).values())


def test_every_file_has_a_row_in_the_order_of_names(bundle: Path, images: Path) -> None:
    found = read(PredictJob(bundle, (images,)))
    files = [one.file for one in found if isinstance(one, ImageReading)]
    expected = sorted(path.relative_to(images).as_posix() for path in images.rglob("*.*"))
    assert files == expected
    text = next(one for one in found if isinstance(one, ImageReading) and "notes" in one.file)
    assert text.refusal is not None
    assert text.refusal.key == "sources.other"
    readable = [one for one in found if isinstance(one, ImageReading) and shares(one)]
    assert len(readable) == 12


def test_folder_readings_are_those_of_the_predictor(bundle: Path, images: Path) -> None:
    predictor = Predictor(bundle, threads=1)
    found = read(PredictJob(bundle, (images / "P0",)))
    for one in found:
        assert isinstance(one, ImageReading)
        alone = predictor.read_file(images / "P0" / one.file)[0].reading
        assert one.model_copy(update={"seconds": 0}) == alone.model_copy(update={"seconds": 0})


def test_patients_by_folder_are_the_mean_of_their_files(bundle: Path, images: Path) -> None:
    found = read(PredictJob(bundle, (images,), by_folder=True))
    patients = {one.patient: one for one in found if isinstance(one, PatientReading)}
    assert list(patients) == ["P0", "P1", "P2"]
    for name, patient in patients.items():
        own = [one for one in found if isinstance(one, ImageReading) and one.patient == name]
        used = [shares(one) for one in own if shares(one)]
        assert patient.files == len(own)
        np.testing.assert_allclose(shares(patient), np.mean(used, axis=0), atol=2e-6)


def test_processes_and_one_after_the_other_write_the_same(
    bundle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for jobs in ("1", "2"):
        options = ["--out", str(tmp_path / jobs), "--format", "json", "--jobs", jobs]
        assert main(["predict", str(bundle), str(images), *options]) == 0
    capsys.readouterr()
    assert written(tmp_path / "1") == written(tmp_path / "2")


@pytest.mark.usefixtures("two_workers")
def test_a_cluster_reads_what_one_machine_reads(
    bundle: Path,
    images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Begun on one machine, and from a folder that the cluster does not work in."""
    monkeypatch.chdir(images.parent)
    folder = Path(images.name, "P0")
    options = ["predict", str(bundle), str(folder), "--runtime", "onnxruntime", "--heatmaps"]
    options += ["--format", "json", "--jobs", "2"]
    assert main([*options, "--out", str(tmp_path / "here")]) == 0
    order = PredictJob(bundle, (folder,), tmp_path / "there", runtime="onnxruntime", heat_maps=True)
    with BatchPredictor(order) as reader:
        next(reader.read())
    assert main([*options, "--engine", "ray", "--out", str(tmp_path / "there")]) == 0
    for path in sorted((tmp_path / "here").rglob("*.*")):
        other = tmp_path / "there" / path.relative_to(tmp_path / "here")
        if "journal" not in path.name:
            assert other.read_bytes() == path.read_bytes()
    capsys.readouterr()


def test_a_killed_reading_goes_on_and_ends_alike(
    bundle: Path, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    many = tmp_path / "many"
    for number in range(6):
        for path in images.rglob("*.png"):
            target = many / f"{number}" / path.parent.name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    common = ["predict", str(bundle), str(many), "--format", "json", "--jobs", "1"]
    assert main([*common, "--out", str(whole)]) == 0
    command = [sys.executable, "-m", "metrascope", *common, "--out", str(broken)]
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for_growth(broken / "journal.sqlite-wal", process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    part = temporary_name(broken / "readings.jsonl")
    # Of a process that the system still knows, as one that has just been ended.
    part = part.with_name(part.name.replace(f"-{os.getpid()}.", f"-{os.getppid()}."))
    part.write_text("half", encoding="utf-8")
    assert not (broken / "readings.jsonl").exists()
    assert main([*common, "--out", str(broken)]) == 0
    assert written(whole) == written(broken)
    assert not [path for path in broken.rglob("*") if path.suffix == ".tmp"]
    capsys.readouterr()


def wait_for_growth(path: Path, process: "subprocess.Popen[bytes]") -> None:
    """Wait until some readings are in the journal, and the work is not done."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and path.stat().st_size > 150_000:
            return
        time.sleep(0.01)
    raise AssertionError("it was done, or never began")


def test_results_go_on_with_the_runtime_they_were_begun_with(
    bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is faster is timed, and the time of a busy machine says something else each time."""
    pytest.importorskip("openvino")
    for begun, faster in (("onnxruntime", "openvino"), ("openvino", "onnxruntime")):
        order = PredictJob(bundle, (images / "P0",), tmp_path / begun)
        before = read(replace(order, runtime=begun))  # type: ignore[arg-type]
        monkeypatch.setattr("metrascope.predict.ensemble.choose_runtime", lambda *_, **__: faster)  # noqa: B023
        assert read(order) == before


def test_a_file_that_changed_is_read_again(bundle: Path, images: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    first, *_, last = sorted((images / "P0").iterdir())
    (folder / "a.png").write_bytes(first.read_bytes())
    (folder / "b.png").write_bytes(first.read_bytes())
    order = PredictJob(bundle, (folder,), out)
    before = read(order)
    (folder / "b.png").write_bytes(last.read_bytes())
    (folder / "a.png").rename(folder / "c.png")
    after = read(order)
    assert [one.file for one in after if isinstance(one, ImageReading)] == ["b.png", "c.png"]
    assert shares(after[0]) != shares(before[1])
    assert shares(after[1]) == shares(before[0])


@pytest.mark.parametrize(
    ("change", "named"),
    [({"confidence": 0.8}, "confidence"), ({"by_folder": True}, "by-folder")],
)
def test_results_of_other_options_are_not_mixed(
    bundle: Path, images: Path, tmp_path: Path, change: dict[str, object], named: str
) -> None:
    read(PredictJob(bundle, (images / "P0",), tmp_path / "out"))
    with pytest.raises(DataError, match=named):
        read(PredictJob(bundle, (images / "P0",), tmp_path / "out", **change))  # type: ignore[arg-type]


def test_names_say_what_was_given(bundle: Path, images: Path) -> None:
    first, second = images / "P0", images / "P2" / "02.png"
    found = read(PredictJob(bundle, (first, second, second, first / "00.png"), by_folder=True))
    files = [one.file for one in found if isinstance(one, ImageReading)]
    assert files == [*(f"{first}/{path.name}" for path in sorted(first.iterdir())), str(second)]
    patients = [one.patient for one in found if isinstance(one, PatientReading)]
    assert patients == [str(first), "P2"]


def exam(path: Path, screen: np.ndarray, **elements: object) -> None:
    """Write a DICOM file of a grey screen."""
    rows, columns = screen.shape
    size = {"Rows": rows, "Columns": columns, "PhotometricInterpretation": "MONOCHROME2"}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(dicom_file(screen.tobytes(), **size, **elements))


def test_patients_of_headers(bundle: Path, images: Path, tmp_path: Path) -> None:
    """A contradiction, a placeholder, undeclared GBK, and pictures that say nobody."""
    screen = np.asarray(Image.open(images / "P0" / "00.png").convert("L"))
    bright, dark = (np.rint((screen * by).clip(0, 255)).astype(np.uint8) for by in (1.6, 0.6))
    for name, screen, number in (
        ("A/1.dcm", bright, "A1"),
        ("A/2.dcm", dark, "a1"),
        ("B/1.dcm", bright, "ANONYMOUS"),
        ("C/1.dcm", bright, "ANONYMOUS"),
        ("D/1.dcm", bright, "@@@@@@"),
        ("D/2.dcm", bright, "@@@@@@"),
    ):
        exam(tmp_path / name, screen, PatientID=number)
    for name in ("D/1.dcm", "D/2.dcm"):
        content = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(content.replace(b"@@@@@@", "张三丰".encode("gbk")))
    (tmp_path / "D" / "shot.png").write_bytes((images / "P0" / "00.png").read_bytes())
    found = read(PredictJob(bundle, (tmp_path,)))
    files = {one.file: one for one in found if isinstance(one, ImageReading)}
    assert len(files) == 7
    assert len({files["A/1.dcm"].predicted, files["A/2.dcm"].predicted}) == 2
    assert files["B/1.dcm"].patient == files["D/shot.png"].patient == ""
    patients = {one.patient: one for one in found if isinstance(one, PatientReading)}
    assert list(patients) == ["A1", "张三丰"]
    assert patients["A1"].contradiction
    assert patients["A1"].predicted is None
    assert patients["张三丰"].files == 2
    assert patients["张三丰"].predicted == files["D/1.dcm"].predicted
    (warning,) = patients["张三丰"].warnings
    assert warning.key == "serving.beside"
    assert "D/shot.png" in warning.text


def test_two_cannot_write_the_same_journal(tmp_path: Path) -> None:
    journal = ReadingJournal(tmp_path / "journal.sqlite", {})
    with pytest.raises(StudyError, match="Another metrascope predict"):
        ReadingJournal(tmp_path / "journal.sqlite", {})
    journal.close()


def test_a_share_that_dropped_costs_nothing_the_next_time(
    bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither is what could be read then read again."""
    plain, tried = Source.read, []

    def dropped(self: Source) -> bytes:
        tried.append(self.name)
        if self.name == "03.png" and len(tried) < 5:
            raise DataError("sources.lost", path=self.name, reason="Input/output error")
        return plain(self)

    monkeypatch.setattr(Source, "read", dropped)
    order = PredictJob(bundle, (images / "P0",), tmp_path / "out")
    first, second = read(order), read(order)
    lost = [one for one in first if isinstance(one, ImageReading) and one.refusal]
    assert [(one.file, one.refusal.key) for one in lost if one.refusal] == [
        ("03.png", "sources.lost")
    ]
    assert [one.refusal for one in second] == [None] * 4
    assert tried == ["00.png", "03.png", "06.png", "09.png", "03.png"]


def test_a_crash_costs_one_file(
    bundle: Path, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in reading one file is a row with a reason; the others are read."""
    plain = Predictor.read_bytes

    def broken(self: Predictor, content: bytes, name: str = "") -> object:
        if name == "03.png":
            raise ZeroDivisionError
        return plain(self, content, name)

    monkeypatch.setattr(Predictor, "read_bytes", broken)
    found = read(PredictJob(bundle, (images / "P0",)))
    refused = [one for one in found if one.refusal is not None]
    assert [one.refusal.key for one in refused if one.refusal] == ["serving.bug"]
    assert json.loads(refused[0].model_dump_json())["file"] == "03.png"
