"""Everything that is made from predictions: ``metrics.json``, tables and figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from metrascope.atomic import write_json
from metrascope.evaluation.metrics import evaluate
from metrascope.evaluation.predictions import Predictions
from metrascope.evaluation.tables import write_tables
from metrascope.figures.canvas import save_figure
from metrascope.figures.comparison import comparison_chart
from metrascope.figures.confusion import confusion_matrices
from metrascope.figures.curves import learning_curves
from metrascope.figures.embedding import COLORINGS, embeddings
from metrascope.figures.explanations import (
    deletion_curves,
    localization_by_size,
    shortcut_chart,
)
from metrascope.figures.gradcam import Case, gradcam_panel


def write_evaluation(
    predictions: Predictions,
    out: Path,
    lang: str | None = None,
    name: str = "",
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
    metrics = evaluate(predictions)
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
) -> list[Path]:
    """Write ``confusion`` and ``macro_f1``, and what else there is data for, as SVG and PNG.

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
    figures |= _explanations(metrics, lang)
    if histories:
        figures["curves"] = learning_curves(histories, lang)
    if any(case.readings for case in cases):
        figures["gradcam"] = gradcam_panel(cases, lang)
    return [path for key, figure in figures.items() for path in save_figure(figure, folder, key)]


def _explanations(metrics: dict[str, Any], lang: str | None) -> dict[str, Any]:
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
