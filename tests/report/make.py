"""A study's folder as the study command leaves it, made from a seed: nothing in it is real."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.predictions import read_predictions, write_predictions

PAPER = ("normal", "fibroid", "polyp")
SCANNERS = ("A", "B")
REPLICATES = 200
SIZE = (64, 48)
BOX = (8.0, 0.0, 56.0, 48.0)


def make_study(
    folder: Path,
    networks: Sequence[str] = ("mobilenet_v2", "resnet18"),
    classes: Sequence[str] = PAPER,
    n: int = 18,
    size: tuple[int, int] = SIZE,
    failed: Sequence[str] = (),
    name: str = "ward-7",
    image: str = "images/{:03}.png",
    seed: int = 0,
    folds: int = 1,
    seeds: int = 1,
) -> Path:
    """Write every file of a study; networks named in ``failed`` only left a message.

    Each fold reads its own share of the images.
    """
    rng = np.random.default_rng(seed)
    labels = [classes[i % len(classes)] for i in range(n)]
    images = pd.DataFrame({"image": [image.format(i) for i in range(n)], "label": labels})
    images["patient_id"] = [f"P{i:04}" for i in range(n)]
    folder.mkdir(parents=True, exist_ok=True)
    _write_inputs(folder, [*networks, *failed], classes, images, name)
    _write_cases(folder, images, size, rng)
    for network in networks:
        for fold, number in product(range(folds), range(seeds)):
            share = images.iloc[fold::folds].reset_index(drop=True)
            _write_run(folder, (network, fold, number), classes, share, rng)
    for network in failed:
        _json(
            folder / f"runs/{network}-f0-s0/failure.json", {"message": "Out of memory <b>8 GB</b>"}
        )
    if networks:
        names = [SCANNERS[i // 2 % 2] for i in range(n)]
        scanners = pd.DataFrame({"scanner": names}, index=pd.Index(images["image"]))
        _write_results(folder, classes, rng, scanners)
    return folder


def _write_inputs(
    folder: Path, networks: Sequence[str], classes: Sequence[str], images: pd.DataFrame, name: str
) -> None:
    count = {label: int((images["label"] == label).sum()) for label in classes}
    settings = [f"networks = {json.dumps(list(networks))}", "seeds = [0]", 'pooling = "avgmax"']
    settings += ["[weights]", '"*" = "none"', "[training]", "epochs = 3", "best_epoch = false"]
    (folder / "settings.toml").write_text("\n".join(settings) + "\n", encoding="utf-8")
    partitions = {
        part: {
            label: {"patients": k * count[label], "images": k * count[label]} for label in classes
        }
        for part, k in (("train", 9), ("validation", 1))
    }
    hashes = {"manifest_sha256": "a1" * 32, "split_sha256": "b2" * 32}
    total = {"images": 10 * len(images), "patients": 10 * len(images), "classes": list(classes)}
    source = {"name": name, "source": ["Own export"]}
    _json(folder / "data.json", source | hashes | total | {"partitions": partitions})
    _json(folder / "versions.json", {"metrascope": "0.1.0", "python": "3.11.7", "torch": "2.4.0"})
    _json(folder / "command.json", {"argv": ["metrascope", "study", "paper", "--data", "my data"]})


def _write_cases(
    folder: Path, images: pd.DataFrame, size: tuple[int, int], rng: np.random.Generator
) -> None:
    rows = []
    scale = size[1] / SIZE[1]
    for i, (image, label) in enumerate(zip(images["image"], images["label"], strict=True)):
        grey, mask = _scan(size, rng)
        file = f"cases/{i + 2:05}.png"
        mask_file = "" if label == "normal" else f"cases/{i + 2:05}.mask.png"
        _picture(folder / file, grey)
        if mask_file:
            _picture(folder / mask_file, mask)
        rows.append([image, file, mask_file, *(edge * scale for edge in BOX)])
    columns = ["image", "file", "mask_file", "left", "top", "right", "bottom"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "cases.csv", index=False)


def _scan(
    size: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Speckle in a fan with an ellipse in it, and the ellipse's mask."""
    width, height = size
    y, x = np.mgrid[:height, :width] / np.array([[[height]], [[width]]])
    cx, cy, rx, ry = rng.uniform([0.35, 0.4, 0.06, 0.06], [0.65, 0.7, 0.14, 0.14])
    lesion = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
    uterus = ((x - 0.5) / 0.33) ** 2 + ((y - 0.55) / 0.3) ** 2 < 1
    echo = 40 + 45 * uterus + rng.choice([-40, 60]) * lesion
    fan = (np.abs(x - 0.5) < 0.1 + 0.42 * y) & (y > 0.03)
    grey = np.clip(echo * rng.rayleigh(0.8, (height, width)) * fan, 0, 255)
    return grey.astype(np.uint8), (lesion * 255).astype(np.uint8)


def _write_run(
    folder: Path,
    name: tuple[str, int, int],
    classes: Sequence[str],
    images: pd.DataFrame,
    rng: np.random.Generator,
) -> None:
    network, fold, seed = name
    run = folder / f"runs/{network}-f{fold}-s{seed}"
    true = np.array([classes.index(label) for label in images["label"]])
    logits = rng.normal(0, 1, (len(images), len(classes)))
    logits[np.arange(len(true)), true] += 1.4
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    table = images.assign(network=network, partition="validation", fold=fold, seed=seed)
    table[[f"p_{label}" for label in classes]] = p
    run.mkdir(parents=True, exist_ok=True)
    write_predictions(table, run / "predictions.csv")
    side = 8 if network == "inception_v3" else 7
    maps = np.maximum(0, rng.normal(0.2, 1, (len(images), len(classes), side, side)))
    maps[0, 0] = 0
    np.save(run / "heatmaps.npy", maps.astype(np.float32))
    # Not from rng: the other numbers of the study stay as they are.
    features = np.random.default_rng(len(images)).normal(true[:, None], 1, (len(images), 6))
    np.save(run / "features.npy", features.astype(np.float32))
    _write_history(run, rng)
    origin = {"source": "none", "sha256": None, "loaded": 0, "new": 62}
    _json(run / "model.json", {"network": network, "origin": origin, "weights_sha256": "c3" * 32})
    resources = {"device": "cpu", "precision": "32-true", "input_size": 224, "threads": 2}
    resources |= {"parameters": 11178051, "train_seconds": 4321.5, "predict_seconds": 12.25}
    _json(run / "resources.json", resources | {"peak_memory_bytes": 2_345_000_000})


def _write_history(run: Path, rng: np.random.Generator) -> None:
    rows = []
    for step in range(1, 31):
        last = step % 10 == 0
        score = [float(rng.uniform(0.5, 1)), float(rng.uniform(0.4, 0.9))] if last else ["", ""]
        epoch = (step - 1) // 10 + 1
        rows.append([epoch, step, 1e-3 * step / 30, float(1.1 - step / 50), *score])
    columns = ["epoch", "step", "learning_rate", "loss", "validation_loss", "validation_macro_f1"]
    pd.DataFrame(rows, columns=columns).to_csv(run / "history.csv", index=False)


def _write_results(
    folder: Path,
    classes: Sequence[str],
    rng: np.random.Generator,
    scanners: pd.DataFrame,
) -> None:
    files = sorted(folder.glob("runs/*/predictions.csv"))
    predictions = read_predictions(files, classes)
    write_predictions(predictions.table, folder / "predictions.csv")
    metrics = evaluate(predictions, attributes=scanners, replicates=REPLICATES)
    for scores in metrics["networks"].values():
        numbers = rng.uniform(0, 1, 2)
        names = ("silhouette", "neighbor_purity")
        scores["embedding"] = {n: {"value": float(v)} for n, v in zip(names, numbers, strict=True)}
    _json(folder / "metrics.json", metrics)
    rows = predictions.table[["network", "image", "label"]].copy()
    centers = rows["label"].map({label: 12.0 * i for i, label in enumerate(classes)})
    rows["x"] = centers + rng.normal(0, 6, len(rows))
    rows["y"] = rng.normal(0, 8, len(rows))
    rows.to_csv(folder / "embeddings.csv", index=False)


def _picture(path: Path, grey: NDArray[np.uint8]) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(grey).save(path)


def _json(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
