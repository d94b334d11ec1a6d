"""The external test: trained networks read a data set that they have never seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric

from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.dataset.split import read_training_patients
from metrascope.dataset.store import StoreKey, files_digest, open_store
from metrascope.dataset.study_images import shared_with
from metrascope.errors import DataError, WeightsError
from metrascope.messages import text
from metrascope.networks.checkpoint import MODEL_FILE, ModelDescription, load
from metrascope.progress import print_note, progress
from metrascope.statistics.predictions import write_predictions
from metrascope.study_folder.contents import is_finished
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.execute import make_deterministic
from metrascope.training.loop import predict
from metrascope.training.outputs import prediction_table
from metrascope.training.run import TrainingRun

# The study's batch size.
_BATCH = 16


def predict_external(trained: Path, data: Path, out: Path) -> tuple[Path, list[str]]:
    """Let trained networks read every image of another data set.

    Each image goes through the preprocessing that the network was trained with, grey-level table
    included. Several runs of one network, by fold and seed, are replications of its reading.

    Parameters
    ----------
    trained
        Folder of a run, or of a study: then all its finished runs.
    data
        Data set with a manifest. Its labels are among the classes of the run.
    out
        Gets ``predictions.csv``, all rows of the partition ``test``, and ``prepared/``, the
        decoded images, which another call takes up again.

    Returns
    -------
    The predictions, and the patients whose ``patient_id`` is one of training, in order.

    Raises
    ------
    WeightsError
        If there is no trained run, or a file of one cannot be used.
    DataError
        If the data set cannot be used, has other classes, or is what the run was trained with.
    """
    manifest, folders = read_manifest(data), _runs(trained)
    _check_images(manifest, folders)
    make_deterministic()
    fabric = Fabric(accelerator="cuda" if torch.cuda.is_available() else "cpu", devices=1)
    tables, shared = [], set[str]()
    for folder in folders:
        tables.append(_read(fabric, folder, manifest, out))
        known = read_training_patients(folder.parent.parent / "splits.csv")
        shared |= known & set(manifest.table["patient_id"])
    if shared:
        print_note(text("external.shared", count=len(shared), patient=min(shared)))
    write_predictions(pd.concat(tables, ignore_index=True), out / "predictions.csv")
    return out / "predictions.csv", sorted(shared)


def _runs(trained: Path) -> list[Path]:
    if (trained / MODEL_FILE).is_file():
        return [trained]
    found = [path for path in sorted(trained.glob("runs/*")) if is_finished(path)]
    if not found:
        raise WeightsError("external.no_run", folder=trained)
    return found


def _read(fabric: Fabric, folder: Path, manifest: Manifest, out: Path) -> pd.DataFrame:
    network, description = load(folder)
    _check(description, manifest)
    steps = description.preprocessing
    key = StoreKey(
        manifest.digest,
        files_digest(manifest),
        steps.stored_size,
        steps.sector_crop,
        steps.fit,
        steps.equalization,
    )
    with progress(text("progress.decoding", size=key.size)) as advance:
        store = open_store(manifest, key, out / "prepared", advance)
    rows, none = np.arange(len(manifest.table)), np.empty(0, dtype=np.int64)
    images = TrainingData(store.pixels, none, none, none, steps)
    feed = BatchFeed(images, fabric.device)
    network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    logits = []
    with progress(description.title) as advance:
        for output in predict(fabric, network, feed, rows, _BATCH):
            logits.append(output.logits.cpu().double())
            advance(min(len(logits) * _BATCH, len(rows)), len(rows))
    run = TrainingRun(description.network, description.fold, description.seed)
    partitions = ["test"] * len(rows)
    return prediction_table(manifest.table, partitions, torch.cat(logits), description.classes, run)


def _check_images(manifest: Manifest, folders: Sequence[Path]) -> None:
    """Refuse images that the networks were trained or chosen with, under whatever manifest."""
    for study in sorted({folder.resolve().parent.parent for folder in folders}):
        shared = shared_with(manifest, study)
        if shared:
            raise DataError(
                "external.shared_images",
                path=manifest.root,
                study=study,
                count=len(shared),
                first=shared[0],
            )


def _check(description: ModelDescription, manifest: Manifest) -> None:
    path = manifest.root / "manifest.csv"
    if description.manifest_sha256 == manifest.digest:
        raise DataError("external.same_data", path=path)
    labels = manifest.table["label"]
    unknown = labels[~labels.isin(description.classes)]
    if len(unknown):
        raise DataError(
            "external.other_class",
            path=path,
            row=unknown.index[0],
            label=unknown.iat[0],
            classes=", ".join(description.classes),
        )
