"""Pairs of images that are one image, and those that are so by file or by pixels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Final, Literal, TypeVar

from metrascope.audit.verification import Agreement
from metrascope.audit.views import Fingerprint, compute_fingerprint
from metrascope.dataset.manifest import Manifest

PairKind = Literal["file", "pixels", "near"]
_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

# Results in memory at a time, of 80 kB each. Chosen, not measured.
_RESULTS_AT_ONCE: Final = 64


@dataclass(frozen=True)
class DuplicatePair:
    """Two images of the manifest that are one.

    Attributes
    ----------
    first, second
        Positions in the manifest's table, ``first < second``.
    kind
        ``file``: the same bytes; ``pixels``: the same grey levels in another file; ``near``: the
        same speckle after a change.
    agreement
        Agreement of a near duplicate's two images; None for the exact ones.
    """

    first: int
    second: int
    kind: PairKind
    agreement: Agreement | None = None


def exact_pairs(prints: Sequence[Fingerprint]) -> list[DuplicatePair]:
    """Pair every image with the first that has the same file or the same pixels.

    A set of n copies gives n - 1 pairs, not n(n - 1)/2.
    """
    pairs = []
    firsts: dict[tuple[str, str], int] = {}
    for row, fingerprint in enumerate(prints):
        for kind, digest in (("file", fingerprint.file_hash), ("pixels", fingerprint.pixel_hash)):
            first = firsts.setdefault((kind, digest), row) if digest else row
            if first != row:
                pairs.append(DuplicatePair(first, row, "file" if kind == "file" else "pixels"))
                break
    return pairs


def read_fingerprints(
    manifest: Manifest, jobs: int, *, compared: bool = True
) -> Iterator[Fingerprint]:
    """Yield what `compute_fingerprint` tells of every image, in order; ``jobs`` are threads."""
    work = partial(compute_fingerprint, manifest, compared=compared)
    for _, fingerprint in in_threads(work, range(len(manifest.table)), jobs):
        yield fingerprint


def in_threads(
    work: Callable[[_Task], _Result], tasks: Iterable[_Task], jobs: int
) -> Iterator[tuple[_Task, _Result]]:
    """Do tasks in threads, in order; OpenCV and hashing leave the interpreter free.

    Only a batch of results is held at a time.
    """
    waiting = iter(tasks)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        while batch := list(islice(waiting, _RESULTS_AT_ONCE)):
            yield from zip(batch, pool.map(work, batch), strict=True)
