"""The duplicates of a data set, exact and near, and the table that a study keeps of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from metrascope.audit.candidates import Candidate, find_candidates
from metrascope.audit.pairs import DuplicatePair, PairKind, exact_pairs, in_threads
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import ViewStore
from metrascope.audit.verification import Agreement, compare_views
from metrascope.audit.views import Fingerprint
from metrascope.dataset.csv_table import read_table
from metrascope.dataset.manifest import Manifest
from metrascope.errors import DataError
from metrascope.files.csv_file import write_table
from metrascope.progress import Advance

_COLUMNS: Final = ("first", "second", "kind", "score")
_KINDS: Final[dict[str, PairKind]] = {"file": "file", "pixels": "pixels", "near": "near"}


@dataclass(frozen=True)
class Duplicates:
    """Results of a comparison of all images with each other.

    Attributes
    ----------
    prints
        Hashes, quality and problem of each image, without the views.
    rows
        Position of each view on the shelf in the manifest's table.
    pairs
        Exact duplicates, then near ones, best first.
    beneath
        Pairs that came closest to being near duplicates, best first.
    """

    prints: tuple[Fingerprint, ...]
    rows: tuple[int, ...]
    pairs: tuple[DuplicatePair, ...]
    beneath: tuple[DuplicatePair, ...]


def find_duplicates(
    fingerprints: Iterable[Fingerprint],
    count: int,
    shelf: ViewStore,
    settings: AuditSettings,
    *,
    jobs: int,
    progress: Advance | None = None,
) -> Duplicates:
    """Compare every image with every other.

    Parameters
    ----------
    fingerprints
        Fingerprints of the images of a manifest with their views, in its order.
    count
        How many there are.
    shelf
        Empty shelf, which gets the views.
    settings
        Thresholds.
    jobs
        Number of threads.
    progress
        Called as images are read (nine tenths) and pairs are verified.
    """
    prints: list[Fingerprint] = []
    rows: list[int] = []
    hashes: set[str] = set()
    for row, fingerprint in enumerate(fingerprints):
        if fingerprint.view is not None and fingerprint.pixel_hash not in hashes:
            hashes.add(fingerprint.pixel_hash)
            shelf.put(fingerprint.view)
            rows.append(row)
        prints.append(replace(fingerprint, view=None))
        if progress is not None:
            progress(9 * (row + 1), 10 * count)
    near, beneath = near_pairs(shelf, rows, settings, jobs=jobs, advance=_tail(progress))
    pairs = (*exact_pairs(prints), *near)
    return Duplicates(tuple(prints), tuple(rows), pairs, tuple(beneath))


def near_pairs(
    shelf: ViewStore,
    rows: Sequence[int],
    settings: AuditSettings,
    *,
    jobs: int,
    advance: Advance | None = None,
) -> tuple[list[DuplicatePair], list[DuplicatePair]]:
    """Find the near duplicates among the views of a shelf.

    Parameters
    ----------
    shelf
        Views of the images, each picture once.
    rows
        Position of each view in the manifest's table, ascending.
    settings
        Thresholds.
    jobs
        Number of threads.
    advance
        Called after each of the candidates, if any.

    Returns
    -------
    The pairs, best first, and the candidates that are none, likewise: pairs just under the
    thresholds show whether these are right.
    """
    candidates = find_candidates(shelf, jobs=jobs)

    def verify(candidate: Candidate) -> Agreement:
        first, second = shelf.view(candidate.first), shelf.view(candidate.second)
        return compare_views(first, second, flipped=candidate.flipped)

    best: dict[tuple[int, int], Agreement] = {}
    for done, (candidate, agreement) in enumerate(in_threads(verify, candidates, jobs), start=1):
        key = rows[candidate.first], rows[candidate.second]
        if key not in best or agreement.score > best[key].score:
            best[key] = agreement
        if advance is not None:
            advance(done, len(candidates))
    ranked = sorted(best.items(), key=lambda item: (-item[1].score, item[0]))
    same = [
        DuplicatePair(*key, "near", agreement)
        for key, agreement in ranked
        if settings.same(agreement)
    ]
    return same, [
        DuplicatePair(*key, "near", agreement)
        for key, agreement in ranked
        if not settings.same(agreement)
    ]


def write_duplicates(path: Path, manifest: Manifest, pairs: Iterable[DuplicatePair]) -> None:
    """Write pairs by the names of their images, atomically; an exact pair has no score."""
    images = manifest.table["image"].tolist()
    rows = (
        (
            images[pair.first],
            images[pair.second],
            pair.kind,
            "" if pair.agreement is None else f"{pair.agreement.score:.3f}",
        )
        for pair in pairs
    )
    write_table(path, _COLUMNS, rows)


def read_duplicates(path: Path, manifest: Manifest) -> list[DuplicatePair]:
    """Read pairs as `write_duplicates` has written them, without what they agree by.

    Raises
    ------
    DataError
        If it is no such table, or names an image that the manifest has not.
    """
    if path.read_bytes().decode("utf-8-sig", "replace").strip() == ",".join(_COLUMNS):
        return []  # a header alone, which is no table elsewhere
    table = read_table(path, _COLUMNS)
    places = {name: place for place, name in enumerate(manifest.table["image"])}
    pairs = []
    for row, first, second, kind in zip(
        table.index, table["first"], table["second"], table["kind"], strict=True
    ):
        if first not in places or second not in places or kind not in _KINDS:
            raise DataError("audit.bad_pair", path=path, row=row)
        pairs.append(DuplicatePair(places[first], places[second], _KINDS[kind]))
    return pairs


def _tail(progress: Advance | None) -> Advance | None:
    """Return a progress whose whole is the last tenth of the given one."""
    if progress is None:
        return None

    def advance(done: int, all_: int, note: str = "") -> None:
        progress(9 * all_ + done, 10 * all_, note)

    return advance
