"""Predictions tables made for the tests."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from metrascope.statistics.predictions import Predictions, read_predictions

# The only matrix with rows 43, 23 and 59 that gives the study's figures for Inception-v3.
INCEPTION = ((34, 0, 9), (4, 18, 1), (9, 0, 50))
PAPER = ("normal", "fibroid", "polyp")


def hard_labels(matrix: Sequence[Sequence[int]], classes: Sequence[str] = PAPER) -> pd.DataFrame:
    """Return one row ``image, label, predicted`` per count of a confusion matrix."""
    rows = [
        (f"{true}-as-{guess}-{index:03}.png", true, guess)
        for true, counts in zip(classes, matrix, strict=True)
        for guess, count in zip(classes, counts, strict=True)
        for index in range(count)
    ]
    return pd.DataFrame(rows, columns=["image", "label", "predicted"])


def random_table(
    rng: np.random.Generator,
    classes: Sequence[str] = PAPER,
    n: int = 60,
    networks: Sequence[str] = ("resnet18",),
    seeds: Sequence[int] = (0,),
) -> pd.DataFrame:
    """Return a full predictions table of random probabilities, the same images for all runs."""
    labels = rng.choice(classes, size=n)
    frames = []
    for network in networks:
        for seed in seeds:
            raw = rng.gamma(0.5, size=(n, len(classes)))
            p = np.round(raw / raw.sum(axis=1, keepdims=True), 8)
            frame = pd.DataFrame({"image": [f"images/{i:04}.png" for i in range(n)]})
            frame["patient_id"] = [f"P{i:04}" for i in range(n)]
            frame["label"] = labels
            frame["network"] = network
            frame["partition"] = "validation"
            frame["fold"] = 0
            frame["seed"] = seed
            frame[[f"p_{name}" for name in classes]] = p
            frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def saved(table: pd.DataFrame, folder: Path, name: str = "resnet18.csv") -> Path:
    """Write a table as any spreadsheet would and return the path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    table.to_csv(path, index=False)
    return path


def loaded(table: pd.DataFrame, folder: Path, name: str = "resnet18.csv") -> Predictions:
    """Write a table and read it as predictions."""
    return read_predictions([saved(table, folder, name)])
