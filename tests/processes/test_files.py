"""A task that crashes, hangs, raises or eats memory costs itself and nothing else."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from metrascope.errors import DataError, StudyError
from metrascope.processes.files import Failed, map_in_order, share_out

SPOILED: list[str] = []
FILLED: list[str] = []


def start(prefix: str) -> Callable[[str], str]:
    return partial(work, prefix)


def work(prefix: str, task: str) -> str:
    if task == "crash":
        os.abort()
    if task == "exit":
        os._exit(0)
    if task == "hang":
        time.sleep(600)
    if task == "eat":
        return str(np.ones(2**31, np.uint8).sum())
    if task == "fail like OpenCV":
        raise cv2.error("Failed to allocate 1440000000 bytes in function 'OutOfMemoryError'")
    if task == "spoil":
        SPOILED.append(task)
        raise MemoryError
    if SPOILED:
        raise MemoryError
    if task == "fill":
        FILLED.append(task)
    if task == "large" and FILLED:
        raise MemoryError
    if task == "fragile" and FILLED:
        os.abort()
    if task == "bug":
        raise ZeroDivisionError
    if task == "full disk":
        raise DataError("data.no_rows", path=task)
    return prefix + task


def failing_start() -> Callable[[str], str]:
    raise DataError("data.no_rows", path="start")


def results(tasks: list[str], jobs: int = 2) -> dict[str, str | Failed]:
    done = share_out(partial(start, "did "), tasks, jobs=jobs, seconds=2, memory_mb=1024)
    return dict(done)


def test_bad_tasks_cost_themselves_alone(capfd: pytest.CaptureFixture[str]) -> None:
    bad = {"crash": "crashed", "exit": "crashed", "hang": "too_slow", "eat": "memory", "bug": "bug"}
    good = [f"task {number}" for number in range(10)]
    tasks = [task for pair in zip(good, [*bad, *bad], strict=True) for task in pair]
    found = results(list(dict.fromkeys(tasks)))
    assert found == {task: f"did {task}" for task in good} | {
        task: Failed(reason)
        for task, reason in bad.items()  # type: ignore[arg-type]
    }
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_what_a_failure_of_memory_leaves_behind_reaches_no_other_task() -> None:
    found = results(["spoil", "a", "fail like OpenCV", "b"], jobs=1)
    memory = Failed("memory")
    assert found == {"spoil": memory, "a": "did a", "fail like OpenCV": memory, "b": "did b"}


def test_a_task_that_fails_after_others_is_tried_once_alone() -> None:
    found = results(["fill", "large", "fill too", "fill", "fragile"], jobs=1)
    assert found == {task: f"did {task}" for task in ("fill", "large", "fill too", "fragile")}


def test_results_come_in_the_order_of_tasks(tmp_path: Path) -> None:
    tasks = [0.3, 0.0, 0.1, 0.0, 0.2]
    begin = partial(os.putenv, "BEGUN", "yes")
    found = list(map_in_order(wait, tasks, jobs=2, begin=begin))
    assert found == tasks == list(map_in_order(wait, tasks, jobs=1, begin=begin))


def wait(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


@pytest.mark.parametrize(
    ("task", "key"),
    [
        ("crash", "isolation.lost"),
        ("spoil", "isolation.no_memory"),
        ("bug", "isolation.worker_bug"),
    ],
)
def test_one_that_is_lost_ends_an_ordered_work_in_a_sentence(task: str, key: str) -> None:
    with pytest.raises(StudyError) as told:
        list(map_in_order(partial(work, ""), [task, "a"], jobs=2, begin=list))
    assert told.value.key == key


def test_an_error_about_all_tasks_ends_the_work() -> None:
    with pytest.raises(DataError):
        results(["a", "full disk", "b"], jobs=1)
    with pytest.raises(DataError):
        list(share_out(failing_start, ["a"], jobs=1, seconds=2, memory_mb=1024))


def test_processes_that_cannot_start_are_told_however_much_they_are_given(tmp_path: Path) -> None:
    """A script without ``if __name__ == "__main__"``: each process begins it again and dies."""
    script = tmp_path / "script.py"
    script.write_text(
        "from functools import partial\n"
        "from metrascope.processes.files import share_out\n"
        "much = partial(len, bytes(1_000_000))\n"
        "list(share_out(much, ['task'], jobs=1, seconds=5, memory_mb=4096))\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "metrascope.errors.StudyError: A working process"
    )


def test_no_task_is_no_work_and_tasks_are_drawn_as_needed() -> None:
    assert results([]) == {}
    drawn: list[int] = []

    def endless() -> Iterator[str]:
        for number in range(10**9):
            drawn.append(number)
            yield f"{number}"

    done = share_out(partial(start, ""), endless(), jobs=1, seconds=2, memory_mb=1024)
    assert next(done) == ("0", "0")
    done.close()
    assert len(drawn) <= 2
