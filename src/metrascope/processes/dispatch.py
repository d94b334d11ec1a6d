"""Whether the files of an ingest or a reading go to this machine's processes or to a cluster's."""

from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from metrascope.errors import SettingsError
from metrascope.processes.capacity import available_cores, checked_jobs

if TYPE_CHECKING:
    from metrascope.processes.files import Failed, FileTask

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")
EngineName = Literal["local", "ray"]


class ShareOut(Protocol):
    """Does tasks: `metrascope.processes.files.share_out` or its like, with its processes chosen."""

    def __call__(
        self,
        start: "Callable[[], FileTask[_Task, _Result]]",
        tasks: Iterable[_Task],
        *,
        seconds: float,
        memory_mb: int,
    ) -> "Generator[tuple[_Task, _Result | Failed], None, None]":
        """Do tasks and yield each with its result, as they are done."""


def open_file_pool(
    engine: EngineName, *, jobs: int | None, address: str | None, needed: Sequence[Path] = ()
) -> ShareOut:
    """Return what shares out tasks.

    Parameters
    ----------
    engine
        ``local`` or ``ray``.
    jobs
        Processes, on each machine; None for one on each core.
    address
        Of the Ray cluster; None starts one of this machine alone.
    needed
        What every machine must see under the same path.

    Raises
    ------
    SettingsError
        If there is no such number of jobs, or an address without a cluster.
    StudyError
        If there is no cluster at the address.
    """
    if jobs is not None:
        checked_jobs(jobs)
    if engine == "ray":
        from metrascope.processes import ray_cluster  # not everyone has Ray

        ray_cluster.join_cluster(address)
        return partial(ray_cluster.share_out_files, jobs=jobs, needed=needed)
    if address is not None:
        raise SettingsError("engine.address", address=address)
    from metrascope.processes.files import share_out  # not every reading takes processes

    return partial(share_out, jobs=jobs or available_cores())
