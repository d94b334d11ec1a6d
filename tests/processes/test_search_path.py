"""Nothing that lies in the folder one stands in is run, whatever its name."""

import io
import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from metrascope.processes.search_path import child_environment, leave_current_folder

PLANTED = "open({marker!r}, 'a').write(__name__ + ' ')\n"


@pytest.fixture(scope="module")
def stick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a module of every name that Python or a package here has."""
    folder = tmp_path_factory.mktemp("stick")
    content = PLANTED.format(marker=str(folder / "run.txt"))
    for name in {*sys.stdlib_module_names, *packages_distributions(), "sitecustomize"} - {
        "metrascope"
    }:
        if name.isidentifier():
            (folder / f"{name}.py").write_text(content, encoding="utf-8")
    return folder


def run_there(stick: Path, arguments: list[str], **environment: str) -> str:
    """Run Python in the folder and return which of its modules were run."""
    marker = stick / "run.txt"
    marker.unlink(missing_ok=True)
    command = [sys.executable, *arguments]
    changed = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run(
        command, cwd=stick, env=changed, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return marker.read_text(encoding="utf-8") if marker.exists() else ""


def test_the_planted_modules_would_be_run(stick: Path) -> None:
    assert "selectors" in run_there(stick, ["-c", "import selectors"])


OPTIONS = ["--patients=2", "--size=128", "--jobs=2"]


def test_a_command_and_its_processes_run_none(stick: Path, tmp_path: Path) -> None:
    """Working processes, and the one that multiprocessing starts for itself."""
    script = tmp_path / "metrascope"
    script.write_text("from metrascope.cli import main\nmain()\n", encoding="utf-8")
    assert run_there(stick, [str(script), "phantom", str(tmp_path / "out"), *OPTIONS]) == ""


def test_a_command_started_as_a_module_runs_none(
    stick: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """None but what ``python -m`` itself looks for there, before anything of ours is run."""
    package = tmp_path_factory.mktemp("package") / "first"
    package.mkdir()
    code = "import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    (package / "__init__.py").write_text(code, encoding="utf-8")
    (package / "__main__.py").touch()
    command = [sys.executable, "-m", "first"]
    before = subprocess.run(command, cwd=package.parent, capture_output=True, text=True, check=True)
    kept = {path.name: path.read_text(encoding="utf-8") for path in stick.glob("*.py")}
    for name in before.stdout.split():
        (stick / f"{name}.py").unlink(missing_ok=True)
    try:
        assert not (stick / "functools.py").exists()
        assert (stick / "selectors.py").exists()
        out = str(tmp_path / "out")
        assert run_there(stick, ["-m", "metrascope", "phantom", out, *OPTIONS]) == ""
    finally:
        for file, content in kept.items():
            (stick / file).write_text(content, encoding="utf-8")


def test_a_process_for_a_codec_runs_none(stick: Path) -> None:
    """It answers, so it has begun; what it is given is no JPEG-LS."""
    code = (
        "import os; from metrascope.dicom.codec_process import decode_in_process, Stream, DataError"
        "; from metrascope.dicom.codec_process import _running;"
        "\ntry: decode_in_process(b'x', Stream('jpeg_ls', 8, 8, 1, 8))"
        "\nexcept DataError as error: assert error.key == 'dicom.bad_stream', error"
        "\nassert _running[os.getpid()].poll() is None"
    )
    assert run_there(stick, ["-P", "-c", code]) == ""


def test_a_training_process_runs_none(stick: Path) -> None:
    code = (
        "from metrascope.processes.worker import run_isolated\nassert run_isolated(print) is None"
    )
    assert run_there(stick, ["-P", "-c", code]) == ""


CLUSTER = """
from functools import partial
from operator import methodcaller
from metrascope.processes.ray_cluster import connect_cluster
from metrascope.processes.dispatch import open_file_pool
cluster = connect_cluster({address!r}, "cpu", jobs=1)
assert list(cluster.share_out(print, [()])) == [(0, None)]
pool = open_file_pool("ray", jobs=1, address={address!r})
done = pool(partial(methodcaller, "upper"), ["a", "b"], seconds=60, memory_mb=1024)
assert sorted(done) == [("a", "A"), ("b", "B")]
"""


@pytest.mark.peer("ray")
def test_a_cluster_of_its_own_runs_none(stick: Path) -> None:
    """Neither Ray's processes, nor its workers, nor those that these start."""
    assert run_there(stick, ["-P", "-c", CLUSTER.format(address=None)]) == ""


@pytest.mark.usefixtures("two_workers")
def test_a_cluster_that_is_joined_runs_none(stick: Path) -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    assert run_there(stick, ["-P", "-c", CLUSTER.format(address=address)]) == ""


def test_empty_entries_of_the_search_path_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``PYTHONPATH=$PYTHONPATH:/x`` has one where there was nothing before."""
    monkeypatch.chdir(tmp_path)
    package = str(Path(io.__file__).parent)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "here", str(tmp_path / "given")]))
    path = [str(tmp_path), str(tmp_path / "here"), str(tmp_path / "given"), "", package]
    monkeypatch.setattr(sys, "path", path)
    leave_current_folder()
    assert sys.path == [str(tmp_path / "given"), package]
    assert child_environment() == {
        "PYTHONSAFEPATH": "1",
        "PYTHONPATH": str(tmp_path / "given"),
    }


def test_only_a_module_started_by_name_leaves_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script's folder comes first too, and is where its own modules are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), "/elsewhere"])
    leave_current_folder()
    assert sys.path == [str(tmp_path), "/elsewhere"]
    leave_current_folder(by_module=True)
    assert sys.path == ([str(tmp_path)] if sys.flags.safe_path else []) + ["/elsewhere"]
    assert child_environment()["PYTHONPATH"] is None


@pytest.mark.parametrize("needed", [Path(os.__file__).parent, Path(__file__).parents[2] / "src"])
def test_the_folder_of_python_or_of_this_package_stays(
    needed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(needed)
    monkeypatch.setattr(sys, "path", [str(needed)])
    leave_current_folder(by_module=True)
    assert sys.path == [str(needed)]
