"""What of a data set waits for a person: one count, for the screen and for the evidence page."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from metrascope.ingest.catalog import Catalog
from metrascope.ingest.journal import Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.messages import Reason

_TO_VIEW: Final = frozenset(
    f"ingest.{name}"
    for name in ("still_reads", "still_repeats", "crashed", "too_slow", "memory", "bug")
)
"""Reasons for which a person should look at a file: text that stays, and failures."""


@dataclass(frozen=True)
class Waiting:
    """What waits for a person.

    Attributes
    ----------
    undecided
        Files whose diagnosis has no class until a person decides it, in ``diagnoses.csv``.
    disputed
        Files of which only a person can say whose they are, and why (`Catalog.disputed`).
    to_view
        Images whose text was masked, files and frames that were held back or that failed, and
        why.

    Files and images are named by their code in the data set, and sorted by it: in the order of
    original names, a ward's sorted list would undo the codes.
    """

    undecided: int = 0
    disputed: tuple[tuple[str, Rejection], ...] = ()
    to_view: tuple[tuple[str, Rejection], ...] = ()

    @property
    def count(self) -> int:
        """Return how many files and images wait in all."""
        return self.undecided + len(self.disputed) + len(self.to_view)

    @property
    def sentences(self) -> list[Reason]:
        """Return the count in all, then each of its parts that there is; nothing where none is."""
        parts = {
            "undecided": self.undecided,
            "disputed": len(self.disputed),
            "to_view": len(self.to_view),
        }
        found = [Reason(f"ingest.waiting_{name}", {"count": n}) for name, n in parts.items() if n]
        return [Reason("ingest.waiting", {"count": self.count}), *found] if found else []


def find_waiting(catalog: Catalog, undecided: int, pseudonyms: Pseudonyms) -> Waiting:
    """Return what waits for a person.

    Parameters
    ----------
    catalog
        What the ingest came to, as people have decided it.
    undecided
        `metrascope.ingest.diagnoses.DiagnosisList.waiting`.
    pseudonyms
        Give the codes of files.
    """
    disputed = (
        (pseudonyms.source(record.sha256 or record.source), why)
        for record, why in catalog.disputed.values()
    )
    return Waiting(undecided, _sorted(disputed), _sorted(_to_view(catalog, pseudonyms)))


def _to_view(catalog: Catalog, pseudonyms: Pseudonyms) -> Iterator[tuple[str, Rejection]]:
    for record, why in catalog.rejections:
        if why.reason in _TO_VIEW:
            yield pseudonyms.source(record.sha256 or record.source), why
    for image in catalog.images:
        if image["text_check"] == "masked":
            yield str(image["image"]), Rejection("evidence.masked")


def _sorted(found: Iterator[tuple[str, Rejection]]) -> tuple[tuple[str, Rejection], ...]:
    return tuple(sorted(found, key=lambda entry: (entry[0], entry[1].reason)))
