"""Near duplicates: pairs of images that are one by what is in the scan sector."""

from collections.abc import Sequence

from metrascope.audit.candidates import Candidate, find_candidates
from metrascope.audit.pairs import DuplicatePair, in_threads
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import ViewStore
from metrascope.audit.verification import Agreement, compare_views
from metrascope.progress import Advance


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
        return compare_views(first, second, flipped=candidate.flipped)

    best: dict[tuple[int, int], Agreement] = {}
    for done, (candidate, found) in enumerate(in_threads(verify, candidates, jobs), start=1):
        key = rows[candidate.first], rows[candidate.second]
        if key not in best or found.score > best[key].score:
            best[key] = found
        if advance is not None:
            advance(done, len(candidates))
    ranked = sorted(best.items(), key=lambda item: (-item[1].score, item[0]))
    same = [DuplicatePair(*key, "near", found) for key, found in ranked if settings.same(found)]
    return same, [
        DuplicatePair(*key, "near", found) for key, found in ranked if not settings.same(found)
    ]
