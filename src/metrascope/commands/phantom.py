"""The command that writes phantom data."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from metrascope.commands.arguments import check_out_folder
from metrascope.commands.console import names, prevalence
from metrascope.commands.next_steps import next_step
from metrascope.commands.parser import Commands, add_command
from metrascope.errors import SettingsError
from metrascope.messages import text
from metrascope.processes.capacity import checked_jobs
from metrascope.progress import begin, later, print_note, steps


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "phantom", run)
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


def run(options: argparse.Namespace) -> None:
    """Write a phantom data set, or exports as scanners write them, and print the path."""
    check_out_folder(options.out)
    checked_jobs(options.jobs)
    shares = prevalence(options.prevalence)
    if options.export and (shares is not None or options.difficulty is not None):
        raise SettingsError("cli.not_for_exports")
    with steps("loading"):
        begin("loading")
        from metrascope.phantom.scanners import SCANNERS

        scanners = names(options.scanners) if options.scanners else tuple(SCANNERS)
        if options.export:
            paths = _write_exports(options, scanners)
        else:
            paths = [_write_data(options, scanners, shares)]
    for path in paths:
        print(path)
    if options.export:
        _, exports, labels = paths
        print(next_step("next.ingest", "ingest", exports, "DATA", "--labels", labels))


def _write_data(
    options: argparse.Namespace, scanners: Sequence[str], shares: dict[str, float] | None
) -> Path:
    from metrascope.phantom.phantom import write_phantom

    return write_phantom(
        options.out,
        patients=options.patients,
        seed=options.seed,
        scanners=scanners,
        size=options.size or 512,
        prevalence=shares,
        difficulty=0.5 if options.difficulty is None else options.difficulty,
        progress=later("phantom"),
        jobs=options.jobs,
    )


def _write_exports(options: argparse.Namespace, scanners: Sequence[str]) -> list[Path]:
    from metrascope.phantom.hospital.burned_text import has_chinese
    from metrascope.phantom.hospital.hospital import write_export

    if not has_chinese():
        install = text("common.install", extra="report")
        print_note(text("export.latin_only", install=install))
    folder = write_export(
        options.out,
        patients=options.patients,
        seed=options.seed,
        scanners=scanners,
        size=options.size,
        jobs=options.jobs,
        progress=later("export"),
    )
    # Of the two tables the one whose headings are in the language in use.
    return [folder, options.out / "exports", options.out / "labels.xlsx"]
