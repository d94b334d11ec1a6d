import os
import signal
from pathlib import Path

import pytest

from metrascope.errors import DataError
from metrascope.isolation import run_isolated


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
