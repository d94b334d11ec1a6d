"""Decision curves: whether acting on a network's probabilities does more good than harm.

Who would act from a probability of 20 % on (send to hysteroscopy, say) weighs one lesion found
against four needless procedures. The net benefit at a threshold t is the share of patients who are
rightly sent, less that of those needlessly sent times t / (1 - t). It is compared with sending all
and sending none, whose net benefit is 0.

Vickers AJ, Elkin EB. Med Decis Making 2006;26:565-574; Vickers AJ et al. Diagn Progn Res 2019;3:18.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics import mover
from metrascope.statistics.cohort import Cohort, Readings
from metrascope.statistics.interval import LEVEL, Interval
from metrascope.statistics.proportions import proportion
from metrascope.statistics.resampling import Replicates, Resamples, Weights, replicate

THRESHOLDS: Final = (
    *(step / 50 for step in range(1, 26)),
    *(step / 20 for step in range(11, 20)),
)
"""Probabilities from which on one would act: 2 to 50 % in steps of 2, to 95 % in steps of 5."""


def decision_curves(
    people: Cohort,
    resamples: Resamples,
    *,
    positive: Sequence[str] | None = None,
    prevalence: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return the net benefit of acting on each network, of acting on all, and the difference.

    Parameters
    ----------
    people
        Cohort that is evaluated.
    resamples
        Resamples of the cohort's units.
    positive
        Classes that one acts for; by default all but the first.
    prevalence
        Share of each class, adding up to 1, where patients are to count as they would elsewhere;
        the probabilities stay as they are.

    Returns
    -------
    Empty where there are labels alone. Else ``positive``, ``thresholds``, ``prevalence`` (of the
    positive classes) and ``curves``; beside them ``stated`` with its own ``prevalence`` and
    ``curves`` where a prevalence is given. Curves are ``all`` and, by network, ``net_benefit``,
    ``gain`` (over acting on all) and ``useful``: stretches of thresholds in which both net benefit
    and gain are above 0 with their whole band.

    Notes
    -----
    Bands hold at each threshold by itself. They are bootstrap percentiles, and no narrower than
    the proportions that are added up make them by MOVER, since resamples are too much alike where
    few patients are on one side of a threshold, and all alike where nobody is.
    """
    networks = people.readings
    if any(readings.probabilities is None for readings in networks.values()):
        return {}
    acted_for = tuple(people.classes[1:]) if positive is None else tuple(positive)
    acted = np.isin(np.array(people.classes), acted_for)
    shares = None
    if prevalence is not None:
        shares = np.array([prevalence[name] for name in people.classes])
    observed, stated = _net_benefits(networks, acted, resamples, shares)
    frequencies = [acted[readings.truth].mean() for readings in networks.values()]
    content: dict[str, Any] = {
        "positive": list(acted_for),
        "thresholds": list(THRESHOLDS),
        "prevalence": float(np.mean(frequencies)),
        **_curves(networks, observed, acted, None),
    }
    if shares is not None and stated is not None:
        share = float(shares[acted].sum())
        content["stated"] = {"prevalence": share, **_curves(networks, stated, acted, shares)}
    return content


def benefits(readings: Readings, acted: npt.NDArray[np.bool_]) -> Floats:
    """Return the benefit of acting on each unit, (n, thresholds), the mean of the replications.

    One where it is rightly acted on, ``-t / (1 - t)`` where needlessly, 0 where not at all.

    Parameters
    ----------
    readings
        Readings with probabilities.
    acted
        Whether one acts for a class, (classes,).
    """
    if readings.probabilities is None:
        raise ValueError("hard labels have no thresholds")
    chance = readings.probabilities[..., acted].sum(-1)
    sent = (chance[..., None] >= np.array(THRESHOLDS)).mean(0)
    return np.asarray(sent * _worth(acted[readings.truth]), dtype=np.float64)


def _worth(has: npt.NDArray[np.bool_]) -> Floats:
    """Return the worth of sending each unit at each threshold, (n, thresholds)."""
    thresholds = np.array(THRESHOLDS)
    return np.where(has[:, None], 1.0, -thresholds / (1 - thresholds))


def _net_benefits(
    networks: Mapping[str, Readings],
    acted: npt.NDArray[np.bool_],
    resamples: Resamples,
    shares: Floats | None,
) -> tuple[Replicates, Replicates | None]:
    """Return net benefits (..., networks + 1, thresholds), those of acting on all units last.

    First as the patients are, then as if the classes had these shares.
    """
    columns, truth = _columns(networks, acted, len(resamples.clusters))
    # A product per class costs no more than one for all, and any prevalence follows from them.
    units = [np.flatnonzero(truth == label) for label in range(len(acted))]
    width = columns.shape[1] * columns.shape[2]
    parts = [columns[rows].reshape(len(rows), width) for rows in units]
    shape = (len(units), *columns.shape[1:])

    def statistic(weights: Weights) -> Floats:
        each = [weights[:, rows] @ part for rows, part in zip(units, parts, strict=True)]
        # (b, classes, networks + 1, thresholds + 1).
        sums = np.stack(each, axis=1).reshape(len(weights), *shape)
        means = [_mean(sums.sum(1))]
        if shares is not None:
            present = shares > 0
            means.append(np.einsum("bkmt,k->bmt", _mean(sums[:, present]), shares[present]))
        return np.stack(means, axis=1).astype(np.float64)

    together = replicate(statistic, resamples)
    first, *rest = [
        Replicates(
            together.value[i], together.drawn[:, i], together.left_out[:, i], together.patients
        )
        for i in range(len(together.value))
    ]
    return first, rest[0] if rest else None


def _columns(
    networks: Mapping[str, Readings], acted: npt.NDArray[np.bool_], units: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Return the worth of acting on each unit, and behind it whether it was read; its class.

    Shape (units, networks + 1, thresholds + 1); the last network acts on all.
    """
    columns = np.zeros((units, len(networks) + 1, len(THRESHOLDS) + 1), dtype=np.float32)
    truth = np.full(units, -1, dtype=np.int64)
    for index, readings in enumerate(networks.values()):
        truth[readings.units] = readings.truth
        columns[readings.units, index, :-1] = benefits(readings, acted)
        columns[readings.units, index, -1] = 1
    read = truth >= 0
    columns[read, -1, :-1] = _worth(acted[truth[read]])
    columns[read, -1, -1] = 1
    return columns, truth


def _mean(sums: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return sums (..., thresholds) over the count behind them; NaN where it is 0."""
    with np.errstate(invalid="ignore"):
        return np.asarray(sums[..., :-1] / sums[..., -1:])


def _curves(
    networks: Mapping[str, Readings],
    replicates: Replicates,
    acted: npt.NDArray[np.bool_],
    shares: Floats | None,
) -> dict[str, Any]:
    value = replicates.value
    # Quantiles along the last axis are several times faster than along the first.
    drawn = np.ascontiguousarray(np.moveaxis(replicates.drawn, 0, -1))
    curves = {}
    for index, (name, readings) in enumerate(networks.items()):
        of_counts = _by_counts(readings, acted, shares)
        net = _band(value[index], drawn[index], of_counts[0])
        gain = _band(value[index] - value[-1], drawn[index] - drawn[-1], of_counts[1])
        curves[name] = {"net_benefit": net, "gain": gain, "useful": _useful(net, gain)}
    of_all = None if shares is not None else _acting_on_all(networks, acted)
    return {"all": _band(value[-1], drawn[-1], of_all), "curves": curves}


def _acting_on_all(
    networks: Mapping[str, Readings], acted: npt.NDArray[np.bool_]
) -> list[Interval]:
    """Return the benefit of acting on all, from the interval of the share of positive patients."""
    most = max(networks.values(), key=lambda readings: len(readings.units))
    has = acted[most.truth][None]
    share = proportion(has, np.ones_like(has), most.clusters)
    ends = np.array([share.value, share.low, share.high])
    odds = [threshold / (1 - threshold) for threshold in THRESHOLDS]
    return [Interval(*(ends - (1 - ends) * each).tolist()) for each in odds]


def _by_counts(
    readings: Readings, acted: npt.NDArray[np.bool_], shares: Floats | None
) -> tuple[list[Interval], list[Interval]]:
    """Return net benefit and gain at each threshold as their counts' own intervals have them.

    The net benefit adds up who is sent, the gain who is spared; both are sums of proportions. At a
    stated prevalence the proportions are of the classes, independent of each other, else of all
    patients, of whom one is not both.
    """
    if readings.probabilities is None:
        raise ValueError("hard labels have no thresholds")
    has, clusters = acted[readings.truth], readings.clusters
    chance = readings.probabilities[..., acted].sum(-1)
    both: tuple[list[Interval], list[Interval]] = ([], [])
    for threshold in THRESHOLDS:
        odds = threshold / (1 - threshold)
        for side, sign, intervals in zip(
            (chance >= threshold, chance < threshold), (1, -1), both, strict=True
        ):
            if shares is None:
                every = np.ones_like(side)
                rightly, needlessly = (
                    proportion(side & whom, every, clusters) for whom in (has, ~has)
                )
                intervals.append(_exclusive(rightly, needlessly, sign, sign * -odds))
                continue
            groups = [
                np.broadcast_to(readings.truth == label, side.shape) for label in range(len(acted))
            ]
            parts = [proportion(side, group, clusters) for group in groups]
            worth = np.where(acted, sign * 1.0, sign * -odds) * shares
            intervals.append(mover.weighted_sum(parts, worth.tolist()))
    return both


def _exclusive(one: Interval, other: Interval, weight: float, against: float) -> Interval:
    """Return a weighted sum of the shares of two groups of whom nobody is in both."""
    odds = (
        one.value / (1 - one.value) * other.value / (1 - other.value)
        if max(one.value, other.value) < 1
        else 0.0
    )
    return mover.weighted_sum([one, other], [weight, against], correlation=-np.sqrt(odds))


def _band(
    value: Floats, drawn: Floats, least: Sequence[Interval] | None = None
) -> dict[str, list[float]]:
    levels = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    # A resample without any patient of a class has no value at a stated prevalence.
    quantile = np.quantile if np.isfinite(drawn).all() else np.nanquantile
    low, high = quantile(drawn, levels, axis=-1)
    if least is not None:
        low = np.fmin(low, [one.low for one in least])
        high = np.fmax(high, [one.high for one in least])
    return {
        "value": value.tolist(),
        "low": np.minimum(low, value).tolist(),
        "high": np.maximum(high, value).tolist(),
    }


def _useful(
    net: Mapping[str, list[float]], gain: Mapping[str, list[float]]
) -> list[tuple[float, float]]:
    """Return first and last threshold of each stretch in which acting on the network is best."""
    good = (np.array(net["low"]) > 0) & (np.array(gain["low"]) > 0)
    steps = np.diff(good.astype(int), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1) - 1
    return [
        (THRESHOLDS[start], THRESHOLDS[end])
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
