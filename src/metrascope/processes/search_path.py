"""Where Python looks for modules: never in the folder that one stands in.

A scanner's USB stick or a department's share holds files of any name. ``python -m`` and an empty
entry of ``PYTHONPATH`` put that folder before everything else, so that a ``selectors.py`` on it
would be run in place of Python's own, in this process and in every one that it starts.

Whatever this file imports must be built into Python: it is what runs before the path is clean.
"""

# ruff: noqa: PTH100, PTH109, PTH117, PTH120 (pathlib is not built in)
import os
import sys


def leave_current_folder(by_module: bool = False) -> None:
    """Take out of this process's search path what depends on the folder that one stands in.

    Parameters
    ----------
    by_module
        Whether ``python -m`` started this process, which puts that folder first.
    """
    relative = [os.path.realpath(entry) for entry in _entries() if not os.path.isabs(entry)]
    if by_module and not sys.flags.safe_path and sys.path[:1] == [_current_folder()]:
        relative.append(os.path.realpath(sys.path[0]))
    sys.path[:] = [
        entry
        for entry in sys.path
        if entry and (_is_needed(entry) or os.path.realpath(entry) not in relative)
    ]


def child_environment() -> dict[str, str | None]:
    """Return what to change in the environment of a Python process that we start; None removes.

    With it neither ``-c`` nor ``-m`` adds the folder that the process stands in.
    """
    absolute = [entry for entry in _entries() if os.path.isabs(entry)]
    return {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": os.pathsep.join(absolute) if absolute else None,
    }


def _entries() -> list[str]:
    given = os.environ.get("PYTHONPATH", "")
    return given.split(os.pathsep) if given else []


def _current_folder() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:  # it was removed while someone stands in it
        return None


def _is_needed(entry: str) -> bool:
    """Tell whether Python's own modules, or this package, come from there."""
    # Of metrascope/processes/search_path.py, the folder that holds metrascope.
    folder = os.path.dirname(os.path.abspath(__file__))
    package = os.path.dirname(os.path.dirname(folder))
    standard = os.path.dirname(os.path.abspath(os.__file__))
    return os.path.realpath(entry) in (os.path.realpath(package), os.path.realpath(standard))
