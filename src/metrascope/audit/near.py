"""Near duplicates: pairs of images whose scan sectors show the same."""

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
