"""Who the patient of a file is, and which examination it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from metrascope.dicom.identifiers import chinese_first, identifier_spellings, without_zeros
from metrascope.ingest.journal import Record

IDENTITY: Final = ("patient_id", "accession", "study_uid", "name", "sop_uid")
"""What says who the patient is, in the order of trust; see `identify_patient`."""


@dataclass(frozen=True)
class IdentifiedPatient:
    """The patient of a file.

    Attributes
    ----------
    patient_id
        What her pseudonym is made of: her number, else role and value of what she is known by.
    study
        What the pseudonym of the examination is made of.
    role
        What she is known by: one of `IDENTITY`, else ``file``.
    """

    patient_id: str
    study: str
    role: str


def identify_patient(record: Record, row: Mapping[str, str]) -> IdentifiedPatient:
    """Decide who the patient is: the labels know best, then the header, then the file itself.

    Values are compared as people write them (`identifier_spellings`), so that ``US 001`` and
    ``US001`` are one and a placeholder or a masked name is none. What is known by nothing is a
    patient of its own, by its content: names of files such as ``IM_0001.dcm`` are the same
    for many women. A name counts together with the date of birth, where that is known.
    """
    known = {role: form for role in IDENTITY if (form := _form(role, row, record.keys))}
    role = next(iter(known), "file")
    value = known.get(role) or record.sha256
    if role == "name":
        value = f"{value} {record.keys.get('birth_date', '')}".strip()
    patient = value if role == "patient_id" else f"{role} {value}"
    study = known.get("study_uid") or known.get("accession") or f"study of {patient}"
    return IdentifiedPatient(patient, study, role)


def _form(role: str, row: Mapping[str, str], keys: Mapping[str, str]) -> str:
    for values in (row, keys):
        forms = identifier_spellings(role, values.get(role, ""))
        if forms:
            return without_zeros(chinese_first(forms))
    return ""
