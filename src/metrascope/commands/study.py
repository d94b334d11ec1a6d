"""The command that trains and compares networks."""

import argparse
from pathlib import Path

from metrascope.commands.arguments import check_out_folder, check_path_argument
from metrascope.commands.console import names, print_study
from metrascope.commands.parser import Commands, add_command
from metrascope.messages import text
from metrascope.processes.capacity import checked_jobs
from metrascope.progress import begin, steps
from metrascope.study_folder.folder import check_study_folder


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "study", run)
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
    parser.add_argument("--no-audit", action="store_true", help=text("cli.no_audit"))
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help=text("cli.device")
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help=text("cli.study_jobs"))
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help=text("cli.engine")
    )
    parser.add_argument("--address", metavar="HOST:PORT|auto", help=text("cli.address"))


def run(options: argparse.Namespace) -> None:
    """Train and compare the networks; print the tables and where the report is."""
    from metrascope.processes.torchrun import follow_first_process, is_follower, launched, processes
    from metrascope.settings.study_settings import BUILT_IN, load_settings, with_weights

    if is_follower():
        follow_first_process()
    if options.settings not in BUILT_IN:
        check_path_argument(Path(options.settings), "settings", "study")
    _check(options)
    changes = list(options.set)
    if launched():
        changes.append(f"training.processes={processes()}")
    if options.networks:
        changes.append(f"networks={names(options.networks)}")
    settings = with_weights(load_settings(options.settings, changes), options.weights)
    with steps("loading_torch", "manifest", "drawing_split", "cases"):
        begin("loading_torch")
        from metrascope.study.study import run_study

        run_study(
            options.data,
            options.out,
            settings,
            device=options.device,
            splits=options.splits,
            allow_leaks=options.allow_leaks,
            audit=not options.no_audit,
            jobs=options.jobs,
            engine=options.engine,
            address=options.address,
        )
    print_study(options.out)


def _check(options: argparse.Namespace) -> None:
    """Refuse paths that are not what they should be, before torch is loaded."""
    if options.data is not None:
        check_path_argument(options.data, "data_set", "study --data")
    if options.splits is not None:
        check_path_argument(options.splits, "split", "study --splits")
    check_study_folder(options.out)
    check_out_folder(options.out)
    checked_jobs(options.jobs)
