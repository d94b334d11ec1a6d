"""Which row of the table of pathology results an image belongs to, if any; nothing is guessed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import combinations
from typing import Final, Self

from metrascope.dicom.identifiers import (
    Keys,
    endings,
    identifier_spellings,
    is_chinese,
    names_differ,
    numbers_differ,
    parts,
    without_zeros,
)
from metrascope.labels.columns import KEYS
from metrascope.labels.diagnosis import Diagnosis
from metrascope.messages import Reason

_NUMBERS: Final = ("accession", "patient_id")
_EXAM: Final = frozenset({"accession", "study_uid", "sop_uid"})
_COMPARED: Final = (*_NUMBERS, "study_uid", "sop_uid")
_MERGED: Final = (*KEYS, "age", "centre", "scanner", "plane")

Index = dict[tuple[str, str], frozenset[int]]
"""Role and form of a key to the positions of the rows that have it."""


@dataclass(frozen=True)
class LabelRow:
    """A row of the table.

    Attributes
    ----------
    values
        ``row``, its number in the spreadsheet; a value for each role that has a column, ``""``
        where empty (`metrascope.labels.columns.ROLES`; of several patient or accession numbers
        the first); ``label``, its class, ``""`` if it has none; ``diagnosis``, the text that the
        class was read from; ``read`` and ``why``, the class that the text has without a person's
        decision, or the reason why it has none; ``age`` in whole years, ``90`` for older (45 CFR
        164.514).
    reason
        Why it has no class.
    forms
        Role to the forms of its keys.
    texts
        What each column that speaks of the diagnosis says, by its name, the one in use first;
        empty where only that one says anything.
    """

    values: Mapping[str, str]
    reason: Reason | None
    forms: Mapping[str, frozenset[str]]
    texts: Mapping[str, str] = field(default_factory=dict)


def row_reason(values: Mapping[str, str], diagnosis: Diagnosis) -> Reason | None:
    """Return why a row has no class, with its number, its text and what the text alone says."""
    if diagnosis.reason is None:
        return None
    return Reason(
        diagnosis.reason.key,
        {
            "row": int(values["row"]),
            "diagnosis": values["diagnosis"],
            "read": values["read"],
        },
    )


@dataclass(frozen=True)
class Labels:
    """The rows of a table of pathology results.

    Attributes
    ----------
    rows
        In the table's order.
    columns
        Role to the names of the columns that have it.
    diagnoses
        The reading of each distinct text of the label column.
    beside
        The readings of texts in further columns that speak of the diagnosis, by column.
    label_named
        Whether the user has named the label column.
    unused
        Names of the columns that have no role.
    notices
        Sentences on the table itself, for the screen.
    header
        Names of all columns, in the table's order.
    """

    rows: tuple[LabelRow, ...]
    columns: Mapping[str, tuple[str, ...]]
    _index: Index = field(repr=False)
    _shared: frozenset[tuple[str, str]] = frozenset()
    _exams_listed: bool = False
    diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict, repr=False)
    beside: Mapping[str, Mapping[str, Diagnosis]] = field(default_factory=dict, repr=False)
    label_named: bool = False
    unused: tuple[str, ...] = ()
    notices: tuple[Reason, ...] = ()
    header: tuple[str, ...] = ()

    @classmethod
    def of_rows(
        cls,
        rows: Sequence[LabelRow],
        columns: Mapping[str, tuple[str, ...]],
        diagnoses: Mapping[str, Diagnosis],
    ) -> Self:
        """Return labels of rows, indexed by their keys."""
        return cls(tuple(rows), columns, _indexed(rows), diagnoses=diagnoses)

    def match(self, keys: Keys) -> LabelRow | Reason:
        """Return the row that an image belongs to, or why there is none.

        Every key of the image that is in the table counts: file name (the whole path, else its
        end), SOP instance, study, accession, patient, name. All must point to one row; keys that
        point to different rows are a conflict and nothing is guessed. Where several rows of one
        patient remain they must agree; of what they say differently nothing is returned. Numbers
        that differ in leading zeros match where no other number does.

        Where no number of the header is in the table, the words of the path count that are an
        accession number, a patient number or a name of the table. They never overrule the header:
        a row with another number or name than the header's is none. A name alone matches if only
        one patient has it and no number speaks against it. A patient's number alone does not
        match rows of her other examinations.
        """
        hits = self._all_hits(keys)
        if not hits:
            crowded = any(map(self._is_crowded, keys.written("file_name")))
            if crowded:
                return Reason("labels.crowded")
            return Reason("labels.other_script" if self._in_other_script(keys) else "labels.no_row")
        found = reduce(frozenset.intersection, hits.values())
        if not found:
            return _conflict(hits)
        roles = {key.partition(" ")[0] for key in hits}
        rows = [self.rows[position] for position in sorted(found)]
        if roles == {"name"} and not self._may_go_by_name(keys, rows):
            return Reason("labels.name_only")
        objections = (self._objection(keys, roles, row) for row in rows)
        return next(filter(None, objections), None) or _agreed(rows)

    def fitting(self, keys: Keys) -> frozenset[str]:
        """Return the numbers of all rows that any key of an image is in, whatever `match` says."""
        hits = self._all_hits(keys).values()
        return frozenset(self.rows[row].values["row"] for rows in hits for row in rows)

    def knowing(self, keys: Iterable[Keys], several: Collection[str] = ()) -> "Labels":
        """Return the same labels, aware of all images that there are.

        Then a name that two patients have, numbers that differ in leading zeros alone and a
        file name that is in two folders are seen for what they are, also where the table has
        only one of them; and whether its accession numbers are those of the headers.

        Parameters
        ----------
        keys
            Of all images.
        several
            Names of files that are different ones in several export folders.
        """
        owners: dict[tuple[str, str], set[str]] = defaultdict(set)
        listed = False
        for key in keys:
            listed = listed or bool(self._at("accession", key.written("accession")))
            for role, form, owner in _claims(key):
                owners[role, form].add(owner)
        shared = {claim for claim, names in owners.items() if len(names) > 1}
        shared |= {
            ("path", path) for name in several for path in identifier_spellings("file_name", name)
        }
        return replace(self, _shared=frozenset(shared), _exams_listed=listed)

    def _in_other_script(self, keys: Keys) -> bool:
        """Tell whether a file's name cannot be compared with the table's: Wang Li and 王丽."""
        names = keys.written("name")
        listed = self._scripts
        return bool(names and listed) and {is_chinese(name) for name in names}.isdisjoint(listed)

    @cached_property
    def _scripts(self) -> frozenset[bool]:
        """Return in which scripts the table has names: True is Chinese."""
        return frozenset(
            is_chinese(form) for row in self.rows for form in row.forms.get("name", ())
        )

    def _all_hits(self, keys: Keys) -> dict[str, frozenset[int]]:
        hits = {role: rows for role in KEYS if (rows := self._hits(role, keys))}
        return hits if hits.keys() - {"name"} else hits | self._hits_of_words(keys)

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
                return frozenset() if self._is_shared(ending, path) else found
        return found

    def _is_crowded(self, path: str) -> bool:
        """Tell whether the table has a file's name, which is in several folders."""
        return any(
            self._is_shared(ending, path) and self._at("file_name", {ending})
            for ending in endings(path)
        )

    def _is_shared(self, ending: str, path: str) -> bool:
        in_folders = ending != path and ("file_name", ending) in self._shared
        return in_folders or ("path", path) in self._shared

    def _hits_of_words(self, keys: Keys) -> dict[str, frozenset[int]]:
        words = [word for path in keys.written("file_name") for word in sorted(parts(path))]
        hits: dict[str, frozenset[int]] = {}
        for word in words:
            numbers, names = (
                frozenset[int]().union(
                    *(self._at(role, identifier_spellings(role, word)) for role in roles)
                )
                for roles in (_NUMBERS, ("name",))
            )
            # One word may be a number of two kinds; then it points to the rows of both.
            if numbers:
                hits[f"file_name {word}"] = numbers | names
            elif names:
                hits[f"name {word}"] = names
        return hits

    def _at(self, role: str, forms: Iterable[str]) -> frozenset[int]:
        empty: frozenset[int] = frozenset()
        return empty.union(*(self._index.get((role, form), empty) for form in forms))

    def _may_go_by_name(self, keys: Keys, rows: Sequence[LabelRow]) -> bool:
        names = keys.written("name").union(*(row.forms.get("name", ()) for row in rows))
        if any(("name", form) in self._shared for form in names):
            return False
        return not any(
            keys.written(role) and any(row.forms.get(role) for row in rows) for role in _NUMBERS
        )

    def _objection(self, keys: Keys, roles: AbstractSet[str], row: LabelRow) -> Reason | None:
        """Return what in the header speaks against a row that was found by some roles."""
        empty: frozenset[str] = frozenset()
        differing = [
            role
            for role in _COMPARED
            if numbers_differ(keys.written(role), row.forms.get(role, empty))
        ]
        other_name = names_differ(keys.written("name"), row.forms.get("name", empty))
        if not roles & {*_EXAM, "patient_id"}:
            against = [*differing, *(["name"] if other_name else [])]
            return Reason("labels.against_header", {"role": against[0]}) if against else None
        if "patient_id" not in roles:
            return Reason("labels.other_name") if other_name else None
        if roles & {*_EXAM, "file_name"}:
            return None
        # Two numberings of examinations would make all of them another's.
        listed = "study_uid" in differing or ("accession" in differing and self._exams_listed)
        return Reason("labels.other_visit") if listed else None


def _conflict(hits: Mapping[str, frozenset[int]]) -> Reason:
    """Return the reason that names two keys that point to different rows."""
    pairs = combinations(hits, 2)
    apart = (pair for pair in pairs if hits[pair[0]].isdisjoint(hits[pair[1]]))
    first, second = (key.partition(" ")[0] for key in next(apart, (min(hits), max(hits))))
    if first == second:
        return Reason("labels.words_conflict")
    return Reason("labels.conflict", {"first": first, "second": second})


def _agreed(rows: Sequence[LabelRow]) -> LabelRow | Reason:
    numbers = ", ".join(row.values["row"] for row in rows)
    common = {role: _common_forms(rows, role) for role in KEYS}
    for role in ("patient_id", "name"):
        if common[role] is not None and not common[role]:
            return Reason("labels.several_patients", {"rows": numbers})
    if len({(row.values["label"], row.reason and row.reason.key) for row in rows}) > 1:
        return Reason("labels.rows_differ", {"rows": numbers})
    first = rows[0]
    if first.reason or len(rows) == 1:
        return first.reason or first
    values = dict(first.values)
    for role in _MERGED:
        written_so = {row.values[role] for row in rows} - {""}
        # Not the first visit's number where the visit is unknown.
        values[role] = written_so.pop() if len(written_so) == 1 else min(common.get(role) or [""])
    return LabelRow(values, None, {role: common[role] or frozenset() for role in KEYS})


def _common_forms(rows: Sequence[LabelRow], role: str) -> frozenset[str] | None:
    """Return the forms that all rows with the role have in common, None where no row has it."""
    forms = [row.forms[role] for row in rows if row.forms.get(role)]
    return reduce(frozenset.intersection, forms) if forms else None


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
    patient = " ".join(sorted(keys.written("patient_id"))) or keys.birth_date
    for form in keys.written("name"):
        yield "name", form, patient
    for role in _NUMBERS:
        for form in keys.written(role):
            yield f"{role} bare", without_zeros(form), form
    for path in keys.written("file_name"):
        for ending in endings(path):
            # One picture exported in two formats to one folder is one picture.
            yield "file_name", ending, path.rpartition("/")[0]
