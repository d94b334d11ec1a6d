"""The command line: what it understands, in which language, and how it ends."""

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

from metrascope import __version__
from metrascope.commands import (
    audit,
    evaluate,
    export,
    ingest,
    phantom,
    predict,
    report,
    split,
    study,
)
from metrascope.commands.next_steps import first_steps
from metrascope.commands.parser import Parser, add_language
from metrascope.errors import (
    EXTRAS_OF,
    MetrascopeError,
    SettingsError,
    StudyError,
    is_memory_failure,
    missing_extra,
)
from metrascope.messages import LANGUAGES, language, set_language, text
from metrascope.processes.capacity import check_memory_limit
from metrascope.processes.deadline import end_if_work_goes_on
from metrascope.processes.search_path import leave_current_folder


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 1 (told in one sentence) or 130."""
    if argv is None:
        leave_current_folder()
    status = _status(argv)
    end_if_work_goes_on(status)
    return status


def _status(argv: Sequence[str] | None) -> int:
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A console that cannot show Chinese shows question marks, not a traceback.
            stream.reconfigure(errors="replace")
    try:
        return _carry_out(arguments)
    except KeyboardInterrupt:
        _print_error(f"\nmetrascope: {text('cli.interrupted')}")
        return 130
    except BrokenPipeError:
        return 1  # the reader of our output (head, say) has gone: nothing is left to tell
    except Exception as error:
        sentence = _sentence(error, arguments)
        if sentence is None:
            raise
        _print_error(f"metrascope: {sentence}")
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream)


def _carry_out(arguments: Sequence[str]) -> int:
    set_language(_language(arguments))
    try:
        options = _parser().parse_args(arguments)
        if "command" not in options:
            print(first_steps())
            return 0
        check_memory_limit(options.command)
        status = int(options.run(options) or 0)
    except SystemExit:  # after help or version
        _flush()
        raise
    _flush()
    return status


def _flush() -> None:
    """Write what was printed while a failure can still be told: at its end, Python would not."""
    if sys.stdout is None:  # it was closed from the start
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StudyError("cli.no_output", reason=error.strerror or error) from error


def _let_go(stream: TextIO | None) -> None:
    """Let Python's end be silent about output that cannot be written, which has been told."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_error(sentence: str) -> None:
    with suppress(OSError):  # nobody can be told
        print(sentence, file=sys.stderr)


def _sentence(error: Exception, arguments: Sequence[str]) -> str | None:
    """Return what to tell of an error; None of a bug."""
    if isinstance(error, MetrascopeError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        missing = missing_extra(error, next((word for word in arguments if word in EXTRAS_OF), ""))
        if missing is not None:
            return str(missing)
    if is_memory_failure(error):
        return text("isolation.no_memory")
    if isinstance(error, OSError):
        reason = error.strerror or error
        if error.filename is None:  # as of everything that is written to an open file
            return text("cli.no_file", reason=reason)
        return text("cli.file", path=error.filename, reason=reason)
    return None


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


def _parser() -> Parser:
    parser = Parser(prog="metrascope", description=text("cli.description"))
    parser.add_argument(
        "--version",
        action="version",
        version=f"metrascope {__version__}",
        help=text("cli.version"),
    )
    add_language(parser)
    group = parser.add_subparsers(title=text("cli.commands"), metavar="COMMAND")
    for command in (ingest, audit, split, study, phantom, evaluate, report, export, predict):
        command.add(group)
    return parser
