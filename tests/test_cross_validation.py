"""A small cross-validated study from the command line, and its networks on other data."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.special import log_softmax
from sklearn.metrics import log_loss

from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.dataset.preprocess import fit_grey_table
from metrascope.dataset.split import read_split
from metrascope.errors import DataError
from metrascope.figures.evaluation import Written
from metrascope.networks.checkpoint import load
from metrascope.phantom.phantom import write_phantom
from metrascope.report.drawings import Drawings
from metrascope.settings.study_settings import SplitSettings
from metrascope.statistics.temperature import apply_temperature, fit_temperature
from metrascope.study.split_choice import choose_split

CLASSES = ("normal", "fibroid", "polyp")
COLUMNS = [f"p_{label}" for label in CLASSES]
RUNS = ("resnet18-f0-s0", "resnet18-f1-s0")
TINY = [
    "--weights=none",
    "--device=cpu",
    "--networks=resnet18",
    "--set=preprocessing.input_size=32",
    "--set=training.epochs=1",
    "--set=training.precision=32-true",
    "--set=explain.faithfulness_images=4",
    "--set=explain.shortcut_images=4",
    "--set=training.batch_size=8",
    "--set=split.design=kfold",
    "--set=split.folds=2",
    "--set=split.validation=0.3",
]


def study(data: Path, out: Path, *options: str) -> int:
    return main(["study", "paper", "--data", str(data), "--out", str(out), *TINY, *options])


@pytest.fixture(scope="module")
def data(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the small phantom, where two patients of different scanners belong together."""
    copy = Path(shutil.copytree(phantom, tmp_path_factory.mktemp("data") / "ward"))
    table = pd.read_csv(copy / "manifest.csv", dtype=str, keep_default_na=False)
    table["patient_group"] = ["together"] * 2 + [""] * (len(table) - 2)
    table.to_csv(copy / "manifest.csv", index=False)
    return copy


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study of one network in two folds."""
    out = tmp_path_factory.mktemp("study") / "out"
    with pytest.MonkeyPatch.context() as patch:
        # Drawings of folds are tested with the page.
        patch.setattr("metrascope.report.page.draw_page_figures", lambda *_: Drawings())
        patch.setattr("metrascope.report.drawings.write_figures", lambda *_, **__: Written([], {}))
        assert study(data, out) == 0
    return out


def predictions(run: Path) -> pd.DataFrame:
    return pd.read_csv(run / "predictions.csv", dtype={"patient_id": str})


def test_everyone_is_tested_once_and_the_group_stays_together(finished: Path, data: Path) -> None:
    table = predictions(finished)
    tested = table[table["partition"] == "test"]
    manifest = read_manifest(data).table
    assert sorted(tested["image"]) == sorted(manifest["image"])
    split = pd.read_csv(finished / "splits.csv", dtype=str)
    for fold, rows in split.groupby("fold"):
        own = table[table["fold"] == int(fold)]
        for partition in ("validation", "test"):
            members = set(rows["patient_id"][rows["partition"] == partition])
            assert set(own["patient_id"][own["partition"] == partition]) == members
        pair = rows["partition"][rows["patient_id"].isin(manifest["patient_id"][:2])]
        assert pair.nunique() == 1


def test_rows_of_a_run_belong_together(finished: Path) -> None:
    for name in RUNS:
        run = finished / "runs" / name
        count = len(predictions(run))
        assert np.load(run / "features.npy").shape[0] == count
        assert np.load(run / "heatmaps.npy").shape[:2] == (count, 3)


def test_the_grey_table_is_that_of_the_folds_own_training_rows(finished: Path, data: Path) -> None:
    images = read_manifest(data).table["patient_id"]
    split = pd.read_csv(finished / "splits.csv", dtype=str)
    (histograms,) = finished.glob("prepared/*/histograms.npy")
    tables = []
    for name in RUNS:
        _, description = load(finished / "runs" / name)
        chosen = split[(split["fold"] == name[10]) & (split["partition"] == "train")]
        rows = images.isin(set(chosen["patient_id"])).to_numpy()
        expected = fit_grey_table(np.load(histograms)[rows].sum(axis=0))
        assert description.preprocessing.grey_table == tuple(expected.tolist())
        tables.append(description.preprocessing.grey_table)
    assert tables[0] != tables[1]


def test_the_temperature_is_that_of_the_validation_rows(finished: Path) -> None:
    for name in RUNS:
        run = finished / "runs" / name
        _, description = load(run)
        table = predictions(run)
        held = table[table["partition"] == "validation"]
        truth = held["label"].map(CLASSES.index).to_numpy()
        values = held[COLUMNS].to_numpy()
        expected = fit_temperature(np.log(values), truth)
        assert description.temperature == pytest.approx(expected, rel=1e-3)
        scaled = apply_temperature(values, description.temperature)
        assert log_loss(truth, scaled, labels=[0, 1, 2]) <= log_loss(
            truth, values, labels=[0, 1, 2]
        )


def test_the_report_is_about_the_tested(finished: Path, data: Path) -> None:
    metrics = json.loads((finished / "metrics.json").read_text(encoding="utf-8"))
    assert (metrics["partition"], metrics["n"]) == ("test", 40)
    cases = pd.read_csv(finished / "cases.csv")
    assert sorted(cases["image"]) == sorted(read_manifest(data).table["image"])
    first = predictions(finished / "runs" / RUNS[0])
    embedded = pd.read_csv(finished / "embeddings.csv")
    first_map = embedded[embedded["perplexity"] == 30]
    for column in ("image", "partition"):
        assert first_map[column].tolist() == first[column].tolist()
    content = json.loads((finished / "data.json").read_text(encoding="utf-8"))
    assert list(content["partitions"]) == ["test"]
    whole = content["partitions"]["test"]
    for label in CLASSES:
        parts = [fold["partitions"]["test"][label]["patients"] for fold in content["folds"]]
        assert whole[label]["patients"] == sum(parts)
    tested = pd.read_csv(finished / "splits.csv").query("partition == 'test'")
    assert content["partition_patients"] == {"test": tested["patient_id"].nunique()}
    page = (finished / "report.html").read_text(encoding="utf-8")
    assert ">test patients<" in page
    assert ">validation patients<" not in page
    assert "The split has 2 folds" in page


@pytest.mark.usefixtures("without_drawings")
def test_it_goes_on_where_it_stopped(
    finished: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = Path(shutil.copytree(finished, tmp_path / "out"))
    shutil.rmtree(out / "runs" / RUNS[1])
    assert study(data, out) == 0
    assert f"{RUNS[0]} is already finished" in capfd.readouterr().err
    names = ["predictions.csv", "metrics.json", "embeddings.csv", "data.json"]
    names += [f"runs/{RUNS[1]}/{name}" for name in ("weights.safetensors", "model.json")]
    for name in names:
        assert (out / name).read_bytes() == (finished / name).read_bytes(), name


def test_a_leak_in_one_fold_is_found(finished: Path, data: Path, tmp_path: Path) -> None:
    table = pd.read_csv(finished / "splits.csv", dtype=str)
    manifest = read_manifest(data)
    first, second = manifest.table["patient_id"][:2]
    rows = table["fold"] == "1"
    for patient, partition in ((first, "train"), (second, "test")):
        table.loc[rows & (table["patient_id"] == patient), "partition"] = partition
    table.to_csv(tmp_path / "s.csv", index=False)
    with pytest.raises(
        DataError, match=r"leaks: 1 patient[^\n]*\n.*group together is in test \+ train"
    ):
        choose_split(manifest, CLASSES, SplitSettings(), tmp_path / "s.csv", ())
    # Whoever a fold excludes is on neither side of it.
    table.loc[rows & (table["patient_id"] == second), "partition"] = "excluded"
    table.to_csv(tmp_path / "s.csv", index=False)
    _, leaks = choose_split(manifest, CLASSES, SplitSettings(), tmp_path / "s.csv", ())
    assert leaks == 0


def test_a_split_that_was_written_is_the_one_a_study_draws(
    finished: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "s.csv"
    options = ["--folds=2", "--validation=0.3"]
    assert main(["split", str(data), "--out", str(path), *options]) == 0
    told = capfd.readouterr()
    assert path.read_bytes() == (finished / "splits.csv").read_bytes()
    assert "Patients / images by partition, ward" in told.out
    assert "Research use only" in told.out
    made_from = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert made_from["settings"]["design"] == "kfold"
    manifest = read_manifest(data).table
    assert read_split(path, manifest, CLASSES).digest == made_from["split_sha256"]


def test_leaving_scanners_out_names_them_and_tells_which_say_little(
    data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["split", str(data), "--out", str(tmp_path / "s.csv"), "--by=scanner"]) == 0
    told = capfd.readouterr()
    assert "GE Voluson E10" in told.out
    assert "excluded" in told.out  # the two of one group are of different scanners
    assert "with few patients of" in told.err


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--folds=3", "--by=scanner"], "--by is for the design leave-one-out, not for kfold"),
        (["--design=holdout", "--folds=3"], "--folds is for the design kfold"),
        (["--folds=3", "--test=0.1"], "split.test is for the design holdout"),
        (["--folds=1"], "folds cannot be 1"),
        (["--folds=30"], "30 folds need at least 30"),
        (["--by=centre"], "the same centre (phantom)"),
        (["--out=s.json"], "ends in .csv"),
    ],
)
def test_wrong_designs_are_one_sentence(
    data: Path,
    tmp_path: Path,
    options: list[str],
    expected: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "s.csv"
    assert main(["split", str(data), "--out", str(path), *options]) == 1
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1
    assert not path.exists()


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ward whose patients the networks have not seen: no fibroid among them."""
    folder = tmp_path_factory.mktemp("other") / "elsewhere"
    shares = {"normal": 1.0, "polyp": 1.0}
    write_phantom(folder, patients=8, seed=9, size=128, prevalence=shares)
    table = pd.read_csv(folder / "manifest.csv", dtype=str, keep_default_na=False)
    table["patient_id"] = "X" + table["patient_id"]
    table.to_csv(folder / "manifest.csv", index=False)
    return folder


def test_a_study_is_tested_on_other_data(
    finished: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = ["evaluate", "--run", str(finished), "--data", str(other), "--out", str(out)]
    assert main(arguments) == 0
    told = capsys.readouterr()
    assert "elsewhere, test set, n = 8 patients" in told.out
    assert "same people" not in told.err
    table = predictions(out)
    assert len(table) == 16
    assert set(table["partition"]) == {"test"}
    assert sorted(set(table["fold"])) == [0, 1]
    assert (out / "figures" / "confusion.svg").is_file()
    metrics = json.loads((out / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["classes"] == list(CLASSES)


def test_what_was_read_in_training_is_read_the_same(
    finished: Path, data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same images under another manifest: the same probabilities, to the last digit."""
    copy = Path(shutil.copytree(data, tmp_path / "copy"))
    table = pd.read_csv(copy / "manifest.csv", dtype=str, keep_default_na=False)
    table.assign(remark="once more").to_csv(copy / "manifest.csv", index=False)
    for file in (copy / "images").iterdir():  # the same pixels in other files
        with Image.open(file) as picture:
            picture.save(file, compress_level=1)
    run, out = finished / "runs" / RUNS[1], tmp_path / "out"
    arguments = ["evaluate", "--run", str(run), "--data", str(copy), "--out", str(out)]
    assert main(arguments) == 0
    assert "is not external" in capfd.readouterr().err
    assert "is not external" in (out / "evaluation.html").read_text(encoding="utf-8")
    before = predictions(run).set_index("image")
    after = predictions(out).set_index("image").loc[before.index]
    assert log_softmax(after[COLUMNS], axis=1) == pytest.approx(
        log_softmax(before[COLUMNS], axis=1)
    )
    assert after[COLUMNS].to_numpy() == pytest.approx(before[COLUMNS].to_numpy(), abs=1e-6)
    assert (after["label"] == before["label"]).all()


def test_what_cannot_be_an_external_test_is_one_sentence(
    finished: Path, data: Path, other: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    renamed = Path(shutil.copytree(other, tmp_path / "renamed"))
    table = pd.read_csv(renamed / "manifest.csv", dtype=str, keep_default_na=False)
    table.loc[2, "label"] = "cancer"
    table.to_csv(renamed / "manifest.csv", index=False)
    remarked = Path(shutil.copytree(data, tmp_path / "remarked"))
    table = pd.read_csv(remarked / "manifest.csv", dtype=str, keep_default_na=False)
    table[1:].assign(remark="seen").to_csv(remarked / "manifest.csv", index=False)
    run, given = str(finished), str(finished / "predictions.csv")
    wrong = [
        (["--run", run, "--data", str(remarked)], f"{len(table) - 1} images of"),
        (["--run", run, "--data", str(data)], f"{len(table)} images of"),
        (["--run", run, "--data", str(renamed)], "row 4: the label cancer"),
        (["--run", str(other), "--data", str(other)], "is a data set, which metrascope study"),
        (["--run", run], "one of the two"),
        ([given, "--data", str(other)], "one of the two"),
        ([given, "--run", run, "--data", str(other)], "one of the two"),
        ([], "one of the two"),
        (["--run", run, "--data", str(other), "--classes=a,b"], "--classes is for tables"),
    ]
    for options, expected in wrong:
        assert main(["evaluate", *options, "--out", str(tmp_path / "out")]) == 1, options
        told = capsys.readouterr().err
        assert expected in told
        assert told.count("\n") == 1
    assert not (tmp_path / "out" / "predictions.csv").exists()
