"""What the tests share: a small phantom data set, made once, and the folder of real images."""

import os
from collections.abc import Iterator
from pathlib import Path

# Small arrays gain nothing by threads, and a machine that others work on loses much by them:
# for numpy, once it is loaded, and for every process that a test starts.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import pytest
import torch
from tests.peers import absent

from metrascope.phantom.phantom import write_phantom

ROOT = Path(__file__).parent.parent
LONGEST = (
    "study/test_study.py",
    "processes/test_torchrun.py",
    "test_cross_validation.py",
    "explain/test_heatmap.py",
    "ingest/test_months.py",
    "export/test_export.py",
    "training/test_loop.py",
)
"""Files of tests, those first that take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: begun last, one process would work on them alone."""
    places = {ROOT / "tests" / name: place for place, name in enumerate(LONGEST)}
    assert all(path.is_file() for path in places), "LONGEST names a file that is not there"
    items.sort(key=lambda item: places.get(item.path, len(places)))
    for item in items:
        if "two_workers" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.peer("ray"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose peer is not here, and say how to install it."""
    for mark in item.iter_markers("peer"):
        for name in mark.args:
            reason = absent(name)
            if reason is not None:
                pytest.skip(reason)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Do as above where a library counts the cores itself."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@pytest.fixture(autouse=True)
def as_many_threads_as_before(one_thread: None) -> Iterator[None]:
    """Find whoever leaves torch more threads: all tests that follow in the process wait for them.

    Two threads of each of two processes spin on two cores, and a training takes ten times as long.
    """
    assert torch.get_num_threads() == 1
    yield
    assert torch.get_num_threads() == 1


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", ["en"])
    monkeypatch.setenv("METRASCOPE_LANG", "en")  # of processes, whatever the machine's own is


@pytest.fixture(autouse=True)
def no_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let logs name no steps: on a busy machine they would stand beside what a test expects."""
    monkeypatch.setattr("metrascope.progress._UNNAMED", float("inf"))


@pytest.fixture
def without_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the figures, most of the time of a small study, where a test is about the rest."""
    from metrascope.figures.evaluation import Written
    from metrascope.report.drawings import Drawings

    monkeypatch.setattr("metrascope.report.page.draw_page_figures", lambda *_: Drawings())
    monkeypatch.setattr(
        "metrascope.report.drawings.write_figures", lambda *_, **__: Written([], {})
    )


@pytest.fixture(scope="session")
def two_workers() -> Iterator[None]:
    """Connect to a Ray of this machine whose two workers stand for two machines."""
    import ray

    ray.init("local", num_cpus=2, include_dashboard=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of 40 phantoms of 128 pixels, all classes present."""
    folder = tmp_path_factory.mktemp("phantom")
    prevalence = {"normal": 1.0, "fibroid": 1.0, "polyp": 1.0}
    write_phantom(folder, patients=40, seed=0, size=128, prevalence=prevalence)
    return folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real images for development, or skip."""
    folder = Path(os.environ.get("METRASCOPE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder} (set METRASCOPE_DATA)")
    return folder
