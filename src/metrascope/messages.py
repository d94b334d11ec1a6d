"""The one table of sentences that people read, in English and Chinese.

The table is the TOML files of ``locale/``: one file per area, one entry per sentence,
``key = {en = "…", zh = "…"}`` with ``str.format`` placeholders. In English a noun after a number
has ``(s)``, and what goes with it ``[one|many]``: ``{count} row(s) [has|have] no image``.
"""

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Final

LANGUAGES: Final = ("en", "zh")
_NUMBER_OR_FORM: Final = re.compile(
    r"\{(?P<number>\w+)[^{}]*\}(?P<noun>(?= [\w -]+\(s\)))?"
    r"|\(s\)|\[(?P<one>[^\[\]|]*)\|(?P<many>[^\[\]|]*)\]"
)
"""A placeholder, and whether its noun follows; the end of a noun; words for one and for many."""
_chosen: list[str] = []


def set_language(lang: str) -> None:
    """Choose the language of all later sentences, ``en`` or ``zh``."""
    if lang not in LANGUAGES:
        raise ValueError(f"language must be one of {LANGUAGES}, not {lang!r}")
    _chosen[:] = [lang]


def language() -> str:
    """Return the language in use: the chosen one, else that of the environment, else ``en``.

    ``METRASCOPE_LANG`` comes first, then the system's own variables in the order of POSIX: any
    Chinese there, ``zh_CN.UTF-8`` or ``zh_TW``, is ``zh``.
    """
    if _chosen:
        return _chosen[0]
    lang = os.environ.get("METRASCOPE_LANG")
    if lang:
        return lang if lang in LANGUAGES else "en"
    system = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "zh" if next(filter(None, system), "").lower().startswith("zh") else "en"


def text(key: str, /, lang: str | None = None, **values: object) -> str:
    """Return the sentence ``area.name`` with its placeholders filled.

    Parameters
    ----------
    key
        ``area.name``, as in ``data.no_manifest``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    values
        Values of the placeholders.

    Raises
    ------
    KeyError
        If the table has no such sentence: a bug, never the user's fault.
    """
    sentence = table()[key][lang or language()]
    return _with_number(sentence, values).format(**values)


def _with_number(sentence: str, values: Mapping[str, object]) -> str:
    """Return a sentence with its nouns and verbs in the number of the last placeholder before.

    Such a placeholder is filled by an int, or by a number as text right before its noun. Nothing
    else that fills a sentence is looked at, so that brackets in a user's file name stay. After none
    ``(s)`` is left.
    """
    if "(s)" not in sentence and "|" not in sentence:
        return sentence
    one: bool | None = None

    def form(found: re.Match[str]) -> str:
        nonlocal one
        if name := found["number"]:
            value = values.get(name)
            written = isinstance(value, str) and value.replace(",", "").isdecimal()
            if isinstance(value, int) or (written and found["noun"] is not None):
                one = str(value) == "1"
            return found[0]
        if found["one"] is not None:
            return found["one"] if one else found["many"]
        return "(s)" if one is None else "" if one else "s"

    return _NUMBER_OR_FORM.sub(form, sentence)


def listing(problems: Sequence[str], shown: int = 20) -> str:
    """Return problems as an indented list, the first ``shown`` and how many there are more."""
    lines = [f"\n  - {problem}" for problem in problems[:shown]]
    if len(problems) > shown:
        lines.append(f"\n  - {text('common.more_problems', count=len(problems) - shown)}")
    return "".join(lines)


@cache
def table() -> dict[str, dict[str, str]]:
    """Return all sentences as ``{"area.name": {"en": …, "zh": …}}``."""
    entries: dict[str, dict[str, str]] = {}
    folder = resources.files("metrascope") / "locale"
    for file in sorted(folder.iterdir(), key=lambda item: item.name):
        if file.name.endswith(".toml"):
            for area, keys in tomllib.loads(file.read_text(encoding="utf-8")).items():
                entries.update({f"{area}.{name}": entry for name, entry in keys.items()})
    return entries


# Rows that a sentence names; the others are counted.
_MOST_ROWS: Final = 12


@dataclass(frozen=True)
class Reason:
    """Why a file, frame or row is not used.

    Attributes
    ----------
    key
        Of the sentence, ``area.name``.
    values
        That fill the sentence; they never hold what identifies a patient, since reasons are
        written into the data set.
    """

    key: str
    values: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Return the name of the reason without its area, for tables and counts."""
        return self.key.partition(".")[2]

    def text(self, lang: str | None = None) -> str:
        """Return the reason as one sentence."""
        return text(self.key, lang, **self.values)


def reason_title(key: str, lang: str | None = None) -> str:
    """Return a reason in few words: its title, else its sentence without what fills it.

    Neither ends with a full stop, since both stand in one list.
    """
    title = f"reason.{key.replace('.', '_')}"
    if title in table():
        return text(title, lang)
    if key not in table():  # of another version
        return key
    names = re.findall(r"\{(\w+)", table()[key]["en"])
    return text(key, lang, **dict.fromkeys(names, "…")).rstrip(".。")


def row_numbers_text(numbers: Iterable[int]) -> str:
    """Return numbers of rows as a sentence shows them: ``2, 5-7``, and how many runs more."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{first}-{last}" if first < last else str(first) for first, last in runs]
    more = f" … (+{len(shown) - _MOST_ROWS})" if len(shown) > _MOST_ROWS else ""
    return ", ".join(shown[:_MOST_ROWS]) + more
