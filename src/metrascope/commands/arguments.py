"""Paths on the command line: what each of them is, and whether the command takes it.

They are looked at before anything large is loaded, so that a wrong one is answered at once.
"""

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from metrascope.errors import DataError, SettingsError, StudyError, WeightsError
from metrascope.files.atomic import cannot_write
from metrascope.messages import text

Taken = Literal["data_set", "study", "trained", "bundle", "predictions", "settings", "split"]
"""What commands take; ``trained`` is a study or a run, ``bundle`` a bundle or a run."""

_KINDS: Final[dict[Taken, frozenset[str]]] = {
    "data_set": frozenset({"data_set", "manifest", "table"}),
    "study": frozenset({"study"}),
    "trained": frozenset({"study", "run"}),
    "bundle": frozenset({"bundle", "run"}),
    "predictions": frozenset({"predictions", "table"}),
    "settings": frozenset({"settings", "table"}),
    "split": frozenset({"split", "table"}),
}
"""Kinds that are passed on. So is every other table: its reader names the columns that it lacks."""
_MARKS: Final = (
    ("study", "data.json"),
    ("bundle", "SHA256SUMS"),
    ("run", "model.json"),
    ("data_set", "manifest.csv"),
    ("key", "secret.txt"),
    ("audit", "audit.json"),
    ("evaluation", "metrics.json"),
    ("readings", "journal.sqlite"),
    ("exports", "exports"),
)
"""Files and folders that tell what a folder is, the most telling first."""
_ENDINGS: Final = {
    "settings": (".toml",),
    "sheet": (".xlsx", ".xls"),
    "archive": (".zip",),
    "image": (".dcm", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dicom"),
}
_ERRORS: Final[dict[Taken, type[DataError | SettingsError | StudyError | WeightsError]]] = {
    "data_set": DataError,
    "study": StudyError,
    "trained": WeightsError,
    "bundle": WeightsError,
    "predictions": DataError,
    "settings": SettingsError,
    "split": DataError,
}
_FILES: Final[dict[Taken, str]] = {
    "predictions": "predictions.csv",
    "settings": "settings.toml",
    "split": "splits.csv",
}
"""Files of a study or a run that a command takes."""
# Bytes at the beginning of a file by which its kind is told. Chosen, not measured.
_HEADER: Final = 1 << 16


def check_path_argument(path: Path, taken: Taken, command: str) -> None:
    """Refuse a path that is not what the command takes, and say what it is and what takes it.

    Parameters
    ----------
    path
        As it was given.
    taken
        What the command takes there.
    command
        As it is typed, ``report`` or ``evaluate --run``.

    Raises
    ------
    MetrascopeError
        If the path does not exist or is something else.
    """
    kinds = _kinds(path)
    if _KINDS[taken] & {*kinds}:
        return
    values = {"path": path, "command": command, "expected": text(f"arguments.takes_{taken}")}
    error = _ERRORS[taken]
    if not kinds:
        raise error("arguments.absent", **values)
    found = text(f"arguments.found_{kinds[0]}")
    near = next(_near(path, taken), None)
    if near is not None:
        raise error("arguments.near", near=near, found=found, **values)
    raise error("arguments.other", found=found, **values)


def check_present(path: Path, taken: Literal["images", "exports", "labels"], command: str) -> None:
    """Refuse a path where there is nothing, or a folder that is clearly something else.

    Parameters
    ----------
    path, taken, command
        As of `check_path_argument`, of what is recognized by its content later.

    Raises
    ------
    DataError
        If it does not exist, is a folder, or is given for exports and is a data set that
        ``metrascope ingest`` has made.
    """
    values = {"path": path, "command": command, "expected": text(f"arguments.takes_{taken}")}
    if not path.exists():
        raise DataError("arguments.absent", **values)
    if taken == "exports" and (path / "ingest.json").is_file():
        raise DataError("arguments.other", found=text("arguments.found_data_set"), **values)
    if taken == "labels" and path.is_dir():
        kind = _folder_kinds(path)[0]
        # Of a folder that is none of ours the exports are the likeliest: the two are swapped.
        found = text(f"arguments.found_{'exports' if kind == 'folder' else kind}")
        raise DataError("arguments.other", found=found, **values)


def check_out(path: Path) -> None:
    """Refuse a folder or file for results that cannot be made or written.

    Raises
    ------
    StudyError
        If a part of the path is a file, or the folder that is there may not be written to.
    """
    here = path
    while not here.exists() and here != here.parent:
        here = here.parent
    if here != path and not here.is_dir():
        raise _no_place(path, errno.ENOTDIR)
    if not os.access(here, os.W_OK):
        raise _no_place(path, errno.EACCES)


def check_out_folder(path: Path) -> None:
    """Refuse a folder for results as `check_out` does, and where it is a file.

    Raises
    ------
    StudyError
        The same.
    """
    if path.is_file():
        raise _no_place(path, errno.ENOTDIR)
    check_out(path)


def _no_place(path: Path, code: int) -> StudyError:
    return cannot_write(path, OSError(code, os.strerror(code)))


def _kinds(path: Path) -> list[str]:
    """Return what a path may be, the most telling first; nothing where it does not exist."""
    if not path.exists():
        return []
    return _folder_kinds(path) if path.is_dir() else _file_kinds(path)


def _folder_kinds(folder: Path) -> list[str]:
    kinds = [kind for kind, name in _MARKS if (folder / name).exists()]
    if "bundle" in kinds:  # which has a model.json of another form
        kinds = [kind for kind in kinds if kind != "run"]
    return kinds or ["folder" if any(folder.iterdir()) else "empty"]


def _file_kinds(path: Path) -> list[str]:
    ending = path.suffix.lower()
    for kind, endings in _ENDINGS.items():
        if ending in endings:
            return [kind]
    if not path.is_file():  # to read a pipe would wait for somebody to write into it
        return ["file"]
    with path.open("rb") as file:
        head = file.read(_HEADER)
    if head[128:132] == b"DICM":
        return ["image"]
    return ["file"] if b"\0" in head else _table_kinds(head)


def _table_kinds(head: bytes) -> list[str]:
    """Tell tables of ours by their header; whatever is text may be a table of somebody's."""
    header = head.decode("utf-8-sig", "replace").partition("\n")[0]
    columns = {name.strip().strip('"') for name in header.split(",")}
    kinds = ["table"]
    if {"patient_id", "partition"} <= columns:
        kinds.insert(0, "split")
    if {"image", "patient_id", "label"} <= columns:
        kinds.insert(0, "manifest")
    if "predicted" in columns or any(name.startswith("p_") for name in columns):
        kinds.insert(0, "predictions")
    return kinds


def _near(path: Path, taken: Taken) -> Iterator[Path]:
    """Yield what the command would take: the folder of a file, or what lies in a folder."""
    if not path.is_dir():
        if _KINDS[taken] & {*_folder_kinds(path.absolute().parent)}:
            yield path.parent
        return
    if taken in _FILES:
        if (path / _FILES[taken]).is_file():
            yield path / _FILES[taken]
        return
    for child in sorted(path.iterdir()):
        readable = child.is_dir() and child.name[0] != "." and os.access(child, os.R_OK)
        if readable and _KINDS[taken] & {*_folder_kinds(child)}:
            yield child
