"""Make a bundle of trained runs: graphs that prove themselves, and what is known of their data."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from metrascope import __version__
from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import Manifest
from metrascope.errors import MissingExtraError, SettingsError, StudyError, WeightsError
from metrascope.export.card import CARD, card
from metrascope.export.fitting import fit_rule, fit_training_features
from metrascope.export.known_images import Cases, read_cases
from metrascope.export.onnx_file import to_onnx
from metrascope.export.trained import TrainedRun, find_trained, read_training_data
from metrascope.files.atomic import (
    remove_leftovers,
    temporary_name,
    write_bytes,
    write_json,
    writing,
)
from metrascope.files.toml_file import read_toml
from metrascope.messages import text
from metrascope.predict.bundle import (
    BundleDescription,
    MeasuredFigure,
    Member,
    Parity,
    TrainingSet,
    write_sums,
)
from metrascope.predict.familiarity import TrainingFeatures
from metrascope.predict.neighbors import make_neighborhood
from metrascope.predict.refusal import CONFIDENCE, FALSE_REFUSAL_RATE
from metrascope.predict.runtime import Runtime, installed, open_runtime
from metrascope.predict.torch_runtime import TorchRuntime
from metrascope.progress import begin, expect
from metrascope.sources.search import displayable_name

# Images, spread over the data, on which the graph is compared with PyTorch. Chosen.
_COMPARED: Final = 32
# Difference of probabilities, and of maps as a share of the largest value, that a bundle may have
# from PyTorch: half precision would exceed it by far (docs/decisions.md).
_PROBABILITIES: Final = 1e-4
_MAPS: Final = 1e-3
_MEASURES: Final = ("macro_f1", "macro_precision", "macro_recall", "accuracy")
_PACKAGES: Final = ("torch", "torchvision", "onnx", "onnxruntime", "openvino", "numpy", "pillow")


def export(
    paths: Sequence[Path],
    out: Path,
    *,
    data: Path | None = None,
    false_refusal_rate: float = FALSE_REFUSAL_RATE,
    confidence: float = CONFIDENCE,
    thumbnails: bool = False,
) -> BundleDescription:
    """Write a bundle that reads images without torch.

    Parameters
    ----------
    paths
        Runs, or studies: all their runs. Several are averaged, as an ensemble.
    out
        The bundle: new, or an empty folder.
    data
        The data set of the study, where it has moved.
    false_refusal_rate
        Share of the validation images that may be refused as unfamiliar.
    confidence
        Of prediction sets, where the reader asks for no other.
    thumbnails
        Let the bundle carry small pictures of the training images, which are patient data, so
        that it shows the nearest ones beside a reading.

    Returns
    -------
    What ``model.json`` says.

    Raises
    ------
    MetrascopeError
        If a run or its data cannot be used; or if a graph does not say what PyTorch says of the
        images that were compared: then nothing is written.
    """
    for name, share in (("false-refusals", false_refusal_rate), ("confidence", confidence)):
        if not 0 < share < 1:
            raise SettingsError("serving.share", name=name, found=share)
    _check_out(out)
    _check_runtimes()
    runs = find_trained(paths)
    expect(*("graph", "compiling", "parity") * len(runs))
    manifest, split = read_training_data(runs[0], data)
    with _beside(out) as folder:
        runtimes, parities = [], []
        for run in runs:
            runtime, parity = _export_run(run, folder, manifest)
            runtimes.append(runtime)
            parities.append(parity)
        advance = begin("reading_training")
        cases = read_cases(runtimes, runs, manifest, split, advance, thumbnails=thumbnails)
        begin("fitting")
        classes = runs[0].description.classes
        known = fit_training_features(cases, [run.name for run in runs])
        rule = fit_rule(
            cases,
            known,
            classes,
            false_refusal_rate=false_refusal_rate,
            confidence=confidence,
        )
        members = tuple(_member(run, own, folder) for run, own in zip(runs, known, strict=True))
        description = BundleDescription(
            classes=classes,
            members=members,
            data=_training_set(runs[0], cases, manifest),
            neighbors_file=_write_neighbors(cases, folder),
            rule=rule,
            performance=tuple(_figures(runs)),
            parity=_worst(parities),
            scaling_no_better=tuple(_not_better_scaled(runs)),
            intended_use=_intended_use(manifest),
            versions={"metrascope": __version__, **_versions()},
        )
        write_json(folder / "model.json", description.model_dump(mode="json"))
        write_bytes(folder / CARD, card(description).encode())
        write_sums(folder)
    return description


def _check_out(out: Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StudyError("serving.not_empty", folder=out)


def _check_runtimes() -> None:
    for package in ("onnx", "onnxscript"):
        try:
            metadata.version(package)
        except metadata.PackageNotFoundError as error:
            raise MissingExtraError(
                "common.missing_extra", package=package, extra="export"
            ) from error
    if not installed():
        raise MissingExtraError("common.missing_extra", package="onnxruntime", extra="export")


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """Give an empty folder beside ``out`` that takes its name when all went well."""
    folder = temporary_name(out)
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(out.parent)
        folder.mkdir(mode=0o700)
    try:
        yield folder
        with writing(out):
            folder.chmod(0o755)
            if out.exists():
                out.rmdir()
            folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _export_run(run: TrainedRun, folder: Path, manifest: Manifest) -> tuple[Runtime, Parity]:
    """Write the graph of a run, and compare every runtime with PyTorch on real images."""
    name = run.name
    begin("graph", run=name)
    original = TorchRuntime(run.folder)
    path = folder / f"{name}.onnx"
    write_bytes(path, to_onnx(original.graph))
    begin("compiling", run=name)
    runtimes = [open_runtime(path, name=own, threads=1) for own in installed()]
    parity = _parity(run, original, runtimes, manifest)
    return runtimes[0], parity


def _parity(
    run: TrainedRun, original: TorchRuntime, runtimes: Sequence[Runtime], manifest: Manifest
) -> Parity:
    """Compare runtimes with PyTorch on images spread over the data set, in grey and in RGB."""
    count = len(manifest.table)
    rows = np.unique(np.linspace(0, count - 1, min(count, _COMPARED)).astype(int))
    crop = run.description.preprocessing.sector_crop
    worst, worst_map = 0.0, 0.0
    advance = begin("parity", run=run.name)
    for number, row in enumerate(rows):
        advance(number, len(rows))
        grey = np.ascontiguousarray(read_picture(manifest, int(row), sector_crop=crop).grey)
        channels = 3 if number % 4 == 0 else 1
        pixels = np.repeat(grey[None, None], channels, axis=1)
        expected = original(pixels)
        scale = max(float(expected.maps.max()), 1e-12)
        for runtime in runtimes:
            found = runtime(pixels)
            apart = float(np.abs(found.probabilities - expected.probabilities).max())
            maps_apart = float(np.abs(found.maps - expected.maps).max()) / scale
            same = found.probabilities.argmax() == expected.probabilities.argmax()
            if not (apart <= _PROBABILITIES and maps_apart <= _MAPS and same):
                raise WeightsError(
                    "serving.no_parity",
                    run=run.folder,
                    runtime=runtime.name,
                    image=manifest.table["image"].iat[int(row)],
                    probabilities=f"{apart:.2g}",
                    maps=f"{maps_apart:.2g}",
                )
            worst, worst_map = max(worst, apart), max(worst_map, maps_apart)
    return Parity(images=len(rows), probabilities=worst, maps=worst_map)


def _worst(parities: Sequence[Parity]) -> Parity:
    return Parity(
        images=min(parity.images for parity in parities),
        probabilities=max(parity.probabilities for parity in parities),
        maps=max(parity.maps for parity in parities),
    )


def _training_set(run: TrainedRun, cases: Cases, manifest: Manifest) -> TrainingSet:
    classes = run.description.classes
    return TrainingSet(
        name=displayable_name(manifest.root.resolve().name),
        manifest_sha256=run.description.manifest_sha256,
        split_sha256=run.description.split_sha256,
        training=_patients(cases, cases.training.any(0), classes),
        validation=_patients(cases, cases.validation.any(0), classes),
        cleaned=run.description.cleaned,
        chose_epoch=_chose_epoch(run.study),
    )


def _chose_epoch(study: Path) -> bool:
    """Return whether the study's settings let the validation images choose the epoch."""
    path = study / "settings.toml"
    training = read_toml(path).get("training") if path.is_file() else None
    return isinstance(training, dict) and training.get("best_epoch") is True


def _intended_use(manifest: Manifest) -> dict[Literal["en", "zh"], str]:
    name = displayable_name(manifest.root.resolve().name)
    return {
        "en": text("serving.intended_use", "en", name=name),
        "zh": text("serving.intended_use", "zh", name=name),
    }


def _member(run: TrainedRun, known: TrainingFeatures, folder: Path) -> Member:
    """Describe a run, and write what is known of its training images."""
    own, features, looks = run.description, f"{run.name}-features.npy", f"{run.name}-looks.npy"
    if own.weights_sha256 is None:
        raise SettingsError("serving.no_hash", run=run.folder)
    return Member(
        name=run.name,
        graph=f"{run.name}.onnx",
        familiarity_file=features,
        looks_file=looks,
        network=own.network,
        title=own.title,
        pooling=own.pooling,
        fold=own.fold,
        seed=own.seed,
        temperature=own.temperature,
        preprocessing=own.preprocessing,
        initial_weights=displayable_name(own.origin.source),
        weights_sha256=own.weights_sha256,
        settings_sha256=own.settings_sha256,
        familiarity=known.features.save(folder / features),
        looks=known.looks.save(folder / looks),
    )


def _write_neighbors(cases: Cases, folder: Path) -> str | None:
    """Write what shows the nearest training images, of the first member."""
    if cases.thumbnails is None:
        return None
    chosen, images = cases.training[0], cases.images[cases.training[0]]
    neighborhood = make_neighborhood(
        cases.features[0][chosen],
        images["image"].tolist(),
        images["label"].tolist(),
        cases.thumbnails[chosen],
    )
    neighborhood.save(folder / "neighbors.npz")
    return "neighbors.npz"


def _patients(cases: Cases, chosen: Any, classes: Sequence[str]) -> dict[str, int]:
    images = cases.images[chosen]
    return {
        label: int(images.loc[images["label"] == label, "patient_id"].nunique())
        for label in classes
    }


def _figures(runs: Sequence[TrainedRun]) -> Iterator[MeasuredFigure]:
    """Take over what the study measured of these networks."""
    study = runs[0].study
    try:
        metrics = json.loads((study / "metrics.json").read_text(encoding="utf-8"))
        facts = json.loads((study / "data.json").read_text(encoding="utf-8"))
        partition = "test" if "test" in facts["partitions"] else "validation"
        counts = facts["partitions"][partition]
        people = facts.get("partition_patients", {})
        patients = people.get(partition) or sum(int(one["patients"]) for one in counts.values())
        for network in dict.fromkeys(run.description.network for run in runs):
            for measure in _MEASURES:
                yield _figure(metrics["networks"][network], network, measure, partition, patients)
    except (OSError, ValueError, KeyError, TypeError):
        return


def _figure(
    found: Mapping[str, Any], network: str, measure: str, partition: str, patients: int
) -> MeasuredFigure:
    value = found[measure]
    return MeasuredFigure(
        network=network,
        measure=measure,
        value=value["value"],
        low=value.get("low"),
        high=value.get("high"),
        partition=partition,
        patients=patients,
    )


def _not_better_scaled(runs: Sequence[TrainedRun]) -> Iterator[str]:
    """Yield the networks whose temperature did not help on the study's test patients."""
    try:
        content = (runs[0].study / "metrics.json").read_text(encoding="utf-8")
        blocks = json.loads(content)["calibration"]["networks"]
        for network, title in {
            run.description.network: run.description.title for run in runs
        }.items():
            block = blocks[network]
            errors = [block[when]["classwise_ece"]["value"] for when in ("before", "after")]
            if errors[1] >= errors[0]:
                yield title
    except (OSError, ValueError, KeyError, TypeError):
        return


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
