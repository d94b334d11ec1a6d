"""Bootstrap by patient: every statistic as a function of how often each patient was drawn.

A statistic takes weights, one row per resample, and returns one row of values each. The estimate
(every weight one), the jackknife (one patient's weights zero) and the bootstrap (whole counts)
are then the same code, and ten thousand resamples are a few matrix products.

The cost is in proportion to the number of patients, and memory does not grow with it: the jackknife
of more than `MOST_LEFT_OUT` leaves out groups, and the table of counts of very many is on disk.
"""

import mmap
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtrit

from metrascope.arrays import Floats
from metrascope.files.atomic import cannot_write
from metrascope.statistics.interval import LEVEL, Z

Weights = npt.NDArray[np.float32]
Counts = npt.NDArray[np.uint8]
Statistic = Callable[[Weights], Floats]
"""Weights (b, n) to values (b, ...); NaN where a value is not defined for a resample."""

# Resamples: they leave the end of an interval open by twenty thousandths of a standard error.
REPLICATES: Final = 10_000
# Patients that the jackknife leaves out one by one; of more it leaves out as many groups. The
# jackknife serves the acceleration alone, a skewness of sums, to which groups drawn at random
# contribute what their patients do. It is found to 0.4 / 2000 then, which moves the end of an
# interval by a thousandth of a standard error.
MOST_LEFT_OUT: Final = 2_000
# Weights at a time, 16 MB of float32, so that a product's input stays small. Chosen, not measured.
_WEIGHTS_AT_ONCE: Final = 4_000_000
# Resamples at a time that make up for a call per patient. Chosen, not measured.
_LONG_ROW: Final = 1000
# Bytes of counts at a time where a statistic goes through the patients one by one, and bytes beyond
# which all counts are kept in a file: 26,843 patients. Chosen, not measured.
_WIDEST: Final = 2**28
_IN_MEMORY: Final = 2**28


@dataclass(frozen=True)
class Resamples:
    """How often each patient was drawn in each resample.

    Attributes
    ----------
    clusters
        Number of each unit's patient, (n,), from 0.
    counts
        Draws of each patient, uint8, (replicates, patients); a row adds up to the patients.
    """

    clusters: npt.NDArray[np.int64]
    counts: Counts

    @property
    def patients(self) -> int:
        """Number of patients."""
        return int(self.counts.shape[1])

    def drawn(self) -> Iterator[Weights]:
        """Yield the weights of the bootstrap, (b, n) each."""
        return (counts.astype(np.float32) for counts in self.counted(self._step()))

    def left_out(self) -> Iterator[Weights]:
        """Yield the weights of the jackknife, one row for each patient or group left out."""
        return (counts.astype(np.float32) for counts in self.counted_out(self._step()))

    def counted(self, rows: int) -> Iterator[Counts]:
        """Yield the weights of the bootstrap as whole numbers, so many rows at a time."""
        # Taking columns is slow, and needless where every patient is one unit.
        single = np.array_equal(self.clusters, np.arange(self.patients))
        for start in range(0, len(self.counts), rows):
            # (rows, patients) to (rows, n): a patient's units are drawn together.
            counts = self.counts[start : start + rows]
            yield counts if single else counts[:, self.clusters]
            _release_memory(self.counts, start, rows)

    def counted_out(self, rows: int) -> Iterator[Counts]:
        """Yield the weights of the jackknife as whole numbers, so many rows at a time."""
        count, groups = min(self.patients, MOST_LEFT_OUT), self.clusters
        if count < self.patients:  # at random: names go by centre, and patients by name
            groups = np.random.default_rng(0).permutation(self.patients)[groups] % count
        for start in range(0, count, rows):
            without = np.arange(start, min(start + rows, count))
            # (rows, n): every unit once, but for the patient's or group's that the row leaves out.
            yield (groups != without[:, None]).view(np.uint8)

    def _step(self) -> int:
        return max(1, _WEIGHTS_AT_ONCE // max(1, len(self.clusters)))


@dataclass(frozen=True)
class Replicates:
    """A statistic's estimate, and its values in the bootstrap and the jackknife.

    Attributes
    ----------
    value
        Estimate from all patients, (...).
    drawn
        Values in the bootstrap, (replicates, ...).
    left_out
        Values in the jackknife, (patients or groups of them, ...).
    patients
        Number of patients.
    """

    value: Floats
    drawn: Floats
    left_out: Floats
    patients: int

    def map(self, function: Callable[[Floats], Floats]) -> "Replicates":
        """Return the replicates of a function of the values, (b, ...) to (b, ...)."""
        value = function(self.value[None])[0]
        return Replicates(value, function(self.drawn), function(self.left_out), self.patients)


def draw_patients(
    clusters: npt.ArrayLike, *, replicates: int = REPLICATES, seed: int = 0
) -> Resamples:
    """Draw patients with replacement, as many as there are, a patient's units together.

    Parameters
    ----------
    clusters
        Name or number of each unit's patient, (n,).
    replicates
        Number of resamples.
    seed
        Seed of the draw.
    """
    names, numbers = np.unique(np.asarray(clusters), return_inverse=True)
    counts = _counts(len(names), replicates, seed)
    return Resamples(numbers.reshape(-1).astype(np.int64), counts)


@lru_cache(maxsize=4)
def _counts(patients: int, replicates: int, seed: int) -> Counts:
    """Return how often each patient is drawn; kept, since most statistics are of the same ones."""
    rng = np.random.default_rng(seed)
    rows = (
        # One of n is drawn about once in n draws, and never 256 times.
        np.bincount(rng.integers(0, patients, patients), minlength=patients).astype(np.uint8)
        for _ in range(replicates)
    )
    if patients * replicates > _IN_MEMORY:
        return _keep_in_file(rows, (replicates, patients))
    table = np.empty((replicates, patients), dtype=np.uint8)
    for row, counts in zip(table, rows, strict=True):
        row[:] = counts
    table.flags.writeable = False
    return table


def _keep_in_file(rows: Iterator[Counts], shape: tuple[int, int]) -> "np.memmap":
    """Keep rows in a nameless file, which goes when the table does, and return them mapped."""
    try:
        with tempfile.TemporaryFile() as file:
            for row in rows:
                file.write(row.tobytes())
            file.flush()
            return np.memmap(file, np.uint8, "r", shape=shape)
    except OSError as error:
        raise cannot_write(tempfile.gettempdir(), error) from error


def select_units(weights: Weights, units: npt.NDArray[np.int64]) -> Weights:
    """Return the columns of these units (ascending), without a copy where they are all."""
    return weights if len(units) == weights.shape[1] else weights[:, units]


def replicate(statistic: Statistic, resamples: Resamples) -> Replicates:
    """Compute a statistic for all patients, every resample and every patient left out."""
    everyone = np.ones((1, len(resamples.clusters)), dtype=np.float32)
    return Replicates(
        np.asarray(statistic(everyone), dtype=np.float64)[0],
        np.concatenate([statistic(weights) for weights in resamples.drawn()]),
        np.concatenate([statistic(weights) for weights in resamples.left_out()]),
        resamples.patients,
    )


def _release_memory(counts: Counts, start: int, rows: int) -> None:
    """Give the memory back that rows of a file take; the system may read them again.

    Left alone, the whole file counts as memory of this process: 5 GB of half a million patients.
    """
    mapped = getattr(counts, "_mmap", None)
    if mapped is not None and hasattr(mapped, "madvise"):
        size = counts.strides[0]
        first = start * size - start * size % mmap.PAGESIZE
        mapped.madvise(mmap.MADV_DONTNEED, first, min((start + rows) * size, len(mapped)) - first)


def replicate_by_patient(statistic: Callable[[Counts], Floats], resamples: Resamples) -> Replicates:
    """Do as `replicate` for a statistic that goes through the patients one by one.

    It takes counts (n, b), a row per patient, and is quick where rows are long, whatever n: each
    row is a call.
    """
    everyone = np.ones((len(resamples.clusters), 1), dtype=np.uint8)
    units = max(1, len(resamples.clusters))
    rows = max(resamples._step(), min(_LONG_ROW, _WIDEST // units), 1)

    def values(chunks: Iterator[Counts]) -> Floats:
        # (rows, n) to (n, rows): a patient's counts in all resamples lie side by side.
        return np.concatenate([statistic(np.ascontiguousarray(each.T)) for each in chunks])

    return Replicates(
        np.asarray(statistic(everyone), dtype=np.float64)[0],
        values(resamples.counted(rows)),
        values(resamples.counted_out(rows)),
        resamples.patients,
    )


def student_quantile(patients: int) -> float:
    """Return the quantile that widens a 95 % interval for the number of patients.

    Student's, times the root of n / (n - 1), which the bootstrap's variance lacks (Hesterberg
    2015): 2.08 of 30 patients, 1.99 of 125.
    """
    if patients < 2:
        return Z
    scale = np.sqrt(patients / (patients - 1))
    return float(stdtrit(patients - 1, 0.5 + LEVEL / 2) * scale)


def bca(
    replicates: Replicates, low: float = 0.0, high: float = 1.0, *, smooth: bool = False
) -> tuple[Floats, Floats]:
    """Return the ends of the BCa intervals (Efron 1987; Efron & Tibshirani 1993, 14.3).

    Resamples for which a statistic is not defined are left out. Where all resamples agree, as
    where no patient is misread, the bootstrap says nothing; Wilson's interval for n of n patients
    does.

    Parameters
    ----------
    replicates
        Estimates (...) with their values in the bootstrap and the jackknife.
    low, high
        Bounds of the statistic; infinite where it has none.
    smooth
        Whether values are continuous, such as a mean loss: the levels are moved outward for the
        number of patients (Hesterberg 2015), without which the interval of a few is too narrow.
        Statistics of counts are wide enough by their steps.

    Returns
    -------
    Lower and upper ends, (...) each, within the bounds and on either side of the estimate; NaN
    where the estimate is.
    """
    shape = replicates.value.shape
    value = replicates.value.reshape(-1)
    drawn = replicates.drawn.reshape(len(replicates.drawn), -1)
    left_out = replicates.left_out.reshape(len(replicates.left_out), -1)
    lows, highs = np.full(value.size, np.nan), np.full(value.size, np.nan)
    quantile = student_quantile(replicates.patients) if smooth else Z
    for index in range(value.size):
        if np.isfinite(value[index]):
            if _all_equal(value[index], drawn[:, index]):
                ends = _ends_by_wilson(value[index], replicates.patients, (low, high))
            else:
                series = drawn[:, index], left_out[:, index]
                ends = _ends(value[index], *series, (low, high), quantile)
            lows[index], highs[index] = ends
    return lows.reshape(shape), highs.reshape(shape)


def _all_equal(value: float, drawn: Floats) -> bool:
    """Tell whether all resamples have one value, but for rounding."""
    drawn = drawn[np.isfinite(drawn)]
    return not len(drawn) or bool(drawn.max() - drawn.min() <= 1e-9 * max(1.0, abs(value)))


def _ends(
    value: float,
    drawn: Floats,
    left_out: Floats,
    bounds: tuple[float, float],
    quantile: float,
) -> tuple[float, float]:
    """Return the BCa ends of one number from its values in bootstrap and jackknife.

    In the letters of Efron & Tibshirani: z0 is ``bias``, a ``_acceleration``, and an end is the
    quantile of the resamples at Φ(z0 + (z0 ± z) / (1 - a (z0 ± z))).
    """
    drawn = drawn[np.isfinite(drawn)]
    # The share of resamples below the estimate, ties half: counts make many ties.
    below = ((drawn < value).mean() + (drawn <= value).mean()) / 2
    # With the estimate outside all resamples the correction has no limit; half a resample is as
    # near to 0 and 1 as the draw can tell.
    bias = ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    shifted = bias + quantile * np.array([-1.0, 1.0])
    levels = ndtr(bias + shifted / (1 - _acceleration(left_out) * shifted))
    # Sorted and held around the estimate: a strong acceleration can turn the two levels about.
    low, high = np.quantile(drawn, np.sort(levels))
    low, high = min(low, value), max(high, value)
    return float(np.clip(low, *bounds)), float(np.clip(high, *bounds))


def _acceleration(left_out: Floats) -> float:
    """Return a sixth of the skewness of the jackknife's deviations (Efron & Tibshirani, 14.15)."""
    left_out = left_out[np.isfinite(left_out)]
    if len(left_out) < 2:
        return 0.0
    deviations = left_out.mean() - left_out
    squares = float((deviations**2).sum())
    return float((deviations**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0


def _ends_by_wilson(
    value: float, patients: int, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Return ends where patients are too much alike for a resample to move the value.

    As many may be otherwise as Wilson's interval for none of n patients allows, and be so as far
    as the statistic's bounds.
    """
    share = Z**2 / (patients + Z**2)
    low, high = (value + share * (bound - value) for bound in bounds)
    return low if np.isfinite(low) else value, high if np.isfinite(high) else value
