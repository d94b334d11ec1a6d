"""The table of pathology results, read into rows that images are matched to."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from metrascope.ingest.columns import KEYS, ROLES, choose_columns, columns_beside, holds_classes
from metrascope.ingest.diagnosis import Diagnosis, read_diagnoses
from metrascope.ingest.keys import Keys, written
from metrascope.ingest.matching import LabelRow, Labels, row_reason
from metrascope.ingest.reason import Reason, shown_rows
from metrascope.ingest.sheet import Sheet, read_sheet
from metrascope.ingest.strikethrough import MARK

__all__ = ["Keys", "LabelRow", "Labels", "read_labels"]

_OLDEST: Final = 90


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
        If the table cannot be read, or its columns are unknown or ambiguous.
    SettingsError
        If a role in ``columns`` is unknown.
    """
    columns = columns or {}
    sheet = read_sheet(path, columns)
    chosen = choose_columns(path, sheet.header, columns)
    at = chosen["label"][0]
    used = {column for numbers in chosen.values() for column in numbers}
    cells = {number: row for number, row in sheet.rows.items() if any(row[n] for n in used)}
    diagnoses = _readings(sheet.header[at], [row[at] for row in cells.values()], classes)
    beside = {
        sheet.header[n]: _readings(sheet.header[n], [row[n] for row in cells.values()], classes)
        for n in columns_beside(sheet.header, at)
    }
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
        notices=tuple(_notices(sheet, cells, used)),
    )


def _notices(
    sheet: Sheet, rows: Mapping[int, Sequence[str]], used: Collection[int]
) -> Iterator[Reason]:
    """Yield a sentence on what a person may not see in the table, or has taken back there."""
    struck = [number for number, row in rows.items() if any(MARK in row[n] for n in used)]
    for key, numbers in (("hidden_rows", sheet.hidden_rows & rows.keys()), ("struck_rows", struck)):
        if numbers:
            yield Reason(f"labels.{key}", {"count": len(numbers), "rows": shown_rows(numbers)})
    hidden = [sheet.header[n] for n in sorted(used) if sheet.header[n] in sheet.hidden_columns]
    if hidden:
        yield Reason("labels.hidden_columns", {"columns": ", ".join(hidden)})


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
        told[role] = [value for value in told[role] if MARK not in value]
    for role in KEYS:
        # A placeholder is no number, and never goes before the header's own.
        told[role] = [value for value in told[role] if written(role, value)]
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
        role: frozenset(form for value in told[role] for form in written(role, value))
        for role in KEYS
    }
    return LabelRow(values, row_reason(values, read), forms)


def _years(age: str) -> str:
    """Return an age such as ``45``, ``45岁`` or ``045Y`` in whole years, else ``""``."""
    found = re.fullmatch(
        r"(\d{1,3})(?:\.\d+)?\s*(?:岁|周岁|y|years?|yrs?|y/?o)?\.?", age.casefold()
    )
    return str(min(int(found[1]), _OLDEST)) if found else ""
