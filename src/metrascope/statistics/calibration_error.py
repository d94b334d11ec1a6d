"""The interval of a calibration error, which is a sum of distances and so biased upward.

Chance alone parts the mean probability of a bin from its observed share, and distances do not
cancel: the error found is larger than the true one, the more so the better calibrated a network is
(Kumar et al. 2019). A bootstrap draws from the patients at hand, in whom that chance is at work
already, and its interval never reaches down to the truth of a calibrated network. So the interval
is the set of true errors that the error found does not contradict: were every bin off by the same
gap, the distances would be folded normal variables, whose mean and variance are known (Leone et
al. 1961), and their weighted sum nearly normal.

Leone FC, Nelson LS, Nottingham RB. Technometrics 1961;3:543-550. Kumar A, Liang P, Ma T. NeurIPS
2019.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtr

from metrascope.arrays import Floats
from metrascope.statistics.interval import Interval, Z

# Gap beyond which no error is searched for: twice what probabilities can be off by.
_LARGEST_GAP: Final = 2.0


@dataclass(frozen=True)
class Bins:
    """The bins of one claim of one replication.

    Attributes
    ----------
    weights
        Shares of the readings, (bins,); they add up to 1.
    gaps
        Mean probability less observed share, (bins,).
    spreads
        Standard errors of the gaps, (bins,), above 0.
    """

    weights: Floats
    gaps: Floats
    spreads: Floats

    @property
    def error(self) -> float:
        """The expected calibration error: the weighted sum of distances."""
        return float((self.weights * np.abs(self.gaps)).sum())


def error_interval(blocks: Sequence[Bins]) -> Interval:
    """Return the mean error of some blocks with its 95 % interval, 0 to 1.

    Parameters
    ----------
    blocks
        Bins of one claim in each replication, or of the claims whose errors are averaged. They are
        about the same patients and count as if they varied together, which makes the interval of a
        mean wider rather than too narrow.
    """
    value = float(np.mean([one.error for one in blocks]))
    weights, spreads = (
        np.concatenate([getattr(one, name) for one in blocks]) for name in ("weights", "spreads")
    )
    # All bins side by side; `starts` is where each block begins.
    starts = np.cumsum([0, *(len(one.weights) for one in blocks[:-1])])

    def surplus(gap: float, quantile: float) -> float:
        mean, variance = _folded(gap, spreads)
        sums = np.add.reduceat(weights * mean, starts)
        errors = np.sqrt(np.add.reduceat(weights**2 * variance, starts))
        return float(sums.mean() + quantile * errors.mean()) - value

    # The weights of a block add up to 1, so that the gap of all bins is the true error.
    low = _root(surplus, Z)
    high = _root(surplus, -Z)
    return Interval(value, min(low, value), min(max(high, value), 1.0))


def _root(surplus: Callable[[float, float], float], quantile: float) -> float:
    """Return the gap at which the error found is at a quantile, 0 where it is below it at 0."""
    if surplus(0.0, quantile) >= 0:
        return 0.0
    return float(brentq(surplus, 0.0, _LARGEST_GAP, args=(quantile,), xtol=1e-9))


def _folded(gap: float, spreads: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the distance whose gap is normal with these spreads."""
    ratio = gap / spreads
    mean = spreads * np.sqrt(2 / np.pi) * np.exp(-(ratio**2) / 2) + gap * (1 - 2 * ndtr(-ratio))
    return mean, np.maximum(gap**2 + spreads**2 - mean**2, 0)
