"""What a piece of work costs: processor and clock time, and memory, of this process and its own.

Memory is sampled where Linux tells it. ``anonymous`` is what a process has asked for itself;
``resident`` counts mapped pages of files as well, which the system takes back when it needs them,
so that it grows with a mapped file as far as memory is free and says little.
"""

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

_EVERY = 0.05
_MEBIBYTE = 2**20


@dataclass
class Cost:
    """What was spent: seconds, and mebibytes of memory at their highest.

    ``processor`` includes processes that have ended; ``others`` is the anonymous memory of all
    processes that this one started, together.
    """

    processor: float = 0.0
    clock: float = 0.0
    anonymous: float = 0.0
    others: float = 0.0
    resident: float = 0.0


@contextmanager
def metered() -> Iterator[Cost]:
    """Measure what the block costs."""
    cost = Cost()
    with _Sampler(cost):
        started, spent = time.perf_counter(), _spent()
        yield cost
        cost.clock, cost.processor = time.perf_counter() - started, _spent() - spent
    cost.resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _spent() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    usage = [resource.getrusage(kind) for kind in kinds]
    return sum(each.ru_utime + each.ru_stime for each in usage)


class _Sampler:
    """Keeps the highest memory seen while it is open."""

    def __init__(self, cost: Cost) -> None:
        self._cost, self._ended = cost, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        own = os.getpid()
        self._cost.anonymous = max(self._cost.anonymous, _anonymous(own))
        self._cost.others = max(self._cost.others, sum(map(_anonymous, _below(own))))


def _anonymous(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    sizes = (line.split()[1] for line in lines if line.startswith("RssAnon:"))
    return int(next(sizes, "0")) * 1024 / _MEBIBYTE


def _below(process: int) -> list[int]:
    """Return the processes that a process has started, and those that these have."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found = [process]
    for above in found:
        found += [child for child, parent in parents.items() if parent == above]
    return found[1:]


Costs = Iterator[tuple[str, Cost]]


@dataclass(frozen=True)
class Part:
    """A part whose cost is measured: the sizes, what they count, and the work of one size.

    The work takes a size, an empty folder and a bundle, if one was given, and yields names and
    costs.
    """

    sizes: tuple[int, ...]
    axis: str
    work: Callable[[int, Path, Path | None], Costs]
