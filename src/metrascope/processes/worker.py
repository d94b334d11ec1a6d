"""A process that we start, and runs of a study each in one of its own.

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


class Worker:
    """A process that we start, and the pipe to it; it ends when we do, however that is.

    Parameters
    ----------
    serve
        What it does, a function of a module: called with its end of the pipe and the arguments,
        in the language of this process.
    arguments
        A few small ones: a process that dies before it has read many would be waited for. More
        goes through the pipe.
    changes
        Of its environment, as of `environment`.
    daemon
        Whether it may start no process of its own.
    """

    def __init__(
        self,
        serve: Callable[..., None],
        *arguments: object,
        changes: Mapping[str, str],
        daemon: bool = False,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        given = (theirs, language(), serve, *arguments)
        self.process: SpawnProcess = context.Process(target=_enter, args=given, daemon=daemon)
        with environment(changes):
            self.process.start()
        theirs.close()

    def send(self, message: object) -> None:
        """Send it something; where it has died meanwhile, whoever asks for an answer is told."""
        with suppress(OSError):
            self.pipe.send(message)

    def stop(self) -> None:
        """End the process whatever it is doing."""
        self.process.kill()
        self.process.join()
        self.process.close()
        self.pipe.close()


def _enter(
    pipe: connection.Connection, lang: str, serve: Callable[..., None], *arguments: object
) -> None:
    # An interrupt at the terminal reaches both; the parent decides and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    set_language(lang)
    serve(pipe, *arguments)


def end_with_parent() -> None:
    """End this process when its parent ends, however that ends: no one else would stop it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


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
    running: list[tuple[int, Worker]] = []
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number, task = waiting.pop()
                running.append((number, Worker(_carry_out, title, jobs == 1, changes=ENVIRONMENT)))
                running[-1][1].send((work, task))
            ready = connection.wait([worker.pipe for _, worker in running])
            for number, worker in [each for each in running if each[1].pipe in ready]:
                failure = _outcome(worker)
                worker.stop()
                running.remove((number, worker))
                yield number, failure
    finally:
        for _, worker in running:
            worker.stop()


def _outcome(worker: Worker) -> str | None:
    """Return what went wrong in a process that has spoken or died."""
    try:
        failure: str | None = worker.pipe.recv()
    except (EOFError, ConnectionError):
        worker.process.join()
        return _death(worker.process.exitcode or 0)
    worker.process.join()
    return failure


def _carry_out(pipe: connection.Connection, title: str, alone: bool) -> None:
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
