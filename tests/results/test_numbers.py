"""Numbers as the page writes them."""

import math

import pytest

from metrascope.results import numbers
from metrascope.results.notation import about


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
    assert numbers.percent(number) == written


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
    assert numbers.probability(share) == written


def test_decimal_has_a_true_minus_sign() -> None:
    assert numbers.decimal({"value": -0.1234}) == "−0.123"
    assert numbers.decimal({"value": None}) == "—"


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0.0 s"), (59.94, "59.9 s"), (59.96, "0:01:00"), (3599.6, "1:00:00"), (None, "—")],
)
def test_duration(seconds: float | None, written: str) -> None:
    assert numbers.duration(seconds) == written


def test_memory_and_count() -> None:
    assert numbers.memory(2_345_000_000) == "2.35 GB"
    assert numbers.memory(None) == "—"
    assert numbers.count_text(11_178_051) == "11,178,051"


def test_value_of_orders_missing_last() -> None:
    assert max([{"value": None}, {"value": 0.1}, None], key=numbers.number_value) == {"value": 0.1}


def test_flat_settings() -> None:
    values = {"networks": ["vgg16"], "classes": [], "training": {"best_epoch": False}, "a": 1e-4}
    assert numbers.flat(values) == {
        "networks": "vgg16",
        "classes": "—",
        "training.best_epoch": "false",
        "a": "0.0001",
    }


def test_zero_has_no_sign_and_large_numbers_two_digits() -> None:
    assert numbers.percent({"value": -0.0001, "low": -0.02, "high": 0.0002}, 1) == "0.0 (−2.0, 0.0)"
    assert [about(n) for n in (7, 99, 101, 8_840, 800_298)] == [
        "7",
        "99",
        "100",
        "8,800",
        "800,000",
    ]
