"""What runs a graph: OpenVINO or ONNX Runtime, whichever is faster on this processor.

Both count in float32. Lower precision would be faster on some processors and moves probabilities
by more than an export may differ from PyTorch (docs/predict.md has the figures), so it is not
used.
"""

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Protocol

import numpy as np

from metrascope.arrays import Floats32, Pixels
from metrascope.errors import DataError, MissingExtraError, WeightsError, is_memory_failure
from metrascope.files.atomic import write_json
from metrascope.predict.onnx_check import find_faults
from metrascope.processes.deadline import within

RuntimeName = Literal["openvino", "onnxruntime"]

RUNTIMES: Final[tuple[RuntimeName, ...]] = ("openvino", "onnxruntime")
OUTPUTS: Final = ("logits", "probabilities", "maps", "features")
INPUT: Final = "pixels"
_OPENING: Final = 300.0
"""Seconds to load a graph; OpenVINO takes 4 to compile the largest network, on two cores."""
_READING: Final = 60.0
"""Seconds that one network may take for one image; the slowest of ours takes 0.22 on two cores."""
_LARGEST: Final = 2 << 30
"""Bytes of an ONNX file: what a protocol-buffer message can have."""
_FATAL: Final = 4
# Timed runs, of which the median counts. Chosen, not measured.
_ROUNDS: Final = 7
_PROBE: Final = (480, 640)
"""Height and width of the sector that runtimes are timed on, pixels."""


class NetworkOutput(NamedTuple):
    """What a graph gives for n images and K classes; see `metrascope.predict.graph`."""

    logits: Floats32
    probabilities: Floats32
    maps: Floats32
    features: Floats32


class Runtime(Protocol):
    """Reads sector crops: uint8 (n, 1 or 3, height, width)."""

    @property
    def name(self) -> str:
        """What runs the graph."""

    def __call__(self, pixels: Pixels) -> NetworkOutput:
        """Read n images of one size."""


def open_runtime(path: Path, *, name: RuntimeName, threads: int) -> Runtime:
    """Load an ONNX file.

    Parameters
    ----------
    path
        The graph.
    name
        Which runtime.
    threads
        That one reading may use.

    Raises
    ------
    WeightsError
        If the file is no graph of ours: damaged, with other inputs or outputs, or with parts
        that lie in other files.
    MissingExtraError
        If the runtime is not installed.
    """
    try:
        runtime = within(_OPENING, lambda: _opened(path, name, threads))
    except TimeoutError as error:
        raise WeightsError("serving.endless", path=path, seconds=_OPENING) from error
    return _Bounded(path, runtime)


def _opened(path: Path, name: RuntimeName, threads: int) -> Runtime:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError(f"{path.stat().st_size} bytes")
        content = path.read_bytes()
        faults = find_faults(content)
    except (OSError, ValueError) as error:
        raise WeightsError("serving.no_graph", path=path, reason=error) from error
    for name_of, found in faults._asdict().items():
        if found:
            shown = "".join(sign if sign.isprintable() else "?" for sign in found[:100])
            raise WeightsError(f"serving.graph_{name_of}", path=path, found=shown)
    opener = _OpenVino if name == "openvino" else _OnnxRuntime
    try:
        return opener(content, threads)
    except ModuleNotFoundError as error:
        extra = "openvino" if name == "openvino" else "predict"
        raise MissingExtraError("common.missing_extra", package=error.name, extra=extra) from error
    except (RuntimeError, ValueError, KeyError, TypeError) as error:
        raise WeightsError("serving.no_graph", path=path, reason=_last_line(error)) from error


class _Bounded:
    """A runtime that has its time for each reading, and whose failures are ours."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        self.name, self._path, self._runtime = runtime.name, path, runtime

    def __call__(self, pixels: Pixels) -> NetworkOutput:
        try:
            return within(_READING, lambda: self._runtime(pixels))
        except TimeoutError as error:
            raise WeightsError("serving.endless", path=self._path, seconds=_READING) from error
        except Exception as error:  # the runtimes' errors have no base of their own
            if is_memory_failure(error):
                raise MemoryError(_last_line(error)) from error
            raise DataError("serving.no_answer", reason=_last_line(error)) from error


def _last_line(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
    return "".join(sign if sign.isprintable() else "?" for sign in line)


class _OnnxRuntime:
    name = "onnxruntime"

    def __init__(self, content: bytes, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _FATAL  # what a graph fails with is in the error as well
        # Threads that spin between readings would take the processor from decoding.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors have no base of their own
            raise ValueError(str(error)) from error
        self._silent = onnxruntime.RunOptions()
        self._silent.log_severity_level = _FATAL
        _check_names(
            [item.name for item in self._session.get_inputs()],
            [item.name for item in self._session.get_outputs()],
        )

    def __call__(self, pixels: Pixels) -> NetworkOutput:
        return NetworkOutput(*self._session.run(list(OUTPUTS), {INPUT: pixels}, self._silent))


class _OpenVino:
    name = "openvino"

    def __init__(self, content: bytes, threads: int) -> None:
        import openvino

        core = openvino.Core()
        # Compiling takes four times as long as reading what was compiled before.
        with suppress(OSError):
            compiled = _cache_folder() / "openvino"
            compiled.mkdir(parents=True, exist_ok=True)
            if os.access(compiled, os.W_OK):
                core.set_property({"CACHE_DIR": str(compiled)})
        settings = {
            # Its default is half precision where the processor has it.
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        model = core.read_model(content, b"")
        _check_names(
            [item.any_name for item in model.inputs], [item.any_name for item in model.outputs]
        )
        self._compiled = core.compile_model(model, "CPU", settings)
        self._request = self._compiled.create_infer_request()

    def __call__(self, pixels: Pixels) -> NetworkOutput:
        self._request.infer({INPUT: np.ascontiguousarray(pixels)})
        return NetworkOutput(*(self._request.get_tensor(name).data.copy() for name in OUTPUTS))


def _check_names(inputs: Sequence[str], outputs: Sequence[str]) -> None:
    if list(inputs) != [INPUT] or not set(OUTPUTS) <= set(outputs):
        raise ValueError(f"inputs {', '.join(inputs)}; outputs {', '.join(outputs)}")


def installed() -> list[RuntimeName]:
    """Return the runtimes that are installed here."""
    return [name for name in RUNTIMES if find_spec(name) is not None]


def choose_runtime(path: Path, digest: str, *, threads: int) -> RuntimeName:
    """Return the runtime that is faster for a graph on this processor.

    Where two are installed, both are timed on noise, for about a second, once: the choice is
    kept in the user's cache, under the graph's hash, the processor and the versions. It holds for
    any number of threads: the two differ in the seventh digit, and the same files are to give the
    same bytes however many processes share them.

    Raises
    ------
    MissingExtraError
        If none is installed.
    """
    names = installed()
    if not names:
        raise MissingExtraError(
            "common.missing_extra", package="onnxruntime or openvino", extra="predict"
        )
    if len(names) == 1:
        return names[0]
    key = _key(digest, names)
    known = _known().get(key)
    if known in names:
        return known  # type: ignore[no-any-return]
    times = {name: seconds(open_runtime(path, name=name, threads=threads)) for name in names}
    fastest = min(times, key=lambda name: times[name])
    _keep(key, fastest)
    return fastest


def seconds(runtime: Runtime, rounds: int = _ROUNDS) -> float:
    """Return the median time of one reading of noise, in seconds."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (1, 1, *_PROBE), dtype=np.uint8)
    runtime(pixels)
    return statistics.median(_timed(lambda: runtime(pixels)) for _ in range(rounds))


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _key(digest: str, names: Sequence[str]) -> str:
    versions = " ".join(f"{name} {_version(name)}" for name in names)
    return f"{digest} {_processor()} {versions}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "?"


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cache_folder() -> Path:
    base = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "metrascope"


def _cache() -> Path:
    return _cache_folder() / "runtimes.json"


def _known() -> dict[str, Any]:
    try:
        content = json.loads(_cache().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _keep(key: str, name: str) -> None:
    # A cache that cannot be written costs a second next time and nothing else.
    with suppress(Exception):
        write_json(_cache(), _known() | {key: name})
