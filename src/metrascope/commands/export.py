"""The command that makes a bundle of trained runs."""

import argparse
from pathlib import Path
from typing import Final

from metrascope.commands.arguments import check_out_folder, check_path_argument
from metrascope.commands.parser import Commands, add_command
from metrascope.errors import SettingsError, StudyError
from metrascope.messages import text
from metrascope.progress import begin, steps

_STEPS: Final = (
    "loading_torch",
    "graph",
    "compiling",
    "parity",
    "reading_training",
    "fitting",
)


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "export", run, "export_command")
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


def run(options: argparse.Namespace) -> None:
    """Make a bundle of trained runs; print how near it is to them and where it is."""
    _check(options)
    shares = {"false_refusal_rate": options.false_refusals, "confidence": options.confidence}
    given = {name: share for name, share in shares.items() if share is not None}
    with steps(*_STEPS):
        begin("loading_torch")
        from metrascope.export.export import export

        made = export(
            options.runs, options.out, data=options.data, thumbnails=options.thumbnails, **given
        )
    from metrascope.export.card import limits, refusals

    print(
        text(
            "serving.exported",
            images=made.parity.images,
            probabilities=f"{made.parity.probabilities:.1g}",
            maps=f"{made.parity.maps:.1g}",
        )
    )
    for told in (*refusals(made.rule), *limits(made)):
        print(told)
    if options.thumbnails:
        print(text("serving.has_thumbnails"))
    print(text("common.research_only"))
    print(options.out.resolve())


def _check(options: argparse.Namespace) -> None:
    """Refuse paths that are not what they should be, and shares that are none."""
    for path in options.runs:
        check_path_argument(path, "trained", "export")
    if options.data is not None:
        check_path_argument(options.data, "data_set", "export --data")
    if options.out.is_dir() and any(options.out.iterdir()):
        raise StudyError("serving.not_empty", folder=options.out)
    check_out_folder(options.out)
    shares = {"false-refusals": options.false_refusals, "confidence": options.confidence}
    for name, share in shares.items():
        if share is not None and not 0 < share < 1:
            raise SettingsError("serving.share", name=name, found=share)
