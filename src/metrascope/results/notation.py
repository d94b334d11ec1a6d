"""How numbers are written in tables and on pages; nothing here depends on the language."""

import math
from collections.abc import Callable, Mapping

ABSENT = "—"
_DASH = "\N{EN DASH}"
_MINUS = "\N{MINUS SIGN}"
_FEWEST, _MOST = 0.01, 0.99


def percent(number: object, digits: int = 2) -> str:
    """Write a fraction in percent, or a number object with its interval.

    ``{"value": 0.8246}`` becomes ``82.46``; with ``low`` and ``high`` it becomes
    ``82.46 (75.00-89.00)`` with an en dash, or a comma where an end is negative.
    """
    return _written(number, lambda value: _signed(100 * value, digits))


def probability(share: object) -> str:
    """Write one case's probability in percent, without the sign: ``82.5``, ``> 99``, ``< 1``.

    ``100.0`` and ``0.0`` would promise a certainty that no number of patients at hand can show: of
    a hundred, one that is read otherwise is one percent.
    """
    if not _finite(share):
        return ABSENT
    value = float(str(share))
    if value > _MOST:
        return "> 99"
    return "< 1" if value < _FEWEST else f"{100 * value:.1f}"


def decimal(number: object, digits: int = 3) -> str:
    """Write a number or number object, with its interval where it has one.

    An infinite ratio, which has a lower end alone, becomes ``∞ (12.30-∞)`` with an en dash.
    """
    return _written(number, lambda value: _signed(value, digits))


def p_value(p: object) -> str:
    """Write a p-value with three decimals, ``< 0.001`` below that."""
    if not _finite(p):
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
    return float(str(value)) if _finite(value) else -math.inf


def _written(number: object, write: Callable[[float], str]) -> str:
    if not isinstance(number, Mapping):
        return write(float(str(number))) if _finite(number) else ABSENT
    value = _written(number.get("value"), write)
    low, high = number.get("low"), number.get("high")
    if number.get("value") is None and low is not None:  # a ratio to none, as JSON has it
        return f"∞ ({_written(low, write)}{_DASH}∞)"
    if low is None or high is None:
        return value
    between = ", " if float(str(low)) < 0 else _DASH
    return f"{value} ({_written(low, write)}{between}{_written(high, write)})"


def _signed(value: float, digits: int) -> str:
    written = f"{value:.{digits}f}"
    if not float(written):
        written = written.lstrip("-")  # a zero has no sign
    return written.replace("-", _MINUS)


def _finite(value: object) -> bool:
    try:
        return value is not None and math.isfinite(float(str(value)))
    except ValueError:
        return False
