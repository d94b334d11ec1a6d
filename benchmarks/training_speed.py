"""Training speed on the processor: the study's way beside torchvision and a DataLoader.

    python -m benchmarks.training_speed [--networks A,B] [--rounds 5] [--steps 2] [--images 128]
                                        [--waiting-alike]

Batches of 16 from 512 x 512 PNG phantoms, at 224 pixels (299 for Inception-v3), on two cores. Both
ways are processes that train the same number of steps in turns, so that whatever else the machine
does weighs on both; the ratio is the median over the turns. The reference is
`benchmarks.plain_training` with two workers. Ours is what a run of a study does: the pixel store,
one resampling, channels last, bfloat16 where it is measured to gain, memory that is kept, threads
that sleep if they wait for long. With ``--waiting-alike`` the reference's do as well, which nobody
sets who does not know of it: while its workers decode, its threads wait for each other at full
speed.

The floor is the arithmetic of a step (three times the forward pass's, as PyTorch counts it) over
what this machine reaches in one large 32-bit product of matrices.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain_training import AUXILIARY, BATCH, LAST, RATE, answer, input_size
from metrascope.dataset.manifest import read_manifest
from metrascope.dataset.preprocess import Preprocessing, fit_grey_table
from metrascope.dataset.store import open_store
from metrascope.networks.networks import create_network
from metrascope.phantom.phantom import write_phantom
from metrascope.processes.worker import ENVIRONMENT
from metrascope.settings.study_settings import AugmentationSettings, load_settings
from metrascope.training.augment import draw_transforms
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.execute import make_deterministic
from metrascope.training.precision import measure_precision, network_precision, unmeasured
from metrascope.training.run import store_key
from metrascope.training.step import TrainingStep

BAR = 2.2
SPINS = "GOMP_SPINCOUNT"


class Side:
    """One way of training, in a process of its own."""

    def __init__(self, module: str, *arguments: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", module, *arguments]
        self.process = subprocess.Popen(
            command,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def seconds(self, steps: int) -> tuple[float, float]:
        """Return seconds per step: by the clock, and of the processor."""
        print(steps, file=self.process.stdin, flush=True)
        clock, processor = map(float, self._line().split())
        return clock / steps, processor / steps

    def end(self) -> None:
        self.process.communicate()

    def _line(self) -> str:
        line = self.process.stdout.readline().strip() if self.process.stdout else ""
        if not line:
            raise SystemExit(f"a side ended: {self.process.args}")
        return line


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default=",".join(LAST))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--waiting-alike", action="store_true", help="of threads")
    parser.add_argument("--serve", nargs=2, metavar=("FOLDER", "NETWORK"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(Path(options.serve[0]), options.serve[1], options.threads)
        return
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), options)


def compare(folder: Path, options: argparse.Namespace) -> None:
    write_phantom(folder / "data", patients=options.images, seed=0, size=512, jobs=2)
    names = options.networks.split(",")
    print(
        f"{options.images} phantoms; {torch.__version__}; {torch.backends.cpu.get_cpu_capability()}"
    )
    peak = matrix_speed(options.threads)
    print(f"product of matrices: {peak / 1e9:.0f} GFLOP/s on {options.threads} threads")
    print("seconds a step by the clock and of the processor")
    heads = f" {'plain':>8} {'ours':>8} {'ratio':>6}"
    print(f"{'network':16}{heads * 2} {'floor':>7}  arithmetic")
    clock, processor = [], []
    for name in names:
        plain, ours = measured(folder, name, options)
        cells = ""
        for kind, ratios in ((0, clock), (1, processor)):
            theirs, mine = [turn[kind] for turn in plain], [turn[kind] for turn in ours]
            ratios.append(statistics.median(a / b for a, b in zip(theirs, mine, strict=True)))
            cells += f" {statistics.median(theirs):8.3f} {statistics.median(mine):8.3f}"
            cells += f" {ratios[-1]:6.2f}"
        floor = operations(name) / peak
        arithmetic = network_precision(inputs(folder), name)
        print(f"{name:16}{cells} {floor:7.3f}  {arithmetic}", flush=True)
    print(f"processor time, geometric mean: {statistics.geometric_mean(processor):.2f}")
    mean = statistics.geometric_mean(clock)
    print(f"geometric mean of {len(names)}: {mean:.2f} times as fast (asked: {BAR})")


def measured(
    folder: Path, name: str, options: argparse.Namespace
) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """Return seconds per step of each turn of both ways, by the clock and of the processor."""
    threads = f"--threads={options.threads}"
    ours = Side(
        "benchmarks.training_speed", "--serve", str(folder), name, threads, environment=ENVIRONMENT
    )
    waiting = {k: v for k, v in ENVIRONMENT.items() if options.waiting_alike and k == SPINS}
    data = str(folder / "data")
    plain = Side("benchmarks.plain_training", data, name, threads, environment=waiting)
    turns = [
        (plain.seconds(options.steps), ours.seconds(options.steps)) for _ in range(options.rounds)
    ]
    plain.end()
    ours.end()
    return [a for a, _ in turns], [b for _, b in turns]


def inputs(folder: Path) -> Any:
    """Return what `metrascope.training.precision` needs of a study's inputs."""
    settings = load_settings("paper")
    return SimpleNamespace(
        folder=folder, settings=settings, classes=("normal", "fibroid", "polyp"), device="cpu"
    )


def serve(folder: Path, name: str, threads: int) -> None:
    """Train as a run of a study does; see `plain_training.answer`."""
    torch.set_num_threads(threads)
    make_deterministic()
    study = inputs(folder)
    for network in unmeasured(study, [name]):
        measure_precision(study, network, threads)
    answer(losses(folder, name, study))


def losses(folder: Path, name: str, study: Any) -> Iterator[float]:
    """Yield the loss of step after step."""
    manifest = read_manifest(folder / "data")
    key = store_key(manifest, study.settings, name)
    store = open_store(manifest, key, folder / "prepared")
    size = input_size(name)
    steps = Preprocessing(
        input_size=size,
        stored_size=key.size,
        sector_crop=True,
        fit="crop",
        equalization="train",
        grey_table=tuple(map(int, fit_grey_table(store.histograms.sum(axis=0)))),
    )
    labels = manifest.table["label"].map({c: i for i, c in enumerate(study.classes)}).to_numpy()
    rows = np.arange(len(labels))
    data = TrainingData(store.pixels, labels.astype(np.int64), rows, rows, steps)
    fabric = Fabric(accelerator="cpu", devices=1, precision=network_precision(study, name))
    network = create_network(name, 3, weights="none").train()
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(), RATE, momentum=0.9, weight_decay=1e-4, fused=True
    )
    feed = BatchFeed(data, fabric.device)
    model, fabric_optimizer = fabric.setup(network, optimizer)
    step = TrainingStep(fabric, model, fabric_optimizer, feed, loss_of)
    generator = torch.Generator().manual_seed(0)
    while True:
        order = torch.randint(len(rows), (BATCH,), generator=generator)
        changes = draw_transforms(
            BATCH,
            AugmentationSettings(),
            input_size=size,
            stored_size=key.size,
            generator=generator,
        )
        yield step(order, changes, rate=RATE, share=1.0).item()


def loss_of(output: Any, target: torch.Tensor) -> torch.Tensor:
    loss = functional.cross_entropy(output.logits, target)
    if output.aux_logits is not None:
        loss = loss + AUXILIARY * functional.cross_entropy(output.aux_logits, target)
    return loss


def operations(name: str) -> int:
    """Return the floating-point operations of a step: three times those of its forward pass.

    PyTorch's counter knows the forward pass; in the backward pass it takes grouped convolutions for
    whole ones.
    """
    network = create_network(name, 3, weights="none").train()
    images = torch.zeros(2, 3, input_size(name), input_size(name))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(images)
    return 3 * counter.get_total_flops() * BATCH // 2


def matrix_speed(threads: int, size: int = 2048) -> float:
    """Return operations per second of 32-bit products, as if no one else were here."""
    torch.set_num_threads(threads)
    left, right = torch.randn(size, size), torch.randn(size, size)
    times = []
    for _ in range(8):
        started = time.process_time()
        torch.mm(left, right)
        times.append((time.process_time() - started) / threads)
    return cast(float, 2 * size**3 / min(times))


if __name__ == "__main__":
    main()
