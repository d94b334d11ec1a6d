"""What comes of a study's runs: predictions, maps, numbers, tables, figures and the report."""

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd
from threadpoolctl import threadpool_limits

from metrascope.errors import SettingsError, StudyError
from metrascope.files.atomic import write_json
from metrascope.files.csv_file import write_frame
from metrascope.processes.capacity import available_cores
from metrascope.processes.files import map_in_order
from metrascope.progress import SUMMARY, begin, expect
from metrascope.report.page import write_report
from metrascope.settings.study_settings import Settings, load_settings
from metrascope.statistics.attributes import attributes
from metrascope.statistics.cohort import evaluated_partition
from metrascope.statistics.evaluate import evaluate_predictions
from metrascope.statistics.predictions import Predictions, read_predictions, write_predictions
from metrascope.study.embeddings import embed_runs, lay_out_runs
from metrascope.study.explanation_runs import ExplainTask, RunExplainer, run_explainer
from metrascope.study_folder.contents import is_finished, read_data, read_failure
from metrascope.study_folder.readers import damaged, read_run_predictions, read_study_table

_EACH: Final = 1_500
"""Readings for which another process is worth its start, of some 3 s: one takes 2 ms."""


def summarize(study: Path, lang: str) -> Path:
    """Write everything that comes after training; return the report.

    Reads the files of finished runs alone, so that it can be done again at any time, without
    data set, GPU or torch.

    Parameters
    ----------
    study
        The folder that `metrascope.study.study.run_study` writes.
    lang
        ``en`` or ``zh``: of tables and figures, and the one the report opens in.

    Raises
    ------
    StudyError
        If the folder is no study, no run has finished, or a file of the study is damaged.
    DataError
        If the predictions of the runs contradict each other.
    """
    if not (study / "data.json").is_file():
        raise StudyError("study.no_study", folder=study)
    expect(*SUMMARY)
    begin("predictions")
    files = _RunFiles(study, tuple(read_data(study)["classes"]), tuple(_finished(study)))
    tables, predictions = files.tables, files.predictions
    with threadpool_limits(limits=1):
        lay_out_runs(study, tables)
    partition = evaluated_partition(predictions.table)
    explainer = run_explainer(study, tables, partition, files.classes)
    measurer = _Measurer(files, partition, explainer)
    metrics, (embeddings, embedded), explained = _measured(measurer)
    for network, values in metrics["networks"].items():
        values |= embedded[network] | explained.get(network, {})
    write_predictions(predictions.table, study / "predictions.csv")
    write_frame(study / "embeddings.csv", embeddings)
    write_json(study / "metrics.json", metrics)
    return write_report(study, lang)


@dataclass(frozen=True)
class _RunFiles:
    """What the finished runs of a study have read; each process reads it from the files itself.

    Sent to every process, the tables of a study of 100,000 images would be 300 MB.
    """

    study: Path
    classes: tuple[str, ...]
    runs: tuple[Path, ...]

    @cached_property
    def predictions(self) -> Predictions:
        """The predictions of all runs in one table."""
        return read_predictions([run / "predictions.csv" for run in self.runs], self.classes)

    @cached_property
    def tables(self) -> dict[Path, pd.DataFrame]:
        """The predictions of each run."""
        return {
            run: read_run_predictions(run / "predictions.csv", self.classes).table
            for run in self.runs
        }

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class _Measurer:
    """Makes the numbers of a study part by part, in this process or in others."""

    files: _RunFiles
    partition: str
    explainer: RunExplainer

    def measure(self, part: str | ExplainTask) -> Any:
        """Return the numbers of one part: ``statistics``, ``embeddings``, or a task."""
        # Sums over threads come in no fixed order; with one the files are the same bytes.
        with threadpool_limits(limits=1):
            if not isinstance(part, str):
                return self.explainer.measure(part)
            study = self.files.study
            if part == "embeddings":
                return embed_runs(study, self.files.tables, self.partition)
            known, shares = _attributes(study), _prevalence(study)
            return evaluate_predictions(self.files.predictions, attributes=known, prevalence=shares)


def _measured(measurer: _Measurer) -> tuple[dict[str, Any], Any, dict[str, dict[str, Any]]]:
    """Return the statistics, the embeddings, and heat maps and shortcuts by network.

    None of them needs another, so that two processes that start once share all of them out.
    """
    tasks: list[str | ExplainTask] = ["statistics", "embeddings", *measurer.explainer.tasks]
    jobs = min(available_cores(), len(measurer.files.predictions.table) // _EACH)
    begin("resampling")
    parts = map_in_order(measurer.measure, tasks, jobs=jobs)
    statistics, embeddings = next(parts), next(parts)
    begin("heatmaps")
    with threadpool_limits(limits=1):
        return statistics, embeddings, measurer.explainer.numbers(list(parts))


def _attributes(study: Path) -> pd.DataFrame | None:
    """Return what the data set knows of each image, None where the study kept no record of it."""
    table = read_study_table(study / "images.csv", "input", ("image",), ())
    return attributes(table.astype(str)) if len(table) else None


def _prevalence(study: Path) -> dict[str, float] | None:
    file = study / "settings.toml"
    try:
        settings = load_settings(str(file)) if file.is_file() else Settings()
    except SettingsError as error:
        raise damaged(file, "input", error) from error
    return dict(settings.evaluation.prevalence) or None


def _finished(study: Path) -> list[Path]:
    folders = sorted(path for path in study.glob("runs/*") if path.is_dir())
    runs = [run for run in folders if is_finished(run)]
    if runs:
        return runs
    for run in folders:
        message = read_failure(run)
        if message is not None:
            raise StudyError("study.all_failed", folder=study, message=message)
    raise StudyError("study.nothing_finished", folder=study)
