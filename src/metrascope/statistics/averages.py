"""Averages over patients of measurements on their images, with intervals."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.arrays import Floats
from metrascope.statistics.interval import Interval
from metrascope.statistics.limits import ALTOGETHER
from metrascope.statistics.resampling import Weights, bca, draw_patients, replicate


def averages(
    values: npt.ArrayLike, patients: npt.ArrayLike, low: float = 0.0, high: float = 1.0
) -> list[Interval]:
    """Average columns of numbers over patients, each patient's rows first.

    Rows of one patient (her images, the folds and seeds that read them) are averaged before
    anything else, so that they count as one and are drawn as one. The intervals are BCa, of
    10,000 draws of patients; of fewer than `ALTOGETHER` patients no average has one, since a
    bootstrap of few holds a mean too seldom.

    Parameters
    ----------
    values
        Measurements, (n, m); NaN where a number is not defined for a row.
    patients
        Patient of each row, (n,).
    low, high
        Bounds of the numbers.

    Returns
    -------
    One interval for each column; NaN where no row has a number, and for ends that few cannot tell.
    """
    table = pd.DataFrame(np.asarray(values, dtype=np.float64))
    means = table.groupby(np.asarray(patients).astype(str)).mean().to_numpy(np.float64)
    if not len(means):
        return [Interval(np.nan, np.nan, np.nan)] * table.shape[1]
    resamples = draw_patients(np.arange(len(means)))
    replicates = replicate(lambda weights: _means(means, weights), resamples)
    few = (~np.isnan(means)).sum(0) < ALTOGETHER
    lows, highs = (np.where(few, np.nan, ends) for ends in bca(replicates, low, high))
    numbers = zip(replicates.value, lows, highs, strict=True)
    return [Interval(*map(float, ends)) for ends in numbers]


def _means(values: Floats, weights: Weights) -> Floats:
    defined = ~np.isnan(values)
    sums = weights @ np.where(defined, values, 0)
    # Whole numbers, whose sum is exact in any order.
    counts = (
        weights.sum(1, keepdims=True, dtype=np.float64)
        if defined.all()
        else weights @ defined.astype(np.float64)
    )
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / counts, dtype=np.float64)
