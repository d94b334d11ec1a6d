"""Read a study's folder into plain data; nothing is computed here.

A study may be incomplete: what is missing stays ``None`` or empty and is listed in
``Study.missing``, so that the page can say so instead of failing. A file that is damaged is
refused, but for those that tell no result: then the page does without.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel

from metrascope.errors import StudyError
from metrascope.messages import text
from metrascope.results.estimate import ABSENT
from metrascope.statistics.published import order_networks
from metrascope.study_folder.readers import (
    damaged,
    read_array,
    read_object,
    read_run_predictions,
    read_study_table,
)
from metrascope.study_folder.schemas import (
    Anything,
    CommandForm,
    DataForm,
    FailureForm,
    MetricsForm,
    ModelForm,
    SettingsForm,
)

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
class StudyRun:
    """One network, fold and seed.

    Attributes
    ----------
    predictions
        Rows of ``predictions.csv``, ``None`` while the run is not finished, that is, before
        ``resources.json`` is there: the run writes it last.
    history
        One row per optimizer step, or ``None`` before the first.
    heatmaps
        Grad-CAM, ``(rows, classes, height, width)`` float32 >= 0, rows as in ``predictions``.
    failure
        Message of a run that failed and did not finish later, else ``None``.
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
    unreliable
        By run and image whether the heat map for the class read misses the lesion; what was not
        judged is not there.
    command
        Command line that made the study, empty where it was not kept.
    missing
        Files a finished study has and this one has not.
    is_evaluation
        Whether there is no study: somebody's predictions, or those of an external test.
    """

    folder: Path
    classes: tuple[str, ...]
    data: Mapping[str, Any]
    settings: Mapping[str, Any]
    versions: Mapping[str, Any]
    metrics: Mapping[str, Any]
    cases: Mapping[str, Mapping[str, Any]]
    embeddings: pd.DataFrame
    unreliable: Mapping[tuple[str, str], bool]
    command: tuple[str, ...]
    runs: tuple[StudyRun, ...]
    missing: tuple[str, ...]
    is_evaluation: bool = False

    @property
    def name(self) -> str:
        """Name of the data set, empty where it has none."""
        return str(self.data.get("name", ""))

    @property
    def networks(self) -> tuple[str, ...]:
        """The networks planned, evaluated or run, in the published order."""
        planned = self.settings.get("networks", ())
        runs = (run.network for run in self.runs)
        return tuple(order_networks([*planned, *self.scores, *runs]))

    @property
    def scores(self) -> Mapping[str, Any]:
        """Numbers of each network from ``metrics.json``."""
        scores: Mapping[str, Any] = self.metrics.get("networks", {})
        return scores

    @property
    def partition(self) -> str:
        """The partition whose numbers are reported."""
        return str(self.metrics.get("partition", "validation"))

    @property
    def has_figure_notices(self) -> bool:
        """Whether the files in ``figures/`` say that they are for research use only."""
        return bool(self.settings.get("report", {}).get("figure_notices", True))

    def runs_of(self, network: str) -> tuple[StudyRun, ...]:
        """Return the runs of one network, by fold and seed."""
        return tuple(run for run in self.runs if run.network == network)


def read_study(folder: Path) -> Study:
    """Read the files of a study that a report shows.

    Raises
    ------
    StudyError
        If the folder is no study (neither ``data.json`` nor ``metrics.json`` is there), or a
        file in it cannot be used.
    """
    if not any((folder / name).is_file() for name in ("data.json", "metrics.json")):
        raise StudyError("report.not_a_study", path=folder)
    data, metrics = read_data(folder), read_metrics(folder)
    versions = _decoration(folder / "versions.json", Anything)
    embeddings = folder / "embeddings.csv"
    classes = tuple(data.get("classes") or metrics["classes"])
    return Study(
        folder=folder,
        classes=classes,
        data=data,
        settings=read_object(folder / "settings.toml", "input", SettingsForm),
        versions=versions,
        metrics=metrics,
        cases=_cases(folder / "cases.csv"),
        embeddings=read_study_table(
            embeddings, "result", ("network", "image", "label"), ("x", "y")
        ),
        unreliable=_unreliable(folder / "localization.csv"),
        command=tuple(_decoration(folder / "command.json", CommandForm).get("argv", ())),
        runs=_runs(folder / "runs", classes),
        missing=tuple(
            name
            for name in _EXPECTED
            if not (folder / name).is_file() or (name == "versions.json" and not versions)
        ),
    )


def read_data(folder: Path) -> dict[str, Any]:
    """Read ``data.json`` of a study, empty where it is missing.

    Raises
    ------
    StudyError
        If it cannot be used.
    """
    return read_object(folder / "data.json", "input", DataForm)


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read ``metrics.json`` of a study, empty where it is missing.

    Raises
    ------
    StudyError
        If it cannot be used.
    """
    return read_object(folder / "metrics.json", "result", MetricsForm)


def read_failure(run: Path) -> str | None:
    """Return why a run failed, a dash where no message was kept, ``None`` if it did not."""
    file = run / "failure.json"
    if is_finished(run) or not file.is_file():
        return None
    return str(_decoration(file, FailureForm).get("message", ABSENT))


def is_finished(run: Path) -> bool:
    """Tell whether a run has written all its files; an earlier failure is of no account then."""
    return (run / "resources.json").is_file()


def _runs(folder: Path, classes: Sequence[str]) -> tuple[StudyRun, ...]:
    found = [_run(path, classes) for path in folder.iterdir()] if folder.is_dir() else []
    runs = [run for run in found if run is not None]
    order = order_networks(run.network for run in runs)
    return tuple(sorted(runs, key=lambda run: (order.index(run.network), run.fold, run.seed)))


def _run(folder: Path, classes: Sequence[str]) -> StudyRun | None:
    name = _RUN_NAME.fullmatch(folder.name)
    if name is None or not folder.is_dir():
        return None
    predictions = _predictions(folder, classes)
    return StudyRun(
        name=folder.name,
        network=name["network"],
        fold=int(name["fold"]),
        seed=int(name["seed"]),
        predictions=predictions,
        history=_history(folder / "history.csv"),
        heatmaps=_heatmaps(folder / "heatmaps.npy", predictions, classes),
        resources=_decoration(folder / "resources.json", Anything),
        model=read_object(folder / "model.json", "run", ModelForm),
        failure=read_failure(folder),
    )


def _predictions(run: Path, classes: Sequence[str]) -> pd.DataFrame | None:
    file = run / "predictions.csv"
    if not is_finished(run) or not file.is_file():
        return None
    return read_run_predictions(file, classes).table


def _history(path: Path) -> pd.DataFrame | None:
    table = read_study_table(path, "run", (), ("epoch", "step", *_CURVES), _CURVES)
    return table if len(table) else None


def _heatmaps(
    path: Path, predictions: pd.DataFrame | None, classes: Sequence[str]
) -> NDArray[np.float32] | None:
    if predictions is None or not path.is_file():
        return None
    return read_array(path, len(predictions), (len(classes), None, None))


def _cases(path: Path) -> dict[str, dict[str, Any]]:
    edges = ("left", "top", "right", "bottom")
    table = read_study_table(path, "case", ("image", "file", "mask_file"), edges)
    if (table["left"] >= table["right"]).any() or (table["top"] >= table["bottom"]).any():
        raise damaged(path, "case", text("report.reason_box"))
    columns = [str(name) for name in table]
    rows = (dict(zip(columns, row, strict=True)) for row in table.to_numpy(object).tolist())
    return {str(row["image"]): row for row in rows}


def _unreliable(path: Path) -> dict[tuple[str, str], bool]:
    words, numbers = ("network", "fold", "seed", "image", "map"), ("unreliable",)
    table = read_study_table(path, "result", words, numbers, numbers)
    judged = table[(table["map"] == "predicted") & table["unreliable"].notna()]
    return {
        (f"{row.network}-f{row.fold}-s{row.seed}", str(row.image)): bool(row.unreliable)
        for row in judged.itertuples()
    }


def _decoration(path: Path, form: type[BaseModel]) -> dict[str, Any]:
    """Read a file that tells no result, and go without it where it is damaged."""
    try:
        return read_object(path, "input", form)
    except StudyError:
        return {}
