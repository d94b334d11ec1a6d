"""The table of pathology results, read into rows that images are matched to."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from metrascope.ingest.columns import KEYS, ROLES, choose_columns, holds_classes
from metrascope.ingest.diagnosis import Diagnosis, read_diagnoses
from metrascope.ingest.keys import Keys, written
from metrascope.ingest.matching import LabelRow, Labels
from metrascope.ingest.reason import Reason
from metrascope.ingest.sheet import read_sheet

__all__ = ["Keys", "LabelRow", "Labels", "read_labels"]

_OLDEST: Final = 90


def read_labels(
    path: Path, columns: Mapping[str, str] | None = None, classes: Mapping[str, str] | None = None
) -> Labels:
    """Read the table of pathology results.

    Parameters
    ----------
    path
        CSV or .xlsx.
    columns
        Role to name of the column, where the names in the header do not tell.
    classes
        Value of the label column to class, which goes before the reading of its words.

    Raises
    ------
    DataError
        If the table cannot be read, or its columns are unknown or ambiguous.
    SettingsError
        If a role in ``columns`` is unknown.
    """
    columns = columns or {}
    sheet = read_sheet(path, columns)
    chosen = choose_columns(path, sheet.header, columns)
    at = chosen["label"][0]
    texts = [cells[at] for cells in sheet.rows.values()]
    diagnoses = read_diagnoses(texts, classes, codes=holds_classes(sheet.header[at]))
    used = [column for columns in chosen.values() for column in columns]
    rows = tuple(
        _row(number, cells, chosen, diagnoses)
        for number, cells in sheet.rows.items()
        if any(cells[column] for column in used)  # a line of totals is no row
    )
    names = {role: tuple(sheet.header[n] for n in numbers) for role, numbers in chosen.items()}
    return Labels.of_rows(rows, names, diagnoses)


def _row(
    number: int,
    cells: Sequence[str],
    chosen: Mapping[str, Sequence[int]],
    diagnoses: Mapping[str, Diagnosis],
) -> LabelRow:
    told = {role: [cells[n] for n in chosen.get(role, ()) if cells[n]] for role in ROLES}
    for role in KEYS:
        # A placeholder is no number, and never goes before the header's own.
        told[role] = [value for value in told[role] if written(role, value)]
    values = {role: (told[role] or [""])[0] for role in ROLES}
    diagnosis = values["label"]
    read = diagnoses.get(diagnosis, Diagnosis(reason=Reason("labels.empty")))
    reason = Reason(read.reason.key, {"row": number}) if read.reason else None
    values |= {
        "row": str(number),
        "label": read.label,
        "diagnosis": diagnosis,
        "age": _years(values["age"]),
    }
    forms = {
        role: frozenset(form for value in told[role] for form in written(role, value))
        for role in KEYS
    }
    return LabelRow(values, reason, forms)


def _years(age: str) -> str:
    """Return an age such as ``45``, ``45岁`` or ``045Y`` in whole years, else ``""``."""
    found = re.fullmatch(
        r"(\d{1,3})(?:\.\d+)?\s*(?:岁|周岁|y|years?|yrs?|y/?o)?\.?", age.casefold()
    )
    return str(min(int(found[1]), _OLDEST)) if found else ""
