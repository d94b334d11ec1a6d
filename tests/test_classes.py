"""Order, names and colors of the classes."""

import itertools

import pytest

from metrascope.classes import (
    PAPER_CLASSES,
    class_colors,
    class_short,
    class_title,
    order_classes,
)


@pytest.mark.parametrize("labels", list(itertools.permutations(PAPER_CLASSES)))
def test_order_paper_classes_in_any_order_gives_the_papers(labels: tuple[str, ...]) -> None:
    assert order_classes(labels) == ("normal", "fibroid", "polyp")


def test_order_puts_normal_first_then_names_with_natural_numbers() -> None:
    labels = ["grade10", "malignant", "grade2", "normal", "benign", "benign"]
    assert order_classes(labels) == ("normal", "benign", "grade2", "grade10", "malignant")


def test_order_of_labels_that_start_with_digits() -> None:
    assert order_classes(["10", "2", "a1", "normal"]) == ("normal", "2", "10", "a1")


def test_colors_of_the_paper_are_blue_orange_green() -> None:
    def channels(color: str) -> list[int]:
        return [int(color[i : i + 2], 16) for i in (1, 3, 5)]

    colors = {name: channels(color) for name, color in class_colors(PAPER_CLASSES).items()}
    red, green, blue = colors["normal"]
    assert blue > green > red
    red, green, blue = colors["fibroid"]
    assert red > green > blue
    red, green, blue = colors["polyp"]
    assert green > blue > red


@pytest.mark.parametrize(
    "classes",
    [
        ("normal", "benign", "malignant"),
        ("normal", "chocolate_cyst", "teratoma"),
        ("normal", "fibroid", "polyp", "cancer", "adenomyosis"),
        ("a", "b", "c", "d", "e", "f", "g", "h"),
    ],
)
def test_colors_differ_between_classes(classes: tuple[str, ...]) -> None:
    colors = class_colors(classes)
    assert list(colors) == list(classes)
    assert len(set(colors.values())) == len(classes)


def test_titles_are_clinical_names_in_both_languages() -> None:
    assert class_title("polyp", "en") == "Endometrial polyp"
    assert class_title("polyp", "zh") == "子宫内膜息肉"
    assert class_short("fibroid", "zh") == "肌瘤"
    assert class_title("teratoma", "zh") == "teratoma"
    assert class_title("chocolate_cyst", "en") == class_short("chocolate_cyst") == "chocolate cyst"
    assert class_title("_") == "_"
