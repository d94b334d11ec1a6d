"""Work has its time and no more, and nothing that goes on keeps the process."""

import _thread
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from metrascope.processes import deadline
from metrascope.processes.deadline import within


def test_work_that_ends_is_as_if_it_had_been_called() -> None:
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 // 0)


def test_work_that_does_not_end_is_left() -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, lambda: time.sleep(1))
    assert time.monotonic() - start < 0.9


def test_a_thread_that_never_begins_is_a_failure_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that dies of memory before its first line tells nobody."""
    late: list[Callable[[], None]] = []
    monkeypatch.setattr(_thread, "start_new_thread", lambda call, _: late.append(call))
    monkeypatch.setattr(deadline, "_BEGUN", 0.01)
    done: list[int] = []
    with pytest.raises(MemoryError):
        within(60, lambda: done.append(1))
    late[0]()  # it had only been slow
    assert not done


def test_a_system_without_threads_is_a_failure_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with pytest.raises(MemoryError):
        within(60, lambda: 7)


def test_a_process_ends_with_its_status_while_work_goes_on() -> None:
    code = """
import sys, time
from metrascope.processes.deadline import end_if_work_goes_on, within
end_if_work_goes_on(5)
print("begun")
try:
    within(0.01, lambda: time.sleep(60))
except TimeoutError:
    print("left")
end_if_work_goes_on(3)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (3, "begun\nleft\n")
