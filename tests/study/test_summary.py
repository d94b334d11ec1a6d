"""The summary of finished runs, and one sentence for every file that cannot be used."""

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrascope.cli import main
from metrascope.errors import StudyError
from metrascope.statistics.predictions import write_predictions
from metrascope.study.summary import summarize
from metrascope.study_folder.contents import read_study

CLASSES = ("normal", "fibroid", "polyp")
RUN = "runs/vgg16-f0-s0"


def make(folder: Path, classes: tuple[str, ...] = CLASSES, folds: int = 1, seeds: int = 1) -> Path:
    """The files that the summary of a study of one network cannot do without."""
    folder.mkdir(parents=True)
    (folder / "data.json").write_text(json.dumps({"name": "ward", "classes": classes}))
    (folder / "settings.toml").write_text('networks = ["vgg16"]\n[training]\nepochs = 1\n')
    for fold in range(folds):
        for seed in range(seeds):
            write_run(folder / f"runs/vgg16-f{fold}-s{seed}", classes, fold, seed)
    return folder


def write_run(run: Path, classes: tuple[str, ...], fold: int, seed: int, n: int = 12) -> None:
    rng = np.random.default_rng([fold, seed])
    true = np.arange(n) % len(classes)
    table = pd.DataFrame({"image": [f"{fold}-{i}.png" for i in range(n)]})
    table["patient_id"] = table["image"]
    table["label"] = np.array(classes, dtype=object)[true]
    table = table.assign(network="vgg16", partition="validation", fold=fold, seed=seed)
    table[[f"p_{label}" for label in classes]] = rng.dirichlet(np.ones(len(classes)), n)
    write_predictions(table, run / "predictions.csv")
    features = rng.normal(true[:, None], 1, (n, 4))
    np.save(run / "features.npy", features.astype(np.float32))
    (run / "resources.json").write_text("{}")


def saved(array: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(array))
    return buffer.getvalue()


def zipped() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros((12, 4), np.float32))
    return buffer.getvalue()


WHOLE = saved(np.zeros((12, 4), np.float32))
FRESH = "delete the run's folder"
COPY = "restore it from a copy"


@pytest.mark.parametrize(
    ("name", "content", "remedy"),
    [
        (f"{RUN}/features.npy", None, FRESH),
        (f"{RUN}/features.npy", b"", FRESH),
        (f"{RUN}/features.npy", WHOLE[:20], FRESH),
        (f"{RUN}/features.npy", WHOLE[:-8], FRESH),
        (f"{RUN}/features.npy", zipped(), FRESH),
        (f"{RUN}/features.npy", saved(np.full((12, 4), np.nan, np.float32)), FRESH),
        (f"{RUN}/features.npy", saved(np.zeros((11, 4), np.float32)), FRESH),
        (f"{RUN}/features.npy", saved(np.zeros(12, np.float32)), FRESH),
        (f"{RUN}/features.npy", saved([["a"]] * 12), FRESH),
        (f"{RUN}/predictions.csv", None, FRESH),
        (f"{RUN}/predictions.csv", b"image,label\na,normal\n", FRESH),
        (f"{RUN}/predictions.csv", b"image,label,predicted\na,normal,polyp\n", FRESH),
        (f"{RUN}/model.json", b'{"origin": 3}', FRESH),
        (f"{RUN}/model.json", b'{"origin"', FRESH),
        ("data.json", b'{"classes": ["nor', COPY),
        ("data.json", b'["normal"]', COPY),
        ("data.json", b'{"name": "ward"}', COPY),
        ("data.json", b'{"classes": "normal"}', COPY),
        ("data.json", b'{"classes": []}', COPY),
        ("data.json", b'{"classes": ["normal", "normal"]}', COPY),
        ("data.json", b'{"classes": ["normal", "fibroid", "polyp"], "partitions": 3}', COPY),
        (
            "data.json",
            b'{"classes": ["normal", "fibroid", "polyp"], "partitions": {"train": [1]}}',
            COPY,
        ),
        ("data.json", b'{"classes": ["normal", "fibroid", "polyp"], "name": {}}', COPY),
        ("settings.toml", b"training = 3", COPY),
        ("settings.toml", b'networks = "vgg16"', COPY),
        ("settings.toml", b"\xff", COPY),
    ],
)
def test_damaged_file_is_one_sentence_with_its_name_and_what_to_do(
    tmp_path: Path,
    name: str,
    content: bytes | None,
    remedy: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    study = make(tmp_path / "s")
    if content is None:
        (study / name).unlink()
    else:
        (study / name).write_bytes(content)
    with pytest.raises(StudyError) as caught:
        summarize(study, "en")
    assert str(study / name) in str(caught.value)
    assert remedy in str(caught.value)
    assert not (study / "report.html").exists()
    assert main(["report", str(study), "--lang", "en"]) == 1
    assert str(caught.value) in capsys.readouterr().err


def test_files_that_only_decorate_are_done_without(tmp_path: Path) -> None:
    study = make(tmp_path / "s")
    for name, content in {
        "data.json": json.dumps({"classes": CLASSES}),
        "command.json": '{"argv": 3}',
        "versions.json": "[",
        f"{RUN}/failure.json": "{}",
        f"{RUN}/resources.json": "{",
    }.items():
        (study / name).write_text(content)
    assert summarize(study, "en").is_file()
    found = read_study(study)
    assert (found.name, found.command, dict(found.versions)) == ("", (), {})
    assert found.runs[0].failure is None
    assert "versions.json" in found.missing
    assert found.metrics["networks"]["vgg16"]["n"] == 12


@pytest.mark.parametrize(
    ("content", "said"), [("{}", "—"), ("{", "—"), ('{"message": "No memory."}', "No memory.")]
)
def test_study_of_failed_runs_is_refused_with_their_reason(
    tmp_path: Path, content: str, said: str
) -> None:
    study = make(tmp_path / "s")
    (study / RUN / "resources.json").unlink()
    with pytest.raises(StudyError, match="has finished yet"):
        summarize(study, "en")
    (study / RUN / "failure.json").write_text(content)
    with pytest.raises(StudyError, match=r"No run of .* has finished") as caught:
        summarize(study, "en")
    assert str(caught.value).endswith(said)


def test_labels_that_pandas_takes_for_gaps_are_labels(tmp_path: Path) -> None:
    study = make(tmp_path / "s", ("None", "NA", "null"))
    summarize(study, "en")
    table = pd.read_csv(study / "embeddings.csv", keep_default_na=False)
    assert table["label"].value_counts().to_dict() == {"None": 4, "NA": 4, "null": 4}
    metrics = json.loads((study / "metrics.json").read_text())
    assert "neighbor_purity" in metrics["networks"]["vgg16"]["embedding"]


def test_folds_are_pooled_and_seeds_averaged(tmp_path: Path) -> None:
    study = make(tmp_path / "s", folds=2, seeds=2)
    summarize(study, "zh")
    network = read_study(study).metrics["networks"]["vgg16"]
    assert (network["n"], network["seeds"]) == (24, [0, 1])
    assert sum(map(sum, network["confusion"])) == 48
    table = pd.read_csv(study / "predictions.csv")
    best = table[[f"p_{name}" for name in CLASSES]].idxmax(axis=1).str.removeprefix("p_")
    right = (best == table["label"]).groupby(table["seed"]).mean()
    assert network["accuracy"]["value"] == pytest.approx(right.mean())


def test_summary_is_the_same_bytes_twice(tmp_path: Path) -> None:
    study = make(tmp_path / "s")
    first = summarize(study, "en").read_bytes(), (study / "embeddings.csv").read_bytes()
    assert (summarize(study, "en").read_bytes(), (study / "embeddings.csv").read_bytes()) == first
