"""How numbers are written in tables, sentences and on pages, in any language alike."""

import math
from collections.abc import Mapping
from typing import Any, Final

from metrascope.results.estimate import ABSENT, Estimate, is_finite

# Probabilities beyond which a table for people says "< 1 %" or "> 99 %": no patient's is known
# more closely.
_FEWEST: Final = 0.01
_MOST: Final = 0.99


def percent(number: object, digits: int = 2) -> str:
    """Write a fraction in percent, or a number object with its interval.

    ``{"value": 0.8246}`` becomes ``82.46``; with ``low`` and ``high`` it becomes
    ``82.46 (75.00-89.00)`` with an en dash, or a comma where an end is negative.
    """
    return str(Estimate.percent(number, digits))


def decimal(number: object, digits: int = 3) -> str:
    """Write a number or number object, with its interval where it has one.

    An infinite ratio, which has a lower end alone, becomes ``∞ (12.30-∞)`` with an en dash.
    """
    return str(Estimate.of(number, digits))


def probability(share: object) -> str:
    """Write one case's probability in percent, without the sign: ``82.5``, ``> 99``, ``< 1``.

    ``100.0`` and ``0.0`` would promise a certainty that no number of patients at hand can show: of
    a hundred, one that is read otherwise is one percent.
    """
    if not is_finite(share):
        return ABSENT
    value = float(str(share))
    if value > _MOST:
        return "> 99"
    return "< 1" if value < _FEWEST else f"{100 * value:.1f}"


def p_value(p: object) -> str:
    """Write a p-value with three decimals, ``< 0.001`` below that."""
    if not is_finite(p):
        return ABSENT
    value = float(str(p))
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def about(number: int) -> str:
    """Write a large number to two digits, as befits one that is known no better."""
    places = max(0, len(str(number)) - 2)
    return f"{round(number, -places):,}"


def number_value(number: object) -> float:
    """Return the value of a number object, minus infinity where there is none."""
    value = number.get("value") if isinstance(number, Mapping) else number
    return float(str(value)) if is_finite(value) else -math.inf


def duration(seconds: object) -> str:
    """Write seconds as ``h:mm:ss``, or with one decimal and ``s`` under a minute."""
    if not is_finite(seconds):
        return ABSENT
    number = float(str(seconds))
    if number < 59.95:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def memory(size: object) -> str:
    """Write bytes in gigabytes (10^9) with two decimals."""
    return f"{float(str(size)) / 1e9:.2f} GB" if is_finite(size) else ABSENT


def count_text(number: object) -> str:
    """Write a whole number with commas between thousands."""
    return f"{int(float(str(number))):,}" if is_finite(number) else ABSENT


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings to ``{"training.epochs": "10"}``, in their own order."""
    rows: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{name}.")
        else:
            rows[f"{prefix}{name}"] = _setting(value)
    return rows


def _setting(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_setting, value)) or ABSENT
    return str(value)
