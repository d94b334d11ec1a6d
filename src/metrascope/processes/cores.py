"""How much of the processor there is to share."""

import os
from typing import Final

from metrascope.errors import SettingsError

MOST_JOBS: Final = 4096
"""Processes that may be asked for: more than any one machine has cores, and few enough to start."""


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
