"""The parts of a study whose cost `benchmarks.growth` measures.

``catalog`` reads and splits the manifest of empty files, two to a patient. ``training`` is
MobileNetV2 from no weights on a store of holes, which the file system reads as zeros: what grows
with the number of images is there, the time to read pixels from a disk is not. Its steps are those
of `metrascope.training.fit`, stopped after a few dozen. ``statistics`` and ``report`` are of
made-up predictions.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.meter import Cost, Costs, Part, metered

CLASSES = ("normal", "fibroid", "polyp")
STORED = 256
STEPS = 12
_PER_FOLDER = 1000
_READ = ("mobilenet_v2", "resnet18")


def table_of(images: int) -> pd.DataFrame:
    """Return a manifest's table of so many images, two to a patient, none of which exists."""
    rng = np.random.default_rng(0)
    numbers = np.arange(images)
    patients = [f"P{number // 2:07}" for number in numbers]
    labels = np.array(CLASSES)[rng.choice(3, images // 2 + 1, p=(0.33, 0.18, 0.49))]
    scanners = np.array([f"Scanner {number}" for number in range(5)])
    return pd.DataFrame(
        {
            "image": [f"images/{n // _PER_FOLDER}/{n:07}.png" for n in numbers],
            "patient_id": patients,
            "label": labels[numbers // 2],
            "scanner": scanners[rng.integers(5, size=images)],
            "centre": "A",
            "age": rng.integers(20, 80, images).astype(str),
        },
        index=pd.RangeIndex(2, images + 2),
    )


def catalog(images: int, folder: Path, bundle: Path | None) -> Costs:
    """Read the manifest, draw a split, read it again."""
    from metrascope.config import SplitSettings
    from metrascope.data.designs import draw_split
    from metrascope.data.manifest import read_manifest, write_manifest
    from metrascope.data.split import read_split, write_split
    from metrascope.data.store import files_digest
    from metrascope.data.tally import tally

    table = table_of(images)
    for start in range(0, images, _PER_FOLDER):
        (folder / f"images/{start // _PER_FOLDER}").mkdir(parents=True)
    for name in table["image"]:
        os.close(os.open(folder / name, os.O_CREAT | os.O_WRONLY))
    write_manifest(table, folder / "manifest.csv")
    del table
    with metered() as cost:
        manifest = read_manifest(folder)
    yield "read manifest", cost
    with metered() as cost:
        files_digest(manifest)
    yield "state of files", cost
    for design in ("holdout", "kfold"):
        with metered() as cost:
            split = draw_split(manifest.table, CLASSES, SplitSettings(design=design))
            tally(split, manifest.table, CLASSES)
        yield f"draw {design}", cost
    write_split(split, folder / "splits.csv")
    with metered() as cost:
        read_split(folder / "splits.csv", manifest.table, CLASSES)
    yield "read split of 5 folds", cost


def sparse_store(images: int, folder: Path, stored: int = STORED) -> Any:
    """Return the inputs of a run whose store is a file of holes."""
    from metrascope.config import load_settings
    from metrascope.data.manifest import Manifest
    from metrascope.data.split import Split
    from metrascope.data.store import StoreKey
    from metrascope.run import StudyInputs

    table = table_of(images)
    settings = load_settings("paper")
    settings = settings.model_copy(
        update={
            "training": settings.training.model_copy(update={"precision": "32-true"}),
            "preprocessing": settings.preprocessing.model_copy(
                update={"input_size": stored * 7 // 8}
            ),
        }
    )
    key = StoreKey("0", "0", stored, True, "crop", "train")
    arrays = {
        "pixels": ("|u1", (images, stored, stored)),
        "histograms": ("<i8", (images, 256)),
        "sectors": ("|u1", (images, stored, -(-stored // 8))),
    }
    store = folder / "prepared" / key.name
    store.mkdir(parents=True)
    for name, (kind, shape) in arrays.items():
        with (store / f"{name}.npy").open("wb") as file:
            header = {"descr": kind, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            file.truncate(file.tell() + int(np.prod(shape)) * np.dtype(kind).itemsize)
    (store / "key.json").write_text("{}")
    patients = table.drop_duplicates("patient_id")[["patient_id", "label"]]
    places = np.where(np.arange(len(patients)) % 10, "train", "validation")
    split = Split(patients.assign(fold=0, partition=places))
    return key, StudyInputs(folder, Manifest(folder, table, "0"), split, CLASSES, settings, "cpu")


class _EnoughError(Exception):
    """Ends an epoch after the steps that are measured."""


def training(images: int, folder: Path, bundle: Path | None) -> Costs:
    """Open the store, begin an epoch, take some steps with a network and without."""
    yield from _trained(images, folder, STORED)


def resolution(side: int, folder: Path, bundle: Path | None) -> Costs:
    """Take steps at another size of the images."""
    from metrascope.data.preprocess import stored_size

    for what, cost in _trained(1000, folder, stored_size(side)):
        if what.startswith("step"):
            yield what, cost


def _trained(images: int, folder: Path, stored: int) -> Costs:
    import torch
    from lightning_fabric import Fabric

    from metrascope import run as runs
    from metrascope.data.augment import draw_transforms
    from metrascope.execution import make_deterministic
    from metrascope.feed import Feed
    from metrascope.networks import create_network
    from metrascope.training import StepReport, fit

    key, inputs = sparse_store(images, folder, stored)
    runs.store_key = lambda *_: key  # its images are not there to be looked at
    make_deterministic()
    torch.set_num_threads(1)
    with metered() as cost:
        data = runs.training_data(inputs, runs.Run("mobilenet_v2", 0, 0))
    yield "open store", cost
    with metered() as cost:
        feed = Feed(data, torch.device("cpu"))
        order = feed.to_device(np.random.default_rng(0).permutation(data.train))
        changes = draw_transforms(
            len(order),
            inputs.settings.augmentation,
            input_size=data.preprocessing.input_size,
            stored_size=stored,
            generator=torch.Generator().manual_seed(0),
        )
    yield "begin an epoch", cost
    starts = [16 * n % (len(order) - 16) for n in range(4 * STEPS)]
    batches = [slice(start, start + 16) for start in starts]
    with metered() as cost:
        for batch in batches:
            feed.images(order[batch], changes[batch])
    yield "step, no network", _each(cost, len(batches))
    del feed, order, changes
    fabric = Fabric(accelerator="cpu", devices=1, precision="32-true")
    network = create_network("mobilenet_v2", len(CLASSES), weights="none")
    metering = metered()
    cost = Cost()

    def report(step: StepReport) -> None:
        nonlocal cost
        if step.step == 2:  # the first ones take memory
            cost = metering.__enter__()
        if step.step == 2 + STEPS:
            metering.__exit__(None, None, None)
            raise _EnoughError

    try:
        fit(
            fabric,
            network,
            data,
            inputs.settings,
            seed=0,
            resume=folder / "resume.safetensors",
            report=report,
        )
    except _EnoughError:
        yield "step, MobileNetV2", _each(cost, STEPS)


def _each(cost: Cost, count: int) -> Cost:
    """Return what one of so many costs; memory is that of all."""
    cost.processor, cost.clock = cost.processor / count, cost.clock / count
    return cost


def statistics(patients: int, folder: Path, bundle: Path | None) -> Costs:
    """Compute all that is said of eight networks."""
    from benchmarks.statistics_speed import made
    from metrascope.evaluation.metrics import evaluate

    predictions = made(patients)
    with metered() as cost:
        evaluate(predictions)
    yield "eight networks", cost


def report(images: int, folder: Path, bundle: Path | None) -> Costs:
    """Make numbers, maps, figures and pages of two networks that read so many test images."""
    from metrascope import embeddings
    from metrascope.report.page import write_report
    from metrascope.summary import summarize

    embeddings.MOST = 500  # a constant, which would hide the rest
    _write_study(images, folder)
    with metered() as cost:
        summarize(folder, "en")
    yield "summary and report", cost
    with metered() as cost:
        page = write_report(folder, "en")
    yield "report alone", cost
    print(f"{images} images: report.html {page.stat().st_size / 2**20:.1f} MiB", flush=True)


def _write_study(images: int, folder: Path) -> None:
    """Write the folder of a study whose patients have an image each, all with one picture."""
    from PIL import Image

    from benchmarks.statistics_speed import made
    from metrascope.atomic import write_json, write_text
    from metrascope.config import dump_settings, load_settings
    from metrascope.evaluation.predictions import write_predictions

    predictions, rng = made(images), np.random.default_rng(0)
    settings = load_settings("paper").model_copy(update={"networks": _READ})
    write_text(folder / "settings.toml", dump_settings(settings))
    counts = {label: {"patients": images, "images": images} for label in CLASSES}
    data = {"name": "made up", "manifest_sha256": "0", "split_sha256": "0", "classes": CLASSES}
    data |= {"images": images, "patients": images, "partitions": {"validation": counts}}
    write_json(folder / "data.json", data)
    square = Image.fromarray(rng.integers(0, 256, (256, 256), dtype=np.uint8))
    square.save(folder / "case.png")
    Image.fromarray(np.pad(np.full((60, 60), 255, np.uint8), 98)).save(folder / "mask.png")
    for network in _READ:
        table = predictions.table[predictions.table["network"] == network]
        run = folder / f"runs/{network}-f0-s0"
        write_predictions(table, run / "predictions.csv")
        maps = rng.random((images, len(CLASSES), 7, 7), dtype=np.float32)
        np.save(run / "heatmaps.npy", maps)
        np.save(run / "features.npy", rng.random((images, 64), dtype=np.float32))
        write_json(run / "model.json", {"network": network})
        write_json(run / "resources.json", {"device": "cpu"})
    masks = np.where(table["label"] == "normal", "", "mask.png")
    box = dict(zip(("left", "top", "right", "bottom"), (0.0, 0.0, 256.0, 256.0), strict=True))
    cases = table[["image"]].assign(file="case.png", mask_file=masks, **box)
    write_text(folder / "cases.csv", cases.to_csv(index=False))
    scanners = np.array(["A", "B"])[rng.integers(2, size=images)]
    write_text(
        folder / "images.csv",
        table[["image", "patient_id"]].assign(scanner=scanners).to_csv(index=False),
    )


PARTS = {
    "catalog": Part((1_000, 10_000, 100_000, 1_000_000), "images", catalog),
    "training": Part((1_000, 10_000, 100_000, 1_000_000), "images", training),
    "resolution": Part((96, 160, 224, 299, 448), "pixels", resolution),
    "statistics": Part((125, 1_291, 10_000, 100_000), "patients", statistics),
    "report": Part((1_000, 10_000, 100_000), "test images", report),
}
