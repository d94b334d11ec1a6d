"""Pairs of images that are one image: by file, by pixels, by what is in the scan sector."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeVar

from metrascope.audit.candidates import Candidate, find_candidates
from metrascope.audit.fingerprint import Fingerprint
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import Shelf
from metrascope.audit.verification import Agreement, compare
from metrascope.progress import Advance

Kind = Literal["file", "pixels", "near"]
Task = TypeVar("Task")
Result = TypeVar("Result")

_BATCH: Final = 64


@dataclass(frozen=True)
class Pair:
    """Two images of the manifest that are one.

    Attributes
    ----------
    first, second
        Positions in the manifest's table, ``first < second``.
    kind
        ``file``: the same bytes; ``pixels``: the same grey levels in another file; ``near``: the
        same speckle after a change.
    agreement
        How a near duplicate was found; None for the exact ones.
    """

    first: int
    second: int
    kind: Kind
    agreement: Agreement | None = None


def exact_pairs(prints: Sequence[Fingerprint]) -> list[Pair]:
    """Pair every image with the first that has the same file or the same pixels.

    A set of n copies gives n - 1 pairs, not n(n - 1)/2.
    """
    pairs = []
    firsts: dict[tuple[str, str], int] = {}
    for row, taken in enumerate(prints):
        for kind, digest in (("file", taken.file_hash), ("pixels", taken.pixel_hash)):
            first = firsts.setdefault((kind, digest), row) if digest else row
            if first != row:
                pairs.append(Pair(first, row, "file" if kind == "file" else "pixels"))
                break
    return pairs


def near_pairs(
    shelf: Shelf,
    rows: Sequence[int],
    settings: AuditSettings,
    *,
    jobs: int,
    advance: Advance | None = None,
) -> tuple[list[Pair], list[Pair]]:
    """Find the near duplicates among the views of a shelf.

    Parameters
    ----------
    shelf
        The views, each picture once.
    rows
        For each view its position in the manifest's table, ascending.
    settings
        The thresholds.
    jobs
        Threads.
    advance
        Called after each of the candidates, if any.

    Returns
    -------
    The pairs, best first, and the candidates that are none, likewise: what lies just under the
    thresholds tells whether they are right.
    """
    candidates = find_candidates(shelf, jobs=jobs)

    def verify(candidate: Candidate) -> Agreement:
        first, second = shelf.view(candidate.first), shelf.view(candidate.second)
        return compare(first, second, flipped=candidate.flipped)

    best: dict[tuple[int, int], Agreement] = {}
    for done, (candidate, found) in enumerate(in_threads(verify, candidates, jobs), start=1):
        key = rows[candidate.first], rows[candidate.second]
        if key not in best or found.score > best[key].score:
            best[key] = found
        if advance is not None:
            advance(done, len(candidates))
    ranked = sorted(best.items(), key=lambda item: (-item[1].score, item[0]))
    same = [Pair(*key, "near", found) for key, found in ranked if settings.same(found)]
    return same, [Pair(*key, "near", found) for key, found in ranked if not settings.same(found)]


def in_threads(
    work: Callable[[Task], Result], tasks: Iterable[Task], jobs: int
) -> Iterator[tuple[Task, Result]]:
    """Do tasks in threads, in order; OpenCV and hashing leave the interpreter free.

    Only a batch of results is held at a time.
    """
    waiting = iter(tasks)
    with ThreadPoolExecutor(max(1, jobs)) as pool:
        while batch := list(islice(waiting, _BATCH)):
            yield from zip(batch, pool.map(work, batch), strict=True)
