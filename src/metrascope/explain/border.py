"""How well the border of an image alone predicts its class.

The sector of every evaluated image is blanked, so that only its outline and what lies outside are
left, and a linear classifier predicts the class from the network's features of that. Where the
classes were recorded alike it scores chance. Where it scores more, something outside the patient
goes with the class, whether or not the network makes use of it (DeGrave, Janizek & Lee, Nature
Machine Intelligence 2021).

The classifier is a ridge regression of the classes, cross-validated by patient: its prediction is
linear in the labels, so that a thousand shuffles of them cost a few matrix products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from metrascope.arrays import Floats, GreyImage, Integers, Mask
from metrascope.statistics.interval import Interval
from metrascope.statistics.resampling import Weights, bca, draw_patients, replicate

# Penalty of the ridge regression; features have variance 1 and are divided by the root of their
# number. Fixed beforehand, so that nothing is fitted to the score; chosen, not measured.
PENALTY: Final = 0.1

# Patients in the regression, which compares each with each: of 2,000 the balanced accuracy is
# known to two points.
_MOST_PATIENTS: Final = 2_000
# Fewer where a class has fewer patients. Chosen, not measured.
FOLDS: Final = 5
# With the true labels a thousand, so that p is a multiple of 0.001.
SHUFFLES: Final = 999
# Grey level in place of the sector, between black and white. Chosen, not measured.
_BLANK_LEVEL: Final = 96


def border_only(grey: GreyImage, sectors: Mask) -> GreyImage:
    """Blank the sector of images (n, size, size): its outline and what lies outside stay."""
    return np.where(sectors, np.uint8(_BLANK_LEVEL), grey)


@dataclass(frozen=True)
class Regression:
    """A cross-validated ridge regression of n units, ready for any labels.

    Attributes
    ----------
    hat
        float64, (n, n): the prediction for a unit is its row times the others' outcomes; the row
        is of the regression fitted to the folds without that patient.
    fitted
        bool, (n, n): in each row the units that regression was fitted to.
    """

    hat: Floats
    fitted: npt.NDArray[np.bool_]

    def predict(self, labels: Integers, classes: int) -> Integers:
        """Return the class predicted for each unit from the labels of the others.

        The class whose predicted share exceeds its share among those fitted by the largest factor,
        so that frequent classes are not preferred.

        Parameters
        ----------
        labels
            Class indices, true or shuffled, (..., n).
        classes
            Number of classes.
        """
        # All labels side by side, (n, labels * classes): one product with a matrix of n x n, where
        # a product for each of a thousand shuffles would read that matrix a thousand times.
        outcome = np.moveaxis(np.eye(classes)[labels], -2, 0)
        columns = outcome.reshape(len(outcome), -1)
        # Rows are sorted as bytes of eight: a tenth of the time.
        packed = np.packbits(self.fitted, axis=1)
        _, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
        groups = self.fitted[first]
        # Class shares among the units of each fold's regression, (n, labels * classes).
        share = (groups @ columns / groups.sum(1)[:, None])[group.ravel()]
        # The hat's rows need centered outcomes; centering distributes over the sum.
        fitted = self.hat @ columns - self.hat.sum(1)[:, None] * share + share
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = np.where(share > 0, fitted / share, -np.inf).reshape(outcome.shape)
        return np.asarray(np.moveaxis(factor.argmax(-1), 0, -1), dtype=np.int64)


def regress(
    features: npt.NDArray[np.floating], labels: Integers, patients: Sequence[str]
) -> Regression:
    """Prepare the cross-validated ridge regression of classes on the features of borders.

    Parameters
    ----------
    features
        Features of the network, (n, d).
    labels
        Class indices, (n,).
    patients
        Patient of each row, (n,): rows of one patient stay in one fold.
    """
    values = np.asarray(features, dtype=np.float64)
    n = len(values)
    hat, fitted = np.zeros((n, n)), np.zeros((n, n), dtype=bool)
    for train, test in _folds(tuple(np.asarray(labels).tolist()), tuple(patients)):
        mean, deviation = values[train].mean(0), values[train].std(0)
        # A feature that is the same in all training rows says nothing and becomes 0.
        scaled = (values - mean) / np.where(deviation > 1e-9, deviation, np.inf)
        scaled /= np.sqrt(max(1, (deviation > 1e-9).sum()))
        # The dual form: n x n, where the primal would be d x d with d up to 4096. Of an array and
        # itself NumPy computes half of the product and mirrors it.
        fit_to = scaled[train]
        kernel = fit_to @ fit_to.T + PENALTY * np.eye(len(train))
        hat[np.ix_(test, train)] = np.linalg.solve(kernel, fit_to @ scaled[test].T).T
        fitted[np.ix_(test, train)] = True
    return Regression(hat, fitted)


@lru_cache(maxsize=2)
def _folds(labels: tuple[int, ...], patients: tuple[str, ...]) -> list[tuple[Integers, Integers]]:
    """Return the folds, drawn once for all networks of the same patients."""
    groups = np.unique(np.asarray(patients, dtype=str), return_inverse=True)[1]
    rarest = int(np.unique(labels, return_counts=True)[1].min())
    folds = min(FOLDS, max(2, rarest), len(np.unique(groups)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=0)
    return list(splitter.split(np.zeros(len(labels)), labels, groups))


def border_numbers(runs: Sequence[pd.DataFrame], classes: int) -> dict[str, Any]:
    """Return how well the border predicts the class, for ``metrics.json``.

    The balanced accuracy (mean recall of the classes), with a BCa interval over patients; the
    range in which 95 % of shuffles of the labels among the units fall; and the share of shuffles
    that score at least as much, counting the labels as they are (one-sided p). Shuffles are the
    same in all runs, so that folds and seeds of the same patients do not count as more.

    Parameters
    ----------
    runs
        Evaluated images of each run: ``patient_id``, ``label`` (class index), and the features,
        one column each. A patient's images of one class are averaged to one unit. Of more than
        2,000 patients 2,000 are drawn.
    classes
        Number of classes.

    Returns
    -------
    ``balanced_accuracy``, ``chance``, ``p`` and ``patients``; empty where a run has fewer than two
    patients of a class, or a class has none.
    """
    keys = ["patient_id", "label"]
    tables = [run.groupby(keys, sort=True).mean() for run in _sample_patients(runs)]
    counts = [table.index.get_level_values("label").value_counts() for table in tables]
    if not tables or any(len(count) < classes or count.min() < 2 for count in counts):
        return {}
    units = pd.MultiIndex.from_tuples(sorted(set().union(*(table.index for table in tables))))
    true = units.get_level_values(1).to_numpy(np.int64)
    rng = np.random.default_rng(0)
    labels = np.stack([true, *(rng.permutation(true) for _ in range(SHUFFLES))])
    # (1 + shuffles, units): the true labels first, then each shuffle; counts over the runs.
    right, readings = np.zeros((2, *labels.shape))
    for table in tables:
        rows = units.get_indexer(table.index)
        run_labels = labels[:, rows]
        patients = table.index.get_level_values(0).astype(str).tolist()
        regression = regress(table.to_numpy(np.float64), run_labels[0], patients)
        right[:, rows] += regression.predict(run_labels, classes) == run_labels
        readings[:, rows] += 1
    right /= np.maximum(readings, 1)
    scores = np.stack([(right * (labels == k)).sum(1) / (true == k).sum() for k in range(classes)])
    score, shuffled = float(scores[:, 0].mean()), scores[:, 1:].mean(0)
    low, high = np.quantile(shuffled, [0.025, 0.975])  # the middle 95 %
    interval = _interval(right[0], true, units.get_level_values(0), classes)
    return {
        "balanced_accuracy": interval.json(),
        "chance": Interval(1 / classes, float(low), float(high)).json(),
        "p": {"value": float((1 + (shuffled >= score - 1e-12).sum()) / (1 + SHUFFLES))},
        "patients": int(units.get_level_values(0).nunique()),
    }


def _sample_patients(runs: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Return the rows of at most `_MOST_PATIENTS` patients, the same in all runs."""
    patients = sorted({str(name) for run in runs for name in run["patient_id"]})
    if len(patients) <= _MOST_PATIENTS:
        return list(runs)
    drawn = set(np.random.default_rng(0).choice(patients, _MOST_PATIENTS, replace=False).tolist())
    return [run[run["patient_id"].isin(drawn)] for run in runs]


def _interval(right: Floats, labels: Integers, patients: pd.Index, classes: int) -> Interval:
    """Return the balanced accuracy, its interval from resampled patients."""
    outcome = np.eye(classes)[labels].astype(np.float32)  # (units, classes)
    hits = outcome * right[:, None].astype(np.float32)

    def statistic(weights: Weights) -> Floats:
        with np.errstate(invalid="ignore"):
            recalls = (weights @ hits) / (weights @ outcome)
        return np.asarray(recalls.mean(1, dtype=np.float64))

    replicates = replicate(statistic, draw_patients(patients.to_numpy()))
    low, high = bca(replicates)
    return Interval(float(replicates.value), float(low), float(high))
