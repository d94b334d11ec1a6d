"""A number with its 95 % interval: the one shape in which every statistic is returned."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

# Level of every interval, and the normal quantile at its upper end, 1.96.
LEVEL: Final = 0.95
Z: Final = NormalDist().inv_cdf(0.5 + LEVEL / 2)


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % confidence interval.

    Attributes
    ----------
    value, low, high
        ``low <= value <= high``; all in the statistic's own range. NaN where it is not defined,
        as precision is for a class that was never predicted.
    """

    value: float
    low: float
    high: float

    def json(self) -> dict[str, float | None]:
        """Return it as ``metrics.json`` has it; None for what is not defined."""
        numbers = {"value": self.value, "low": self.low, "high": self.high}
        return {name: None if number != number else number for name, number in numbers.items()}
