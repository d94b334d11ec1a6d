"""What an ingest says of the table of labels: columns, classes, and what is to be decided."""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from metrascope.dicom.identifiers import identifier_spellings, numbers_differ
from metrascope.ingest.diagnoses import DiagnosisList
from metrascope.ingest.journal import Record
from metrascope.labels.diagnosis import CLASSES
from metrascope.labels.label_columns import COLUMNS_DIFFER, contradictions
from metrascope.labels.matching import Labels
from metrascope.messages import Reason, row_numbers_text, text

# Codes and columns that a sentence names; the others are counted.
_MOST_CODES: Final = 6
_MOST_COLUMNS: Final = 30


def diagnosis_notices(
    listed: DiagnosisList, labels: Labels, images: Iterable[Mapping[str, Any]]
) -> list[Reason]:
    """Return the sentences on the table, classes of other studies, and what is to be decided.

    Parameters
    ----------
    listed
        From `write_diagnoses`.
    labels
        Whose columns they are.
    images
        Rows of the manifest.
    """
    notices = [
        _columns_used(labels),
        *labels.notices,
        *_codes(labels, listed.path.name),
        *_differing(labels, listed.path.name),
    ]
    counts = Counter(str(image["label"]) for image in images)
    others = [f"{name} ({counts[name]})" for name in sorted(counts) if name not in CLASSES]
    if others:
        notices.append(Reason("diagnoses.new_classes", {"classes": _listed(others)}))
    path = listed.path.name
    if listed.taken:
        values: dict[str, str | int | float] = {"count": listed.taken, "fresh": listed.fresh}
        notices.append(Reason("diagnoses.taken", values))
    for key, count, files in (
        ("diagnoses.undecided", listed.undecided, listed.waiting),
        ("diagnoses.offered", listed.offered, listed.doubtful),
        ("diagnoses.unlisted", listed.unlisted, 0),
    ):
        if count:
            values = {"count": count, "files": files, "path": path, "texts": quoted(listed)}
            notices.append(Reason(key, values))
    return notices


def number_notices(records: Iterable[Record], table: str) -> list[Reason]:
    """Return a sentence on rows whose patient number is not the one in the header of their files.

    A number that was mistyped makes one woman two patients. Where most rows differ, the table has
    a numbering of its own, such as that of the wards, and nothing is said.

    Parameters
    ----------
    records
        Of the files in the data set.
    table
        The table of this run, as `Record.table` names it.
    """
    same, other = set(), set()
    for record in records:
        if record.row is None or not record.images or record.table != table:
            continue
        of_row, of_header = (
            identifier_spellings("patient_id", values.get("patient_id", ""))
            for values in (record.row, record.keys)
        )
        if numbers_differ(of_row, of_header):
            other.add(int(record.row["row"]))
        elif of_row and of_header:
            same.add(int(record.row["row"]))
    if not other or len(other) > len(same):
        return []
    values: dict[str, str | int | float] = {
        "count": len(other),
        "rows": row_numbers_text(sorted(other)),
        "all": len(same | other),
    }
    return [Reason("labels.other_number", values)]


def quoted(listed: DiagnosisList) -> str:
    """Return the first undecided diagnoses as a sentence names them."""
    texts = (text("diagnoses.quoted", text=one) for one in listed.texts)
    more = " …" if listed.undecided > len(listed.texts) else ""
    return _listed(texts) + more


def bare_codes(labels: Labels) -> dict[str, str]:
    """Return the bare codes of the label column that have no class, and an example of a setting.

    Returns
    -------
    ``codes``, as a sentence shows them, and ``example``, as ``--set`` takes it; nothing where there
    are none.
    """
    codes = [
        said
        for said, diagnosis in labels.diagnoses.items()
        if diagnosis.reason is not None and diagnosis.reason.key == "labels.code"
    ]
    if not codes:
        return {}
    shown = codes[:_MOST_CODES]
    names = (*CLASSES, *("",) * len(shown))
    pairs = (f"{json.dumps(said, ensure_ascii=False)}={json.dumps(name)}"
             for said, name in zip(shown, names, strict=False))  # fmt: skip
    more = " …" if len(codes) > len(shown) else ""
    return {"codes": _listed(shown) + more, "example": f"labels={{{', '.join(pairs)}}}"}


def _codes(labels: Labels, path: str) -> list[Reason]:
    codes = bare_codes(labels)
    return [Reason("diagnoses.codes", {**codes, "path": path})] if codes else []


def column_roles(labels: Labels, roles: Collection[str] | None = None) -> str:
    """Return the columns of the labels and what each is taken for, as a sentence shows them.

    Parameters
    ----------
    labels
        Whose columns they are.
    roles
        Those to show; all by default, with the columns that are only compared.
    """
    used = [
        _column_used(text(f"role.{role}"), _listed(names))
        for role, names in labels.columns.items()
        if roles is None or role in roles
    ]
    if labels.beside and roles is None:
        used.append(text("diagnoses.columns_compared", columns=_listed(labels.beside)))
    return text("diagnoses.between_columns").join(used)


def _column_used(role: str, columns: str) -> str:
    """Return a column and its role; a column that is called like its role says both."""
    if role == columns:
        return role
    return text("diagnoses.column_used", role=role, columns=columns)


def _listed(names: Iterable[str]) -> str:
    return text("diagnoses.between").join(names)


def unused_columns(labels: Labels) -> str:
    """Return the columns of the labels that are neither used nor compared, for a sentence."""
    left = [name for name in labels.unused if name not in labels.beside]
    shown = _listed(left[:_MOST_COLUMNS]) or text("diagnoses.no_column")
    return shown + (" …" if len(left) > _MOST_COLUMNS else "")


def _columns_used(labels: Labels) -> Reason:
    values: dict[str, str | int | float] = {
        "columns": column_roles(labels),
        "unused": unused_columns(labels),
    }
    return Reason("diagnoses.columns_used", values)


def _differing(labels: Labels, path: str) -> list[Reason]:
    """Return a sentence on rows whose columns contradict each other and that nobody has decided."""
    rows = contradictions(labels)
    if not labels.label_named:
        waiting = {
            row.values["row"]
            for row in labels.rows
            if row.reason is not None and row.reason.key == COLUMNS_DIFFER
        }
        rows = {row: texts for row, texts in rows.items() if row in waiting}
    if not rows:
        return []
    columns = _listed(dict.fromkeys(name for texts in rows.values() for name in texts))
    values: dict[str, str | int | float] = {"count": len(rows), "columns": columns}
    if labels.label_named:
        return [
            Reason(
                "diagnoses.columns_overruled", values | {"rows": row_numbers_text(map(int, rows))}
            )
        ]
    return [Reason("diagnoses.columns_differ", values | {"path": path})]
