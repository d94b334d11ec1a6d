"""The command that makes the report of a study again."""

import argparse
from pathlib import Path

from metrascope.commands.arguments import check_out, check_path_argument
from metrascope.commands.console import print_study
from metrascope.commands.parser import Commands, add_command
from metrascope.messages import language, text
from metrascope.progress import SUMMARY, begin, steps


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "report", run)
    parser.add_argument("study", type=Path, metavar="DIR", help=text("cli.report_dir"))


def run(options: argparse.Namespace) -> None:
    """Make the report of a study again from its files."""
    check_path_argument(options.study, "study", "report")
    check_out(options.study)
    with steps("loading", *SUMMARY):
        begin("loading")
        from metrascope.study.summary import summarize

        summarize(options.study, language())
    print_study(options.study)
