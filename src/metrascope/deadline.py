"""A time limit on work in this very process, which nothing can interrupt.

A library in C that counts for ever heeds no signal: its thread is left behind, and the process
must end without waiting for it. Work that may crash as well belongs into a process of its own,
see `metrascope.workers`; this is for what is done before such a process has even started.
"""

import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

Result = TypeVar("Result")

_INTERRUPTED: Final = 2.0
"""Seconds that work has to end after an interrupt: a process that ends under it may crash."""
_left: list[threading.Thread] = []


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Do work in a thread, and return its result or raise what it raised.

    Parameters
    ----------
    seconds
        Longest time; what takes longer goes on in the background until the process ends.
    work
        Called once.

    Raises
    ------
    TimeoutError
        If it takes longer.
    """
    results: list[Result] = []
    errors: list[BaseException] = []

    def call() -> None:
        try:
            results.append(work())
        except BaseException as error:  # Rust panics with what is no Exception
            errors.append(error)

    thread = threading.Thread(target=call, daemon=True)
    try:
        thread.start()
        thread.join(seconds)
    except BaseException:
        thread.join(_INTERRUPTED)
        _left.append(thread)
        raise
    if thread.is_alive():
        _left.append(thread)
        raise TimeoutError
    if errors:
        raise errors[0]
    return results[0]


def end_if_work_goes_on(status: int) -> None:
    """End the process at once where work was left behind: to leave in order would wait or crash.

    Parameters
    ----------
    status
        Exit status.
    """
    if any(thread.is_alive() for thread in _left):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
