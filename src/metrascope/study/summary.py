"""What comes of a study's runs: predictions, maps, numbers, tables, figures and the report."""

from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from metrascope.errors import SettingsError, StudyError
from metrascope.files.atomic import write_json
from metrascope.files.csv_file import write_frame
from metrascope.progress import SUMMARY, begin, expect
from metrascope.report.page import write_report
from metrascope.settings.study_settings import Settings, load_settings
from metrascope.statistics.attributes import attributes
from metrascope.statistics.evaluate import evaluate
from metrascope.statistics.predictions import read_predictions, write_predictions
from metrascope.study.embeddings import embed_runs
from metrascope.study.explanation_runs import explain_runs
from metrascope.study_folder.contents import is_finished, read_data, read_failure
from metrascope.study_folder.readers import damaged, read_run_predictions, read_study_table


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
    classes = read_data(study)["classes"]
    runs = _finished(study)
    tables = {run: read_run_predictions(run / "predictions.csv", classes).table for run in runs}
    predictions = read_predictions([run / "predictions.csv" for run in runs], classes)
    begin("resampling")
    metrics = evaluate(predictions, attributes=_attributes(study), prevalence=_prevalence(study))
    # Sums over threads come in no fixed order; with one the files are the same bytes.
    with threadpool_limits(limits=1):
        begin("embedding")
        embeddings, embedded = embed_runs(study, tables, metrics["partition"])
        begin("heatmaps")
        explained = explain_runs(study, tables, metrics["partition"], classes)
    for network, values in metrics["networks"].items():
        values |= embedded[network] | explained.get(network, {})
    write_predictions(predictions.table, study / "predictions.csv")
    write_frame(study / "embeddings.csv", embeddings)
    write_json(study / "metrics.json", metrics)
    return write_report(study, lang)


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
