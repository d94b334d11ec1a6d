"""The parts of a study whose cost `benchmarks.growth` measures.

``catalog`` reads and splits the manifest of empty files, two to a patient. ``training`` is
MobileNetV2 from no weights on a store of holes, which the file system reads as zeros: what grows
with the number of images is there, the time to read pixels from a disk is not. Its steps are those
of `metrascope.training.loop.fit`, stopped after a few dozen. ``processes`` are whole
studies of phantoms, of one epoch.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.meter import Cost, Costs, Part, metered

CLASSES = ("normal", "fibroid", "polyp")
STORED = 256
STEPS = 12
_PER_FOLDER = 1000
_SHORT = (
    "--networks=mobilenet_v2,resnet18",
    "--weights=none",
    "--device=cpu",
    "--set=preprocessing.input_size=160",
    "--set=training.epochs=1",
    "--set=training.precision=32-true",
    "--set=explain.faithfulness_images=0",
    "--set=explain.shortcut_images=0",
    "--set=explain.border=false",
)


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
    from metrascope.dataset.counts import count_partitions
    from metrascope.dataset.designs import draw_split
    from metrascope.dataset.manifest import read_manifest, write_manifest
    from metrascope.dataset.split import read_split, write_split
    from metrascope.dataset.store import files_digest
    from metrascope.settings.study_settings import SplitSettings

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
            count_partitions(split, manifest.table, CLASSES)
        yield f"draw {design}", cost
    write_split(split, folder / "splits.csv")
    with metered() as cost:
        read_split(folder / "splits.csv", manifest.table, CLASSES)
    yield "read split of 5 folds", cost


def sparse_store(images: int, folder: Path, stored: int = STORED) -> Any:
    """Return the inputs of a run whose store is a file of holes."""
    from metrascope.dataset.manifest import Manifest
    from metrascope.dataset.split import Split
    from metrascope.dataset.store import StoreKey
    from metrascope.settings.study_settings import load_settings
    from metrascope.training.run import StudyInputs

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
    from metrascope.dataset.preprocess import stored_size

    for what, cost in _trained(1000, folder, stored_size(side)):
        if what.startswith("step"):
            yield what, cost


def _trained(images: int, folder: Path, stored: int) -> Costs:
    import torch
    from lightning_fabric import Fabric

    from metrascope.networks.networks import create_network
    from metrascope.training import run as runs
    from metrascope.training.augment import draw_transforms
    from metrascope.training.batches import BatchFeed
    from metrascope.training.execute import make_deterministic
    from metrascope.training.loop import StepReport, fit

    key, inputs = sparse_store(images, folder, stored)
    runs.store_key = lambda *_: key  # its images are not there to be looked at
    make_deterministic()
    torch.set_num_threads(1)
    with metered() as cost:
        data = runs.training_data(inputs, runs.TrainingRun("mobilenet_v2", 0, 0))
    yield "open store", cost
    with metered() as cost:
        feed = BatchFeed(data, torch.device("cpu"))
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


def processes(count: int, folder: Path, bundle: Path | None) -> Costs:
    """Train two networks for an epoch: so many runs at a time, or so many processes to a run."""
    from metrascope.phantom.phantom import write_phantom

    write_phantom(folder / "data", patients=240, seed=0, size=256, jobs=2)
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    ways = {"study --jobs": ([], [f"--jobs={count}"]), "study under torchrun": (torchrun, [])}
    for what, (start, options) in ways.items():
        out = folder / f"study{len(start)}"
        command = [sys.executable, *start, "-m", "metrascope", "study", "paper", *options, *_SHORT]
        command += ["--data", str(folder / "data"), "--out", str(out)]
        with metered() as cost:
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield what, cost
        files = sorted(out.glob("runs/*/resources.json"))
        spent = [json.loads(file.read_text())["train_seconds"] for file in files]
        yield f"{what}, training", Cost(0, sum(spent) / (count if "--jobs" in what else 1))


PARTS = {
    "catalog": Part((1_000, 10_000, 100_000, 1_000_000), "images", catalog),
    "training": Part((1_000, 10_000, 100_000, 1_000_000), "images", training),
    "resolution": Part((96, 160, 224, 299, 448), "pixels", resolution),
    "processes": Part((1, 2), "processes", processes),
}
