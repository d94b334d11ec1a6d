"""From how few patients a number is given, and when it has no value at all.

A number that some patients cannot tell is null in ``metrics.json`` and a dash in every table. The
limits are where the interval still held the truth in about 93 of 100 simulated studies
(docs/statistics.md).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from metrascope.statistics.cohort import Readings

ON_A_SIDE: Final = 5
"""Patients with and patients without a class that its area, average precision and intercept need.
DeLong's interval of an area of 0.7 to 0.85 held it in 88 % of the studies with two, in 92 %
with three or four."""

FOR_A_SLOPE: Final = 10
"""Patients with and patients without a class that its calibration slope needs: with six patients
the sandwich held it in 73 to 89 % of the studies."""

ALTOGETHER: Final = 10
"""Patients that a mean of losses, a calibration error and a required number of patients need. The
bootstrap held a Brier score in 72 % of the studies of five patients, in 88 to 92 % of eight to
ten."""

FEW_IN_A_CLASS: Final = 10
"""Patients of a class below which the report says that its numbers are rough."""

FEW_MISREAD: Final = 5
"""Misread patients below which a bootstrap of losses knows too little of how large they get."""

ALIKE: Final = 0.001
"""Spread of a class's probabilities within which a network says the same of everyone, so that no
slope can be fitted: a tenth of a percentage point."""


def patient_count(readings: Readings) -> int:
    """Return how many patients a network read."""
    return len(np.unique(readings.clusters))


def are_enough(positive: npt.NDArray[np.bool_], least: int = ON_A_SIDE) -> bool:
    """Whether there are enough units with a class, and enough without."""
    return min(int(positive.sum()), int((~positive).sum())) >= least
