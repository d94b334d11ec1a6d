"""Read a study's folder into plain data; nothing is computed here.

A study may be incomplete: what is missing stays ``None`` or empty and is listed in
:attr:`Study.missing`, so that the page can say so instead of failing.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrascope.errors import StudyError
from metrascope.evaluation.predictions import read_predictions
from metrascope.evaluation.published import order_networks

_CURVES: Final = ("learning_rate", "loss", "validation_loss", "validation_macro_f1")
_EXPECTED: Final = (
    "data.json",
    "settings.toml",
    "versions.json",
    "cases.csv",
    "predictions.csv",
    "metrics.json",
    "embeddings.csv",
)
_RUN_NAME: Final = re.compile(r"(?P<network>.+)-f(?P<fold>\d+)-s(?P<seed>\d+)")


@dataclass(frozen=True)
class Run:
    """One network, fold and seed.

    Attributes
    ----------
    predictions
        Rows of ``predictions.csv``, ``None`` while the run is not finished.
    history
        One row per optimizer step, or ``None`` before the first.
    heatmaps
        Grad-CAM, ``(rows, classes, height, width)`` float32 >= 0, rows as in ``predictions``.
    failure
        Message of a run that failed, else ``None``.
    """

    name: str
    network: str
    fold: int
    seed: int
    predictions: pd.DataFrame | None
    history: pd.DataFrame | None
    heatmaps: NDArray[np.float32] | None
    resources: Mapping[str, Any]
    model: Mapping[str, Any]
    failure: str | None


@dataclass(frozen=True)
class Study:
    """What the files of a study say.

    Attributes
    ----------
    classes
        Labels in the order of every table.
    data, settings, versions, metrics
        Content of the files of those names, empty where a file is missing.
    cases
        Rows of ``cases.csv`` by image, empty where it is missing.
    command
        Command line that made the study, empty where it was not kept.
    missing
        Files a finished study has and this one has not.
    """

    folder: Path
    classes: tuple[str, ...]
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, Any]
    metrics: Mapping[str, Any]
    cases: Mapping[str, Mapping[str, Any]]
    embeddings: pd.DataFrame
    command: tuple[str, ...]
    runs: tuple[Run, ...]
    missing: tuple[str, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks planned, evaluated or run, in the published order."""
        planned = self.settings.get("networks", ())
        names = [*(planned if isinstance(planned, list) else ()), *self.scores]
        return tuple(order_networks([*map(str, names), *(run.network for run in self.runs)]))

    @property
    def scores(self) -> Mapping[str, Any]:
        """Numbers of each network from ``metrics.json``."""
        networks = self.metrics.get("networks", {})
        return networks if isinstance(networks, dict) else {}

    @property
    def partition(self) -> str:
        """The partition whose numbers are reported."""
        return str(self.metrics.get("partition", "validation"))

    def runs_of(self, network: str) -> tuple[Run, ...]:
        """Return the runs of one network, by fold and seed."""
        return tuple(run for run in self.runs if run.network == network)


def read_study(folder: Path) -> Study:
    """Read the files of a study that a report shows.

    Raises
    ------
    StudyError
        If the folder is no study (neither ``data.json`` nor ``metrics.json`` is there), or a
        file in it cannot be read.
    """
    if not any((folder / name).is_file() for name in ("data.json", "metrics.json")):
        raise StudyError("report.not_a_study", path=folder)
    data, metrics = _json(folder / "data.json"), _json(folder / "metrics.json")
    classes = tuple(map(str, data.get("classes") or metrics.get("classes") or ()))
    if not classes:
        raise StudyError("report.no_classes", path=folder)
    return Study(
        folder=folder,
        classes=classes,
        data=data,
        settings=_toml(folder / "settings.toml"),
        versions=_json(folder / "versions.json"),
        metrics=metrics,
        cases=_cases(folder / "cases.csv"),
        embeddings=_csv(folder / "embeddings.csv", ("network", "image", "label"), ("x", "y")),
        command=tuple(map(str, _json(folder / "command.json").get("argv", ()))),
        runs=_runs(folder / "runs", classes),
        missing=tuple(name for name in _EXPECTED if not (folder / name).is_file()),
    )


def _runs(folder: Path, classes: Sequence[str]) -> tuple[Run, ...]:
    found = [_run(path, classes) for path in folder.iterdir()] if folder.is_dir() else []
    runs = [run for run in found if run is not None]
    order = order_networks(run.network for run in runs)
    return tuple(sorted(runs, key=lambda run: (order.index(run.network), run.fold, run.seed)))


def _run(folder: Path, classes: Sequence[str]) -> Run | None:
    name = _RUN_NAME.fullmatch(folder.name)
    if name is None or not folder.is_dir():
        return None
    failure = _json(folder / "failure.json").get("message")
    predictions = _predictions(folder / "predictions.csv", classes)
    return Run(
        name=folder.name,
        network=name["network"],
        fold=int(name["fold"]),
        seed=int(name["seed"]),
        predictions=predictions,
        history=_history(folder / "history.csv"),
        heatmaps=_heatmaps(folder / "heatmaps.npy", predictions, classes),
        resources=_json(folder / "resources.json"),
        model=_json(folder / "model.json"),
        failure=None if failure is None else str(failure),
    )


def _predictions(path: Path, classes: Sequence[str]) -> pd.DataFrame | None:
    return read_predictions([path], classes).table if path.is_file() else None


def _history(path: Path) -> pd.DataFrame | None:
    table = _csv(path, (), ("epoch", "step", *_CURVES), _CURVES)
    return table if len(table) else None


def _heatmaps(
    path: Path, predictions: pd.DataFrame | None, classes: Sequence[str]
) -> NDArray[np.float32] | None:
    if predictions is None or not path.is_file():
        return None
    try:
        maps: NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise StudyError("report.unreadable", path=path, reason=error) from error
    if maps.ndim != 4 or maps.shape[:2] != (len(predictions), len(classes)):
        expected = f"({len(predictions)}, {len(classes)}, h, w)"
        raise StudyError("report.heatmap_shape", path=path, found=maps.shape, expected=expected)
    return maps


def _cases(path: Path) -> dict[str, dict[str, Any]]:
    table = _csv(path, ("image", "file", "mask_file"), ("left", "top", "right", "bottom"))
    return {str(row["image"]): dict(row) for _, row in table.iterrows()}


def _csv(
    path: Path, words: Sequence[str], measured: Sequence[str], gaps: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table: columns of words, columns of numbers, and those that may have gaps."""
    if not path.is_file():
        return pd.DataFrame({name: [] for name in (*words, *measured)})
    try:
        # Words are kept as they are: a class or an image may well be called "NA".
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        absent = [name for name in (*words, *measured) if name not in table.columns]
        if absent:
            raise StudyError("report.missing_columns", path=path, missing=", ".join(absent))
        for name in {*measured, *gaps} & {*table.columns}:
            table[name] = pd.to_numeric(table[name])
            if name not in gaps and table[name].isna().any():
                raise ValueError(f"{name}: empty cell")
    except (OSError, ValueError) as error:
        raise StudyError("report.unreadable", path=path, reason=error) from error
    return table


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError("report.unreadable", path=path, reason=error) from error
    if not isinstance(content, dict):
        raise StudyError("report.unreadable", path=path, reason="not a JSON object")
    return content


def _toml(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError("report.unreadable", path=path, reason=error) from error
