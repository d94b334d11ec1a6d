"""A time limit on work in this very process, which nothing can interrupt.

A library in C that counts for ever heeds no signal: its thread is left behind, and the process
must end without waiting for it. Work that may crash as well belongs into a process of its own,
see `metrascope.processes.files`; this is for what is done before such a process has even started.
"""

import _thread
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

_Result = TypeVar("_Result")

_INTERRUPTED: Final = 2.0
"""Seconds that work has to end after an interrupt: a process that ends under it may crash."""
_BEGUN: Final = 30.0
"""Seconds in which a thread must have begun, else it has not had the memory to."""
_left: list[threading.Event] = []


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
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
    MemoryError
        If there is too little memory for a thread.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []
    begun, ended, stopped = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        try:
            if not stopped.is_set():
                results.append(work())
        except BaseException as error:  # Rust panics with what is no Exception
            errors.append(error)
        finally:
            ended.set()

    # `threading.Thread.start` waits for ever where a thread dies of memory before it has begun.
    try:
        _thread.start_new_thread(call, ())
    except RuntimeError as error:  # the system gives no thread
        raise MemoryError from error
    try:
        if not begun.wait(_BEGUN):
            stopped.set()
            raise MemoryError
        ended.wait(seconds)
    except BaseException:
        if begun.is_set() and not ended.wait(_INTERRUPTED):
            _left.append(ended)
        raise
    if not ended.is_set():
        _left.append(ended)
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
    if not all(ended.is_set() for ended in _left):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
