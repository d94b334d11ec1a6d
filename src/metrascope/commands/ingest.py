"""The command that makes a clean data set of raw exports."""

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from metrascope.commands.arguments import check_out_folder, check_present
from metrascope.commands.next_steps import next_step
from metrascope.commands.parser import Commands, add_command, add_engine
from metrascope.errors import DataError, SettingsError
from metrascope.messages import language, reason_title, text
from metrascope.progress import begin, later, steps

if TYPE_CHECKING:
    from metrascope.ingest.changes import Changes
    from metrascope.ingest.ingest import Ingested


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "ingest", run)
    parser.add_argument("source", type=Path, metavar="EXPORT", help=text("cli.source"))
    parser.add_argument("out", type=Path, metavar="DATA", help=text("cli.ingest_out"))
    parser.add_argument(
        "--labels",
        type=Path,
        required=True,
        action="append",
        metavar="FILE",
        help=text("cli.labels"),
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
        "--set", action="append", default=[], metavar="KEY=VALUE", help=text("cli.ingest_set")
    )
    add_engine(parser, "cli.files_jobs")


def run(options: argparse.Namespace) -> int:
    """Make a clean data set of raw exports; print what was kept and why the rest was not.

    Return the exit status, 1 where files of the manifest are missing.
    """
    check_present(options.source, "exports", "ingest")
    labels = _one_table(options.labels)
    check_present(labels, "labels", "ingest --labels")
    check_out_folder(options.out)
    from metrascope.screen.settings import load_ingest_settings

    settings = load_ingest_settings(options.settings, _ingest_changes(options))
    with steps("loading", "finding", "ingest", "lists"):
        begin("loading")
        from metrascope.ingest.ingest import ingest

        begin("finding")
        done = ingest(
            options.source,
            options.out,
            labels,
            settings,
            secret=options.secret,
            jobs=options.jobs,
            engine=options.engine,
            address=options.address,
            lang=language(),
            progress=later("ingest"),
        )
    _print_counts(done)
    if done.failure:  # the sentence that decides must not drown in what else there is to say
        _print_private(done)
        print()
        raise DataError(done.failure.key, **done.failure.values)
    _print_notices(done)
    undecided = any(notice.key == "diagnoses.undecided" for notice in done.notices)
    step = "next.decide" if undecided else "next.audit"
    print(next_step(step, "audit", options.out, "--write"))
    return 1 if done.missing else 0


def _one_table(given: list[Path]) -> Path:
    """Refuse two tables: the last would be read, and nobody would miss the other."""
    if len(given) > 1:
        found = ", ".join(map(str, given))
        raise SettingsError("cli.one_table", count=len(given), found=found)
    return given[0]


def _print_counts(done: "Ingested") -> None:
    """Print what was added and what was left out."""
    images, changes = done.catalog.images, done.changes
    patients = len({image["patient_id"] for image in images})
    print(
        text(
            "ingest.done",
            before=changes.before,
            added=changes.added,
            gone=changes.gone,
            images=len(images),
            patients=patients,
        )
    )
    _print_left_out(changes)


def _print_notices(done: "Ingested") -> None:
    """Print what waits for a person, what there is to say, and where the page is."""
    for number, sentence in enumerate(done.waiting.sentences):
        print(f"  {sentence.text()}" if number else sentence.text())
    if done.catalog.coded:
        print(text("ingest.coded", count=len(done.catalog.coded), path="codes.csv"))
    for notice in done.notices:
        print(notice.text())
    if done.unmatched:
        print(text("ingest.unmatched_rows", count=done.unmatched))
    _print_private(done)
    print(text("common.research_only"))
    print(done.evidence.resolve())


def _print_private(done: "Ingested") -> None:
    print(text("ingest.private", path=done.private))
    if done.open_to_others:
        print(text("ingest.open_to_others", path=done.open_to_others[0]))


def _print_left_out(changes: "Changes") -> None:
    """Print how many files and stills of this folder are left out, for which reason."""
    totals: Counter[bool] = Counter()
    for (_, still), count in changes.left_out.items():
        totals[still] += count
    if not totals:
        return
    kinds = {"files": totals[False], "stills": totals[True]}
    parts = [text(f"ingest.left_out_{kind}", count=n) for kind, n in kinds.items() if n]
    print(text("ingest.left_out", parts=text("diagnoses.between").join(parts)))
    units = {still: text(f"ingest.unit_{'still' if still else 'file'}") for still in (False, True)}
    width = max(map(len, units.values()))
    for (key, still), count in sorted(changes.left_out.items(), key=lambda item: -item[1]):
        print(f"  {count:6d} {units[still]:{width}}  {reason_title(key)}")


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
