"""What ties patients together who may be one woman: a split keeps them on one side."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from metrascope.dicom.identifiers import identifier_spellings, without_zeros
from metrascope.ingest.conflicts import Matched, are_several, patient_trait
from metrascope.ingest.identity import identify_patient
from metrascope.ingest.journal import Record
from metrascope.labels.matching import LabelRow

# A date of birth or a UID that more than four patients share is a default of some program.
_MOST_ALIKE: Final = 4
_SURE: Final = ("row", "number", "born", "exam")
_WEAK: Final = ("number", "born", "exam")
_SEEN_BY_A_PERSON: Final = (*_WEAK, "image")

Tie = tuple[str, str]
"""Kind and value of what patients have in common."""


class Ties:
    """What the patients of an ingest have in common.

    Parameters
    ----------
    records
        Those with images count.
    matched
        What the labels say of each file, by the key of its record.
    """

    def __init__(self, records: Sequence[Record], matched: Matched) -> None:
        pictured = [record for record in records if record.images]
        self._everyone = {image["patient_id"] for record in pictured for image in record.images}
        self._numbered = {
            record.images[0]["patient_id"]
            for record in pictured
            if identify_patient(record, record.row or {}).role == "patient_id"
        }
        self._patients = _patients_by_tie(pictured, matched)

    def groups(self) -> dict[str, str]:
        """Return the group of every patient: those whom anything ties together.

        A row of the labels (a patient's DICOM files may carry a number that her PNG screens
        lack), a number, a picture, an examination, a name with a date of birth, and, where there
        is no number, a name alone.
        """
        return self._joined((*_SURE, "image", "name"))

    def women(self) -> dict[str, str]:
        """Return the group of every patient who is one woman by all that is known, but pictures.

        Two visits of a woman under two numbers are in one group; two women of one name are not.
        """
        return self._joined(_SURE)

    def of_two_numbers(self) -> frozenset[str]:
        """Return patients with whom another number shares name and birth, or examination."""
        found: set[str] = set()
        for (kind, _), patients in self._patients.items():
            both = patients & self._numbered
            if kind in _SEEN_BY_A_PERSON and len(both) > 1:
                found |= both
        return frozenset(found)

    def _joined(self, kinds: Collection[str]) -> dict[str, str]:
        parent: dict[str, str] = {}

        def root(name: str) -> str:
            while parent.setdefault(name, name) != name:
                parent[name] = parent[parent[name]]  # short ways, however many are tied together
                name = parent[name]
            return name

        for (kind, _), patients in self._patients.items():
            if kind in kinds:
                first, *others = sorted(patients)
                for other in others:
                    parent[root(other)] = root(first)
        group: dict[str, str] = {}
        for patient in sorted(self._everyone):
            group.setdefault(root(patient), patient)
        return {patient: group[root(patient)] for patient in self._everyone}


def _patients_by_tie(records: Sequence[Record], matched: Matched) -> dict[Tie, set[str]]:
    """Return the patients of each tie of several; a default shared by many women is none."""
    one: dict[Tie, str] = {}
    patients: dict[Tie, set[str]] = defaultdict(set)
    for record in records:
        name = record.images[0]["patient_id"]
        for tie in _ties(record, matched):
            first = one.setdefault(tie, name)
            if first != name:  # most ties are those of one patient, and need no set
                patients[tie] |= {first, name}
    files: dict[Tie, list[Record]] = defaultdict(list)
    for record in records if patients else ():
        for tie in _ties(record, matched):
            if tie in patients and tie[0] in _WEAK:
                files[tie].append(record)
    return {tie: names for tie, names in patients.items() if _holds(names, files.get(tie, ()))}


def _holds(patients: Collection[str], files: Sequence[Record]) -> bool:
    return not files or (
        len(patients) <= _MOST_ALIKE and not are_several(map(patient_trait, files))
    )


def _ties(record: Record, matched: Matched) -> Iterator[Tie]:
    row, keys = record.row or {}, record.keys
    if row.get("row"):
        yield "row", f"{record.table} {row['row']}"
    for image in record.images:
        yield "image", image.get("sha256") or image["image"]
    listed = matched.get(record.key)
    # A row may have several numbers, of which the patient is known by the first.
    numbers = set(listed.forms.get("patient_id", ())) if isinstance(listed, LabelRow) else set()
    for form in numbers | identifier_spellings("patient_id", keys.get("patient_id", "")):
        yield "number", without_zeros(form)
    for values in (row, keys):
        # A file that was corrected after it was sent keeps its instance's UID.
        for role in ("study_uid", "sop_uid"):
            for form in identifier_spellings(role, values.get(role, "")):
                yield "exam", form
    unnumbered = identify_patient(record, row).role != "patient_id"
    for name in (row.get("name", ""), keys.get("name", "")):
        for form in identifier_spellings("name", name):
            if keys.get("birth_date"):
                yield "born", f"{form} {keys['birth_date']}"
            if unnumbered:
                yield "name", form
