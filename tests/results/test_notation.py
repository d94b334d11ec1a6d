"""Numbers as the page writes them."""

import math

import pytest

from metrascope.results import notation
from metrascope.results.estimate import Estimate, is_highest


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0.8246, "82.46"),
        ({"value": 1.0}, "100.00"),
        ({"value": 0.8246, "low": 0.75, "high": 0.89}, "82.46 (75.00–89.00)"),
        ({"value": 0.5, "low": None, "high": None}, "50.00"),
        ({"value": None}, "—"),
        ({"value": None, "low": 0.123, "high": None}, "∞ (12.30–∞)"),
        ({"value": None, "low": None, "high": None}, "—"),
        (None, "—"),
        (math.nan, "—"),
        ("many", "—"),
    ],
)
def test_percent(number: object, written: str) -> None:
    assert notation.percent(number) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (1.0, "> 99"),
        (0.9901, "> 99"),
        (0.99, "99.0"),
        (0.8246, "82.5"),
        (0.01, "1.0"),
        (0.00999, "< 1"),
        (0.0, "< 1"),
        (None, "—"),
        (math.nan, "—"),
    ],
)
def test_no_probability_is_certain(share: float | None, written: str) -> None:
    assert notation.probability(share) == written


def test_decimal_has_a_true_minus_sign() -> None:
    assert notation.decimal({"value": -0.1234}) == "−0.123"
    assert notation.decimal({"value": None}) == "—"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "0:01:00"), (3599.6, "1:00:00"), (None, "—")],
)
def test_duration(seconds: float | None, written: str) -> None:
    assert notation.duration(seconds) == written


def test_memory_and_count() -> None:
    assert notation.memory(2_345_000_000) == "2.35 GB"
    assert notation.memory(None) == "—"
    assert notation.count_text(11_178_051) == "11,178,051"


def test_value_of_orders_missing_last() -> None:
    assert max([{"value": None}, {"value": 0.1}, None], key=notation.number_value) == {"value": 0.1}


def test_flat_settings() -> None:
    values = {"networks": ["vgg16"], "classes": [], "training": {"best_epoch": False}, "a": 1e-4}
    assert notation.flat(values) == {
        "networks": "vgg16",
        "classes": "—",
        "training.best_epoch": "false",
        "a": "0.0001",
    }


def test_zero_has_no_sign_and_large_numbers_two_digits() -> None:
    assert (
        notation.percent({"value": -0.0001, "low": -0.02, "high": 0.0002}, 1) == "0.0 (−2.0, 0.0)"
    )
    assert [notation.about(n) for n in (7, 99, 101, 8_840, 800_298)] == [
        "7",
        "99",
        "100",
        "8,800",
        "800,000",
    ]


def test_an_estimate_is_printed_in_parts_and_compared_as_printed() -> None:
    found = Estimate.percent({"value": 0.82461, "low": -0.2, "high": 0.8853}, 1, "f1")
    assert (found.number, found.interval, str(found)) == (
        "82.5",
        "(−20.0, 88.5)",
        "82.5 (−20.0, 88.5)",
    )
    assert found == Estimate.percent(0.8246, 1)
    assert found < Estimate.percent(0.826, 1)
    assert (Estimate.of(None).number, Estimate.of(None).interval) == ("—", "")


def test_the_highest_cells_are_those_printed_highest() -> None:
    cells = [Estimate.percent(value) for value in (None, 0.50004, 0.49996, 0.4)]
    assert is_highest(cells) == [False, True, True, False]
    assert is_highest(cells[:1]) == [False]
