"""Assemble a data set from what became of every file: manifest, rejects, and the private lists."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd

from metrascope.dataset.manifest import REQUIRED, write_manifest
from metrascope.dicom.identifiers import identifier_spellings
from metrascope.files.csv_file import write_table
from metrascope.ingest.conflicts import FOR_A_PERSON, Matched, find_conflicts
from metrascope.ingest.decisions import class_words
from metrascope.ingest.headings import headings
from metrascope.ingest.journal import MARK_BOXES, NOT_COLUMNS, IngestJournal, Key, Record, Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.ingest.rejection import explain, explain_in_full
from metrascope.ingest.ties import Ties
from metrascope.labels.column_words import ATTRIBUTES, ColumnWords
from metrascope.labels.columns import KEYS
from metrascope.labels.labels import Keys, LabelRow, Labels
from metrascope.messages import Reason

_OWN: Final = ("read", "why")
"""What a row of the labels holds for the sake of decisions, and no list needs to show."""


@dataclass(frozen=True)
class Catalog:
    """What an ingest has come to.

    Attributes
    ----------
    images
        One mapping of manifest columns for each image kept, with `MARK_BOXES`, in the order of
        pseudonyms: in that of sources, a ward's sorted list of names would undo them.
    rejections
        Record and rejection, in the order of sources.
    records
        All, in the order of sources.
    rows_with_files
        Numbers of the rows of the labels that any file fits, used or not.
    two_numbers
        Patients who have the name and date of birth, or the examination, of another: a person
        must find out whether they are one woman. They are in one group.
    coded
        Column, value in the data set and value in the labels, where the two differ.
    added
        Rows that a person has added to the manifest.
    refused
        Why the labels of this run leave a file out now that all files are known, by its key.
    """

    images: tuple[Mapping[str, Any], ...]
    rejections: tuple[tuple[Record, Rejection], ...]
    records: tuple[Record, ...]
    rows_with_files: frozenset[str] = frozenset()
    two_numbers: frozenset[str] = frozenset()
    coded: tuple[tuple[str, str, str], ...] = ()
    added: tuple[Mapping[str, str], ...] = ()
    refused: Mapping[Key, Rejection] = field(default_factory=dict)

    @property
    def disputed(self) -> dict[Key, tuple[Record, Rejection]]:
        """Return files of which only a person can say whose they are, and why, by their keys.

        Those left out, and those kept of a woman who may have two numbers.
        """
        found: dict[Key, tuple[Record, Rejection]] = {}
        for record, why in self.rejections:
            if why.reason in FOR_A_PERSON:
                found.setdefault(record.key, (record, why))
        names = {i["image"] for i in self.images if i["patient_id"] in self.two_numbers}
        for record in self.records:
            if any(image["image"] in names for image in record.images):
                found.setdefault(record.key, (record, Rejection("labels.two_numbers")))
        return found

    @property
    def reasons(self) -> Counter[str]:
        """Return how often each reason stands in the list, by the key of its sentence."""
        return Counter(rejection.reason for _, rejection in self.rejections)


def assemble(
    records: Iterable[Record],
    labels: Labels,
    words: ColumnWords,
    two_diagnoses: Literal["reject", "keep"] = "reject",
    table: str = "",
) -> Catalog:
    """Put records together; what is there twice is kept once, what is contradictory not at all.

    Parameters
    ----------
    records
        In any order.
    labels
        Asked again now that all files are known: two patients may have turned out to share a
        name, or a row.
    words
        Cleans what the labels say of centre, plane and scanner.
    two_diagnoses
        ``reject`` or ``keep`` the images of a woman whose visits have different diagnoses.
    table
        The table of labels, as `Record.table`. What was found in an earlier folder with a table of
        its own keeps the row that it had.
    """
    found = sorted(records, key=lambda record: (record.source, record.root, record.sha256))
    ours = [record for record in found if _earlier_row(record, table) is None]
    knowing = labels.knowing((Keys(**record.keys) for record in found), _ambiguous_names(ours))
    matched = {
        record.key: _earlier_row(record, table) or knowing.match(Keys(**record.keys))
        for record in found
    }
    conflicts = find_conflicts(found, matched)
    ordered = [_doubted(record, matched, conflicts) for record in found]
    refused = {
        record.key: doubted.rejections[0]
        for record, doubted in zip(found, ordered, strict=True)
        if doubted is not record and _earlier_row(record, table) is None
    }
    ties = Ties(ordered, matched)
    if two_diagnoses == "reject":
        ordered = _without_two_diagnoses(ordered, ties.women())
    ordered = _without_disputed_pictures(ordered)
    images: dict[str, dict[str, Any]] = {}
    rejections: list[tuple[Record, Rejection]] = []
    for record in ordered:
        for image in record.images:
            if image["image"] in images:
                rejections.append((record, Rejection("ingest.copy")))
            else:
                images[image["image"]] = _labelled(image, record, words)
        rejections += [(record, rejection) for rejection in record.rejections]
    groups = ties.groups()
    for row in images.values():
        row["patient_group"] = groups[row["patient_id"]]
    coded = (words.coded(record.row) for record in ordered if record.images and record.row)
    fitting = (knowing.fitting(Keys(**record.keys)) for record in found)
    return Catalog(
        tuple(sorted(images.values(), key=_place)),
        tuple(rejections),
        tuple(ordered),
        frozenset[str]().union(*fitting),
        ties.of_two_numbers(),
        tuple(sorted({entry for entries in coded for entry in entries})),
        refused=refused,
    )


def with_hashes(catalog: Catalog, hashes: Mapping[str, str]) -> Catalog:
    """Return a catalog with the SHA-256 of files that a person has changed, by image."""
    images = ({**row, "sha256": hashes.get(row["image"], row["sha256"])} for row in catalog.images)
    return replace(catalog, images=tuple(images)) if hashes else catalog


def write_catalog(catalog: Catalog, out: Path, pseudonyms: Pseudonyms) -> Path:
    """Write ``manifest.csv``, ``rejects.csv`` and ``marks.csv``; return the manifest's path."""
    rejects = [_reject(record, rejection, pseudonyms) for record, rejection in catalog.rejections]
    header = ("source", "kind", "frame", "reason", "explanation")
    write_table(out / "rejects.csv", header, sorted(rejects))
    marks = ((image["image"], *mark) for image in catalog.images for mark in image[MARK_BOXES])
    write_table(out / "marks.csv", ("image", "kind", "left", "top", "width", "height"), marks)
    manifest = out / "manifest.csv"
    write_manifest(manifest_table(catalog), manifest)
    return manifest


def manifest_table(catalog: Catalog) -> pd.DataFrame:
    """Return the manifest: images, then rows that a person has added."""
    rows = (*catalog.images, *catalog.added)
    found = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in found if name not in NOT_COLUMNS] or list(REQUIRED)
    # By columns: a row of its own for each image would be there a second time.
    return pd.DataFrame({name: [row.get(name, "") for row in rows] for name in names})


def write_private(catalog: Catalog, folder: Path, pseudonyms: Pseudonyms, labels: Labels) -> None:
    """Write the lists that lead back to patients: they stay beside the secret.

    ``links.csv`` says which file became which image, or why it did not; ``unmatched.csv`` lists
    the rows of the labels that no file matched; ``codes.csv`` what the codes of centres, planes
    and scanners stand for.
    """
    header = ("file", "source", "image", "pseudonym", "found_patient_id", "reason_code")
    links = (
        row for record in catalog.records for row in _links(record, pseudonyms, catalog.two_numbers)
    )
    write_table(folder / "links.csv", headings((*header, "explanation")), links)
    codes = headings(("of_manifest", "value", "labels"))
    write_table(folder / "codes.csv", codes, catalog.coded)
    left = unmatched_rows(catalog, labels)
    names = list(dict.fromkeys(n for row in left for n in row.values if n not in _OWN))
    rows = [[_cell_text(name, row.values.get(name, "")) for name in names] for row in left]
    write_table(folder / "unmatched.csv", headings(names or ["row"]), rows)


def _cell_text(name: str, value: str) -> str:
    return class_words(value) if name == "label" else value


def unmatched_rows(catalog: Catalog, labels: Labels) -> list[LabelRow]:
    """Return the rows of the labels that no file matched."""
    return [row for row in labels.rows if row.values["row"] not in catalog.rows_with_files]


def _place(image: Mapping[str, Any]) -> tuple[str, str, str, int, str]:
    """Return where an image stands in the manifest: by patient, exam, file and frame."""
    study, source = image.get("study_id", ""), image.get("source", "")
    return image["patient_id"], study, source, int(image.get("frame") or 0), image["image"]


def remember_refusals(
    journal: IngestJournal, catalog: Catalog, listed: Iterable[Record], table: str
) -> None:
    """Write into the journal which files a table of labels left out with all files known.

    A later month has another table, which cannot ask that again: without this their images would
    come back with the row that they had at first.

    Parameters
    ----------
    journal
        Open.
    catalog
        As `assemble` returned it.
    listed
        The journal's records in the order of their keys, as `assemble` was given them.
    table
        The table of labels, as `Record.table`.
    """
    records = sorted(journal.records.values(), key=lambda record: record.key)
    for record, named in zip(records, listed, strict=True):
        refused = catalog.refused.get(named.key)
        if record.images and record.table in ("", table) and record.refused != refused:
            journal.add(replace(record, refused=refused))


def _earlier_row(record: Record, table: str) -> LabelRow | Reason | None:
    """Return the row of an image that another table of labels had, or why it had none."""
    if not record.images or record.row is None or record.table in ("", table):
        return None
    if record.refused:
        return Reason(record.refused.reason, dict(record.refused.values))
    forms = {role: identifier_spellings(role, record.row.get(role, "")) for role in KEYS}
    return LabelRow(record.row, None, forms)


def _ambiguous_names(records: Iterable[Record]) -> set[str]:
    """Return names of files that are different ones in several export folders."""
    contents: dict[str, dict[str, str]] = defaultdict(dict)
    for record in records:
        contents[record.source][record.root] = record.sha256
    return {name for name, of_root in contents.items() if len(set(of_root.values())) > 1}


def _doubted(record: Record, matched: Matched, conflicts: Mapping[Key, Rejection]) -> Record:
    if not record.images:
        return record
    found = matched[record.key]
    if isinstance(found, Reason):
        return _left_out(record, Rejection(found.key, found.values))
    why = conflicts.get(record.key)
    return _left_out(record, why) if why else record


def _left_out(record: Record, rejection: Rejection) -> Record:
    return replace(record, row=None, images=(), rejections=(rejection,))


def _without_two_diagnoses(records: list[Record], woman: Mapping[str, str]) -> list[Record]:
    """Leave out all images of women whose visits have different diagnoses."""
    labels: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for image in record.images:
            labels[woman[image["patient_id"]]].add((record.row or {}).get("label", ""))
    why = Rejection("labels.two_diagnoses")
    return [
        _left_out(record, why)
        if record.images and len(labels[woman[record.images[0]["patient_id"]]]) > 1
        else record
        for record in records
    ]


def _without_disputed_pictures(records: list[Record]) -> list[Record]:
    """Leave out pictures that are there under two labels, and files under two patients.

    Each may be wrong. The pictures that were written are compared: a file may have been sent
    twice, the second time with another number in its header. Under one label both are kept, in
    one group, and a person is told: see `women_of_two_numbers`.
    """
    labels: dict[str, set[str]] = defaultdict(set)
    patients: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for image in record.images:
            labels[_picture(image)].add((record.row or {}).get("label", ""))
            patients[image["image"]].add(image["patient_id"])
    disputed = {name for found in (labels, patients) for name, who in found.items() if len(who) > 1}
    return [_without(record, disputed) for record in records]


def _without(record: Record, disputed: Collection[str]) -> Record:
    kept = tuple(
        image
        for image in record.images
        if _picture(image) not in disputed and image["image"] not in disputed
    )
    why = (Rejection("ingest.copy_of_other"),) * (len(record.images) - len(kept))
    return replace(record, images=kept, rejections=(*why, *record.rejections)) if why else record


def _picture(image: Mapping[str, Any]) -> str:
    return str(image.get("sha256") or image["image"])


def _labelled(image: Mapping[str, Any], record: Record, words: ColumnWords) -> dict[str, Any]:
    told = record.row or {}
    row = {
        "image": image["image"],
        "patient_id": image["patient_id"],
        "label": told.get("label", ""),
    }
    row |= {name: value for name, value in image.items() if name not in row}
    cleaned = {column: words.clean(column, told.get(column, "")) for column in ATTRIBUTES}
    row["centre"] = cleaned["centre"] or words.default_centre
    row["plane"] = cleaned["plane"]
    row["age"] = told.get("age") or image["age"]
    row["scanner"] = image["scanner"] or cleaned["scanner"]
    return row


def _reject(record: Record, rejection: Rejection, pseudonyms: Pseudonyms) -> tuple[str, ...]:
    frame = "" if rejection.frame is None else str(rejection.frame + 1)
    source = pseudonyms.source(record.sha256 or record.source)
    reason = rejection.reason.partition(".")[2]
    return source, record.kind, frame, reason, explain(rejection)


def _links(
    record: Record, pseudonyms: Pseudonyms, two_numbers: Collection[str]
) -> list[tuple[str, ...]]:
    found = record.keys.get("patient_id", "")
    source = pseudonyms.source(record.sha256 or record.source)
    rows: list[tuple[str, ...]] = []
    for image in record.images:
        patient = image["patient_id"]
        notice = Rejection("labels.two_numbers") if patient in two_numbers else None
        why = (notice.reason, explain_in_full(notice)) if notice else ("", "")
        rows.append((record.source, source, image["image"], patient, found, *why))
    rows += [
        (record.source, source, "", "", found, rejection.reason, explain_in_full(rejection))
        for rejection in record.rejections
    ]
    return rows
