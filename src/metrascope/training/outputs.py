"""The files of a trained network: predictions, heat maps, answers to altered images, model."""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning_fabric import Fabric

from metrascope.dataset.preprocess import centre_crop
from metrascope.dataset.rows import read_rows, row_writer
from metrascope.dataset.store import open_store
from metrascope.explain.heatmap import class_maps
from metrascope.explain.measurements import Evaluated, images_to_read, record
from metrascope.explain.probe import Probe
from metrascope.files.atomic import write_json
from metrascope.networks.checkpoint import ModelDescription, save
from metrascope.networks.networks import Network
from metrascope.settings.study_settings import EvaluationSettings, Settings, dump_settings
from metrascope.statistics.predictions import write_predictions
from metrascope.statistics.temperature import fit_temperature
from metrascope.training.batches import BatchFeed, Normalizer, TrainingData
from metrascope.training.distributed import gather
from metrascope.training.loop import derived_seed, predict
from metrascope.training.run import StudyInputs, TrainingRun, store_key

# Batches that the processes read before they put their results together: of 16 images of 224
# pixels, 1,024 x 12 kB of features and maps are in memory. Chosen, not measured.
_GATHERED_BATCHES: Final = 64


def prediction_table(
    images: pd.DataFrame,
    partitions: Sequence[str],
    logits: torch.Tensor,
    classes: Sequence[str],
    run: TrainingRun,
) -> pd.DataFrame:
    """Return the predictions table of one run.

    Parameters
    ----------
    images
        Rows of a manifest's table, in the order of the logits.
    partitions
        Name of each row's partition.
    logits
        float64, (rows, classes), on the CPU.
    classes
        Labels in the order of the logits' columns.
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


def write_run_predictions(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    inputs: StudyInputs,
    run: TrainingRun,
    folder: Path,
) -> float:
    """Predict validation and test, write the tables; return the temperature that validation fits.

    Several processes take turns, and the first one writes. Features and maps go to their files as
    they come, since an image's take twelve kilobytes: of 100,000 images 1.2 GB.
    """
    test = inputs.split.rows(inputs.manifest.table, "test", run.fold)
    rows, validating = np.concatenate([data.validation, test]), len(data.validation)
    feed, size = BatchFeed(data, fabric.device), inputs.settings.training.batch_size
    scores: list[torch.Tensor] = []  # (images of a batch, K)
    with ExitStack() as files:
        writers = [
            files.enter_context(row_writer(folder / f"{name}.npy", len(rows)))
            for name in ("features", "heatmaps")
            if fabric.is_global_zero
        ]
        for start in range(0, len(rows), size * _GATHERED_BATCHES):
            group = rows[start : start + size * _GATHERED_BATCHES]
            parts = [
                (
                    output.logits.cpu().double(),
                    output.features.float().cpu(),
                    class_maps(network, output).float().cpu(),
                )
                for output in predict(fabric, network, feed, group, size)
            ]
            for logits, *arrays in gather(fabric, parts):
                scores.append(logits)
                # Only the first process has writers.
                for write, array in zip(writers, arrays, strict=False):
                    write(array.numpy())
    logits = torch.cat(scores)
    if fabric.is_global_zero:
        images = inputs.manifest.table.iloc[rows]
        partitions = ["validation"] * validating + ["test"] * len(test)
        table = prediction_table(images, partitions, logits, inputs.classes, run)
        write_predictions(table, folder / "predictions.csv")
    patients = int(inputs.manifest.table["patient_id"].iloc[data.validation].nunique())
    truth = data.labels[data.validation]
    return fit_temperature(logits[:validating].numpy(), truth, patients=patients)


def write_explanation_inputs(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    inputs: StudyInputs,
    run: TrainingRun,
    folder: Path,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Write the files from which heat maps and shortcuts of the evaluated images are measured.

    ``advance`` is called with the number of images read so far, and of all to be read.
    """
    test = inputs.split.rows(inputs.manifest.table, "test", run.fold)
    rows = test if len(test) else data.validation
    key = store_key(inputs.manifest, inputs.settings, run.network)
    store = open_store(inputs.manifest, key, inputs.folder / "prepared")
    size = data.preprocessing.input_size
    table = inputs.manifest.table.iloc[rows]

    def read_pixels(
        positions: npt.NDArray[np.int64],
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        sampled = rows[positions]
        grey, sectors = read_rows(store.pixels, sampled), store.sectors(sampled)
        return centre_crop(grey, size), centre_crop(sectors, size)

    evaluated = Evaluated(
        names=table["image"].to_numpy(object),
        patients=table["patient_id"].to_numpy(object),
        read_pixels=read_pixels,
    )
    normalizer, read = Normalizer(data.preprocessing, fabric.device), 0
    needed = images_to_read(len(rows), inputs.settings.explain)

    def normalize(grey: torch.Tensor) -> torch.Tensor:
        nonlocal read
        read += len(grey)
        if advance is not None:
            advance(read, needed)
        return normalizer(grey)

    probe = Probe(network.eval(), normalize, inputs.settings.training.batch_size)
    seed = derived_seed("explain", run.seed, run.fold)
    record(probe, evaluated, inputs.classes, inputs.settings.explain, folder, seed=seed)


def write_model(
    network: Network,
    data: TrainingData,
    inputs: StudyInputs,
    run: TrainingRun,
    folder: Path,
    temperature: float,
) -> None:
    """Write the weights, and ``model.json``, which lets anyone read with them; see `checkpoint`."""
    versions = json.loads((inputs.folder / "versions.json").read_text(encoding="utf-8"))
    key = store_key(inputs.manifest, inputs.settings, run.network)
    store = open_store(inputs.manifest, key, inputs.folder / "prepared")
    description = ModelDescription(
        network=run.network,
        title=network.architecture.title,
        pooling=network.pooling,
        classes=inputs.classes,
        preprocessing=data.preprocessing,
        temperature=temperature,
        cleaned=store.are_clean(data.train),
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
    """Hash the settings that shape a run: not which other networks and seeds the study has."""
    neutral = {"networks": (), "seeds": (0,), "weights": {}, "evaluation": EvaluationSettings()}
    shaping = settings.model_copy(update=neutral)
    return hashlib.sha256(dump_settings(shaping).encode()).hexdigest()


def write_resources(
    fabric: Fabric,
    network: Network,
    data: TrainingData,
    folder: Path,
    train_seconds: float,
    predict_seconds: float,
) -> None:
    """Write ``resources.json``: device, time and memory; its presence marks a run as finished."""
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
