"""The arithmetic in which a network trains: 32 bits, or bfloat16 where it is measured to be faster.

The choice is made once for each network of a study and kept in its folder, so that a run which is
continued, or another fold, computes as the first one did.
"""

import json
import logging
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Final, Literal, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional

from metrascope.dataset.preprocess import Preprocessing, stored_size
from metrascope.files.atomic import write_json
from metrascope.messages import text
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.networks.networks import Output, create_network
from metrascope.processes.torchrun import is_follower
from metrascope.progress import progress
from metrascope.settings.study_settings import PreprocessingSettings
from metrascope.training.augment import centre_transforms
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.run import StudyInputs, input_size
from metrascope.training.step import TrainingStep

Precision = Literal["32-true", "bf16-mixed"]

# Lightning logs the precision in English, for every run, among sentences of ours.
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)

# Steps timed in each arithmetic, of which the fastest counts. Chosen, not measured.
_TIMED_STEPS: Final = 3
# Least speed-up of bfloat16: below a tenth, its coarser numbers buy nothing (docs/decisions.md).
_LEAST_SPEED_UP: Final = 1.1


def network_precision(inputs: StudyInputs, network: str) -> Precision:
    """Return the arithmetic of a network in a study: as set, or as it was measured."""
    setting = inputs.settings.training.precision
    if setting != "auto":
        return setting
    file = _file(inputs.folder, network)
    if not file.is_file():
        return "32-true"
    return cast(Precision, json.loads(file.read_text(encoding="utf-8"))["precision"])


def unmeasured(inputs: StudyInputs, networks: list[str]) -> list[str]:
    """Return the networks whose arithmetic has yet to be measured: on a processor alone.

    On a GPU, 32-bit convolutions use its matrix units as they are (TF32), batches of 16 are bound
    by launches, of which bfloat16 makes more, and measuring took longer than it could save.
    """
    setting = inputs.settings.training.precision
    if setting != "auto" or inputs.device != "cpu" or not may_gain():
        return []
    return [name for name in dict.fromkeys(networks) if not _file(inputs.folder, name).is_file()]


def may_gain() -> bool:
    """Tell whether this processor computes with bfloat16 at all: those with AVX-512 for it."""
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return supported is not None and bool(supported())


def measure_precision(inputs: StudyInputs, network: str, threads: int | None) -> None:
    """Train a few steps in both arithmetics, in turns; record both times and the faster one.

    Parameters
    ----------
    inputs
        Data, split and settings of the study.
    network
        Key of the network.
    threads
        Greatest number of processor threads; None for as many as torch takes.
    """
    if threads is not None:
        torch.set_num_threads(min(threads, torch.get_num_threads()))
    kinds: tuple[Precision, ...] = ("32-true", "bf16-mixed")
    title = text("engine.measuring", network=ARCHITECTURES[network].title)
    with nullcontext() if is_follower() else progress(title):
        trials = {kind: _Trial(inputs, network, kind) for kind in kinds}
        seconds = {kind: min(times) for kind, times in _time_in_turns(trials).items()}
    gains = seconds["32-true"] > _LEAST_SPEED_UP * seconds["bf16-mixed"]
    faster: Precision = "bf16-mixed" if gains else "32-true"
    if is_follower():  # the first process decides
        return
    content = {"precision": faster, "seconds_per_step": seconds}
    write_json(_file(inputs.folder, network), content)


def _file(folder: Path, network: str) -> Path:
    return folder / "precision" / f"{network}.json"


def _time_in_turns(trials: "dict[Precision, _Trial]") -> dict[Precision, list[float]]:
    """Return the seconds of each step; in turns, so that other work on the machine slows both."""
    times: dict[Precision, list[float]] = {kind: [] for kind in trials}
    for trial in trials.values():
        trial.step()  # libraries choose their algorithms
    for _ in range(_TIMED_STEPS):
        for kind, trial in trials.items():
            started = time.perf_counter()
            trial.step()
            times[kind].append(time.perf_counter() - started)
    return times


class _Trial:
    """The step of training itself, on noise and from a random start, which change no time."""

    def __init__(self, inputs: StudyInputs, name: str, precision: Precision) -> None:
        recipe, size = inputs.settings.training, input_size(inputs.settings, name)
        fabric = Fabric(accelerator=inputs.device, devices=1, precision=precision)
        count = -(-recipe.batch_size // recipe.processes)
        network = create_network(name, len(inputs.classes), inputs.settings.pooling, weights="none")
        network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # The values change no time; a small rate, so that noise does not make weights infinite.
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, fused=True)
        feed = BatchFeed(_noise(count, size, inputs.settings.preprocessing), fabric.device)
        model, wrapped = fabric.setup(network.train(), optimizer)
        self._step = TrainingStep(fabric, model, wrapped, feed, _loss, recorded=count)
        self._rows = feed.to_device(np.arange(count))
        centre = centre_transforms(count, input_size=size, stored_size=stored_size(size))
        self._transforms = centre.to(fabric.device)

    def step(self) -> None:
        # Reading the loss waits for the device.
        self._step(self._rows, self._transforms, rate=1e-4, share=1.0).item()


def _noise(count: int, size: int, steps: PreprocessingSettings) -> TrainingData:
    stored = stored_size(size)
    pixels = np.random.default_rng(0).integers(0, 256, (count, stored, stored)).astype(np.uint8)
    preprocessing = Preprocessing(
        input_size=size,
        stored_size=stored,
        sector_crop=steps.sector_crop,
        fit=steps.fit,
        equalization="none",
    )
    rows = np.arange(count)
    return TrainingData(pixels, np.zeros(count, dtype=np.int64), rows, rows, preprocessing)


def _loss(output: Output, target: Tensor) -> Tensor:
    return functional.cross_entropy(output.logits, target)
