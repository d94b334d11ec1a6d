"""What an ingest says of earlier runs and of what people decided: one sentence for each kind."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from metrascope.csv_file import write_table
from metrascope.ingest.journal import Record
from metrascope.ingest.places import Earlier, Search
from metrascope.ingest.reason import Reason

_KINDS: Final = ("gone", "replaced", "beside", "unread", "otherwise")
LIST: Final = "earlier.csv"
"""In the private folder: the files of earlier runs that a sentence is about."""


def earlier_notices(earlier: Earlier, search: Search, private: Path) -> list[Reason]:
    """Return a sentence for each thing that happened to files of earlier runs."""
    kinds = {kind: _records(earlier, kind) for kind in _KINDS}
    return [
        Reason(
            f"earlier.{kind}",
            {
                "images": sum(len(record.images) for record in records),
                "files": len(records),
                "folder": search.root,
                "list": str(private / LIST),
            },
        )
        for kind, records in kinds.items()
        if records
    ]


def write_earlier(earlier: Earlier, private: Path) -> None:
    """Write which files of earlier runs `earlier_notices` is about, to the private folder."""
    rows = (
        (kind, record.root, record.source, image["image"], image["patient_id"])
        for kind in _KINDS
        for record in sorted(_records(earlier, kind), key=lambda record: record.key)
        for image in record.images
    )
    write_table(private / LIST, ("what", "folder", "file", "image", "patient_id"), rows)


def _records(earlier: Earlier, kind: str) -> Sequence[Record]:
    records: Sequence[Record] = getattr(earlier, kind)
    return records
