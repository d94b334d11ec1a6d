"""How much of the processor there is to share."""

import os


def available_cores() -> int:
    """Return the cores that this process may use: all, or those that a scheduler has left it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
