"""Reporting checklists, filled where the study's files prove an item and open elsewhere."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import pandas as pd

from metrascope.messages import text
from metrascope.report.facts import Fact, find_fact
from metrascope.study_folder.contents import Study

CHECKLISTS: Final = ("claim", "tripod_ai", "stard")
State = Literal["filled", "partly", "open"]
_COLUMNS: Final = ("number", "section", "asks", "state", "answer", "pointer")


@dataclass(frozen=True)
class ItemAnswer:
    """One row of a checklist in one language.

    Attributes
    ----------
    number, section, asks
        Of the item, as published but for the words.
    state
        ``filled``: proven by the facts; ``partly``: only a part of what is asked; ``open``.
    answer, pointer
        What is so and where it is shown; without a proof, that the authors must answer.
    """

    number: str
    section: str
    asks: str
    state: State
    answer: str
    pointer: str


@dataclass(frozen=True)
class Checklist:
    """A checklist of a study in one language; ``source`` is the publication."""

    key: str
    name: str
    source: str
    note: str
    answers: tuple[ItemAnswer, ...]

    def count(self, state: State) -> int:
        """Return how many rows are in a state."""
        return sum(answer.state == state for answer in self.answers)

    def tally(self, lang: str) -> str:
        """Say how many rows are filled, filled in part and open."""
        states: tuple[State, ...] = ("filled", "partly", "open")
        counts = {state: self.count(state) for state in states}
        return text("checklist.count", lang, all=len(self.answers), **counts)


def fill_checklist(study: Study, key: str, lang: str) -> Checklist:
    """Fill one of ``CHECKLISTS`` from a study's files.

    Raises
    ------
    StudyError
        If a file of the study cannot be used.
    """
    content = _read(key)
    return Checklist(
        key=key,
        name=content["name"][lang],
        source=content["source"],
        note=content["note"][lang],
        answers=tuple(_answer(study, item, lang) for item in content["items"]),
    )


def checklist_table(checklist: Checklist, lang: str) -> pd.DataFrame:
    """Return a checklist as a table of text with its headings in the language."""
    rows = [
        [a.number, a.section, a.asks, text(f"checklist.{a.state}", lang), a.answer, a.pointer]
        for a in checklist.answers
    ]
    return pd.DataFrame(rows, columns=[text(f"checklist.{name}", lang) for name in _COLUMNS])


def _answer(study: Study, item: dict[str, Any], lang: str) -> ItemAnswer:
    named = item.get("facts", [])
    found = [fact for name in named if (fact := find_fact(study, name, lang)) is not None]
    state: State = "open"
    if found:
        whole = len(found) == len(named) and not item.get("partly", False)
        state = "filled" if whole else "partly"
    return ItemAnswer(
        number=item["number"],
        section=text(f"checklist.section_{item['section']}", lang),
        asks=item[lang],
        state=state,
        answer=_words(found, state, lang),
        pointer="; ".join(dict.fromkeys(fact.pointer for fact in found)),
    )


def _words(found: list[Fact], state: State, lang: str) -> str:
    told = [fact.value for fact in found]
    if state != "filled":
        key = "checklist.authors_rest" if found else "checklist.authors"
        told.append(text(key, lang))
    return text("evaluation.between_sentences", lang).join(told)


@cache
def _read(key: str) -> dict[str, Any]:
    file = resources.files("metrascope") / "checklists" / f"{key}.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))
