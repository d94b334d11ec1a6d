"""What carries out the runs of a study: this machine, side by side, or a cluster of machines."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from metrascope.errors import SettingsError, StudyError
from metrascope.files.atomic import write_json
from metrascope.messages import text
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.processes.capacity import available_cores, checked_jobs
from metrascope.processes.dispatch import EngineName
from metrascope.processes.torchrun import dismiss, launched, share_out_to_ranks
from metrascope.processes.worker import Arguments, WorkerCall, run_side_by_side
from metrascope.progress import paused, print_note
from metrascope.training.execute import execute
from metrascope.training.precision import measure_precision, network_precision, unmeasured
from metrascope.training.run import StudyInputs, TrainingRun, remove_training_state, run_is_finished


@dataclass(frozen=True)
class Engine:
    """Carries out tasks in processes of their own.

    Attributes
    ----------
    device
        ``cpu`` or ``cuda``: what each task computes on.
    share_out
        Calls a function for each of several tasks and yields the number of each as it ends, with
        what went wrong, or None: `metrascope.processes.worker.run_side_by_side` or its like.
    threads
        Of the processor, for each task; None for all.
    alone
        Whether one task at a time has the terminal.
    """

    device: str
    share_out: Callable[[WorkerCall, Sequence[Arguments]], Iterator[tuple[int, str | None]]]
    threads: int | None
    alone: bool


def create_engine(
    name: EngineName, device: str, *, jobs: int = 1, address: str | None = None
) -> Engine:
    """Return what carries out runs; where torchrun started this process, that is its processes.

    Parameters
    ----------
    name
        ``local`` or ``ray``.
    device
        ``auto``, ``cpu`` or ``cuda``: what each run computes on.
    jobs
        Runs at a time on a machine, which share its threads and its GPU.
    address
        Of the Ray cluster; None starts one of this machine alone.

    Raises
    ------
    SettingsError
        If there is no such number of jobs, or an address without a cluster.
    StudyError
        If there is no cluster at the address, or no such device.
    """
    checked_jobs(jobs)
    if name == "ray":
        from metrascope.processes.ray_cluster import connect_cluster  # not everyone has Ray

        cluster = connect_cluster(address, device, jobs=jobs)
        return Engine(cluster.device, cluster.share_out, cluster.threads, alone=False)
    if launched():
        return Engine(choose_device(device), share_out_to_ranks, None, alone=True)
    if address is not None:
        raise SettingsError("engine.address", address=address)
    threads = None if jobs == 1 else max(1, available_cores() // jobs)
    share_out = partial(run_side_by_side, jobs=jobs, title=text("progress.loading_torch"))
    return Engine(choose_device(device), share_out, threads, alone=jobs == 1)


def choose_device(asked: str) -> str:
    """Return ``cpu`` or ``cuda``, of ``auto`` the faster one; StudyError where it is not there."""
    found = torch.cuda.is_available()
    if asked == "cuda" and not found:
        raise StudyError("study.no_cuda")
    return asked if asked != "auto" else "cuda" if found else "cpu"


def carry_out(engine: Engine, inputs: StudyInputs, runs: Sequence[TrainingRun]) -> None:
    """Carry out the runs that are not finished; tell and record those that fail."""
    pending = []
    for run in runs:
        if run_is_finished(inputs.folder, run):
            remove_training_state(inputs.folder / "runs" / run.name)
            print_note(text("study.run_kept", run=run.name))
        else:
            pending.append(run)
    _choose_precision(engine, inputs, [run.network for run in pending])
    tasks = [
        (inputs, run, engine.threads, engine.alone, (number, len(pending)))
        for number, run in enumerate(pending, 1)
    ]
    with paused():
        for number, failure in engine.share_out(execute, tasks):
            run = pending[number]
            if failure is not None:
                write_json(inputs.folder / "runs" / run.name / "failure.json", {"message": failure})
                print_note(text("study.run_failed", run=run.name, message=failure))
    if launched():
        dismiss()


def _choose_precision(engine: Engine, inputs: StudyInputs, networks: list[str]) -> None:
    """Measure in which arithmetic each network trains faster, one at a time; tell the choice.

    Where that fails, the run itself will say why.
    """
    names = unmeasured(inputs, networks)
    for name in names:
        with paused():
            for _ in engine.share_out(measure_precision, [(inputs, name, engine.threads)]):
                pass
        kind = "mixed" if network_precision(inputs, name) == "bf16-mixed" else "full"
        print_note(text(f"engine.precision_{kind}", network=ARCHITECTURES[name].title))
