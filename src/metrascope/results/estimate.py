"""A cell of a table: a number in percent, with its 95 % interval where it has one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan

from metrascope.results.notation import percent


@dataclass(frozen=True, order=True)
class Estimate:
    """A number in percent to two decimals; cells are compared by their values alone.

    Attributes
    ----------
    value
        In percent; NaN where it cannot be estimated, which is written as a dash.
    low, high
        Ends of the interval in percent, None where there is none.
    measure
        Key of the number in ``metrics.json``: names the interval's columns in CSV files.
    """

    value: float
    low: float | None = field(compare=False)
    high: float | None = field(compare=False)
    measure: str = field(compare=False)

    @classmethod
    def of(cls, number: Mapping[str, float | None], measure: str) -> "Estimate":
        """Make it of a number object of ``metrics.json``."""
        value, low, high = (number.get(key) for key in ("value", "low", "high"))
        known = nan if value is None else _rounded(value)
        if low is None or high is None:
            return cls(known, None, None, measure)
        return cls(known, _rounded(low), _rounded(high), measure)

    def __str__(self) -> str:
        """Write it as a journal does: ``82.46 (74.50–88.53)``, the dash an en dash."""
        ends = {"low": self.low, "high": self.high}
        known = {key: end / 100 for key, end in ends.items() if end is not None}
        return percent({"value": self.value / 100, **known})


def _rounded(share: float) -> float:
    return round(100 * share, 2)
