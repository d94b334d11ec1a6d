"""One word for one thing: the glossary names each once, and what it retires is gone."""

import re
from functools import cache
from pathlib import Path

import pytest

from metrascope.messages import table

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.zh.md"), *(ROOT / "docs").glob("*.zh.md")])
PAGES += sorted((ROOT / "src" / "metrascope" / "templates").glob("*.j2"))
# A table of tests or of the lexicon's own words quotes what people write, in their words.
QUOTED = re.compile(r"`[^`]*`")


@cache
def glossary() -> list[list[str]]:
    lines = (ROOT / "docs" / "glossary.md").read_text("utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return [row for row in cells if row[0] not in ("English", "---")]


def _wanted() -> set[str]:
    return {word for row in glossary() for word in row[1].split("、")}


def retired(sentence: str) -> list[str]:
    """Return the retired words of a sentence; ``光标`` is one, ``测量光标`` is not."""
    for word in sorted(_wanted(), key=len, reverse=True):
        sentence = sentence.replace(word, "\0")
    return [word for row in glossary() for word in row[4].split("、") if word and word in sentence]


def test_every_term_stands_once() -> None:
    rows = glossary()
    assert {len(row) for row in rows} == {5}
    english, chinese = [row[0] for row in rows], [row[1] for row in rows]
    assert len(set(english)) == len(english)
    assert len(set(chinese)) == len(chinese)


def test_retired_words_are_found() -> None:
    assert retired("扇区内的卡尺与热图") == ["扇区", "卡尺", "热图"]
    assert retired("扫查扇区内的测量光标与热力图") == []


def test_messages_use_the_words_of_the_glossary() -> None:
    assert {key: words for key, one in table().items() if (words := retired(one["zh"]))} == {}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_pages_use_the_words_of_the_glossary(path: Path) -> None:
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    assert {row: words for row, line in lines if (words := retired(QUOTED.sub("", line)))} == {}
