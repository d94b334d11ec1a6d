"""Files on a Ray cluster come to what they come to on one machine, whatever happens to a worker."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from metrascope import __version__
from metrascope.errors import DataError, SettingsError, StudyError
from metrascope.processes.dispatch import open_file_pool
from metrascope.processes.files import Failed

# Ray is not imported here: every process of a worker loads this file.
pytestmark = pytest.mark.usefixtures("two_workers")

LIMITS = {"seconds": 2, "memory_mb": 1024}


def start(folder: Path | None = None) -> Callable[[str], str]:
    return partial(work, folder)


def work(folder: Path | None, task: str) -> str:
    if task == "crash":
        os.abort()
    if task == "hang":
        time.sleep(600)
    if task == "eat":
        return str(np.ones(2**31, np.uint8).sum())
    if task == "bug":
        raise ZeroDivisionError
    if task == "full disk":
        raise DataError("data.no_rows", path=task)
    if folder is not None:
        wait_in(folder, task)
    return f"did {task} with {os.environ['OMP_NUM_THREADS']}"


def wait_in(folder: Path, task: str) -> None:
    """Say which worker does this; wait for the word to go on, or take the worker down."""
    (folder / f"{task}-{os.getppid()}-{time.monotonic_ns()}").touch()
    if task == "poison":
        os.kill(os.getppid(), signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def attempts(folder: Path) -> list[tuple[str, int]]:
    """Return task and worker of each attempt, the first first."""
    found = (path.name.split("-") for path in folder.glob("*-*-*"))
    ordered = sorted(found, key=lambda name: int(name[2]))
    return [(task, int(worker)) for task, worker, _ in ordered]


def test_bad_tasks_cost_themselves_alone() -> None:
    share_out = open_file_pool("ray", jobs=2, address=None)
    bad = {"crash": "crashed", "hang": "too_slow", "eat": "memory", "bug": "bug"}
    good = [f"task {number}" for number in range(10)]
    assert dict(share_out(start, [*good[:5], *bad, *good[5:]], **LIMITS)) == {
        task: f"did {task} with 1" for task in good
    } | {task: Failed(reason) for task, reason in bad.items()}  # type: ignore[arg-type]


def test_an_error_about_all_tasks_ends_the_work() -> None:
    share_out = open_file_pool("ray", jobs=1, address=None)
    with pytest.raises(DataError, match="full disk"):
        list(share_out(start, ["full disk", "a", "b"], **LIMITS))


def test_no_task_is_no_work_and_tasks_are_drawn_as_needed() -> None:
    share_out = open_file_pool("ray", jobs=1, address=None)
    assert list(share_out(start, [], **LIMITS)) == []
    drawn: list[int] = []

    def endless() -> Iterator[str]:
        for number in range(10**9):
            drawn.append(number)
            yield f"{number}"

    done = share_out(start, endless(), **LIMITS)
    assert next(done) == ("0", "did 0 with 1")
    done.close()
    assert len(drawn) <= 3


def test_what_a_lost_worker_had_is_done_by_others(tmp_path: Path) -> None:
    share_out = open_file_pool("ray", jobs=2, address=None)
    tasks = [f"task{number}" for number in range(5)]
    done: list[tuple[str, str | Failed]] = []
    ends = share_out(partial(start, tmp_path), tasks, seconds=60, memory_mb=1024)
    thread = threading.Thread(target=lambda: done.extend(ends), daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while len(attempts(tmp_path)) < 2:
        assert time.monotonic() < deadline, "no two workers"
        time.sleep(0.02)
    (task, worker), (_, other) = attempts(tmp_path)
    assert worker != other
    os.kill(worker, signal.SIGKILL)
    (tmp_path / "go").touch()
    thread.join(60)
    assert sorted(done) == [(task, f"did {task} with 1") for task in tasks]
    tried = attempts(tmp_path)
    assert len(tried) == len(tasks) + 1
    assert [by for name, by in tried[2:] if name == task] not in ([], [worker])


def test_a_task_that_takes_its_worker_down_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrascope.processes.ray_cluster.RETRIES", 1)
    (tmp_path / "go").touch()
    share_out = open_file_pool("ray", jobs=1, address=None)
    tasks = ["poison", "task0", "task1"]
    done = dict(share_out(partial(start, tmp_path), tasks, **LIMITS))
    assert done.pop("poison") == Failed("crashed")
    assert done == {task: f"did {task} with 1" for task in tasks[1:]}
    assert [task for task, _ in attempts(tmp_path)].count("poison") == 2


def test_a_machine_that_cannot_work_with_the_others_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = open_file_pool("ray", jobs=1, address=None, needed=[tmp_path / "nothing"])
    with pytest.raises(StudyError, match="nothing is not to be seen from the machine"):
        next(missing(start, ["a"], **LIMITS))
    monkeypatch.setattr("metrascope.processes.ray_cluster.__version__", "0.0.0")
    older = open_file_pool("ray", jobs=1, address=None)
    with pytest.raises(StudyError, match=f"has metrascope {__version__}, this one 0.0.0"):
        next(older(start, ["a"], **LIMITS))


def test_options_without_sense_are_refused() -> None:
    with pytest.raises(SettingsError, match="add --engine ray"):
        open_file_pool("local", jobs=None, address="auto")
    with pytest.raises(SettingsError, match="--jobs 0 is no number of processes"):
        open_file_pool("ray", jobs=0, address=None)
