"""How the command line is understood: headings, errors and options that commands share."""

import argparse
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from metrascope.errors import SettingsError
from metrascope.messages import LANGUAGES, text

_TABLES: Final = (".csv", ".xlsx", ".xls")
# What argparse says, to the sentence that says it in the language in use; the parts in brackets
# fill that one.
_MESSAGES: Final = {
    r"the following arguments are required: (?P<names>.*)": "cli.usage_missing",
    r"unrecognized arguments: (?P<found>.*)": "cli.usage_unknown",
    r"argument (?P<name>.*?): expected .*argument.*": "cli.usage_no_value",
    r"argument (?P<name>.*?): invalid choice: (?P<found>.*?) \(choose from (?P<valid>.*)\)": (
        "cli.usage_choice"
    ),
    r"argument (?P<name>.*?): invalid (?:int|float) value: (?P<found>.*)": "cli.usage_number",
}


def usage_message(message: str) -> str:
    """Return what argparse says in the language in use, as it is where that is not known."""
    for pattern, key in _MESSAGES.items():
        found = re.fullmatch(pattern, message, re.DOTALL)
        if found:
            words = found.groupdict()
            extra = words.get("found", "").casefold()
            if key == "cli.usage_unknown" and extra.endswith(_TABLES) and not extra.startswith("-"):
                key = "cli.usage_tables"
            return text(key, **words)
    return message


class Parser(argparse.ArgumentParser):
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
        """Raise SettingsError, in place of argparse's exit with status 2."""
        raise SettingsError("cli.usage", message=usage_message(message), command=self.prog)


class _Formatter(argparse.HelpFormatter):
    def _format_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any) -> str:
        prefix = text("cli.usage_prefix") if prefix is None else prefix
        return super()._format_usage(usage, actions, groups, prefix)

    def start_section(self, heading: str | None) -> None:
        self._headings = [*getattr(self, "_headings", []), heading]
        super().start_section(heading)

    def format_help(self) -> str:
        # argparse puts a colon of ASCII after every heading.
        told, colon = super().format_help(), text("cli.heading_colon")
        for heading in getattr(self, "_headings", []):
            told = told.replace(f"\n{heading}:\n", f"\n{heading}{colon}\n", 1)
        return told


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
"""What a command adds itself to."""


def add_command(
    group: Commands,
    name: str,
    run: Callable[[argparse.Namespace], int | None],
    sentence: str | None = None,
) -> Parser:
    """Add a command; ``sentence`` is the key of its message if not its name."""
    sentence = text(f"cli.{sentence or name}")
    parser = group.add_parser(name, help=sentence, description=sentence)
    parser.set_defaults(run=run, command=name)
    add_language(parser)
    return parser


def add_language(parser: Parser) -> None:
    """Add the option of the language."""
    parser.add_argument("--lang", choices=LANGUAGES, help=text("cli.lang"))


def add_engine(parser: Parser, jobs: str) -> None:
    """Add what says who does many files."""
    parser.add_argument("--jobs", type=int, metavar="N", help=text(jobs))
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help=text("cli.files_engine")
    )
    parser.add_argument("--address", metavar="HOST:PORT|auto", help=text("cli.address"))
