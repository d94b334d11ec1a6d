"""Write files so that a kill leaves either the old file or the new one; read them in pieces."""

import errno
import hashlib
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final

from metrascope.errors import StudyError

# On Windows also ERROR_SHARING_VIOLATION: a file that Excel or WPS has open.
_REFUSED: Final = (errno.EACCES, errno.EPERM)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)
_TEMPORARY: Final = re.compile(r"\..+\.([0-9a-f]{8})-([0-9]+)\.tmp")
_LONGEST_NAME: Final = 255
"""Bytes that a file's name may have on the file systems in use."""
_DAY: Final = 86400.0
"""Seconds after which no writing is still under way, on whatever machine it began."""
# Bytes that are hashed or copied at a time. Chosen, not measured.
_PIECE: Final = 1 << 20
_in_hand: set[Path] = set()
_swept: set[Path | None] = set()
"""Folders from which remains were removed; None where that is left to another process."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Give an error of the system that comes up while a file is written the file's name.

    Raises
    ------
    StudyError
        In its place.
    """
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` when the block succeeds.

    Parameters
    ----------
    path
        The file to write. Its folder is made if it does not exist.

    Raises
    ------
    StudyError
        If the disk is full or the folder cannot be written; nothing half written is left.
    """
    temporary = temporary_name(path)
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _sweep_once(path.parent)
            yield temporary
            temporary.replace(path)
    finally:
        # A parent that is a file makes even this fail; the first error is the one to tell.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        _in_hand.discard(temporary)


def temporary_name(path: Path) -> Path:
    """Return the name under which this process writes what is to be ``path``.

    It says which process of which machine wrote it, for `remove_leftovers`.
    """
    end = f".{_machine()}-{os.getpid()}.tmp"
    name = path.name
    if len(os.fsencode(name)) + len(end) >= _LONGEST_NAME:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    temporary = path.with_name(f".{name}{end}")
    _in_hand.add(temporary)
    return temporary


def remove_leftovers(folder: Path, *, alone: bool = False) -> None:
    """Remove what processes that were killed had begun to write in a folder.

    What a process that may still live has in hand stays: one of this machine is asked for, one of
    another counts as gone after a day.

    Parameters
    ----------
    folder
        Where they wrote.
    alone
        Whether a lock keeps all others from writing there: then none is asked for. A process that
        was ended a moment ago is still among those that the system knows.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        found = [Path(entry.path) for entry in entries if entry.name.endswith(".tmp")]
        for path in found:
            parts = _TEMPORARY.fullmatch(path.name)
            if not parts or path in _in_hand:
                continue
            if alone or _is_left(path, parts[1], int(parts[2])):
                _remove(path)


def is_unused(folder: Path) -> bool:
    """Tell whether a folder is new, or holds no more than a killed process leaves at its start."""
    if not folder.exists():
        return True
    return folder.is_dir() and all(
        path.name == ".lock" or _TEMPORARY.fullmatch(path.name) for path in folder.iterdir()
    )


def begin_worker() -> None:
    """Let this process leave the remains of others alone: the one that it works for sees to them.

    Otherwise every process would list folders of a hundred thousand files.
    """
    _swept.add(None)


def _sweep_once(folder: Path) -> None:
    if folder not in _swept and None not in _swept:
        _swept.add(folder)
        remove_leftovers(folder)


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _is_left(path: Path, machine: str, process: int) -> bool:
    if machine == _machine() and not _may_live(process):
        return True
    try:
        return time.time() - path.lstat().st_mtime > _DAY
    except OSError:  # its process has just renamed it
        return False


def _may_live(process: int) -> bool:
    if process == os.getpid():  # in a container, that of every command
        return False
    if os.name != "posix":  # where asking would be a signal
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink(missing_ok=True)


def read_start(file: BinaryIO, count: int) -> bytes:
    """Return the first ``count`` bytes of a file, or all where it has fewer.

    ``file.read(count)`` takes the memory for ``count`` bytes before it reads the first.
    """
    left, pieces = count, []
    while left > 0 and (piece := file.read(min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def cannot_write(path: object, error: OSError) -> StudyError:
    """Return the error for a file or folder that cannot be written, with the advice that helps.

    Parameters
    ----------
    path
        The file or folder.
    error
        What the system said.
    """
    if error.errno in _REFUSED:
        key = "common.in_use"
    elif error.errno == errno.EROFS:
        key = "common.read_only"
    elif error.errno in _FULL:
        key = "common.disk_full"
    else:
        key = "common.cannot_write"
    return StudyError(key, path=path, reason=error.strerror or error)


def write_text(path: Path, content: str) -> None:
    """Write text as UTF-8 with Unix line ends, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(content, encoding="utf-8", newline="\n")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write text that comes in pieces, line ends and all, as `write_text` does."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines)


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, content: object) -> None:
    """Write indented JSON with a final newline, atomically."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
