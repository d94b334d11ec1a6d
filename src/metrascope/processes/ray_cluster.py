"""Runs and files on a Ray cluster: machines that see the same folders.

Ray takes a task to a machine that has room for it, and to another where its process or its machine
is lost. There it is done as on one machine, a run in a process of its own and a file in one with
limits, so that it comes to the same wherever it is done. A run goes on from the training state that
the lost process left.
"""

import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import chdir, closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import ray
from ray import exceptions

from metrascope import __version__
from metrascope.errors import MetrascopeError, StudyError
from metrascope.messages import language, set_language, text
from metrascope.processes.files import Failed, FileTask, FileWorker
from metrascope.processes.worker import Arguments, WorkerCall, environment, run_isolated
from metrascope.progress import print_note

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
Resources = dict[str, float]
"""What Ray may give away on a machine, by its own names: ``CPU``, ``GPU`` and others."""

RETRIES: Final = 3
"""How often Ray begins a task again whose process or machine was lost: as often as it does unasked.
A task that takes its process down with it must not be begun for ever."""
_OUT_OF_MEMORY: Final = {"RAY_task_oom_retries": str(RETRIES)}
"""Where Ray itself ends a process because its machine runs out of memory, it counts apart, and by
default without end (its documentation, "Out-Of-Memory Prevention")."""
_REACH_SECONDS: Final = 10.0
"""For a connection to a cluster's address; chosen, not measured."""
_LOOK_SECONDS: Final = 30.0
"""After which machines that have joined or left are looked for; chosen, not measured."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to, for runs.

    Attributes
    ----------
    device
        ``cpu`` or ``cuda``: what each run computes on.
    threads
        Of the processor, for each run.
    gpu_share
        Part of a GPU for each run.
    """

    device: str
    threads: int
    gpu_share: float

    def share_out(
        self, work: WorkerCall, tasks: Sequence[Arguments]
    ) -> Iterator[tuple[int, str | None]]:
        """Run tasks as `processes.worker.run_side_by_side` does, on the machines of the cluster."""
        untyped: Any = ray  # and not installed everywhere that types are checked
        options = {"num_cpus": self.threads, "num_gpus": self.gpu_share, "max_retries": RETRIES}
        remote = untyped.remote(**options, scheduling_strategy="SPREAD")(_carry_out)
        stored = {id(value): ray.put(value) for task in tasks for value in task}

        def begin(task: tuple[int, Arguments]) -> Any:
            return remote.remote(language(), work, *(stored[id(value)] for value in task[1]))

        for (number, _), answer in _share_out(begin, enumerate(tasks), lambda _: len(tasks)):
            if isinstance(answer, Exception):
                reason = _first_line(answer)
                answer = text("engine.lost", times=RETRIES + 1, reason=reason)
            yield number, answer


def connect_cluster(address: str | None, device: str, *, jobs: int) -> Cluster:
    """Connect to a cluster, or start one of this machine alone.

    Parameters
    ----------
    address
        As `ray.init` takes it; None for a new one.
    device
        ``auto``, ``cpu`` or ``cuda``.
    jobs
        Runs at a time on a GPU, or on a machine without.

    Raises
    ------
    StudyError
        If no cluster answers, or none of its machines has the device.
    """
    join_cluster(address)
    found = machines()
    with_gpu = [has for has in found if has.get("GPU")]
    if device == "cuda" and not with_gpu:
        raise StudyError("engine.no_gpu")
    if device == "cpu" or not with_gpu:
        cores = min(has["CPU"] for has in found)
        return Cluster("cpu", max(1, int(cores) // jobs), 0.0)
    cores = min(has["CPU"] / has["GPU"] for has in with_gpu)
    return Cluster("cuda", max(1, int(cores) // jobs), 1 / jobs)


def share_out_files(
    start: Callable[[], FileTask[_Task, _Result]],
    tasks: Iterable[_Task],
    *,
    seconds: float,
    memory_mb: int,
    jobs: int | None,
    needed: Sequence[Path],
) -> Generator[tuple[_Task, _Result | Failed], None, None]:
    """Do what `metrascope.processes.files.share_out` does, on the machines of the cluster.

    Parameters
    ----------
    start, tasks, seconds, memory_mb
        As there.
    jobs
        Processes on each machine, as many in all as there are machines; None for one on each core.
    needed
        What every machine must see under the same path.

    Raises
    ------
    MetrascopeError
        As there; or if a machine does not see what is needed, has another version of this
        program, or none is left.
    """
    share = _share_of_cores(jobs)
    untyped: Any = ray
    if untyped.available_resources().get("CPU", 0) < share:
        print_note(text("engine.no_room"))
    work = _FileWork(start, seconds, memory_mb, needed)

    def do(task: _Task) -> Any:  # Ray brings it to each of its processes once, and ``work`` with it
        return work.do(task)

    remote = untyped.remote(num_cpus=share, max_retries=RETRIES, scheduling_strategy="SPREAD")(do)

    def places(found: list[Resources]) -> int:
        return sum(jobs or int(has["CPU"]) for has in found)

    with closing(_share_out(remote.remote, tasks, places)) as answers:
        for task, answer in answers:
            if isinstance(answer, MetrascopeError):
                raise answer
            if isinstance(answer, exceptions.RayTaskError):
                if not isinstance(answer.cause, RuntimeError):
                    raise answer  # a bug of ours
                # What Ray raises where a machine cannot import what is to be done.
                reason = str(answer).strip().splitlines()[-1]
                raise StudyError("engine.no_start", reason=reason) from answer
            yield task, Failed("crashed") if isinstance(answer, Exception) else answer


def _share_of_cores(jobs: int | None) -> float:
    """Return the cores of one file's process, on the smallest machine; above one, whole ones."""
    if jobs is None:
        return 1
    share = min(has["CPU"] for has in machines()) / jobs
    return int(share) if share > 1 else int(share * 1e4) / 1e4  # Ray counts in ten-thousandths


class _FileWork(Generic[_Task, _Result]):
    """What each process of Ray's does: one file after the other, in a process with limits."""

    def __init__(
        self,
        start: Callable[[], FileTask[_Task, _Result]],
        seconds: float,
        memory_mb: int,
        needed: Sequence[Path],
    ) -> None:
        self._start, self._seconds, self._memory_mb = start, seconds, memory_mb
        self._needed = tuple(needed)
        self._language, self._version = language(), __version__
        self._worker: FileWorker[_Task, _Result] | None = None

    def do(self, task: _Task) -> _Result | Failed | MetrascopeError:
        """Return the result, or an error about all tasks: raised, it would be one of Ray's."""
        try:
            if self._worker is None:
                self._worker = self._begin()
            return self._worker.do(task, self._seconds)
        except MetrascopeError as error:
            return error

    def _begin(self) -> FileWorker[_Task, _Result]:
        set_language(self._language)
        host, here = platform.node(), self._version
        if here != __version__:
            raise StudyError("engine.other_version", host=host, found=__version__, here=here)
        for path in self._needed:
            if not path.exists():
                raise StudyError("engine.not_shared", folder=path, host=host)
        # Every process would load that file, and Ray with it: a second and 55 MB for nothing.
        vars(sys.modules["__main__"]).pop("__file__", None)
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's own count; a FileWorker has another
        return FileWorker(self._start, self._memory_mb)


def _share_out(
    begin: Callable[[_Task], Any],
    tasks: Iterable[_Task],
    places: Callable[[list[Resources]], int],
) -> Generator[tuple[_Task, Any], None, None]:
    """Yield each task with what its process returned or Ray raised, in the order in which they end.

    ``begin`` gives Ray a task and returns its handle; ``places`` says how many it may have at a
    time on such machines: what it has not been given is not drawn yet.
    """
    pending = iter(tasks)
    begun: dict[Any, _Task] = {}
    looked, most = -_LOOK_SECONDS, 0
    try:
        while True:
            if time.monotonic() >= looked + _LOOK_SECONDS:
                looked, most = time.monotonic(), places(machines())
            for task in islice(pending, max(0, most - len(begun))):
                begun[begin(task)] = task
            if not begun:
                return
            for handle in ray.wait(list(begun), num_returns=1, timeout=_LOOK_SECONDS)[0]:
                yield begun.pop(handle), _answer(handle)
    finally:
        for handle in begun:
            ray.cancel(handle, force=True)


def _answer(handle: Any) -> Any:
    try:
        return ray.get(handle)
    except (exceptions.RayError, OSError) as error:
        return error


def machines() -> list[Resources]:
    """Return what the machines of the cluster have that are there now and have cores to give.

    Raises
    ------
    StudyError
        If there is none.
    """
    untyped: Any = ray
    found = [node["Resources"] for node in untyped.nodes() if node["Alive"]]
    found = [has for has in found if has.get("CPU")]
    if not found:
        raise StudyError("engine.no_machine")
    return found


def join_cluster(address: str | None) -> None:
    """Connect this process to a cluster, or start one of this machine alone.

    Parameters
    ----------
    address
        As `ray.init` takes it; None for a new one. Where this process is connected to one
        already, that is it.

    Raises
    ------
    StudyError
        If no cluster answers, or it does not let this process join.
    """
    untyped: Any = ray
    if ray.is_initialized():
        known = (None, "auto", untyped.get_runtime_context().gcs_address)
        if address in known:
            return
    wrong = "engine.no_cluster"
    try:
        if _reach(address or ""):
            wrong = "engine.not_joined"
        # Ray lets all processes look for modules in the folder that this one stands in then.
        with environment(_OUT_OF_MEMORY), chdir(sys.prefix):
            if address is None:  # without "local" a cluster of somebody else's here would be joined
                ray.init("local", include_dashboard=False, log_to_driver=True)
            else:
                ray.init(address, log_to_driver=True)
    except exceptions.RayError as error:
        raise StudyError("engine.not_joined", address=address, reason=_first_line(error)) from error
    except (OSError, OverflowError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or _first_line(error)
        raise StudyError(wrong, address=address, reason=reason) from error


def _reach(address: str) -> bool:
    """Tell whether something listens at HOST:PORT; raise where not: Ray would wait without end."""
    host, _, port = address.rpartition(":")
    if not port.isdecimal():
        return False
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACH_SECONDS):
        return True


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _carry_out(lang: str, work: WorkerCall, *arguments: object) -> str | None:
    """Do a run on a machine of the cluster."""
    set_language(lang)
    return run_isolated(work, *arguments)
