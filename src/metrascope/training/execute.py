"""Carry out a run: train its network, or go on with it, and leave its files."""

import math
import os
import platform
import time
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessException

from metrascope.errors import StudyError
from metrascope.files.csv_file import write_table
from metrascope.messages import text
from metrascope.networks.networks import Network, create_network
from metrascope.processes.torchrun import launched
from metrascope.processes.worker import end_with_parent
from metrascope.progress import progress
from metrascope.training.loop import HISTORY, StepReport, derived_seed, fit
from metrascope.training.outputs import (
    write_explanation_inputs,
    write_model,
    write_resources,
    write_run_predictions,
)
from metrascope.training.precision import network_precision
from metrascope.training.run import (
    StudyInputs,
    TrainingRun,
    input_size,
    remove_training_state,
    training_data,
)


def execute(
    inputs: StudyInputs,
    run: TrainingRun,
    threads: int | None = None,
    alone: bool = True,
    place: tuple[int, int] = (1, 1),
) -> None:
    """Train one run, or go on with it, and write its folder.

    With several processes each has its share of every batch, and the first one writes.

    Parameters
    ----------
    inputs
        Data, split and settings that the runs of the study share.
    run
        Network, fold and seed.
    threads
        Greatest number of processor threads; None for as many as torch takes.
    alone
        Whether no other run has the terminal at the same time.
    place
        Number of this run among those to be carried out, from 1, and their count.

    Raises
    ------
    MetrascopeError
        If the weights cannot be had, the size does not suit the network, or training diverges.
    """
    for folder in (inputs.folder, inputs.manifest.root):
        if not folder.is_dir():
            raise StudyError("engine.not_shared", folder=folder, host=platform.node())
    fabric = _fabric(inputs, run)
    work = partial(_execute, inputs=inputs, run=run, threads=threads, alone=alone, place=place)
    try:
        fabric.launch(work)
    except ProcessException as error:
        reason = str(error).strip().splitlines()[-1]
        raise StudyError("study.process_failed", reason=reason) from error
    except RuntimeError as error:
        if not _is_peer_failure(error):
            raise
        reason = str(error).strip().splitlines()[0]
        raise StudyError("study.process_failed", reason=reason) from error


def _fabric(inputs: StudyInputs, run: TrainingRun) -> Fabric:
    recipe, precision = inputs.settings.training, network_precision(inputs, run.network)
    if launched():
        return Fabric(
            accelerator=inputs.device,
            devices=int(os.environ["LOCAL_WORLD_SIZE"]),
            num_nodes=int(os.environ["GROUP_WORLD_SIZE"]),
            strategy="ddp",
            precision=precision,
        )
    return Fabric(
        accelerator=inputs.device,
        devices=recipe.processes,
        strategy="ddp_spawn" if recipe.processes > 1 else "auto",
        precision=precision,
    )


def _is_peer_failure(error: RuntimeError) -> bool:
    """Tell whether an error says that another process of the run is gone."""
    return isinstance(error, torch.distributed.DistError) or "gloo" in str(error)


def _execute(
    fabric: Fabric,
    inputs: StudyInputs,
    run: TrainingRun,
    threads: int | None,
    alone: bool,
    place: tuple[int, int],
) -> None:
    """Train and write in one of the processes that share a run."""
    if fabric.world_size > 1:
        end_with_parent()
    folder = inputs.folder / "runs" / run.name
    make_deterministic()
    if threads is not None:
        torch.set_num_threads(min(threads, torch.get_num_threads()))
    data = training_data(inputs, run)
    network = _create(inputs, run)
    title = network.architecture.title if alone else run.name
    if place[1] > 1:
        title = text("progress.run_of", run=title, number=place[0], count=place[1])
    bar = progress(title, lines=not alone)
    with bar if fabric.is_global_zero else nullcontext(_silent) as advance:
        fitted = fit(
            fabric,
            network,
            data,
            inputs.settings,
            seed=derived_seed(run.seed, run.fold),
            resume=folder / "resume.safetensors",
            report=TrainingReporter(advance, inputs.settings.training.epochs),
        )
    trained = time.monotonic()
    bar = progress(text("progress.reading_held", run=title), lines=not alone)
    with bar if fabric.is_global_zero else nullcontext(_silent):
        temperature = write_run_predictions(fabric, network, data, inputs, run, folder)
    if not fabric.is_global_zero:
        return
    write_table(folder / "history.csv", HISTORY, fitted.history)
    with progress(text("progress.explaining", run=title), lines=not alone) as advance:
        write_explanation_inputs(fabric, network, data, inputs, run, folder, advance)
    write_model(network, data, inputs, run, folder, temperature)
    (folder / "failure.json").unlink(missing_ok=True)
    write_resources(fabric, network, data, folder, fitted.seconds, time.monotonic() - trained)
    remove_training_state(folder)


def _silent(done: int, all_: int, note: str = "") -> None:
    """Show nothing."""


class TrainingReporter:
    """Turns steps of training into a line for people: loss, validation F1."""

    def __init__(self, advance: Any, epochs: int) -> None:
        self.advance, self.epochs = advance, epochs
        self.loss: float | None = None
        self.macro_f1 = "–"

    def __call__(self, step: StepReport) -> None:
        """Show a step, or the end of an epoch."""
        if step.macro_f1 is None:
            if step.step == step.steps:
                return  # the report of the epoch follows, with its F1
            if not math.isnan(step.loss):
                # Smoothed over about ten steps, for the eye alone: batches of 16 jump.
                self.loss = step.loss if self.loss is None else 0.9 * self.loss + 0.1 * step.loss
        else:
            self.macro_f1 = f"{step.macro_f1:.3f}"
        note = text(
            "progress.training",
            epoch=step.epoch,
            epochs=self.epochs,
            loss="–" if self.loss is None else f"{self.loss:.3f}",
            macro_f1=self.macro_f1,
        )
        done = (step.epoch - 1) * step.steps + step.step
        self.advance(done, self.epochs * step.steps, note)


def make_deterministic() -> None:
    """Let torch use only kernels that give the same bytes each time."""
    # cuBLAS reads this once, before its first use.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)
    # Filling fresh memory finds bugs in kernels; it costs time and changes no result of ours.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def _create(inputs: StudyInputs, run: TrainingRun) -> Network:
    torch.manual_seed(derived_seed("weights", run.seed, run.network))
    network = create_network(
        run.network,
        len(inputs.classes),
        inputs.settings.pooling,
        weights=inputs.settings.weights_of(run.network),
    )
    size = input_size(inputs.settings, run.network)
    network.architecture.require_size(size, training=True)
    return network
