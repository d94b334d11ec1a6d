"""Point estimates: what a study reports of each network, by scikit-learn."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from metrascope.errors import DataError
from metrascope.evaluation.predictions import Predictions
from metrascope.evaluation.published import order_networks

Numbers = dict[str, float]


def evaluate(predictions: Predictions) -> dict[str, Any]:
    """Return the content of ``metrics.json``.

    The test partition is evaluated where there is one, else the validation partition. The rows
    of all folds are pooled. With several seeds every number is the mean of the seeds' values
    (each under ``per_seed``), and the confusion matrix is their sum.

    Macro averages are unweighted means over all classes, so the macro F1 is the mean of the
    class F1s. Precision and recall of a class without images, or that is never predicted, count
    as 0; the support of 0 says which.

    Raises
    ------
    DataError
        If there is no row to evaluate, or a network lacks the partition of the others.
    """
    table = predictions.table
    partition = _partition(table)
    table = table[table["partition"] == partition]
    classes = list(predictions.classes)
    networks = order_networks(table["network"])
    return {
        "classes": classes,
        "unit": "image",
        "partition": partition,
        "n": int(table["image"].nunique()),
        "majority": _majority(table.drop_duplicates("image"), classes),
        "networks": {name: _network(table[table["network"] == name], classes) for name in networks},
    }


def _partition(table: pd.DataFrame) -> str:
    chosen = "test" if (table["partition"] == "test").any() else "validation"
    held = set(table["network"][table["partition"] == chosen])
    if not held:
        raise DataError("evaluation.only_train")
    for network in order_networks(table["network"]):
        if network not in held:
            raise DataError("evaluation.no_partition", network=network, partition=chosen)
    return chosen


def _majority(images: pd.DataFrame, classes: list[str]) -> dict[str, Any]:
    counts = [int((images["label"] == name).sum()) for name in classes]
    label = classes[int(np.argmax(counts))]
    scores = _scores(images.assign(predicted=label), classes)
    numbers = {name: {"value": scores[name]} for name in ("accuracy", "macro_f1")}
    return {"label": label, **numbers}


def _network(rows: pd.DataFrame, classes: list[str]) -> dict[str, Any]:
    seeds = sorted(rows["seed"].unique())
    scores = [_scores(rows[rows["seed"] == seed], classes) for seed in seeds]
    images = rows.drop_duplicates(["image", "fold"])
    macro = ("accuracy", "macro_precision", "macro_recall", "macro_f1")
    return {
        "n": len(images),
        "seeds": [int(seed) for seed in seeds],
        **{name: _number([score[name] for score in scores]) for name in macro},
        "confusion": _confusion(rows, classes),
        "classes": {
            label: {
                name: _number([score[f"{label}/{name}"] for score in scores])
                for name in ("precision", "recall", "f1")
            }
            | {"support": int((images["label"] == label).sum())}
            for label in classes
        },
    }


def _confusion(rows: pd.DataFrame, classes: list[str]) -> list[list[int]]:
    """Count rows by true and predicted class; scikit-learn warns where there is one class."""
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    places = [[classes.index(label) for label in rows[name]] for name in ("label", "predicted")]
    np.add.at(counts, tuple(places), 1)
    matrix: list[list[int]] = counts.tolist()
    return matrix


def _scores(rows: pd.DataFrame, classes: list[str]) -> Numbers:
    true, predicted = rows["label"], rows["predicted"]
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, predicted, labels=classes, zero_division=0
    )
    scores = {
        "accuracy": float(accuracy_score(true, predicted)),
        "macro_precision": float(precision.mean()),
        "macro_recall": float(recall.mean()),
        "macro_f1": float(f1.mean()),
    }
    for index, label in enumerate(classes):
        scores[f"{label}/precision"] = float(precision[index])
        scores[f"{label}/recall"] = float(recall[index])
        scores[f"{label}/f1"] = float(f1[index])
    return scores


def _number(values: list[float]) -> dict[str, Any]:
    if len(values) == 1:
        return {"value": values[0]}
    return {"value": float(np.mean(values)), "per_seed": values}
