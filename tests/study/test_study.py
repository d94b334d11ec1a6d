"""Studies from the command line: the files they leave, going on after a kill, bad input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from filelock import FileLock
from sklearn.metrics import f1_score

from metrascope.arrays import GreyImage
from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.figures.evaluation import Written
from metrascope.networks.checkpoint import load, read_description
from metrascope.screen.picture import read_grey
from metrascope.settings.study_settings import load_settings
from metrascope.study.runs import carry_out

QUICKLY = str(Path(__file__).parents[1] / "quickly.py")
TINY = [
    "--weights=none",
    "--device=cpu",
    "--set=preprocessing.input_size=32",
    "--set=split.validation=0.3",
    "--set=training.epochs=3",
    "--set=training.batch_size=8",
    "--set=training.precision=32-true",
    "--set=explain.faithfulness_images=4",
]


def study(data: Path, out: Path, *options: str) -> int:
    return main(["study", "paper", "--data", str(data), "--out", str(out), *TINY, *options])


def results(out: Path) -> dict[str, bytes]:
    """Return the files that two runs of the same study must agree on, byte for byte."""
    names = ["metrics.json", "predictions.csv", "embeddings.csv", "splits.csv"]
    files = [out / name for name in names] + sorted(out.glob("runs/*/*"))
    return {
        str(file.relative_to(out)): file.read_bytes()
        for file in files
        if file.name != "resources.json"
    }


@pytest.fixture(scope="module")
def decoded() -> Counter[Path]:
    """Return how often each file of the data set was decoded for `finished`."""
    return Counter()


@pytest.fixture(scope="module")
def finished(
    phantom: Path, decoded: Counter[Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Return a study of two networks on the small phantom; its runs and report find no images."""
    out = tmp_path_factory.mktemp("study") / "out"
    files = list(phantom.rglob("*.png"))
    contents = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    def put(content: dict[Path, bytes]) -> None:
        for path, pixels in content.items():
            path.write_bytes(pixels)
            os.utime(path, ns=(contents[path][1],) * 2)  # of the same size and time: unsuspected

    def counted(path: Path, row: int) -> GreyImage:
        decoded[path] += 1
        return read_grey(path, row)

    def without_images(*arguments: Any) -> None:
        put({path: bytes(len(pixels)) for path, (pixels, _) in contents.items()})
        carry_out(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("metrascope.dataset.image.read_grey", counted)
        patch.setattr("metrascope.study.study.carry_out", without_images)
        try:
            assert study(phantom, out, "--networks", "resnet18,mobilenet_v2") == 0
        finally:
            put({path: pixels for path, (pixels, _) in contents.items()})
    return out


def test_every_image_is_decoded_once_and_an_evaluated_one_once_more(
    finished: Path, phantom: Path, decoded: Counter[Path]
) -> None:
    """For split, hashes, near duplicates and stores; then those that the report may show.

    A page shows 640 pixels, a store has the 36 that the networks here are given, and who is
    evaluated is known from the split, which hashes of all images come before.
    """
    table = read_manifest(phantom).table
    evaluated = set(pd.read_csv(finished / "cases.csv")["image"])
    assert 0 < len(evaluated) < len(table)
    for row in table.to_dict("records"):
        for column in ("image", "sector", "mask"):
            if row[column]:
                count = decoded.pop(phantom / str(row[column]))
                assert count == 1 + (row["image"] in evaluated), row[column]
    assert not decoded


def test_a_study_leaves_what_it_promises(finished: Path) -> None:
    for name in (
        "settings.toml", "data.json", "versions.json", "splits.csv", "cases.csv",
        "predictions.csv", "embeddings.csv", "metrics.json", "report.html", "report.docx",
        "methods.txt", "cards/resnet18.md", "checklists/claim.csv",
        "tables/comparison.csv", "tables/comparison.tex",
        "figures/confusion.svg", "figures/gradcam.png", "figures/embedding.png",
        "figures/curves.svg",
    ):  # fmt: skip
        assert (finished / name).stat().st_size > 0, name
    for run in ("resnet18-f0-s0", "mobilenet_v2-f0-s0"):
        files = {path.name for path in (finished / "runs" / run).iterdir()}
        assert files == {
            "model.json", "weights.safetensors", "history.csv", "predictions.csv",
            "features.npy", "heatmaps.npy", "resources.json",
            "faithfulness.csv", "sanity.csv", "shortcuts.csv", "border.npy",
        }  # fmt: skip


def test_numbers_are_those_of_the_predictions(finished: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text(encoding="utf-8"))
    table = pd.read_csv(finished / "predictions.csv")
    classes = ["normal", "fibroid", "polyp"]
    assert metrics["classes"] == classes
    for name, rows in table.groupby("network"):
        predicted = rows[[f"p_{label}" for label in classes]].to_numpy().argmax(axis=1)
        true = rows["label"].map(classes.index)
        expected = f1_score(true, predicted, average="macro", labels=[0, 1, 2], zero_division=0)
        assert metrics["networks"][name]["macro_f1"]["value"] == pytest.approx(expected)
        assert rows[[f"p_{label}" for label in classes]].sum(axis=1).to_numpy() == pytest.approx(1)


def test_what_a_run_leaves_belongs_together(finished: Path) -> None:
    run = finished / "runs" / "resnet18-f0-s0"
    network, description = load(run)
    count = len(pd.read_csv(run / "predictions.csv"))
    assert np.load(run / "features.npy").shape == (count, 1024)
    assert np.load(run / "heatmaps.npy").shape[:2] == (count, 3)
    assert description.preprocessing.input_size == 32
    assert description.preprocessing.grey_table != tuple(range(256))
    data = json.loads((finished / "data.json").read_text(encoding="utf-8"))
    assert description.split_sha256 == data["split_sha256"]
    assert data["split"] == "drawn"
    assert data["near_duplicates"] == "searched"
    pairs = pd.read_csv(finished / "duplicates.csv")
    assert data["near_pairs"] == (pairs["kind"] == "near").sum()
    assert network.origin.source == "none"
    history = pd.read_csv(run / "history.csv")
    assert history["epoch"].max() == 3
    assert history["validation_macro_f1"].notna().sum() == 3


def test_a_network_is_asked_about_the_very_images_that_it_read(finished: Path) -> None:
    run = finished / "runs" / "resnet18-f0-s0"
    read = pd.read_csv(run / "predictions.csv").set_index("image")
    columns = [name for name in read.columns if name.startswith("p_")]
    shortcuts = pd.read_csv(run / "shortcuts.csv").set_index("image")
    before = shortcuts.loc[shortcuts["change"] == "unchanged", columns]
    assert len(before) == len(read)
    np.testing.assert_allclose(before, read.loc[before.index, columns], atol=1e-5)
    curves = pd.read_csv(run / "faithfulness.csv").set_index("image")
    start = curves.loc[curves["way"] == "deletion", "at_0"]
    np.testing.assert_allclose(start, read.loc[start.index, columns].max(axis=1), atol=1e-5)
    assert np.load(run / "border.npy").shape == np.load(run / "features.npy").shape
    metrics = json.loads((finished / "metrics.json").read_text(encoding="utf-8"))
    found = metrics["networks"]["resnet18"]
    assert found["localization"]["images"] == (read["label"] != "normal").sum()
    assert found["shortcuts"]["border"]["patients"] == len(read)
    other = pd.read_csv(finished / "runs" / "mobilenet_v2-f0-s0" / "shortcuts.csv")
    assert other["image"].tolist() == shortcuts.index.tolist()


@pytest.mark.usefixtures("without_drawings")
def test_the_grey_table_is_fitted_to_the_training_partition_alone(
    finished: Path, phantom: Path, tmp_path: Path
) -> None:
    """Blackening every validation image leaves the table as it was."""
    copy = Path(shutil.copytree(phantom, tmp_path / "data"))
    manifest = pd.read_csv(copy / "manifest.csv")
    split = pd.read_csv(finished / "splits.csv")
    held = set(split.patient_id[split.partition == "validation"])
    for row in manifest[manifest.patient_id.isin(held)].itertuples():
        shutil.copyfile(copy / str(row.sector), copy / str(row.image))
    one_epoch = ("--networks=resnet18", "--set=training.epochs=1")
    one_epoch += ("--set=explain.faithfulness_images=0", "--set=explain.shortcut_images=0")
    one_epoch += ("--no-audit",)
    splits = f"--splits={finished / 'splits.csv'}"
    assert study(copy, tmp_path / "out", splits, *one_epoch) == 0
    data = json.loads((tmp_path / "out/data.json").read_text())
    assert data["split"] == "given"
    assert data["near_duplicates"] == "skipped"
    command = json.loads((tmp_path / "out/command.json").read_text())["argv"]
    assert command[-1] == "--no-audit"
    assert "Near duplicates were not looked for" in (tmp_path / "out/methods.txt").read_text()
    _, description = load(tmp_path / "out" / "runs" / "resnet18-f0-s0")
    _, expected = load(finished / "runs" / "resnet18-f0-s0")
    assert description.preprocessing.grey_table == expected.preprocessing.grey_table


@pytest.mark.usefixtures("without_drawings")
def test_finished_runs_are_kept_and_networks_may_be_added(
    finished: Path, phantom: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whatever the data set has gained meanwhile: a column, another order, an image."""
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    before = results(out)
    grown = Path(shutil.copytree(phantom, tmp_path / phantom.name))
    table = pd.read_csv(grown / "manifest.csv", dtype=str, keep_default_na=False)
    shutil.copyfile(grown / table.loc[0, "image"], grown / "images" / "new.png")
    row = table.loc[0].to_dict() | {"image": "images/new.png", "patient_id": "NEW"}
    table = pd.concat([table, pd.DataFrame([row])])[::-1].assign(remark="seen")
    table.to_csv(grown / "manifest.csv", index=False)
    assert study(grown, out, "--networks", "resnet18,resnet34") == 0
    told = capfd.readouterr().err
    assert "resnet18-f0-s0 is already finished" in told
    assert "1 image of" in told
    assert read_description(out / "runs" / "resnet34-f0-s0" / "model.json").manifest_sha256 == (
        read_description(out / "runs" / "resnet18-f0-s0" / "model.json").manifest_sha256
    )
    assert "comparing images" not in told
    after = results(out)
    assert json.loads((out / "data.json").read_text())["split"] == "drawn"
    kept = [name for name in before if name.startswith("runs/")]
    assert all(before[name] == after[name] for name in kept)
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert list(metrics["networks"]) == ["mobilenet_v2", "resnet18", "resnet34"]


@pytest.mark.usefixtures("without_drawings")
def test_killed_and_started_again_it_ends_the_same(
    finished: Path, phantom: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    networks = ("--networks", "resnet18,mobilenet_v2")
    command = [sys.executable, "-m", "metrascope", "study", "paper", *TINY]
    command += ["--data", str(phantom), "--out", str(out), *networks]
    two = [*command, "--jobs", "2"]  # side by side at first, then one after the other
    process = subprocess.Popen(two, stderr=subprocess.DEVNULL)
    resume = out / "runs" / "resnet18-f0-s0" / "resume.safetensors"
    deadline = time.monotonic() + 300
    while not resume.is_file() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert resume.is_file()
    assert not (out / "runs" / "resnet18-f0-s0" / "resources.json").is_file()
    assert study(phantom, out, *networks) == 0
    assert results(out) == results(finished)


@pytest.mark.peer("ray")
def test_runs_on_a_cluster_are_those_of_one_machine(
    finished: Path, phantom: Path, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    shutil.rmtree(out / "runs" / "mobilenet_v2-f0-s0")
    command = [sys.executable, QUICKLY, "study", "paper", *TINY, "--engine", "ray"]
    command += ["--data", str(phantom), "--out", str(out), "--networks", "resnet18,mobilenet_v2"]
    subprocess.run(command, check=True, capture_output=True)
    assert results(out) == results(finished)


def test_the_report_is_written_again_from_the_files_alone(
    finished: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The page has its drawings in itself; their files are tested with what a study promises.
    monkeypatch.setattr(
        "metrascope.report.drawings.write_figures", lambda *_, **__: Written([], {})
    )
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    shutil.rmtree(out / "prepared")
    page, metrics = (out / "report.html").read_bytes(), (out / "metrics.json").read_bytes()
    for name in ("report.html", "metrics.json", "predictions.csv", "embeddings.csv"):
        (out / name).unlink()
    assert main(["report", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "ResNet-18" in printed
    assert "Research use only" in printed
    assert (out / "report.html").read_bytes() == page
    assert (out / "metrics.json").read_bytes() == metrics


@pytest.mark.usefixtures("without_drawings")
def test_one_failed_network_does_not_stop_the_others(
    phantom: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    # Left by a call that ended before it had written what makes the folder a study.
    out.mkdir()
    (out / "settings.toml").write_text("seeds = [9]", encoding="utf-8")
    (out / "splits.csv").write_text("patient_id,label", encoding="utf-8")
    options = ["--networks", "resnet18,resnet34", "--set=training.learning_rate=1e6", "--no-audit"]
    assert study(phantom, out, *options) == 1
    told = capfd.readouterr().err
    assert "resnet18-f0-s0 failed" in told
    assert "resnet34-f0-s0 failed" in told
    assert "No run of" in told
    assert load_settings(str(out / "settings.toml")).seeds == (0,)
    failure = json.loads((out / "runs/resnet34-f0-s0/failure.json").read_text(encoding="utf-8"))
    assert "lower training.learning_rate" in failure["message"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--set=training.epochs=5"], "other settings (training.epochs)"),
        (["--set=pooling=avg"], "other settings (pooling)"),
    ],
)
def test_a_study_is_not_mixed_with_another(
    finished: Path,
    phantom: Path,
    options: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = results(finished)
    assert study(phantom, finished, "--networks=resnet18", *options) == 1
    assert expected in capsys.readouterr().err
    assert results(finished) == before


def spoil(data: Path, how: str) -> None:
    table = pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)
    if how == "truncated image":
        path = data / table["image"][2]
        path.write_bytes(path.read_bytes()[:200])
    elif how == "empty label":
        table.loc[4, "label"] = ""
    elif how == "one class":
        table["label"] = "polyp"
    elif how == "one patient of a class":
        table["label"] = ["rare"] + ["polyp"] * (len(table) - 1)
    table.to_csv(data / "manifest.csv", index=False)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("truncated image", "(manifest row 4) cannot be decoded"),
        ("empty label", "row 6, column label: empty"),
        ("one class", "one label only (polyp)"),
        ("one patient of a class", "rare has 1 patient"),
    ],
)
def test_bad_data_is_one_sentence(
    phantom: Path, tmp_path: Path, how: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = Path(shutil.copytree(phantom, tmp_path / "data"))
    spoil(data, how)
    assert study(data, tmp_path / "out", "--networks=resnet18") == 1
    told = capsys.readouterr().err
    assert expected in told
    assert "Traceback" not in told
    assert not (tmp_path / "out" / "report.html").exists()


def test_bad_options_are_one_sentence(
    phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pickle = tmp_path / "weights.pth"
    pickle.write_bytes(b"PK\x03\x04")
    wrong = [
        (["--networks=resnet50"], "There is no network resnet50"),
        (["--classes=a"], "unrecognized arguments"),
        ([f"--weights={pickle}", "--networks=resnet18"], "pickle"),
        (["--weights=/nowhere.safetensors", "--networks=resnet18"], "/nowhere.safetensors"),
        (['--set=classes=["normal","myoma"]'], "class myoma"),
        (['--set=classes=["normal","polyp"]'], "label fibroid, which is not among"),
        (["--networks=inception_v3"], "Inception-v3"),
        (["--splits=/nowhere.csv"], "/nowhere.csv does not exist"),
        (["--jobs=0"], "--jobs 0 is no number of processes"),
        (["--address=auto"], "add --engine ray"),
    ]
    for options, expected in wrong:
        assert study(phantom, tmp_path / "out", *options) == 1, options
        told = capsys.readouterr().err
        assert expected in told
        assert told.count("\n") == 1
        assert not (tmp_path / "out").exists(), options


def test_a_folder_with_something_else_is_left_alone(phantom: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("years of work")
    assert study(phantom, tmp_path, "--networks=resnet18") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_two_at_once_in_one_folder_are_refused(
    finished: Path, phantom: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    with FileLock(out / ".lock"):
        assert study(phantom, out, "--networks=resnet18") == 1
    assert "Another process is working in" in capsys.readouterr().err
