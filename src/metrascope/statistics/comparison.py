"""Which networks can be told apart: paired tests on the patients that all of them read.

The best of eight is partly the luckiest of eight. Every pair is therefore tested three ways, each
family corrected by Holm, and the optimism of choosing the best is stated.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve
from scipy.stats import binom, chi2, norm

from metrascope.arrays import Floats
from metrascope.statistics import mover
from metrascope.statistics.cohort import Cohort, Readings
from metrascope.statistics.interval import LEVEL, Interval, Z
from metrascope.statistics.power import for_difference
from metrascope.statistics.resampling import Replicates, bca
from metrascope.statistics.roc import class_areas, mean_area

TESTS: Final = ("macro_f1", "macro_auc", "accuracy")
"""Numbers that are compared: by paired bootstrap, DeLong's test, McNemar's exact test."""

# Means of the same shares differ in their last bits with the order of their sums.
_EQUAL: Final = 1e-9


@dataclass(frozen=True)
class Difference:
    """First network minus second, of one number: interval, p and Holm's p."""

    interval: Interval
    p: float
    adjusted: float = np.nan

    def json(self) -> dict[str, float | None]:
        """Return it as ``metrics.json`` has it."""
        p_values = {"p": self.p, "p_holm": self.adjusted}
        defined = {name: None if np.isnan(p) else p for name, p in p_values.items()}
        return {**self.interval.json(), **defined}


def compare_networks(
    cohort: Cohort, macro_f1: Mapping[str, Replicates], intervals: Mapping[str, Interval]
) -> dict[str, Any]:
    """Return all comparisons of the networks of a cohort.

    Parameters
    ----------
    cohort
        Patients that all networks read.
    macro_f1
        Macro F1 of each network on them, all from the same resamples.
    intervals
        Interval of each network's macro F1.

    Returns
    -------
    ``n``, ``pairs`` (a list with ``first``, ``second`` and a difference for each of `TESTS` that
    can be made, ``patients_needed``), ``cochran_q``, ``luck`` and ``ranking``.
    """
    names = list(cohort.readings)
    pairs = list(combinations(names, 2))
    tests = {
        "macro_f1": [
            _f1_difference((macro_f1[one], macro_f1[other]), (intervals[one], intervals[other]))
            for one, other in pairs
        ],
        "accuracy": [
            _accuracy_difference(cohort.readings[one], cohort.readings[other])
            for one, other in pairs
        ],
    }
    if all(readings.probabilities is not None for readings in cohort.readings.values()):
        areas = {name: mean_area(class_areas(cohort.readings[name])) for name in names}
        tests["macro_auc"] = [
            _consistent(
                areas[one].difference_interval(areas[other]), (areas[one] - areas[other]).p_value()
            )
            for one, other in pairs
        ]
    corrected = {name: _adjust(differences) for name, differences in tests.items()}
    spreads = [
        float(np.nanstd(macro_f1[one].drawn - macro_f1[other].drawn)) for one, other in pairs
    ]
    patients = len(np.unique(next(iter(cohort.readings.values())).clusters))
    return {
        "n": patients,
        "pairs": [
            {
                "first": first,
                "second": second,
                **{name: corrected[name][i].json() for name in TESTS if name in corrected},
                "patients_needed": for_difference(
                    corrected["macro_f1"][i].interval.value, spreads[i], patients
                ),
            }
            for i, (first, second) in enumerate(pairs)
        ],
        "cochran_q": cochran_q(_correct(cohort.readings.values())),
        "luck": _selection_bias(macro_f1),
        "ranking": _ranking(names, pairs, corrected["macro_f1"], macro_f1),
    }


def holm(p_values: Sequence[float]) -> Floats:
    """Return p-values corrected for the number of tests (Holm 1979); NaN stays NaN."""
    values = np.asarray(p_values, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    adjusted = np.full(len(values), np.nan)
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1)
    return adjusted


def exact_sign_flip(differences: npt.NDArray[np.int64]) -> float:
    """Return the two-sided p of differences being as likely one way as the other.

    Every patient's difference may have had the other sign. For differences of -1, 0 and 1 this is
    McNemar's exact test; with several seeds they are sums over the seeds. The distribution of
    their sum is computed, not drawn.

    Parameters
    ----------
    differences
        Whole numbers, (patients,).
    """
    # Patients whose differences have one size are a binomial of sums -size * count to size * count
    # in steps of 2 * size; the sizes are independent, so that their sums are a convolution.
    sizes, counts = np.unique(np.abs(differences[differences != 0]), return_counts=True)
    chance = np.ones(1)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        one = np.zeros(2 * size * count + 1)
        one[:: 2 * size] = binom.pmf(np.arange(count + 1), count, 0.5)
        chance = fftconvolve(chance, one) if len(chance) > 1 else one
    sums = np.arange(len(chance)) - len(chance) // 2
    tails = chance[np.abs(sums) >= abs(int(differences.sum()))]
    return float(np.clip(tails.sum(), 0, 1))


def cochran_q(correct: Floats) -> dict[str, float | int | None]:
    """Return Cochran's Q (1950) for equal accuracy of three networks or more.

    None for two networks: there it is McNemar's test without a correction, and the exact one is
    shown.

    Parameters
    ----------
    correct
        1 where right, 0 where not, or the share of seeds that were right, (networks, patients).
    """
    networks = len(correct)
    totals, rows = correct.sum(1), correct.sum(0)
    within = float((networks * (correct**2).sum(0) - rows**2).sum())
    if networks < 3 or within <= 0:
        return {"statistic": None, "p": None, "degrees_of_freedom": networks - 1}
    between = float(((totals - totals.mean()) ** 2).sum())
    statistic = networks * (networks - 1) * between / within
    p = float(chi2.sf(statistic, networks - 1))
    return {"statistic": statistic, "p": p, "degrees_of_freedom": networks - 1}


def _f1_difference(
    values: tuple[Replicates, Replicates], intervals: tuple[Interval, Interval]
) -> Difference:
    """Compare macro F1s by paired bootstrap; the interval is the wider of its own and MOVER's."""
    first, second = values
    difference = Replicates(
        first.value - second.value,
        first.drawn - second.drawn,
        first.left_out - second.left_out,
        first.patients,
    )
    low, high = bca(difference, -1, 1)
    of_parts = mover.weighted_sum(intervals, [1.0, -1.0], _correlation(first.drawn, second.drawn))
    of_bootstrap = Interval(float(difference.value), float(low), float(high))
    interval = mover.hull(of_bootstrap, of_parts)
    drawn = difference.drawn[np.isfinite(difference.drawn)]
    if not len(drawn) or np.ptp(drawn) == 0:
        p = 1.0
    else:
        # One is added so that a p of zero is never claimed from a finite draw.
        tails = [((drawn <= 0).sum() + 1), ((drawn >= 0).sum() + 1)]
        p = min(1.0, 2 * min(tails) / (len(drawn) + 1))
    return _consistent(interval, float(p))


def _consistent(interval: Interval, p: float) -> Difference:
    """Return a difference whose p does not call it shown where its interval holds 0.

    The interval is the wider of two, the test is one of them. An interval that were a normal one
    to the side of 0 has a standard error, and that its own p (Altman & Bland, BMJ 2011;343:d2304):
    the larger of the two p-values is kept. NaN stays NaN.
    """
    reach = abs(interval.value - (interval.low if interval.value > 0 else interval.high))
    if math.isnan(p) or math.isnan(reach) or reach == 0:
        return Difference(interval, p)
    return Difference(interval, max(p, 2 * float(norm.sf(Z * abs(interval.value) / reach))))


def _correlation(first: Floats, second: Floats) -> float:
    """Return the correlation of two numbers in the resamples; 0 where one does not vary."""
    if min(np.std(first), np.std(second)) == 0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def _accuracy_difference(first: Readings, second: Readings) -> Difference:
    """Compare accuracies: McNemar's exact test, its interval from the spread over patients."""
    right = [(one.predicted == one.truth).sum(0) for one in (first, second)]
    replications = [len(one.predicted) for one in (first, second)]
    # Whole numbers also where the networks have different numbers of seeds.
    shared = math.lcm(*replications)
    steps = right[0] * (shared // replications[0]) - right[1] * (shared // replications[1])
    patients = np.unique(first.clusters, return_inverse=True)[1].reshape(-1)
    summed = np.rint(np.bincount(patients, weights=steps)).astype(np.int64)
    units = len(first.truth)
    value = float(summed.sum()) / (units * shared)
    return Difference(_agresti_min(summed, value, units * shared), exact_sign_flip(summed))


def _agresti_min(summed: npt.NDArray[np.int64], value: float, trials: int) -> Interval:
    """Return an interval of a paired difference of proportions.

    Agresti & Min (2005): half a patient is added to each of the four cells of the paired table,
    which keeps the interval honest where few patients are read differently.
    """
    patients = len(summed)
    sizes = summed / (trials / patients)
    added = patients + 2
    mean = float(sizes.sum()) / added
    spread = (float((sizes**2).sum()) + 1) / added - mean**2
    half = Z * np.sqrt(max(spread, 0) / added)
    low, high = max(-1.0, mean - half), min(1.0, mean + half)
    return Interval(value, min(low, value), max(high, value))


def _adjust(differences: list[Difference]) -> list[Difference]:
    adjusted = holm([one.p for one in differences])
    return [
        Difference(one.interval, one.p, float(p))
        for one, p in zip(differences, adjusted, strict=True)
    ]


def _correct(readings: Iterable[Readings]) -> Floats:
    return np.stack([(one.predicted == one.truth).mean(0) for one in readings])


def _selection_bias(macro_f1: Mapping[str, Replicates]) -> dict[str, float]:
    """Return the optimism of choosing the best network, in two ways.

    ``if_equal`` is by how much the best of so many equally good networks would exceed their mean
    on average; ``optimism`` how much better the network that is best in a resample is there than
    with all patients.
    """
    values = np.array([float(one.value) for one in macro_f1.values()])
    drawn = np.stack([one.drawn for one in macro_f1.values()], axis=1)
    noise = drawn - values  # (replicates, networks)
    best = drawn.argmax(1)
    return {
        "if_equal": float((noise.max(1) - noise.mean(1)).mean()),
        "optimism": float((drawn[np.arange(len(drawn)), best] - values[best]).mean()),
    }


def _ranking(
    names: list[str],
    pairs: list[tuple[str, str]],
    differences: list[Difference],
    macro_f1: Mapping[str, Replicates],
) -> dict[str, Any]:
    """Return the order, each network's share of resamples as the best, and those it surpasses.

    Networks that are equally good share a resample, and ``highest`` names all that share the
    highest value: the order of equals is that of their names in the predictions and means nothing.
    """
    order = sorted(names, key=lambda name: -float(macro_f1[name].value))
    drawn = np.stack([macro_f1[name].drawn for name in names], axis=1)
    winning = drawn >= np.nanmax(drawn, axis=1, keepdims=True) - _EQUAL
    wins = (winning / np.maximum(winning.sum(1, keepdims=True), 1)).mean(0)
    significant = {
        frozenset(pair)
        for pair, one in zip(pairs, differences, strict=True)
        if one.adjusted < 1 - LEVEL
    }
    top = float(macro_f1[order[0]].value)
    highest = [name for name in order if float(macro_f1[name].value) >= top - _EQUAL]
    return {
        "order": order,
        "highest": highest,
        "best_of_resamples": {name: float(wins[names.index(name)]) for name in order},
        "told_from_best": [
            name
            for name in order
            if name not in highest and all(frozenset((one, name)) in significant for one in highest)
        ],
        "told_apart": len(significant),
        "pairs": len(pairs),
    }
