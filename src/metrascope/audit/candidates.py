"""Which pairs of images are worth a close look: points that look alike vote for them.

Every image asks for the nearest neighbors of its points among the points of all images, also
mirrored. Neighbors that belong to one image, and agree on one scale and shift, are votes for
that pair. The neighbors come from an inverted file of which only a few lists are read, so that the
cost of an image grows with the root of their number: doubled from a thousand to a hundred thousand.
"""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats32
from metrascope.audit.points import KeyPoints, mirrored
from metrascope.audit.shelf import ViewStore

_INDEXED: Final = 128
_NEIGHBORS: Final = 6
_DIMENSIONS: Final = 48
_FEW: Final = 8192
"""Points that are compared one by one sooner than lists are laid out."""
_LISTS_READ: Final = 3
_LAID_OUT_BY: Final = 16
"""Points that place a list."""
_SAMPLED: Final = 4096
"""Images whose points the lists are laid out by."""
_LEAST_VOTES: Final = 5
_MOST_PARTNERS: Final = 6
_CELL: Final = 64.0
_OCTAVES: Final = 0.7
_BATCH: Final = 512
_ROWS: Final = 65_536


@dataclass(frozen=True, order=True)
class Candidate:
    """Two views that may be one image; ``first < second``, the second perhaps mirrored."""

    first: int
    second: int
    flipped: bool


@dataclass(frozen=True)
class _Entries:
    """All indexed points: the search, and of each point its view, place and size."""

    search: Any
    axes: Floats32
    owners: npt.NDArray[np.int32]
    at: Floats32


def find_candidates(shelf: ViewStore, *, jobs: int = 1) -> list[Candidate]:
    """Return the pairs of views that enough points vote for, in order; ``jobs`` threads search."""
    counts = [min(_INDEXED, len(shelf.points(number).at)) for number in range(len(shelf))]
    if np.count_nonzero(counts) < 2:
        return []
    votes: Counter[Candidate] = Counter()
    with _threads(max(1, jobs)):
        entries = _index(shelf, counts)
        for flipped in (False, True):
            for start in range(0, len(shelf), _BATCH):
                numbers = range(start, min(start + _BATCH, len(shelf)))
                for candidate, count in _ask(shelf, entries, numbers, flipped):
                    votes[candidate] = max(votes[candidate], count)
    return sorted(votes)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let faiss compute in so many threads, and put the number back.

    The number is that of OpenMP, which torch shares: left behind, it overrules what the process was
    started with (``OMP_NUM_THREADS``, torchrun), and threads of several processes wait for the same
    cores, many times slower than one thread each.
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(count)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _index(shelf: ViewStore, counts: list[int]) -> _Entries:
    owners = np.repeat(np.arange(len(shelf), dtype=np.int32), counts)
    every = max(1, len(shelf) // _SAMPLED)
    sample = _appearances(shelf, range(0, len(shelf), every))
    axes = _axes(sample)
    search = _lists(len(owners), _reduced(sample, axes))
    at = np.zeros((len(owners), 3), np.float32)
    end = 0
    for first in range(0, len(shelf), _BATCH):
        numbers = range(first, min(first + _BATCH, len(shelf)))
        for number in numbers:
            points = _strongest(shelf.points(number))
            start, end = end, end + len(points.at)
            at[start:end] = points.at
        looks = _appearances(shelf, numbers)
        if len(looks):
            search.add(_reduced(looks, axes))
    return _Entries(search, axes, owners, at)


def _appearances(shelf: ViewStore, numbers: range) -> npt.NDArray[np.uint8]:
    return np.concatenate([_strongest(shelf.points(number)).looks for number in numbers])


def _lists(count: int, sample: Floats32) -> Any:
    """Return the empty inverted file for so many points.

    As many lists as each has points: finding the nearest lists then costs what reading one does.
    Of a point 24 times four bits are kept, one of 16 values for each two coordinates, so that one
    instruction compares 32 points (André, Kermarrec and Le Scouarnec, 2015).
    """
    if count < _FEW:
        return faiss.IndexFlatL2(_DIMENSIONS)
    nearest = faiss.IndexFlatL2(_DIMENSIONS)
    search = faiss.IndexIVFPQFastScan(nearest, _DIMENSIONS, math.isqrt(count), _DIMENSIONS // 2, 4)
    search.nprobe = _LISTS_READ
    for clusters in (search.cp, search.pq.cp):
        clusters.seed, clusters.min_points_per_centroid = 1, 1
    search.cp.niter, search.cp.max_points_per_centroid = 4, _LAID_OUT_BY
    with _threads(1):  # several would add up in another order
        search.train(sample)
    return search


def _strongest(points: KeyPoints) -> KeyPoints:
    return KeyPoints(points.at[:_INDEXED], points.looks[:_INDEXED])


def _axes(sample: npt.NDArray[np.uint8]) -> Floats32:
    """Return the principal axes of the descriptors, (128, dimensions)."""
    chosen = sample[:: max(1, len(sample) // 100_000)].astype(np.float64)
    _, vectors = np.linalg.eigh(np.cov(chosen.T))
    return np.ascontiguousarray(vectors[:, : -_DIMENSIONS - 1 : -1], np.float32)


def _reduced(looks: npt.NDArray[np.uint8], axes: Floats32) -> Floats32:
    reduced = np.empty((len(looks), axes.shape[1]), np.float32)
    for start in range(0, len(looks), _ROWS):
        reduced[start : start + _ROWS] = looks[start : start + _ROWS].astype(np.float32) @ axes
    return reduced


def _ask(
    shelf: ViewStore, entries: _Entries, numbers: range, flipped: bool
) -> Iterator[tuple[Candidate, int]]:
    """Search the neighbors of several views' points at once and count each view's votes."""
    asked = [_strongest(shelf.points(number)) for number in numbers]
    if flipped:
        asked = [mirrored(points, shelf.width(n)) for n, points in zip(numbers, asked, strict=True)]
    looks = np.concatenate([points.looks for points in asked])
    if not len(looks):
        return
    _, near = entries.search.search(_reduced(looks, entries.axes), _NEIGHBORS)
    end = 0
    for number, points in zip(numbers, asked, strict=True):
        start, end = end, end + len(points.at)
        counts = _votes(entries, number, points, near[start:end])
        for other, count in counts.most_common(_MOST_PARTNERS):
            yield Candidate(min(number, other), max(number, other), flipped), count


def _votes(
    entries: _Entries, number: int, points: KeyPoints, near: npt.NDArray[np.int64]
) -> Counter[int]:
    """Count, for each other view, the points that agree on one scale and shift, if enough do."""
    asking = np.repeat(np.arange(len(points.at)), near.shape[1])
    found = near.ravel()
    keep = (found >= 0) & (entries.owners[found] != number)
    # Most views have too few hits for a candidate, wherever these lie.
    _, view, hits = np.unique(entries.owners[found[keep]], return_inverse=True, return_counts=True)
    many = hits[view] >= _LEAST_VOTES
    asking, found = asking[keep][many], found[keep][many]
    best: Counter[int] = Counter()
    if not len(found):
        return best
    owners = entries.owners[found].astype(np.int64)
    here, there = points.at[asking], entries.at[found]
    octaves = np.log2(here[:, 2] / there[:, 2]) / _OCTAVES
    # From the middle, where a wrong scale moves a point least.
    shift = (here[:, :2] - 128) - np.exp2(octaves * _OCTAVES)[:, None] * (there[:, :2] - 128)
    for offset in np.ndindex(2, 2, 2):
        cells = np.column_stack([octaves, shift / _CELL]) + np.array(offset) / 2
        binned = np.clip(np.floor(cells).astype(np.int64) + 32, 0, 63)
        keys = ((owners * 64 + binned[:, 0]) * 64 + binned[:, 1]) * 64 + binned[:, 2]
        # One point has one vote in a cell, however many of its neighbors lie there.
        single = np.unique(keys * 1024 + asking)
        kept, counts = np.unique(single // 1024, return_counts=True)
        many = counts >= _LEAST_VOTES
        for owner, count in zip((kept[many] // 64**3).tolist(), counts[many].tolist(), strict=True):
            best[owner] = max(best[owner], count)
    return best
