"""Areas under ROC curves with DeLong's variance, patients and not images being independent.

The area is the share of pairs of one patient with the class and one without in which the first
has the higher score. DeLong et al. (1988) get its variance from how much each patient adds to it;
Obuchowski (1997) adds up the parts of a patient first, where she has several. What a patient adds
is a vector, so differences between networks and means over classes are differences and means of
vectors, and their variances are sums of squares.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import expit, logit, stdtrit
from scipy.stats import norm, rankdata

from metrascope.arrays import Floats
from metrascope.statistics import mover
from metrascope.statistics.cohort import Readings
from metrascope.statistics.interval import LEVEL, Interval, Z
from metrascope.statistics.limits import FEW_IN_A_CLASS, are_enough
from metrascope.statistics.proportions import wilson


@dataclass(frozen=True)
class Area:
    """An area under the curve, or a difference or mean of some.

    Attributes
    ----------
    value
        Area, 0 to 1, or difference, -1 to 1; NaN where there are too few patients on one of the
        sides (`metrascope.statistics.limits`).
    parts
        Each patient's part of the deviation, (patients,); the sum of squares is the variance.
    fewest
        The smaller of the numbers of patients with and without the class.
    freedom
        Degrees of freedom of the variance (Satterthwaite 1946): few where a class is rare.
    most
        The larger of the two numbers of patients; 0 of a difference or a mean.
    """

    value: float
    parts: Floats
    fewest: int
    freedom: float = np.inf
    most: int = 0

    @property
    def variance(self) -> float:
        """The squared standard error."""
        return float((self.parts**2).sum())

    def __sub__(self, other: "Area") -> "Area":
        fewest = min(self.fewest, other.fewest)
        freedom = min(self.freedom, other.freedom)
        return Area(self.value - other.value, self.parts - other.parts, fewest, freedom)

    def interval(self) -> Interval:
        """Return the interval of an area, from the logit scale so that it stays inside 0 to 1.

        Student's quantile instead of the normal one keeps it honest where a class is rare.
        Where the two sides do not overlap the variance is 0 and says nothing; then the end is
        Wilson's for all of the smaller side's patients. With fewer than ten patients on a side
        either end is no closer than Newcombe's: of six patients and 119 others DeLong's held an
        area of 0.94 in 89 to 91 % of 600 simulated studies, both together in 99 %.
        """
        if np.isnan(self.value):
            return Interval(np.nan, np.nan, np.nan)
        if self.value in (0.0, 1.0) or self.variance == 0:
            bound = wilson(self.value * self.fewest, self.fewest)
            return Interval(self.value, bound.low, bound.high)
        quantile = stdtrit(self.freedom, 0.5 + LEVEL / 2)
        half = quantile * np.sqrt(self.variance) / (self.value * (1 - self.value))
        center = logit(self.value)
        delong = Interval(self.value, float(expit(center - half)), float(expit(center + half)))
        if 0 < self.fewest < FEW_IN_A_CLASS and self.most:
            return mover.hull(delong, _newcombe(self.value, self.fewest, self.most))
        return delong

    def difference_interval(self, other: "Area") -> Interval:
        """Return the interval of this area less another of the same patients, -1 to 1.

        By MOVER from the two areas' own intervals and the correlation that DeLong's parts give
        (Zou & Yue 2013), so that it has a width where two networks read everyone right; and no
        narrower than DeLong's with Student's quantile, the fewer degrees of freedom of the two.
        """
        both = float(np.sqrt(self.variance * other.variance))
        correlation = float((self.parts * other.parts).sum()) / both if both > 0 else 0.0
        pair = [self.interval(), other.interval()]
        of_areas = mover.weighted_sum(pair, [1.0, -1.0], correlation)
        area = self - other
        half = float(stdtrit(area.freedom, 0.5 + LEVEL / 2) * np.sqrt(area.variance))
        delong = Interval(area.value, max(-1.0, area.value - half), min(1.0, area.value + half))
        return mover.hull(of_areas, delong)

    def p_value(self) -> float:
        """Return the two-sided p of a difference being 0; 1 where nothing differs.

        NaN where the areas differ and no patient's part does: that has no variance to test by.
        """
        if np.isnan(self.value):
            return np.nan
        if self.variance == 0:
            return 1.0 if self.value == 0 else np.nan
        return float(2 * norm.sf(abs(self.value) / np.sqrt(self.variance)))


def delong_area(
    scores: Floats, positive: npt.NDArray[np.bool_], clusters: npt.NDArray[np.int64]
) -> Area:
    """Return the area under the ROC curve.

    Parameters
    ----------
    scores
        Probability of the class, (replications, n); the area is the mean of the replications'.
    positive
        Whether a unit has the class, (n,).
    clusters
        Number of its patient, (n,), from 0.
    """
    with_class, without = int(positive.sum()), int((~positive).sum())
    patients = int(clusters.max()) + 1 if len(clusters) else 0
    if not are_enough(positive):
        return Area(np.nan, np.full(patients, np.nan), min(with_class, without))
    placements = np.mean([_placements(row, positive) for row in scores], axis=0)
    value = float(placements[positive].mean())
    deviations = np.empty(len(positive))
    squares = []  # of either side the variance and its degrees of freedom
    for side in (positive, ~positive):
        size = int(side.sum())
        # DeLong divides by size - 1; a single patient tells nothing of her side's spread.
        deviations[side] = (placements[side] - value) / np.sqrt(size * max(size - 1, 1))
        squares.append((float((deviations[side] ** 2).sum()), max(size - 1, 1)))
    parts = np.bincount(clusters, weights=deviations, minlength=patients).astype(np.float64)
    weighted = sum(square**2 / freedom for square, freedom in squares)
    freedom = sum(square for square, _ in squares) ** 2 / weighted if weighted > 0 else np.inf
    sides = sorted((with_class, without))
    return Area(value, parts, sides[0], freedom, sides[1])


def _newcombe(value: float, fewest: int, most: int) -> Interval:
    """Return the interval of the areas whose own variance does not contradict the one found.

    Hanley and McNeil's variance (1982), both numbers of patients in its second part being their
    mean less 1, is taken at the end and not at the estimate, as Wilson's of a share: method 5 of
    Newcombe RG. Stat Med 2006;25:559-573.
    """
    middle = (fewest + most) / 2 - 1

    def distance(end: float) -> float:
        spread = 1 + middle * ((1 - end) / (2 - end) + end / (1 + end))
        return abs(end - value) - Z * float(np.sqrt(end * (1 - end) * spread / (fewest * most)))

    return Interval(value, brentq(distance, 0.0, value), brentq(distance, value, 1.0))


def class_areas(readings: Readings) -> list[Area]:
    """Return the area of each class against the others, in class order."""
    probabilities = readings.probabilities
    if probabilities is None:
        raise ValueError("hard labels have no ROC curve")
    clusters = np.unique(readings.clusters, return_inverse=True)[1].reshape(-1)
    return [
        delong_area(probabilities[:, :, label], readings.truth == label, clusters)
        for label in range(probabilities.shape[2])
    ]


def mean_area(areas: list[Area]) -> Area:
    """Return the mean of the areas of the classes that have patients: the macro AUC.

    Not defined where one of them has too few.
    """
    defined = [one for one in areas if one.fewest > 0]
    few = [one for one in defined or areas if np.isnan(one.value)]
    if few:
        return few[0]
    value = float(np.mean([one.value for one in defined]))
    parts = np.mean([one.parts for one in defined], axis=0)
    # Satterthwaite's again: a class of few patients brings much variance and little freedom.
    variances = np.array([one.variance for one in defined])
    uncertain = sum(one.variance**2 / one.freedom for one in defined)
    freedom = float(variances.sum() ** 2 / uncertain) if uncertain > 0 else np.inf
    return Area(value, parts, min(one.fewest for one in defined), freedom)


def _placements(scores: Floats, positive: npt.NDArray[np.bool_]) -> Floats:
    """Return for each unit the share of the other side that it is ordered rightly to (ties half).

    By ranks, as Sun & Xu (2014): n log n instead of all pairs.
    """
    # A unit's rank among all less that on its side: units of the other side below it.
    ranks = rankdata(scores)
    side_ranks = np.empty(len(scores))
    for side in (positive, ~positive):
        side_ranks[side] = rankdata(scores[side])
    below = ranks - side_ranks
    placements = np.empty(len(scores))
    placements[positive] = below[positive] / (~positive).sum()
    placements[~positive] = 1 - below[~positive] / positive.sum()
    return placements
