"""The short form of the benchmarks that need no data but the phantom: ``make bench``.

Prints one table: ours, what one would use instead, the ratio, and the floor where one can be
counted. Under ten minutes on two cores. The long forms are the other programs in this folder.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from benchmarks import ingest_speed, predict_speed, statistics_speed, training_speed
from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import read_manifest
from metrascope.dataset.preprocess import square
from metrascope.explain.heatmap import class_maps
from metrascope.networks.networks import create_network
from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.phantom import write_phantom
from metrascope.predict.runtime import installed, open_runtime
from metrascope.statistics.evaluate import evaluate_predictions as evaluate

THREADS = 2


class Row(NamedTuple):
    """What one benchmark found, in seconds of the processor; ``floor`` NaN where not counted."""

    what: str
    ours: float
    reference: str
    theirs: float
    floor: float = float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="mobilenet_v2,resnet18,efficientnet_b0,densenet121")
    parser.add_argument("--images", type=int, default=48)
    parser.add_argument("--patients", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    started = time.monotonic()
    print(f"== phantom_speed\n{run('benchmarks.phantom_speed')}", flush=True)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_phantom(folder / "data", patients=options.images, seed=0, size=512, jobs=THREADS)
        for found in (
            training(folder, options),
            decoding(folder),
            intake(folder / "intake", options.patients),
            heat_maps(),
            reading(folder),
            statistic(),
        ):
            for row in found:
                print(f"   {row.what}: done", flush=True)
                rows.append(row)
    show(rows)
    print(f"{time.monotonic() - started:.0f} s in all")


def run(module: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def show(rows: list[Row]) -> None:
    print(f"\n{'':36} {'ours s':>8} {'them s':>8} {'ratio':>7} {'floor s':>8}  reference")
    for row in rows:
        floor = "" if np.isnan(row.floor) else f"{row.floor:.3f}"
        print(
            f"{row.what:36} {row.ours:8.3f} {row.theirs:8.3f} {row.theirs / row.ours:7.2f} "
            f"{floor:>8}  {row.reference}"
        )


def training(folder: Path, options: argparse.Namespace) -> Iterator[Row]:
    """Time steps of training; the floor is their arithmetic."""
    asked = argparse.Namespace(threads=THREADS, rounds=options.rounds, steps=1, waiting_alike=True)
    peak = training_speed.matrix_speed(THREADS)
    for name in options.networks.split(","):
        plain, ours = training_speed.measured(folder, name, asked)
        theirs, mine = (statistics.median(spent for _, spent in side) for side in (plain, ours))
        # Processor time: the work of both cores.
        floor = THREADS * training_speed.operations(name) / peak
        reference = "torchvision, DataLoader, 2 workers"
        yield Row(f"training step, {name}", mine, reference, theirs, floor)


def decoding(folder: Path) -> Iterator[Row]:
    """Time one image from file to the store's square; ours finds the sector as well."""
    manifest = read_manifest(folder / "data")
    rows = range(min(48, len(manifest.table)))

    def ours() -> None:
        for row in rows:
            square(read_picture(manifest, row, sector_crop=True).grey, 256, "crop")

    def theirs() -> None:
        for row in rows:
            with Image.open(str(manifest.path(row))) as image:
                np.asarray(image.convert("L").resize((256, 256), Image.Resampling.BILINEAR))

    def floor() -> None:
        for row in rows:
            cv2.imread(str(manifest.path(row)), cv2.IMREAD_GRAYSCALE)

    parts = [spent(work) / len(rows) for work in (ours, theirs, floor)]
    yield Row("decoding an image, once per study", parts[0], "Pillow", parts[1], parts[2])


def intake(folder: Path, patients: int) -> Iterator[Row]:
    """Time cleaning DICOM files; the floor is what `ingest_speed` counts as needed by anyone."""
    folder.mkdir()
    write_export(folder / "export", patients=patients, seed=20, jobs=THREADS)
    ingest_speed.select(folder / "export", folder / "files", usable=True)
    ingest_speed.warm(folder, keep_all=False)
    files = len(list((folder / "files").iterdir()))
    parts = [way(folder).processor / files for way in (ingest_speed.ours, ingest_speed.theirs)]
    box = ingest_speed.typical_size(folder / "ours")
    least = sum(ingest_speed.floor(folder / "files", box).values()) / 1000
    yield Row(f"ingest, each of {files} DICOM files", parts[0], "pydicom, Pillow", parts[1], least)


def heat_maps() -> Iterator[Row]:
    """Time Grad-CAM of all classes of a batch; the floor is the forward pass."""
    torch.manual_seed(0)
    network = create_network("resnet18", 3, weights="none").eval()
    images = torch.randn(8, 3, 224, 224)

    def ours() -> None:
        with torch.no_grad():
            class_maps(network, network(images))

    def theirs() -> None:
        logits = predict_speed.Scores(network)
        with GradCAM(model=logits, target_layers=[network.last_map]) as cam:
            for index in range(3):
                cam(images, targets=[ClassifierOutputTarget(index)] * len(images))

    def floor() -> None:
        with torch.no_grad():
            network(images)

    parts = [spent(work) for work in (ours, theirs, floor)]
    yield Row("heat maps of 3 classes, 8 images", parts[0], "pytorch-grad-cam", parts[1], parts[2])


def reading(folder: Path, times: int = 5) -> Iterator[Row]:
    """Time reading one crop with its heat map; the floor is the arithmetic of the network."""
    name = "mobilenet_v2"
    network, path = predict_speed.graph_of(name, folder)
    grey = np.random.default_rng(0).integers(0, 256, (512, 512), dtype=np.uint8)
    plain = predict_speed.reference(network)
    runtime = open_runtime(path, name=installed()[0], threads=THREADS)

    def ours() -> None:
        for _ in range(times):
            runtime(grey[None, None])

    def theirs() -> None:
        for _ in range(times):
            plain(grey)

    each = training_speed.operations(name) / 3 / training_speed.BATCH
    floor = THREADS * each / training_speed.matrix_speed(THREADS)
    mine, other = (spent(work) / times for work in (ours, theirs))
    yield Row(f"reading with heat map, {name}", mine, "pytorch-grad-cam", other, floor)


def statistic(replicates: int = 2000, loop: int = 5) -> Iterator[Row]:
    """Time all statistics of eight networks; some resamples of the loop are multiplied."""
    predictions = statistics_speed.made(1291)
    mine = spent(lambda: evaluate(predictions, replicates=replicates), times=1)
    theirs = spent(lambda: statistics_speed.loop(predictions, loop), times=1) * replicates / loop
    yield Row(f"statistics, {replicates} resamples", mine, "scikit-learn in a loop", theirs)


def spent(work: Callable[[], object], times: int = 3) -> float:
    """Return the least processor time of several calls."""
    found = []
    for _ in range(times):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


if __name__ == "__main__":
    main()
