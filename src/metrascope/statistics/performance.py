"""All numbers of one network's readings, each with its interval."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics.average_precision import average_precisions
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.limits import patient_count
from metrascope.statistics.losses import losses
from metrascope.statistics.measures import (
    CLASS_MEASURES,
    OVERALL,
    binary_measures,
    confusion_counts,
    overall,
)
from metrascope.statistics.ratios import likelihood_ratios, predictive_values
from metrascope.statistics.resampling import (
    Replicates,
    Resamples,
    Statistic,
    Weights,
    replicate,
    select_units,
)
from metrascope.statistics.roc import class_areas, mean_area
from metrascope.statistics.shares import class_shares
from metrascope.statistics.totals import around, total_intervals

_MeasureName = tuple[int, str]
"""Index of a class, or `TOGETHER`, and the measure."""

TOGETHER: Final = -1


def performance(
    readings: Readings,
    classes: Sequence[str],
    resamples: Resamples,
    prevalence: Mapping[str, float] | None = None,
) -> tuple[dict[str, Any], Replicates]:
    """Return the numbers of one network, and its macro F1 in all resamples for comparisons.

    Proportions have Wilson's interval, areas under the curve DeLong's, all else the bootstrap's.

    Parameters
    ----------
    readings
        Readings of the network.
    classes
        Names in class order.
    resamples
        Resamples of the cohort's units.
    prevalence
        Share of each class where predictive values are wanted as well; adds up to 1.
    """
    points = _point_values(readings)
    numbers = _class_intervals(readings, points)
    together = replicate(_count_statistic(readings, _overall_measures), resamples)
    of_classes = [
        {name: numbers[label, name] for name in CLASS_MEASURES} for label in range(len(classes))
    ]
    totals = total_intervals(readings, together, of_classes)
    numbers |= {(TOGETHER, name): number for name, number in totals.items()}
    if prevalence is not None:
        stated = predictive_values(readings, [prevalence[label] for label in classes])
        numbers |= {
            (label, f"{name}_at_prevalence"): number
            for label, both in enumerate(stated)
            for name, number in both.items()
        }
    if readings.probabilities is not None:
        numbers |= _probability_intervals(readings, classes, resamples)
    macro_f1 = _columns(together, OVERALL.index("macro_f1"))
    return _arrange(readings, classes, numbers, _by_seed(readings)), macro_f1


def _count_statistic(readings: Readings, function: Callable[[Floats], Floats]) -> Statistic:
    """Return the statistic that is a function of the confusion matrices."""

    def statistic(weights: Weights) -> Floats:
        return function(confusion_counts(readings, select_units(weights, readings.units)))

    return statistic


def _overall_measures(counts: Floats) -> Floats:
    """Return `OVERALL` (b, m), the mean of the replications."""
    together = overall(counts)
    return _mean(np.stack([together[name] for name in OVERALL], axis=-1))


def _mean(values: Floats) -> Floats:
    """Average the replications (b, replications, m), those left out that are not defined."""
    defined = np.isfinite(values)
    sums = np.where(defined, values, 0).sum(1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / defined.sum(1), dtype=np.float64)


def _columns(replicates: Replicates, which: int | npt.NDArray[np.bool_]) -> Replicates:
    return replicates.map(lambda values: values[:, which])


def _class_intervals(
    readings: Readings, points: Mapping[_MeasureName, float]
) -> dict[_MeasureName, Interval]:
    """Return the measures of each class: shares with Wilson's intervals, and likelihood ratios."""
    intervals = {}
    for label, shares in enumerate(class_shares(readings)):
        for name, share in shares.items():
            # With several seeds the pooled share may differ from the mean of theirs: that is shown.
            intervals[label, name] = around(points[label, name], share)
        ratios = likelihood_ratios(shares["recall"], shares["specificity"])
        intervals |= {(label, name): ratio for name, ratio in ratios.items()}
    return intervals


def _probability_intervals(
    readings: Readings, classes: Sequence[str], resamples: Resamples
) -> dict[_MeasureName, Interval]:
    areas = class_areas(readings)
    intervals = {(label, "auc"): one.interval() for label, one in enumerate(areas)}
    intervals[TOGETHER, "macro_auc"] = mean_area(areas).interval()
    intervals |= {(TOGETHER, name): one for name, one in losses(readings, resamples).items()}
    names = [(TOGETHER, "macro_average_precision")]
    names += [(label, "average_precision") for label in range(len(classes))]
    precisions = average_precisions(readings, classes, resamples)
    return intervals | dict(zip(names, precisions, strict=True))


def _point_values(readings: Readings) -> dict[_MeasureName, float]:
    """Return the value of every measure from counts, the mean of the replications."""
    values = _mean(_count_measures(readings, range(len(readings.seeds))))[0]
    return dict(zip(_names(readings), values.tolist(), strict=True))


def _by_seed(readings: Readings) -> dict[_MeasureName, list[float]]:
    """Return each number by seed, where there are several."""
    seeds = sorted(set(readings.seeds))
    if len(seeds) < 2:
        return {}
    values = np.concatenate(
        [
            _mean(
                _count_measures(readings, np.flatnonzero(np.equal(readings.seeds, seed)).tolist())
            )
            for seed in seeds
        ]
    )
    return dict(zip(_names(readings), values.T.tolist(), strict=True))


def _names(readings: Readings) -> list[_MeasureName]:
    labels = range(readings.classes)
    names = [(TOGETHER, name) for name in OVERALL]
    return names + [(label, name) for label in labels for name in CLASS_MEASURES]


def _count_measures(readings: Readings, replications: Sequence[int]) -> Floats:
    """Return the measures from counts of these replications, (1, replications, m) as `_names`."""
    everyone = np.ones((1, len(readings.truth)), dtype=np.float32)
    counts = confusion_counts(readings, everyone)[:, list(replications)]
    together, one = overall(counts), binary_measures(counts)
    columns = [together[name] for name in OVERALL]
    labels = range(readings.classes)
    columns += [one[name][..., label] for label in labels for name in CLASS_MEASURES]
    return np.stack(columns, axis=-1)


def _arrange(
    readings: Readings,
    classes: Sequence[str],
    numbers: Mapping[_MeasureName, Interval],
    seeds: Mapping[_MeasureName, list[float]],
) -> dict[str, Any]:
    """Arrange the numbers as ``metrics.json`` has them."""
    entries = {name: number.json() | _seeds(seeds.get(name)) for name, number in numbers.items()}
    everyone = np.ones((1, len(readings.truth)), dtype=np.float32)
    matrix = confusion_counts(readings, everyone)[0].sum(0)
    supports = np.bincount(readings.truth, minlength=len(classes))
    return {
        "n": len(readings.truth),
        "patients": patient_count(readings),
        "seeds": sorted(set(readings.seeds)),
        "replications": len(readings.seeds),
        **_entries_of(TOGETHER, entries),
        "confusion": matrix.astype(int).tolist(),
        "classes": {
            name: _entries_of(label, entries) | {"support": int(supports[label])}
            for label, name in enumerate(classes)
        },
    }


def _entries_of(label: int, entries: Mapping[_MeasureName, Any]) -> dict[str, Any]:
    return {measure: number for (owner, measure), number in entries.items() if owner == label}


def _seeds(values: list[float] | None) -> dict[str, Any]:
    if values is None:
        return {}
    return {"per_seed": values, "seed_sd": float(np.std(values, ddof=1))}
