"""Can the class be told from the scanner or the centre alone? Then a network may learn that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import chi2_contingency

from metrascope.arrays import Integers

# Largest p value of a warning. Chosen, not measured.
SURE: Final = 0.01

# Smallest Cramér's V of a warning, about a medium effect in Cohen's sense for three classes.
STRONG: Final = 0.2

# Exchanges of the labels: a p of 0.01 is known to 0.002.
_EXCHANGES: Final = 2000
# Expected patients in each cell from which chi-square holds (Cochran 1954).
_LEAST_EXPECTED: Final = 5.0


@dataclass(frozen=True)
class Balance:
    """Classes against the values of a column, counted in patients.

    Attributes
    ----------
    column
        Name of the column, such as ``scanner``.
    counts
        Patients: a row for each value, a column for each class.
    cramers_v
        Strength of the association, 0 to 1, corrected for bias (Bergsma, 2013).
    p
        p of no association: chi-square, or 2,000 random exchanges of the labels where cells are
        expected to hold fewer than five patients.
    guessed
        Mean recall of a reader who sees the column alone and takes the class most typical of
        it, 0 to 1; without association 1 over the number of classes, a little more by chance.
    """

    column: str
    counts: pd.DataFrame
    cramers_v: float
    p: float
    guessed: float

    @property
    def confounded(self) -> bool:
        """Whether the column predicts the class so well that a warning is due."""
        return self.p < SURE and self.cramers_v >= STRONG


def weigh(table: pd.DataFrame, column: str, classes: Sequence[str]) -> Balance | None:
    """Count classes by a column's values; None where fewer than two values are known.

    Parameters
    ----------
    table
        Table of a manifest. A patient with several images of one class and value counts once.
    column
        Name of the column, such as ``scanner``; rows where it is empty are left out.
    classes
        Labels in class order.
    """
    if column not in table:
        return None
    rows = table.loc[table[column] != "", ["patient_id", column, "label"]].drop_duplicates()
    counts = pd.crosstab(rows[column], rows["label"]).reindex(columns=list(classes), fill_value=0)
    cells = counts.to_numpy(np.int64)[:, counts.to_numpy().sum(axis=0) > 0]
    if min(cells.shape) < 2:
        return None
    guessed = float((cells / cells.sum(axis=0)).max(axis=1).sum() / cells.shape[1])
    codes = rows[column].astype("category").cat.codes.to_numpy().astype(np.int64)
    labels = rows["label"].astype("category").cat.codes.to_numpy().astype(np.int64)
    return Balance(column, counts, _cramers_v(cells), _p_value(cells, codes, labels), guessed)


def _cramers_v(cells: Integers) -> float:
    # Bergsma's correction takes from phi² and from both sides of the table what chance gives them.
    n, (rows, columns) = cells.sum(), cells.shape
    phi = float(chi2_contingency(cells, correction=False).statistic) / n
    excess = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1)) if n > 1 else 0.0
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    return float(np.sqrt(excess / least)) if least > 0 else 0.0


def _p_value(cells: Integers, codes: Integers, labels: Integers) -> float:
    test = chi2_contingency(cells, correction=False)
    if float(np.min(test.expected_freq)) >= _LEAST_EXPECTED:
        return float(test.pvalue)
    rng = np.random.default_rng(0)
    width = int(labels.max()) + 1
    size = (int(codes.max()) + 1) * width
    expected = np.bincount(codes * width + labels, minlength=size).astype(float)
    shares = np.outer(np.bincount(codes), np.bincount(labels)).ravel() / len(codes)
    possible = shares > 0

    def statistic(counts: npt.NDArray[np.float64]) -> float:
        return float((np.square(counts - shares)[possible] / shares[possible]).sum())

    least = statistic(expected) - 1e-9
    exchanged = (
        np.bincount(codes * width + rng.permutation(labels), minlength=size).astype(float)
        for _ in range(_EXCHANGES)
    )
    return (1 + sum(statistic(counts) >= least for counts in exchanged)) / (1 + _EXCHANGES)
