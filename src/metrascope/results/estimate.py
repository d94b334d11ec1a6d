"""A number with its 95 % interval, as every output prints it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

ABSENT: Final = "—"
_DASH: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"


@dataclass(frozen=True, order=True)
class Estimate:
    """A number of ``metrics.json`` that a table keeps until it is printed.

    CSV writes its parts or its text, page, Word and LaTeX set the interval under the number. What
    is printed alike is equal: cells are compared by their rounded values alone.

    Attributes
    ----------
    value
        As printed, in percent or plain, rounded. NaN where it cannot be estimated, which is
        written as a dash; infinite for a ratio to none.
    low, high
        Ends of the interval, likewise; None where there is none.
    digits
        Decimals.
    measure
        Key of the number in ``metrics.json``, which names the columns of its ends in a CSV file;
        ``""`` where the file has number and interval in one cell.
    """

    value: float
    low: float | None = field(compare=False)
    high: float | None = field(compare=False)
    digits: int = field(compare=False)
    measure: str = field(compare=False, default="")

    @classmethod
    def of(
        cls, number: object, digits: int = 3, measure: str = "", factor: float = 1.0
    ) -> "Estimate":
        """Make it of a number, or of a number object of ``metrics.json``.

        Parameters
        ----------
        number
            ``{"value": …}``, with ``low`` and ``high`` where it has an interval, or a number;
            anything else cannot be estimated.
        digits, measure
            As the attributes.
        factor
            What it is multiplied by: 100 for percent.
        """

        def rounded(part: object) -> float:
            known = is_finite(part)
            return round(factor * float(str(part)), digits) if known else math.nan

        if not isinstance(number, Mapping):
            return cls(rounded(number), None, None, digits, measure)
        value, low, high = (number.get(key) for key in ("value", "low", "high"))
        if value is None and low is not None:  # a ratio to none, as JSON has it
            return cls(math.inf, rounded(low), math.inf, digits, measure)
        if low is None or high is None:
            return cls(rounded(value), None, None, digits, measure)
        return cls(rounded(value), rounded(low), rounded(high), digits, measure)

    @classmethod
    def percent(cls, number: object, digits: int = 2, measure: str = "") -> "Estimate":
        """Make it of a share, in percent; arguments are those of `of`."""
        return cls.of(number, digits, measure, 100.0)

    @property
    def number(self) -> str:
        """The number without its interval: ``82.46``."""
        return self._written(self.value)

    @property
    def interval(self) -> str:
        """The interval as a journal prints it: ``(74.50-88.53)`` with an en dash, or nothing.

        The ends have a comma between them where one is negative.
        """
        if self.low is None or self.high is None:
            return ""
        between = ", " if self.low < 0 else _DASH
        return f"({self._written(self.low)}{between}{self._written(self.high)})"

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.number} {self.interval}".rstrip()

    def _written(self, part: float) -> str:
        if not math.isfinite(part):
            return ABSENT if math.isnan(part) else "∞"
        written = f"{part:.{self.digits}f}"
        if not float(written):
            written = written.lstrip("-")  # a zero has no sign
        return written.replace("-", _MINUS)


def is_highest(cells: Iterable[object]) -> list[bool]:
    """Tell which cells of a column are printed with its highest number: several where equal."""
    values = [cell.value if isinstance(cell, Estimate) else math.nan for cell in cells]
    top = max((value for value in values if not math.isnan(value)), default=None)
    return [value == top for value in values]


def is_finite(value: object) -> bool:
    """Tell whether something is a number, or the text of one, and finite."""
    try:
        return value is not None and math.isfinite(float(str(value)))
    except ValueError:
        return False
