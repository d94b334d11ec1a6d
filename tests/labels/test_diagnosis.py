"""A diagnosis has a class if all of it is understood, and no lesion where there is none."""

import tomllib
from pathlib import Path

import pytest

from metrascope.labels.diagnosis import Diagnosis, read_diagnoses

Phrase = tuple[str, str]


def table(name: str) -> dict[str, dict[str, list[str]]]:
    with (Path(__file__).parent / name).open("rb") as file:
        return tomllib.load(file)


def phrases(name: str) -> list[Phrase]:
    """Return the classes and phrases of a table; ``normal_or_none`` allows either."""
    return [
        (label, phrase)
        for classes in table(name).values()
        for label, listed in classes.items()
        for phrase in listed
    ]


def read(*texts: str) -> list[str]:
    """Return class or reason of each text, beside others that make the table the study's."""
    found = read_diagnoses([*texts, "子宫内膜息肉", "黏膜下肌瘤"])
    return [found[text].label or reason_of(found[text]) for text in texts]


def reason_of(diagnosis: Diagnosis) -> str:
    assert diagnosis.reason is not None
    return diagnosis.reason.key.partition(".")[2]


@pytest.mark.parametrize("name", ["diagnoses.toml", "diagnoses_fresh.toml"])
def test_phrases_have_no_wrong_class_and_few_are_undecided(name: str) -> None:
    listed = phrases(name)
    assert len(listed) >= 300
    found = read_diagnoses([phrase for _, phrase in listed])
    wrong, undecided, clear = [], [], 0
    for label, phrase in listed:
        known = found[phrase].label or "none"
        clear += label in ("polyp", "fibroid", "normal")
        if known not in label.split("_or_"):
            (undecided if known == "none" else wrong).append((phrase, label, known))
    assert wrong == []
    assert len(undecided) <= 0.1 * clear, undecided


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_lesion_that_is_denied_doubted_gone_or_malignant_is_one(language: str) -> None:
    listed = table("denials.toml")[language]
    texts = [denial.format(one) for denial in listed["denials"] for one in listed["lesions"]]
    labels = {text: one.label for text, one in read_diagnoses(texts).items()}
    assert {text: label for text, label in labels.items() if label not in ("", "normal")} == {}


def test_why_a_text_has_no_class() -> None:
    reasons = {
        "非息肉": "denied",
        "既往息肉": "past",
        "子宫内膜息肉可能": "doubtful",
        "宫颈息肉": "elsewhere",
        "肌壁间肌瘤": "elsewhere",
        "子宫肌瘤": "unplaced",
        "息肉伴EIN": "other_lesion",
        "子宫内膜息肉，黏膜下肌瘤": "several_classes",
        "宫腔镜：息肉；病理：增生期子宫内膜": "contradiction",
        "子宫内膜息肉，玻片编错": "unknown_words",
        "子宫内膜单纯性增生": "no_class",
        "N/A": "empty",
        "待定": "empty",
    }
    assert dict(zip(reasons, read(*reasons), strict=True)) == reasons


def test_what_a_person_should_confirm_is_offered() -> None:
    found = read_diagnoses(["增生期子宫内膜", "正常", "平滑肌瘤", "EP", "子宫内膜息肉"])
    assert {text: (one.label, one.offered) for text, one in found.items()} == {
        "增生期子宫内膜": ("normal", "normal"),
        "正常": ("normal", ""),
        "平滑肌瘤": ("", "fibroid"),
        "EP": ("polyp", "polyp"),
        "子宫内膜息肉": ("polyp", ""),
    }


def test_the_name_of_the_class_is_a_fibroid_of_any_place_unless_the_column_is_of_classes() -> None:
    values = ["normal", "Fibroid", "polyp", "NaN"]
    assert read_diagnoses(values)["Fibroid"].label == ""
    found = read_diagnoses(values, codes=True)
    assert found["Fibroid"] == Diagnosis("fibroid", offered="fibroid")
    assert found["NaN"].label == ""
    assert read_diagnoses([*values, "uterine fibroid"], codes=True)["Fibroid"].label == ""


def test_categories_of_another_study_are_taken_as_they_are_and_empty_words_are_none() -> None:
    empty = ["NaN", "n/a", "-", "－－", "/", "?", "无", "不详", "待定", "TBD", "（空）", "未做病理"]
    found = read_diagnoses(["classA", "CLASSA", "classB", "正常", "benign", "malignant", *empty])
    labels = {text: one.label for text, one in found.items() if one.label}
    assert labels == {
        "classA": "CLASSA",
        "CLASSA": "CLASSA",
        "classB": "classB",
        "正常": "normal",
        "benign": "benign",
        "malignant": "malignant",
    }
    assert {reason_of(found[text]) for text in empty} == {"empty"}


@pytest.mark.parametrize(
    "word", ["息肉样增生", "非息肉", "子宫内膜增生", "增生期子宫内膜", "内膜癌"]
)
def test_a_table_with_words_of_the_field_has_no_categories(word: str) -> None:
    assert read_diagnoses(["classA", word])["classA"].label == ""
