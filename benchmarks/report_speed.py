"""The report of a study: eight networks, everything measured, an image of each of 1291 patients.

    python -m benchmarks.report_speed [--patients 1291] [--out FOLDER] [--lang en]

Predictions, maps, features and learning curves are made up in the sizes that a study leaves at 224
pixels; pictures and lesions are 48 phantoms, over and over. What is timed is the command: a process
of its own that starts, reads the folder and writes everything. With --out the folder is kept, and
with it the t-SNE maps, as in a study: a second call times a report that is made again. The last
line has a hash of the page, the numbers, the figures and the tables, to compare two versions.
"""

import argparse
import hashlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.statistics_speed import CLASSES, made
from metrascope.dataset.manifest import read_manifest
from metrascope.dataset.preprocess import seen_box
from metrascope.explain.faithfulness import CURVE, ORDERS, SIMILARITY, WAYS
from metrascope.explain.perturbations import CHANGES, UNCHANGED
from metrascope.files.atomic import write_json, write_text
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.phantom.phantom import write_phantom
from metrascope.settings.study_settings import dump_settings, load_settings
from metrascope.statistics.predictions import write_predictions
from metrascope.statistics.published import PUBLISHED

_DRAWN = 48
_SIDE = 256
_STEPS = 730


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--patients", type=int, default=1291)
    parser.add_argument("--out", type=Path, help="where the study is made, and kept")
    parser.add_argument("--lang", default="en")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        study = asked.out or Path(folder) / "study"
        if not (study / "data.json").exists():
            write_study(asked.patients, study)
        for name in ("report.html", "metrics.json", "figures", "tables"):
            _remove(study / name)
        before = _files(study)
        started = time.perf_counter()
        command = [sys.executable, "-m", "metrascope", "report", str(study), "--lang", asked.lang]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        clock = time.perf_counter() - started
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        written = sorted(file for file in _files(study) if file not in before)
        told = hashlib.sha256(b"".join(file.read_bytes() for file in written)).hexdigest()
    print(f"{len(PUBLISHED)} networks, {asked.patients} patients: {clock:.1f} s, of the processor")
    print(f"{spent.ru_utime + spent.ru_stime:.1f} s, {spent.ru_maxrss / 1024:.0f} MiB at most")
    print(f"{len(written)} files, {told[:16]}")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> set[Path]:
    return {file for file in folder.rglob("*") if file.is_file()}


def write_study(patients: int, folder: Path) -> None:
    """Write what a study of so many test images leaves, all of them of one partition."""
    predictions, rng = made(patients), np.random.default_rng(0)
    settings = load_settings("paper")
    write_text(folder / "settings.toml", dump_settings(settings))
    table = predictions.table[predictions.table["network"] == settings.networks[0]]
    counts = {
        label: {"patients": int(number), "images": int(number)}
        for label, number in table["label"].value_counts().items()
    }
    data = {"name": "made up", "manifest_sha256": "0", "split_sha256": "0", "classes": CLASSES}
    data |= {"images": patients, "patients": patients, "partitions": {"validation": counts}}
    _write_pictures(table, folder, rng)
    for network in settings.networks:
        rows = predictions.table[predictions.table["network"] == network]
        _write_run(rows, folder / f"runs/{network}-f0-s0", network, rng)
    write_json(folder / "data.json", data)


def _write_pictures(table: pd.DataFrame, folder: Path, rng: np.random.Generator) -> None:
    """Write a picture of each image, and what the manifest knew of it."""
    with tempfile.TemporaryDirectory() as drawn:
        prevalence = dict.fromkeys(CLASSES, 1.0)
        write_phantom(Path(drawn), patients=_DRAWN, seed=0, size=_SIDE, prevalence=prevalence)
        phantoms = read_manifest(Path(drawn)).table
        by_label = {label: rows.to_dict("records") for label, rows in phantoms.groupby("label")}
        (folder / "cases").mkdir(parents=True)
        cases = []
        for number, (image, label) in enumerate(table[["image", "label"]].to_numpy(), start=2):
            source = by_label[label][number % len(by_label[label])]
            file, mask = f"cases/{number:05d}.png", ""
            shutil.copy(Path(drawn, source["image"]), folder / file)
            if source.get("mask"):
                mask = f"cases/{number:05d}.mask.png"
                shutil.copy(Path(drawn, source["mask"]), folder / mask)
            cases.append([image, file, mask, *seen_box(_SIDE, _SIDE, "crop")])
    columns = ["image", "file", "mask_file", "left", "top", "right", "bottom"]
    write_text(folder / "cases.csv", pd.DataFrame(cases, columns=columns).to_csv(index=False))
    known = table[["image", "patient_id"]].assign(
        scanner=np.array(["A", "B", "C", "D", "E"])[rng.integers(5, size=len(table))],
        centre=np.array(["North", "South"])[rng.integers(2, size=len(table))],
        age=rng.integers(20, 80, len(table)),
        lesion_mm=np.where(table["label"] == "normal", "", rng.integers(3, 40, len(table))),
    )
    write_text(folder / "images.csv", known.to_csv(index=False))


def _write_run(rows: pd.DataFrame, run: Path, network: str, rng: np.random.Generator) -> None:
    write_predictions(rows, run / "predictions.csv")
    count, side = len(rows), 8 if network == "inception_v3" else 7
    np.save(run / "heatmaps.npy", rng.random((count, len(CLASSES), side, side), np.float32))
    truth = rows["label"].map({label: at for at, label in enumerate(CLASSES)}).to_numpy()
    for name in ("features", "border"):
        apart = rng.normal(truth[:, None], 4, (count, 2 * ARCHITECTURES[network].channels))
        np.save(run / f"{name}.npy", apart.astype(np.float32))
    write_text(run / "history.csv", _history(rng).to_csv(index=False))
    names = rows["image"].to_numpy()
    some, more = names[:32], names[:64]
    keys = [(name, way, order) for name in some for way in WAYS for order in ORDERS]
    curves = pd.DataFrame(keys, columns=["image", "way", "order"])
    curves[list(CURVE)] = rng.random((len(keys), len(CURVE)))
    write_text(run / "faithfulness.csv", curves.to_csv(index=False))
    similar = pd.DataFrame(rng.uniform(-1, 1, (len(some), len(SIMILARITY))), columns=SIMILARITY)
    similar.insert(0, "image", some)
    write_text(run / "sanity.csv", similar.to_csv(index=False))
    keys = [(name, change) for name in more for change in (UNCHANGED, *CHANGES)]
    changed = pd.DataFrame(keys, columns=["image", "change"])
    changed[[f"p_{label}" for label in CLASSES]] = rng.dirichlet(np.ones(len(CLASSES)), len(keys))
    write_text(run / "shortcuts.csv", changed.to_csv(index=False))
    side = 299 if network == "inception_v3" else 224
    write_json(run / "model.json", {"network": network, "preprocessing": {"input_size": side}})
    resources = {"device": "cpu", "precision": "32-true", "input_size": side, "threads": 2}
    resources |= {"parameters": 10_000_000, "train_seconds": 600.0, "predict_seconds": 10.0}
    write_json(run / "resources.json", resources | {"peak_memory_bytes": 2 * 10**9})


def _history(rng: np.random.Generator) -> pd.DataFrame:
    """Return ten epochs of steps."""
    steps = np.arange(1, _STEPS + 1)
    ends = steps % (_STEPS // 10) == 0
    return pd.DataFrame(
        {
            "epoch": (steps - 1) // (_STEPS // 10) + 1,
            "step": steps,
            "learning_rate": 1e-3,
            "loss": rng.random(_STEPS),
            "validation_loss": np.where(ends, rng.random(_STEPS), np.nan),
            "validation_macro_f1": np.where(ends, rng.random(_STEPS), np.nan),
        }
    )


if __name__ == "__main__":
    main()
