"""Sentences at the edge: they must stay true of ties, of one patient, and of absent classes."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.statistics.make import PAPER, saved

from metrascope.messages import LANGUAGES
from metrascope.results.ranking import (
    absent_classes,
    agreement_sentences,
    fewer_read,
    highest_networks,
    ranking_sentences,
    same_answers,
    weakest_sentences,
)
from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.predictions import read_predictions

LABELS = [PAPER[i % 3] for i in range(30)]


def readings(network: str, labels: list[str], missed: int, prefix: str = "") -> pd.DataFrame:
    """Return rows of a network that reads the first ``missed`` patients as the next class."""
    rows = []
    for i, label in enumerate(labels):
        place = (PAPER.index(label) + (i < missed)) % 3
        p = [0.6 if k == place else 0.2 for k in range(3)]
        rows.append([network, f"{prefix}i{i}.png", f"{prefix}P{i}", label, "validation", *p])
    columns = ["network", "image", "patient_id", "label", "partition"]
    return pd.DataFrame(rows, columns=[*columns, *(f"p_{name}" for name in PAPER)])


def metrics_of(folder: Path, *tables: pd.DataFrame) -> dict[str, Any]:
    path = saved(pd.concat(tables, ignore_index=True), folder)
    return evaluate(read_predictions([path], PAPER), replicates=200)


def test_no_network_of_equals_is_called_the_highest(tmp_path: Path) -> None:
    metrics = metrics_of(tmp_path, readings("a", LABELS, 9), readings("b", LABELS, 9))
    assert metrics["comparisons"]["ranking"]["best_of_resamples"] == {"a": 0.5, "b": 0.5}
    assert highest_networks(metrics) == ["a", "b"]
    said = ranking_sentences(metrics, "en")
    assert len(said) == 2
    assert "cannot be told apart" in said[0]
    assert said[1].startswith("a, b have the same macro F1")
    assert not any("by luck" in one or "resamples" in one for one in said)


def test_two_of_three_that_are_equal_share_the_resamples(tmp_path: Path) -> None:
    tables = [readings(name, LABELS, missed) for name, missed in (("a", 3), ("b", 3), ("c", 28))]
    metrics = metrics_of(tmp_path, *tables)
    ranking = metrics["comparisons"]["ranking"]
    assert ranking["highest"] == ["a", "b"]
    assert ranking["best_of_resamples"]["a"] == ranking["best_of_resamples"]["b"]
    assert sum(ranking["best_of_resamples"].values()) == pytest.approx(1)
    said = ranking_sentences(metrics, "en")
    assert "a, b are each better than c." in said
    assert any(one.startswith("Equal accuracy of all networks") for one in said)


def test_cochran_is_not_told_beside_mcnemar(tmp_path: Path) -> None:
    metrics = metrics_of(tmp_path, readings("a", LABELS, 3), readings("b", LABELS, 20))
    assert not any("Cochran" in one for one in ranking_sentences(metrics, "en"))


def test_one_patient_asks_for_no_number_of_patients(tmp_path: Path) -> None:
    metrics = metrics_of(tmp_path, readings("a", ["normal"], 0))  # warnings are errors here
    said = ranking_sentences(metrics, "en")
    assert said == [
        "a has a macro F1 of 100.0 (20.7–100.0)% (95% interval in brackets) on 1 patient."
    ]
    assert absent_classes(metrics, "en").startswith("Nobody evaluated has the class Fibroid, Polyp")


def test_networks_of_other_patients_are_told_of_one_by_one(tmp_path: Path) -> None:
    apart = metrics_of(
        tmp_path, readings("a", LABELS, 9), readings("b", LABELS, 9, prefix="other ")
    )
    said = ranking_sentences(apart, "en")
    assert [one.split()[0] for one in said if "has a macro F1" in one] == ["a", "b"]
    assert all("on 30 patients" in one for one in said if "has a macro F1" in one)
    assert said[-1].startswith("No patient was read by every network")
    assert "a 30 of 60, b 30 of 60. No patient was read by all" in fewer_read(apart, "en")


def test_networks_that_share_patients_are_compared_on_those(tmp_path: Path) -> None:
    metrics = metrics_of(tmp_path, readings("a", LABELS, 9), readings("b", LABELS[:20], 3))
    assert "b 20 of 30" in fewer_read(metrics, "en")
    assert "on the 20 patients" in fewer_read(metrics, "en")
    assert "On these 20 patients" in ranking_sentences(metrics, "en")[0]


def test_weakest_class_is_one_that_somebody_has_and_somebody_misses(tmp_path: Path) -> None:
    perfect = metrics_of(tmp_path, readings("a", LABELS, 0))
    assert weakest_sentences(perfect, "a", "en") == []
    two = ["normal", "polyp"] * 6
    metrics = metrics_of(tmp_path, readings("a", two, 1))
    (said,) = weakest_sentences(metrics, "a", "en")
    assert "“Normal”: of 6 patients it finds 83 " in said
    assert absent_classes(perfect, "en") == ""
    equal = metrics_of(tmp_path, readings("a", two, 2))
    assert weakest_sentences(equal, "a", "en") == []


def test_a_constant_network_is_named(tmp_path: Path) -> None:
    constant = readings("a", LABELS, 0)
    constant[[f"p_{name}" for name in PAPER]] = [0.2, 0.2, 0.6]
    metrics = metrics_of(tmp_path, constant, readings("b", LABELS, 3))
    assert same_answers(metrics, "en") == ["a gave the same answer to everyone, “Polyp”."]
    assert same_answers(metrics_of(tmp_path, readings("a", ["normal"] * 5, 0)), "en") == []


def test_every_sentence_is_there_in_both_languages(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for missed in rng.integers(0, 30, (4, 2)).tolist():
        metrics = metrics_of(
            tmp_path, readings("a", LABELS, missed[0]), readings("b", LABELS[:25], missed[1])
        )
        told = [
            [
                fewer_read(metrics, lang),
                *ranking_sentences(metrics, lang),
                *agreement_sentences(metrics, lang),
            ]
            for lang in LANGUAGES
        ]
        assert len(told[0]) == len(told[1])
        assert all(told[0] + told[1])
