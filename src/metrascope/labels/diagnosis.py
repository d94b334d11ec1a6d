"""Read a class out of what a pathologist or a researcher wrote, or say why it cannot be."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from metrascope.labels.clauses import ClauseFinding, read_findings
from metrascope.labels.lexicon import WordKind, is_empty, lexicon_words, normal_form
from metrascope.labels.strikethrough import STRUCK
from metrascope.messages import Reason

CLASSES: Final = ("normal", "fibroid", "polyp")
"""The study's; a table that speaks of none of its lesions may have others."""

# Different values, and signs of each, up to which a column holds categories and no sentences.
# Chosen, not measured.
_MOST_CATEGORIES: Final = 50
_LONGEST_CATEGORY: Final = 40
_ABBREVIATIONS: Final = {"ep": "polyp", "sf": "fibroid", "smf": "fibroid"}
_CATEGORIES: Final = frozenset(("benign", "malignant", "良性", "恶性"))
# What a spreadsheet codes a class with, and nobody but its author can read.
_CODE: Final = re.compile(
    r"[+-]?\d+(?:\.\d+)?|[a-z]|[ivx]+|true|false|yes|no|pos|neg|positive|negative|是|否|有|对|错|真|假|"
    r"阳性?|阴性?|√|✓|✔|☑|×|✗|✘|[①-⑩]|(?:类别?|组别?|分类|分组|class|category|group|label|type|类型)"
    r"\s*[:_-]?\s*\d+|(?:\d+|[a-z])\s*(?:类|组)|第[一二三四五六七八九十]+[类组]"
)
_FIELD: Final = frozenset(
    (
        WordKind.POLYP,
        WordKind.MYOMA,
        WordKind.CANCER,
        WordKind.TUMOR,
        WordKind.LESION,
        WordKind.PHASE,
        WordKind.CERVICAL,
    )
)


@dataclass(frozen=True)
class Diagnosis:
    """The reading of one text.

    Attributes
    ----------
    label
        Its class, ``""`` if it has none.
    reason
        Why it has none; None with a class.
    offered
        Class that a person should confirm: the text may mean it, or most often does.
    by
        Who says so: ``reading``, ``setting`` or, later, a ``person``.
    """

    label: str = ""
    reason: Reason | None = None
    offered: str = ""
    by: str = "reading"


def read_diagnoses(
    values: Iterable[str], classes: Mapping[str, str] | None = None, *, codes: bool = False
) -> dict[str, Diagnosis]:
    """Return the reading of each distinct value of a label column.

    The reading is closed: a text has a class if every word of it is known and its clauses affirm
    one of the study's lesions, or that all is normal. A negated, former or suspected lesion is
    none, a fibroid is submucosal only if its place is named, and cancer or precancer excludes.
    Where no value has a word of the field, the labels are categories of another study and taken
    as they are, if there are at most 50 and all are short. Bare codes (``1``, ``True``, ``A``)
    are none: what they stand for is written nowhere.

    Parameters
    ----------
    values
        Of all rows.
    classes
        Value to class, from the user, which goes before the reading. An empty class leaves the
        rows out.
    codes
        Whether the column is one of classes. If it then holds nothing but the names of the
        study's three, ``fibroid`` is its class and not a fibroid of any place.
    """
    forms = {value: normal_form(value) for value in sorted(set(values))}
    given = {normal_form(value): name for value, name in (classes or {}).items()}
    read = {value: form for value, form in forms.items() if form not in given}
    readings = {value: _reading(form) for value, form in read.items()}
    named = {form for form in read.values() if not is_empty(form)}
    if codes and named <= {*CLASSES}:
        fibroid = Diagnosis("fibroid", offered="fibroid")
        readings |= {value: fibroid for value, form in read.items() if form == "fibroid"}
    elif _are_categories(read, named):
        # Spellings that differ in case or width are one category.
        spelling = {read[value]: value for value in reversed(read)}
        readings |= {
            value: Diagnosis(spelling[form])
            for value, form in read.items()
            if _may_be_category(form, readings[value])
        }
    return {
        value: readings.get(value) or _diagnosis_by_setting(given[form])
        for value, form in forms.items()
    }


def is_bare_code(form: str) -> bool:
    """Tell whether a diagnosis, after `normal_form`, is a bare code."""
    return _CODE.fullmatch(form) is not None


def _diagnosis_by_setting(label: str) -> Diagnosis:
    reason = None if label else Reason("labels.left_out")
    return Diagnosis(label, reason, by="setting")


def _are_categories(values: Collection[str], named: Collection[str]) -> bool:
    short = all(len(value) <= _LONGEST_CATEGORY for value in values)
    return short and len(values) <= _MOST_CATEGORIES and not any(map(_is_of_the_field, named))


def _may_be_category(form: str, reading: Diagnosis) -> bool:
    return form in _CATEGORIES or reading.reason == Reason("labels.no_class")


def _is_of_the_field(form: str) -> bool:
    return form not in _CATEGORIES and any(word.kind in _FIELD for word in lexicon_words(form))


def _reading(form: str) -> Diagnosis:
    if STRUCK in form:
        return _none("struck")
    if is_empty(form):
        return Diagnosis(reason=Reason("labels.empty"))
    if is_bare_code(form):
        return _none("code")
    if form in _ABBREVIATIONS:
        return Diagnosis(_ABBREVIATIONS[form], offered=_ABBREVIATIONS[form])
    spoken = list(lexicon_words(form))
    if any(word.kind is WordKind.UNKNOWN for word in spoken):
        named = any(word.kind in (WordKind.POLYP, WordKind.MYOMA) for word in spoken)
        return _none("unknown_words" if named else "no_class")
    return _verdict(read_findings(spoken))


def _verdict(findings: Sequence[ClauseFinding]) -> Diagnosis:
    if any(f.kind in (WordKind.CANCER, WordKind.TUMOR) and _excludes(f) for f in findings):
        return _none("other_lesion")
    if _contradict(findings):
        return _none("contradiction")
    tags = {_tag(finding) for finding in _settled(findings)} - {""}
    lesions = tags & {"polyp", "fibroid", "doubtful", "unplaced"}
    if "fibroid" in lesions:  # beside others in the wall it is still one under the mucosa
        lesions -= {"unplaced"}
    if len(lesions) > 1:
        return _none("several_classes")
    if lesions:
        (name,) = lesions
        offered = "fibroid" if name == "unplaced" else ""
        return Diagnosis(name) if name in CLASSES else _none(name, offered)
    if "elsewhere" in tags:
        return _none("elsewhere")
    if "normal" in tags or "phase" in tags:
        if "other" in tags:
            return _none("no_class")
        return Diagnosis("normal", offered="" if "normal" in tags else "normal")
    for name in ("past", "denied"):
        if name in tags:
            return _none(name)
    return _none("no_class")


def _none(name: str, offered: str = "") -> Diagnosis:
    return Diagnosis(reason=Reason(f"labels.{name}"), offered=offered)


def _excludes(finding: ClauseFinding) -> bool:
    """Cancer excludes where it is suspected or was once there, a former pregnancy does not."""
    return not finding.denied and not (finding.kind is WordKind.TUMOR and finding.past)


def _is_elsewhere(finding: ClauseFinding) -> bool:
    inside = {WordKind.ENDOMETRIUM, WordKind.CAVITY}
    return WordKind.ELSEWHERE in finding.places and not finding.places & inside


def _tag(finding: ClauseFinding) -> str:
    """Return what a finding says for the class: its name, or why there is none."""
    lesion = finding.kind in (WordKind.POLYP, WordKind.MYOMA)
    if lesion and finding.denied:
        return "denied"
    if lesion and finding.past:
        return "past"
    if lesion:
        where = _where(finding)
        return "doubtful" if finding.doubted and where != "elsewhere" else where
    if finding.kind in (WordKind.NORMAL, WordKind.PHASE, WordKind.ABNORMAL):
        return _wellness(finding)
    gone = finding.denied or finding.past or _is_elsewhere(finding)
    return "other" if finding.kind in (WordKind.LESION, WordKind.MASS) and not gone else ""


def _where(finding: ClauseFinding) -> str:
    places = finding.places
    if _is_elsewhere(finding):
        return "elsewhere"
    if finding.kind is WordKind.POLYP:
        layers = {WordKind.SUBMUCOSAL, WordKind.WALL, WordKind.REACHING}
        return "doubtful" if places & layers else "polyp"
    if places & {WordKind.SUBMUCOSAL, WordKind.CAVITY}:
        return "unplaced" if {WordKind.WALL, WordKind.REACHING} <= places else "fibroid"
    if WordKind.ELSEWHERE in places or (
        WordKind.WALL in places and WordKind.REACHING not in places
    ):
        return "elsewhere"
    return "unplaced"


def _wellness(finding: ClauseFinding) -> str:
    elsewhere = _is_elsewhere(finding) and WordKind.UTERUS not in finding.places
    if elsewhere or finding.rest or WordKind.WALL in finding.places:
        return ""
    if finding.doubted:
        return "doubtful"
    if finding.kind is WordKind.ABNORMAL:
        return "normal" if finding.denied else "other"
    if finding.denied:
        return "other"
    return "normal" if finding.kind is WordKind.NORMAL else "phase"


def _settled(findings: Sequence[ClauseFinding]) -> list[ClauseFinding]:
    """Leave out suspicions that pathology has settled."""
    settled = any(
        f.method == "pathology" and f.affirmed and f.kind in (WordKind.POLYP, WordKind.MYOMA)
        for f in findings
    )
    return [f for f in findings if not (settled and f.doubted and f.method != "pathology")]


def _contradict(findings: Sequence[ClauseFinding]) -> bool:
    """Tell whether a text, or two examinations in it, say two things of one lesion."""
    findings = _settled(findings)
    for kind in (WordKind.POLYP, WordKind.MYOMA):
        here = [f for f in findings if f.kind is kind and not _is_elsewhere(f) and not f.rest]
        placed = [f for f in here if _where(f) in CLASSES]
        denied = [f for f in here if f.denied and WordKind.WALL not in f.places]
        if denied and any(f.affirmed for f in placed):
            return True
    well = [f for f in findings if _wellness_of(f) == "normal"]
    if well and any(_tag(f) == "polyp" for f in findings):
        return True
    if any(_tag(f) == "fibroid" for f in findings) and any(
        WordKind.ENDOMETRIUM not in f.places for f in well
    ):
        return True
    results = {
        _result([f for f in findings if f.method == m]) for m in {f.method for f in findings}
    }
    results -= {""}
    return (
        len(results) > 1
        and bool(results & {"polyp", "fibroid"})
        and results != {"fibroid", "unplaced"}
    )


def _wellness_of(finding: ClauseFinding) -> str:
    kinds = (WordKind.NORMAL, WordKind.ABNORMAL)
    return _wellness(finding) if finding.kind in kinds else ""


def _result(findings: Sequence[ClauseFinding]) -> str:
    """Return what one examination comes to, ``""`` if it has nothing that can be compared."""
    tags = {_tag(finding) for finding in findings if finding.kind is not WordKind.MASS}
    for name in ("polyp", "fibroid", "unplaced", "other", "normal", "phase", "denied"):
        if name in tags:
            return "normal" if name == "phase" else name
    return ""
