"""Write files so that a kill leaves either the old file or the new one."""

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from metrascope.errors import StudyError

# On Windows also ERROR_SHARING_VIOLATION: a file that Excel or WPS has open.
_REFUSED: Final = (errno.EACCES, errno.EPERM)
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        # A parent that is a file makes even this fail; the first error is the one to tell.
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


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
