"""The command that looks for leaks in a data set."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from metrascope.commands.arguments import check_out_folder, check_path_argument
from metrascope.commands.next_steps import next_step
from metrascope.commands.parser import Commands, add_command
from metrascope.messages import text
from metrascope.processes.capacity import available_cores, checked_jobs
from metrascope.progress import begin, steps


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "audit", run)
    parser.add_argument("data", type=Path, metavar="DATA", help=text("cli.audit_data"))
    parser.add_argument("--splits", type=Path, metavar="FILE", help=text("cli.audit_splits"))
    parser.add_argument("--out", type=Path, metavar="DIR", help=text("cli.audit_out"))
    parser.add_argument("--write", action="store_true", help=text("cli.audit_write"))
    cores = available_cores()
    parser.add_argument("--jobs", type=int, default=cores, metavar="N", help=text("cli.all_jobs"))


def run(options: argparse.Namespace) -> int:
    """Look for leaks in a data set; return 1 where there is one or the split does not fit."""
    check_path_argument(options.data, "data_set", "audit")
    if options.splits is not None:
        check_path_argument(options.splits, "split", "audit --splits")
    folder = options.data if options.data.is_dir() else options.data.parent
    out = options.out or folder / "audit"
    check_out_folder(out)
    checked_jobs(options.jobs)
    with steps("loading", "audit", "audit_page"):
        begin("loading")
        from metrascope.audit.audit import audit as look

        found = look(
            options.data,
            out,
            splits=options.splits,
            jobs=options.jobs,
            progress=begin("audit"),
            write=options.write,
        )
    print(
        text(
            "cli.audit_done",
            images=len(found.manifest.table) - len(found.unusable),
            pairs=len(found.pairs),
            groups=len(found.joined),
            conflicts=len(found.conflicts),
        )
    )
    if found.unusable:
        print(text("audit.warn_unusable", count=len(found.unusable)))
    gaps = found.gaps
    if gaps and gaps.absent:
        print(_gaps("audit.gaps_absent", gaps.absent, gaps.column))
    if gaps and gaps.unknown:
        print(_gaps("audit.gaps_unknown", gaps.unknown, gaps.column))
    if found.leaks:
        print(text("cli.audit_leaks", count=len(found.leaks)))
    elif found.partitions is not None and not gaps:
        print(text("audit.no_leak"))
    print(text("common.research_only"))
    print((out / "audit.html").resolve())
    if found.leaks or gaps:
        return 1
    print(next_step("next.study", "study", "paper", "--data", folder, "--out", "STUDY"))
    return 0


def _gaps(key: str, names: Sequence[str], column: str) -> str:
    of_what = text(f"audit.column_{column}")
    return text(key, count=len(names), column=of_what, examples=", ".join(names[:3]))
