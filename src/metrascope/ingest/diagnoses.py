"""The list of all diagnoses, ``diagnoses.csv``: how each was read, and what a person decides."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from metrascope.files.csv_file import write_table
from metrascope.ingest.decisions import (
    BY_WORKBOOK,
    DECIDED,
    DIAGNOSIS_COLUMNS,
    DIAGNOSIS_LIST,
    OFFERED,
    OUT,
    READ,
    STATUSES,
    UNDECIDED,
    Decision,
    class_words,
    decision_classes,
    plain_decision,
    status_words,
)
from metrascope.ingest.headings import headings
from metrascope.ingest.journal import Record
from metrascope.labels.column_uses import column_uses
from metrascope.labels.columns import ROLES
from metrascope.labels.diagnosis import Diagnosis
from metrascope.labels.label_columns import contradictions, joint_text
from metrascope.labels.lexicon import is_empty, normal_form
from metrascope.labels.matching import LabelRow, Labels
from metrascope.messages import reason_title, text

_MOST_TEXTS: Final = 3
_MOST_BESIDE: Final = 5
"""Findings of other columns in a cell: chosen, so that it fits a screen."""


@dataclass(frozen=True)
class DiagnosisList:
    """What the list comes to, for the screen.

    Attributes
    ----------
    path
        Of the list.
    undecided, waiting
        Diagnoses without a class; the files that wait for a decision.
    offered, doubtful
        Diagnoses whose class a person should confirm; the images that have it.
    unlisted
        Diagnoses with a decision that are not in the labels.
    taken, fresh
        Decisions in force; those of them that were not so at the last run.
    texts
        The first of the undecided diagnoses.
    counts
        Status to how many diagnoses have it, and how many images, those of other labels included.
    """

    path: Path
    undecided: int
    waiting: int
    offered: int
    doubtful: int
    unlisted: int
    taken: int = 0
    fresh: int = 0
    texts: tuple[str, ...] = ()
    counts: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def write_diagnoses(
    folder: Path, labels: Labels, records: Collection[Record], decisions: Mapping[str, Decision]
) -> DiagnosisList:
    """Write ``diagnoses.csv``, what waits for a person first, and ``columns.csv`` beside it.

    Parameters
    ----------
    folder
        Of the private lists.
    labels
        As `metrascope.ingest.decisions.decided` returned them.
    records
        Of all files, as `metrascope.ingest.decisions.decided_records` returned them.
    decisions
        From `metrascope.ingest.decisions.read_decisions`; also those of diagnoses that these
        labels do not have are kept.
    """
    counted = _counted(labels, records)
    entries = _entries(labels, counted, decisions)
    present = {normal_form(entry["diagnosis"]) for entry in entries}
    reasons = _undecided_earlier(records)
    # Also of a list that somebody has deleted: files of an earlier table wait all the same.
    asked = {
        form: Decision(words, "", folder / DIAGNOSIS_LIST, 0, ("", UNDECIDED, ""))
        for form, (words, _) in reasons.items()
    }
    known = asked | dict(decisions)
    unlisted = {form: one for form, one in sorted(known.items()) if form not in present}
    classes = decision_classes(labels)
    read = _read_earlier(records)
    others = [
        _unlisted_entry(
            decision,
            classes,
            read.get(form, ""),
            reasons.get(form, ("", ""))[1],
            *counted.get(form, (0, set())),
        )
        for form, decision in unlisted.items()
    ]
    added = dict.fromkeys(name for decision in decisions.values() for name in decision.more)
    if entries or others:
        rows = (
            [_cell(entry, name) for name in DIAGNOSIS_COLUMNS]
            + [entry["more"].get(n, "") for n in added]
            for entry in (*entries, *others)
        )
        write_table(folder / DIAGNOSIS_LIST, (*headings(DIAGNOSIS_COLUMNS), *added), rows)
    _write_columns(folder / "columns.csv", labels)
    by_status: dict[str, list[dict[str, Any]]] = defaultdict(list)
    # Of other tables those count that files wait for.
    for entry in (*entries, *(one for one in others if one["files"])):
        by_status[entry["status"]].append(entry)
    taken = [decision for decision in decisions.values() if decision.value]
    return DiagnosisList(
        folder / DIAGNOSIS_LIST,
        len(by_status[UNDECIDED]),
        sum(entry["files"] for entry in by_status[UNDECIDED]),
        len(by_status[OFFERED]),
        sum(entry["images"] for entry in by_status[OFFERED]),
        sum(bool(decision.value) for decision in unlisted.values()),
        len(taken),
        sum(plain_decision(decision.value) != decision.before for decision in taken),
        tuple(str(_cell(entry, "diagnosis")) for entry in by_status[UNDECIDED][:_MOST_TEXTS]),
        _counts([*entries, *others]),
    )


def _write_columns(path: Path, labels: Labels) -> None:
    """Write what each column of the table was taken for, and what ``--column`` calls that."""
    rows = (
        (one.letter, one.name, one.words(), one.use if one.use in ROLES else "")
        for one in column_uses(labels)
    )
    write_table(path, headings(("letter", "column_name", "use", "option")), rows)


def _counts(entries: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, int]]:
    texts: Counter[str] = Counter()
    images: Counter[str] = Counter()
    for entry in entries:
        texts[entry["status"]] += 1
        images[entry["status"]] += entry["images"]
    return {status: (count, images[status]) for status, count in texts.items()}


def _cell(entry: Mapping[str, Any], name: str) -> object:
    if name == "diagnosis":
        return entry[name] or text("diagnoses.blank")
    if name in ("class", "proposed"):
        return class_words(entry[name])
    return status_words(entry[name]) if name == "status" else entry.get(name, "")


def _counted(labels: Labels, records: Iterable[Record]) -> dict[str, tuple[int, set[str]]]:
    """Return the files and images that belong to each diagnosis, by its normal form."""
    rows = {row.values["row"]: row for row in labels.rows}
    files: Counter[str] = Counter()
    images: dict[str, set[str]] = defaultdict(set)
    for record in records:
        diagnosis = _row_diagnosis(record, rows)
        if diagnosis is not None:
            form = normal_form(diagnosis)
            files[form] += 1
            images[form].update(image["image"] for image in record.images)
    return {form: (count, images[form]) for form, count in files.items()}


def _row_diagnosis(record: Record, rows: Mapping[str, LabelRow]) -> str | None:
    """Return the diagnosis of a file's row, also of one without a class that left it out."""
    if record.row:
        return record.row.get("diagnosis")
    for rejection in record.rejections:
        if "diagnosis" in rejection.values:
            return str(rejection.values["diagnosis"])
        row = rows.get(str(rejection.values.get("row", "")))  # written by 0.1.0
        if row and row.reason and row.reason.key == rejection.reason:
            return row.values["diagnosis"]
    return None


def _read_earlier(records: Iterable[Record]) -> dict[str, str]:
    """Return the class that each text has without a decision, by its normal form."""
    rows = (record.row for record in records if record.row)
    return {normal_form(row["diagnosis"]): row["read"] for row in rows if "read" in row}


def _undecided_earlier(records: Iterable[Record]) -> dict[str, tuple[str, str]]:
    """Return text and reason of the diagnoses that left files out, by their normal form."""
    found: dict[str, tuple[str, str]] = {}
    for record in records:
        for why in record.rejections:
            if "diagnosis" in why.values and why.reason != "labels.left_out":
                words = str(why.values["diagnosis"])
                found.setdefault(normal_form(words), (words, why.reason))
    return found


def _entries(
    labels: Labels,
    counted: Mapping[str, tuple[int, set[str]]],
    decisions: Mapping[str, Decision],
) -> list[dict[str, Any]]:
    rows = Counter(normal_form(row.values["diagnosis"]) for row in labels.rows)
    column = ", ".join(labels.columns.get("label", ()))
    joint = {joint_text(texts): ", ".join(texts) for texts in contradictions(labels).values()}
    entries: dict[str, dict[str, Any]] = {}
    for value, diagnosis in sorted(labels.diagnoses.items()):
        form = normal_form(value)
        files, images = counted.get(form, (0, set()))
        status = _status(diagnosis)
        decision = decisions.get(form)
        written = {
            "diagnosis": value,
            "class": diagnosis.label,
            "proposed": diagnosis.offered,
            "decision": decision.value if decision else "",
            "status": status,
            "reason": _explained(diagnosis),
            "rows": rows[form],
            "files": files,
            "images": len(images),
            "column": joint.get(value, column),
            "other_columns": "" if value in joint or status == READ else _beside(labels, value),
            "more": decision.more if decision else {},
        }
        entries.setdefault(form, written)
    return sorted(entries.values(), key=_rank)


def _beside(labels: Labels, diagnosis: str) -> str:
    """Return what other columns say of the patients of a diagnosis, where it is another finding.

    One decision holds for all of them: a person has to see that they are not alike.
    """
    label = labels.diagnoses[diagnosis].label
    found = Counter(
        (column, said)
        for row in labels.rows
        if row.values["diagnosis"] == diagnosis
        for column, said in row.texts.items()
        if column in labels.beside and said != diagnosis and not is_empty(normal_form(said))
        if not label or labels.beside[column][said].label != label
    )
    shown = [
        text("diagnoses.beside", column=column, text=said, count=count)
        for (column, said), count in found.most_common(_MOST_BESIDE)
    ]
    return "; ".join(shown) + (" …" if len(found) > len(shown) else "")


def _rank(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    return STATUSES.index(entry["status"]), -entry["files"], entry["diagnosis"]


def _status(diagnosis: Diagnosis) -> str:
    if diagnosis.by != "reading":
        return diagnosis.by
    if diagnosis.offered and diagnosis.label:
        return OFFERED
    return READ if diagnosis.label else UNDECIDED


def _explained(diagnosis: Diagnosis) -> str:
    if diagnosis.reason is not None:
        return reason_title(diagnosis.reason.key)
    return text("diagnoses.confirm") if diagnosis.offered else ""


def _unlisted_entry(
    decision: Decision,
    classes: Mapping[str, str],
    read: str,
    reason: str,
    files: int,
    images: set[str],
) -> dict[str, Any]:
    """Return the row of a diagnosis that is in other labels, such as last month's."""
    label, status, proposed = decision.known
    if decision.value:
        plain = plain_decision(decision.value)
        label = "" if plain == OUT else classes.get(plain, decision.value)
        status = BY_WORKBOOK if status == BY_WORKBOOK else DECIDED
    elif status in (DECIDED, BY_WORKBOOK):  # it has been taken back
        label, status = read, READ if read else UNDECIDED
    return {
        "diagnosis": decision.diagnosis,
        "class": label,
        "proposed": proposed,
        "decision": decision.value,
        "status": status,
        "reason": _elsewhere(status, reason),
        "rows": 0,
        "files": files,
        "images": len(images),
        "more": decision.more,
    }


def _elsewhere(status: str, reason: str) -> str:
    """Return why a diagnosis of other labels has no class, and that it is not in these."""
    if status == UNDECIDED and reason:
        return text("diagnoses.elsewhere", reason=reason_title(reason))
    if status == OFFERED:
        return text("diagnoses.elsewhere", reason=text("diagnoses.confirm"))
    return text("diagnoses.not_in_labels")
