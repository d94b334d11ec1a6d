"""What an ingest says of earlier runs and of what people decided: one sentence for each kind."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final

from metrascope.files.csv_file import write_table
from metrascope.ingest.applying import Decided
from metrascope.ingest.edits import Edits
from metrascope.ingest.headings import headings
from metrascope.ingest.image_files import image_names, missing_files, unnamed_files
from metrascope.ingest.journal import Record
from metrascope.ingest.manifest_decisions import DECISIONS_FILE, removed_images
from metrascope.ingest.places import Earlier, Search
from metrascope.messages import Reason, text

_KINDS: Final = ("gone", "replaced", "beside", "unread", "otherwise")
EARLIER_LIST: Final = "earlier.csv"
"""In the private folder: the files of earlier runs that a sentence is about."""


def earlier_notices(
    earlier: Earlier, search: Search, awaited: Sequence[Record] = ()
) -> list[Reason]:
    """Return a sentence for each thing that happened to files of earlier runs.

    Parameters
    ----------
    earlier, search
        What this run found.
    awaited
        Records of other folders that have a class by now.
    """
    found = _happened(earlier, search)
    if awaited:
        folders = _folders(awaited)
        found.append(Reason("earlier.awaited", {"files": len(awaited), "folders": folders}))
    return found


def _folders(records: Iterable[Record]) -> str:
    """Return the folders that files were in, as a sentence names them."""
    folders = sorted({record.root for record in records} - {""})
    return ", ".join(folders) or text("earlier.no_folder")


def _happened(earlier: Earlier, search: Search) -> list[Reason]:
    kinds = {kind: _records(earlier, kind) for kind in _KINDS}
    return [
        Reason(
            f"earlier.{kind}",
            {
                "images": sum(len(record.images) for record in records),
                "files": len(records),
                "folder": search.root,
                "list": EARLIER_LIST,
            },
        )
        for kind, records in kinds.items()
        if records
    ]


def write_earlier(earlier: Earlier, private: Path) -> None:
    """Write which files of earlier runs `earlier_notices` is about, to the private folder."""
    words = {kind: text(f"earlier.kind_{kind}") for kind in _KINDS}
    header = headings(("what", "folder", "file", "image", "pseudonym"))
    rows = (
        (words[kind], record.root, record.source, image["image"], image["patient_id"])
        for kind in _KINDS
        for record in sorted(_records(earlier, kind), key=lambda record: record.key)
        for image in record.images
    )
    write_table(private / EARLIER_LIST, header, rows)


def _records(earlier: Earlier, kind: str) -> Sequence[Record]:
    records: Sequence[Record] = getattr(earlier, kind)
    return records


def decided_notices(decided: Decided, edits: Edits, out: Path, earlier: Earlier) -> list[Reason]:
    """Return a sentence for each thing that people decided, or have to."""
    path = DECISIONS_FILE
    found: list[Reason] = []

    def add(kind: str, count: int, **values: str) -> None:
        if count:
            found.append(Reason(f"decided.{kind}", {"count": count, "path": path, **values}))

    add("fresh", edits.fresh)
    add("taken_out", len(removed_images(decided.decisions)))
    add("put_back", sum(edits.put_back.values()), columns=", ".join(sorted(edits.put_back)))
    add("columns_back", len(decided.columns_back), columns=", ".join(decided.columns_back))
    labels = ", ".join(f"{label} ({n})" for label, n in sorted(decided.own_labels.items()))
    add("own_labels", len(decided.own_labels), labels=labels)
    add("overtaken", len(decided.overtaken), first=min(decided.overtaken, default=""))
    add("nowhere", decided.nowhere)
    names = [str(row["image"]) for row in (*decided.catalog.images, *decided.catalog.added)]
    gone = edits.before.difference(names, removed_images(decided.decisions))
    gone -= image_names(earlier.replaced)
    add("left", len(gone), first=min(gone, default=""))
    fresh = len({*names}.difference(edits.audited))
    add("audit_due" if edits.audited else "audit_none", fresh, path=str(out))
    return found


def file_notices(
    decided: Decided,
    staying: Collection[str],
    search: Search,
    out: Path,
    remade: Collection[str] = (),
    changed: Collection[str] = (),
    retouched: Collection[str] = (),
) -> tuple[list[Reason], tuple[str, ...]]:
    """Return a sentence for each thing that is wrong with files, and those that are not as written.

    Parameters
    ----------
    decided
        What is in the data set.
    staying
        Images that are not in it and whose files stay.
    search, out
        The folder of this run, the data set.
    remade, changed
        Images whose files had been changed: those that were made again, those that could not be.
    retouched
        Images that a person has changed: they stay so.
    """
    rows = [*decided.catalog.images, *decided.catalog.added]
    missing = missing_files(out, rows)
    names = [str(row["image"]) for row in rows]
    unnamed = unnamed_files(out, {*names, *staying})
    wrong = sorted({*names} & {*changed})
    stay: dict[str, str | int | float] = {"folder": str(out), "source": search.root}
    own = sorted({*names} & {*retouched})
    lost = {*missing, *wrong, *own}
    stay["folders"] = _folders(
        record
        for record in decided.catalog.records
        if any(lost & {image["image"], image["sector"]} for image in record.images)
    )
    left = sorted(image for image in staying if (out / image).is_file())
    kinds = {
        "files_stay": left,
        "unnamed": unnamed,
        "retouched": own,
        "remade": sorted(remade),
        "changed": wrong,
        "missing": missing,
    }
    found = [
        Reason(f"decided.{kind}", {"count": len(files), "first": files[0], **stay})
        for kind, files in kinds.items()
        if files
    ]
    return found, (*missing, *wrong)
