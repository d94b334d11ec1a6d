"""What a person has decided about diagnoses, read back from the list that ingest wrote."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final

from metrascope.classes import class_title
from metrascope.errors import DataError
from metrascope.ingest.headings import heading_names, headings
from metrascope.ingest.journal import Record, Rejection
from metrascope.labels.diagnosis import CLASSES, Diagnosis, read_diagnoses
from metrascope.labels.label_columns import contradicted
from metrascope.labels.lexicon import normal_form
from metrascope.labels.matching import LabelRow, Labels, row_reason
from metrascope.labels.sheet import read_sheet
from metrascope.messages import LANGUAGES, Reason, language, table, text

DIAGNOSIS_LIST: Final = "diagnoses.csv"
DIAGNOSIS_COLUMNS: Final = (
    "diagnosis", "class", "proposed", "decision", "status", "reason",
    "rows", "files", "images", "column", "other_columns",
)  # fmt: skip
OUT: Final = "leave out"
"""Decision that the images of a diagnosis are not used."""
# Who says what class a diagnosis has; `status_words` are what the list shows.
UNDECIDED: Final = "undecided"
OFFERED: Final = "offered"
READ: Final = "read"
SETTING: Final = "setting"
DECIDED: Final = "decided"
BY_WORKBOOK: Final = "workbook"
STATUSES: Final = (UNDECIDED, OFFERED, DECIDED, BY_WORKBOOK, SETTING, READ)
"""What waits for a person first, as the list has them."""

_NEEDED: Final = ("diagnosis", "decision")
WORKBOOK: Final = "diagnoses.xlsx"
_OUT_WORDS: Final = (
    *("leave_out", "left out", "exclude", "excluded"),
    *("不用", "不使用", "不采用", "不纳入", "排除", "剔除", "舍弃"),
)


@dataclass(frozen=True)
class Decision:
    """What a person has written beside one diagnosis.

    Attributes
    ----------
    diagnosis
        Its text.
    value
        As it is written; ``""`` if nothing is.
    path, row
        Where it stands.
    known
        Class, status and proposed class that the last ingest wrote there.
    more
        Columns that the person has added.
    """

    diagnosis: str
    value: str
    path: Path
    row: int
    known: tuple[str, str, str] = ("", "", "")
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Return file and row, as an error names them."""
        return text("diagnoses.place", file=self.path.name, row=self.row)

    @property
    def before(self) -> str:
        """Return the decision that was in force at the last ingest, in its plain form."""
        label, status, _ = self.known
        return plain_decision(label or OUT) if status in (DECIDED, BY_WORKBOOK) else ""


def read_decisions(folder: Path) -> dict[str, Decision]:
    """Return what a person has decided, by the normal form of the diagnosis.

    Parameters
    ----------
    folder
        Of the private lists: ``diagnoses.csv``, as an ingest wrote it and a person filled it in
        with Excel or WPS, and ``diagnoses.xlsx``, if the person saved it as that.

    Raises
    ------
    DataError
        If a file cannot be read, lacks a column or is of another kind, a diagnosis has two
        decisions, or both files have one and they differ.
    """
    for path in sorted(folder.glob("diagnoses.*")):
        if path.suffix.casefold() not in (".csv", ".xlsx"):
            raise DataError("diagnoses.format", path=path)
    ours, theirs = _decisions(folder / DIAGNOSIS_LIST), _decisions(folder / WORKBOOK)
    return ours | {form: _agreed(ours.get(form), one) for form, one in theirs.items()}


def decided(labels: Labels, decisions: Mapping[str, Decision]) -> Labels:
    """Return labels with the classes that a person has decided, and no other contradictions.

    Where columns of the table contradict each other, what they say together is one diagnosis more,
    without a class until a person decides it: see `contradicted`.

    Parameters
    ----------
    labels
        As they were read, the user's settings applied.
    decisions
        From `read_decisions`.

    Raises
    ------
    DataError
        If a decision is no class, contradicts a setting, or a person has changed the column
        ``class``, which only shows what is in force.
    """
    classes = decision_classes(labels)

    def settled(readings: Mapping[str, Diagnosis]) -> dict[str, Diagnosis]:
        return {
            said: _decided(diagnosis, decisions.get(normal_form(said)), classes)
            for said, diagnosis in readings.items()
        }

    diagnoses = settled(labels.diagnoses)
    beside = {
        column: {**readings, **_written_decisions(readings, decisions, classes)}
        for column, readings in labels.beside.items()
    }
    rows = [_with_class(row, diagnoses) for row in labels.rows]
    single = replace(labels, rows=tuple(rows), diagnoses=diagnoses, beside=beside)
    whole = contradicted(single)
    joint = settled({said: read for said, read in whole.diagnoses.items() if said not in diagnoses})
    diagnoses |= joint
    rows = [_with_class(row, joint) for row in whole.rows]
    return replace(whole, rows=tuple(rows), diagnoses=diagnoses)


def _written_decisions(
    readings: Mapping[str, Diagnosis],
    decisions: Mapping[str, Decision],
    classes: Mapping[str, str],
) -> dict[str, Diagnosis]:
    """Return what a person has decided about texts of a column that is not in use."""
    found = ((said, decisions.get(normal_form(said))) for said in readings)
    return {
        said: _decided(readings[said], decision, classes)
        for said, decision in found
        if decision and decision.value
    }


def check_decisions(
    records: Iterable[Record], labels: Labels, decisions: Mapping[str, Decision]
) -> None:
    """Refuse a decision that is no class, whether or not its diagnosis is in this table.

    Parameters
    ----------
    records
        Of all files, earlier months' as well: a class of theirs may be decided for.
    labels
        Of this run, as `decided` returned them.
    decisions
        From `read_decisions`.

    Raises
    ------
    DataError
        If one is no class.
    """
    classes = _known_classes(records, labels)
    for decision in decisions.values():
        if decision.value:
            _class(decision, classes)


def _known_classes(records: Iterable[Record], labels: Labels) -> dict[str, str]:
    known = {record.row["label"] for record in records if record.row}
    return {plain_decision(name): name for name in sorted(known)} | decision_classes(labels)


def decided_records(
    records: Iterable[Record], labels: Labels, decisions: Mapping[str, Decision]
) -> list[Record]:
    """Return records of files with the classes that a person has decided since.

    Those of an earlier month have rows of a table that is not read any more; the decision about
    their text holds for them all the same. Where it has been taken back, they have the class that
    the text alone had, or none.

    Parameters
    ----------
    records
        Of all files.
    labels
        Of this run, as `decided` returned them.
    decisions
        From `read_decisions`.

    Raises
    ------
    DataError
        If the decision about one of them is no class.
    """
    listed = list(records)
    classes = _known_classes(listed, labels)
    return [_decided_record(record, decisions, classes) for record in listed]


def _decided_record(
    record: Record, decisions: Mapping[str, Decision], classes: Mapping[str, str]
) -> Record:
    row = record.row or {}
    if not row:
        return record
    decision = decisions.get(normal_form(row.get("diagnosis", "")))
    if decision is not None and decision.value:
        label, why = _class(decision, classes), "labels.left_out"
    else:
        # A journal of 0.1.0 does not say what the text alone was read as.
        label, why = row.get("read", row["label"]), row.get("why", "")
    if not label:
        values = {"row": row["row"], "diagnosis": row.get("diagnosis", "")}
        rejection = Rejection(why, values)
        return replace(record, row=None, images=(), rejections=(rejection,))
    return replace(record, row={**row, "label": label})


def has_class_now(record: Record, decisions: Mapping[str, Decision]) -> bool:
    """Tell whether a file that was left out for its diagnosis has a class by now.

    A person has decided about its text since, or has taken back that it is to be left out.
    """
    for rejection in record.rejections:
        if "diagnosis" not in rejection.values:
            continue
        decision = decisions.get(normal_form(str(rejection.values["diagnosis"])))
        if decision is None or not decision.value:
            return bool(rejection.values.get("read"))
        return plain_decision(decision.value) != OUT
    return False


def _with_class(row: LabelRow, diagnoses: Mapping[str, Diagnosis]) -> LabelRow:
    diagnosis = diagnoses.get(row.values["diagnosis"])
    if diagnosis is None:
        return row
    values = {**row.values, "label": diagnosis.label}
    return replace(row, values=values, reason=row_reason(values, diagnosis))


def _decisions(path: Path) -> dict[str, Decision]:
    """Return what a file says of each diagnosis, also where that is nothing."""
    if not path.exists():
        return {}
    words = ",".join(word for lang in LANGUAGES for word in headings(_NEEDED, lang))
    sheet = read_sheet(path, {"label": words})
    names = heading_names(sheet.header, DIAGNOSIS_COLUMNS, _NEEDED)
    if not {*_NEEDED} <= set(names):
        raise DataError("diagnoses.columns", path=path)
    decisions: dict[str, Decision] = {}
    for row, cells in sheet.rows.items():
        values = dict(zip(names, cells, strict=True))
        more = {
            heading: cell
            for heading, name, cell in zip(sheet.header, names, cells, strict=True)
            if heading.strip() and not name
        }
        label, status, proposed = (values.get(n, "") for n in ("class", "status", "proposed"))
        known = _read_class(label), _read_status(status), _read_class(proposed)
        diagnosis = "" if is_blank(values["diagnosis"]) else values["diagnosis"]
        decision = Decision(diagnosis, values["decision"], path, row, known, more)
        form = normal_form(decision.diagnosis)
        first = decisions.setdefault(form, decision)
        if plain_decision(first.value) != plain_decision(decision.value):
            if first.value and decision.value:
                raise DataError("diagnoses.twice", path=path, first=first.row, second=row)
            decisions[form] = first if first.value else decision
    return decisions


def class_words(label: str) -> str:
    """Return a class as the list shows it: in Chinese by its name, else as files have it."""
    return class_title(label) if language() == "zh" and label in CLASSES else label


def _read_class(words: str) -> str:
    """Return the class that a cell of the list shows in either language."""
    plain = plain_decision(words)
    return plain if plain in CLASSES else words


def status_words(status: str) -> str:
    """Return a status as the list shows it, in the language in use."""
    return text(f"diagnoses.status_{status}")


def _read_status(words: str) -> str:
    """Return the status that a cell of the list shows in either language."""
    shown = {
        normal_form(written): status
        for status in STATUSES
        for written in table()[f"diagnoses.status_{status}"].values()
    }
    return shown.get(normal_form(words), words)


def is_blank(diagnosis: str) -> bool:
    """Tell whether a cell of the list stands for the rows that have no diagnosis."""
    return diagnosis in ("", *table()["diagnoses.blank"].values())


def _agreed(ours: Decision | None, theirs: Decision) -> Decision:
    """Return the decision that counts of those in ``diagnoses.csv`` and in ``diagnoses.xlsx``.

    What the list only repeats from the workbook gives way to what the workbook says now.
    """
    if ours is None:
        return theirs
    if plain_decision(ours.value) == plain_decision(theirs.value):
        # A workbook shows for ever what the list showed when it was saved as one.
        known = ours.known if theirs.value else theirs.known
        return replace(theirs, more=ours.more, known=known)
    if ours.known[1] == BY_WORKBOOK and plain_decision(ours.value) == ours.before:
        return replace(theirs, more=ours.more)
    if ours.value and theirs.value:
        raise DataError(
            "diagnoses.disagree", first=ours.place, second=theirs.place, folder=ours.path.parent
        )
    return ours if ours.value else replace(theirs, more=ours.more)


def _decided(
    diagnosis: Diagnosis, decision: Decision | None, classes: Mapping[str, str]
) -> Diagnosis:
    if decision is None:
        return diagnosis
    if not decision.value:
        label, status, _ = decision.known
        shown = status in (READ, OFFERED, UNDECIDED)
        if shown and label and label != diagnosis.label and diagnosis.by != "setting":
            read = diagnosis.label or text("diagnoses.nothing")
            raise DataError("diagnoses.class_changed", place=decision.place, label=label, read=read)
        return diagnosis
    label = _class(decision, classes)
    if diagnosis.by == "setting" and diagnosis.label != label:
        name = diagnosis.label or OUT
        raise DataError("diagnoses.setting", place=decision.place, label=label or OUT, other=name)
    reason = None if label else Reason("labels.left_out")
    in_workbook = decision.path.name == WORKBOOK
    return Diagnosis(label, reason, by=BY_WORKBOOK if in_workbook else DECIDED)


def _class(decision: Decision, classes: Mapping[str, str]) -> str:
    plain = plain_decision(decision.value)
    if plain == OUT:
        return ""
    if plain not in classes:
        read = read_diagnoses([decision.value])[decision.value].reason
        unplaced = read is not None and read.key == "labels.unplaced"
        raise DataError(
            "diagnoses.unplaced" if unplaced else "diagnoses.no_class",
            place=decision.place,
            diagnosis=decision.diagnosis or text("diagnoses.blank"),
            value=decision.value,
            valid=text("diagnoses.between").join(_offered_classes(classes)),
        )
    return classes[plain]


def _offered_classes(classes: Mapping[str, str]) -> list[str]:
    """Return the classes as a sentence offers them: in Chinese first by the name that they have."""
    names = dict.fromkeys(classes.values())
    shown = {name: class_words(name) for name in names}
    both = "diagnoses.class_and_code"
    return [
        name if words == name else text(both, words=words, code=name)
        for name, words in shown.items()
    ]


def decision_classes(labels: Labels) -> dict[str, str]:
    """Return the classes that a decision may name, by how they are written there."""
    others = (diagnosis.label for diagnosis in labels.diagnoses.values() if diagnosis.label)
    named = {plain_decision(name): name for name in others}
    return {name: name for name in CLASSES} | {
        form: name for form, name in named.items() if form not in CLASSES
    }


def plain_decision(value: str) -> str:
    """Return a decision in the form in which two are compared, whichever language it is in."""
    form = normal_form(value)
    return OUT if form in _OUT_WORDS else _class_words().get(form, form)


@cache
def _class_words() -> dict[str, str]:
    """Return the study's classes by what people call them.

    Not by 肌瘤 alone, which says no place: most fibroids lie in the wall. ``fibroid`` is the name
    that the class has in every file.
    """
    words = {"息肉": "polyp", "内膜息肉": "polyp"}
    for name in CLASSES:
        titles = table()[f"classes.{name}"].values()
        words |= {normal_form(written): name for written in titles}
    return words
