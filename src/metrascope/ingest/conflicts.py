"""Files that contradict each other about whose they are: they are left to a person.

One file alone says nothing wrong; only when all are known does a row of the labels turn out to be
hit by two patients, or a number to be that of many women.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from metrascope.dicom.identifiers import Keys, names_differ, without_zeros
from metrascope.ingest.identity import identify_patient
from metrascope.ingest.journal import Key, Record, Rejection
from metrascope.labels.matching import LabelRow
from metrascope.messages import Reason

Matched = Mapping[Key, LabelRow | Reason]
"""What the labels say of each file, by the key of its record."""

_LABELS: Final = """
    conflict words_conflict against_header other_name other_visit crowded name_only
    several_patients rows_differ row_of_several number_of_several constant_number two_diagnoses
"""
FOR_A_PERSON: Final = frozenset(f"labels.{name}" for name in _LABELS.split()) | {
    "ingest.copy_of_other"
}
"""Reasons of files that only a person can say whose they are, or which visit's row counts."""

# Nobody has ten examinations and most files of a department: the number is a default of the
# worklist or of a program that takes names away. Smaller exports are not judged.
_LARGE_EXPORT: Final = 20
_EXAMS_OF_NOBODY: Final = 10
# Each new name is compared with so many others: a number that 100,000 files share would else
# cost 10^10 comparisons, and the first two names nearly always tell.
_MOST_COMPARED: Final = 8


@dataclass(frozen=True)
class Trait:
    """What tells one woman from another: the forms of her names, and her date of birth."""

    names: frozenset[str]
    born: str

    def differs(self, other: "Trait") -> bool:
        """Tell whether they are two women: a name may be misspelled, or a date, but not both."""
        if names_differ(self.names, other.names):
            return not (self.born and self.born == other.born)
        return self.names.isdisjoint(other.names) and "" != self.born != other.born != ""


def patient_trait(record: Record) -> Trait:
    """Return what a file and its row of the labels tell of the woman herself."""
    names = Keys(name=record.keys.get("name", "")).written("name")
    if not names and record.row:
        names = Keys(name=record.row.get("name", "")).written("name")
    return Trait(names, record.keys.get("birth_date", ""))


def are_several(traits: Iterable[Trait]) -> bool:
    """Tell whether some traits are of different women."""
    compared: list[Trait] = []
    for trait in dict.fromkeys(traits):
        if any(map(trait.differs, compared)):
            return True
        if len(compared) < _MOST_COMPARED:
            compared.append(trait)
    return False


def find_conflicts(records: Sequence[Record], matched: Matched) -> dict[Key, Rejection]:
    """Return why files cannot be used, by the keys of their records.

    ``labels.row_of_several``
        Files with different patient numbers (or names, without numbers) in their headers hit one
        row. Those whose number stands in the row stay.
    ``labels.number_of_several``
        The patient is known by a number under which headers have women of different names, of
        different dates of birth, or of three numbers or more.
    ``labels.constant_number``
        Most files of a large export have one patient number, in many examinations.
    """
    return {
        **_widely_shared_numbers(records),
        **_shared_numbers(records),
        **_shared_rows(records, matched),
    }


def _shared_rows(records: Sequence[Record], matched: Matched) -> dict[Key, Rejection]:
    by_row: dict[tuple[str, str], list[tuple[Record, LabelRow]]] = defaultdict(list)
    for record in records:
        row = matched.get(record.key)
        if isinstance(row, LabelRow):
            by_row[record.table, row.values["row"]].append((record, row))
    found = {}
    for (_, number), files in by_row.items():
        strangers, owned = _owners(files)
        several = are_several(patient_trait(record) for record in strangers)
        numbers = {bare for record in strangers for bare in _bare_number(record)}
        if len(numbers) > 1 or (numbers and owned) or (several and not numbers):
            why = Rejection("labels.row_of_several", {"row": number})
            found.update({record.key: why for record in strangers})
    return found


def _owners(files: Iterable[tuple[Record, LabelRow]]) -> tuple[list[Record], bool]:
    """Return the files of a row whose patient number is not in it, and whether others' is."""
    strangers, owned = [], False
    for record, row in files:
        listed = set(map(without_zeros, row.forms.get("patient_id", ())))
        if listed & _bare_number(record):
            owned = True
        else:
            strangers.append(record)
    return strangers, owned


def _shared_numbers(records: Sequence[Record]) -> dict[Key, Rejection]:
    by_patient = _by_patient(records, ("patient_id", "accession", "study_uid"))
    why = Rejection("labels.number_of_several")
    return {
        record.key: why
        for files in by_patient.values()
        if are_several(map(patient_trait, files)) or _have_different_numbers(files)
        for record in files
    }


def _have_different_numbers(files: Iterable[Record]) -> bool:
    """Tell of a number of the labels that is a default: 1 for all, who have their own in headers.

    A woman may well have two, as an outpatient and as an inpatient.
    """
    return len({bare for record in files for bare in _bare_number(record)}) > 2


def _widely_shared_numbers(records: Sequence[Record]) -> dict[Key, Rejection]:
    by_patient = _by_patient(records, ("patient_id",))
    everything = sum(map(len, by_patient.values()))
    if everything < _LARGE_EXPORT:
        return {}
    most = max(by_patient.values(), key=len)
    exams = {record.keys.get("accession") or record.keys.get("study_uid") for record in most}
    if 2 * len(most) <= everything or len(exams - {None}) < _EXAMS_OF_NOBODY:
        return {}
    why = Rejection("labels.constant_number", {"files": len(most), "all": everything})
    return {record.key: why for record in most}


def _by_patient(records: Iterable[Record], roles: Sequence[str]) -> dict[str, list[Record]]:
    """Return the files of each patient who is known by one of some roles."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        person = identify_patient(record, record.row or {})
        if person.role in roles:
            found[person.patient_id].append(record)
    return found


def _bare_number(record: Record) -> set[str]:
    forms = Keys(patient_id=record.keys.get("patient_id", "")).written("patient_id")
    return set(map(without_zeros, forms))
