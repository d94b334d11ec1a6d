"""The command line: what it understands, in which language, and how it ends."""

import io
import os
import sys
from collections.abc import Sequence

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
from metrascope.commands.parser import Parser, add_language
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
        command = options.command
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
    group = parser.add_subparsers(title=text("cli.commands"), metavar="COMMAND", required=True)
    for command in (ingest, audit, split, study, phantom, evaluate, report, export, predict):
        command.add(group)
    return parser
