"""What each command does: call one function of the package, print what came of it."""

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrascope.errors import DataError, SettingsError
from metrascope.messages import language, text

if TYPE_CHECKING:
    import pandas as pd

    from metrascope.config import SplitSettings
    from metrascope.serving.folder import Advance, Reader
    from metrascope.serving.output import Form, Tally
    from metrascope.serving.predictor import Frames, Predictor

# Everything else is imported by the command that needs it: --help must not load torch.


def study(options: argparse.Namespace) -> None:
    """Train and compare the networks; print the tables and where the report is."""
    from metrascope.config import load_settings, with_weights
    from metrascope.ranks import follow, is_follower, launched, processes

    if is_follower():
        follow()
        return
    changes = list(options.set)
    if launched():
        changes.append(f"training.processes={processes()}")
    if options.networks:
        changes.append(f"networks={_names(options.networks)}")
    settings = with_weights(load_settings(options.settings, changes), options.weights)
    from metrascope.study import run_study

    run_study(
        options.data,
        options.out,
        settings,
        device=options.device,
        splits=options.splits,
        allow_leaks=options.allow_leaks,
        jobs=options.jobs,
        engine=options.engine,
        address=options.address,
    )
    _print_study(options.out)


def split(options: argparse.Namespace) -> None:
    """Draw the partitions of a study; write them, print who is where and what to mind."""
    from metrascope.data.manifest import read_manifest
    from metrascope.data.split import write_split
    from metrascope.data.tally import cautions, sites, tally
    from metrascope.partitioning import choose_classes, choose_split
    from metrascope.progress import say

    if options.out.suffix != ".csv":
        raise SettingsError("design.no_csv", path=options.out)
    settings = _split_settings(options)
    manifest = read_manifest(options.data)
    classes = choose_classes(manifest, _names(options.classes) if options.classes else ())
    drawn, _ = choose_split(manifest, classes, settings, None)
    drawn_by = settings.model_dump()
    write_split(drawn, options.out, manifest_sha256=manifest.digest, settings=drawn_by)
    counts, tested = tally(drawn, manifest.table, classes), sites(drawn, manifest.table)
    name = manifest.root.resolve().name
    _print_frame(_split_frame(counts, tested), text("design.table", name=name))
    for caution in cautions(counts, tested):
        say(caution)
    print(text("common.research_only"))
    print(options.out.resolve())


def _split_settings(options: argparse.Namespace) -> "SplitSettings":
    """Return the settings that the options state; what they imply need not be said."""
    from metrascope.config import SplitSettings, parse_section

    names = ("by", "folds", "repeats", "validation", "test", "seed")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    implied = {"folds": "kfold", "repeats": "kfold", "by": "leave-one-out"}
    design = options.design or next(
        (design for name, design in implied.items() if name in given), "holdout"
    )
    for name, needed in implied.items():
        if name in given and design != needed:
            raise SettingsError("design.option_of", option=name, needed=needed, design=design)
    return parse_section(SplitSettings, given | {"design": design}, "metrascope split")


def _split_frame(counts: "pd.DataFrame", tested: dict[int, str]) -> "pd.DataFrame":
    """Return a row for each fold and partition, a column for each class: patients / images."""
    from metrascope.classes import class_short

    rows = []
    for (fold, partition), own in counts.groupby(["fold", "partition"], sort=False):
        row = {text("design.fold"): str(fold)}
        if tested:
            row[text("design.site")] = tested[int(str(fold))]
        row[text("design.partition")] = text(f"design.{partition}")
        for label, patients, images in own[["label", "patients", "images"]].itertuples(index=False):
            row[class_short(label)] = f"{patients} / {images}"
        row[text("design.all")] = f"{own['patients'].sum()} / {own['images'].sum()}"
        rows.append(row)
    import pandas as pd

    return pd.DataFrame(rows)


def ingest(options: argparse.Namespace) -> None:
    """Make a clean data set of raw exports; print what was kept and why the rest was not."""
    from metrascope.ingest.batch import ingest
    from metrascope.ingest.settings import load_ingest_settings
    from metrascope.progress import progress

    with progress(text("progress.ingest")) as advance:
        done = ingest(
            options.source,
            options.out,
            options.labels,
            load_ingest_settings(options.settings, _ingest_changes(options)),
            secret=options.secret,
            jobs=options.jobs,
            engine=options.engine,
            address=options.address,
            lang=language(),
            progress=advance,
        )
    images, reasons = done.catalog.images, done.catalog.reasons
    patients = len({image["patient_id"] for image in images})
    from metrascope.ingest.wording import reason_title

    print(text("ingest.done", images=len(images), patients=patients, rejected=reasons.total()))
    for key, count in reasons.most_common():
        print(f"  {count:6d}  {reason_title(key)}")
    if done.unmatched:
        print(text("ingest.unmatched_rows", count=done.unmatched, path=done.private))
    print(text("ingest.private", path=done.private))
    print(text("common.research_only"))
    for path in (done.manifest, done.evidence):
        print(path.resolve())


def _ingest_changes(options: argparse.Namespace) -> list[str]:
    """Return the options that stand for settings, as changes; ``--set`` has the last word."""
    named = {"frames": options.frames, "marks": options.marks, "centre": options.centre}
    changes = [f"{name}={value}" for name, value in named.items() if value is not None]
    changes += [f"columns.{entry}" for entry in options.column]
    if options.keep_dicom:
        changes.append("keep_dicom=true")
    if options.no_verify:
        changes.append("verify=false")
    return changes + list(options.set)


def audit(options: argparse.Namespace) -> int:
    """Look for leaks in a data set; return the exit status, 1 where there is one."""
    from metrascope.audit.run import audit as look
    from metrascope.progress import progress

    folder = options.data if options.data.is_dir() else options.data.parent
    out = options.out or folder / "audit"
    with progress(text("progress.audit")) as advance:
        found = look(
            options.data,
            out,
            splits=options.splits,
            jobs=options.jobs,
            progress=advance,
            write=options.write,
        )
    groups = int(found.groups.nunique())
    print(
        text(
            "cli.audit_done",
            images=len(found.manifest.table) - len(found.unusable),
            pairs=len(found.pairs),
            groups=groups,
            conflicts=len(found.conflicts),
        )
    )
    if found.unusable:
        print(text("audit.warn_unusable", count=len(found.unusable)))
    if found.leaks:
        print(text("cli.audit_leaks", count=len(found.leaks)))
    elif found.partitions is not None:
        print(text("audit.no_leak"))
    print(text("common.research_only"))
    print((out / "audit.html").resolve())
    return 1 if found.leaks else 0


def phantom(options: argparse.Namespace) -> None:
    """Write a phantom data set, or exports as scanners write them, and print the path."""
    from metrascope.phantom.scanners import SCANNERS
    from metrascope.progress import progress

    scanners = _names(options.scanners) if options.scanners else tuple(SCANNERS)
    if options.export:
        _phantom_export(options, scanners)
        return
    from metrascope.phantom.dataset import write_phantom

    with progress(text("progress.phantom")) as advance:
        manifest = write_phantom(
            options.out,
            patients=options.patients,
            seed=options.seed,
            scanners=scanners,
            size=options.size or 512,
            prevalence=_prevalence(options.prevalence),
            difficulty=0.5 if options.difficulty is None else options.difficulty,
            progress=advance,
            jobs=options.jobs,
        )
    print(manifest)


def _phantom_export(options: argparse.Namespace, scanners: Sequence[str]) -> None:
    from metrascope.phantom.export.export import write_export
    from metrascope.phantom.export.lettering import has_chinese
    from metrascope.progress import progress, say

    if options.prevalence is not None or options.difficulty is not None:
        raise SettingsError("cli.not_for_exports")
    if not has_chinese():
        say(text("export.latin_only"))
    with progress(text("progress.export")) as advance:
        folder = write_export(
            options.out,
            patients=options.patients,
            seed=options.seed,
            scanners=scanners,
            size=options.size,
            jobs=options.jobs,
            progress=advance,
        )
    print(folder)


def evaluate(options: argparse.Namespace) -> None:
    """Compute the tables of predictions, given or of an external test, and print them."""
    from metrascope.evaluation.attributes import attributes
    from metrascope.evaluation.predictions import read_predictions
    from metrascope.results import write_evaluation

    prevalence = _prevalence(options.prevalence)
    paths, name = _predictions(options)
    classes = _names(options.classes) if options.classes else None
    predictions = read_predictions(paths, classes)
    known = _manifest(options)
    metrics = write_evaluation(
        predictions,
        options.out,
        language(),
        name,
        attributes=None if known is None else attributes(known),
        prevalence=prevalence,
    )
    _print_table(metrics, name)
    print(options.out / "metrics.json")


def _manifest(options: argparse.Namespace) -> "pd.DataFrame | None":
    """Return what is known of each image: of the table given, or of the external data set."""
    from metrascope.data.table import read_table

    path = options.manifest or options.data
    if path is None:
        return None
    return read_table(path / "manifest.csv" if path.is_dir() else path, ("image",))


def _predictions(options: argparse.Namespace) -> tuple[list[Path], str]:
    """Return the tables to evaluate and the name of the data; make them where a run is given."""
    external = options.trained is not None and options.data is not None
    if external == bool(options.predictions) or (options.trained is None) != (options.data is None):
        raise SettingsError("external.either")
    if not external:
        return options.predictions, ", ".join(path.name for path in options.predictions)
    if options.classes:
        raise SettingsError("external.classes")
    from metrascope.external import predict_external

    folder = options.data if options.data.is_dir() else options.data.parent
    path = predict_external(options.trained, options.data, options.out)
    return [path], folder.resolve().name


def export(options: argparse.Namespace) -> None:
    """Make a bundle of trained runs; print how near it is to them and where it is."""
    from metrascope.serving.export import export

    shares = {"false_refusal_rate": options.false_refusals, "confidence": options.confidence}
    given = {name: share for name, share in shares.items() if share is not None}
    made = export(
        options.runs, options.out, data=options.data, thumbnails=options.thumbnails, **given
    )
    print(
        text(
            "serving.exported",
            images=made.parity.images,
            probabilities=f"{made.parity.probabilities:.1g}",
            maps=f"{made.parity.maps:.1g}",
        )
    )
    if options.thumbnails:
        print(text("serving.has_thumbnails"))
    print(text("common.research_only"))
    print(options.out.resolve())


def predict(options: argparse.Namespace) -> None:
    """Read new images; print what was read, or write it and print where it is."""
    # All products are small: a second thread of numpy's would only wait, at full speed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from metrascope.serving.folder import Order, Reader
    from metrascope.serving.output import Tally, write_readings

    order = Order(
        bundle=options.bundle,
        inputs=tuple(options.files),
        out=options.out,
        confidence=options.confidence,
        frames=_frames(options.frames),
        runtime=options.runtime,
        by_folder=options.by_folder,
        heat_maps=options.heatmaps,
        jobs=options.jobs,
        engine=options.engine,
        address=options.address,
    )
    tally = Tally()
    with Reader(order) as reader:
        if options.verbose:
            _say_about(reader.predictor)
        if order.heat_maps:
            _say_lettering()
        if order.out is not None:
            _read_into(order.out, reader, tally, options.format or "csv")
        else:
            form: Form = options.format or "table"
            if form != "table" and isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8", newline="")
            with _progress_of(reader, quiet=sys.stdout.isatty()) as advance:
                readings = tally.counting(reader.read(advance))
                write_readings(sys.stdout, readings, form, reader.predictor.classes)
    if not tally.seen:
        raise DataError("serving.nothing_read", count=tally.images, reason=tally.reason)


def _read_into(out: Path, reader: "Reader", tally: "Tally", form: "Form") -> None:
    from metrascope.atomic import replacing
    from metrascope.serving.output import FILES, write_readings

    with _progress_of(reader, quiet=False) as advance:
        for _ in tally.counting(reader.read(advance)):
            pass  # kept in the journal, from which the file is written when it is whole
    path = out / FILES[form]
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        write_readings(file, reader.results(), form, reader.predictor.classes)
    refused = tally.images - tally.read
    print(text("serving.done", images=tally.images, read=tally.read, refused=refused))
    print(text("serving.privacy"))
    print(text("common.research_only"))
    print(path.resolve())


@contextmanager
def _progress_of(reader: "Reader", *, quiet: bool) -> Iterator["Advance | None"]:
    """Show progress of long work, unless the readings themselves show it."""
    if quiet or not reader.is_long:
        yield None
        return
    from metrascope.progress import progress

    with progress(text("serving.reading_files")) as advance:
        yield advance


def _say_about(predictor: "Predictor") -> None:
    if predictor.bundle is None:
        print(text("serving.about_run"), file=sys.stderr)
        return
    made = predictor.bundle.description
    about = text(
        "serving.about",
        digest=predictor.digest[:12],
        name=made.data.name,
        members=len(made.members),
        runtimes=", ".join(dict.fromkeys(predictor.runtimes)),
        probabilities=f"{made.parity.probabilities:.1g}",
        images=made.parity.images,
    )
    print(about, file=sys.stderr)


def _say_lettering() -> None:
    from metrascope.serving.lettering import lettering

    if lettering() != language():
        print(text("serving.no_chinese_font"), file=sys.stderr)


def _frames(value: str) -> "Frames":
    if value == "all":
        return "all"
    if value == "key":
        return "key"
    if not value.isascii() or not value.isdigit():
        raise SettingsError("serving.frames", found=value)
    return int(value)


def report(options: argparse.Namespace) -> None:
    """Make the report of a study again from its files."""
    from metrascope.summary import summarize

    summarize(options.study, language())
    _print_study(options.study)


def _print_study(study: Path) -> None:
    from metrascope.report.content import read_data, read_metrics

    _print_table(read_metrics(study), str(read_data(study).get("name", "")))
    for name in ("report.docx", "report.html"):
        print((study / name).resolve())


def _print_table(metrics: dict[str, Any], name: str) -> None:
    from metrascope.classes import class_title
    from metrascope.evaluation.ranking import ranking_sentences
    from metrascope.evaluation.tables import comparison, data_heading, per_class

    compared = comparison(metrics, data_name=name, paper=False)
    compared.columns = compared.columns.get_level_values(1)
    _print_frame(compared, data_heading(metrics, data_name=name))
    _print_frame(per_class(metrics), text("cli.per_class"))
    for finding in ranking_sentences(metrics):
        print(finding)
    majority = metrics["majority"]
    scored = {key: f"{100 * majority[key]['value']:.2f}" for key in ("accuracy", "macro_f1")}
    print(text("cli.majority", label=class_title(majority["label"]), **scored))
    print(text("common.research_only"))


def _print_frame(frame: "pd.DataFrame", title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left")
    numeric = [kind.kind in "fi" for kind in frame.dtypes]
    for heading, right in zip(frame.columns, numeric, strict=True):
        table.add_column(Text(str(heading)), justify="right" if right else "left")
    for row in frame.itertuples(index=False):
        cells = (f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row)
        table.add_row(*map(Text, cells))
    Console(width=None if sys.stdout.isatty() else 100).print(table)


def _names(value: str) -> list[str]:
    return [name.strip() for name in value.split(",")]


def _prevalence(value: str | None) -> dict[str, float] | None:
    if value is None:
        return None
    shares = {}
    for part in value.split(","):
        label, _, share = part.partition("=")
        try:
            shares[label.strip()] = float(share)
        except ValueError as error:
            raise SettingsError("cli.bad_prevalence", value=value) from error
    return shares
