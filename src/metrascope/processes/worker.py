"""Run pieces of work in processes of their own, one after the other or side by side.

A network that runs out of memory, which on Linux ends the process without a word, then takes
nothing else with it, and its peak memory is its own.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from typing import Final

from metrascope.errors import MetrascopeError, StudyError, is_memory_failure
from metrascope.messages import language, set_language, text
from metrascope.processes.search_path import child_environment
from metrascope.progress import progress

Arguments = tuple[object, ...]
WorkerCall = Callable[..., None]

ENVIRONMENT: Final = {
    "GOMP_SPINCOUNT": "10000",
    "GLIBC_TUNABLES": ":".join(
        (
            "glibc.malloc.hugetlb=1",
            "glibc.malloc.mmap_threshold=4294967296",
            "glibc.malloc.trim_threshold=34359738368",
            "glibc.malloc.top_pad=268435456",
        )
    ),
}
"""Environment of a process that trains: idle threads go to sleep soon, and freed memory is kept.

A thread of GNU OpenMP that waits for another keeps its core busy, by default for milliseconds.
With anything else running on two cores, it takes the core from the very thread that it waits for: a
step of MobileNetV2 took 8 seconds instead of 2. Sleeping at once would cost small networks a third
of their speed on an idle machine; after ten thousand turns it costs about a tenth.

Training frees and takes the same hundreds of megabytes in every step; glibc gives them back to the
system each time, and of the step of a small network up to half goes into having them zeroed
and mapped again. Only glibc reads this, at the start of a process."""


def run_isolated(work: WorkerCall, *arguments: object) -> str | None:
    """Call ``work(*arguments)`` in a fresh process and wait for it.

    Parameters
    ----------
    work
        A function of a module; it and its arguments travel to the process.

    Returns
    -------
    None where it succeeded, else one sentence about what went wrong. A bug in the work is
    described too, and its traceback is printed by the process.
    """
    return next(run_side_by_side(work, [arguments], jobs=1))[1]


def run_side_by_side(
    work: WorkerCall, tasks: Sequence[Arguments], *, jobs: int, title: str = ""
) -> Iterator[tuple[int, str | None]]:
    """Call ``work(*task)`` for every task, each in a fresh process, ``jobs`` of them at a time.

    What a process does to itself leaves the others alone. When the iteration ends early, by an
    interrupt for instance, the processes end with it.

    Parameters
    ----------
    work, tasks
        As in `run_isolated`.
    jobs
        Processes at a time, at least 1.
    title
        What each process shows while it loads what it works with; nothing where empty.

    Yields
    ------
    The number of a task and what `run_isolated` returns, in the order in which they end.
    """
    waiting = list(enumerate(tasks))[::-1]
    running: list[_Isolated] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                running.append(_Isolated(work, *waiting.pop(), title, alone=jobs == 1))
            ready = connection.wait([each.pipe for each in running])
            for each in [each for each in running if each.pipe in ready]:
                running.remove(each)
                yield each.number, each.end()
    finally:
        for each in running:
            each.stop()


class _Isolated:
    """One process, and the pipe that takes it its work and brings back how it ended."""

    def __init__(
        self, work: WorkerCall, number: int, arguments: Arguments, title: str, *, alone: bool
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.number = number
        self.pipe, theirs = context.Pipe()
        given = (theirs, language(), title, alone)
        self._process: SpawnProcess = context.Process(target=_enter, args=given)
        with environment(ENVIRONMENT):
            self._process.start()
        theirs.close()
        # Not as arguments of the process: one that dies before it reads many would be waited for.
        with suppress(OSError):  # what it died of is asked for in end()
            self.pipe.send((work, arguments))

    def end(self) -> str | None:
        """Return what went wrong in a process that has spoken or died."""
        try:
            failure: str | None = self.pipe.recv()
        except (EOFError, ConnectionError):
            self._process.join()
            failure = _death(self._process.exitcode or 0)
        except BaseException:
            self.stop()
            raise
        self._process.join()
        self.pipe.close()
        return failure

    def stop(self) -> None:
        """End the process whatever it is doing."""
        self._process.terminate()
        self._process.join()
        self.pipe.close()


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Start processes with more in their environment; what the user set there has precedence.

    None of them looks for modules in the folder that one stands in.
    """
    new: dict[str, str | None] = {k: v for k, v in changes.items() if k not in os.environ}
    new |= child_environment()
    before = {name: os.environ.get(name) for name in new}
    _change_environment(new)
    try:
        yield
    finally:
        _change_environment(before)


def _change_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _enter(pipe: connection.Connection, lang: str, title: str, alone: bool) -> None:
    # An interrupt at the terminal reaches both; the parent decides and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    set_language(lang)
    work: WorkerCall
    with progress(title, lines=not alone) if title else nullcontext():
        work, arguments = pipe.recv()  # which loads the module of the work
    try:
        work(*arguments)
    except MetrascopeError as error:
        pipe.send(str(error))
    except Exception as error:
        if not is_memory_failure(error):
            raise
        pipe.send(str(StudyError("isolation.out_of_memory")))
    else:
        pipe.send(None)


def _death(exitcode: int) -> str:
    if exitcode < 0:
        return text("isolation.killed", signal=-exitcode)
    return text("isolation.bug", exitcode=exitcode)


def end_with_parent() -> None:
    """End this process when its parent ends, however that ends: no one else would stop it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
