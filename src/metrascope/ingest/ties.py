"""What ties patients together who may be one woman: a split keeps them on one side."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from metrascope.ingest.conflicts import Matched, are_several, trait_of
from metrascope.ingest.identity import person_of
from metrascope.ingest.journal import Record
from metrascope.ingest.keys import without_zeros, written
from metrascope.ingest.matching import LabelRow

# A date of birth or a UID that more than four patients share is a default of some program.
_MOST_ALIKE: Final = 4
_SURE: Final = ("row", "number", "born", "exam")
_WEAK: Final = ("number", "born", "exam")

Tie = tuple[str, str]
"""Kind and value of what patients have in common."""


def patient_groups(records: Sequence[Record], matched: Matched) -> dict[str, str]:
    """Return the group of every patient: those whom anything ties together.

    A row of the labels (a patient's DICOM files may carry a number that her PNG screens lack), a
    number, a picture, an examination, a name with a date of birth, and, where there is no number,
    a name alone.
    """
    return _joined(records, matched, (*_SURE, "image", "name"))


def women(records: Sequence[Record], matched: Matched) -> dict[str, str]:
    """Return the group of every patient who is one woman by all that is known, pictures left out.

    Two visits of a woman under two numbers are in one group; two women of one name are not.
    """
    return _joined(records, matched, _SURE)


def women_of_two_numbers(records: Sequence[Record], matched: Matched) -> frozenset[str]:
    """Return patients whose name and date of birth, or examination, another number has as well."""
    numbered = {
        record.images[0]["patient_id"]
        for record in records
        if record.images and person_of(record, record.row or {}).role == "patient_id"
    }
    found: set[str] = set()
    for (kind, _), patients in _patients_of(records, matched).items():
        both = patients & numbered
        if kind in _WEAK and len(both) > 1:
            found |= both
    return frozenset(found)


def _joined(records: Sequence[Record], matched: Matched, kinds: Collection[str]) -> dict[str, str]:
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]  # short ways, however many are tied together
            name = parent[name]
        return name

    everyone = {image["patient_id"] for record in records for image in record.images}
    for (kind, _), patients in _patients_of(records, matched).items():
        if kind in kinds:
            first, *others = sorted(patients)
            for other in others:
                parent[root(other)] = root(first)
    group: dict[str, str] = {}
    for patient in sorted(everyone):
        group.setdefault(root(patient), patient)
    return {patient: group[root(patient)] for patient in everyone}


def _patients_of(records: Sequence[Record], matched: Matched) -> dict[Tie, set[str]]:
    """Return the patients of each tie that holds; a default shared by many women is none."""
    patients: dict[Tie, set[str]] = defaultdict(set)
    files: dict[Tie, list[Record]] = defaultdict(list)
    for record in records:
        for tie in _ties(record, matched) if record.images else ():
            patients[tie] |= {image["patient_id"] for image in record.images}
            if tie[0] in _WEAK:
                files[tie].append(record)
    return {tie: names for tie, names in patients.items() if _holds(names, files.get(tie, ()))}


def _holds(patients: Collection[str], files: Sequence[Record]) -> bool:
    if len(patients) < 2 or not files:
        return True
    return len(patients) <= _MOST_ALIKE and not are_several(map(trait_of, files))


def _ties(record: Record, matched: Matched) -> Iterator[Tie]:
    row, keys = record.row or {}, record.keys
    if row.get("row"):
        yield "row", row["row"]
    for image in record.images:
        yield "image", image["image"]
    listed = matched.get(record.source)
    # A row may have several numbers, of which the patient is known by the first.
    numbers = set(listed.forms.get("patient_id", ())) if isinstance(listed, LabelRow) else set()
    for form in numbers | written("patient_id", keys.get("patient_id", "")):
        yield "number", without_zeros(form)
    for values in (row, keys):
        for form in written("study_uid", values.get("study_uid", "")):
            yield "exam", form
    unnumbered = person_of(record, row).role != "patient_id"
    for name in (row.get("name", ""), keys.get("name", "")):
        for form in written("name", name):
            if keys.get("birth_date"):
                yield "born", f"{form} {keys['birth_date']}"
            if unnumbered:
                yield "name", form
