"""Work has its time and no more, and nothing that goes on keeps the process."""

import subprocess
import sys
import time

import pytest

from metrascope.deadline import within


def test_work_that_ends_is_as_if_it_had_been_called() -> None:
    assert within(10, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(10, lambda: 1 // 0)


def test_work_that_does_not_end_is_left() -> None:
    start = time.monotonic()
    with pytest.raises(TimeoutError):
        within(0.05, lambda: time.sleep(1))
    assert time.monotonic() - start < 0.9


def test_a_process_ends_with_its_status_while_work_goes_on() -> None:
    code = """
import sys, time
from metrascope.deadline import end_if_work_goes_on, within
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
