"""One run: one network, fold and seed, from prepared pixels to the files of its folder."""

import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch.multiprocessing.spawn import ProcessException

from metrascope.architectures import ARCHITECTURES
from metrascope.atomic import replacing, write_json, write_text
from metrascope.checkpoint import ModelDescription, save
from metrascope.config import EvaluationSettings, Settings, dump_settings
from metrascope.data.manifest import Manifest
from metrascope.data.preprocess import Preprocessing, centre_crop, fit_grey_table, stored_size
from metrascope.data.split import Split
from metrascope.data.store import StoreKey, files_digest, open_store
from metrascope.errors import StudyError
from metrascope.evaluation.predictions import write_predictions
from metrascope.evaluation.temperature import fit_temperature
from metrascope.explain.heatmap import class_maps
from metrascope.explain.reader import Reader
from metrascope.explain.record import Shown, record
from metrascope.isolation import end_with_parent
from metrascope.messages import text
from metrascope.networks import Network, create_network
from metrascope.progress import progress
from metrascope.training import (
    HISTORY,
    Normalizer,
    StepReport,
    TrainingData,
    best_weights,
    derived_seed,
    fit,
    predict,
)


@dataclass(frozen=True, order=True)
class Run:
    """One network, fold and seed of a study."""

    network: str
    fold: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the run's folder."""
        return f"{self.network}-f{self.fold}-s{self.seed}"


@dataclass(frozen=True)
class StudyInputs:
    """What all runs of a study share."""

    folder: Path
    manifest: Manifest
    split: Split
    classes: tuple[str, ...]
    settings: Settings
    device: str


def is_finished(folder: Path, run: Run) -> bool:
    """Tell whether a run of the study in ``folder`` has written all its files."""
    return (folder / "runs" / run.name / "resources.json").is_file()


def store_key(manifest: Manifest, settings: Settings, network: str) -> StoreKey:
    """Return the key of the pixel store that a network reads."""
    steps = settings.preprocessing
    size = stored_size(input_size(settings, network))
    return StoreKey(
        manifest.digest,
        files_digest(manifest),
        size,
        steps.sector_crop,
        steps.fit,
        steps.equalization,
    )


def input_size(settings: Settings, network: str) -> int:
    """Return the side of the square that a network sees in this study, pixels."""
    return settings.preprocessing.input_size or ARCHITECTURES[network].input_size


def execute(inputs: StudyInputs, run: Run) -> None:
    """Train one run, or go on with it, and write its folder.

    With several processes each has its share of every batch, and the first one writes.

    Raises
    ------
    MetrascopeError
        If the weights cannot be had, the size does not suit the network, or training diverges.
    """
    recipe = inputs.settings.training
    fabric = Fabric(
        accelerator=inputs.device,
        devices=recipe.processes,
        strategy="ddp_spawn" if recipe.processes > 1 else "auto",
        precision=recipe.precision,
    )
    try:
        fabric.launch(partial(_execute, inputs=inputs, run=run))
    except ProcessException as error:
        reason = str(error).strip().splitlines()[-1]
        raise StudyError("study.process_failed", reason=reason) from error


def _execute(fabric: Fabric, inputs: StudyInputs, run: Run) -> None:
    """Train and write in one of the processes that share a run."""
    if fabric.world_size > 1:
        end_with_parent()
    folder = inputs.folder / "runs" / run.name
    make_deterministic()
    data = training_data(inputs, run)
    network = _create(inputs, run)
    title = network.architecture.title
    with progress(title) if fabric.is_global_zero else nullcontext(_silent) as advance:
        fitted = fit(
            fabric,
            network,
            data,
            inputs.settings,
            seed=derived_seed(run.seed, run.fold),
            resume=folder / "resume.safetensors",
            report=_Reporter(advance, inputs.settings.training.epochs),
        )
    if not fabric.is_global_zero:
        return
    trained = time.monotonic()
    write_text(folder / "history.csv", "\n".join(map(",".join, [HISTORY, *fitted.history])) + "\n")
    temperature = _write_outputs(fabric, network, data, inputs, run, folder)
    _question(fabric, network, data, inputs, run, folder)
    _save(network, data, inputs, run, folder, temperature)
    (folder / "failure.json").unlink(missing_ok=True)
    _write_resources(fabric, network, data, folder, fitted.seconds, time.monotonic() - trained)
    remove_training_state(folder)


def remove_training_state(folder: Path) -> None:
    """Remove what a finished run no longer needs."""
    resume = folder / "resume.safetensors"
    for leftover in (resume, best_weights(resume), folder / "failure.json"):
        leftover.unlink(missing_ok=True)


def training_data(inputs: StudyInputs, run: Run) -> TrainingData:
    """Open the pixel store and fit the grey-level table to the run's training partition alone."""
    manifest, settings = inputs.manifest, inputs.settings
    key = store_key(manifest, settings, run.network)
    store = open_store(manifest, key, inputs.folder / "prepared")
    train = inputs.split.rows(manifest.table, "train", run.fold)
    table: npt.NDArray[np.uint8] = np.arange(256, dtype=np.uint8)
    if settings.preprocessing.equalization == "train":
        table = fit_grey_table(store.histograms[train].sum(axis=0))
    preprocessing = Preprocessing(
        input_size=input_size(settings, run.network),
        stored_size=key.size,
        sector_crop=key.sector_crop,
        fit=key.fit,
        equalization=key.equalization,
        grey_table=tuple(int(level) for level in table),
    )
    codes = manifest.table["label"].map({label: i for i, label in enumerate(inputs.classes)})
    return TrainingData(
        pixels=store.pixels,
        labels=np.asarray(codes, dtype=np.int64),
        train=train,
        validation=inputs.split.rows(manifest.table, "validation", run.fold),
        preprocessing=preprocessing,
    )


def _silent(done: int, all_: int, note: str = "") -> None:
    """Show nothing."""


class _Reporter:
    """Turns steps of training into a line for people: loss, validation F1."""

    def __init__(self, advance: Any, epochs: int) -> None:
        self.advance, self.epochs = advance, epochs
        self.loss: float | None = None
        self.macro_f1 = "–"

    def __call__(self, step: StepReport) -> None:
        if step.macro_f1 is None:
            if step.step == step.steps:
                return  # the report of the epoch follows, with its F1
            self.loss = step.loss if self.loss is None else 0.9 * self.loss + 0.1 * step.loss
        else:
            self.macro_f1 = f"{step.macro_f1:.3f}"
        note = text(
            "progress.training",
            epoch=step.epoch,
            epochs=self.epochs,
            loss=f"{self.loss or 0:.3f}",
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


def _create(inputs: StudyInputs, run: Run) -> Network:
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


def said_of(
    images: pd.DataFrame,
    partitions: Sequence[str],
    logits: torch.Tensor,
    classes: Sequence[str],
    run: Run,
) -> pd.DataFrame:
    """Return the predictions table of one run.

    Parameters
    ----------
    images
        Rows of a manifest's table, as they were read.
    partitions
        Of each row.
    logits
        float64, (rows, classes), on the CPU.
    classes
        In the order of the logits.
    run
        Network, fold and seed.
    """
    table = images[["image", "patient_id", "label"]].reset_index(drop=True)
    table = table.assign(
        network=run.network, partition=list(partitions), fold=run.fold, seed=run.seed
    )
    columns = [f"p_{label}" for label in classes]
    values = pd.DataFrame(logits.softmax(dim=1).numpy(), columns=columns)
    return pd.concat([table, values], axis=1)


def _write_outputs(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    inputs: StudyInputs,
    run: Run,
    folder: Path,
) -> float:
    """Write what the network says of validation and test; return the validation's temperature."""
    test = inputs.split.rows(inputs.manifest.table, "test", run.fold)
    rows = np.concatenate([data.validation, test])
    logits, features, maps = [], [], []
    batch_size = inputs.settings.training.batch_size
    for output in predict(fabric, network, data, rows, batch_size):
        logits.append(output.logits.cpu().double())
        features.append(output.features.float().cpu())
        maps.append(class_maps(network, output).float().cpu())
    said, images = torch.cat(logits), inputs.manifest.table.iloc[rows]
    partitions = ["validation"] * len(data.validation) + ["test"] * len(test)
    table = said_of(images, partitions, said, inputs.classes, run)
    write_predictions(table, folder / "predictions.csv")
    _write_array(folder / "features.npy", torch.cat(features).numpy())
    _write_array(folder / "heatmaps.npy", torch.cat(maps).numpy())
    validating = len(data.validation)
    return fit_temperature(said[:validating].numpy(), data.labels[data.validation])


def _question(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    inputs: StudyInputs,
    run: Run,
    folder: Path,
) -> None:
    """Write what heat maps and shortcuts are measured from, of the evaluated images."""
    test = inputs.split.rows(inputs.manifest.table, "test", run.fold)
    rows = test if len(test) else data.validation
    key = store_key(inputs.manifest, inputs.settings, run.network)
    sectors = open_store(inputs.manifest, key, inputs.folder / "prepared").sectors(rows)
    size = data.preprocessing.input_size
    table = inputs.manifest.table.iloc[rows]
    shown = Shown(
        names=table["image"].to_numpy(object),
        patients=table["patient_id"].to_numpy(object),
        grey=centre_crop(data.pixels[rows], size),
        sectors=centre_crop(sectors, size),
    )
    reader = Reader(
        network.eval(),
        Normalizer(data.preprocessing, fabric.device),
        fabric.autocast,
        inputs.settings.training.batch_size,
    )
    seed = derived_seed("explain", run.seed, run.fold)
    record(reader, shown, inputs.classes, inputs.settings.explain, folder, seed=seed)


def _save(
    network: Network,
    data: TrainingData,
    inputs: StudyInputs,
    run: Run,
    folder: Path,
    temperature: float,
) -> None:
    versions = json.loads((inputs.folder / "versions.json").read_text(encoding="utf-8"))
    description = ModelDescription(
        network=run.network,
        title=network.architecture.title,
        pooling=network.pooling,
        classes=inputs.classes,
        preprocessing=data.preprocessing,
        temperature=temperature,
        fold=run.fold,
        seed=run.seed,
        origin=network.origin,
        versions=versions,
        manifest_sha256=inputs.manifest.digest,
        split_sha256=inputs.split.digest,
        settings_sha256=_settings_digest(inputs.settings),
    )
    save(folder, network, description)


def _settings_digest(settings: Settings) -> str:
    """Hash what shapes a run: not which other networks and seeds the study has."""
    apart = {"networks": (), "seeds": (0,), "weights": {}, "evaluation": EvaluationSettings()}
    shaping = settings.model_copy(update=apart)
    return hashlib.sha256(dump_settings(shaping).encode()).hexdigest()


def _write_array(path: Path, array: npt.NDArray[np.float32]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)


def _write_resources(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    folder: Path,
    train_seconds: float,
    predict_seconds: float,
) -> None:
    content = {
        "device": _device_name(fabric.device),
        "precision": str(fabric._precision.precision),
        "input_size": data.preprocessing.input_size,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "train_seconds": round(train_seconds, 3),
        "predict_seconds": round(predict_seconds, 3),
        "peak_memory_bytes": _peak_memory(fabric.device),
        "threads": torch.get_num_threads(),
    }
    write_json(folder / "resources.json", content)


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def _peak_memory(device: torch.device) -> int | None:
    """Return the most memory that this process has held, of the GPU where it used one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
