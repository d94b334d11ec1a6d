"""What an ingest has changed in the data set, and whether its folder and its labels fit at all."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from metrascope.ingest.catalog import Catalog
from metrascope.ingest.flow_diagram import is_still
from metrascope.ingest.journal import IngestJournal, Record
from metrascope.ingest.label_notices import column_roles, unused_columns
from metrascope.ingest.places import Search
from metrascope.labels.columns import KEYS
from metrascope.labels.matching import Labels
from metrascope.messages import Reason, reason_title
from metrascope.sources.search import QUIET

_ELSEWHERE: Final = ("labels.left_out", "decided.left_out")
"""Reasons of a person who wants it so: they explain no failure."""


@dataclass(frozen=True)
class EarlierFiles:
    """Files that runs before this one have seen: their places and the SHA-256 of their contents."""

    places: frozenset[tuple[str, str, str]]
    contents: frozenset[str]


@dataclass(frozen=True)
class Changes:
    """What this run has changed.

    Attributes
    ----------
    before, added, gone
        Images that the manifest listed when it was last written, those that are in it for the
        first time, and those that are no longer in it. Rows of a person's own do not count.
    files, new
        Image files in the folder of this run; those of them that no run before has seen.
    has_row
        Whether any of them belongs to a row of the labels, with a class or without.
    left_out
        Reason, and whether it is of single stills rather than whole files, to how many of this
        folder are left out for it.
    new_left_out
        The same of the new files, by reason alone.
    """

    before: int
    added: int
    gone: int
    files: int = 0
    new: int = 0
    has_row: bool = True
    left_out: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    new_left_out: Mapping[str, int] = field(default_factory=dict)


def seen_files(journal: IngestJournal) -> EarlierFiles:
    """Return the files that a journal has, before a run adds its own."""
    records = journal.records.values()
    contents = frozenset(record.sha256 for record in records) - {""}
    return EarlierFiles(frozenset(record.place for record in records), contents)


def find_changes(
    search: Search,
    records: Iterable[Record],
    seen: EarlierFiles,
    catalog: Catalog,
    before: Collection[str],
) -> Changes:
    """Compare a data set with what it was before a run.

    Parameters
    ----------
    search
        The folder of the run.
    records
        Of the journal at its end.
    seen
        From `seen_files`, at its beginning.
    catalog
        What the data set holds.
    before
        Images that it held.
    """
    now = {str(image["image"]) for image in catalog.images}
    here = [r for r in records if r.place in search.places and _is_image_file(r)]
    new = {r.place for r in here if r.place not in seen.places and r.sha256 not in seen.contents}
    rejections = [(r, why) for r, why in catalog.rejections if r.place in search.places]
    return Changes(
        before=len(before),
        added=len(now.difference(before)),
        gone=len(set(before) - now),
        files=len(here),
        new=len(new),
        has_row=any(map(_has_row, here)),
        left_out=Counter((why.reason, is_still(why)) for _, why in rejections),
        new_left_out=Counter(why.reason for record, why in rejections if record.place in new),
    )


def _is_image_file(record: Record) -> bool:
    return not any(each.reason.startswith("sources.") for each in record.rejections)


def _has_row(record: Record) -> bool:
    """Tell whether a file belongs to a row of the labels, also to one that gives it no class."""
    if record.row is not None:
        return True
    told = (each for each in record.rejections if each.reason.startswith("labels."))
    return any({"row", "rows"} & {*each.values} for each in told)


def change_notices(changes: Changes, search: Search) -> list[Reason]:
    """Return a sentence where new files have come and nothing of them is in the data set.

    Parameters
    ----------
    changes
        From `find_changes`.
    search
        The folder of the run.
    """
    telling = Counter({k: n for k, n in changes.new_left_out.items() if k not in _ELSEWHERE})
    if changes.added or not changes.new or not changes.has_row or not telling:
        return []
    (key, count), *_ = telling.most_common(1)
    values: dict[str, str | int | float] = {
        "new": changes.new,
        "folder": search.root,
        "reason": reason_title(key),
        "count": count,
    }
    return [Reason("ingest.none_added", values)]


def no_row_reason(changes: Changes, folder: Path, labels: Path, table: Labels) -> Reason | None:
    """Return what to say where no image file of a folder belongs to a row of the labels.

    So it is at every run of them: what a run says must not depend on whether one that was killed
    came before it.

    Parameters
    ----------
    changes
        From `find_changes`.
    folder, labels
        As they were given.
    table
        The labels, for the names of its columns.
    """
    if changes.has_row or not changes.left_out:
        return None
    reasons = Counter({key: count for (key, _), count in changes.left_out.items()})
    if not any(key.startswith("labels.") for key in reasons):
        # A hidden file beside a hundred screens explains nothing.
        telling = Counter({key: count for key, count in reasons.items() if key not in QUIET})
        (key, _), *_ = (telling or reasons).most_common(1)
        return Reason("ingest.none_readable", {"folder": str(folder), "reason": reason_title(key)})
    values: dict[str, str | int | float] = {
        "files": changes.files,
        "folder": str(folder),
        "labels": labels.name,
        "columns": column_roles(table, KEYS),
        "unused": unused_columns(table),
    }
    return Reason("ingest.none_matched", values)
