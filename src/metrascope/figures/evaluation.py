"""Everything that is made from predictions: ``metrics.json``, tables and figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from metrascope.figures.canvas import save_figure
from metrascope.figures.comparison import comparison_chart
from metrascope.figures.confusion import confusion_matrices
from metrascope.figures.curves import learning_curves
from metrascope.figures.decision import decision_chart
from metrascope.figures.embedding import COLORINGS, embeddings
from metrascope.figures.explanations import (
    deletion_curves,
    localization_by_size,
    shortcut_chart,
)
from metrascope.figures.forest import forest_plot
from metrascope.figures.gradcam import Case, gradcam_panel
from metrascope.figures.reliability import reliability_diagrams, reliability_overview
from metrascope.figures.roc import roc_overview, roc_panels
from metrascope.files.atomic import write_json
from metrascope.files.file_names import file_names
from metrascope.processes.cores import available_cores
from metrascope.processes.files import map_in_order
from metrascope.progress import begin
from metrascope.results.tables import data_heading, write_tables
from metrascope.statistics.evaluate import evaluate
from metrascope.statistics.predictions import Predictions

_EACH: Final = 8
"""Figures for which another process is worth its start: one takes 0.6 s, a process 3 s."""


def write_evaluation(
    predictions: Predictions,
    out: Path,
    lang: str | None = None,
    name: str = "",
    *,
    attributes: pd.DataFrame | None = None,
    prevalence: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Evaluate predictions; write ``metrics.json``, ``tables/`` and the figures made from them.

    Parameters
    ----------
    predictions
        A valid predictions table.
    out
        Folder to write to; made if it does not exist.
    lang
        Language of tables and figures; the language in use when not given.
    name
        Name of the data set, for headings.
    attributes, prevalence
        As for :func:`metrascope.statistics.evaluate.evaluate`.

    Returns
    -------
    dict
        Content of ``metrics.json``.

    Raises
    ------
    DataError
        If there is nothing to evaluate.
    StudyError
        If a file cannot be written.
    """
    begin("resampling")
    metrics = evaluate(predictions, attributes=attributes, prevalence=prevalence)
    begin("figures")
    write_json(out / "metrics.json", metrics)
    write_tables(metrics, out / "tables", lang, name)
    write_figures(metrics, out / "figures", lang, name)
    return metrics


def write_figures(
    metrics: dict[str, Any],
    folder: Path,
    lang: str | None = None,
    name: str = "",
    *,
    embedding_table: pd.DataFrame | None = None,
    histories: Mapping[str, pd.DataFrame] | None = None,
    cases: Sequence[Case] = (),
    notices: bool = True,
) -> list[Path]:
    """Write ``confusion`` and ``macro_f1``, and what else there is data for, as SVG and PNG.

    Of calibration, decision curves, subgroups, heat maps and shortcuts those that `metrics` holds.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    folder
        Where to write.
    lang, name
        As for :func:`write_evaluation`.
    embedding_table
        ``embeddings.csv``; written as ``embedding``, and with other colors than the class's as
        ``embedding_scanner``, ``embedding_partition`` and ``embedding_correct``.
    histories
        ``history.csv`` by run; written as ``curves``.
    cases
        One per class with the heat maps of the networks; written as ``gradcam``.
    notices
        Whether a figure says that it is for research use only.
    """
    figures = {
        "confusion": confusion_matrices(metrics, lang),
        "macro_f1": comparison_chart(metrics, lang, name),
    }
    if embedding_table is not None and len(embedding_table):
        networks = metrics["networks"].items()
        separation = {key: value.get("embedding", {}) for key, value in networks}
        classes = metrics["classes"]
        figures["embedding"] = embeddings(embedding_table, classes, lang, separation)
        for coloring in COLORINGS:
            if coloring in embedding_table and embedding_table[coloring].nunique() > 1:
                drawn = embeddings(embedding_table, classes, lang, separation, coloring)
                figures[f"embedding_{coloring}"] = drawn
    figures |= statistic_figures(metrics, lang, name) | explanation_figures(metrics, lang)
    figures |= _by_network(metrics, lang, name)
    if histories:
        figures["curves"] = learning_curves(histories, lang)
    if any(case.readings for case in cases):
        figures["gradcam"] = gradcam_panel(cases, lang)
    jobs = min(available_cores(), len(figures) // _EACH)
    advance, paths = begin("saving"), list[Path]()
    advance(0, len(figures))
    saved = map_in_order(partial(_saved, folder, notices), [*figures.items()], jobs=jobs)
    for number, files in enumerate(saved, start=1):
        paths += files
        advance(number, len(figures))
    return paths


def _saved(folder: Path, notices: bool, named: tuple[str, Any]) -> list[Path]:
    name, figure = named
    return save_figure(figure, folder, name, notice=notices)


def statistic_figures(
    metrics: dict[str, Any], lang: str | None = None, name: str = ""
) -> dict[str, Any]:
    """Draw ``roc``, ``reliability``, ``decision`` and ``subgroups``, as far as there are numbers.

    The subgroups are those of the network with the highest macro F1.
    """
    heading = data_heading(metrics, lang, name)
    figures: dict[str, Any] = {}
    if metrics.get("roc"):
        figures["roc"] = roc_overview(metrics, lang, heading)
    if metrics.get("calibration"):
        figures["reliability"] = reliability_overview(metrics["calibration"], lang, heading)
    if metrics.get("decision"):
        figures["decision"] = decision_chart(metrics["decision"], lang, heading)
        if "stated" in metrics["decision"]:
            stated = decision_chart(metrics["decision"], lang, heading, stated=True)
            figures["decision_stated"] = stated
    if metrics.get("subgroups", {}).get("attributes"):
        best = max(metrics["networks"], key=lambda n: metrics["networks"][n]["macro_f1"]["value"])
        shown = (metrics["subgroups"], best, metrics["classes"])
        figures["subgroups"] = forest_plot(*shown, lang, heading)
    return figures


def _by_network(metrics: dict[str, Any], lang: str | None, name: str) -> dict[str, Any]:
    """Draw what is there once for each network: files alone, they would swell the page."""
    heading, classes = data_heading(metrics, lang, name), metrics["classes"]
    figures: dict[str, Any] = {}
    for network, file in file_names(metrics["networks"]).items():
        if metrics.get("roc"):
            figures[f"roc_{file}"] = roc_panels(metrics, network, lang, heading)
        if metrics.get("calibration"):
            drawn = reliability_diagrams(metrics["calibration"], network, classes, lang, heading)
            figures[f"reliability_{file}"] = drawn
        if metrics.get("subgroups", {}).get("attributes"):
            drawn = forest_plot(metrics["subgroups"], network, classes, lang, heading)
            figures[f"subgroups_{file}"] = drawn
    return figures


def explanation_figures(metrics: dict[str, Any], lang: str | None = None) -> dict[str, Any]:
    """Draw ``localization``, ``faithfulness`` and ``shortcuts``, where they were measured."""
    drawn = {
        "localization": ("maps", localization_by_size),
        "faithfulness": ("deletion", deletion_curves),
        "shortcuts": ("changes", shortcut_chart),
    }
    figures = {}
    for name, (part, draw) in drawn.items():
        networks = metrics["networks"].items()
        found = {key: values[name] for key, values in networks if part in values.get(name, {})}
        if found:
            figures[name] = draw(found, lang)
    return figures
