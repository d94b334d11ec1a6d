import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from metrascope.errors import DataError
from metrascope.processes.worker import run_isolated, run_side_by_side


def succeed(path: Path) -> None:
    path.write_text(str(os.getpid()), encoding="utf-8")


def fail() -> None:
    raise DataError("data.no_rows", path="x.csv")


def exhaust_memory() -> None:
    raise MemoryError


def exhaust_torch() -> None:
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 byte")


def get_killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def have_a_bug() -> None:
    raise ZeroDivisionError


def test_work_is_done_in_another_process(tmp_path: Path) -> None:
    assert run_isolated(succeed, tmp_path / "pid") is None
    assert int((tmp_path / "pid").read_text(encoding="utf-8")) != os.getpid()


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        (fail, "x.csv has a header and no rows"),
        (exhaust_memory, "Out of memory: choose a smaller training.batch_size"),
        (exhaust_torch, "Out of memory"),
        (get_killed, "ended from outside (signal 9)"),
        (have_a_bug, "error of the program (exit status 1)"),
    ],
)
def test_every_end_is_one_sentence(work: object, expected: str) -> None:
    told = run_isolated(work)  # type: ignore[arg-type]
    assert told is not None
    assert expected in told
    assert "\n" not in told


def test_the_sentence_is_in_the_language_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", ["zh"])
    assert "只有表头没有数据行" in str(run_isolated(fail))


def meet(folder: Path, name: str, other: str) -> None:
    """Leave a mark and wait for the other's: it ends only if both are under way at once."""
    (folder / name).touch()
    deadline = time.monotonic() + 60
    while not (folder / other).exists():
        if time.monotonic() > deadline:
            raise DataError("data.no_rows", path=other)
        time.sleep(0.01)


def test_one_that_cannot_start_is_told_however_much_it_is_given(tmp_path: Path) -> None:
    """A script without ``if __name__ == "__main__"``: its process begins it again and dies."""
    script = tmp_path / "script.py"
    script.write_text(
        "from metrascope.processes.worker import run_isolated\n"
        "print(run_isolated(print, bytes(1_000_000)))\n"
    )
    command = [sys.executable, str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "exit status 1" in done.stdout


def test_tasks_run_side_by_side(tmp_path: Path) -> None:
    tasks = [(tmp_path, "a", "b"), (tmp_path, "b", "a")]
    ended = dict(run_side_by_side(meet, tasks, jobs=2))
    assert ended == {0: None, 1: None}


def succeed_but_second(folder: Path, number: int) -> None:
    if number == 1:
        get_killed()
    succeed(folder / str(number))


def test_one_that_dies_leaves_the_others(tmp_path: Path) -> None:
    tasks = [(tmp_path, number) for number in range(3)]
    ended = dict(run_side_by_side(succeed_but_second, tasks, jobs=2))
    assert "signal 9" in str(ended.pop(1))
    assert ended == {0: None, 2: None}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "2"]


def sleep_long(path: Path) -> None:
    succeed(path)
    time.sleep(600)


def test_processes_end_with_the_one_that_waits_for_them(tmp_path: Path) -> None:
    tasks = [(tmp_path / "quick",), (tmp_path / "slow",)]
    ends = run_side_by_side(_quick_or_slow, tasks, jobs=2)
    assert next(ends) == (0, None)
    slow = tmp_path / "slow"
    while not (slow.exists() and slow.read_text(encoding="utf-8")):
        time.sleep(0.01)
    pid = int(slow.read_text(encoding="utf-8"))
    ends.close()  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def _quick_or_slow(path: Path) -> None:
    (succeed if path.name == "quick" else sleep_long)(path)


def see_environment(path: Path) -> None:
    told = f"{os.environ['GLIBC_TUNABLES']} {os.environ['GOMP_SPINCOUNT']}"
    path.write_text(told, encoding="utf-8")


def test_memory_is_kept_and_waits_are_short_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert run_isolated(see_environment, tmp_path / "ours") is None
    told = (tmp_path / "ours").read_text(encoding="utf-8")
    assert "hugetlb=1" in told
    assert told.endswith(" 10000")
    assert "GLIBC_TUNABLES" not in os.environ
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.check=0")
    assert run_isolated(see_environment, tmp_path / "theirs") is None
    told = (tmp_path / "theirs").read_text(encoding="utf-8")
    assert told == "glibc.malloc.check=0 10000"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks Linux for processes")
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGHUP])
def test_no_process_outlives_its_command(tmp_path: Path, ending: signal.Signals) -> None:
    """Killed, or its terminal closed; the group is its own, as under a terminal."""
    options = ["--patients=5000", "--size=256", "--jobs=2"]
    command = [sys.executable, "-m", "metrascope", "phantom", str(tmp_path / "out"), *options]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: any(tmp_path.glob("out/images/*.png")))
        assert len(session_of(process.pid)) >= 3
        process.send_signal(ending)
        process.wait(timeout=30)
        wait_until(lambda: not session_of(process.pid))
    finally:
        for number in session_of(process.pid):
            os.kill(number, signal.SIGKILL)


def session_of(leader: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(session) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
