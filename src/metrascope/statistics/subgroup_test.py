"""Whether a network reads one subgroup better than another, or whether chance explains it.

Subgroups differ in how many patients of each class they have, and classes differ in how hard they
are. So only patients of one class are compared with each other: under the hypothesis that the
subgroup does not matter, within each class the patients' subgroups might be exchanged.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from metrascope.arrays import Floats, Integers
from metrascope.statistics.interval import Z

# Exchanges at most: a p of 5 % is known to 0.3 points then.
PERMUTATIONS: Final = 5000
# Exchanges as extreme as the data, after which drawing ends: p is known to a seventh of itself.
ENOUGH: Final = 50
# Exchanges drawn at a time. Chosen, not measured.
_BATCH: Final = 1000
# The customary power of a trial.
_POWER: Final = 0.8


def spread_test(correct: Floats, groups: Integers, strata: Integers, seed: int) -> Floats:
    """Return the p of each network reading all subgroups alike, within strata.

    The statistic is the sum over the subgroups of the squared surplus of right readings over what
    the strata's means lead to expect, each divided by its variance under exchange (for two
    subgroups it is that of Cochran, Mantel and Haenszel). Its distribution is drawn, 5000 times at
    most, and only until 50 draws are as extreme (Besag & Clifford 1991), which is valid as well.

    Parameters
    ----------
    correct
        Number or share of a patient's readings that were right, (n, networks).
    groups
        Number of her subgroup, (n,), from 0 to 255.
    strata
        Number of her stratum, (n,): only patients of one stratum, of one class, are exchanged.
    seed
        Seed of the draw.

    Returns
    -------
    p of each network, (networks,); NaN where there is one subgroup alone, or nothing varies within
    the strata.
    """
    numbers = np.arange(int(groups.max()) + 1)
    member = groups[:, None] == numbers  # (n, groups)
    residual, variance = np.empty_like(correct), np.zeros((len(numbers), correct.shape[1]))
    for rows in _stratum_rows(strata):
        residual[rows] = correct[rows] - correct[rows].mean(0)
        size, inside = len(rows), member[rows].sum(0)
        # Of a sum over `inside` patients drawn from `size` without replacement.
        scatter = (residual[rows] ** 2).sum(0) / max(1, size - 1)
        variance += np.outer(inside * (1 - inside / size), scatter)
    varies = variance > 1e-12
    scale = np.where(varies, 1 / np.where(varies, variance, 1), 0)
    statistic = (((member.T @ residual) ** 2) * scale).sum(0)  # (networks,)
    extreme = np.zeros((0, correct.shape[1]), dtype=bool)
    # Exchanges are summed in float32, whose rounding must not make an equal one smaller.
    least = statistic * (1 - 1e-5)
    narrow = residual.astype(np.float32)
    for labels in _exchange_groups(groups, strata, seed):
        # Group by group: one array (draws, n, groups) would be as many times as large.
        drawn = sum(
            ((labels == number).astype(np.float32) @ narrow) ** 2 * scale[number]
            for number in numbers
        )
        extreme = np.concatenate([extreme, drawn >= least])
        if (extreme.sum(0) >= ENOUGH).all():
            break
    return np.where(varies.any(0) & (len(numbers) > 1), _p_values(extreme), np.nan)


def patient_strata(patients: Integers, classes: Integers) -> Integers:
    """Return the number of each patient's stratum: patients whose units have the same classes.

    Parameters
    ----------
    patients, classes
        Patient and class of each unit, (n,); patients by number from 0, without gaps.
    """
    table = np.zeros((int(patients.max()) + 1, int(classes.max()) + 1), dtype=np.int64)
    np.add.at(table, (patients, classes), 1)
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def detectable(accuracy: float, sizes: Sequence[int]) -> float:
    """Return the difference in accuracy that the smallest subgroup would show four times in five.

    By a two-sided test at 5 % of the smallest subgroup against the rest, before any correction.

    Parameters
    ----------
    accuracy
        Accuracy of all patients, 0 to 1.
    sizes
        Patients of each subgroup.
    """
    small = min(sizes)
    error = np.sqrt(accuracy * (1 - accuracy) * (1 / small + 1 / (sum(sizes) - small)))
    return float(min(1.0, (Z + ndtri(_POWER)) * error))


def _p_values(extreme: npt.NDArray[np.bool_]) -> Floats:
    """Return the p of each network from which draws (draws, networks) are as extreme as the data.

    Where drawing ended early it is the share up to the fiftieth extreme draw (Besag & Clifford).
    """
    count = np.cumsum(extreme, axis=0)
    stopped = (count >= ENOUGH).any(0)
    first = (count >= ENOUGH).argmax(0) + 1
    p = np.where(stopped, ENOUGH / first, (1 + count[-1]) / (1 + len(extreme)))
    return np.asarray(p, dtype=np.float64)


def _exchange_groups(
    groups: Integers, strata: Integers, seed: int
) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the patients' subgroups, exchanged within strata: (draws, n) each."""
    rng = np.random.default_rng(seed)
    by_stratum = _stratum_rows(strata)
    for _ in range(0, PERMUTATIONS, _BATCH):
        labels = np.empty((_BATCH, len(groups)), dtype=np.uint8)
        for rows in by_stratum:
            # Sorting random numbers that carry the label in their last byte is the fastest way.
            keys = rng.integers(0, 2**24, (_BATCH, len(rows)), dtype=np.uint32) << np.uint32(8)
            keys |= groups[rows].astype(np.uint32)
            keys.sort(axis=1)
            labels[:, rows] = keys & np.uint32(255)
        yield labels


def _stratum_rows(strata: Integers) -> list[Integers]:
    return [np.flatnonzero(strata == name) for name in np.unique(strata)]
