"""Every sentence exists in both languages, and every sentence asked for exists."""

import pickle
import re
import string
from pathlib import Path

import pytest

from metrascope.errors import DataError, SettingsError
from metrascope.messages import language, listing, set_language, table, text

FILE_TYPES = {
    "xlsx",
    "jsonl",
    "csv",
    "css",
    "docx",
    "html",
    "js",
    "json",
    "npy",
    "py",
    "safetensors",
    "toml",
    "txt",
}
SOURCE = Path(__file__).parent.parent / "src" / "metrascope"


def fields(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@pytest.mark.parametrize("key", sorted(table()))
def test_both_languages_say_the_same(key: str) -> None:
    entry = table()[key]
    assert set(entry) == {"en", "zh"}
    assert fields(entry["en"]) == fields(entry["zh"])
    if key != "evaluation.between_sentences":  # Chinese puts no space there
        assert entry["en"].strip()
        assert entry["zh"].strip()


@pytest.mark.parametrize("key", sorted(table()))
def test_chinese_sentences_have_no_half_width_stops(key: str) -> None:
    # A colon, as in 时:分:秒, and what stands between Latin words or numbers are not meant.
    assert not re.findall(
        r"[\u4e00-\u9fff）》”][.,;!?](?=\s|$|[\u4e00-\u9fff“（])", table()[key]["zh"]
    )


def test_every_sentence_asked_for_exists() -> None:
    areas = {key.split(".")[0] for key in table()}
    pattern = re.compile(r'"((?:' + "|".join(areas) + r')\.[a-z_0-9]+)"')
    for path in SOURCE.rglob("*.py"):
        for key in pattern.findall(path.read_text(encoding="utf-8")):
            is_file = key.rsplit(".", 1)[1] in FILE_TYPES
            is_prefix = key.endswith("_") and any(known.startswith(key) for known in table())
            assert key in table() or is_file or is_prefix, f"{path.name}: {key}"


def test_language_is_chosen_or_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", [])
    monkeypatch.setenv("METRASCOPE_LANG", "zh")
    assert language() == "zh"
    assert "仅供研究使用" in text("common.research_only")
    monkeypatch.setenv("METRASCOPE_LANG", "xx")
    assert language() == "en"
    set_language("zh")
    assert language() == "zh"
    with pytest.raises(ValueError, match="language"):
        set_language("xx")


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_TW"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "C"}, "en"),
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "METRASCOPE_LANG": "en"}, "en"),
        ({"LANG": "en_US.UTF-8", "METRASCOPE_LANG": "zh"}, "zh"),
    ],
)
def test_language_follows_the_system(
    variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", [])
    for name in ("METRASCOPE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert language() == expected


def test_errors_read_in_the_language_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    error = DataError("data.no_manifest", path="x.csv")
    monkeypatch.setattr("metrascope.messages._chosen", ["en"])
    assert str(error).startswith("x.csv does not exist")
    monkeypatch.setattr("metrascope.messages._chosen", ["zh"])
    assert str(error).startswith("x.csv 不存在")


def test_placeholders_may_be_named_key() -> None:
    valid = SettingsError("config.unknown_key", source="a", key="b", valid="c")
    assert "b" in str(valid)


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(DataError("data.no_manifest", path="x.csv")))  # noqa: S301
    assert isinstance(error, DataError)
    assert str(error).startswith("x.csv does not exist")


def test_long_listings_are_cut() -> None:
    shown = listing([f"problem {n}" for n in range(25)], shown=20)
    assert shown.count("\n") == 21
    assert "problem 19" in shown
    assert "problem 20" not in shown
    assert "5" in shown.splitlines()[-1]


def test_english_nouns_and_verbs_follow_the_number_before_them() -> None:
    def notes(count: int) -> str:
        return text("labels.notes", "en", count=count, rows="4")

    assert notes(1).startswith("1 row of the labels is a note")
    assert notes(2).startswith("2 rows of the labels are notes")
    assert notes(0).startswith("0 rows")
    two = text("cli.audit_done", "en", images=1, pairs=2, conflicts=0, groups=1)
    assert two.startswith("1 image compared: 2 pairs of duplicates")
    # What a user's files are called decides nothing, and is not changed.
    columns = {"found": "x(s)[a|b]", "required": "label"}
    lacking = text("table.missing_columns", "en", path=Path("1"), missing="image", **columns)
    assert lacking.startswith("1 lacks the column(s) image; it has: x(s)[a|b]")


@pytest.mark.parametrize("key", sorted(table()))
def test_words_for_one_and_for_many_stand_after_a_number(key: str) -> None:
    english, chinese = table()[key]["en"], table()[key]["zh"]
    assert "(s)" not in chinese
    assert not re.search(r"\[[^\]|]*\|", chinese)
    forms = re.search(r"\[[^\[\]|]*\|", english)
    assert forms is None or "{" in english[: forms.start()]
