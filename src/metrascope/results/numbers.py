"""How numbers are written on the page; nothing here depends on the language."""

import math
from collections.abc import Mapping
from typing import Any

from metrascope.results.notation import (
    ABSENT,
    decimal,
    number_value,
    p_value,
    percent,
    probability,
)

__all__ = [
    "ABSENT",
    "count_text",
    "decimal",
    "duration",
    "flat",
    "memory",
    "number_value",
    "p_value",
    "percent",
    "probability",
]


def duration(seconds: object) -> str:
    """Write seconds as ``h:mm:ss``, or with one decimal and ``s`` under a minute."""
    if not _finite(seconds):
        return ABSENT
    number = float(str(seconds))
    if number < 59.95:
        return f"{number:.1f} s"
    minutes, rest = divmod(round(number), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def memory(size: object) -> str:
    """Write bytes in gigabytes (10^9) with two decimals."""
    return f"{float(str(size)) / 1e9:.2f} GB" if _finite(size) else ABSENT


def count_text(number: object) -> str:
    """Write a whole number with commas between thousands."""
    if not _finite(number):
        return ABSENT
    return f"{int(float(str(number))):,}"


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Flatten nested settings to ``{"training.epochs": "10"}``, in their own order."""
    rows: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows |= flat(value, f"{prefix}{name}.")
        else:
            rows[f"{prefix}{name}"] = _written(value)
    return rows


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value)) or ABSENT
    return str(value)


def _finite(value: object) -> bool:
    try:
        return value is not None and math.isfinite(float(str(value)))
    except ValueError:
        return False
