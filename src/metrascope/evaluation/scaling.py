"""Probabilities after temperature scaling, each run's temperature fitted to its validation rows.

A temperature that is fitted to the rows it is then judged on flatters; so there is one only where
the test partition is evaluated, and only for runs that have validation rows as well.
"""

from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from metrascope.evaluation.predictions import Predictions
from metrascope.evaluation.temperature import SMALLEST, apply_temperature, fit_temperature

RUN: Final = ["network", "fold", "seed"]


def temperatures(predictions: Predictions) -> pd.DataFrame:
    """Return the temperature of every run that has both validation and test rows.

    Parameters
    ----------
    predictions
        A valid table.

    Returns
    -------
    One row per run, ``network, fold, seed, temperature``; none where there are no probabilities,
    and none of a network that has a run without validation rows.
    """
    table = predictions.table
    rows: list[tuple[str, int, int, float]] = []
    if predictions.probabilities is not None:
        incomplete = set()
        for (network, fold, seed), run in table.groupby(RUN, sort=True):
            validation = run[run["partition"] == "validation"]
            if not (run["partition"] == "test").any():
                continue
            if len(validation):
                fitted = _fitted(validation, predictions.classes)
                rows.append((str(network), int(fold), int(seed), fitted))
            else:
                incomplete.add(network)
        rows = [row for row in rows if row[0] not in incomplete]
    return pd.DataFrame(rows, columns=[*RUN, "temperature"])


def scaled(predictions: Predictions, fitted: pd.DataFrame) -> Predictions:
    """Return the predictions with each run's probabilities at its temperature.

    Parameters
    ----------
    predictions
        With probabilities.
    fitted
        As `temperatures` returns it; runs that it lacks stay as they are.
    """
    columns = [f"p_{name}" for name in predictions.classes]
    table = predictions.table.copy()
    each = table[RUN].merge(fitted, how="left", on=RUN)["temperature"].to_numpy(np.float64)
    for temperature in np.unique(each[~np.isnan(each)]):
        rows = each == temperature
        values = table.loc[rows, columns].to_numpy(np.float64)
        table.loc[rows, columns] = apply_temperature(values, float(temperature))
    return replace(predictions, table=table)


def _fitted(rows: pd.DataFrame, classes: tuple[str, ...]) -> float:
    values = rows[[f"p_{name}" for name in classes]].to_numpy(np.float64)
    truth = rows["label"].map({label: i for i, label in enumerate(classes)}).to_numpy(np.int64)
    return fit_temperature(np.log(np.maximum(values, SMALLEST)), truth)
