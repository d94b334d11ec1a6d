"""What runs a graph has its time, and fails in words of ours."""

import time
from pathlib import Path

import numpy as np
import pytest

from metrascope.errors import DataError, WeightsError
from metrascope.predict import runtime as module
from metrascope.predict.onnx_check import Faults
from metrascope.predict.runtime import NetworkOutput, open_runtime

PIXELS = np.zeros((1, 1, 40, 50), np.uint8)


class Broken:
    """Does to a reading what a test asks for."""

    name = "broken"

    def __init__(self, content: bytes, threads: int) -> None:
        self.behavior = content

    def __call__(self, pixels: np.ndarray) -> NetworkOutput:
        if self.behavior == b"endless":
            time.sleep(2)
        raise RuntimeError("std::bad_alloc" if self.behavior == b"memory" else "node\nfails")


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(module, "_OnnxRuntime", Broken)
    monkeypatch.setattr(module, "find_faults", lambda _: Faults())
    monkeypatch.setattr(module, "_READING", 0.05)
    return tmp_path / "net.onnx"


@pytest.mark.parametrize(
    ("behavior", "error", "said"),
    [
        (b"endless", WeightsError, "took more than 0 seconds"),
        (b"memory", MemoryError, "bad_alloc"),
        (b"fails", DataError, r"\(fails\)"),
    ],
)
def test_readings_that_fail(
    broken: Path, behavior: bytes, error: type[Exception], said: str
) -> None:
    broken.write_bytes(behavior)
    with pytest.raises(error, match=said):
        open_runtime(broken, name="onnxruntime", threads=1)(PIXELS)


def test_a_graph_that_takes_without_end_to_load(
    monkeypatch: pytest.MonkeyPatch, broken: Path
) -> None:
    broken.write_bytes(b"")
    monkeypatch.setattr(module, "_OPENING", 0.05)
    monkeypatch.setattr(Broken, "__init__", lambda *_: time.sleep(1))
    with pytest.raises(WeightsError, match="given up"):
        open_runtime(broken, name="onnxruntime", threads=1)
