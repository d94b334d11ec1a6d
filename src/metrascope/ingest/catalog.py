"""Assemble a data set from what became of every file: manifest, rejects, and the private lists."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from metrascope.csv_file import write_table
from metrascope.data.manifest import REQUIRED, write_manifest
from metrascope.ingest.journal import MARK_BOXES, NOT_COLUMNS, Record, Rejection
from metrascope.ingest.labels import Keys, LabelRow, Labels
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.ingest.reason import Reason
from metrascope.ingest.wording import explain
from metrascope.messages import text


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
    """

    images: tuple[Mapping[str, Any], ...]
    rejections: tuple[tuple[Record, Rejection], ...]
    records: tuple[Record, ...]

    @property
    def reasons(self) -> Counter[str]:
        """Return how often each reason stands in the list, by the key of its sentence."""
        return Counter(rejection.reason for _, rejection in self.rejections)


def assemble(records: Iterable[Record], labels: Labels, centre: str) -> Catalog:
    """Put records together; what is there twice is kept once.

    Parameters
    ----------
    records
        In any order.
    labels
        Asked again now that all files are known: two patients may have turned out to share a
        name.
    centre
        Where the labels name none.
    """
    found = list(records)
    knowing = labels.knowing(Keys(**record.keys) for record in found)
    ordered = sorted((_doubted(record, knowing) for record in found), key=lambda r: r.source)
    images: dict[str, dict[str, Any]] = {}
    rejections: list[tuple[Record, Rejection]] = []
    for record in ordered:
        for image in record.images:
            row = _labelled(image, record, centre)
            first = images.setdefault(row["image"], row)
            if first is row:
                continue
            same = (first["patient_id"], first["label"]) == (row["patient_id"], row["label"])
            reason = "ingest.copy" if same else "ingest.copy_of_other"
            rejections.append((record, Rejection(reason)))
        rejections += [(record, rejection) for rejection in record.rejections]
    groups = _groups(ordered)
    for row in images.values():
        row["patient_group"] = groups[row["patient_id"]]
    return Catalog(tuple(sorted(images.values(), key=_place)), tuple(rejections), tuple(ordered))


def write_catalog(catalog: Catalog, out: Path, pseudonyms: Pseudonyms) -> Path:
    """Write ``manifest.csv``, ``rejects.csv`` and ``marks.csv``; return the manifest's path."""
    rejects = [_reject(record, rejection, pseudonyms) for record, rejection in catalog.rejections]
    header = ("source", "kind", "frame", "reason", "explanation")
    write_table(out / "rejects.csv", header, sorted(rejects))
    marks = ((image["image"], *mark) for image in catalog.images for mark in image[MARK_BOXES])
    write_table(out / "marks.csv", ("image", "kind", "left", "top", "width", "height"), marks)
    manifest = out / "manifest.csv"
    found = dict.fromkeys(name for image in catalog.images for name in image)
    names = [name for name in found if name not in NOT_COLUMNS] or list(REQUIRED)
    # By columns: a row of its own for each image would be there a second time.
    columns = {name: [image.get(name, "") for image in catalog.images] for name in names}
    write_manifest(pd.DataFrame(columns), manifest)
    return manifest


def write_private(catalog: Catalog, folder: Path, pseudonyms: Pseudonyms, labels: Labels) -> None:
    """Write the lists that lead back to patients: they stay beside the secret.

    ``links.csv`` says which file became which image, or why it did not; ``unmatched.csv`` lists
    the rows of the labels that no file matched.
    """
    header = ("file", "source", "image", "patient_id", "found_patient_id", "reason", "explanation")
    links = (row for record in catalog.records for row in _links(record, pseudonyms))
    write_table(folder / "links.csv", header, links)
    left = unmatched_rows(catalog, labels)
    names = list(dict.fromkeys(name for row in left for name in row.values))
    rows = [[row.values.get(name, "") for name in names] for row in left]
    write_table(folder / "unmatched.csv", names or ["row"], rows)


def unmatched_rows(catalog: Catalog, labels: Labels) -> list[LabelRow]:
    """Return the rows of the labels that no file matched."""
    used = {record.row["row"] for record in catalog.records if record.row}
    return [row for row in labels.rows if row.values["row"] not in used]


def _place(image: Mapping[str, Any]) -> tuple[str, str, str, int, str]:
    """Return where an image stands in the manifest: by patient, exam, file and frame."""
    study, source = image.get("study_id", ""), image.get("source", "")
    return image["patient_id"], study, source, int(image.get("frame") or 0), image["image"]


def _groups(records: Sequence[Record]) -> dict[str, str]:
    """Return the group of every patient: those whom a row of the labels or a picture ties together.

    A patient's DICOM files may carry a number that her PNG screens lack.
    """
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]  # short ways, however many are tied together
            name = parent[name]
        return name

    for record in records:
        for image in record.images:
            patient = root(image["patient_id"])
            for tie in (f"row {(record.row or {}).get('row')}", f"image {image['image']}"):
                parent[root(tie)] = patient
    patients = {image["patient_id"] for record in records for image in record.images}
    first: dict[str, str] = {}
    for patient in sorted(patients):
        first.setdefault(root(patient), patient)
    return {patient: first[root(patient)] for patient in patients}


def _doubted(record: Record, knowing: Labels) -> Record:
    matched = knowing.match(Keys(**record.keys)) if record.images else None
    if not isinstance(matched, Reason):
        return record
    rejection = Rejection(matched.key, matched.values)
    return replace(record, row=None, images=(), rejections=(rejection,))


def _labelled(image: Mapping[str, Any], record: Record, centre: str) -> dict[str, Any]:
    told = record.row or {}
    row = {
        "image": image["image"],
        "patient_id": image["patient_id"],
        "label": told.get("label", ""),
    }
    row |= {name: value for name, value in image.items() if name not in row}
    row |= {"centre": told.get("centre") or centre, "plane": told.get("plane", "")}
    row["age"] = told.get("age") or image["age"]
    row["scanner"] = image["scanner"] or told.get("scanner", "")
    return row


def _reject(record: Record, rejection: Rejection, pseudonyms: Pseudonyms) -> tuple[str, ...]:
    frame = "" if rejection.frame is None else str(rejection.frame + 1)
    source = pseudonyms.source(record.sha256 or record.source)
    reason = rejection.reason.partition(".")[2]
    return source, record.kind, frame, reason, explain(rejection)


def _links(record: Record, pseudonyms: Pseudonyms) -> list[tuple[str, ...]]:
    found = record.keys.get("patient_id", "")
    source = pseudonyms.source(record.sha256 or record.source)
    rows: list[tuple[str, ...]] = [
        (record.source, source, image["image"], image["patient_id"], found, "", "")
        for image in record.images
    ]
    rows += [
        (
            record.source,
            source,
            "",
            "",
            found,
            rejection.reason,
            text(rejection.reason, **rejection.values),
        )
        for rejection in record.rejections
    ]
    return rows
