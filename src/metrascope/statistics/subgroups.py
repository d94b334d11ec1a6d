"""Each network's performance by scanner, centre, age and other attributes of the images.

Subgroups are described, not ranked: each has its numbers with intervals, and each attribute one
test for all its subgroups together, corrected for the number of attributes and networks.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.arrays import Floats, Integers
from metrascope.statistics import mover
from metrascope.statistics.attributes import UNKNOWN
from metrascope.statistics.cohort import Cohort, Readings
from metrascope.statistics.comparison import holm
from metrascope.statistics.interval import Interval
from metrascope.statistics.proportions import proportion
from metrascope.statistics.questions import binary_performance, collapses
from metrascope.statistics.resampling import Resamples, Weights, bca, replicate
from metrascope.statistics.shares import class_shares
from metrascope.statistics.subgroup_test import detectable, patient_strata, spread_test
from metrascope.statistics.totals import around

# Of 20 an accuracy of 80 % has Wilson's interval from 58 to 92 %. Chosen, not measured.
FEWEST_PATIENTS: Final = 20
_SEED: Final = 0


def subgroups(
    people: Cohort, attributes: pd.DataFrame, resamples: Resamples, *, fewest: int = FEWEST_PATIENTS
) -> dict[str, Any]:
    """Return the numbers of every subgroup of every attribute.

    A patient belongs to the subgroup of most of her images; where two are as frequent, to the
    first by name. Patients of whom an attribute is unknown are in none of its subgroups.

    Parameters
    ----------
    people
        Patients that all networks read (`Cohort.common`).
    attributes
        As `metrascope.statistics.attributes` returns them; images that it lacks are unknown.
    resamples
        Resamples of the cohort's units.
    fewest
        Patients that a subgroup needs for numbers and test; of smaller ones only the size is given.

    Returns
    -------
    ``fewest``, ``overall`` (by network) and ``attributes``, a list with ``name``, ``groups`` and
    ``tests``. A group has ``name``, ``patients``, ``counts`` by class and, where it is large
    enough, by network ``accuracy``, ``expected`` (accuracy at its mix of classes if the subgroup
    did not matter), ``macro_f1`` (where it has all classes), and of lesion against normal ``auc``,
    ``sensitivity`` and ``specificity``. A test has by network ``p`` and ``p_holm``, and
    ``detectable``: the difference that the test would have shown. Subgroups of lesion size hold no
    normal patients and so no specificity.
    """
    common = next(iter(people.readings.values()))
    table = people.table.iloc[common.units]
    units = {str(name): _groups(common, _values(table, attributes[name])) for name in attributes}
    units = {name: groups for name, groups in units.items() if groups}
    large = {
        (name, value): rows
        for name, groups in units.items()
        for value, rows in groups.items()
        if _patients(common, rows) >= fewest
    }
    everyone = np.arange(len(table))
    overall, *each = _numbers(people, resamples, [everyone, *large.values()])
    numbers = dict(zip(large, each, strict=True))
    entries = [
        {
            "name": name,
            "groups": [
                _group(people, value, rows) | numbers.get((name, value), {})
                for value, rows in groups.items()
            ],
            "tests": _tests(people, [rows for (of, _), rows in large.items() if of == name]),
        }
        for name, groups in units.items()
    ]
    _correct(entries)
    return {"fewest": fewest, "overall": overall["networks"], "attributes": entries}


def _values(table: pd.DataFrame, column: "pd.Series[Any]") -> list[str]:
    """Return the value of each unit: that of most of her patient's images."""
    images = table.assign(image=table["images"].str.split(r" \| ", regex=True)).explode("image")
    values = images["image"].map(column[~column.index.duplicated()]).fillna(UNKNOWN)
    pairs = pd.DataFrame({"patient": images["patient_id"], "value": values.astype(str)})
    pairs = pairs[pairs["value"] != UNKNOWN]
    counts = pairs.groupby(["patient", "value"], sort=True).size().reset_index(name="images")
    counts = counts.sort_values(["images", "value"], ascending=[False, True], kind="stable")
    most = counts.drop_duplicates("patient").set_index("patient")["value"]
    return table["patient_id"].map(most).fillna(UNKNOWN).tolist()


def _groups(common: Readings, values: Sequence[str]) -> dict[str, Integers]:
    """Return the units of each subgroup, in the order of names, ``<30`` before ``30-39``."""
    of_units = np.array(values, dtype=object)
    names = sorted(set(values) - {UNKNOWN}, key=lambda name: (not name.startswith("<"), name))
    return {name: np.flatnonzero(of_units == name) for name in names}


def _patients(common: Readings, rows: Integers) -> int:
    return len(np.unique(common.clusters[rows]))


def _group(people: Cohort, name: str, rows: Integers) -> dict[str, Any]:
    common = next(iter(people.readings.values()))
    counts = np.bincount(common.truth[rows], minlength=common.classes).tolist()
    return {
        "name": name,
        "patients": _patients(common, rows),
        "counts": dict(zip(people.classes, counts, strict=True)),
    }


def _numbers(
    people: Cohort, resamples: Resamples, sets: Sequence[Integers]
) -> list[dict[str, Any]]:
    """Return for each set of units the numbers of each network."""
    questions = collapses(people.classes)
    scores = macro_f1(list(people.readings.values()), resamples, sets)
    expected = [_class_accuracy(readings) for readings in people.readings.values()]
    numbers: list[dict[str, Any]] = []
    for rows, of_set in zip(sets, scores, strict=True):
        one = {}
        for index, (name, readings) in enumerate(people.readings.items()):
            part = readings.of(readings.units[rows])
            right = part.predicted == part.truth
            one[name] = {
                "accuracy": proportion(right, np.ones_like(right), part.clusters).json(),
                "expected": float(expected[index][part.truth].mean()),
                **({"macro_f1": _no_narrower(of_set[index], part).json()} if of_set else {}),
                **(binary_performance(part, questions[0]) if questions else {}),
            }
        numbers.append({"networks": one})
    return numbers


def _no_narrower(macro_f1: Interval, part: Readings) -> Interval:
    """Return the bootstrap's interval, no narrower than the classes' own make it."""
    of_classes = mover.mean_interval([one["f1"] for one in class_shares(part)])
    return mover.hull(macro_f1, around(macro_f1.value, of_classes))


def _class_accuracy(readings: Readings) -> Floats:
    """Return the share of right readings of each class, 0 where it has no patient."""
    right = (readings.predicted == readings.truth).mean(0)
    sums = np.bincount(readings.truth, weights=right, minlength=readings.classes)
    counts = np.bincount(readings.truth, minlength=readings.classes)
    return np.asarray(sums / np.maximum(counts, 1), dtype=np.float64)


def macro_f1(
    networks: Sequence[Readings], resamples: Resamples, sets: Sequence[Integers]
) -> list[list[Interval]]:
    """Return the macro F1 of each network in each set of units, from one pass over the resamples.

    Parameters
    ----------
    networks
        Readings of the networks, all of the same units.
    resamples
        Resamples of the cohort's units.
    sets
        Rows of the readings, one array for each set.

    Returns
    -------
    Intervals by set and network; an empty list for a set that lacks a class.
    """
    classes = networks[0].classes
    complete = [len(np.unique(networks[0].truth[rows])) == classes for rows in sets]
    parts = [
        (networks[0].units[rows], _indicators(networks, rows))
        for rows, has_all in zip(sets, complete, strict=True)
        if has_all
    ]
    ends = np.cumsum([0, *(len(readings.seeds) for readings in networks)]).tolist()

    def statistic(weights: Weights) -> Floats:
        # Taking rows of the transpose is several times faster than taking columns.
        by_unit = np.ascontiguousarray(weights.T)
        scores = [
            _scores((columns @ by_unit[units]).reshape(-1, classes, len(weights)), ends)
            for units, columns in parts
        ]
        return np.stack(scores).transpose(2, 0, 1).astype(np.float64)

    if not parts:
        return [[] for _ in sets]
    replicates = replicate(statistic, resamples)
    ends_of = np.stack([replicates.value, *bca(replicates)], axis=-1).tolist()
    intervals = iter([[Interval(*three) for three in one] for one in ends_of])
    return [next(intervals) if has_all else [] for has_all in complete]


def _indicators(networks: Sequence[Readings], rows: Integers) -> npt.NDArray[np.float32]:
    """Return indicators of each unit's class, and by replication of a hit and of the prediction.

    Shape (columns, units); three blocks, in each the classes innermost.
    """
    classes = np.arange(networks[0].classes)[:, None]
    has = (networks[0].truth[rows] == classes)[None]
    predicted = np.concatenate([one.predicted[:, None, rows] == classes for one in networks])
    columns = np.concatenate([has, predicted & has, predicted])
    return np.ascontiguousarray(columns.reshape(-1, len(rows)), dtype=np.float32)


def _scores(sums: npt.NDArray[np.float32], ends: Sequence[int]) -> npt.NDArray[np.float32]:
    """Return macro F1 (networks, b) of sums (1 + 2 replications, classes, b)."""
    half = len(sums) // 2 + 1
    true, hits, predicted = sums[:1], sums[1:half], sums[half:]
    # A class that a resample lacks counts neither in the sum nor in the divisor.
    scores = (2 * hits / np.maximum(true + predicted, 1) * (true > 0)).sum(1)
    scores /= np.maximum((true > 0).sum(1), 1)
    return np.stack([scores[start:end].mean(0) for start, end in pairwise(ends)])


def _tests(people: Cohort, groups: Sequence[Integers]) -> dict[str, Any]:
    """Return by network the p of all subgroups being read alike, patients of a class compared."""
    if len(groups) < 2:
        return {}
    rows = np.concatenate(groups)
    common = next(iter(people.readings.values()))
    _, first, numbers = np.unique(common.clusters[rows], return_index=True, return_inverse=True)
    of_unit = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    right = [
        np.bincount(numbers, weights=(readings.predicted == readings.truth).mean(0)[rows])
        for readings in people.readings.values()
    ]
    strata = patient_strata(numbers.reshape(-1), common.truth[rows])
    p_values = spread_test(np.stack(right, axis=1), of_unit[first], strata, _SEED)
    sizes = np.bincount(of_unit[first]).tolist()
    return {
        name: {
            "p": None if np.isnan(p) else float(p),
            "p_holm": None,
            "detectable": detectable(float(one.sum() / len(rows)), sizes),
        }
        for name, p, one in zip(people.readings, p_values, right, strict=True)
    }


def _correct(attributes: Sequence[dict[str, Any]]) -> None:
    """Enter the p corrected for all attributes and networks (Holm 1979)."""
    tests = [test for attribute in attributes for test in attribute["tests"].values()]
    values = [np.nan if test["p"] is None else test["p"] for test in tests]
    for test, p in zip(tests, holm(values).tolist(), strict=True):
        test["p_holm"] = None if np.isnan(p) else p
