"""The findings of a diagnosis, clause by clause: where each is said to be, and whether it is."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from metrascope.labels.lexicon import LexiconWord, WordKind

DISEASES: Final = frozenset(
    {
        WordKind.POLYP,
        WordKind.MYOMA,
        WordKind.CANCER,
        WordKind.TUMOR,
        WordKind.LESION,
        WordKind.MASS,
    }
)
_FINDINGS: Final = DISEASES | {
    WordKind.CERVICAL,
    WordKind.ABNORMAL,
    WordKind.NORMAL,
    WordKind.PHASE,
}
_WITHIN: Final = frozenset({WordKind.SUBMUCOSAL, WordKind.CAVITY})
_PLACES: Final = _WITHIN | {
    WordKind.WALL, WordKind.REACHING, WordKind.ENDOMETRIUM, WordKind.UTERUS, WordKind.ELSEWHERE
}  # fmt: skip
_METHODS: Final = {
    "pathology": ("病理", "病检", "组织", "冰冻", "path", "histol", "histop", "frozen"),
    "hysteroscopy": ("镜", "hysterosc"),
    "ultrasound": ("超", "彩", "us", "tv", "ultras", "sono", "sis"),
}


@dataclass
class ClauseFinding:
    """Something that a diagnosis speaks of.

    Attributes
    ----------
    kind
        A lesion, another finding, or that all is normal.
    places
        Kinds of the places that are named with it.
    denied, doubted, past
        Whether it is said not to be there, not to be certain, or not to be there any more.
    rest
        Whether it is said of the rest of the organ.
    method
        What it was seen by, ``""`` where nothing is named.
    """

    kind: WordKind
    places: set[WordKind] = field(default_factory=set)
    denied: bool = False
    doubted: bool = False
    past: bool = False
    rest: bool = False
    method: str = ""

    @property
    def affirmed(self) -> bool:
        """Whether it is said to be there today."""
        return not (self.denied or self.doubted or self.past)


@dataclass
class _Clause:
    words: list[LexiconWord]
    before: WordKind  # the sign or word that separates it from the one before
    findings: dict[int, ClauseFinding] = field(default_factory=dict)
    denies_on: bool = False  # ends in a list that a denial before it governs

    def has(self, *kinds: WordKind) -> bool:
        return any(word.kind in kinds for word in self.words)

    def all(self) -> list[ClauseFinding]:
        return list(self.findings.values())


def read_findings(words: Iterable[LexiconWord]) -> list[ClauseFinding]:
    """Return the findings of a diagnosis in their order.

    Parameters
    ----------
    words
        Of the whole diagnosis; unknown ones are passed over.
    """
    clauses = [clause for clause in _clauses(list(words)) if clause.words]
    _name(clauses)
    _place(clauses)
    _deny(clauses)
    _deny_lists(clauses)
    _doubt(clauses)
    _date(clauses)
    return [finding for clause in clauses for finding in clause.all()]


def _clauses(words: Sequence[LexiconWord]) -> list[_Clause]:
    clauses = [_Clause([], WordKind.STOP)]
    closing: set[int] = set()  # brackets that are a clause of their own
    inline = -1  # end of a bracket that only qualifies the finding before it
    specimen = -1  # end of a bracket that says how the tissue was got
    for at, word in enumerate(words):
        here = clauses[-1]
        named = here.has(*_FINDINGS)
        if word.kind is WordKind.OPEN and named and at > inline:
            end = _closing(words, at)
            if any(inner.kind in _FINDINGS for inner in words[at:end]):
                clauses.append(_Clause([], WordKind.OPEN))
                closing.add(end)
            else:
                inline = end
        elif at in closing:
            clauses.append(_Clause([], WordKind.OPEN))
        elif at < inline and word.kind in (
            WordKind.COMMA,
            WordKind.STOP,
            WordKind.COLON,
            WordKind.BLANK,
        ):
            continue
        elif word.kind in (WordKind.COMMA, WordKind.STOP, WordKind.COLON, WordKind.BUT):
            clauses.append(_Clause([], word.kind))
        elif word.kind is WordKind.BLANK and named:
            clauses.append(_Clause([], WordKind.COMMA))
        elif word.kind is WordKind.NOW or (word.kind is WordKind.METHOD and named and at > inline):
            clauses.append(_Clause([word], word.kind))
        elif word.kind is WordKind.OPEN and not named and _is_specimen(words, at):
            specimen = _closing(words, at)
        elif word.kind is WordKind.REMOVED and at < specimen:
            continue
        elif word.kind not in (WordKind.OPEN, WordKind.CLOSE, WordKind.BLANK):
            here.words.append(word)
    return clauses


def _is_specimen(words: Sequence[LexiconWord], start: int) -> bool:
    """Tell whether a bracket says how the tissue was got, as in "(resection) polyp"."""
    inside = words[start : _closing(words, start)]
    after = any(word.text.endswith("后") or word.text.startswith("post") for word in inside)
    return not after and all(word.kind not in _FINDINGS for word in inside)


def _closing(words: Sequence[LexiconWord], start: int) -> int:
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at].kind is WordKind.OPEN) - (words[at].kind is WordKind.CLOSE)
        if depth == 0:
            return at
    return len(words)


def _name(clauses: Sequence[_Clause]) -> None:
    """Make a finding of each word that names one; remember what it was seen by."""
    method = ""
    for clause in clauses:
        rest = clause.has(WordKind.REST)
        for at, word in enumerate(clause.words):
            if word.kind is WordKind.METHOD:
                method = _method(word.text)
            if word.kind in _FINDINGS and not _is_noun_of_lesion(clause, at):
                clause.findings[at] = ClauseFinding(word.kind, rest=rest, method=method)
        kinds = [finding.kind for finding in clause.all()]
        if (
            WordKind.NORMAL in kinds and WordKind.PHASE in kinds
        ):  # "normal proliferative endometrium"
            clause.findings = {
                at: finding
                for at, finding in clause.findings.items()
                if finding.kind is not WordKind.PHASE
            }


def _is_noun_of_lesion(clause: _Clause, at: int) -> bool:
    """Tell whether a word only says more of a lesion: "polypoid change", "abnormal polyp"."""
    if clause.words[at].kind is not WordKind.ABNORMAL:
        return False
    before = [word.kind for word in clause.words[:at] if word.text != "性"][-1:]
    after = [word.kind for word in clause.words[at + 1 : at + 2]]
    return bool(DISEASES & {*before, *after}) or before == [WordKind.CERVICAL]


def _method(text: str) -> str:
    for name, parts in _METHODS.items():
        if any(part in text for part in parts):
            return name
    return "other"


def _place(clauses: Sequence[_Clause]) -> None:
    """Give each finding its places.

    A place stands before its finding; at the end of a clause, or in a clause without a finding,
    it belongs to the one before. A finding without a place is where the last one of another
    organ was: in "chronic cervicitis with polyp" the polyp is cervical.
    """
    context: set[WordKind] = set()
    last: ClauseFinding | None = None
    for clause in clauses:
        waiting = _place_within(clause, context)
        if clause.findings:
            last = clause.all()[-1]
            context = last.places
        follows = clause.findings or clause.before is not WordKind.STOP
        if waiting and follows and last and last.kind is not WordKind.CERVICAL:
            last.places |= waiting
        if waiting and not clause.findings:
            context = waiting


def _place_within(clause: _Clause, context: set[WordKind]) -> set[WordKind]:
    """Place the findings of a clause; return the places that stand after the last of them."""
    waiting: set[WordKind] = set()
    listed, joined, before = True, False, None
    for at, word in enumerate(clause.words):
        finding = clause.findings.get(at)
        if word.kind in _PLACES:
            if not listed:  # "cervical endometrium" is the cervix, "cervix and endometrium" both
                waiting -= {WordKind.UTERUS} if word.kind is WordKind.ELSEWHERE else set()
            inside = word.kind in (WordKind.ENDOMETRIUM, WordKind.CAVITY)
            if listed or not inside or WordKind.ELSEWHERE not in waiting:
                waiting.add(word.kind)
            if before is not None and before.kind in (WordKind.NORMAL, WordKind.PHASE):
                before.places.add(word.kind)  # "normal endometrium with cervical polyp"
            listed = False
        elif word.kind in (WordKind.LIST, WordKind.OR):
            listed = joined = True
        elif word.kind is WordKind.TISSUE:
            waiting -= _WITHIN  # "leiomyoma with submucosal hemorrhage"
        elif finding is not None:
            if finding.kind is WordKind.CERVICAL:
                waiting = {WordKind.ELSEWHERE}
            finding.places |= waiting or (context if context == {WordKind.ELSEWHERE} else set())
            context = set(finding.places)
            waiting, listed, joined = set(), True, False
        before = finding
    if WordKind.ELSEWHERE in waiting and clause.findings and not joined:
        clause.all()[-1].places.clear()  # "endometrial polyp of the cervix"
    return waiting


def _deny(clauses: Sequence[_Clause]) -> None:
    carried = False
    before: list[ClauseFinding] = []
    for clause in clauses:
        named = clause.findings
        denials = [at for at, word in enumerate(clause.words) if word.kind in _DENIALS]
        if carried and named:
            for finding in named.values():
                finding.denied = True
        carried = carried and not named
        for at in denials:
            kind = clause.words[at].kind
            after = [finding for place, finding in named.items() if place > at]
            ahead = [finding for place, finding in named.items() if place < at]
            if kind is WordKind.ABSENT:
                denied = ahead or after or before
                carried = carried or not denied
            elif after:
                # "No polyp, normal endometrium" denies one of them.
                first, *others = after
                denied = [first, *(one for one in others if one.kind not in _WELL)]
                clause.denies_on = kind is WordKind.NO
            else:
                denied = ahead or ([] if clause.has(WordKind.REST) else before)
                carried = carried or not denied
            for finding in denied:
                finding.denied = True
        before = clause.all() or before


_DENIALS: Final = (WordKind.NO, WordKind.NOT, WordKind.ABSENT)
_WELL: Final = (WordKind.NORMAL, WordKind.PHASE)


def _deny_lists(clauses: Sequence[_Clause]) -> None:
    """Let "no polyp, fibroid, or cancer" deny all; what may or may not be denied is doubtful."""
    for start, first in enumerate(clauses):
        if not first.denies_on:
            continue
        listed = []
        for clause in clauses[start + 1 :]:
            if clause.before is not WordKind.COMMA or clause.has(
                *_DENIALS, WordKind.DOUBT, WordKind.PAST
            ):
                break
            listed.append(clause)
        ends = [
            at
            for at, clause in enumerate(listed)
            if clause.has(WordKind.OR) or _begins_with_and(clause)
        ]
        for at, clause in enumerate(listed):
            for finding in clause.all():
                if finding.kind in _WELL:
                    continue
                if ends and at <= ends[-1]:
                    finding.denied = True
                elif finding.kind in (WordKind.POLYP, WordKind.MYOMA):
                    finding.doubted = True


def _begins_with_and(clause: _Clause) -> bool:
    return clause.words[0].text in ("and", "及", "和", "以及")


def _doubt(clauses: Sequence[_Clause]) -> None:
    carried = False
    before: list[ClauseFinding] = []
    for clause in clauses:
        named = clause.all()
        doubted = clause.has(WordKind.DOUBT)
        if _offers_another(clause):
            doubted = True
            named = named + before
        if doubted and not clause.findings:
            carried = carried or not before
            named = before
        for finding in named:
            finding.doubted = finding.doubted or doubted or carried
        before = clause.all() or before


def _offers_another(clause: _Clause) -> bool:
    """Tell whether a clause says "polyp or clot"; in "no polyp or clot" both are denied."""
    for at, word in enumerate(clause.words):
        if word.kind in _DENIALS:
            return False
        if word.kind is WordKind.OR:
            return True
        between = (
            (place < at for place in clause.findings),
            (place > at for place in clause.findings),
        )
        if word.text == "/" and all(map(any, between)):
            return bool({finding.kind for finding in clause.all()} & DISEASES)
    return False


def _date(clauses: Sequence[_Clause]) -> None:
    """Tell findings of the past; after "history of" the next clauses may still be history."""
    carried = False
    before: list[ClauseFinding] = []
    for clause in clauses:
        named = clause.all()
        if clause.before is WordKind.STOP or clause.has(WordKind.NOW, WordKind.METHOD):
            carried = False
        again = clause.has(WordKind.AGAIN)
        if clause.has(WordKind.REMOVED) and not again:
            _make_past(named if _diseases(named) else before)
        if clause.has(WordKind.PAST) and not again:
            _make_past(named or before)
        elif carried:
            for finding in _diseases(named):
                finding.doubted = True
        if again and not named and not clause.has(*_DENIALS):
            for finding in before:
                finding.past = False
        if clause.has(WordKind.PAST):
            place = next(at for at, word in enumerate(clause.words) if word.kind is WordKind.PAST)
            carried = not any(at < place for at in clause.findings)
        before = named or before


def _diseases(findings: Iterable[ClauseFinding]) -> list[ClauseFinding]:
    return [finding for finding in findings if finding.kind in DISEASES]


def _make_past(findings: Iterable[ClauseFinding]) -> None:
    for finding in _diseases(findings):
        finding.past = True
