"""What the files of a study's runs say of heat maps and shortcuts, network by network.

A study may have been trained without them: what is not there is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from metrascope.arrays import Floats32
from metrascope.explain.border import border_numbers
from metrascope.explain.faithfulness import (
    CURVE,
    ORDERS,
    SIMILARITY,
    WAYS,
    faithfulness_numbers,
)
from metrascope.explain.lesion_measures import (
    LESION_COLUMNS,
    MAPS,
    LocatedLesion,
    add_sizes,
    localization_numbers,
    localize,
)
from metrascope.explain.localization import seen_mask
from metrascope.explain.perturbations import CHANGES, UNCHANGED
from metrascope.explain.shortcuts import shortcut_numbers
from metrascope.files.csv_file import write_frame
from metrascope.messages import text
from metrascope.report.thumbnails import read_case_grey
from metrascope.statistics.averages import averages
from metrascope.study_folder.readers import damaged, read_array, read_object, read_study_table
from metrascope.study_folder.schemas import ModelForm

_AT_ONCE: Final = 64
"""Lesions that a process measures at a time."""


@dataclass(frozen=True)
class RunRows:
    """The evaluated rows of a run.

    Attributes
    ----------
    folder
        Of the run.
    rows
        How many rows its ``predictions.csv`` has.
    table
        Those of the partition evaluated; the index is their place among all.
    """

    folder: Path
    rows: int
    table: pd.DataFrame

    @property
    def network(self) -> str:
        """Its name."""
        return str(self.table["network"].iat[0])

    def read(
        self,
        name: str,
        keys: Mapping[str, Sequence[str]],
        columns: Sequence[str],
        gaps: Sequence[str] = (),
    ) -> pd.DataFrame:
        """Read a table of the run that has the same rows for each of some images.

        Parameters
        ----------
        name
            Of the file; the table is empty where there is none.
        keys
            Columns, and what stands in them from row to row of an image.
        columns, gaps
            Of numbers, and those that may have gaps.

        Returns
        -------
        The table with ``patient_id``.
        """
        path = self.folder / name
        table = read_study_table(path, "run", ("image", *keys), columns, gaps)
        rows = max(map(len, keys.values()), default=1)
        patients = dict(zip(self.table["image"], self.table["patient_id"], strict=True))
        expected = [name for name in table["image"][::rows] for _ in range(rows)]
        whole = table["image"].tolist() == expected and set(expected) <= set(patients)
        for key, values in keys.items():
            whole = whole and table[key].tolist() == [*values] * (len(table) // rows)
        if not whole:
            raise damaged(path, "run", text("localization.other_rows"))
        return table.assign(patient_id=[patients[image] for image in table["image"]])


def run_explainer(
    study: Path, tables: Mapping[Path, pd.DataFrame], partition: str, classes: Sequence[str]
) -> "RunExplainer":
    """Return what measures the heat maps and shortcuts of a study's runs.

    Parameters
    ----------
    study
        The study's folder.
    tables
        ``predictions.csv`` of each finished run, as `metrascope.statistics.predictions` reads it.
    partition
        The one evaluated.
    classes
        In class order.
    """
    runs = [_evaluated(folder, table, partition) for folder, table in tables.items()]
    return RunExplainer(study, [run for run in runs if len(run.table)], classes)


class ExplainTask(NamedTuple):
    """One call of `RunExplainer.measure`: a network's numbers, or lesions from a place on."""

    start: int = 0
    network: str = ""


@dataclass(frozen=True)
class RunExplainer:
    """Measures networks and lesions task by task, in this process or in others.

    Attributes
    ----------
    study
        The study's folder.
    runs
        Those with evaluated rows.
    classes
        In class order.
    """

    study: Path
    runs: Sequence[RunRows]
    classes: Sequence[str]

    @property
    def networks(self) -> list[str]:
        """Networks of the runs, each once."""
        return list(dict.fromkeys(run.network for run in self.runs))

    @property
    def tasks(self) -> list[ExplainTask]:
        """One for each network, then one for every `_AT_ONCE` lesions."""
        starts = range(0, len(self.masks), _AT_ONCE)
        return [*(ExplainTask(network=name) for name in self.networks), *map(ExplainTask, starts)]

    def measure(self, task: ExplainTask) -> Any:
        """Return a network's numbers, or rows of ``localization.csv``.

        Raises
        ------
        StudyError
            If a file cannot be used.
        """
        with threadpool_limits(limits=1):
            if not task.network:
                chosen = self.masks[task.start : task.start + _AT_ONCE]
                return pd.DataFrame(self._located(chosen), columns=list(LESION_COLUMNS))
            runs = [run for run in self.runs if run.network == task.network]
            return {
                "faithfulness": _faithfulness(runs),
                "shortcuts": _shortcuts(runs, self.classes),
            }

    def numbers(self, measured: Sequence[Any]) -> dict[str, dict[str, Any]]:
        """Return the numbers by network; write ``localization.csv`` where there are lesion masks.

        Parameters
        ----------
        measured
            What `measure` returned of each of `tasks`.

        Returns
        -------
        By network ``localization``, ``faithfulness`` and ``shortcuts``, as far as there are files.
        """
        networks = self.networks
        numbers = {network: dict[str, Any]() for network in networks}
        located = [rows for rows in measured[len(networks) :] if len(rows)]
        if located:
            sized, unit, bounds = add_sizes(pd.concat(located, ignore_index=True))
            write_frame(self.study / "localization.csv", sized, decimals=5)
            for name, rows in sized.groupby("network"):
                numbers[str(name)]["localization"] = localization_numbers(rows, unit, bounds)
        return {
            network: {key: value for key, value in (numbers[network] | found).items() if value}
            for network, found in zip(networks, measured, strict=False)
        }

    @cached_property
    def masks(self) -> list[tuple[str, str]]:
        """Images that have a lesion mask, and its file."""
        cases = read_study_table(self.study / "cases.csv", "case", ("image", "mask_file"), ())
        files = dict(zip(cases["image"], cases["mask_file"], strict=True))
        return [(image, file) for image, file in files.items() if file]

    @cached_property
    def _opened(self) -> "list[_Opened]":
        return [
            _opened(run, self.classes)
            for run in self.runs
            if (run.folder / "heatmaps.npy").is_file()
        ]

    @cached_property
    def _labels(self) -> set[str]:
        masked = {image for image, _ in self.masks}
        return {label for run in self.runs for label in _labels(run, masked)}

    @cached_property
    def _millimeters(self) -> dict[str, float]:
        return _millimeters(self.study)

    def _located(self, masks: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        for image, file in masks:
            mask = read_case_grey(self.study, file)
            lesions: dict[_View, LocatedLesion] = {}
            for run in self._opened:
                if run.view not in lesions:
                    seen = seen_mask(mask, run.view.size, run.view.fit)
                    lesions[run.view] = LocatedLesion(seen, self._millimeters.get(image, np.nan))
                if image in run.readings and lesions[run.view].mask.any():
                    row, reading = run.readings[image]
                    maps = {
                        name: run.heats[row, self.classes.index(reading[column])]
                        for name, column in zip(MAPS, ("predicted", "label"), strict=True)
                    }
                    yield from localize(reading, maps, lesions[run.view], self._labels)


def _evaluated(folder: Path, table: pd.DataFrame, partition: str) -> RunRows:
    numbered = table.reset_index(drop=True)
    return RunRows(folder, len(table), numbered[numbered["partition"] == partition])


class _View(NamedTuple):
    """The square that a network sees: side in pixels, and how the image was fitted to it."""

    size: int
    fit: Literal["crop", "pad"]


@dataclass(frozen=True)
class _Opened:
    """The heat maps of a run, and its readings with their rows by image."""

    view: _View
    heats: Floats32
    readings: Mapping[str, tuple[int, dict[str, Any]]]


def _opened(run: RunRows, classes: Sequence[str]) -> _Opened:
    steps = read_object(run.folder / "model.json", "run", ModelForm).get("preprocessing", {})
    columns = ["network", "fold", "seed", "image", "patient_id", "label", "predicted"]
    rows = [dict(zip(columns, row, strict=True)) for row in run.table[columns].to_numpy()]
    return _Opened(
        _View(int(steps.get("input_size", 224)), steps.get("fit", "crop")),
        read_array(run.folder / "heatmaps.npy", run.rows, (len(classes), None, None)),
        {str(row["image"]): (int(at), row) for at, row in zip(run.table.index, rows, strict=True)},
    )


def _labels(run: RunRows, masked: set[str]) -> set[str]:
    return set(run.table["label"][run.table["image"].isin(masked)])


def _millimeters(study: Path) -> dict[str, float]:
    table = read_study_table(study / "images.csv", "input", ("image",), (), ("lesion_mm",))
    if "lesion_mm" not in table:
        return {}
    return dict(zip(table["image"], table["lesion_mm"], strict=True))


def _faithfulness(runs: Sequence[RunRows]) -> dict[str, Any]:
    keys = {
        "way": [way for way in WAYS for _ in ORDERS],
        "order": [order for _ in WAYS for order in ORDERS],
    }
    table = _joined([run.read("faithfulness.csv", keys, CURVE) for run in runs])
    if not len(table):
        return {}
    first = table[:: len(WAYS) * len(ORDERS)]
    shape = (len(first), len(WAYS), len(ORDERS), len(CURVE))
    curves = table[list(CURVE)].to_numpy(np.float64).reshape(shape)
    found = faithfulness_numbers(curves, first["patient_id"])
    alike = _joined([run.read("sanity.csv", {}, SIMILARITY, SIMILARITY) for run in runs])
    if len(alike):
        similar = averages(alike[list(SIMILARITY)], alike["patient_id"], -1.0, 1.0)
        shares = [name.removeprefix("drawn_") for name in SIMILARITY]
        found["similarity"] = {
            share: interval.json() for share, interval in zip(shares, similar, strict=True)
        }
    return {**_counts(first), **found}


def _shortcuts(runs: Sequence[RunRows], classes: Sequence[str]) -> dict[str, Any]:
    columns = [f"p_{label}" for label in classes]
    keys = {"change": [UNCHANGED, *CHANGES]}
    table = _joined([run.read("shortcuts.csv", keys, columns) for run in runs])
    borders = [_border(run, classes) for run in runs if (run.folder / "border.npy").is_file()]
    numbers: dict[str, Any] = {}
    if len(table):
        first = table[:: 1 + len(CHANGES)]
        values = table[columns].to_numpy(np.float64).reshape(len(first), 1 + len(CHANGES), -1)
        changes = shortcut_numbers(values, first["patient_id"])
        numbers = {**_counts(first), "changes": changes}
    border = border_numbers(borders, len(classes))
    return numbers | ({"border": border} if border else {})


def _border(run: RunRows, classes: Sequence[str]) -> pd.DataFrame:
    features = read_array(run.folder / "border.npy", len(run.table), (None,))
    labels = [classes.index(label) for label in run.table["label"]]
    patients = run.table["patient_id"].to_numpy()
    return pd.DataFrame(features).assign(patient_id=patients, label=labels)


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Join the tables that have rows."""
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _counts(rows: pd.DataFrame) -> dict[str, int]:
    return {
        "images": int(rows["image"].nunique()),
        "patients": int(rows["patient_id"].nunique()),
    }
