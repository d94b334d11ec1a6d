"""Chinese lettering, and English where no font serves it."""

import logging
from collections.abc import Iterator

import pytest
from matplotlib import font_manager

from metrascope.figures import fonts


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without any Chinese font."""
    caches = (fonts.chinese_family, fonts._warn_once, fonts._drawable)
    monkeypatch.setattr(fonts, "chinese_fonts", tuple)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


def needs_chinese() -> None:
    if fonts.chinese_family() is None:
        pytest.skip("no font with Chinese characters on this machine")


def test_chinese_font_has_every_character_of_the_figures() -> None:
    needs_chinese()
    paths = [font_manager.findfont(name) for name in fonts.families()]
    known = {code for path in paths for code in font_manager.get_font(path).get_charmap()}
    sentences = [
        entry["zh"]
        for key, entry in fonts.table().items()
        if key.startswith(("figures.", "classes.", "common.", "evaluation."))
    ]
    signs = {sign for line in sentences for sign in line} - {"\n"}  # a line break is not drawn
    assert {sign for sign in signs if ord(sign) not in known} == set()
    assert "息" in "".join(sentences)


def test_lettering_is_the_language_asked_for() -> None:
    needs_chinese()
    assert [fonts.figure_language("en"), fonts.figure_language("zh")] == ["en", "zh"]


@pytest.mark.usefixtures("no_chinese")
def test_without_chinese_font_english_is_used_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        assert [fonts.figure_language("zh") for _ in range(3)] == ["en"] * 3
    assert len(caplog.records) == 1
    assert "zhplot" in caplog.text
    assert fonts.families() == ["DejaVu Sans"]


@pytest.mark.usefixtures("no_chinese")
def test_characters_without_a_glyph_become_question_marks() -> None:
    assert fonts.printable_text("ResNet-18 体模\n± 2") == "ResNet-18 ??\n± 2"


def test_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="fr"):
        fonts.figure_language("fr")


@pytest.mark.parametrize(
    ("name", "longest", "expected"),
    [
        ("DenseNet-121", 12, "DenseNet-121"),
        ("DenseNet-121", 11, "Dense…t-121"),
        ("a\n\n b\tc", 28, "a b c"),
        ("x" * 100_000, 5, "xx…xx"),
        ("", 5, ""),
    ],
)
def test_fitting_keeps_both_ends_of_a_long_name(name: str, longest: int, expected: str) -> None:
    assert fonts.short_label(name, longest) == expected


def test_fitting_counts_chinese_characters_twice() -> None:
    needs_chinese()
    assert fonts.short_label("正常正常正常", 12) == "正常正常正常"
    assert fonts.short_label("正常正常正常", 11) == "正常正…正常"
