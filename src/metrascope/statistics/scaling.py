"""Probabilities after temperature scaling, each run's temperature fitted to its validation rows.

A temperature that is fitted to the rows it is then judged on flatters; so there is one only where
the test partition is evaluated, and only for runs that have validation rows as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from metrascope.statistics.predictions import Predictions
from metrascope.statistics.temperature import (
    SMALLEST_PROBABILITY,
    apply_temperature,
    fit_temperature,
)

RunKey = tuple[str, int, int]
"""Network, fold and seed."""

_RUN: Final = ["network", "fold", "seed"]


def by_run(table: pd.DataFrame) -> dict[RunKey, pd.DataFrame]:
    """Return the rows of each network, fold and seed."""
    return {
        (str(network), int(str(fold)), int(str(seed))): rows
        for (network, fold, seed), rows in table.groupby(_RUN, sort=True)
    }


def temperatures(predictions: Predictions) -> dict[RunKey, float]:
    """Return the temperature of every run that has both validation and test rows.

    Parameters
    ----------
    predictions
        Valid predictions table.

    Returns
    -------
    Temperatures by run; none where there are no probabilities, and none for a network that has a
    tested run without validation rows.
    """
    if predictions.probabilities is None:
        return {}
    table = predictions.table
    tested = by_run(table[table["partition"] == "test"])
    validated = by_run(table[table["partition"] == "validation"])
    incomplete = {network for network, _, _ in tested.keys() - validated.keys()}
    return {
        run: _fit_run(validated[run], predictions.classes)
        for run in tested
        if run[0] not in incomplete
    }


def scaled(predictions: Predictions, fitted: Mapping[RunKey, float]) -> Predictions:
    """Return the predictions with each run's probabilities at its temperature.

    Parameters
    ----------
    predictions
        Predictions with probabilities.
    fitted
        Temperatures by run; the rows of other runs stay as they are.
    """
    columns = [f"p_{name}" for name in predictions.classes]
    table = predictions.table.copy()
    for run, rows in by_run(table).items():
        if run in fitted:
            values = rows[columns].to_numpy(np.float64)
            table.loc[rows.index, columns] = apply_temperature(values, fitted[run])
    return replace(predictions, table=table)


def _fit_run(rows: pd.DataFrame, classes: Sequence[str]) -> float:
    values = rows[[f"p_{name}" for name in classes]].to_numpy(np.float64)
    truth = rows["label"].map({label: i for i, label in enumerate(classes)}).to_numpy(np.int64)
    patients = int(rows["patient_id"].nunique())
    return fit_temperature(
        np.log(np.maximum(values, SMALLEST_PROBABILITY)), truth, patients=patients
    )
