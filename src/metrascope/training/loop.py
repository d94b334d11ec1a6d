"""Train one network: the loop, from random numbers to weights, read from top to bottom."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional

from metrascope.errors import StudyError
from metrascope.networks.checkpoint import load_resume, load_weights, save_resume, save_weights
from metrascope.networks.networks import Network, Output
from metrascope.settings.study_settings import Settings, TrainingSettings
from metrascope.training.augment import draw_transforms
from metrascope.training.batches import BatchFeed, ImageRows, TrainingData
from metrascope.training.distributed import (
    gather,
    mean_over_processes,
    process_batches,
    share_buffers,
    synchronized,
)
from metrascope.training.schedule import learning_rate
from metrascope.training.step import TrainingStep

HISTORY: Final = (
    "epoch",
    "step",
    "learning_rate",
    "loss",
    "validation_loss",
    "validation_macro_f1",
)


@dataclass(frozen=True)
class StepReport:
    """Where training stands, for a progress bar; ``macro_f1`` at the end of an epoch only."""

    epoch: int
    step: int
    steps: int
    loss: float
    macro_f1: float | None = None


class Fitted(NamedTuple):
    """History and duration of a training.

    ``history`` are the rows of ``history.csv`` (`HISTORY`), as text, so that a continued run writes
    the very bytes of one left alone; ``seconds`` includes those of earlier, interrupted calls.
    """

    history: list[list[str]]
    seconds: float


def fit(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    settings: Settings,
    *,
    seed: int,
    resume: Path,
    report: Callable[[StepReport], None],
) -> Fitted:
    """Train a network in place, going on from ``resume`` where that exists.

    Everything random in an epoch is drawn from ``seed`` and the epoch's number alone, so that a
    run continued after a kill is the run left alone, bit for bit.

    Parameters
    ----------
    fabric
        Device, precision, processes.
    network
        On the processor; moved to the device.
    data
        Images, labels and partitions.
    settings
        Settings of the study.
    seed
        Seed of this run's fold.
    resume
        File that holds the training state after each epoch; with ``best_epoch`` the best
        weights so far are beside it.
    report
        Called after every step and every epoch.

    Raises
    ------
    StudyError
        If the loss becomes infinite.
    """
    recipe, started = settings.training, time.monotonic()
    # Convolutions on the processor are faster with the channels last (docs/decisions.md).
    network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = _optimizer(network, recipe)
    # Epochs behind us, their rows of history, the best macro F1 so far, the seconds they took.
    finished, history, best, earlier = _load_progress(resume, network, optimizer)
    feed = BatchFeed(data, fabric.device)
    model, fabric_optimizer = fabric.setup(synchronized(fabric, network), optimizer)
    step = TrainingStep(
        fabric,
        model,
        fabric_optimizer,
        feed,
        _criterion(data, recipe, fabric.device),
        recorded=recipe.batch_size,
    )
    for epoch in range(finished + 1, recipe.epochs + 1):
        model.train()  # validation has set it to evaluation
        rows = _train_epoch(fabric, step, feed, data, settings, epoch, seed, report)
        # Batch norm's running statistics are each process's own: the first one's are saved.
        share_buffers(fabric, network)
        loss, macro_f1 = _validate(fabric, network, feed, data, recipe.batch_size)
        if not math.isfinite(loss):  # the last step of an epoch is seen by no loss of training
            rate = float(rows[-1][2])
            raise StudyError("study.diverged", epoch=epoch, step=len(rows), rate=rate)
        # repr gives back the same float, so that a continued history has the same bytes.
        rows[-1][-2:] = [repr(loss), repr(macro_f1)]
        history += rows
        report(StepReport(epoch, len(rows), len(rows), loss, macro_f1))
        if fabric.is_global_zero:
            if recipe.best_epoch and macro_f1 > best:
                best = macro_f1
                save_weights(network, best_weights(resume))
            # Last, since from here on the epoch counts as done.
            seconds = earlier + time.monotonic() - started
            state = {"history": json.dumps(history), "best": repr(best), "seconds": repr(seconds)}
            save_resume(resume, network, optimizer, epoch, state)
    if recipe.best_epoch:
        fabric.barrier()  # the first process has written the file by then
        load_weights(network, best_weights(resume))
    return Fitted(history, earlier + time.monotonic() - started)


def best_weights(resume: Path) -> Path:
    """Return the file of the best epoch's weights, beside the resume file."""
    return resume.with_name("best.safetensors")


def predict(
    fabric: Fabric, network: Network, feed: BatchFeed, rows: ImageRows, batch_size: int
) -> Iterator[Output]:
    """Yield the network's output for this process's batches of images, without randomness.

    One process reads all, in order; several take turns (`metrascope.training.distributed.gather`).
    Inference is in 32 bits whatever the arithmetic of training: read in bfloat16, log probabilities
    of one image differed by up to 0.0035 between study and external test (docs/decisions.md).
    """
    network.eval()
    for batch in process_batches(fabric, len(rows), batch_size):
        with torch.no_grad():
            yield network(feed.images(feed.to_device(rows[batch])))


def derived_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends on all parts and on nothing else."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    # 63 of the digest's bits: a signed 64-bit number that is never negative.
    return int.from_bytes(digest[:8], "big") >> 1


def batches(count: int, size: int, processes: int = 1) -> list[slice]:
    """Cut ``count`` images into batches; a very small last one joins the batch before it.

    Batch normalization cannot train on a single image, so each process needs two.
    """
    slices = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    if len(slices) > 1 and slices[-1].stop - slices[-1].start < 2 * processes:
        slices[-2:] = [slice(slices[-2].start, count)]
    return slices


def _optimizer(network: Network, recipe: TrainingSettings) -> torch.optim.SGD:
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        fused=True,  # one kernel for all parameters; the rate may be a tensor, as `step` needs
    )


def _load_progress(
    resume: Path, network: Network, optimizer: torch.optim.Optimizer
) -> tuple[int, list[list[str]], float, float]:
    """Load a training state; return finished epochs, history, best macro F1 and seconds."""
    if not resume.is_file():
        return 0, [], -1.0, 0.0  # any macro F1, also 0, is better than -1
    epoch, extra = load_resume(resume, network, optimizer)
    history = json.loads(extra["history"])
    return epoch, history, float(extra["best"]), float(extra["seconds"])


def _train_epoch(
    fabric: Fabric,
    step: TrainingStep,
    feed: BatchFeed,
    data: TrainingData,
    settings: Settings,
    epoch: int,
    seed: int,
    report: Callable[[StepReport], None],
) -> list[list[str]]:
    """Train on every image once; return the rows of history, one a step."""
    recipe = settings.training
    # Order and augmentation are the same in all processes, which cut one batch among them; dropout
    # differs, as it would between the images of one process.
    generator = torch.Generator().manual_seed(derived_seed("epoch", seed, epoch))
    torch.manual_seed(derived_seed("dropout", seed, epoch, fabric.global_rank))
    order = data.train[torch.randperm(len(data.train), generator=generator).numpy()]
    transforms = draw_transforms(
        len(order),
        settings.augmentation,
        input_size=data.preprocessing.input_size,
        stored_size=data.preprocessing.stored_size,
        generator=generator,
    ).to(fabric.device)  # (images, 2, 3), one for each image of `order`
    rows = feed.to_device(order)
    slices = batches(len(order), recipe.batch_size, fabric.world_size)
    rates, losses = [], _Losses(fabric, epoch)
    for number, batch in enumerate(slices):
        # Each process takes every n-th image of the batch. DDP averages gradients over processes,
        # whatever their number of images: weighting each loss by its share of the batch makes
        # that the mean over the batch, also where it does not divide evenly.
        part = slice(batch.start + fabric.global_rank, batch.stop, fabric.world_size)
        share = len(rows[part]) * fabric.world_size / (batch.stop - batch.start)
        rates.append(learning_rate((epoch - 1) * len(slices) + number, len(slices), recipe))
        losses.add(step(rows[part], transforms[part], rate=rates[-1], share=share), rates[-1])
        report(StepReport(epoch, number + 1, len(slices), losses.last))
    return [
        [str(epoch), str(number + 1), repr(rate), repr(loss), "", ""]
        for number, (rate, loss) in enumerate(zip(rates, losses.all(), strict=True))
    ]


class _Losses:
    """The losses of an epoch's steps, read from the device in groups.

    Reading a number waits until the GPU has computed it; meanwhile no further step is launched.

    Raises
    ------
    StudyError
        Once a loss that is not finite has been read.
    """

    def __init__(self, fabric: Fabric, epoch: int) -> None:
        self._fabric, self._epoch = fabric, epoch
        # Every 16th step still moves the bar several times an epoch (the study has 73 steps); a
        # processor computes at once. Chosen, not measured.
        self._every = 16 if fabric.device.type == "cuda" else 1
        self._waiting: list[tuple[Tensor, float]] = []
        self._read: list[float] = []

    @property
    def last(self) -> float:
        """The last loss that has been read, for people; NaN before the first."""
        return self._read[-1] if self._read else math.nan

    def add(self, loss: Tensor, rate: float) -> None:
        self._waiting.append((mean_over_processes(self._fabric, loss), rate))
        if len(self._waiting) >= self._every:
            self.all()

    def all(self) -> list[float]:
        """Return the loss of every step so far."""
        if self._waiting:
            values = torch.stack([loss for loss, _ in self._waiting]).tolist()
            for value, (_, rate) in zip(values, self._waiting, strict=True):
                self._read.append(value)
                if not math.isfinite(value):
                    step = len(self._read)
                    raise StudyError("study.diverged", epoch=self._epoch, step=step, rate=rate)
            self._waiting.clear()
        return self._read


def _criterion(
    data: TrainingData, recipe: TrainingSettings, device: torch.device
) -> Callable[[Output, Tensor], Tensor]:
    """Return the loss of a batch: cross-entropy, and that of an auxiliary head with its weight."""
    weight = None
    if recipe.class_weights:
        # n / (K * n_k), as scikit-learn's "balanced": a class weighs as much as any other.
        counts = np.bincount(data.labels[data.train])
        weight = torch.tensor(len(data.train) / (len(counts) * counts), dtype=torch.float32)
        weight = weight.to(device)
    criterion = nn.CrossEntropyLoss(weight, label_smoothing=recipe.label_smoothing)

    def batch_loss(output: Output, target: Tensor) -> Tensor:
        loss: Tensor = criterion(output.logits, target)
        if output.aux_logits is not None:
            loss = loss + recipe.auxiliary_weight * criterion(output.aux_logits, target)
        return loss

    return batch_loss


def _validate(
    fabric: Fabric, network: Network, feed: BatchFeed, data: TrainingData, batch_size: int
) -> tuple[float, float]:
    """Return cross-entropy and macro F1 of the validation partition, images counted singly."""
    rows = data.validation
    outputs = predict(fabric, network, feed, rows, batch_size)
    parts = [output.logits.float().cpu() for output in outputs]
    logits = torch.cat(gather(fabric, parts))  # (images, K), in the order of `rows`
    target = torch.from_numpy(data.labels[rows])
    loss = functional.cross_entropy(logits, target).item()
    predicted = logits.argmax(dim=1).numpy()
    macro_f1 = f1_score(target.numpy(), predicted, average="macro", zero_division=0.0)
    return loss, float(macro_f1)
