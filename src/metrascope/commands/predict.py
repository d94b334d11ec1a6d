"""The command that reads new images."""

import argparse
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from metrascope.commands.arguments import check_out_folder, check_path_argument, check_present
from metrascope.commands.parser import Commands, add_command, add_engine
from metrascope.errors import DataError, SettingsError
from metrascope.messages import language, text
from metrascope.progress import begin, progress, steps

# Digits of a number of frames: no loop has so many.
_MOST_DIGITS: Final = 9

if TYPE_CHECKING:
    from metrascope.predict.crops import FrameChoice
    from metrascope.predict.output import Form, ReadingCounts
    from metrascope.predict.predict import BatchPredictor, ProgressCallback
    from metrascope.predict.predictor import Predictor


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "predict", run)
    parser.add_argument("bundle", type=Path, metavar="BUNDLE", help=text("cli.bundle"))
    parser.add_argument(
        "files", type=Path, nargs="+", metavar="FILE|FOLDER", help=text("cli.predict_files")
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help=text("cli.predict_out"))
    formats = ("table", "csv", "json")
    parser.add_argument("--format", choices=formats, help=text("cli.predict_format"))
    parser.add_argument("--heatmaps", action="store_true", help=text("cli.heatmaps"))
    parser.add_argument("--confidence", type=float, metavar="C", help=text("cli.confidence"))
    parser.add_argument(
        "--frames", default="all", metavar="all|key|N", help=text("cli.predict_frames")
    )
    parser.add_argument("--by-folder", action="store_true", help=text("cli.by_folder"))
    parser.add_argument("--runtime", choices=("openvino", "onnxruntime"), help=text("cli.runtime"))
    add_engine(parser, "cli.predict_jobs")
    parser.add_argument("--verbose", action="store_true", help=text("cli.verbose"))


def run(options: argparse.Namespace) -> None:
    """Read new images; print what was read, or write it and print where it is."""
    check_path_argument(options.bundle, "bundle", "predict")
    for path in options.files:
        check_present(path, "images", "predict")
    if options.out is not None:
        check_out_folder(options.out)
    frames = _frames(options.frames)
    # All products are small: a second thread of numpy's would only wait, at full speed.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with steps():
        begin("loading")
        from metrascope.predict.output import ReadingCounts, write_readings
        from metrascope.predict.predict import BatchPredictor, PredictJob

    order = PredictJob(
        bundle=options.bundle,
        inputs=tuple(options.files),
        out=options.out,
        confidence=options.confidence,
        frames=frames,
        runtime=options.runtime,
        by_folder=options.by_folder,
        heat_maps=options.heatmaps,
        jobs=options.jobs,
        engine=options.engine,
        address=options.address,
    )
    tally = ReadingCounts()
    with steps():
        begin("bundle")
        opened = BatchPredictor(order)
    with opened as reader:
        if options.verbose:
            _describe_predictor(reader.predictor)
        if order.heat_maps:
            _note_missing_font()
        if order.out is not None:
            _read_into(order.out, reader, tally, options.format or "csv")
        else:
            form: Form = options.format or "table"
            if form != "table" and isinstance(sys.stdout, io.TextIOWrapper):
                sys.stdout.reconfigure(encoding="utf-8", newline="")
            with _show_progress(reader, quiet=sys.stdout.isatty()) as advance:
                readings = tally.counting(reader.read(advance))
                write_readings(sys.stdout, readings, form, reader.predictor.classes)
            if tally.warning():
                print(tally.warning(), file=sys.stderr)
    if not tally.seen:
        raise DataError("serving.nothing_read", count=tally.images, reason=tally.reason)


def _read_into(out: Path, reader: "BatchPredictor", tally: "ReadingCounts", form: "Form") -> None:
    from metrascope.files.atomic import replacing
    from metrascope.predict.output import FILES, write_readings

    with _show_progress(reader, quiet=False) as advance:
        for _ in tally.counting(reader.read(advance)):
            pass  # kept in the journal, from which the file is written when it is whole
    path = out / FILES[form]
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        write_readings(
            file,
            reader.results(),
            form,
            reader.predictor.classes,
            heat_maps=reader.order.heat_maps,
        )
    refused = tally.images - tally.read
    print(text("serving.done", images=tally.images, read=tally.read, refused=refused))
    if reader.order.heat_maps:
        print(text("serving.heat_maps_written", count=tally.pictures, refused=refused))
    if tally.warning():
        print(tally.warning())
    print(text("serving.privacy"))
    print(text("common.research_only"))
    print(path.resolve())


@contextmanager
def _show_progress(reader: "BatchPredictor", *, quiet: bool) -> Iterator["ProgressCallback | None"]:
    """Show progress of long work, unless the readings themselves show it."""
    if quiet or not reader.is_long:
        yield None
        return
    with progress(text("serving.reading_files")) as advance:
        yield advance


def _describe_predictor(predictor: "Predictor") -> None:
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


def _note_missing_font() -> None:
    from metrascope.predict.lettering import picture_language

    if picture_language() != language():
        print(text("serving.no_chinese_font"), file=sys.stderr)


def _frames(value: str) -> "FrameChoice":
    if value == "all":
        return "all"
    if value == "key":
        return "key"
    # No loop has so many, and Python reads no number of 5,000 digits.
    if not value.isascii() or not value.isdigit() or len(value) > _MOST_DIGITS:
        raise SettingsError("serving.frames", found=value[:40])
    return int(value)
