"""A study: every run of one question, resumable, and what comes of them."""

import json
import platform
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
import pandas as pd

from metrascope import __version__
from metrascope.audit.duplicates import read_duplicates, write_duplicates
from metrascope.audit.views import Fingerprint, compute_fingerprint
from metrascope.classes import PAPER_CLASSES
from metrascope.dataset.counts import cautions, count_partitions, count_patients, sites
from metrascope.dataset.flow import read_flow
from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.dataset.split import Split, write_split
from metrascope.dataset.store import fill_stores, make_stores
from metrascope.dataset.study_images import select_study_images, write_images
from metrascope.errors import StudyError, WeightsError
from metrascope.files.atomic import remove_leftovers, write_json, write_text
from metrascope.files.folder_lock import lock_folder
from metrascope.messages import language, listing, text
from metrascope.networks.architectures import find_architecture
from metrascope.networks.networks import create_network
from metrascope.phantom.phantom import write_phantom
from metrascope.processes.capacity import available_cores
from metrascope.processes.dispatch import EngineName
from metrascope.progress import begin, print_note, progress
from metrascope.settings.study_settings import (
    NETWORKS,
    PhantomSettings,
    Settings,
    dump_settings,
    load_settings,
)
from metrascope.statistics.evaluate import check_prevalence
from metrascope.study.cases import write_cases
from metrascope.study.runs import carry_out, create_engine
from metrascope.study.split_choice import (
    KnownPairs,
    NearSearch,
    choose_classes,
    choose_split,
    find_duplicate_pairs,
)
from metrascope.study.summary import summarize
from metrascope.study_folder.folder import check_study_folder, is_study
from metrascope.training.run import (
    StudyInputs,
    TrainingRun,
    input_size,
    run_is_finished,
    store_keys,
)

_FOLDERS: Final = ("cards", "cases", "checklists", "figures", "tables", "prepared/*", "runs/*")
_PACKAGES: Final = ("torch", "torchvision", "lightning-fabric", "numpy", "pandas", "scikit-learn")


def run_study(
    data: Path | None,
    out: Path,
    settings: Settings,
    *,
    device: str = "auto",
    splits: Path | None = None,
    allow_leaks: bool = False,
    audit: bool = True,
    jobs: int = 1,
    engine: EngineName = "local",
    address: str | None = None,
) -> Path:
    """Train and compare the networks of a study; go on where an earlier call stopped.

    Parameters
    ----------
    data
        Data set with a manifest; the embedded phantom, made in ``out/phantom``, where None.
    out
        The study's folder: new, empty, or one of an earlier call with the same settings (more
        networks and seeds may be added).
    settings
        What to do.
    device
        ``auto``, ``cpu`` or ``cuda``.
    splits
        A split to use instead of drawing one.
    allow_leaks
        Train on a split that leaks all the same; the report says so.
    audit
        Look for near duplicates before the split, whose patients stay together, unless an audit
        of the data set or an earlier call has; the report says where nobody has.
    jobs, engine, address
        How many runs at a time, and where; see `metrascope.study.runs.create_engine`.

    Returns
    -------
    The report.

    Raises
    ------
    MetrascopeError
        If something the user gave cannot be used, or no run finished. A single failed run is
        told and recorded, and the others go on.
    """
    carrier = create_engine(engine, device, jobs=jobs, address=address)
    if engine == "ray":  # the machines of a cluster work in folders of their own
        out, data = out.resolve(), data and data.resolve()
    check_study_folder(out)
    embedded = data is None
    if data is None:
        _check_weights(settings, settings.networks, len(PAPER_CLASSES))
        data = _embedded_data(out, settings.phantom)
    begin("manifest")
    manifest = _begun(read_manifest(data), out)
    begin("drawing_split")
    classes = choose_classes(manifest, settings.classes)
    if settings.evaluation.prevalence:  # before days of training, not after them
        check_prevalence(settings.evaluation.prevalence, classes)
    given = splits or (out / "splits.csv" if is_study(out) else None)
    if not is_study(out):  # what cannot be used is told before the audit, not minutes later
        choose_split(manifest, classes, settings.split, given, (), allow_leaks=True)
        _check_weights(settings, () if embedded else settings.networks, len(classes))
    with lock_folder(out, "study.busy"):
        _remove_leftovers(out)
        known = _duplicate_pairs(manifest, out, settings, audit=audit, phantom=embedded)
        split, leaks = choose_split(
            manifest, classes, settings.split, given, known.pairs, allow_leaks=allow_leaks
        )
        _check_earlier(out, settings, split)
        for caution in cautions(split, manifest.table, classes):
            print_note(caution)
        runs = _runs(settings, split)
        if is_study(out):
            pending = [run.network for run in runs if not run_is_finished(out, run)]
            _check_weights(settings, pending, len(classes))
        origin = _split_origin(out, splits)
        inputs = StudyInputs(out, manifest, split, classes, settings, carrier.device)
        _write_inputs(inputs, leaks, origin, known)
        write_json(out / "command.json", {"argv": _command(inputs, leaks, known)})
        _prepare(inputs)
        carry_out(carrier, inputs, runs)
        return summarize(out, language())


def _embedded_data(out: Path, settings: PhantomSettings) -> Path:
    """Make the embedded phantom data set in a study's folder, or finish it; return its folder."""
    folder = out / "phantom"
    if not (folder / "manifest.csv").is_file():
        with progress(text("progress.phantom")) as advance:
            write_phantom(folder, **settings.model_dump(), progress=advance, jobs=available_cores())
    return folder


def _remove_leftovers(out: Path) -> None:
    """Remove temporary files of processes that were killed while they wrote."""
    for folder in (out, *(path for name in _FOLDERS for path in out.glob(name))):
        remove_leftovers(folder)


def _earlier(out: Path) -> dict[str, Any]:
    """Return what an earlier call has written of its data."""
    path = out / "data.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        hashes = known["manifest_sha256"], known["split_sha256"]
        state = known.get("near_duplicates", "skipped")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StudyError("study.damaged", path=path) from error
    if not all(isinstance(one, str) for one in hashes) or state not in get_args(NearSearch):
        raise StudyError("study.damaged", path=path)
    return dict(known)


def _duplicate_pairs(
    manifest: Manifest, out: Path, settings: Settings, *, audit: bool, phantom: bool
) -> KnownPairs:
    """Return the images that are one: as an earlier call has found them, else found now.

    A new study looks for them while its images are decoded for the stores, the only time that all
    of them are.
    """
    if not is_study(out):
        keys = store_keys(manifest, settings, settings.networks)

        def read(compared: bool) -> Iterator[Fingerprint]:
            describe = partial(compute_fingerprint, manifest, compared=compared)
            return fill_stores(manifest, keys, out / "prepared", describe, available_cores())

        return find_duplicate_pairs(manifest, out, near=audit, phantom=phantom, read=read)
    known, file = _earlier(out), out / "duplicates.csv"
    near = known.get("near_duplicates", "skipped")
    if not file.is_file():  # of an earlier version
        return replace(find_duplicate_pairs(manifest, out, near=False), near=near)
    return KnownPairs(tuple(read_duplicates(file, manifest)), near)


def _split_origin(out: Path, splits: Path | None) -> str:
    """Return whether the study's split was ``drawn`` by its settings or ``given``."""
    if splits is not None or not is_study(out):
        return "drawn" if splits is None else "given"
    return str(_earlier(out).get("split", "given"))


def _begun(manifest: Manifest, out: Path) -> Manifest:
    """Return the images that the study in ``out`` was begun with: all of them where there is none.

    Raises
    ------
    DataError
        If they are other ones now.
    """
    if not is_study(out):
        return manifest
    found = select_study_images(manifest, out, str(_earlier(out)["manifest_sha256"]))
    more = len(manifest.table) - len(found.table)
    if more:
        print_note(text("study.more_images", folder=out, path=manifest.root, count=more))
    return found


def _check_earlier(out: Path, settings: Settings, split: Split) -> None:
    """Refuse to go on with a study of another split or other settings."""
    if not is_study(out):
        return
    if _earlier(out)["split_sha256"] != split.digest:
        raise StudyError("study.other_split", folder=out)
    earlier = load_settings(str(out / "settings.toml"))
    keys = _differences(earlier, settings)
    if keys:
        raise StudyError("study.other_settings", folder=out, keys=", ".join(keys))


def _differences(earlier: Settings, settings: Settings) -> list[str]:
    """Return the keys whose change would make earlier runs another study's."""
    may_change = {"networks", "seeds", "weights", "evaluation", "report"}
    before, after = earlier.model_dump(), settings.model_dump()
    keys = [
        name
        for key in after
        if key not in may_change
        for name in _changed(key, before[key], after[key])
    ]
    shared = set(earlier.networks) & set(settings.networks)
    if any(earlier.weights_of(name) != settings.weights_of(name) for name in shared):
        keys.append("weights")
    return keys


def _changed(name: str, before: object, after: object) -> list[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        pairs = ((f"{name}.{key}", before[key], after[key]) for key in after)
        return [key for pair in pairs for key in _changed(*pair)]
    return [] if before == after else [name]


def _command(inputs: StudyInputs, leaks: int, known: KnownPairs) -> list[str]:
    """Return the command that makes the whole study again, whatever calls it grew by."""
    out, data = inputs.folder, inputs.manifest.root
    options = {"--data": data, "--splits": out / "splits.csv", "--out": "NEW"}
    parts = [part for option in options.items() for part in option]
    flags = ["--allow-leaks"] if leaks else []
    flags += ["--no-audit"] if known.near in ("skipped", "phantom") else []
    return ["metrascope", "study", str(out / "settings.toml"), *map(str, parts), *flags]


def _runs(settings: Settings, split: Split) -> list[TrainingRun]:
    return [
        TrainingRun(network, fold, seed)
        for network in settings.networks
        for fold in split.folds
        for seed in settings.seeds
    ]


def _check_weights(settings: Settings, networks: Iterable[str], classes: int) -> None:
    """Read every weights file before anything is written: a wrong one is told at once."""
    begin("weights")
    errors: list[WeightsError] = []
    for name in dict.fromkeys(networks):
        find_architecture(name).require_size(input_size(settings, name), training=True)
        source = settings.weights_of(name)
        try:
            if source != "none":
                create_network(name, classes, settings.pooling, weights=source)
        except WeightsError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        problems = listing([str(error) for error in errors])
        raise WeightsError("study.weights", count=len(errors), problems=problems)


def _write_inputs(inputs: StudyInputs, leaks: int, split_origin: str, known: KnownPairs) -> None:
    """Write what the study is made of; ``data.json`` last, since it makes the folder a study."""
    out, manifest, split = inputs.folder, inputs.manifest, inputs.split
    settings = _grown(out, inputs.settings)
    write_text(out / "settings.toml", dump_settings(settings))
    write_split(split, out / "splits.csv", manifest_sha256=manifest.digest)
    if not (out / "duplicates.csv").is_file():
        write_duplicates(out / "duplicates.csv", manifest, known.pairs)
    versions = {package: _version(package) for package in _PACKAGES}
    python = platform.python_version()
    write_json(out / "versions.json", {"metrascope": __version__, "python": python, **versions})
    content = {
        "name": manifest.root.resolve().name,
        "source": sorted(set(manifest.table.get("source", pd.Series(dtype=str)))),
        "manifest_sha256": manifest.digest,
        "split_sha256": split.digest,
        "split": split_origin,
        "images": len(manifest.table),
        "patients": int(manifest.table["patient_id"].nunique()),
        "classes": list(inputs.classes),
        **_partitions(inputs),
        "leaks": leaks,
        "scanners": _scanners(manifest),
        "flow": _earlier(out).get("flow", []) if is_study(out) else _flow(manifest),
        "near_duplicates": known.near,
        "near_pairs": sum(pair.kind == "near" for pair in known.pairs),
    }
    write_json(out / "data.json", content)


def _scanners(manifest: Manifest) -> dict[str, dict[str, int]]:
    """Count patients and images by scanner, those of an unknown one last."""
    table = manifest.table
    if "scanner" not in table:
        return {}
    names = sorted(set(table["scanner"]), key=lambda name: (not name, name))
    own = {name: table[table["scanner"] == name] for name in names}
    return {
        name: {"patients": int(rows["patient_id"].nunique()), "images": len(rows)}
        for name, rows in own.items()
    }


def _flow(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the flow of the ingest, unless images have come or gone by hand since."""
    steps = read_flow(manifest.root)
    if not steps or steps[-1].count != len(manifest.table):
        return []
    return [
        {"step": step.name, "count": step.count, "left_out": dict(step.left_out)} for step in steps
    ]


def _grown(out: Path, settings: Settings) -> Settings:
    """Return settings that name the networks and seeds of this call and of earlier ones."""
    if not is_study(out):
        return settings
    earlier = load_settings(str(out / "settings.toml"))
    networks = [name for name in NETWORKS if name in {*earlier.networks, *settings.networks}]
    weights = {name: earlier.weights_of(name) for name in earlier.networks}
    weights |= {name: settings.weights_of(name) for name in settings.networks}
    seeds = tuple(sorted({*earlier.seeds, *settings.seeds}))
    changes = {"networks": tuple(networks), "weights": weights, "seeds": seeds}
    return settings if settings == earlier else settings.model_copy(update=changes)


def _partitions(inputs: StudyInputs) -> dict[str, Any]:
    """Count patients and images by partition and class.

    Of several folds each has its own counts under ``folds``, and ``partitions`` has the evaluated
    partition alone: everyone who is in it in any fold, once. A patient with images of two classes
    counts under both; ``partition_patients`` has everyone once.
    """
    images, split = inputs.manifest.table, inputs.split
    counts, tested = count_partitions(split, images, inputs.classes), sites(split, images)
    folds = [
        {"fold": fold, "site": tested.get(fold, ""), "partitions": _nested(rows)}
        for fold, rows in ((fold, counts[counts["fold"] == fold]) for fold in split.folds)
    ]
    if len(folds) == 1:
        people = _patients(split, images)
        return {"partitions": folds[0]["partitions"], "partition_patients": people}
    held = split.table[split.table["partition"] == split.evaluated]
    once = Split(held.drop_duplicates("patient_id").assign(fold=0))
    return {
        "partitions": _nested(count_partitions(once, images, inputs.classes)),
        "partition_patients": _patients(once, images),
        "folds": folds,
    }


def _patients(split: Split, images: pd.DataFrame) -> dict[str, int]:
    """Count the patients who have images in each partition, everyone once."""
    return {name: count for (_, name), count in count_patients(split, images).items()}


def _nested(counts: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    nested: dict[str, dict[str, dict[str, int]]] = {}
    for row in counts.to_dict("records"):
        numbers = {"patients": int(row["patients"]), "images": int(row["images"])}
        nested.setdefault(str(row["partition"]), {})[str(row["label"])] = numbers
    return nested


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _prepare(inputs: StudyInputs) -> None:
    """Make the stores that are missing, and keep the pictures that the report shows."""
    manifest, settings = inputs.manifest, inputs.settings
    keys = store_keys(manifest, settings, settings.networks)
    sizes = ", ".join(str(key.size) for key in keys)
    with progress(text("progress.decoding", size=sizes)) as advance:
        make_stores(manifest, keys, inputs.folder / "prepared", advance)
    begin("cases")
    write_images(manifest, inputs.folder)
    table = inputs.split.table
    held = set(table["patient_id"][table["partition"] == inputs.split.evaluated])
    rows = np.flatnonzero(manifest.table["patient_id"].isin(held))
    write_cases(manifest, rows.tolist(), settings.preprocessing, inputs.folder)
