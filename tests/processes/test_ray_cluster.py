"""Runs on a Ray cluster: two workers on this machine stand for two machines."""

import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from metrascope.errors import DataError, StudyError

pytest.importorskip("ray", reason='ray is not installed: pip install -e ".[ray]"')

import ray

from metrascope.processes.ray_cluster import Cluster, connect_cluster

pytestmark = pytest.mark.peer("ray")


@pytest.fixture
def cluster(two_workers: None) -> Cluster:
    return Cluster("cpu", threads=1, gpu_share=0.0)


def leave_mark(folder: Path, number: int) -> None:
    """Say which worker carries this out; wait for the word to go on."""
    (folder / f"{number}-{os.getppid()}-{os.getpid()}").touch()
    deadline = time.monotonic() + 120
    while not (folder / "go").exists():
        if time.monotonic() > deadline:
            raise DataError("data.no_rows", path=folder)
        time.sleep(0.02)


def marks(folder: Path, number: int) -> list[tuple[int, int]]:
    """Return (worker, process) of each attempt at a task, the first first."""
    found = sorted(folder.glob(f"{number}-*"), key=lambda path: path.stat().st_mtime_ns)
    return [(int(name.split("-")[1]), int(name.split("-")[2])) for name in (f.name for f in found)]


def wait_for(folder: Path, number: int, attempts: int) -> list[tuple[int, int]]:
    deadline = time.monotonic() + 120
    while len(marks(folder, number)) < attempts:
        assert time.monotonic() < deadline, "no attempt"
        time.sleep(0.02)
    return marks(folder, number)


def ends_soon(process: int) -> bool:
    """Tell whether a process ends within 20 s; whoever inherits it may not have fetched it yet."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state.split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


def test_a_lost_worker_is_replaced_and_its_process_ends(cluster: Cluster, tmp_path: Path) -> None:
    ends = cluster.share_out(leave_mark, [(tmp_path, 0), (tmp_path, 1)])
    ended: dict[int, str | None] = {}
    thread = threading.Thread(target=lambda: ended.update(dict(ends)))
    thread.start()
    ((worker, process),) = wait_for(tmp_path, 0, 1)
    ((other, _),) = wait_for(tmp_path, 1, 1)
    assert worker != other
    os.kill(worker, signal.SIGKILL)
    attempts = wait_for(tmp_path, 0, 2)
    assert attempts[1][0] != worker
    assert ends_soon(process)
    (tmp_path / "go").touch()
    thread.join(120)
    assert ended == {0: None, 1: None}
    assert len(marks(tmp_path, 1)) == 1


def fail(folder: Path) -> None:
    raise DataError("data.no_rows", path=folder / "x.csv")


def test_what_goes_wrong_is_told(cluster: Cluster, tmp_path: Path) -> None:
    ((number, failure),) = cluster.share_out(fail, [(tmp_path,)])
    assert number == 0
    assert "x.csv has a header and no rows" in str(failure)


def test_no_cluster_is_one_sentence() -> None:
    with pytest.raises(StudyError, match=r"No Ray cluster answers at 127.0.0.1:1 "):
        connect_cluster("127.0.0.1:1", "cpu", jobs=1)


@pytest.mark.parametrize(
    ("address", "error", "expected"),
    [
        ("{here}", ConnectionError("Failed to connect"), r"answers at .* RAY_AUTH_MODE=token"),
        ("{here}", ray.exceptions.RayError(), r"lets nobody join .*\(RayError\)"),
        ("auto", ray.exceptions.RayError("InvalidAuthToken\nmore"), r"\(InvalidAuthToken\)"),
        ("auto", ConnectionError("Could not find any"), r"No Ray cluster answers at auto"),
    ],
)
def test_a_cluster_that_lets_nobody_join_is_one_sentence(
    address: str, error: Exception, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Since version 2.59 a cluster may ask for a token."""

    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(StudyError, match=expected):
            connect_cluster(address.format(here=here), "cpu", jobs=1)


def test_without_an_address_no_cluster_that_runs_here_is_joined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ray itself looks for one: in RAY_ADDRESS, and among those that were started here."""
    asked: list[object] = []
    retries: list[str | None] = []

    def init(address: str, **_: object) -> None:
        asked.append(address)
        retries.append(os.environ.get("RAY_task_oom_retries"))  # noqa: SIM112

    monkeypatch.delenv("RAY_task_oom_retries", raising=False)
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr("metrascope.processes.ray_cluster.machines", lambda: [{"CPU": 1.0}])
    connect_cluster(None, "cpu", jobs=1)
    connect_cluster("auto", "cpu", jobs=1)
    assert asked == ["local", "auto"]
    assert retries == ["3", "3"]  # else Ray begins without end what its memory monitor has ended
    assert "RAY_task_oom_retries" not in os.environ
