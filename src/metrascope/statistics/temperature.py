"""Temperature scaling: one number that makes probabilities as sure as they should be.

Guo C, Pleiss G, Sun Y, Weinberger KQ. On calibration of modern neural networks. ICML 2017.

Their maximum of the likelihood is not there where all validation patients are read right: the
sharper, the likelier, and a new case would be called with p = 1.000000. So 1 / T has a prior
around 1, which fades as patients come.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax

from metrascope.arrays import Floats

# Bounds of the search, far outside what the prior allows; chosen, not measured.
LOWEST: Final = 0.05
HIGHEST: Final = 20.0
# Weight of the prior, in patients: near T = 1 that of a normal one of log T with a deviation of
# 1 / √4 = 0.5, so that 0.37 to 2.7 are ordinary temperatures. Of 1, 2, 4, 8 and 16 it lost least
# where it lost most (`benchmarks/temperature.py`).
PRIOR: Final = 4.0
# Probabilities are written with eight decimals: one that reads 0 is below this.
SMALLEST_PROBABILITY: Final = 0.5e-8


def fit_temperature(
    logits: npt.ArrayLike,
    truth: npt.ArrayLike,
    *,
    patients: int | None = None,
    prior: float = PRIOR,
) -> float:
    """Return the temperature of the highest posterior density.

    With b = 1 / T the loss is ``patients * (mean negative log-likelihood) + prior * (b - log b)``:
    the latter is a gamma prior of b, whose mode is 1. Both parts are convex in b, so that the one
    zero of the slope is found by Brent's method. The prior is steeper on the side of T < 1, which
    makes a network surer than it was trained to be.

    Parameters
    ----------
    logits
        Logits of the validation partition, (n, classes), finite; log-probabilities do as well.
    truth
        Class index of each row, (n,).
    patients
        Number of patients that the rows are from: ten images of a patient tell no more about new
        patients than one does. None where each row is a patient.
    prior
        Weight of the prior, in patients; 0 for the maximum of the likelihood, which may not exist:
        then the bound is returned.

    Returns
    -------
    Temperature between 0.05 and 20; 1 where there is no row.

    Raises
    ------
    ValueError
        If the shapes do not belong together, or a logit is not finite.
    """
    values, classes = np.asarray(logits, dtype=np.float64), np.asarray(truth, dtype=np.int64)
    if values.ndim != 2 or classes.shape != values.shape[:1]:
        raise ValueError(f"logits {values.shape} and truth {classes.shape} do not belong together")
    if not np.isfinite(values).all():
        raise ValueError("a logit is not finite")
    if not len(classes):
        return 1.0
    mean_of_truth = float(np.take_along_axis(values, classes[:, None], axis=1).mean())
    weight = prior / (len(classes) if patients is None else patients)

    def slope(inverse: float) -> float:
        expected = (softmax(inverse * values, axis=1) * values).sum(axis=1)
        return float(expected.mean()) - mean_of_truth + weight * (1 - 1 / inverse)

    low, high = 1 / HIGHEST, 1 / LOWEST
    if slope(low) >= 0:
        return HIGHEST
    if slope(high) <= 0:
        return LOWEST
    return float(1 / brentq(slope, low, high, xtol=1e-12, rtol=1e-12))


def apply_temperature(probabilities: npt.ArrayLike, temperature: float) -> Floats:
    """Return the probabilities that the same logits give at a temperature.

    Parameters
    ----------
    probabilities
        Probabilities as in ``predictions.csv``, (n, classes), in [0, 1]; zeros count as half of
        its last digit.
    temperature
        Temperature above 0; 1 changes nothing but the zeros.

    Returns
    -------
    float64, (n, classes), rows adding up to 1. The order of the classes stays.
    """
    positive = np.maximum(np.asarray(probabilities, dtype=np.float64), SMALLEST_PROBABILITY)
    scaled: Floats = np.exp(log_softmax(np.log(positive) / temperature, axis=1))
    return scaled
