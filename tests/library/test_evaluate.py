"""Predictions in memory are evaluated as the command evaluates files, and refused with a reason."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.statistics.make import INCEPTION, PAPER, hard_labels, random_table, saved

from metrascope import MetrascopeError, compare, evaluate
from metrascope.cli import main
from metrascope.library import evaluate as library
from metrascope.report.drawings import Drawings
from metrascope.statistics.evaluate import evaluate_predictions


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw few resamples: most tests here are about what goes in and out."""
    from functools import partial

    quick = partial(evaluate_predictions, replicates=200)
    monkeypatch.setattr(library, "evaluate_predictions", quick)
    monkeypatch.setattr("metrascope.figures.evaluation.evaluate_predictions", quick)


def table(networks: tuple[str, ...] = ("resnet18",), n: int = 60) -> pd.DataFrame:
    """Return predictions in which a patient has two images, with the scanner of each."""
    made = random_table(np.random.default_rng(3), networks=networks, n=n)
    owners = made["patient_id"].replace({"P0001": "P0000"})
    labels = made["label"].where(owners != "P0000", "polyp")
    return made.assign(patient_id=owners, label=labels)


def equal(one: object, other: object) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.fixture
def plain_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write what figures are drawn from instead of drawing them, most of the time of a page."""

    def write(metrics: object, folder: Path, *given: object) -> None:
        folder.mkdir(parents=True)
        (folder / "drawn.json").write_text(json.dumps([metrics, *given]), encoding="utf-8")

    monkeypatch.setattr("metrascope.figures.evaluation.write_figures", write)
    monkeypatch.setattr(
        "metrascope.report.evaluation_page.draw_page_figures", lambda *_: Drawings()
    )


@pytest.mark.usefixtures("few", "plain_figures")
def test_a_table_in_memory_gives_what_the_command_writes(tmp_path: Path) -> None:
    predictions = table()
    path = saved(predictions, tmp_path)
    manifest = predictions[["image"]].assign(
        scanner=np.where(np.arange(len(predictions)) % 2, "A", "B"),
        age=np.arange(len(predictions)) + 20,
        source="metrascope-phantom",
    )
    saved(manifest, tmp_path, "manifest.csv")
    options = [f"--out={tmp_path / 'command'}", f"--manifest={tmp_path / 'manifest.csv'}"]
    assert main(["evaluate", str(path), *options]) == 0

    written = json.loads((tmp_path / "command" / "metrics.json").read_text("utf-8"))
    assert "subgroups" in written
    for given in (predictions, path, str(path), [path]):
        groups = manifest if given is predictions else tmp_path / "manifest.csv"
        found = evaluate(given, groups=groups)
        assert equal(found.metrics, written)
    found.save(tmp_path / "library")
    files = sorted(
        file.relative_to(tmp_path / "command")
        for file in (tmp_path / "command").rglob("*")
        if file.is_file()
    )
    assert {"metrics.json", "evaluation.html", "drawn.json"} <= {file.name for file in files}
    for file in files:
        same = (tmp_path / "library" / file).read_bytes()
        assert same == (tmp_path / "command" / file).read_bytes(), file


@pytest.mark.usefixtures("few")
def test_arrays_give_the_numbers_of_their_table() -> None:
    predictions = table().assign(network="arrays")
    predictions["image"] = [str(row) for row in range(len(predictions))]
    shares = predictions[[f"p_{name}" for name in PAPER]].to_numpy()
    wanted = evaluate(predictions).metrics
    patients = predictions["patient_id"]
    by_name = evaluate(predictions["label"], shares, classes=PAPER, patients=patients)
    assert equal(by_name.metrics, wanted)
    codes = predictions["label"].map({name: place for place, name in enumerate(PAPER)})
    assert equal(evaluate(codes, shares, classes=PAPER, patients=patients).metrics, wanted)
    assert equal(
        evaluate(codes.tolist(), shares.tolist(), classes=list(PAPER), patients=patients).metrics,
        wanted,
    )
    numbered = evaluate(codes, shares, patients=patients).metrics
    assert numbered["classes"] == ["0", "1", "2"]
    found = numbered["networks"]["arrays"]["confusion"]
    assert found == wanted["networks"]["arrays"]["confusion"]


@pytest.mark.usefixtures("few")
def test_the_published_matrix_gives_the_published_figures(tmp_path: Path) -> None:
    found = evaluate(hard_labels(INCEPTION), name="ward 9")
    assert str(found.estimate("macro_f1")).startswith("82.46 (")
    assert (
        str(found.estimate("mcc"))[:5]
        == f"{found.metrics['networks']['DataFrame']['mcc']['value']:.3f}"
    )
    recall = found.estimate("recall", label="fibroid")
    assert recall.value == pytest.approx(100 * 18 / 23, abs=0.005)
    assert found.tables["confusion"].iloc[:, 2:].to_numpy().tolist() == [
        list(row) for row in INCEPTION
    ]
    assert "82.46" in found._repr_html_()
    page = found.page(tmp_path / "page.html")
    assert "82.46" in page.read_text(encoding="utf-8")
    assert "ward 9" in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("few")
def test_compared_tables_give_the_numbers_of_one_study(tmp_path: Path) -> None:
    predictions = table(("resnet18", "vgg16", "own"))
    wanted = library.evaluate_predictions(library.check_predictions(predictions))
    parts = dict(iter(predictions.groupby("network")))
    path = saved(parts["own"].drop(columns="network"), tmp_path, "anything.csv")
    found = compare({"own": path, "resnet18": parts["resnet18"], "vgg16": parts["vgg16"]})
    assert equal(found.metrics, wanted)
    pair = wanted["comparisons"]["pairs"][0]
    rows = found.differences.set_index(["first", "second", "measure"])
    assert rows.loc[(pair["first"], pair["second"], "macro_auc"), "p"] == pair["macro_auc"]["p"]
    assert len(rows) == 9


@pytest.mark.usefixtures("few")
def test_a_metric_of_ones_own_has_an_interval_over_patients() -> None:
    predictions = table(n=80)
    found = evaluate(predictions)

    def accuracy(truth: np.ndarray, shares: np.ndarray, weights: np.ndarray) -> float:
        return float(np.average(shares.argmax(1) == truth, weights=weights))

    measured = found.measure(accuracy)
    assert measured.value == found.metrics["networks"]["resnet18"]["accuracy"]["value"]
    # Of so many patients a share has nearly the normal interval.
    half = 1.96 * np.sqrt(measured.value * (1 - measured.value) / 79)
    assert measured.low == pytest.approx(measured.value - half, abs=0.025)
    assert measured.high == pytest.approx(measured.value + half, abs=0.025)

    # A second image of every patient tells nothing more of patients.
    again = predictions.assign(image="again-" + predictions["image"])
    twice = evaluate(pd.concat([predictions, again]))
    assert twice.measure(accuracy) == measured
    with pytest.raises(MetrascopeError, match="did not return one number"):
        found.measure(lambda *_: "none")  # type: ignore[arg-type,return-value]
    with pytest.raises(MetrascopeError, match="did not return one number"):
        found.measure(lambda truth, *_: truth)  # type: ignore[arg-type,return-value]


WRONG = {
    "none of these": (["library.no_predictions"], lambda t: evaluate(np.zeros(3))),
    "a column less": (["lacks the columns label"], lambda t: evaluate(t.drop(columns="label"))),
    "no rows": (["holds no predictions"], lambda t: evaluate(t.iloc[:0])),
    "no number": (
        ["row 4, column p_polyp", "is not a probability"],
        lambda t: evaluate(t.assign(p_polyp=t["p_polyp"].where(t.index != 4))),
    ),
    "a strange label": (
        ["row 2, column label", '"myoma" is not one of the classes'],
        lambda t: evaluate(t.assign(label=t["label"].where(t.index != 2, "myoma"))),
    ),
    "too few patients": (
        ["(5,) for 60 rows"],
        lambda t: evaluate(t, patients=["A"] * 5),
    ),
    "a patient missing": (
        ["Row 7 has no patient"],
        lambda t: evaluate(t, patients=[None if row == 7 else "A" for row in range(60)]),
    ),
    "shapes": (
        ["(60,)", "(59, 3)"],
        lambda t: evaluate(t["label"], np.ones((59, 3)) / 3, classes=PAPER),
    ),
    "names without an order": (
        ["classes="],
        lambda t: evaluate(t["label"], np.ones((60, 3)) / 3),
    ),
    "another number of classes": (
        ["3 columns and 2 classes"],
        lambda t: evaluate(t["label"], np.ones((60, 3)) / 3, classes=("a", "b")),
    ),
    "a class too many": (
        ["class 3 does not exist", "0 to 2"],
        lambda t: evaluate(np.arange(60) % 4, np.ones((60, 3)) / 3, classes=PAPER),
    ),
    "logits": (
        ["reach from -2 to 0", "softmax"],
        lambda t: evaluate(np.arange(60) % 3, np.full((60, 3), -2.0)),
    ),
    "NaN": (
        ["Row 1 of the probabilities holds NaN"],
        lambda t: evaluate([0, 1], [[1, 0], [np.nan, 1]]),
    ),
    "sums": (
        ["Row 0 of the probabilities adds up to 0.6000, and 2 row"],
        lambda t: evaluate([0, 1], [[0.3, 0.3], [0.1, 0.2]]),
    ),
    "a class missing": (
        ["no class for image 1"],
        lambda t: evaluate([0, np.nan], [[1, 0], [0, 1]]),
    ),
    "a strange class": (
        ["There is no class myoma", "normal, polyp"],
        lambda t: evaluate(["myoma"], [[1, 0]], classes=("normal", "polyp")),
    ),
    "classes twice": (
        ["none twice"],
        lambda t: evaluate(t["label"], np.ones((60, 3)) / 3, classes=("a", "b", "b")),
    ),
    "classes as a text": (["one text (normal)"], lambda t: evaluate(t, classes="normal")),
    "one column": (["one class only (0)"], lambda t: evaluate([0, 0], [[1.0], [1.0]])),
    "one class in all": (
        ["one class only (x)"],
        lambda t: evaluate(pd.DataFrame({"image": ["a"], "label": ["x"], "predicted": ["x"]})),
    ),
    "the same in every row": (
        ["first (60)", "row 2, column label", "and 57 more"],
        lambda t: evaluate(t.assign(label="myoma")),
    ),
    "prevalence as a list": (
        ["every class (normal, fibroid, polyp) needs a share"],
        lambda t: evaluate(t, prevalence=[0.5, 0.3, 0.2]),
    ),
    "words as probabilities": (
        ["numbers between 0 and 1"],
        lambda t: evaluate([0], np.array([["a", "b"]])),
    ),
    "groups that are patients": (["patients="], lambda t: evaluate(t, groups=list(range(60)))),
    "groups of no use": (
        ["scanner, centre", "vendor"],
        lambda t: evaluate(t, groups={"vendor": ["GE"] * 60}),
    ),
    "groups of another length": (
        ["(59,) for 60 rows"],
        lambda t: evaluate(t, groups={"scanner": ["GE"] * 59}),
    ),
    "groups of other images": (
        ["None of the 60 image"],
        lambda t: evaluate(t, groups=pd.DataFrame({"image": ["x"], "scanner": ["GE"]})),
    ),
    "one table": (["two tables"], lambda t: compare({"a": t})),
    "several networks": (
        ["b holds the predictions of several networks (resnet18, vgg16)"],
        lambda t: compare({"a": t, "b": table(("resnet18", "vgg16"))}),
    ),
    "other images": (
        ["No patient was read by all of a, b"],
        lambda t: compare({"a": t, "b": t.assign(image="x" + t["image"], patient_id="x")}),
    ),
    "no such file": (["cannot be read"], lambda t: evaluate("no.csv")),
}


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_evaluated_is_told_in_a_sentence(case: str) -> None:
    expected, call = WRONG[case]
    with pytest.raises(MetrascopeError) as caught:
        call(table())
    told = str(caught.value)
    for words in expected:
        assert words == caught.value.key or words in told, told


@pytest.mark.usefixtures("few")
def test_an_unknown_number_lists_those_there_are() -> None:
    found = evaluate(table(("resnet18", "vgg16")))
    with pytest.raises(MetrascopeError, match="vgg16, resnet18"):
        found.estimate("macro_f1")
    with pytest.raises(MetrascopeError, match="macro_recall, macro_f1"):
        found.estimate("f1", "vgg16")
    with pytest.raises(MetrascopeError, match="normal, fibroid, polyp"):
        found.estimate("f1", "vgg16", "myoma")


@pytest.mark.usefixtures("few")
def test_arrays_are_compared_as_tables_are() -> None:
    predictions = table(("a", "b"))
    parts = dict(iter(predictions.groupby("network")))
    patients = parts["a"]["patient_id"].tolist()
    arrays = {
        name: (rows["label"].tolist(), rows[[f"p_{label}" for label in PAPER]].to_numpy())
        for name, rows in parts.items()
    }
    named = {
        name: rows.assign(image=[str(row) for row in range(len(rows))])
        for name, rows in parts.items()
    }
    found = compare(arrays, classes=PAPER, patients=patients)
    assert equal(found.metrics, compare(named).metrics)


@pytest.mark.usefixtures("few")
def test_one_class_is_evaluated_without_what_takes_two() -> None:
    only = table().assign(label="polyp")
    found = evaluate(only)
    assert found.metrics["networks"]["resnet18"]["classes"]["normal"]["support"] == 0
    assert found.estimate("accuracy").value > 0
