"""The page of an evaluation has its numbers in both languages, and nothing that needs a study."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.statistics.make import INCEPTION, PAPER, hard_labels, random_table, saved

from metrascope.messages import text
from metrascope.report.evaluation_page import write_evaluation_page
from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.predictions import read_predictions

from .tree import Node, parse


def page_of(folder: Path, table: pd.DataFrame, name: str = "ward-9") -> tuple[Node, dict]:  # type: ignore[type-arg]
    predictions = read_predictions([saved(table, folder)], PAPER)
    metrics = json.loads(json.dumps(evaluate(predictions, replicates=200)))
    page = write_evaluation_page(metrics, predictions.table, folder, "zh", name)
    assert page == folder / "evaluation.html"
    return parse(page.read_text(encoding="utf-8")), metrics


def external() -> pd.DataFrame:
    table = random_table(np.random.default_rng(0), networks=["resnet18", "vgg16"], n=60)
    twice = table["image"].isin(["images/0000.png", "images/0001.png"])
    return table.assign(partition="test").assign(
        patient_id=table["patient_id"].where(~twice, "P0000"),
        label=table["label"].where(~twice, "polyp"),
    )


def test_page_has_the_numbers_and_who_was_evaluated(tmp_path: Path) -> None:
    table = external()
    page, metrics = page_of(tmp_path, table)
    results = page.by_id("results").rows("en")
    for name in ("resnet18", "vgg16"):
        value = 100 * metrics["networks"][name]["macro_f1"]["value"]
        assert any(f"{value:.2f}" in cell for row in results for cell in row)
    counts = {row[0]: row[1:] for row in page.by_id("data").rows("en")}
    own = table[table["network"] == "resnet18"]
    for title, label in (("Normal", "normal"), ("Endometrial polyp", "polyp")):
        images = own[own["label"] == label]
        assert counts[title] == [str(images["patient_id"].nunique()), str(len(images))]


def test_page_has_no_part_that_needs_a_study(tmp_path: Path) -> None:
    page, _ = page_of(tmp_path, external())
    sections = [node.attributes["id"] for node in page.find("section")]
    assert sections[:4] == ["summary", "data", "results", "confusion"]
    assert sections[-1] == "glossary"
    assert {"statistics", "calibration"} <= set(sections)
    assert not {"heatmaps", "curves", "cases", "methods", "settings", "versions"} & set(sections)
    linked = {node.attributes["href"][1:] for node in page.find("nav")[0].find("a")}
    assert linked == set(sections)


@pytest.mark.parametrize(
    ("lang", "words", "absent"),
    [
        ("en", ("evaluation of predictions", "Research use only"), "study report"),
        ("zh", ("预测结果评估", "仅供研究使用"), "研究报告"),
    ],
)
def test_page_says_what_it_is_in_both_languages(
    lang: str, words: tuple[str, ...], absent: str, tmp_path: Path
) -> None:
    page, _ = page_of(tmp_path, external())
    (body,) = page.find("body")  # the page itself is in the language that it opens in
    shown = body.text(lang)
    assert all(word in shown for word in words)
    assert absent not in shown


def test_labels_alone_have_a_page_without_probabilities(tmp_path: Path) -> None:
    page, _ = page_of(tmp_path, hard_labels(INCEPTION))
    assert "82.46" in page.by_id("results").text("en")
    assert "calibration" not in {node.attributes["id"] for node in page.find("section")}


def test_of_synthetic_images_the_page_says_so(tmp_path: Path) -> None:
    predictions = read_predictions([saved(external(), tmp_path)], PAPER)
    metrics = json.loads(json.dumps(evaluate(predictions, replicates=200)))
    for sources, said in ((["Metrascope phantom"], True), (["Ward 9"], False)):
        arguments = (metrics, predictions.table, tmp_path, "en", "other", sources)
        page = parse(write_evaluation_page(*arguments).read_text(encoding="utf-8"))
        assert ("The images are synthetic" in page.by_id("summary").text("en")) is said
        assert sources[0] in page.by_id("data").text("en")


def test_of_patients_who_are_in_training_the_page_says_so(tmp_path: Path) -> None:
    predictions = read_predictions([saved(external(), tmp_path)], PAPER)
    metrics = json.loads(json.dumps(evaluate(predictions, replicates=200)))
    for shared in ((), ("P0002", "P0010")):
        arguments = (metrics, predictions.table, tmp_path, "en", "other", (), shared)
        page = parse(write_evaluation_page(*arguments).read_text(encoding="utf-8"))
        for lang in ("en", "zh"):
            said = text("external.shared", lang, count=2, patient="P0002")
            assert (said in page.by_id("summary").text(lang)) is bool(shared)


def test_a_hostile_name_is_text(tmp_path: Path) -> None:
    page, _ = page_of(tmp_path, external(), name="<script>alert(1)</script>")
    assert "<script>alert(1)</script>" in page.by_id("data").text("en")
