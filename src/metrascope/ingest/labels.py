"""The table of pathology results, and which of its rows an image belongs to."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final

from metrascope.ingest.columns import KEYS, ROLES, choose_columns
from metrascope.ingest.diagnosis import read_diagnoses
from metrascope.ingest.keys import Keys, endings, parts, without_zeros, written
from metrascope.ingest.reason import Reason
from metrascope.ingest.sheet import read_sheet

__all__ = ["Keys", "LabelRow", "Labels", "read_labels"]

_NUMBERS: Final = ("accession", "patient_id")
_WORDS: Final = ("accession", "patient_id", "name")
_OLDEST: Final = 90

Index = dict[tuple[str, str], frozenset[int]]
"""Role and form of a key to the positions of the rows that have it."""


@dataclass(frozen=True)
class LabelRow:
    """A row of the table.

    Attributes
    ----------
    values
        ``row``, its number in the spreadsheet; a value for each role that has a column, ``""``
        where empty (`metrascope.ingest.columns.ROLES`; of several patient or accession numbers
        the first); ``label``, its class, ``""`` if it has none; ``diagnosis``, the text that the
        class was read from; ``age`` in whole years, ``90`` for older (45 CFR 164.514).
    reason
        Why it has no class.
    forms
        Role to the forms of its keys.
    """

    values: Mapping[str, str]
    reason: Reason | None
    forms: Mapping[str, frozenset[str]]


@dataclass(frozen=True)
class Labels:
    """The rows of a table of pathology results.

    Attributes
    ----------
    rows
        In the table's order.
    columns
        Role to the names of the columns that have it.
    """

    rows: tuple[LabelRow, ...]
    columns: Mapping[str, tuple[str, ...]]
    _index: Index = field(repr=False)
    _shared: frozenset[tuple[str, str]] = frozenset()

    def match(self, keys: Keys) -> LabelRow | Reason:
        """Return the row that an image belongs to, or why there is none.

        Every key of the image that is in the table counts: file name (the whole path, else its
        end), SOP instance, study, accession, patient, name. All must point to one row; keys that
        point to different rows are a conflict and nothing is guessed. Where several rows of one
        patient remain they must agree. Numbers that differ in leading zeros match where no
        other number does. A name alone matches if only one patient has it and no number speaks
        against it. An image without any key in the table is matched by the words of its path
        that are an accession number, a patient number or a name of the table.
        """
        hits = {role: rows for role in KEYS if (rows := self._hits(role, keys))}
        if not hits:
            hits = self._hits_of_words(keys)
        if not hits:
            return Reason("labels.no_row")
        found = reduce(frozenset.intersection, hits.values())
        if not found:
            roles = [role.partition(" ")[0] for role in hits]
            return Reason("labels.conflict", {"first": roles[0], "second": roles[-1]})
        if set(hits) == {"name"} and not self._may_go_by_name(keys, found):
            return Reason("labels.name_only")
        return self._agreed([self.rows[position] for position in sorted(found)])

    def knowing(self, keys: Iterable[Keys]) -> "Labels":
        """Return the same labels, aware of all images that there are.

        Then a name that two patients have, numbers that differ in leading zeros alone and a
        file name that is in two folders are seen for what they are, also where the table has
        only one of them.
        """
        owners: dict[tuple[str, str], set[str]] = defaultdict(set)
        for key in keys:
            for role, form, owner in _claims(key):
                owners[role, form].add(owner)
        shared = frozenset(claim for claim, names in owners.items() if len(names) > 1)
        return Labels(self.rows, self.columns, self._index, shared)

    def _hits(self, role: str, keys: Keys) -> frozenset[int]:
        forms = keys.written(role)
        if role == "file_name":
            return next(filter(None, map(self._hits_of_path, forms)), frozenset())
        found = self._at(role, forms)
        if found or role not in _NUMBERS:
            return found
        bare = {without_zeros(form) for form in forms}
        bare = {form for form in bare if (f"{role} bare", form) not in self._shared}
        found = self._at(f"{role} bare", bare)
        different = {form for row in found for form in self.rows[row].forms[role]}
        alike = {form for form in different if without_zeros(form) in bare}
        return found if len(alike) == 1 else frozenset()

    def _hits_of_path(self, path: str) -> frozenset[int]:
        found = self._at("path end", {path})
        for ending in endings(path):
            found = found or self._at("file_name", {ending})
            if found:
                crowded = ending != path and ("file_name", ending) in self._shared
                return frozenset() if crowded else found
        return found

    def _hits_of_words(self, keys: Keys) -> dict[str, frozenset[int]]:
        words = [word for path in keys.written("file_name") for word in sorted(parts(path))]
        found = {
            f"{role} in {word}": self._at(role, written(role, word))
            for word in words
            for role in _WORDS
        }
        # One word may be a number of two kinds; then it points to the rows of both.
        either = {
            word: frozenset[int]().union(*(found[f"{role} in {word}"] for role in _WORDS))
            for word in words
        }
        return {f"file_name {word}": rows for word, rows in either.items() if rows}

    def _at(self, role: str, forms: Iterable[str]) -> frozenset[int]:
        empty: frozenset[int] = frozenset()
        return empty.union(*(self._index.get((role, form), empty) for form in forms))

    def _may_go_by_name(self, keys: Keys, found: Iterable[int]) -> bool:
        if any(("name", form) in self._shared for form in keys.written("name")):
            return False
        known = [self.rows[row].forms.get("patient_id", frozenset()) for row in found]
        return not (keys.written("patient_id") and any(known))

    def _agreed(self, rows: Sequence[LabelRow]) -> LabelRow | Reason:
        numbers = ", ".join(row.values["row"] for row in rows)
        for role in ("patient_id", "name"):
            forms = [row.forms[role] for row in rows if row.forms.get(role)]
            if forms and not reduce(frozenset.intersection, forms):
                return Reason("labels.several_patients", {"rows": numbers})
        if len({(row.values["label"], row.reason and row.reason.key) for row in rows}) > 1:
            return Reason("labels.rows_differ", {"rows": numbers})
        return rows[0].reason or rows[0]


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
        Value of the label column to class, where the built-in words are not enough.

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
    diagnoses = read_diagnoses((cells[at] for cells in sheet.rows.values()), classes)
    rows = tuple(_row(number, cells, chosen, diagnoses) for number, cells in sheet.rows.items())
    names = {role: tuple(sheet.header[n] for n in numbers) for role, numbers in chosen.items()}
    return Labels(rows, names, _indexed(rows))


def _row(
    number: int,
    cells: Sequence[str],
    chosen: Mapping[str, Sequence[int]],
    diagnoses: Mapping[str, str | Reason],
) -> LabelRow:
    told = {role: [cells[n] for n in chosen.get(role, ()) if cells[n]] for role in ROLES}
    values = {role: (told[role] or [""])[0] for role in ROLES}
    diagnosis = values["label"]
    label = diagnoses.get(diagnosis, Reason("labels.empty"))
    reason = Reason(label.key, {"row": number}) if isinstance(label, Reason) else None
    values |= {
        "row": str(number),
        "label": "" if isinstance(label, Reason) else label,
        "diagnosis": diagnosis,
        "age": _years(values["age"]),
    }
    forms = {
        role: frozenset(form for value in told[role] for form in written(role, value))
        for role in KEYS
    }
    return LabelRow(values, reason, forms)


def _indexed(rows: Sequence[LabelRow]) -> Index:
    index: dict[tuple[str, str], set[int]] = defaultdict(set)
    for position, row in enumerate(rows):
        for role, forms in row.forms.items():
            for form in forms:
                index[role, form].add(position)
                if role in _NUMBERS:
                    index[f"{role} bare", without_zeros(form)].add(position)
        for path in row.forms["file_name"]:
            *_, bare = endings(f"/{path}".rpartition("/")[2])
            folder = path.rpartition("/")[0]
            index["file_name", f"{folder}/{bare}" if folder else bare].add(position)
            for ending in endings(path):
                index["path end", ending].add(position)
    return {key: frozenset(positions) for key, positions in index.items()}


def _claims(keys: Keys) -> Iterator[tuple[str, str, str]]:
    """Yield what may turn out to be shared: role, form, and who or what has it."""
    patient = " ".join(sorted(keys.written("patient_id")))
    for form in keys.written("name"):
        yield "name", form, patient
    for role in _NUMBERS:
        for form in keys.written(role):
            yield f"{role} bare", without_zeros(form), form
    for path in keys.written("file_name"):
        for ending in endings(path):
            # One picture exported in two formats to one folder is one picture.
            yield "file_name", ending, path.rpartition("/")[0]


def _years(age: str) -> str:
    """Return an age such as ``45``, ``45岁`` or ``045Y`` in whole years, else ``""``."""
    found = re.fullmatch(
        r"(\d{1,3})(?:\.\d+)?\s*(?:岁|周岁|y|years?|yrs?|y/?o)?\.?", age.casefold()
    )
    return str(min(int(found[1]), _OLDEST)) if found else ""
