"""Train one network: the loop, from random numbers to weights, read from top to bottom."""

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from sklearn.metrics import f1_score
from torch import Tensor, nn
from torch.nn import functional

from metrascope.checkpoint import load_resume, load_weights, save_resume, save_weights
from metrascope.config import Settings, TrainingSettings
from metrascope.data.augment import centre_transforms, draw_transforms, resample
from metrascope.data.preprocess import Preprocessing
from metrascope.errors import StudyError
from metrascope.networks import Network, Output
from metrascope.schedule import learning_rate

Rows = npt.NDArray[np.int64]

HISTORY: Final = (
    "epoch",
    "step",
    "learning_rate",
    "loss",
    "validation_loss",
    "validation_macro_f1",
)


@dataclass(frozen=True)
class TrainingData:
    """What one run reads.

    Attributes
    ----------
    pixels
        uint8, (images, stored, stored): the whole store.
    labels
        int64, (images,): class index of each image.
    train, validation
        Rows of each partition, ascending.
    preprocessing
        With the grey-level table fitted to ``train``.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    preprocessing: Preprocessing


@dataclass(frozen=True)
class StepReport:
    """Where training stands, for a progress bar; ``macro_f1`` at the end of an epoch only."""

    epoch: int
    step: int
    steps: int
    loss: float
    macro_f1: float | None = None


class Fitted(NamedTuple):
    """What training leaves besides the weights.

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
        Of the study.
    seed
        Of this run.
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
    network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = _optimizer(network, recipe)
    done, history, best, earlier = _resumed(resume, network, optimizer)
    model, fabric_optimizer = fabric.setup(network, optimizer)
    for epoch in range(done + 1, recipe.epochs + 1):
        rows = _train_epoch(fabric, model, fabric_optimizer, data, settings, epoch, seed, report)
        loss, macro_f1 = _validate(fabric, network, data, recipe.batch_size)
        rows[-1][-2:] = [repr(loss), repr(macro_f1)]
        history += rows
        report(StepReport(epoch, len(rows), len(rows), loss, macro_f1))
        if fabric.is_global_zero:
            if recipe.best_epoch and macro_f1 > best:
                best = macro_f1
                save_weights(network, best_weights(resume))
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
    fabric: Fabric, network: Network, data: TrainingData, rows: Rows, batch_size: int
) -> Iterator[Output]:
    """Yield the network's output for batches of images, in order, without randomness."""
    network.eval()
    size = data.preprocessing.input_size
    centre = centre_transforms(1, input_size=size, stored_size=data.preprocessing.stored_size)
    normalize = Normalizer(data.preprocessing, fabric.device)
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        transforms = centre.repeat(len(chosen), 1, 1)
        with torch.no_grad(), fabric.autocast():
            yield network(normalize(_batch(data, chosen, transforms, fabric.device)))


class Normalizer:
    """The photometric part of preprocessing on tensors: grey-level table, [0, 1], normalize.

    Called with uint8 (n, size, size), returns float32 (n, 3, size, size), channels last.
    """

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        table = torch.tensor(preprocessing.grey_table, dtype=torch.float32, device=device) / 255
        mean = torch.tensor(preprocessing.mean, device=device)
        std = torch.tensor(preprocessing.std, device=device)
        self.table = (table[:, None] - mean) / std

    def __call__(self, grey: Tensor) -> Tensor:
        """Look every pixel up in the table of 256 grey levels x 3 channels."""
        # The channel is the last axis of the table, so the result is channels-last as it comes.
        return self.table[grey.long()].permute(0, 3, 1, 2)


def derived_seed(*parts: object) -> int:
    """Return a 63-bit seed that depends on all parts and on nothing else."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
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
    )


def _resumed(
    resume: Path, network: Network, optimizer: torch.optim.Optimizer
) -> tuple[int, list[list[str]], float, float]:
    if not resume.is_file():
        return 0, [], -1.0, 0.0
    epoch, extra = load_resume(resume, network, optimizer)
    history = json.loads(extra["history"])
    return epoch, history, float(extra["best"]), float(extra["seconds"])


def _train_epoch(
    fabric: Fabric,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: TrainingData,
    settings: Settings,
    epoch: int,
    seed: int,
    report: Callable[[StepReport], None],
) -> list[list[str]]:
    recipe = settings.training
    generator = torch.Generator().manual_seed(derived_seed("epoch", seed, epoch))
    torch.manual_seed(derived_seed("dropout", seed, epoch, fabric.global_rank))
    order = data.train[torch.randperm(len(data.train), generator=generator).numpy()]
    transforms = draw_transforms(
        len(order),
        settings.augmentation,
        input_size=data.preprocessing.input_size,
        stored_size=data.preprocessing.stored_size,
        generator=generator,
    )
    normalize = Normalizer(data.preprocessing, fabric.device)
    loss_of = _criterion(data, recipe, fabric.device)
    slices = batches(len(order), recipe.batch_size, fabric.world_size)
    rows: list[list[str]] = []
    model.train()
    for step, batch in enumerate(slices):
        # Each process takes every n-th image of the batch; the share makes the mean over the
        # processes the mean over the batch, also where it does not divide evenly.
        part = np.arange(batch.start, batch.stop)[fabric.global_rank :: fabric.world_size]
        share = len(part) * fabric.world_size / (batch.stop - batch.start)
        rate = learning_rate((epoch - 1) * len(slices) + step, len(slices), recipe)
        for group in optimizer.param_groups:
            group["lr"] = rate
        grey = _batch(data, order[part], transforms[part], fabric.device)
        target = torch.from_numpy(data.labels[order[part]]).to(fabric.device)
        loss = loss_of(model(normalize(grey)), target) * share
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        value = _mean(fabric, loss)
        if not math.isfinite(value):
            raise StudyError("study.diverged", epoch=epoch, step=step + 1, rate=rate)
        rows.append([str(epoch), str(step + 1), repr(rate), repr(value), "", ""])
        report(StepReport(epoch, step + 1, len(slices), value))
    return rows


def _mean(fabric: Fabric, loss: Tensor) -> float:
    """Return the mean of a loss over the processes."""
    if fabric.world_size == 1:
        return loss.item()
    return cast(Tensor, fabric.all_reduce(loss.detach(), reduce_op="mean")).item()


def _batch(data: TrainingData, rows: Rows, transforms: Tensor, device: torch.device) -> Tensor:
    pixels = torch.from_numpy(data.pixels[rows]).to(device)
    return resample(pixels, transforms.to(device), data.preprocessing.input_size)


def _criterion(
    data: TrainingData, recipe: TrainingSettings, device: torch.device
) -> Callable[[Output, Tensor], Tensor]:
    weight = None
    if recipe.class_weights:
        counts = np.bincount(data.labels[data.train])
        weight = torch.tensor(len(data.train) / (len(counts) * counts), dtype=torch.float32)
        weight = weight.to(device)
    criterion = nn.CrossEntropyLoss(weight, label_smoothing=recipe.label_smoothing)

    def loss_of(output: Output, target: Tensor) -> Tensor:
        loss: Tensor = criterion(output.logits, target)
        if output.aux_logits is not None:
            loss = loss + recipe.auxiliary_weight * criterion(output.aux_logits, target)
        return loss

    return loss_of


def _validate(
    fabric: Fabric, network: Network, data: TrainingData, batch_size: int
) -> tuple[float, float]:
    rows = data.validation
    outputs = predict(fabric, network, data, rows, batch_size)
    logits = torch.cat([output.logits.float().cpu() for output in outputs])
    target = torch.from_numpy(data.labels[rows])
    loss = functional.cross_entropy(logits, target).item()
    predicted = logits.argmax(dim=1).numpy()
    macro_f1 = f1_score(target.numpy(), predicted, average="macro", zero_division=0.0)
    return loss, float(macro_f1)
