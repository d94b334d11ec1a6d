"""The command line: every sub-command parses, calls one function and prints the path."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from metrascope import __version__
from metrascope.errors import MetrascopeError, MissingExtraError, SettingsError
from metrascope.messages import LANGUAGES, language, set_language, text

if TYPE_CHECKING:
    import pandas as pd

# Everything else is imported by the command that needs it: --help must not load torch.


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 (told in one sentence) or 130."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that cannot show Chinese shows question marks, not a traceback.
            stream.reconfigure(errors="replace")
    try:
        set_language(_language(arguments))
        options = _parser().parse_args(arguments)
        options.run(options)
    except MetrascopeError as error:
        print(f"metrascope: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get((error.name or "").split(".")[0])
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
    return 0


_EXTRAS = {
    "filelock": "study",
    "jinja2": "report",
    "matplotlib": "report",
    "sklearn": "report",
    "lightning_fabric": "study",
    "safetensors": "study",
    "torch": "study",
    "torchvision": "study",
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
    commands = parser.add_subparsers(title=text("cli.commands"), metavar="COMMAND", required=True)
    _add_study(commands)
    _add_phantom(commands)
    _add_evaluate(commands)
    _add_report(commands)
    return parser


def _add_command(
    commands: "argparse._SubParsersAction[_Parser]",
    name: str,
    run: Callable[[argparse.Namespace], None],
) -> _Parser:
    sentence = text(f"cli.{name}")
    parser = commands.add_parser(name, help=sentence, description=sentence)
    parser.set_defaults(run=run)
    _add_language(parser)
    return parser


def _add_language(parser: _Parser) -> None:
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.lang"))


def _add_study(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(commands, "study", _study)
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
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help=text("cli.device")
    )


def _add_phantom(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(commands, "phantom", _phantom)
    parser.add_argument("out", type=Path, metavar="OUT", help=text("cli.phantom_out"))
    parser.add_argument(
        "--patients", type=int, default=1291, metavar="N", help=text("cli.patients")
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help=text("cli.seed"))
    parser.add_argument("--scanners", metavar="A,B", help=text("cli.scanners"))
    parser.add_argument("--size", type=int, default=512, metavar="PIXELS", help=text("cli.size"))
    parser.add_argument("--prevalence", metavar="LABEL=SHARE,…", help=text("cli.prevalence"))
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help=text("cli.jobs"))
    parser.add_argument(
        "--difficulty", type=float, default=0.5, metavar="0…1", help=text("cli.difficulty")
    )


def _add_evaluate(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(commands, "evaluate", _evaluate)
    parser.add_argument(
        "predictions", type=Path, nargs="+", metavar="predictions.csv", help=text("cli.predictions")
    )
    parser.add_argument("--out", type=Path, metavar="DIR", required=True, help=text("cli.out"))
    parser.add_argument("--classes", metavar="A,B", help=text("cli.classes"))


def _add_report(commands: "argparse._SubParsersAction[_Parser]") -> None:
    parser = _add_command(commands, "report", _report)
    parser.add_argument("study", type=Path, metavar="DIR", help=text("cli.report_dir"))


def _study(options: argparse.Namespace) -> None:
    from metrascope.config import load_settings, with_weights

    changes = list(options.set)
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
    )
    _print_study(options.out)


def _phantom(options: argparse.Namespace) -> None:
    from metrascope.phantom.dataset import write_phantom
    from metrascope.phantom.scanners import SCANNERS
    from metrascope.progress import progress

    with progress(text("progress.phantom")) as advance:
        manifest = write_phantom(
            options.out,
            patients=options.patients,
            seed=options.seed,
            scanners=_names(options.scanners) if options.scanners else tuple(SCANNERS),
            size=options.size,
            prevalence=_prevalence(options.prevalence),
            difficulty=options.difficulty,
            progress=advance,
            jobs=options.jobs,
        )
    print(manifest)


def _evaluate(options: argparse.Namespace) -> None:
    from metrascope.evaluation.predictions import read_predictions
    from metrascope.results import write_evaluation

    classes = _names(options.classes) if options.classes else None
    predictions = read_predictions(options.predictions, classes)
    name = ", ".join(path.name for path in options.predictions)
    metrics = write_evaluation(predictions, options.out, language(), name)
    _print_table(metrics, name)
    print(options.out / "metrics.json")


def _report(options: argparse.Namespace) -> None:
    from metrascope.summary import summarize

    summarize(options.study, language())
    _print_study(options.study)


def _print_study(study: Path) -> None:
    from metrascope.report.content import read_data, read_metrics

    _print_table(read_metrics(study), str(read_data(study).get("name", "")))
    print((study / "report.html").resolve())


def _print_table(metrics: dict[str, Any], name: str) -> None:
    from metrascope.classes import class_title
    from metrascope.evaluation.tables import comparison, data_heading, per_class

    compared = comparison(metrics, data_name=name, paper=False)
    compared.columns = compared.columns.get_level_values(1)
    _print_frame(compared, data_heading(metrics, data_name=name))
    _print_frame(per_class(metrics), text("cli.per_class"))
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
