"""Is what a network is 80 % sure of so in 80 %? Reliability diagrams and calibration errors.

Each class is a claim that a network makes of every patient, with a probability; that the class it
names is the true one is a further claim (the top label). Claims are sorted into bins of equally
many readings, whose edges are taken from the predictions once and then kept.

Guo C et al. ICML 2017; Nixon J et al. CVPR Workshops 2019; Kumar A et al. NeurIPS 2019.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats
from metrascope.statistics.calibration_error import Bins, error_interval
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import Interval
from metrascope.statistics.proportions import proportion
from metrascope.statistics.temperature import SMALLEST_PROBABILITY

# The customary ten bins, fewer where one would hold fewer than 15 readings: Wilson's interval of a
# share of one half of 15 reaches 23 points either way. Chosen, not measured.
MOST_BINS: Final = 10
PER_BIN: Final = 15
# Cohorts drawn under perfect calibration: p is a multiple of 1/401. Chosen, not measured.
SIMULATIONS: Final = 400
# Steps of 5 % on the axis of a diagram.
HISTOGRAM: Final = 20


@dataclass(frozen=True)
class Claim:
    """Probability that a network states for every unit, and whether it came true.

    Attributes
    ----------
    probability
        Stated probability, (replications, n), in [0, 1].
    outcome
        Whether the claim is true, (replications, n).
    """

    probability: Floats
    outcome: npt.NDArray[np.bool_]


def claims(readings: Readings) -> list[Claim]:
    """Return the claim of each class, in class order, and last that of the top label."""
    probabilities = _probabilities(readings)
    shape = readings.predicted.shape
    each = [
        Claim(probabilities[..., label], np.broadcast_to(readings.truth == label, shape))
        for label in range(readings.classes)
    ]
    top = np.take_along_axis(probabilities, readings.predicted[..., None], axis=2)[..., 0]
    return [*each, Claim(top, readings.predicted == readings.truth)]


def diagram(claim: Claim, clusters: npt.NDArray[np.int64]) -> dict[str, Any]:
    """Return the reliability diagram of a claim, all replications together.

    Parameters
    ----------
    claim
        Claim about n units.
    clusters
        Number of each unit's patient, (n,).

    Returns
    -------
    ``bins``, ascending: ``predicted`` (mean probability), ``observed`` (share that came true,
    with Wilson's interval), ``n`` (readings of one replication); ``histogram``: readings in 20
    equal steps of probability from 0 to 1.
    """
    places, count = _places(claim.probability, bins_for(claim.probability.shape[1]))
    replications = len(claim.probability)
    bins = []
    for number in range(count):
        inside = places == number
        if inside.any():
            bins.append(
                {
                    "predicted": float(claim.probability[inside].mean()),
                    "observed": proportion(claim.outcome, inside, clusters).json(),
                    "n": float(inside.sum() / replications),
                }
            )
    counts, _ = np.histogram(claim.probability, bins=HISTOGRAM, range=(0, 1))
    return {"bins": bins, "histogram": (counts / replications).tolist()}


def bins_for(units: int) -> int:
    """Return how many bins so many units fill with 15 or more each: 2 to 10."""
    return max(2, min(MOST_BINS, units // PER_BIN))


def binned(readings: Readings) -> list[list[Bins]]:
    """Return by replication the bins of each claim, the top label's last.

    The spread of a gap is that of outcomes with the probabilities as stated, or that observed
    between the patients, whichever is wider: the first is too narrow for a network that is too
    sure, the second for a bin in which all outcomes are equal.
    """
    bins = bins_for(len(readings.units))
    return [
        [
            _bins(claim.probability[row], claim.outcome[row], readings.clusters, bins)
            for claim in claims(readings)
        ]
        for row in range(len(readings.seeds))
    ]


def _bins(
    probability: Floats,
    outcome: npt.NDArray[np.bool_],
    clusters: npt.NDArray[np.int64],
    bins: int,
) -> Bins:
    places, count = _places(probability[None], bins)
    # (n, bins), without bins that are empty.
    inside = (places[0][:, None] == np.arange(count)).astype(np.float64)
    inside = inside[:, inside.any(0)]
    sizes = inside.sum(0)
    residual = inside * (probability - outcome)[:, None]
    gaps = residual.sum(0) / sizes
    stated = (probability * (1 - probability)) @ inside
    of_patient = np.zeros((int(clusters.max()) + 1, inside.shape[1]))
    np.add.at(of_patient, clusters, residual - inside * gaps)
    observed = (of_patient**2).sum(0) * sizes / np.maximum(sizes - 1, 1)
    spreads = np.sqrt(np.maximum(stated, observed)) / sizes
    return Bins(sizes / len(probability), gaps, np.maximum(spreads, SMALLEST_PROBABILITY))


def errors_by_replication(readings: Readings) -> Floats:
    """Return the expected calibration errors (replications, classes + 2) of each replication.

    The ECE of a claim is the mean distance between mean probability and observed share of the
    bins, weighted by their sizes: of each class, of the top label, and the mean of the classes
    (classwise ECE).
    """
    each = [[claim.error for claim in row] for row in binned(readings)]
    return _with_mean(np.array(each))


def error_intervals(readings: Readings) -> list[Interval]:
    """Return the same errors with their intervals, the mean of the replications."""
    blocks = binned(readings)
    each = [error_interval(claim) for claim in zip(*blocks, strict=True)]
    return [*each, error_interval([claim for row in blocks for claim in row[:-1]])]


def expected_errors(readings: Readings, seed: int, simulations: int = SIMULATIONS) -> Floats:
    """Return the errors (simulations, classes + 2) of a network that is perfectly calibrated.

    Chance alone parts mean and share, and the ECE adds up distances, so that it is above 0 for
    every network. True classes are drawn from the network's own probabilities (Bröcker & Smith
    2007), one for all replications.

    Parameters
    ----------
    readings
        Readings with probabilities.
    seed
        Seed of the draw.
    simulations
        Number of cohorts to draw.
    """
    rng = np.random.default_rng(seed)
    n = len(readings.units)
    uniform = rng.random((simulations, n), dtype=np.float32)
    probabilities = _probabilities(readings)
    totals = np.zeros((len(probabilities), simulations, readings.classes + 1))
    for probability, predicted, total in zip(
        probabilities, readings.predicted, totals, strict=True
    ):
        # The class whose stretch of [0, 1] the uniform number falls into, (simulations, n).
        cumulative = np.cumsum(probability, axis=1).astype(np.float32)
        drawn = np.zeros(uniform.shape, dtype=np.int8)
        for label in range(readings.classes - 1):
            drawn += uniform >= cumulative[:, label]
        for label in range(readings.classes):
            total[:, label] = _simulated_errors(probability[:, label], drawn == label)
        total[:, -1] = _simulated_errors(probability[np.arange(n), predicted], drawn == predicted)
    return _with_mean(totals.mean(0))


def _simulated_errors(probability: Floats, outcome: npt.NDArray[np.bool_]) -> Floats:
    places, count = _places(probability[None], bins_for(len(probability)))
    inside = (places[0][:, None] == np.arange(count)).astype(np.float32)
    gaps = outcome.astype(np.float32) @ inside - probability @ inside
    return np.asarray(np.abs(gaps).sum(1) / len(probability), dtype=np.float64)


def _places(probability: Floats, count: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return the bin of each reading, and how many bins there are: fewer where many are equal."""
    levels = np.arange(1, count) / count
    edges = np.unique(np.quantile(probability, levels))
    places = np.searchsorted(edges, probability)
    return places.astype(np.int64), len(edges) + 1


def _with_mean(values: npt.NDArray[Any]) -> Floats:
    """Add the mean of the classes behind the errors of the classes and the top label."""
    together = values[:, :-1].mean(1, keepdims=True)
    return np.concatenate([values, together], axis=1, dtype=np.float64)


def _probabilities(readings: Readings) -> Floats:
    if readings.probabilities is None:
        raise ValueError("hard labels are not sure of anything")
    return readings.probabilities
