"""Files shared out on a Ray cluster: machines that see the same originals and results.

Every machine works with processes like those of one machine alone (`metrascope.processes.files`),
so that
a file comes to the same wherever it is taken. Ray only brings tasks to them and results back.
A process that is lost, with its machine or without, is replaced, and its tasks go to others.
"""

import os
import platform
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar

import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from metrascope import __version__
from metrascope.errors import MetrascopeError, StudyError
from metrascope.messages import language, set_language, text
from metrascope.processes.files import Failed, FileTask, Worker
from metrascope.processes.ray_runs import RETRIES, Machine, join, machines
from metrascope.progress import print_note

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_AHEAD: Final = 2
"""Tasks that a process is given: one in hand, and one so that it need not wait for the next."""
_LOOK_SECONDS: Final = 30.0
"""After which machines that have joined the cluster are looked for."""


@dataclass(frozen=True)
class Pool:
    """The processes of a cluster that this process is connected to.

    Attributes
    ----------
    jobs
        Processes on each machine; None for one on each core.
    needed
        What every machine must see under the same path.
    """

    jobs: int | None
    needed: tuple[Path, ...]

    def share_out(
        self,
        start: Callable[[], FileTask[_Task, _Result]],
        tasks: Iterable[_Task],
        *,
        seconds: float,
        memory_mb: int,
    ) -> Generator[tuple[_Task, _Result | Failed], None, None]:
        """Do what `metrascope.processes.files.share_out` does, on the machines of the cluster.

        Raises
        ------
        MetrascopeError
            As there; or if a machine does not see what is needed, has another version of this
            program, or none is left.
        """
        pending = _Pending(tasks)
        if not pending:
            return
        common = (language(), ray.put(start), seconds, memory_mb, self.needed)
        crew = _Crew[_Task, _Result](self.jobs, common)
        try:
            while pending or crew.busy:
                crew.fill()
                crew.give(pending)
                for slot in crew.wait():
                    yield from crew.take(slot, pending)
        finally:
            crew.stop()


def connect_file_pool(address: str | None, *, jobs: int | None, needed: Sequence[Path]) -> Pool:
    """Connect to a cluster, or start one of this machine alone.

    Parameters
    ----------
    address
        As `ray.init` takes it; None for a new one.
    jobs, needed
        As of a `Pool`.

    Raises
    ------
    StudyError
        If no cluster answers.
    """
    join(address)
    return Pool(jobs, tuple(needed))


class _Attempt(NamedTuple, Generic[_Task]):
    task: _Task
    losses: int = 0
    """How often a process was lost that had it in hand."""


class _Pending(Generic[_Task]):
    """Tasks that no process has: drawn one at a time, or come back from one that was lost."""

    def __init__(self, tasks: Iterable[_Task]) -> None:
        self._tasks = iter(tasks)
        self._waiting: deque[_Attempt[_Task]] = deque()

    def __bool__(self) -> bool:
        if not self._waiting:
            self._waiting.extend(_Attempt(task) for task in _first(self._tasks))
        return bool(self._waiting)

    def pop(self) -> _Attempt[_Task]:
        return self._waiting.popleft()

    def put_back(self, attempt: _Attempt[_Task]) -> None:
        self._waiting.append(attempt)


def _first(tasks: Iterator[_Task]) -> Iterator[_Task]:
    for task in tasks:
        yield task
        return


class _Place:
    """What a machine of the cluster holds for us: a process that does one task after the other."""

    def __init__(
        self,
        lang: str,
        start: Callable[[], FileTask[_Task, _Result]],
        seconds: float,
        memory_mb: int,
        needed: Sequence[Path],
    ) -> None:
        set_language(lang)
        # Every process would load that file, and Ray with it: a second and 55 MB for nothing.
        vars(sys.modules["__main__"]).pop("__file__", None)
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's own count; a Worker has another
        self._worker = Worker(start, memory_mb)
        self._seconds, self._needed = seconds, needed

    def look(self, version: str) -> MetrascopeError | None:
        """Return why this machine cannot work with the others."""
        host = platform.node()
        if version != __version__:
            return StudyError("engine.other_version", host=host, found=__version__, here=version)
        for path in self._needed:
            if not path.exists():
                return StudyError("engine.not_shared", folder=path, host=host)
        return None

    def do(self, task: Any) -> Any:
        """Return the result, `Failed`, or an error about all tasks."""
        try:
            return self._worker.do(task, self._seconds)
        except MetrascopeError as error:  # raised, it would come back as an error of Ray's
            return error


class _Slot(Generic[_Task]):
    """A place on a machine, and the tasks that it has been given, of which the first is in hand."""

    def __init__(self, machine: Machine, share: float, common: tuple[object, ...]) -> None:
        self.machine = machine
        self.given: dict[Any, _Attempt[_Task]] = {}
        strategy = NodeAffinitySchedulingStrategy(machine.identifier, soft=False)
        untyped: Any = ray
        remote = untyped.remote(num_cpus=share, scheduling_strategy=strategy)(_Place)
        self._place = remote.remote(*common)
        self._look: Any = self._place.look.remote(__version__)

    @property
    def ready(self) -> bool:
        """Whether its process may be given tasks: Ray has found room for it."""
        return self._look is None

    @property
    def handle(self) -> Any:
        """What is answered next, None where nothing was asked."""
        return next(iter(self.given), None) if self.ready else self._look

    def give(self, attempt: _Attempt[_Task]) -> None:
        self.given[self._place.do.remote(attempt.task)] = attempt

    def answer(self) -> tuple[_Attempt[_Task] | None, Any]:
        """Return a task that was done, none where the slot has become ready, and what came of it.

        Raises
        ------
        RayError
            If the place is lost.
        """
        handle = self.handle
        answer = ray.get(handle)
        if not self.ready:
            self._look = None
            return None, answer
        return self.given.pop(handle), answer

    def stop(self) -> None:
        with suppress(exceptions.RayError):
            ray.kill(self._place)


class _Crew(Generic[_Task, _Result]):
    """All slots on all machines."""

    def __init__(self, jobs: int | None, common: tuple[object, ...]) -> None:
        self._jobs, self._common = jobs, common
        self._slots: list[_Slot[_Task]] = []
        self._lost_early: Counter[str] = Counter()
        """By machine, how many of its places in a row were lost before they were ready."""
        self._looked = -_LOOK_SECONDS
        self._waits = False

    @property
    def busy(self) -> bool:
        return any(slot.given for slot in self._slots)

    def fill(self) -> None:
        """See to it that every machine has its slots, those that have joined too."""
        now = time.monotonic()
        if now < self._looked + _LOOK_SECONDS:
            return
        self._looked = now
        for machine in machines():
            if self._lost_early[machine.identifier] > RETRIES:
                continue
            jobs = self._jobs or max(1, int(machine.cores))
            own = sum(slot.machine.identifier == machine.identifier for slot in self._slots)
            self._slots += [self._open(machine, jobs) for _ in range(jobs - own)]
        if not self._slots:
            raise StudyError("engine.no_machine")

    def _open(self, machine: Machine, jobs: int) -> _Slot[_Task]:
        share = machine.cores / jobs
        # Ray counts in ten-thousandths, and above one in whole cores.
        return _Slot(machine, int(share) if share > 1 else int(share * 1e4) / 1e4, self._common)

    def give(self, pending: _Pending[_Task]) -> None:
        """Give each slot a task before any has two."""
        for depth in range(_AHEAD):
            for slot in self._slots:
                if slot.ready and len(slot.given) == depth and pending:
                    slot.give(pending.pop())

    def wait(self) -> list[_Slot[_Task]]:
        """Wait for an answer, not for ever; return the slots that have one."""
        handles = {slot.handle: slot for slot in self._slots if slot.handle is not None}
        ended, _ = ray.wait(list(handles), num_returns=1, timeout=_LOOK_SECONDS)
        if ended:
            ended, _ = ray.wait(list(handles), num_returns=len(handles), timeout=0)
        elif not self._waits and not any(slot.ready for slot in self._slots):
            self._waits = True
            print_note(text("engine.no_room"))
        return [handles[handle] for handle in ended]

    def take(
        self, slot: _Slot[_Task], pending: _Pending[_Task]
    ) -> Iterator[tuple[_Task, _Result | Failed]]:
        """Yield the task that a slot has done; if it is lost, see to its tasks."""
        try:
            attempt, answer = slot.answer()
        except exceptions.RayError as error:
            yield from self._lose(slot, pending, error)
            return
        if isinstance(answer, MetrascopeError):
            raise answer
        if attempt is None:
            self._lost_early[slot.machine.identifier] = 0
        else:
            yield attempt.task, answer

    def _lose(
        self, slot: _Slot[_Task], pending: _Pending[_Task], error: exceptions.RayError
    ) -> Iterator[tuple[_Task, Failed]]:
        failed = isinstance(error, exceptions.RayTaskError)
        if failed and slot.ready:
            raise error  # a bug of ours
        if failed or getattr(error, "actor_init_failed", False):
            reason = str(error).strip().splitlines()[-1]
            raise StudyError("engine.no_start", reason=reason) from error
        slot.stop()
        self._slots.remove(slot)
        self._looked = -_LOOK_SECONDS
        self._lost_early[slot.machine.identifier] += not slot.ready
        for number, (task, losses) in enumerate(slot.given.values()):
            losses += number == 0
            if losses > RETRIES:  # it takes down whatever has it in hand
                yield task, Failed("crashed")
            else:
                pending.put_back(_Attempt(task, losses))

    def stop(self) -> None:
        for slot in self._slots:
            slot.stop()
