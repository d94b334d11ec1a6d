"""Everything that is said of one network's readings, each number with its interval."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from metrascope.evaluation.cohort import Readings
from metrascope.evaluation.interval import Interval
from metrascope.evaluation.measures import (
    OF_CLASSES,
    OVERALL,
    average_precision,
    brier,
    count,
    log_loss,
    mean,
    of_classes,
    overall,
)
from metrascope.evaluation.proportions import proportion
from metrascope.evaluation.resampling import (
    Counts,
    Replicates,
    Resamples,
    Statistic,
    Weights,
    bca,
    of_units,
    replicate,
    replicate_by_patient,
)
from metrascope.evaluation.roc import class_areas, mean_area

Floats = npt.NDArray[np.float64]

Name = tuple[int, str]
"""Place of a class in class order, or `TOGETHER`, and the measure."""

TOGETHER: Final = -1
AT_PREVALENCE: Final = ("precision", "npv")
_RATIOS: Final = ("lr_positive", "lr_negative")


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
        Of the network.
    classes
        In class order.
    resamples
        Of the cohort's units.
    prevalence
        Share of each class where predictive values are wanted as well; adds up to 1.
    """
    names = [(TOGETHER, name) for name in OVERALL]
    names += [(label, name) for label in range(len(classes)) for name in OF_CLASSES]
    counted = replicate(_over(readings, _counted), resamples)
    lows, highs = _bounded(counted, names)
    numbers = {
        name: Interval(float(counted.value[i]), float(lows[i]), float(highs[i]))
        for i, name in enumerate(names)
    }
    numbers |= _proportions(readings, classes, numbers)
    if prevalence is not None:
        numbers |= _at_prevalence(readings, classes, resamples, prevalence)
    if readings.probabilities is not None:
        numbers |= _of_probabilities(readings, classes, resamples)
    seeds = _by_seed(readings, names)
    macro_f1 = _columns(counted, names.index((TOGETHER, "macro_f1")))
    return _nested(readings, classes, numbers, seeds), macro_f1


def _over(readings: Readings, function: Callable[[Floats], Floats]) -> Statistic:
    """Return the statistic that is a function of the confusion matrices."""

    def statistic(weights: Weights) -> Floats:
        return function(count(readings, of_units(weights, readings.units)))

    return statistic


def _counted(counts: Floats) -> Floats:
    """Return all numbers (b, m) that counts give, the mean of the replications."""
    together, one = overall(counts), of_classes(counts)
    columns = [together[name] for name in OVERALL]
    labels = range(counts.shape[-1])
    columns += [one[name][..., label] for label in labels for name in OF_CLASSES]
    return _mean(np.stack(columns, axis=-1))


def _mean(values: Floats) -> Floats:
    """Average the replications (b, replications, m), those left out that are not defined."""
    defined = np.isfinite(values)
    sums = np.where(defined, values, 0).sum(1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / defined.sum(1), dtype=np.float64)


def _bounded(counted: Replicates, names: Sequence[Name]) -> tuple[Floats, Floats]:
    bases = np.array([measure for _, measure in names])
    low = np.where(np.isin(bases, ("mcc", "kappa")), -1.0, 0.0)
    high = np.where(np.isin(bases, _RATIOS), np.inf, 1.0)
    lows, highs = np.empty(len(names)), np.empty(len(names))
    for bounds in sorted(set(zip(low.tolist(), high.tolist(), strict=True))):
        rows = (low == bounds[0]) & (high == bounds[1])
        lows[rows], highs[rows] = bca(_columns(counted, rows), *bounds)
    return lows, highs


def _columns(replicates: Replicates, which: int | npt.NDArray[np.bool_]) -> Replicates:
    return replicates.map(lambda values: values[:, which])


def _proportions(
    readings: Readings, classes: Sequence[str], numbers: Mapping[Name, Interval]
) -> dict[Name, Interval]:
    """Return Wilson's intervals around the values of what is a share of patients.

    The F1 of a class is 2 s / (1 + s) of the share s of hits among the patients who have the class
    or are called so, so that its ends are those of s.
    """
    truth, said = readings.truth, readings.predicted
    right, all_ = said == truth, np.ones(said.shape, dtype=bool)
    right_of_all = proportion(right, all_, readings.clusters)
    found = {(TOGETHER, name): right_of_all for name in ("accuracy", "weighted_recall")}
    for label in range(len(classes)):
        has, gets = np.broadcast_to(truth == label, said.shape), said == label
        shares = {
            "precision": (right, gets),
            "recall": (right, has),
            "specificity": (~gets, ~has),
            "npv": (~has, ~gets),
        }
        for measure, (hits, trials) in shares.items():
            found[label, measure] = proportion(hits, trials, readings.clusters)
        shared = proportion(has & gets, has | gets, readings.clusters)
        found[label, "f1"] = Interval(*map(_f1, (shared.value, shared.low, shared.high)))
    # With several seeds the pooled share may differ from the mean of theirs: the mean is told.
    return {
        name: Interval(value, *_around(value, share))
        for name, share in found.items()
        for value in [numbers[name].value]
    }


def _f1(shared: float) -> float:
    """Return the F1 of a class from the share of hits among all who have it or are called so."""
    return 2 * shared / (1 + shared)


def _around(value: float, share: Interval) -> tuple[float, float]:
    if np.isnan(share.value) or np.isnan(value):
        return np.nan, np.nan
    moved = value - share.value
    low, high = share.low + moved, share.high + moved
    return max(0.0, min(low, value)), min(1.0, max(high, value))


def _at_prevalence(
    readings: Readings,
    classes: Sequence[str],
    resamples: Resamples,
    prevalence: Mapping[str, float],
) -> dict[Name, Interval]:
    """Return predictive values where the classes are as frequent as stated."""
    shares = np.array([prevalence[label] for label in classes])

    def values(counts: Floats) -> Floats:
        rows = counts.sum(-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            stated = np.where(rows > 0, counts / rows, np.nan) * shares[:, None]
        one = of_classes(stated)
        columns = [one[name][..., label] for label in range(len(classes)) for name in AT_PREVALENCE]
        return _mean(np.stack(columns, axis=-1))

    found = replicate(_over(readings, values), resamples)
    ends = bca(found)
    labels = range(len(classes))
    names = [(label, f"{name}_at_prevalence") for label in labels for name in AT_PREVALENCE]
    return {
        name: Interval(float(found.value[i]), float(ends[0][i]), float(ends[1][i]))
        for i, name in enumerate(names)
    }


def _of_probabilities(
    readings: Readings, classes: Sequence[str], resamples: Resamples
) -> dict[Name, Interval]:
    areas = class_areas(readings)
    found = {(label, "auc"): one.interval() for label, one in enumerate(areas)}
    found[TOGETHER, "macro_auc"] = mean_area(areas).interval()
    losses = np.column_stack([brier(readings), log_loss(readings)])
    average = mean(losses)
    scored = replicate(lambda weights: average(of_units(weights, readings.units)), resamples)
    for index, (name, most) in enumerate((("brier", 2.0), ("log_loss", np.inf))):
        one = _columns(scored, index)
        low, high = bca(one, 0, most, smooth=True)
        found[TOGETHER, name] = Interval(float(one.value), float(low), float(high))
    return found | _average_precisions(readings, classes, resamples)


def _average_precisions(
    readings: Readings, classes: Sequence[str], resamples: Resamples
) -> dict[Name, Interval]:
    probabilities = readings.probabilities
    if probabilities is None:
        return {}

    def statistic(counts: Counts) -> Floats:
        own = counts if len(readings.units) == len(counts) else counts[readings.units]
        columns = [
            np.mean(
                [average_precision(row[:, label], readings.truth == label, own) for row in rows],
                axis=0,
            )
            for label in range(len(classes))
        ]
        together = np.stack(columns, axis=1)
        return np.column_stack([_mean(together[:, :, None]), together])

    rows = list(probabilities)
    found = replicate_by_patient(statistic, resamples)
    lows, highs = bca(found, smooth=True)
    names = [(TOGETHER, "macro_average_precision")]
    names += [(label, "average_precision") for label in range(len(classes))]
    return {
        name: Interval(float(found.value[i]), float(lows[i]), float(highs[i]))
        for i, name in enumerate(names)
    }


def _by_seed(readings: Readings, names: Sequence[Name]) -> dict[Name, list[float]]:
    """Return each number by seed, where there are several."""
    seeds = sorted(set(readings.seeds))
    everyone = np.ones((1, len(readings.truth)), dtype=np.float32)
    counts = count(readings, everyone)
    values = np.concatenate(
        [
            _counted(counts[:, [i for i, own in enumerate(readings.seeds) if own == seed]])
            for seed in seeds
        ]
    )
    return {name: values[:, i].tolist() for i, name in enumerate(names)} if len(seeds) > 1 else {}


def _nested(
    readings: Readings,
    classes: Sequence[str],
    numbers: Mapping[Name, Interval],
    seeds: Mapping[Name, list[float]],
) -> dict[str, Any]:
    """Arrange the numbers as ``metrics.json`` has them."""
    told = {
        name: _as_reported(name[1], number.json()) | _seeds(seeds.get(name))
        for name, number in numbers.items()
    }
    everyone = np.ones((1, len(readings.truth)), dtype=np.float32)
    matrix = count(readings, everyone)[0].sum(0)
    supports = np.bincount(readings.truth, minlength=len(classes))
    return {
        "n": len(readings.truth),
        "seeds": sorted(set(readings.seeds)),
        "replications": len(readings.seeds),
        **_of(TOGETHER, told),
        "confusion": matrix.astype(int).tolist(),
        "classes": {
            name: _of(label, told) | {"support": int(supports[label])}
            for label, name in enumerate(classes)
        },
    }


def _of(label: int, told: Mapping[Name, Any]) -> dict[str, Any]:
    return {measure: number for (whose, measure), number in told.items() if whose == label}


def _as_reported(measure: str, number: dict[str, float | None]) -> dict[str, float | None]:
    """Put 0 for a class without patients, as scikit-learn does; its support of 0 says which."""
    shares = ("precision", "recall", "f1")
    absent = number["value"] is None and measure in shares
    return {**number, "value": 0.0} if absent else number


def _seeds(values: list[float] | None) -> dict[str, Any]:
    if values is None:
        return {}
    return {"per_seed": values, "seed_sd": float(np.std(values, ddof=1))}
