"""The table of pathology results, read into rows that images are matched to."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from metrascope.dicom.identifiers import Keys, identifier_spellings
from metrascope.errors import DataError
from metrascope.labels.columns import (
    KEYS,
    ROLES,
    choose_columns,
    columns_beside,
    holds_classes,
    is_no_patient,
)
from metrascope.labels.diagnosis import CLASSES, Diagnosis, read_diagnoses
from metrascope.labels.matching import LabelRow, Labels, row_reason
from metrascope.labels.remarks import refuse_remarks
from metrascope.labels.sheet import Sheet, read_sheet
from metrascope.labels.strikethrough import STRUCK
from metrascope.messages import Reason, row_numbers_text

__all__ = ["Keys", "LabelRow", "Labels", "read_labels"]

_OLDEST: Final = 90
_IMPOSSIBLE: Final = 123
"""Years that nobody has reached; 122 have been."""


def read_labels(
    path: Path, columns: Mapping[str, str] | None = None, classes: Mapping[str, str] | None = None
) -> Labels:
    """Read the table of pathology results, by its label column alone.

    Rows whose other columns contradict that one are found by `contradicted`, once a person's
    decisions are known.

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
        If the table cannot be read, or its columns are unknown or ambiguous: also where the one
        that would be used has no class of the study and another one has, or one of numbers or
        names holds remarks.
    SettingsError
        If a role in ``columns`` is unknown.
    """
    columns = columns or {}
    sheet = read_sheet(path, columns)
    chosen = choose_columns(path, sheet.header, columns)
    at = chosen["label"][0]
    used = {column for numbers in chosen.values() for column in numbers}
    cells = {number: row for number, row in sheet.rows.items() if any(row[n] for n in used)}
    keys = [n for role in ("accession", "patient_id", "name") for n in chosen.get(role, ())]
    notes = {
        number
        for number, row in cells.items()
        if row == sheet.header or _is_note([row[n] for n in keys if row[n]], row[at])
    }
    cells = {number: row for number, row in cells.items() if number not in notes}
    refuse_remarks(path, sheet.header, cells.values(), chosen)
    diagnoses = _readings(sheet.header[at], [row[at] for row in cells.values()], classes)
    beside = {
        sheet.header[n]: _readings(sheet.header[n], [row[n] for row in cells.values()], classes)
        for n in columns_beside(sheet.header, at)
    }
    if not columns.get("label"):
        _refuse_other_classes(path, sheet.header[at], diagnoses, beside)
    texts = {name: sheet.header.index(name) for name in beside}
    rows = [_row(number, row, chosen, diagnoses) for number, row in cells.items()]
    said = ({name: row[n] for name, n in texts.items() if row[n]} for row in cells.values())
    rows = [_beside(row, sheet.header[at], others) for row, others in zip(rows, said, strict=True)]
    names = {role: tuple(sheet.header[n] for n in numbers) for role, numbers in chosen.items()}
    unused = (name for n, name in enumerate(sheet.header) if name and n not in used)
    return replace(
        Labels.of_rows(rows, names, diagnoses),
        beside=beside,
        label_named=bool(columns.get("label")),
        unused=tuple(unused),
        header=tuple(sheet.header),
        notices=tuple(_notices(sheet, cells, used, notes, rows)),
    )


def _notices(
    sheet: Sheet,
    cells: Mapping[int, Sequence[str]],
    used: Collection[int],
    notes: Collection[int],
    rows: Iterable[LabelRow],
) -> Iterator[Reason]:
    """Yield a sentence on what a person may not see in the table, or may mean otherwise."""
    struck = [number for number, row in cells.items() if any(STRUCK in row[n] for n in used)]
    nobody = [
        int(row.values["row"])
        for row in rows
        if row.values["diagnosis"] and not any(row.forms.values())
    ]
    found: Mapping[str, Collection[int]] = {
        "hidden_rows": sheet.hidden_rows & cells.keys(),
        "struck_rows": struck,
        "notes": notes,
        "of_nobody": nobody,
    }
    for key, numbers in found.items():
        if numbers:
            yield Reason(
                f"labels.{key}", {"count": len(numbers), "rows": row_numbers_text(numbers)}
            )
    hidden = [sheet.header[n] for n in sorted(used) if sheet.header[n] in sheet.hidden_columns]
    if hidden:
        yield Reason("labels.hidden_columns", {"columns": ", ".join(hidden)})


def _refuse_other_classes(
    path: Path,
    column: str,
    diagnoses: Mapping[str, Diagnosis],
    beside: Mapping[str, Mapping[str, Diagnosis]],
) -> None:
    """Refuse to choose between a column of other classes, or codes, and one of the study's.

    类别 may hold what kind of patient she is, 分组 who trains and who tests.
    """
    if not all(map(_says_nothing_of_the_study, diagnoses.values())):
        return
    others = [
        name
        for name, readings in beside.items()
        if any(diagnosis.label in CLASSES for diagnosis in readings.values())
    ]
    if others:
        values = {"column": column, "others": ", ".join(others), "classes": ", ".join(CLASSES)}
        raise DataError("labels.which_column", path=path, first=others[0], **values)


def _says_nothing_of_the_study(diagnosis: Diagnosis) -> bool:
    """Tell whether a text is a class of something else, a code or nothing at all."""
    if diagnosis.reason is None:
        return diagnosis.label not in CLASSES
    return diagnosis.reason.key in ("labels.code", "labels.empty")


def _is_note(keys: Sequence[str], diagnosis: str) -> bool:
    """Tell whether a row is a note or a total: its count may stand in a column of numbers."""
    return any(map(is_no_patient, keys if not diagnosis else keys[:1]))


def _readings(
    column: str, texts: Iterable[str], classes: Mapping[str, str] | None
) -> dict[str, Diagnosis]:
    return read_diagnoses(texts, classes, codes=holds_classes(column))


def _beside(row: LabelRow, column: str, others: Mapping[str, str]) -> LabelRow:
    said = row.values["diagnosis"]
    return replace(row, texts={column: said, **others}) if said and others else row


def _row(
    number: int,
    cells: Sequence[str],
    chosen: Mapping[str, Sequence[int]],
    diagnoses: Mapping[str, Diagnosis],
) -> LabelRow:
    told = {role: [cells[n] for n in chosen.get(role, ()) if cells[n]] for role in ROLES}
    for role in set(ROLES) - {"label"}:
        told[role] = [value for value in told[role] if STRUCK not in value]
    for role in KEYS:
        # A placeholder is no number, and never goes before the header's own.
        told[role] = [value for value in told[role] if identifier_spellings(role, value)]
    values = {role: (told[role] or [""])[0] for role in ROLES}
    diagnosis = values["label"]
    read = diagnoses[diagnosis]
    values |= {
        "row": str(number),
        "label": read.label,
        "diagnosis": diagnosis,
        "read": read.label,
        "why": read.reason.key if read.reason else "",
        "age": _years(values["age"]),
    }
    forms = {
        role: frozenset(form for value in told[role] for form in identifier_spellings(role, value))
        for role in KEYS
    }
    return LabelRow(values, row_reason(values, read), forms)


def _years(age: str) -> str:
    """Return an age such as ``45``, ``45岁`` or ``045Y`` in whole years, else ``""``."""
    found = re.fullmatch(
        r"(\d{1,3})(?:\.\d+)?\s*(?:岁|周岁|y|years?|yrs?|y/?o)?\.?", age.casefold()
    )
    years = int(found[1]) if found else _IMPOSSIBLE
    return str(min(years, _OLDEST)) if years < _IMPOSSIBLE else ""
