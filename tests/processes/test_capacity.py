"""Work goes to the cores that this process may use; a command with too little memory says so."""

import os
import subprocess
import sys

import pytest

from metrascope.errors import StudyError
from metrascope.processes.capacity import available_cores, check_memory_limit

resource = pytest.importorskip("resource", reason="Windows limits no memory of a process")

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def test_all_cores_by_default() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_held_to_one_core_has_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from metrascope.processes.capacity import available_cores; print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("kind", "limit", "told"),
    [
        (resource.RLIMIT_AS, 1000, "1750 MB and has 1000 MB (ulimit -v)"),
        (resource.RLIMIT_DATA, 1000, "1100 MB and has 1000 MB (ulimit -d)"),
        (resource.RLIMIT_AS, 2000, None),
        (resource.RLIMIT_AS, 20000, None),
    ],
)
def test_limits_below_what_is_needed_are_refused(
    kind: int, limit: int, told: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getrlimit(asked: int) -> tuple[int, int]:
        return (limit << 20, limit << 20) if asked == kind else UNLIMITED

    monkeypatch.setattr(resource, "getrlimit", getrlimit)
    monkeypatch.setenv("OMP_NUM_THREADS", "")  # so that it is put back
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    if told is None:
        check_memory_limit("audit")
        assert ("OMP_NUM_THREADS" in os.environ) == (limit < 16384)
        assert os.environ["OPENBLAS_NUM_THREADS"] == "3"
        return
    with pytest.raises(StudyError) as error:
        check_memory_limit("audit")
    assert told in str(error.value)


def test_a_command_in_too_little_memory_is_one_sentence() -> None:
    code = (
        "import resource, sys; from metrascope.cli import main;"
        "resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30));"
        "sys.exit(main(['audit', 'nowhere']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "metrascope audit needs a memory limit of at least 1750 MB" in done.stderr
