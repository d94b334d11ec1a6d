"""The list of all diagnoses, ``diagnoses.csv``: how each was read, and what a person decides."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from metrascope.csv_file import write_table
from metrascope.ingest.decisions import (
    BY_WORKBOOK,
    COLUMNS,
    DECIDED,
    LIST,
    OFFERED,
    OUT,
    READ,
    SETTING,
    UNDECIDED,
    Decision,
    decision_classes,
    plain_decision,
)
from metrascope.ingest.diagnosis import CLASSES, Diagnosis
from metrascope.ingest.journal import Record
from metrascope.ingest.lexicon import normal_form
from metrascope.ingest.matching import LabelRow, Labels
from metrascope.ingest.reason import Reason
from metrascope.ingest.wording import reason_title
from metrascope.messages import text

_ORDER: Final = (UNDECIDED, OFFERED, DECIDED, BY_WORKBOOK, SETTING, READ)


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
    """

    path: Path
    undecided: int
    waiting: int
    offered: int
    doubtful: int
    unlisted: int


def write_diagnoses(
    folder: Path, labels: Labels, records: Iterable[Record], decisions: Mapping[str, Decision]
) -> DiagnosisList:
    """Write ``diagnoses.csv``, what waits for a person first, and ``columns.csv`` beside it.

    Parameters
    ----------
    folder
        Of the private lists.
    labels
        As `metrascope.ingest.decisions.decided` returned them.
    records
        Of all files.
    decisions
        From `metrascope.ingest.decisions.read_decisions`; also those of diagnoses that these
        labels do not have are kept.
    """
    counted = _counted(labels, records)
    entries = _entries(labels, counted, decisions)
    present = {normal_form(entry["diagnosis"]) for entry in entries}
    unlisted = {form: one for form, one in sorted(decisions.items()) if form not in present}
    classes = decision_classes(labels)
    others = [
        _unlisted_entry(decision, classes, *counted.get(form, (0, set())))
        for form, decision in unlisted.items()
    ]
    added = dict.fromkeys(name for decision in decisions.values() for name in decision.more)
    header = (*COLUMNS, *added)
    if entries or others:
        rows = ([entry.get(name, "") for name in header] for entry in (*entries, *others))
        write_table(folder / LIST, header, rows)
    columns = ((role, name) for role, names in labels.columns.items() for name in names)
    write_table(folder / "columns.csv", ("role", "column"), columns)
    by_status: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        by_status[entry["status"]].append(entry)
    return DiagnosisList(
        folder / LIST,
        len(by_status[UNDECIDED]),
        sum(entry["files"] for entry in by_status[UNDECIDED]),
        len(by_status[OFFERED]),
        sum(entry["images"] for entry in by_status[OFFERED]),
        sum(bool(decision.value) for decision in unlisted.values()),
    )


def _counted(labels: Labels, records: Iterable[Record]) -> dict[str, tuple[int, set[str]]]:
    """Return the files and images that belong to each diagnosis, by its normal form."""
    rows = {row.values["row"]: row for row in labels.rows}
    files: Counter[str] = Counter()
    images: dict[str, set[str]] = defaultdict(set)
    for record in records:
        form = normal_form((record.row or _row_of(record, rows)).get("diagnosis", ""))
        files[form] += bool(form)
        images[form].update(image["image"] for image in record.images)
    return {form: (count, images[form]) for form, count in files.items()}


def _row_of(record: Record, rows: Mapping[str, LabelRow]) -> Mapping[str, str]:
    """Return what the row without a class says that left a file out."""
    for rejection in record.rejections:
        row = rows.get(str(rejection.values.get("row", "")))
        if row and row.reason and row.reason.key == rejection.reason:
            return row.values
    return {}


def _entries(
    labels: Labels,
    counted: Mapping[str, tuple[int, set[str]]],
    decisions: Mapping[str, Decision],
) -> list[dict[str, Any]]:
    rows = Counter(normal_form(row.values["diagnosis"]) for row in labels.rows)
    column = ", ".join(labels.columns.get("label", ()))
    entries: dict[str, dict[str, Any]] = {}
    for value, diagnosis in sorted(labels.diagnoses.items()):
        form = normal_form(value)
        files, images = counted.get(form, (0, set()))
        status = _status(diagnosis)
        decision = decisions.get(form)
        shown = diagnosis.label or OUT
        written = {
            "diagnosis": value,
            "class": diagnosis.label,
            "proposed": diagnosis.offered,
            "decision": shown if status in (DECIDED, BY_WORKBOOK) else "",
            "status": status,
            "reason": _explained(diagnosis),
            "rows": rows[form],
            "files": files,
            "images": len(images),
            "column": column,
        }
        entries.setdefault(form, written | dict(decision.more if decision else {}))
    return sorted(entries.values(), key=_rank)


def _rank(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    return _ORDER.index(entry["status"]), -entry["files"], entry["diagnosis"]


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
    decision: Decision, classes: Mapping[str, str], files: int, images: set[str]
) -> dict[str, Any]:
    """Return the row of a diagnosis that is in other labels, such as last month's."""
    label, status, proposed = decision.known
    if decision.value:
        plain = plain_decision(decision.value)
        label = "" if plain == OUT else classes.get(plain, decision.value)
        status = BY_WORKBOOK if status == BY_WORKBOOK else DECIDED
    return {
        "diagnosis": decision.diagnosis,
        "class": label,
        "proposed": proposed,
        "decision": (label or OUT) if decision.value else "",
        "status": status,
        "reason": text("diagnoses.not_in_labels"),
        "rows": 0,
        "files": files,
        "images": len(images),
    } | dict(decision.more)


def diagnosis_notices(
    listed: DiagnosisList, labels: Labels, images: Iterable[Mapping[str, Any]]
) -> list[Reason]:
    """Return the sentences on columns, classes of other studies, and what is to be decided.

    Parameters
    ----------
    listed
        From `write_diagnoses`.
    labels
        Whose columns they are.
    images
        Rows of the manifest.
    """
    used = (f"{role} = {', '.join(names)}" for role, names in labels.columns.items())
    notices = [Reason("diagnoses.columns_used", {"columns": "; ".join(used)})]
    counts = Counter(str(image["label"]) for image in images)
    others = [f"{name} ({counts[name]})" for name in sorted(counts) if name not in CLASSES]
    if others:
        notices.append(Reason("diagnoses.new_classes", {"classes": ", ".join(others)}))
    for key, count, files in (
        ("diagnoses.undecided", listed.undecided, listed.waiting),
        ("diagnoses.offered", listed.offered, listed.doubtful),
        ("diagnoses.unlisted", listed.unlisted, 0),
    ):
        if count:
            values: dict[str, str | int | float] = {"count": count, "files": files}
            notices.append(Reason(key, values | {"path": str(listed.path)}))
    return notices
