"""Metrics against scikit-learn's report, closed forms and the published result."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report, confusion_matrix

from metrascope.errors import DataError
from metrascope.statistics.evaluate import evaluate_predictions as evaluate

from .make import INCEPTION, hard_labels, loaded, random_table


def percent(number: dict[str, float]) -> float:
    return round(100 * number["value"], 2)


def test_published_result_of_inception_v3(tmp_path: Path) -> None:
    metrics = evaluate(loaded(hard_labels(INCEPTION), tmp_path, "inception_v3.csv"))
    network = metrics["networks"]["inception_v3"]
    assert percent(network["macro_precision"]) == 85.22
    assert percent(network["macro_recall"]) == 80.69
    assert percent(network["macro_f1"]) == 82.46
    assert percent(network["accuracy"]) == 81.6
    assert network["classes"]["fibroid"]["precision"]["value"] == 1.0
    assert network["confusion"] == [list(row) for row in INCEPTION]
    supports = [network["classes"][name]["support"] for name in metrics["classes"]]
    assert (metrics["classes"], supports) == (["normal", "fibroid", "polyp"], [43, 23, 59])
    assert (metrics["n"], metrics["partition"], metrics["unit"]) == (125, "validation", "patient")


def test_only_one_matrix_gives_the_published_figures_of_inception_v3() -> None:
    """Search every matrix with rows 43, 23 and 59: diagonals first, by their macro recall."""
    supports, target = np.array([43, 23, 59]), np.array([0.8522, 0.8069, 0.8246])
    diagonals = np.stack(np.meshgrid(*(np.arange(n + 1) for n in supports)), -1).reshape(-1, 3)
    recall = (diagonals / supports).mean(axis=1)
    found = []
    for hits in diagonals[np.abs(recall - target[1]) <= 0.5e-4]:
        misses = supports - hits
        # Of each row's misses, how many go to the first of its two other classes.
        a, b, c = np.stack(np.meshgrid(*(np.arange(n + 1) for n in misses)), -1).reshape(-1, 3).T
        columns = hits + np.stack([b + c, a + misses[2] - c, misses[0] - a + misses[1] - b], -1)
        precision = np.divide(hits, columns, out=np.zeros(columns.shape), where=columns > 0)
        f1 = 2 * hits / (columns + supports)
        fits = (np.abs(precision.mean(1) - target[0]) <= 0.5e-4) & (
            np.abs(f1.mean(1) - target[2]) <= 0.5e-4
        )
        for x, y, z in zip(a[fits], b[fits], c[fits], strict=True):
            normal = (hits[0], x, misses[0] - x)
            fibroid = (y, hits[1], misses[1] - y)
            found.append((normal, fibroid, (z, misses[2] - z, hits[2])))
    np.testing.assert_array_equal(found, [INCEPTION])


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("classes", [("normal", "fibroid", "polyp"), ("a", "b"), tuple("abcdef")])
def test_agrees_with_classification_report(
    seed: int, classes: tuple[str, ...], tmp_path: Path
) -> None:
    table = random_table(np.random.default_rng(seed), classes, n=25)
    predictions = loaded(table, tmp_path)
    network = evaluate(predictions)["networks"]["resnet18"]
    report = classification_report(
        table["label"],
        predictions.table["predicted"],
        labels=[label for label in predictions.classes if label in set(table["label"])],
        output_dict=True,
        zero_division=0,
    )
    for label in predictions.classes:
        ours = network["classes"][label]
        if ours["support"] == 0:
            continue
        theirs = report[label]
        for name in ("precision", "recall"):
            assert ours[name]["value"] == pytest.approx(theirs[name], abs=1e-12)
        assert ours["f1"]["value"] == pytest.approx(theirs["f1-score"], abs=1e-12)
        assert ours["support"] == theirs["support"]
    macro = report["macro avg"]
    assert network["macro_precision"]["value"] == pytest.approx(macro["precision"], abs=1e-12)
    assert network["macro_recall"]["value"] == pytest.approx(macro["recall"], abs=1e-12)
    assert network["macro_f1"]["value"] == pytest.approx(macro["f1-score"], abs=1e-12)
    hit = (table["label"] == predictions.table["predicted"]).mean()
    assert network["accuracy"]["value"] == pytest.approx(hit, abs=1e-12)
    assert np.sum(network["confusion"]) == len(table)


def test_majority_guess_in_closed_form(tmp_path: Path) -> None:
    majority = evaluate(loaded(hard_labels(INCEPTION), tmp_path))["majority"]
    assert majority["label"] == "polyp"
    assert majority["accuracy"]["value"] == pytest.approx(59 / 125)
    precision, recall = 59 / 125, 1.0
    f1 = 2 * precision * recall / (precision + recall)
    assert majority["macro_f1"]["value"] == pytest.approx(f1 / 3)


def test_class_without_images_has_no_numbers_and_gives_no_warning(tmp_path: Path) -> None:
    matrix = [(5, 0, 1), (0, 0, 0), (1, 0, 3)]
    table = hard_labels(matrix).assign(p_normal=0.0, p_fibroid=0.0, p_polyp=0.0)
    for name in ("normal", "polyp"):
        table.loc[table["predicted"] == name, f"p_{name}"] = 1.0
    network = evaluate(loaded(table, tmp_path))["networks"]["resnet18"]
    assert network["classes"]["fibroid"]["support"] == 0
    for name in ("precision", "recall", "f1"):
        assert network["classes"]["fibroid"][name] == {"value": None, "low": None, "high": None}
    assert network["macro_recall"]["value"] == pytest.approx((5 / 6 + 3 / 4) / 2)


def test_folds_are_pooled(tmp_path: Path) -> None:
    table = hard_labels(INCEPTION)
    table["fold"] = np.arange(len(table)) % 5
    network = evaluate(loaded(table, tmp_path))["networks"]["resnet18"]
    assert network["confusion"] == [list(row) for row in INCEPTION]
    assert percent(network["macro_f1"]) == 82.46


def test_seeds_give_the_mean_of_their_values(tmp_path: Path) -> None:
    perfect = [(43, 0, 0), (0, 23, 0), (0, 0, 59)]
    labels = hard_labels(INCEPTION)
    both = [labels, labels.assign(predicted=labels["label"])]
    table = pd.concat([frame.assign(seed=7 + i) for i, frame in enumerate(both)])
    metrics = evaluate(loaded(table, tmp_path))
    network = metrics["networks"]["resnet18"]
    assert network["seeds"] == [7, 8]
    assert network["accuracy"]["per_seed"] == [0.816, 1.0]
    assert network["accuracy"]["value"] == pytest.approx(0.908)
    assert network["confusion"] == (np.array(INCEPTION) + perfect).tolist()
    assert network["classes"]["polyp"]["support"] == 59
    assert metrics["n"] == network["n"] == 125


def test_test_partition_is_preferred_and_stated(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(3), n=40)
    table["partition"] = np.repeat(["train", "validation", "test", "validation"], 10)
    metrics = evaluate(loaded(table, tmp_path))
    assert (metrics["partition"], metrics["n"]) == ("test", 10)


def test_training_rows_alone_are_refused(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(3)).assign(partition="train")
    with pytest.raises(DataError, match="training rows only"):
        evaluate(loaded(table, tmp_path))


def test_network_without_the_evaluated_partition_is_named(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(3), networks=("vgg16", "resnet18"))
    table.loc[table["network"] == "vgg16", "partition"] = "test"
    with pytest.raises(DataError, match="resnet18 have no test rows"):
        evaluate(loaded(table, tmp_path))


def test_networks_come_in_the_papers_order_and_json_is_stable(tmp_path: Path) -> None:
    networks = ("zeta", "inception_v3", "alpha", "densenet121", "vgg16")
    table = random_table(np.random.default_rng(3), networks=networks)
    metrics = evaluate(loaded(table, tmp_path))
    shuffled = evaluate(loaded(table.sample(frac=1, random_state=1), tmp_path, "other.csv"))
    assert list(metrics["networks"]) == ["densenet121", "vgg16", "inception_v3", "alpha", "zeta"]
    assert json.dumps(metrics) == json.dumps(shuffled)


def test_a_single_class_is_evaluated_without_a_warning(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["a", "b"], "label": "polyp", "p_polyp": 1.0})
    network = evaluate(loaded(table, tmp_path, "one.csv"))["networks"]["one"]
    assert network["confusion"] == [[2]]
    assert network["accuracy"]["value"] == 1.0


def test_confusion_agrees_with_scikit_learn(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(4), tuple("abcdef"), n=40)
    predictions = loaded(table, tmp_path)
    expected = confusion_matrix(
        predictions.table["label"], predictions.table["predicted"], labels=list("abcdef")
    )
    found = evaluate(predictions)["networks"]["resnet18"]["confusion"]
    np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_estimated_is_null(tmp_path: Path) -> None:
    """All are called polyp: nobody is called normal or fibroid, and MCC is 0/0."""
    metrics = evaluate(loaded(hard_labels([(0, 0, 12), (0, 0, 3), (0, 0, 15)]), tmp_path))
    network = metrics["networks"]["resnet18"]
    nothing = {"value": None, "low": None, "high": None}
    assert network["mcc"] == network["classes"]["normal"]["precision"] == nothing
    assert network["classes"]["fibroid"]["lr_positive"] == nothing
    assert network["kappa"]["value"] == 0.0
    # As scikit-learn with zero_division=0; but it may be anything for two classes of three.
    assert network["macro_precision"]["value"] == pytest.approx(0.5 / 3)
    assert network["macro_precision"]["high"] > 0.6


def test_area_and_average_precision_need_five_on_either_side(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=24)
    table["label"] = np.repeat(["normal", "fibroid", "polyp"], [15, 4, 5])
    classes = evaluate(loaded(table, tmp_path))["networks"]["resnet18"]
    for name in ("auc", "average_precision"):
        assert classes["classes"]["fibroid"][name]["value"] is None
        assert classes["classes"]["polyp"][name]["low"] is not None
        assert classes[f"macro_{name}"]["value"] is None


def test_one_patient_is_not_extrapolated_from(tmp_path: Path) -> None:
    table = pd.DataFrame({"image": ["a"], "label": "normal", "p_normal": 0.7, "p_polyp": 0.3})
    network = evaluate(loaded(table, tmp_path, "one.csv"))["networks"]["one"]
    assert network["accuracy"]["value"] == 1.0
    assert network["accuracy"]["low"] == pytest.approx(1 / (1 + 1.959964**2), abs=1e-6)
    for name in ("mcc", "kappa", "brier", "log_loss", "macro_auc"):
        assert network[name]["value"] is None
    assert network["patients_needed"] is None


def test_patients_needed_of_a_perfect_network_come_from_its_interval(tmp_path: Path) -> None:
    perfect = [(10, 0, 0), (0, 10, 0), (0, 0, 10)]
    network = evaluate(loaded(hard_labels(perfect), tmp_path))["networks"]["resnet18"]
    low = network["macro_f1"]["low"]
    assert network["patients_needed"] == np.ceil(30 * ((1 - low) / 2 / 0.05) ** 2)
    assert 30 < network["patients_needed"] < 300


def test_patients_needed_are_of_those_a_network_read(tmp_path: Path) -> None:
    """Two networks that read different patients know no more of themselves for it."""
    one = random_table(np.random.default_rng(1), n=30, networks=("a",))
    other = random_table(np.random.default_rng(2), n=30, networks=("b",))
    for column in ("image", "patient_id"):
        other[column] = "other-" + other[column]
    alone = evaluate(loaded(one, tmp_path, "a.csv"))["networks"]["a"]
    both = evaluate(loaded(pd.concat([one, other]), tmp_path, "b.csv"))["networks"]["a"]
    assert both["patients"] == alone["patients"] == 30
    assert both["patients_needed"] == alone["patients_needed"]
    assert both["macro_f1"] == alone["macro_f1"]


@pytest.mark.parametrize("matrix", [INCEPTION, [(20, 2, 1), (1, 5, 0), (0, 3, 30)]])
def test_averages_are_no_narrower_than_their_classes_make_them(
    matrix: list[tuple[int, ...]], tmp_path: Path
) -> None:
    network = evaluate(loaded(hard_labels(matrix), tmp_path))["networks"]["resnet18"]
    for name in ("precision", "recall", "f1"):
        parts = [one[name] for one in network["classes"].values()]
        for end in ("low", "high"):
            apart = np.array([one["value"] - one[end] for one in parts])
            whole = network[f"macro_{name}"]
            assert abs(whole["value"] - whole[end]) >= np.hypot.reduce(apart) / 3 - 1e-9
