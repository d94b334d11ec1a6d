"""Keep other processes out of a folder while one writes into it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metrascope.errors import StudyError
from metrascope.files.atomic import cannot_write


@contextmanager
def lock_folder(folder: Path, busy: str) -> Iterator[None]:
    """Make a folder and hold it; the lock ends with this process, also if that is killed.

    Parameters
    ----------
    folder
        Gets a file ``.lock``.
    busy
        Sentence for somebody who comes second, with the placeholder ``folder``.

    Raises
    ------
    StudyError
        If another process has it, or it cannot be written.
    """
    # Not loaded by those who only read: predict is installed without it.
    from filelock import FileLock, Timeout

    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise StudyError(busy, folder=folder) from error
    except OSError as error:
        raise cannot_write(folder, error) from error
    with lock:
        yield
