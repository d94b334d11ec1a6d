"""Pairs of images that are worth a close look: points that look alike vote for them.

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

# None was measured alone; together they find all 16 planted changes (docs/audit.md). Points of an
# image that are indexed and that ask; neighbors of each; dimensions of reduced descriptors.
_INDEXED: Final = 128
_NEIGHBORS: Final = 6
_DIMENSIONS: Final = 48
# Points that are compared one by one sooner than lists are laid out.
_FEW: Final = 8192
# Lists that are read for a point: eight find 96 pairs where three find 94 (docs/decisions.md).
_LISTS_READ: Final = 3
# Points that place a list, and images whose points they are.
_POINTS_PER_LIST: Final = 16
_SAMPLED_IMAGES: Final = 4096
# Votes that make a candidate, and candidates that an image asks for at most.
_LEAST_VOTES: Final = 5
_MOST_PARTNERS: Final = 6
# Votes agree within a cell of this many pixels of the pane and octaves of scale.
_CELL_PIXELS: Final = 64.0
_CELL_OCTAVES: Final = 0.7
# Images that ask at once, and descriptors that are reduced at once.
_IMAGES_AT_ONCE: Final = 512
_ROWS_AT_ONCE: Final = 65_536
# Descriptors that the principal axes are computed from, at most.
_AXES_SAMPLE: Final = 100_000


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
            for start in range(0, len(shelf), _IMAGES_AT_ONCE):
                numbers = range(start, min(start + _IMAGES_AT_ONCE, len(shelf)))
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
    every = max(1, len(shelf) // _SAMPLED_IMAGES)
    sample = _descriptors(shelf, range(0, len(shelf), every))
    axes = _axes(sample)
    search = _lists(len(owners), _reduce(sample, axes))
    at = np.zeros((len(owners), 3), np.float32)
    end = 0
    for first in range(0, len(shelf), _IMAGES_AT_ONCE):
        numbers = range(first, min(first + _IMAGES_AT_ONCE, len(shelf)))
        for number in numbers:
            points = _strongest(shelf.points(number))
            start, end = end, end + len(points.at)
            at[start:end] = points.at
        descriptors = _descriptors(shelf, numbers)
        if len(descriptors):
            search.add(_reduce(descriptors, axes))
    return _Entries(search, axes, owners, at)


def _descriptors(shelf: ViewStore, numbers: range) -> npt.NDArray[np.uint8]:
    return np.concatenate([_strongest(shelf.points(number)).descriptors for number in numbers])


def _lists(count: int, sample: Floats32) -> Any:
    """Return the empty inverted file for so many points.

    As many lists as each has points: finding the nearest lists then costs what reading one does.
    A point is kept as 24 times four bits, one of 16 values for each two coordinates, so that one
    instruction compares 32 points (André, Kermarrec and Le Scouarnec, 2015).
    """
    if count < _FEW:
        return faiss.IndexFlatL2(_DIMENSIONS)
    nearest = faiss.IndexFlatL2(_DIMENSIONS)
    search = faiss.IndexIVFPQFastScan(nearest, _DIMENSIONS, math.isqrt(count), _DIMENSIONS // 2, 4)
    search.nprobe = _LISTS_READ
    for clusters in (search.cp, search.pq.cp):
        clusters.seed, clusters.min_points_per_centroid = 1, 1
    search.cp.niter, search.cp.max_points_per_centroid = 4, _POINTS_PER_LIST
    with _threads(1):  # several would add up in another order
        search.train(sample)
    return search


def _strongest(points: KeyPoints) -> KeyPoints:
    return KeyPoints(points.at[:_INDEXED], points.descriptors[:_INDEXED])


def _axes(sample: npt.NDArray[np.uint8]) -> Floats32:
    """Return the principal axes of the descriptors, (128, dimensions)."""
    some_rows = sample[:: max(1, len(sample) // _AXES_SAMPLE)].astype(np.float64)
    _, vectors = np.linalg.eigh(np.cov(some_rows.T))
    return np.ascontiguousarray(vectors[:, : -_DIMENSIONS - 1 : -1], np.float32)


def _reduce(descriptors: npt.NDArray[np.uint8], axes: Floats32) -> Floats32:
    result = np.empty((len(descriptors), axes.shape[1]), np.float32)
    for start in range(0, len(descriptors), _ROWS_AT_ONCE):
        result[start : start + _ROWS_AT_ONCE] = (
            descriptors[start : start + _ROWS_AT_ONCE].astype(np.float32) @ axes
        )
    return result


def _ask(
    shelf: ViewStore, entries: _Entries, numbers: range, flipped: bool
) -> Iterator[tuple[Candidate, int]]:
    """Search the neighbors of several views' points at once and count each view's votes."""
    queries = [_strongest(shelf.points(number)) for number in numbers]
    if flipped:
        queries = [
            mirrored(points, shelf.width(number))
            for number, points in zip(numbers, queries, strict=True)
        ]
    descriptors = np.concatenate([points.descriptors for points in queries])
    if not len(descriptors):
        return
    # Rows of the index, (points, neighbors); -1 where there are fewer.
    _, near = entries.search.search(_reduce(descriptors, entries.axes), _NEIGHBORS)
    end = 0
    for number, points in zip(numbers, queries, strict=True):
        start, end = end, end + len(points.at)
        counts = _votes(entries, number, points, near[start:end])
        for other, count in counts.most_common(_MOST_PARTNERS):
            yield Candidate(min(number, other), max(number, other), flipped), count


def _votes(
    entries: _Entries, number: int, points: KeyPoints, near: npt.NDArray[np.int64]
) -> Counter[int]:
    """Count, for each other view, the points that agree on one scale and shift, if enough do."""
    asking = np.repeat(np.arange(len(points.at)), near.shape[1])
    hits = near.ravel()
    others = (hits >= 0) & (entries.owners[hits] != number)
    # Most views have too few hits for a candidate, wherever these lie.
    _, view, counts = np.unique(
        entries.owners[hits[others]], return_inverse=True, return_counts=True
    )
    many = counts[view] >= _LEAST_VOTES
    asking, hits = asking[others][many], hits[others][many]
    best: Counter[int] = Counter()
    if not len(hits):
        return best
    owners = entries.owners[hits].astype(np.int64)
    here, there = points.at[asking], entries.at[hits]
    octaves = np.log2(here[:, 2] / there[:, 2]) / _CELL_OCTAVES
    # From the middle, where a wrong scale moves a point least.
    shift = (here[:, :2] - 128) - np.exp2(octaves * _CELL_OCTAVES)[:, None] * (there[:, :2] - 128)
    # Eight grids of cells, moved by half a cell each way: votes beside a border meet in another.
    for offset in np.ndindex(2, 2, 2):
        cells = np.column_stack([octaves, shift / _CELL_PIXELS]) + np.array(offset) / 2
        # Owner and three coordinates of 0 to 63 as one number, then the point (under 1024).
        binned = np.clip(np.floor(cells).astype(np.int64) + 32, 0, 63)
        keys = ((owners * 64 + binned[:, 0]) * 64 + binned[:, 1]) * 64 + binned[:, 2]
        # One point has one vote in a cell, however many of its neighbors lie there.
        single = np.unique(keys * 1024 + asking)
        votes, counts = np.unique(single // 1024, return_counts=True)
        many = counts >= _LEAST_VOTES
        for owner, count in zip(
            (votes[many] // 64**3).tolist(), counts[many].tolist(), strict=True
        ):
            best[owner] = max(best[owner], count)
    return best
