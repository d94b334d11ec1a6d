"""The command line: what it understands, in which language, and how it ends."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from metrascope import __version__, commands
from metrascope.cores import available_cores
from metrascope.errors import MetrascopeError, MissingExtraError, SettingsError
from metrascope.messages import LANGUAGES, language, set_language, text


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 (told in one sentence) or 130."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that cannot show Chinese shows question marks, not a traceback.
            stream.reconfigure(errors="replace")
    command = ""
    try:
        set_language(_language(arguments))
        options = _parser().parse_args(arguments)
        command = options.run.__name__
        return int(options.run(options) or 0)
    except MetrascopeError as error:
        print(f"metrascope: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        extra = _EXTRAS_OF.get(command, {}).get(package) or _EXTRAS.get(package)
        if extra is None:
            raise
        missing = MissingExtraError("common.missing_extra", package=error.name, extra=extra)
        print(f"metrascope: {missing}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nmetrascope: {text('cli.interrupted')}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output (head, say) has gone: nothing is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.filename is None:
            raise
        reason = error.strerror or error
        told = text("cli.file", path=error.filename, reason=reason)
        print(f"metrascope: {told}", file=sys.stderr)
        return 1


_EXTRAS = {
    "faiss": "ingest",
    "filelock": "ingest",
    "gdcm": "ingest",
    "jpeg_ls": "ingest",
    "onnxruntime": "ocr",
    "openjpeg": "ingest",
    "openpyxl": "ingest",
    "pydicom": "ingest",
    "rapidocr": "ocr",
    "rle": "ingest",
    "jinja2": "report",
    "matplotlib": "report",
    "pandas": "report",
    "scipy": "report",
    "sklearn": "report",
    "lightning_fabric": "study",
    "ray": "ray",
    "safetensors": "study",
    "torch": "study",
    "torchvision": "study",
}
# Where a command has an extra of its own, no other is advised, which may be larger.
_READING = ("gdcm", "jpeg_ls", "onnxruntime", "openjpeg", "pydicom", "rle")
_EXPORTING = ("lightning_fabric", "onnx", "onnxscript", "safetensors", "torch", "torchvision")
_EXTRAS_OF = {
    "predict": dict.fromkeys(_READING, "predict"),
    "export": dict.fromkeys((*_READING, *_EXPORTING), "export"),
}


class _Parser(argparse.ArgumentParser):
    """Argument parser whose headings and errors are sentences of the message table."""

    def __init__(self, **options: object) -> None:
        super().__init__(
            add_help=False,
            formatter_class=_Formatter,
            allow_abbrev=False,
            **options,  # type: ignore[arg-type]
        )
        self._positionals.title = text("cli.arguments")
        self._optionals.title = text("cli.options")
        self.add_argument("-h", "--help", action="help", help=text("cli.help"))

    def error(self, message: str) -> NoReturn:
        raise SettingsError("cli.usage", message=message, command=self.prog)


class _Formatter(argparse.HelpFormatter):
    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any) -> str:
        prefix = text("cli.usage_prefix") if prefix is None else prefix
        return super()._format_usage(usage, actions, groups, prefix)


def _language(arguments: Sequence[str]) -> str:
    """Find ``--lang`` before parsing, so that help and errors are in that language too."""
    for index, argument in enumerate(arguments):
        name, separator, value = argument.partition("=")
        if name == "--lang":
            chosen = value if separator else "".join(arguments[index + 1 : index + 2])
            if chosen not in LANGUAGES:
                raise SettingsError("cli.language", found=chosen, valid=", ".join(LANGUAGES))
            return chosen
    return language()


def _parser() -> _Parser:
    parser = _Parser(prog="metrascope", description=text("cli.description"))
    parser.add_argument(
        "--version",
        action="version",
        version=f"metrascope {__version__}",
        help=text("cli.version"),
    )
    _add_language(parser)
    group = parser.add_subparsers(title=text("cli.commands"), metavar="COMMAND", required=True)
    _add_ingest(group)
    _add_audit(group)
    _add_split(group)
    _add_study(group)
    _add_phantom(group)
    _add_evaluate(group)
    _add_report(group)
    _add_export(group)
    _add_predict(group)
    return parser


def _add_command(
    group: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    sentence: str | None = None,
) -> _Parser:
    sentence = text(f"cli.{sentence or name}")
    parser = group.add_parser(name, help=sentence, description=sentence)
    parser.set_defaults(run=run)
    _add_language(parser)
    return parser


def _add_language(parser: _Parser) -> None:
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.lang"))


def _add_split(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "split", commands.split)
    parser.add_argument("data", type=Path, metavar="DATA", help=text("cli.audit_data"))
    parser.add_argument(
        "--out", type=Path, metavar="splits.csv", required=True, help=text("cli.split_out")
    )
    designs = ("holdout", "kfold", "leave-one-out")
    parser.add_argument("--design", choices=designs, help=text("cli.design"))
    parser.add_argument("--folds", type=int, metavar="K", help=text("cli.folds"))
    parser.add_argument("--repeats", type=int, metavar="R", help=text("cli.repeats"))
    parser.add_argument("--by", choices=("scanner", "centre"), help=text("cli.by"))
    parser.add_argument("--validation", type=float, metavar="SHARE", help=text("cli.validation"))
    parser.add_argument("--test", type=float, metavar="SHARE", help=text("cli.test"))
    parser.add_argument("--seed", type=int, metavar="S", help=text("cli.seed"))
    parser.add_argument("--classes", metavar="A,B", help=text("cli.classes"))


def _add_study(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "study", commands.study)
    parser.add_argument("settings", metavar="paper|demo|FILE.toml", help=text("cli.settings"))
    parser.add_argument("--data", type=Path, metavar="DIR", help=text("cli.data"))
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help=text("cli.out"))
    parser.add_argument("--networks", metavar="A,B", help=text("cli.networks"))
    parser.add_argument(
        "--weights", action="append", default=[], metavar="SOURCE", help=text("cli.weights")
    )
    parser.add_argument("--splits", type=Path, metavar="FILE", help=text("cli.splits"))
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help=text("cli.set")
    )
    parser.add_argument("--allow-leaks", action="store_true", help=text("cli.allow_leaks"))
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help=text("cli.device")
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help=text("cli.study_jobs"))
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help=text("cli.engine")
    )
    parser.add_argument("--address", metavar="HOST:PORT|auto", help=text("cli.address"))


def _add_ingest(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "ingest", commands.ingest)
    parser.add_argument("source", type=Path, metavar="SOURCE", help=text("cli.source"))
    parser.add_argument("out", type=Path, metavar="OUT", help=text("cli.ingest_out"))
    parser.add_argument(
        "--labels", type=Path, required=True, metavar="FILE", help=text("cli.labels")
    )
    parser.add_argument("--secret", type=Path, metavar="FILE", help=text("cli.secret"))
    parser.add_argument("--keep-dicom", action="store_true", help=text("cli.keep_dicom"))
    parser.add_argument("--frames", metavar="key|all|N", help=text("cli.frames"))
    parser.add_argument("--marks", choices=("keep", "inpaint", "reject"), help=text("cli.marks"))
    parser.add_argument(
        "--column", action="append", default=[], metavar="ROLE=NAME", help=text("cli.column")
    )
    parser.add_argument("--centre", metavar="NAME", help=text("cli.centre"))
    parser.add_argument("--no-verify", action="store_true", help=text("cli.no_verify"))
    parser.add_argument(
        "--settings", type=Path, metavar="FILE.toml", help=text("cli.more_settings")
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help=text("cli.set")
    )
    _add_engine(parser, "cli.files_jobs")


def _add_audit(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "audit", commands.audit)
    parser.add_argument("data", type=Path, metavar="DATA", help=text("cli.audit_data"))
    parser.add_argument("--splits", type=Path, metavar="FILE", help=text("cli.audit_splits"))
    parser.add_argument("--out", type=Path, metavar="DIR", help=text("cli.audit_out"))
    parser.add_argument("--write", action="store_true", help=text("cli.audit_write"))
    cores = available_cores()
    parser.add_argument("--jobs", type=int, default=cores, metavar="N", help=text("cli.all_jobs"))


def _add_engine(parser: _Parser, jobs: str) -> None:
    """Add what says who does many files."""
    parser.add_argument("--jobs", type=int, metavar="N", help=text(jobs))
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help=text("cli.files_engine")
    )
    parser.add_argument("--address", metavar="HOST:PORT|auto", help=text("cli.address"))


def _add_phantom(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "phantom", commands.phantom)
    parser.add_argument("out", type=Path, metavar="OUT", help=text("cli.phantom_out"))
    parser.add_argument(
        "--patients", type=int, default=1291, metavar="N", help=text("cli.patients")
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=text("cli.seed"))
    parser.add_argument("--scanners", metavar="A,B", help=text("cli.scanners"))
    parser.add_argument("--size", type=int, metavar="PIXELS", help=text("cli.size"))
    parser.add_argument("--prevalence", metavar="LABEL=SHARE,…", help=text("cli.prevalence"))
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help=text("cli.jobs"))
    parser.add_argument("--export", action="store_true", help=text("cli.export"))
    parser.add_argument("--difficulty", type=float, metavar="0…1", help=text("cli.difficulty"))


def _add_evaluate(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "evaluate", commands.evaluate)
    parser.add_argument(
        "predictions", type=Path, nargs="*", metavar="predictions.csv", help=text("cli.predictions")
    )
    parser.add_argument("--run", type=Path, metavar="DIR", dest="trained", help=text("cli.trained"))
    parser.add_argument("--data", type=Path, metavar="DIR", help=text("cli.other_data"))
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help=text("cli.out"))
    parser.add_argument("--classes", metavar="A,B", help=text("cli.classes"))
    parser.add_argument("--manifest", type=Path, metavar="FILE", help=text("cli.attributes"))
    parser.add_argument("--prevalence", metavar="LABEL=SHARE,…", help=text("cli.stated"))


def _add_report(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "report", commands.report)
    parser.add_argument("study", type=Path, metavar="DIR", help=text("cli.report_dir"))


def _add_export(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "export", commands.export, "export_command")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help=text("cli.export_runs"))
    parser.add_argument(
        "--out", type=Path, metavar="BUNDLE", required=True, help=text("cli.export_out")
    )
    parser.add_argument("--data", type=Path, metavar="DIR", help=text("cli.export_data"))
    parser.add_argument(
        "--false-refusals", type=float, metavar="SHARE", help=text("cli.false_refusals")
    )
    parser.add_argument("--confidence", type=float, metavar="C", help=text("cli.export_confidence"))
    parser.add_argument("--thumbnails", action="store_true", help=text("cli.thumbnails"))


def _add_predict(group: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(group, "predict", commands.predict)
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
    _add_engine(parser, "cli.predict_jobs")
    parser.add_argument("--verbose", action="store_true", help=text("cli.verbose"))
