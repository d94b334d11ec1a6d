"""Share work out among processes that may crash, hang or run out of memory.

Files from anywhere are decoded by libraries in C. Whatever one file does to them, the other files
are still worth reading: a process that dies or takes too long is replaced, and its task alone is
given up.
"""

import sys
import time
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from multiprocessing import connection
from typing import Any, Final, Generic, Literal, TypeVar

from metrascope.errors import MetrascopeError, StudyError, is_memory_failure
from metrascope.files.atomic import begin_worker
from metrascope.processes.worker import Worker

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
FileTask = Callable[[_Task], _Result]

# Bytes.
_MEGABYTE: Final = 2**20
_ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""For linear algebra on small arrays, whose second thread does nothing but wait at full speed: it
took half of the processor from the other processes."""
_START_SECONDS: Final = 120.0
"""Time for a process to import what it needs, on a slow disk."""
_LONGEST_SECONDS: Final = 3600.0
"""For a task that is our own work and no file from anywhere; the longest takes seconds."""


_LOST: Final = {"memory": "isolation.no_memory", "bug": "isolation.worker_bug"}


@dataclass(frozen=True)
class Failed:
    """Why a task has no result.

    Attributes
    ----------
    reason
        ``crashed``: its process ended; ``too_slow``: it was stopped; ``memory``: it asked for
        more than it may have; ``bug``: it raised an exception that it should not have, whose
        traceback the process has printed.
    """

    reason: Literal["crashed", "too_slow", "memory", "bug"]


def share_out(
    start: Callable[[], FileTask[_Task, _Result]],
    tasks: Iterable[_Task],
    *,
    jobs: int,
    seconds: float,
    memory_mb: int | None,
) -> Generator[tuple[_Task, _Result | Failed], None, None]:
    """Do tasks in processes and yield each with its result, as they are done.

    Parameters
    ----------
    start
        Called once in each process; returns the function that does a task. It, tasks and results
        travel between processes.
    tasks
        Drawn one at a time as processes become free, so it may be long.
    jobs
        Processes.
    seconds
        Longest time for one task.
    memory_mb
        Largest data segment of a process, where the system can limit it (Linux); None for no
        limit of ours.

    Raises
    ------
    MetrascopeError
        What a task raised of this kind, which is about all tasks and not about one (a full disk);
        or if a process cannot start.
    """
    pending = iter(tasks)
    workers: list[FileWorker[_Task, _Result]] = []
    try:
        while len(workers) < max(1, jobs):
            workers.append(FileWorker(start, memory_mb))
            workers[-1].give(pending)
            if not workers[-1].busy:
                break  # fewer tasks than processes
        while busy := [worker for worker in workers if worker.busy]:
            _wait(busy, seconds)
            for worker in busy:
                done = worker.take(seconds)
                if done is not None:
                    worker.give(pending)
                    yield done
    finally:
        for worker in workers:
            worker.stop()


def map_in_order(
    work: FileTask[_Task, _Result],
    tasks: Sequence[_Task],
    *,
    jobs: int,
    begin: Callable[[], object] | None = None,
) -> Iterator[_Result]:
    """Do tasks in processes and yield their results in the order of the tasks.

    Parameters
    ----------
    work
        A function of a module; it, tasks and results travel between processes.
    tasks, jobs
        As of `share_out`; with one job this process does them.
    begin
        Called once in each process, where there are several; by default nothing is done.

    Raises
    ------
    StudyError
        If a process ended, or a task found too little memory: what was written is kept.
    """
    if jobs <= 1:
        yield from map(work, tasks)
        return
    results = share_out(
        partial(_begun, begin, work),
        enumerate(tasks),
        jobs=jobs,
        seconds=_LONGEST_SECONDS,
        memory_mb=None,
    )
    waiting: dict[int, _Result] = {}
    place = 0
    with closing(results):
        for (number, _), result in results:
            if isinstance(result, Failed):
                raise StudyError(_LOST.get(result.reason, "isolation.lost"))
            waiting[number] = result
            while place in waiting:
                yield waiting.pop(place)
                place += 1


def _begun(
    begin: Callable[[], object] | None, work: FileTask[_Task, _Result]
) -> FileTask[tuple[int, _Task], _Result]:
    if begin is not None:
        begin()
    return partial(_numbered, work)


def _numbered(work: FileTask[_Task, _Result], task: tuple[int, _Task]) -> _Result:
    return work(task[1])


def _wait(busy: "list[FileWorker[_Task, _Result]]", seconds: float) -> None:
    handles = [handle for worker in busy for handle in worker.handles]
    left = min(worker.deadline(seconds) for worker in busy) - time.monotonic()
    connection.wait(handles, timeout=max(0.0, left))


class FileWorker(Generic[_Task, _Result]):
    """Does one task at a time in a process, which is replaced when it ends.

    It is replaced after a task that found too little memory too: what that task left behind would
    be missing to all that follow. A task that fails in a process which others have used is tried
    once more in a new one, so that what becomes of it does not depend on them.

    Parameters
    ----------
    start, memory_mb
        As of `share_out`.
    """

    def __init__(
        self, start: Callable[[], FileTask[_Task, _Result]], memory_mb: int | None
    ) -> None:
        self._start, self._memory_mb = start, memory_mb
        self._worker: Worker | None = None
        self._ready = False
        self._used = False
        self._since = 0.0
        self._task: list[_Task] = []

    def do(self, task: _Task, seconds: float) -> _Result | Failed:
        """Do one task and wait for it, for as long as `share_out` would.

        Raises
        ------
        MetrascopeError
            As of `share_out`.
        """
        self.give(iter([task]))
        while (done := self.take(seconds)) is None:
            _wait([self], seconds)
        return done[1]

    @property
    def busy(self) -> bool:
        """Whether it has a task."""
        return bool(self._task)

    @property
    def handles(self) -> list[connection.Connection | int]:
        """What becomes ready when there is something to take."""
        return [self._worker.pipe, self._worker.process.sentinel] if self._worker else []

    def deadline(self, seconds: float) -> float:
        """Return when the task has taken too long, by the monotonic clock."""
        return self._since + (seconds if self._ready else _START_SECONDS)

    def give(self, pending: Iterator[_Task]) -> None:
        """Draw a task, if there is one, and begin it."""
        for task in pending:
            if self._worker is None or not self._worker.process.is_alive():
                self._worker = self._launch()
            self._task, self._since = [task], time.monotonic()
            self._worker.send(task)
            return

    def take(self, seconds: float) -> tuple[_Task, _Result | Failed] | None:
        """Return the task with its result or failure, None while it is under way."""
        if self._worker is None:
            return None
        try:
            while self._worker.pipe.poll():
                message = self._worker.pipe.recv()
                if message is None:  # started: the time of the task begins
                    self._ready, self._since = True, time.monotonic()
                    continue
                return self._finished(message)
        except (EOFError, OSError):
            return self._given_up("crashed")
        if not self._worker.process.is_alive():
            return self._given_up("crashed")
        if time.monotonic() > self.deadline(seconds):
            return self._given_up("too_slow")
        return None

    def stop(self) -> None:
        """End the process whatever it is doing."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _finished(
        self, message: _Result | Failed | MetrascopeError
    ) -> tuple[_Task, _Result | Failed] | None:
        if isinstance(message, MetrascopeError):
            raise message
        if isinstance(message, Failed) and message.reason == "memory":
            return self._given_up("memory")
        self._used = True
        return self._task.pop(), message

    def _given_up(
        self, reason: Literal["crashed", "too_slow", "memory"]
    ) -> tuple[_Task, Failed] | None:
        if not self._ready:  # it never began: no task is to blame, and none would fare better
            raise StudyError("isolation.no_start")
        again = self._used and reason != "too_slow"
        self.stop()
        task = self._task.pop()
        if again:
            self.give(iter([task]))
            return None
        return task, Failed(reason)

    def _launch(self) -> Worker:
        self.stop()
        self._ready = self._used = False
        worker = Worker(_serve, self._memory_mb, changes=_ONE_THREAD, daemon=True)
        worker.send(self._start)
        return worker


def _serve(pipe: connection.Connection, memory_mb: int | None) -> None:
    begin_worker()
    try:
        start: Callable[[], FileTask[Any, Any]] = pipe.recv()
        work = start()
    except MetrascopeError as error:
        pipe.send(error)
        return
    except Exception as error:
        if not is_memory_failure(error):
            raise
        pipe.send(StudyError("isolation.no_memory"))
        return
    if memory_mb is not None:
        _limit_memory(memory_mb)
    pipe.send(None)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(_attempt(work, task))


def _attempt(work: FileTask[_Task, _Result], task: _Task) -> _Result | Failed | MetrascopeError:
    try:
        return work(task)
    except MetrascopeError as error:
        return error
    except Exception as error:  # a bug must not cost the other tasks; the traceback is kept
        if is_memory_failure(error):
            return Failed("memory")
        traceback.print_exc()
        return Failed("bug")


def _limit_memory(memory_mb: int) -> None:
    if sys.platform == "win32" or sys.platform == "darwin":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = memory_mb * _MEGABYTE
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))
