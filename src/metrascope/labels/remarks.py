"""Columns taken for patient or accession numbers or names that hold remarks instead."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from metrascope.dicom.identifiers import chinese_first, identifier_spellings
from metrascope.errors import DataError
from metrascope.messages import text

_LONGEST: Final = 64
"""Signs of a patient's number in DICOM (LO); an accession number has 16 at most (SH)."""
_LONGEST_NAME: Final = 12
"""Characters of a name. A Han name has up to 4; Uyghur and Kazakh ones, which have a point between
their parts (阿依古丽·买买提), are often typed without it and have up to 11 then."""
_LONGEST_WORD: Final = 4
"""Characters without a sign or digit in a column of numbers: some tables number patients by their
names."""
_MOST_WORDS: Final = 4
"""Of a Latin name."""
_CHINESE: Final = re.compile("[\u4e00-\u9fff]")
_FEWEST: Final = 3
"""Rows with such content: of fewer, each can be a slip of the pen."""
_EXAMPLES: Final = 3


def refuse_remarks(
    path: Path,
    header: Sequence[str],
    rows: Collection[Sequence[str]],
    chosen: Mapping[str, Sequence[int]],
) -> None:
    """Refuse a column of numbers or names whose content is obviously something else.

    All patients with one remark, such as 随访, would else be one patient.

    Parameters
    ----------
    path
        Of the table, for the error.
    header, rows
        Names of the columns; the cells of each row.
    chosen
        Role to the numbers of its columns.

    Raises
    ------
    DataError
        If more than half of what stands in such a column is prose, or stands beside patients of
        different names (accession numbers: of different numbers, where there are no names).
    """
    for role in ("patient_id", "accession", "name"):
        others = {} if role == "name" else _others(role, chosen)
        for column in chosen.get(role, ()):
            filled = [row for row in rows if identifier_spellings(role, row[column])]
            shared = _shared(filled, column, others)
            longest = _LONGEST_NAME if role == "name" else _LONGEST_WORD
            wrong = [row[column] for row in filled if _is_prose(row[column], longest)]
            wrong += [row[column] for row in filled if row[column] in shared - {*wrong}]
            if len(wrong) < _FEWEST or 2 * len(wrong) <= len(filled):
                continue
            examples = text("diagnoses.between").join(
                text("diagnoses.quoted", text=one) for one in [*dict.fromkeys(wrong)][:_EXAMPLES]
            )
            raise DataError(
                "labels.remarks",
                path=path,
                column=header[column],
                role=text(f"role.{role}"),
                option=role,
                count=len(wrong),
                all=len(filled),
                examples=examples,
            )


def _others(role: str, chosen: Mapping[str, Sequence[int]]) -> Mapping[str, Sequence[int]]:
    """Return the columns that tell patients apart, by role.

    A woman has several patient numbers in some hospitals, so that they are not compared with each
    other.
    """
    if "name" in chosen:
        return {"name": chosen["name"]}
    return {"patient_id": chosen.get("patient_id", ())} if role == "accession" else {}


def _shared(
    rows: Sequence[Sequence[str]], column: int, others: Mapping[str, Sequence[int]]
) -> set[str]:
    """Return the values of a column that stand beside different patients."""
    patients: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        known = [(kind, row[n]) for kind, columns in others.items() for n in columns]
        forms = frozenset[str]().union(*(identifier_spellings(*one) for one in known))
        if forms:
            patients[row[column]][chinese_first(forms)] += 1
    # Where most rows of a value are of one patient, the others are slips of the pen.
    return {value for value, own in patients.items() if 2 * max(own.values()) <= own.total()}


def _is_prose(value: str, longest: int) -> bool:
    """Tell whether a cell holds words rather than a number or a name of so many characters."""
    plain = unicodedata.normalize("NFKC", value).strip()
    chinese = len(_CHINESE.findall(plain))
    if len(plain) > _LONGEST or len(plain.split()) > _MOST_WORDS:
        return True
    if re.search(r"[,。;、!?:\n]", plain) and chinese > 1:
        return True
    bare = not re.search(r"[a-z0-9·•]", plain.casefold())
    return bare and chinese > longest
