"""The runs of a study on a Ray cluster: machines that see the same folders.

Each run is a task of Ray's, and each task starts a process of its own as on one machine, so that
a run is the same wherever it is carried out. A task whose worker or machine is lost is given to
another, which goes on from the training state that the lost one left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ray
from ray import exceptions

from metrascope.errors import StudyError
from metrascope.isolation import Arguments, Work, run_isolated
from metrascope.messages import language, set_language, text

RETRIES: Final = 3


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

    def share_out(self, work: Work, tasks: Sequence[Arguments]) -> Iterator[tuple[int, str | None]]:
        """Do what `metrascope.isolation.run_side_by_side` does, on the machines of the cluster."""
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


def connect(address: str | None, device: str, *, jobs: int) -> Cluster:
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
    try:
        ray.init(address, include_dashboard=None if address else False, log_to_driver=True)
    except (ConnectionError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise StudyError("engine.no_cluster", address=address, reason=reason) from error
    untyped: Any = ray  # and not installed everywhere that types are checked
    nodes = untyped.nodes()
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    found = [machine for machine in machines if machine.get("GPU")]
    if device == "cuda" and not found:
        raise StudyError("engine.no_gpu")
    if device == "cpu" or not found:
        cores = min(machine.get("CPU", 1) for machine in machines)
        return Cluster("cpu", max(1, int(cores) // jobs), 0.0)
    cores = min(machine.get("CPU", 1) / machine["GPU"] for machine in found)
    return Cluster("cuda", max(1, int(cores) // jobs), 1 / jobs)


def _carry_out(lang: str, work: Work, *arguments: object) -> str | None:
    """Do a task on a machine of the cluster."""
    set_language(lang)
    return run_isolated(work, *arguments)


def _outcome(task: Any) -> str | None:
    try:
        failure: str | None = ray.get(task)
    except (exceptions.RayError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        return text("engine.lost", times=RETRIES + 1, reason=reason)
    return failure
