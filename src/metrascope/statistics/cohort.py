"""The patients of an evaluation, and each network's readings of them.

The patient is the unit of every interval and test. The probabilities of her images are averaged
to one reading, so that three stills of one polyp count once. Where one patient has images of two
classes, each class is a unit of its own, and the units of a patient are drawn together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from metrascope.arrays import Floats, Integers
from metrascope.errors import DataError
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.published import order_networks

REPLICATION: Final = ["seed", "repeat"]


@dataclass(frozen=True)
class Readings:
    """One network's readings of the units that it read in every replication.

    A replication is one seed of one repetition of the cross-validation: one reading per unit.

    Attributes
    ----------
    network
        Name of the network.
    classes
        Number of classes.
    seeds
        Seed of each replication.
    units
        Rows of the cohort's table, (n,), ascending.
    truth
        True class index of each unit, (n,).
    clusters
        Number of each unit's patient, (n,); units of one patient share it.
    predicted
        Predicted class index, (replications, n).
    probabilities
        (replications, n, classes), each row adding up to 1; None where labels alone are known.
    """

    network: str
    classes: int
    seeds: tuple[int, ...]
    units: Integers
    truth: Integers
    clusters: Integers
    predicted: Integers
    probabilities: Floats | None

    def of(self, units: Integers) -> "Readings":
        """Return the readings of these rows of the cohort's table alone, all of which it has."""
        rows = np.searchsorted(self.units, units)
        return replace(
            self,
            units=units,
            truth=self.truth[rows],
            clusters=self.clusters[rows],
            predicted=self.predicted[:, rows],
            probabilities=None if self.probabilities is None else self.probabilities[:, rows],
        )


@dataclass(frozen=True)
class Cohort:
    """The units of one partition, and every network's readings of them.

    Attributes
    ----------
    partition
        ``test`` where there is one, else ``validation``.
    classes
        Names of the classes in class order.
    table
        One row per unit: ``patient_id``, ``label``, ``images`` (names, joined by a bar).
    readings
        Readings by network, in the study's order.
    """

    partition: str
    classes: tuple[str, ...]
    table: pd.DataFrame
    readings: Mapping[str, Readings]

    @property
    def patients(self) -> int:
        """Number of patients."""
        return int(self.table["patient_id"].nunique())

    def common(self) -> "Cohort | None":
        """Return the cohort of the units that all networks read, None where there are none."""
        units = [readings.units for readings in self.readings.values()]
        shared = units[0]
        for other in units[1:]:
            shared = np.intersect1d(shared, other)
        if not len(shared):
            return None
        read = {name: readings.of(shared) for name, readings in self.readings.items()}
        return replace(self, readings=read)


def cohort(predictions: Predictions, partition: str | None = None) -> Cohort:
    """Average each patient's images, and arrange the readings by network and replication.

    A hard label counts as a probability of one. A patient whose single image came with both
    probabilities and a label given by another tool keeps that label.

    Parameters
    ----------
    predictions
        Valid predictions table.
    partition
        Partition to evaluate; by default ``test`` where any row is of it, else ``validation``.

    Raises
    ------
    DataError
        If there is no row to evaluate, or a network lacks the partition of the others.
    """
    table = predictions.table
    partition = partition or evaluated_partition(table)
    table = table[table["partition"] == partition].copy()
    table["repeat"] = table.groupby(["image", "network", "seed"])["fold"].rank("dense").astype(int)
    keys = table[["patient_id", "label"]].drop_duplicates().sort_values(["patient_id", "label"])
    index = pd.MultiIndex.from_frame(keys)
    table["unit"] = index.get_indexer(pd.MultiIndex.from_frame(table[["patient_id", "label"]]))
    images = table.drop_duplicates("image").groupby("unit")["image"].agg(" | ".join)
    units = keys.reset_index(drop=True).assign(images=images)
    hard = predictions.probabilities is None
    readings = {
        name: _readings(name, table[table["network"] == name], units, predictions.classes, hard)
        for name in order_networks(table["network"])
    }
    return Cohort(partition, predictions.classes, units, readings)


def evaluated_partition(table: pd.DataFrame) -> str:
    """Return ``test`` where any row of a predictions table is of it, else ``validation``.

    Raises
    ------
    DataError
        If there is no row to evaluate, or a network lacks the partition of the others.
    """
    partition = "test" if (table["partition"] == "test").any() else "validation"
    evaluated = set(table["network"][table["partition"] == partition])
    if not evaluated:
        raise DataError("evaluation.only_train")
    for network in order_networks(table["network"]):
        if network not in evaluated:
            raise DataError("evaluation.no_partition", network=network, partition=partition)
    return partition


def _readings(
    network: str, table: pd.DataFrame, units: pd.DataFrame, classes: Sequence[str], hard: bool
) -> Readings:
    row_labels = (
        table["predicted"].map({label: i for i, label in enumerate(classes)}).to_numpy(np.int64)
    )
    values = (
        np.eye(len(classes))[row_labels] if hard else table[_columns(classes)].to_numpy(np.float64)
    )
    keys = [table["seed"].to_numpy(), table["repeat"].to_numpy()]
    replications, place = np.unique(np.stack(keys), axis=1, return_inverse=True)
    shape = (replications.shape[1], len(units))
    # Sums and counts of images, (replications, units): every image is added at its own cell.
    sums = np.zeros((*shape, len(classes)))
    counts, image_label = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    where = (place.reshape(-1), table["unit"].to_numpy())
    np.add.at(sums, where, values)
    np.add.at(counts, where, 1)
    image_label[where] = row_labels
    rows = np.flatnonzero((counts > 0).all(axis=0))
    counts = counts[:, rows]
    means = sums[:, rows] / counts[..., None]
    # One image keeps the label that came with it: rounding or another rule may have decided.
    predicted = np.where(counts == 1, image_label[:, rows], means.argmax(axis=2))
    labels = units["label"].map({label: i for i, label in enumerate(classes)}).to_numpy(np.int64)
    return Readings(
        network=network,
        classes=len(classes),
        seeds=tuple(int(seed) for seed in replications[0]),
        units=rows,
        truth=np.asarray(labels[rows], dtype=np.int64),
        clusters=pd.factorize(units["patient_id"])[0].astype(np.int64)[rows],
        predicted=predicted,
        probabilities=None if hard else means / means.sum(axis=2, keepdims=True),
    )


def _columns(classes: Sequence[str]) -> list[str]:
    return [f"p_{label}" for label in classes]
