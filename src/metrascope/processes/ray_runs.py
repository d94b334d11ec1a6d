"""The runs of a study on a Ray cluster: machines that see the same folders.

Each run is a task of Ray's, and each task starts a process of its own as on one machine, so that
a run is the same wherever it is carried out. A task whose worker or machine is lost is given to
another, which goes on from the training state that the lost one left.
"""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass
from typing import Any, Final

import ray
from ray import exceptions

from metrascope.errors import StudyError
from metrascope.messages import language, set_language, text
from metrascope.processes.worker import Arguments, WorkerCall, environment, run_isolated

RETRIES: Final = 3
_REACH_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process is connected to.

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
        remote = ray.remote(
            num_cpus=self.threads,
            num_gpus=self.gpu_share,
            max_retries=RETRIES,
            scheduling_strategy="SPREAD",
        )(_carry_out)
        stored = {id(value): ray.put(value) for task in tasks for value in task}
        waiting = {
            remote.remote(language(), work, *(stored[id(value)] for value in task)): number
            for number, task in enumerate(tasks)
        }
        try:
            while waiting:
                (ended,), _ = ray.wait(list(waiting), num_returns=1)
                yield waiting.pop(ended), _outcome(ended)
        finally:
            for task in waiting:
                ray.cancel(task, force=True)


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
    join(address)
    found = machines()
    if device == "cuda" and not any(machine.gpus for machine in found):
        raise StudyError("engine.no_gpu")
    if device == "cpu" or not any(machine.gpus for machine in found):
        cores = min((machine.cores for machine in found), default=1)
        return Cluster("cpu", max(1, int(cores) // jobs), 0.0)
    cores = min(machine.cores / machine.gpus for machine in found if machine.gpus)
    return Cluster("cuda", max(1, int(cores) // jobs), 1 / jobs)


def join(address: str | None) -> None:
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
    untyped: Any = ray  # and not installed everywhere that types are checked
    if ray.is_initialized():
        known = (None, "auto", untyped.get_runtime_context().gcs_address)
        if address in known:
            return
    wrong = "engine.no_cluster"
    try:
        if _reach(address or ""):
            wrong = "engine.not_joined"
        # Ray lets all processes look for modules in the folder that this one stands in then.
        with environment({}), chdir(sys.prefix):
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


@dataclass(frozen=True)
class Machine:
    """A machine of the cluster.

    Attributes
    ----------
    identifier
        By which Ray knows it.
    cores, gpus
        That Ray may give away there.
    """

    identifier: str
    cores: float
    gpus: float


def machines() -> list[Machine]:
    """Return the machines of the cluster that are there now and have cores to give."""
    untyped: Any = ray
    nodes = [(node["NodeID"], node["Resources"]) for node in untyped.nodes() if node["Alive"]]
    return [
        Machine(identifier, has["CPU"], has.get("GPU", 0))
        for identifier, has in nodes
        if has.get("CPU")
    ]


def _carry_out(lang: str, work: WorkerCall, *arguments: object) -> str | None:
    """Do a task on a machine of the cluster."""
    set_language(lang)
    return run_isolated(work, *arguments)


def _outcome(task: Any) -> str | None:
    try:
        failure: str | None = ray.get(task)
    except (exceptions.RayError, OSError) as error:
        return text("engine.lost", times=RETRIES + 1, reason=_first_line(error))
    return failure
