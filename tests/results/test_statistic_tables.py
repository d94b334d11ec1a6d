"""Tables and findings: what they must and must not say of given numbers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.statistics.make import INCEPTION, PAPER, hard_labels, random_table, saved

from metrascope.messages import text
from metrascope.results.calibration_tables import calibration_tables
from metrascope.results.explanation_findings import explanation_sentences
from metrascope.results.notation import percent
from metrascope.results.ranking import (
    agreement_sentences,
    few_sentences,
    ranking_sentences,
    weakest_sentences,
)
from metrascope.results.statistic_tables import statistic_tables
from metrascope.results.tables import csv_text, per_class, per_class_caption
from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.predictions import Predictions, read_predictions

NETWORKS = ("vgg16", "mobilenet_v2", "resnet18")


def metrics_of(folder: Path, skill: dict[str, float], **options: Any) -> dict[str, Any]:
    """Return the numbers of networks whose probabilities lean to the truth by so much."""
    table = random_table(np.random.default_rng(0), n=90, networks=NETWORKS)
    for name in PAPER:
        lean = table["network"].map(skill)
        right = (table["label"] == name).astype(float)
        table[f"p_{name}"] = ((1 - lean) * table[f"p_{name}"] + lean * right).round(8)
    return evaluate(loaded(table, folder), replicates=400, **options)


def loaded(table: Any, folder: Path) -> Predictions:
    return read_predictions([saved(table, folder)], PAPER)


@pytest.fixture(name="equal")
def of_equals(tmp_path: Path) -> dict[str, Any]:
    return metrics_of(tmp_path, dict.fromkeys(NETWORKS, 0.3))


def test_tables_hold_the_numbers_of_metrics(equal: dict[str, Any]) -> None:
    tables = {table.name: table.frame for table in statistic_tables(equal, "en")}
    assert list(tables) == ["overall", "diagnostic", "questions", "pairs"]
    assert len(tables["diagnostic"]) == 4 * 3
    row = tables["diagnostic"].iloc[1].tolist()
    scores = equal["networks"]["vgg16"]["classes"]["fibroid"]
    assert list(map(str, row[:4])) == [
        "VGG-16",
        "Fibroid",
        percent(scores["recall"], 1),
        percent(scores["specificity"], 1),
    ]
    assert tables["overall"]["Network"].tolist()[-1] == "All networks voting"
    assert len(tables["pairs"]) == 3


def test_both_languages_have_the_same_cells(equal: dict[str, Any]) -> None:
    for english, chinese in zip(
        statistic_tables(equal, "en"), statistic_tables(equal, "zh"), strict=True
    ):
        assert english.name == chinese.name
        assert english.frame.shape == chinese.frame.shape
        assert english.caption != chinese.caption
        assert list(english.frame.columns) != list(chinese.frame.columns)
        assert (english.frame.iloc[:, -1].to_numpy() == chinese.frame.iloc[:, -1].to_numpy()).all()


def test_hard_labels_have_no_areas(tmp_path: Path) -> None:
    metrics = evaluate(loaded(hard_labels([(8, 1, 1), (2, 6, 1), (0, 1, 9)]), tmp_path))
    tables = {table.name: table.frame for table in statistic_tables(metrics, "en")}
    assert "AUC, %" not in tables["diagnostic"].columns
    assert "Macro AUC, %" not in tables["overall"].columns
    assert "pairs" not in tables


def test_stated_prevalence_has_a_table_of_its_own(tmp_path: Path) -> None:
    shares = {"normal": 0.9, "fibroid": 0.04, "polyp": 0.06}
    metrics = metrics_of(tmp_path, dict.fromkeys(NETWORKS, 0.5), prevalence=shares)
    tables = {table.name: table for table in statistic_tables(metrics, "en")}
    assert "Normal 90%" in tables["prevalence"].caption
    scores = metrics["networks"]["vgg16"]["classes"]["polyp"]
    matrix = np.array(metrics["networks"]["vgg16"]["confusion"], dtype=float)
    stated = matrix / matrix.sum(1, keepdims=True) * np.array(list(shares.values()))[:, None]
    expected = stated[2, 2] / stated[:, 2].sum()
    assert scores["precision_at_prevalence"]["value"] == pytest.approx(expected)


def test_equal_networks_are_not_ranked(equal: dict[str, Any]) -> None:
    said = ranking_sentences(equal, "en")
    assert "none of the 3 pairs of networks can be told apart" in said[0]
    assert "cannot be told from" in said[1]
    assert "by luck alone" in said[2]
    assert not any("is better than" in one for one in said if not one.startswith("To show"))


def test_a_better_network_is_said_to_be_better(tmp_path: Path) -> None:
    metrics = metrics_of(tmp_path, {"vgg16": 0.0, "mobilenet_v2": 0.0, "resnet18": 0.9})
    said = ranking_sentences(metrics, "en")
    assert "2 of the 3 pairs" in said[0]
    assert (
        said[1] == "ResNet-18 is better than VGG-16, MobileNetV2."
        or "MobileNetV2, VGG-16" in said[1]
    )
    assert not any("cannot be told from" in one for one in said)


def test_one_network_has_no_ranking(tmp_path: Path) -> None:
    metrics = evaluate(loaded(hard_labels([(8, 1, 1), (2, 6, 1), (0, 1, 9)]), tmp_path))
    said = ranking_sentences(metrics, "en")
    assert said[0].startswith("ResNet-18 has a macro F1 of ")
    assert "5 points" in said[1]
    assert agreement_sentences(metrics, "en") == []


def test_agreement_and_the_weakest_class(equal: dict[str, Any]) -> None:
    said = agreement_sentences(equal, "en")
    missed = len(equal["agreement"]["missed_by_all"])
    assert said[1] == f"Misread by every network: {missed} of 90 patients."
    classes = equal["networks"]["vgg16"]["classes"]
    lowest = min(classes, key=lambda name: classes[name]["recall"]["value"])
    assert lowest.capitalize() in weakest_sentences(equal, "vgg16", "en")[0]
    assert all(ranking_sentences(equal, "zh"))


def test_no_sentence_asks_for_patients_to_show_what_is_shown(equal: dict[str, Any]) -> None:
    """With two networks: the words for one pair, and no number of patients once it is told."""
    for p, told in ((0.4, 0), (0.01, 1)):
        ranking = {
            "order": ["vgg16", "resnet18"],
            "told_from_best": ["resnet18"] * told,
            "told_apart": told,
            "pairs": 1,
            "best_of_resamples": {"vgg16": 0.9},
        }
        difference = {"value": 0.1, "p_holm": p}
        pair = {"first": "vgg16", "second": "resnet18", "macro_f1": difference}
        found = equal["comparisons"] | {
            "ranking": ranking,
            "pairs": [pair | {"patients_needed": 5000}],
        }
        said = ranking_sentences(equal | {"comparisons": found}, "en")
        apart = "can be" if told else "cannot be"
        assert f"the two networks {apart} told apart" in said[0]
        assert any(one.startswith("To show") for one in said) == (not told)


def explained(above_chance: float, above_center: float, gain: float, p: float) -> dict[str, Any]:
    """Return what metrics.json says of one network's maps: intervals of ± 0.05."""

    def around(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.05, "high": value + 0.05}

    gains = {"gain": {"shuffled": around(gain), "randomized": around(gain)}}
    maps = {
        "above_chance": {"energy": around(above_chance)},
        "above_center": {"energy": around(above_center)},
    }
    changes = {"jpeg": {"flipped": around(0.1)}, "frame": {"flipped": around(0.3)}}
    network = {
        "localization": {"maps": {"predicted": maps}, "patients": 40},
        "faithfulness": {"deletion": gains, "insertion": gains, "patients": 12},
        "shortcuts": {
            "changes": changes,
            "patients": 24,
            "border": {"p": {"value": p}, "patients": 60},
        },
    }
    return {"networks": {"resnet18": network}}


@pytest.mark.parametrize(
    ("above_chance", "above_center", "told"),
    [
        (0.3, 0.2, "its heat maps follow the lesion"),
        (0.3, 0.0, "so that it is not shown to follow the lesion"),
        (0.3, -0.2, "do not show that it looks at the lesion"),
        (0.0, -0.2, "not shown to lie on the lesion more than an even map"),
    ],
)
def test_heat_maps_get_a_verdict_from_their_intervals(
    above_chance: float, above_center: float, told: str
) -> None:
    for gain, p in ((0.2, 0.001), (0.01, 0.5)):
        said = explanation_sentences(explained(above_chance, above_center, gain, p), "en")
        assert told in said[0]
        assert "40 patients" in said[0]
        assert ("rest on what the maps mark more" in said[1]) == (gain == 0.2)
        assert "“black frame” alters most readings, 30.0 (25.0–35.0)%" in said[2]
        assert ("better than by chance" in said[3]) == (p < 0.05)
        assert all(explanation_sentences(explained(above_chance, above_center, gain, p), "zh"))


def test_changes_that_alter_nothing_are_not_ranked() -> None:
    metrics = explained(0.1, 0.1, 0.2, 0.5)
    (network,) = metrics["networks"].values()
    for change in network["shortcuts"]["changes"].values():
        change["flipped"] = {"value": 0.0, "low": 0.0, "high": 0.09}
    said = explanation_sentences(metrics, "en")
    assert "none of the changes" in said[2]
    assert "0.0 (0.0–9.0)%" in said[2]


def test_heat_maps_of_few_patients_get_no_verdict() -> None:
    metrics = explained(0.1, 0.1, 0.2, 0.001)
    (network,) = metrics["networks"].values()
    network["faithfulness"]["patients"] = network["shortcuts"]["patients"] = 2
    said = explanation_sentences(metrics, "en")
    assert "40 patients" in said[0]
    assert "2 patients at most, too few" in said[1]
    assert not any("rest on what the maps mark" in one or "alters most" in one for one in said)
    assert "better than by chance" in said[2]


def test_a_class_of_few_is_named(tmp_path: Path) -> None:
    matrix = [(18, 1, 1), (2, 4, 0), (0, 1, 12)]
    metrics = evaluate(loaded(hard_labels(matrix), tmp_path))
    (said,) = few_sentences(metrics, "en")
    assert "only 6 patients" in said
    assert "ibroid" in said
    assert "6" in few_sentences(metrics, "zh")[0]
    assert few_sentences(evaluate(loaded(hard_labels(INCEPTION), tmp_path)), "en") == []


def test_a_ratio_without_a_false_alarm_is_infinite_with_a_lower_end(tmp_path: Path) -> None:
    metrics = evaluate(loaded(hard_labels(INCEPTION), tmp_path))
    ratio = metrics["networks"]["resnet18"]["classes"]["fibroid"]["lr_positive"]
    assert (ratio["value"], ratio["high"]) == (None, None)
    assert 15 < ratio["low"] < 40
    (table,) = (one for one in statistic_tables(metrics, "en") if one.name == "diagnostic")
    assert "not estimable" not in table.caption
    cell = table.frame.set_index("Class").loc["Fibroid", "LR+"]
    assert str(cell) == f"∞ ({ratio['low']:.2f}–∞)"


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_calibration_table_says_what_a_dash_means(equal: dict[str, Any], lang: str) -> None:
    (table,) = (one for one in calibration_tables(equal, lang) if one.name == "calibration")
    assert table.caption.endswith(text("calibration.dash", lang, all=10, side=5, slope=10))


def test_what_cannot_be_estimated_is_a_dash_in_every_table(tmp_path: Path) -> None:
    metrics = evaluate(loaded(hard_labels([(9, 0, 3), (3, 0, 2), (1, 0, 12)]), tmp_path))
    rows = per_class(metrics, "en")
    shown = rows.iloc[1, 2]  # the precision of fibroid
    assert str(shown) == "—"
    assert ",," in csv_text(rows)
    assert "nobody is called so" in per_class_caption(metrics, "en")
    tables = {table.name: table for table in statistic_tables(metrics, "en")}
    assert "A dash: not estimable, since fewer than 5" in tables["diagnostic"].caption
