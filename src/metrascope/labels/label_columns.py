"""Columns of one table that say different things of one woman: only a person knows which counts.

A department keeps its own class beside what the pathologist wrote. One of the columns is used; a
row in which another one contradicts it has no class until a person has decided it.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

from metrascope.labels.diagnosis import CLASSES, Diagnosis, read_diagnoses
from metrascope.labels.matching import LabelRow, Labels, row_reason
from metrascope.messages import Reason

COLUMNS_DIFFER: Final = "labels.columns_differ"
# What a column says that gives no class: cancer beside a polyp, or that there is no polyp.
_AGAINST: Final = ("labels.contradiction", "labels.other_lesion")


def contradicted(labels: Labels) -> Labels:
    """Return labels whose rows have no class where their columns contradict each other.

    The diagnosis of such a row is what all these columns say, so that a person can decide it in
    the list of diagnoses like any other. Where the user has named the column that counts, it does.

    Parameters
    ----------
    labels
        With the readings of all columns, and what a person has decided about single texts.
    """
    if labels.label_named:
        return labels
    differing = contradictions(labels)
    diagnoses = dict(labels.diagnoses)
    rows = []
    for row in labels.rows:
        texts = differing.get(row.values["row"])
        if texts is None:
            rows.append(row)
            continue
        both = joint_text(texts)
        diagnoses[both] = Diagnosis(reason=Reason(COLUMNS_DIFFER))
        changed = {"label": "", "read": "", "why": COLUMNS_DIFFER, "diagnosis": both}
        values = {**row.values, **changed}
        rows.append(replace(row, values=values, reason=row_reason(values, diagnoses[both])))
    return replace(labels, rows=tuple(rows), diagnoses=diagnoses)


def joint_text(texts: Mapping[str, str]) -> str:
    """Return what several columns say as one diagnosis, by which a person decides it."""
    return "; ".join(f"{column} = {said}" for column, said in texts.items())


def contradictions(labels: Labels) -> dict[str, Mapping[str, str]]:
    """Return the rows whose columns contradict each other, by number: each column and its text.

    Only the study's classes can contradict: ``benign`` does not contradict a polyp.
    """
    found: dict[str, Mapping[str, str]] = {}
    for row in labels.rows:
        against = _against(row, labels) if len(row.texts) > 1 else {}
        if against:
            column, said = next(iter(row.texts.items()))
            found[row.values["row"]] = {column: said, **against}
    return found


def _against(row: LabelRow, labels: Labels) -> dict[str, str]:
    (_, said), *others = row.texts.items()
    read = labels.diagnoses.get(said, Diagnosis())
    return {
        column: other
        for column, other in others
        if _contradict(read, other, labels.beside[column][other])
    }


def _contradict(first: Diagnosis, other: str, second: Diagnosis) -> bool:
    if first.label not in CLASSES:
        return False
    if second.label:
        return second.label in CLASSES and second.label != first.label
    if second.by != "reading" or second.reason is None:
        return False  # a person leaves that text out
    if second.reason.key in _AGAINST:
        return True
    return _denies(other, first.label)


@lru_cache(1 << 12)  # many rows say the same, and each is asked for several lists
def _denies(said: str, label: str) -> bool:
    """Tell whether a text, read in one breath with a class, contradicts it: no polyp was seen."""
    both = f"{label}; {said}"
    reason = read_diagnoses([both])[both].reason
    return reason is not None and reason.key in _AGAINST
