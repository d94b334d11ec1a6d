"""How much of the processor and of the memory a command may have.

Libraries for arrays crash or wait for ever while they are loaded into too little memory, and a
process that has crashed tells nobody why: so a limit (``ulimit -v``, a batch system) is looked at
before.
"""

import os
import sys
from typing import Final

from metrascope.errors import SettingsError, StudyError

MOST_JOBS: Final = 4096
"""Processes that may be asked for: more than any one machine has cores, and few enough to start."""

_LEAST: Final = {
    "split": (650, 150),
    "phantom": (650, 200),
    "ingest": (650, 200),
    "evaluate": (700, 320),
    "predict": (1300, 310),
    "report": (900, 500),
    "audit": (1750, 1100),
    "export": (5400, 1500),
    "study": (5400, 1500),
}
"""Megabytes of address space and of data of each command, measured on inputs of a few images with
one thread (`benchmarks/attacks.py --peaks`), and a seventh more. A process of predict that reads
with one network and draws heat maps came to 1,119 and 265; in 1,024 two of 16 images had none."""
_ENOUGH: Final = 16384
"""Megabytes with which nobody asks how many threads there are."""
# Bytes.
_MEGABYTE: Final = 2**20


def available_cores() -> int:
    """Return the cores that this process may use: all, or those that a scheduler has left it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def checked_jobs(jobs: int) -> int:
    """Return a number of processes that was asked for.

    Raises
    ------
    SettingsError
        If it is none: less than one, or more than `MOST_JOBS`.
    """
    if not 1 <= jobs <= MOST_JOBS:
        raise SettingsError("engine.jobs", jobs=jobs, most=MOST_JOBS)
    return jobs


def check_memory_limit(command: str) -> None:
    """Refuse to begin a command in less memory than it takes to load what it needs.

    Where memory is limited, linear algebra gets one thread: each takes 100 to 350 MB of address
    space, whether it has anything to do or not.

    Raises
    ------
    StudyError
        If the limit is too low.
    """
    if sys.platform == "win32":
        return
    import resource

    kinds = ((resource.RLIMIT_AS, "ulimit -v"), (resource.RLIMIT_DATA, "ulimit -d"))
    for (kind, name), least in zip(kinds, _LEAST.get(command, (0, 0)), strict=True):
        limit = resource.getrlimit(kind)[0]
        if limit == resource.RLIM_INFINITY or limit >= _ENOUGH * _MEGABYTE:
            continue
        if limit < least * _MEGABYTE:
            found = limit // _MEGABYTE
            raise StudyError(
                "isolation.memory_limit", command=command, found=found, how=name, least=least
            )
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            os.environ.setdefault(variable, "1")
