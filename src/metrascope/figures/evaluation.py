"""Everything that is made from predictions: ``metrics.json``, tables and figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from metrascope.figures.canvas import save_figure, svg_bytes
from metrascope.figures.gradcam import PanelCase
from metrascope.figures.recipes import Recipe, file_recipes, page_recipes
from metrascope.files.atomic import write_json
from metrascope.processes.capacity import available_cores
from metrascope.processes.files import map_in_order
from metrascope.progress import begin
from metrascope.results.tables import write_tables
from metrascope.statistics.evaluate import evaluate_predictions
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
        As for ``metrascope.statistics.evaluate.evaluate_predictions``.

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
    metrics = evaluate_predictions(predictions, attributes=attributes, prevalence=prevalence)
    write_results(metrics, out, lang, name)
    return metrics


def write_results(
    metrics: dict[str, Any], out: Path, lang: str | None = None, name: str = ""
) -> None:
    """Write ``metrics.json``, ``tables/`` and ``figures/`` of an evaluation into ``out``."""
    begin("figures")
    write_json(out / "metrics.json", metrics)
    write_tables(metrics, out / "tables", lang, name)
    write_figures(metrics, out / "figures", lang, name)


class Written(NamedTuple):
    """Files of figures; and by language and name the SVG of those that the page shows."""

    paths: list[Path]
    drawn: dict[str, dict[str, bytes]]


def write_figures(
    metrics: dict[str, Any],
    folder: Path,
    lang: str | None = None,
    name: str = "",
    *,
    embedding_table: pd.DataFrame | None = None,
    histories: Mapping[str, pd.DataFrame] | None = None,
    cases: Sequence[PanelCase] = (),
    notices: bool = True,
    also: Sequence[str] = (),
) -> Written:
    """Write ``confusion`` and ``macro_f1``, and what else there is data for, as SVG and PNG.

    Of calibration, decision curves, subgroups, heat maps and shortcuts those that `metrics` holds.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    folder
        Where to write.
    lang, name
        As for ``write_evaluation``.
    embedding_table
        ``embeddings.csv``; written as ``embedding``, and with other colors than the class's as
        ``embedding_scanner``, ``embedding_partition`` and ``embedding_correct``.
    histories
        ``history.csv`` by run; written as ``curves``.
    cases
        One per class with the heat maps of the networks; written as ``gradcam``.
    notices
        Whether a figure says that it is for research use only.
    also
        Languages in which the page shows its figures as well.
    """
    files = file_recipes(metrics, lang, name, embedding_table, histories, cases)
    sheets = [_Sheet(file, recipe) for file, recipe in files.items()]
    for each in also:
        shown = page_recipes(metrics, each, name, embedding_table, histories)
        sheets += [_Sheet(file, recipe, each) for file, recipe in shown.items()]
    jobs = min(available_cores(), len(sheets) // _EACH)
    advance, paths = begin("saving"), list[Path]()
    drawn: dict[str, dict[str, bytes]] = {each: {} for each in also}
    advance(0, len(sheets))
    made = map_in_order(partial(_save_sheet, folder, notices), sheets, jobs=jobs)
    for number, (sheet, content) in enumerate(zip(sheets, made, strict=True), start=1):
        if isinstance(content, bytes):
            drawn[sheet.page][sheet.name] = content
        else:
            paths += content
        advance(number, len(sheets))
    return Written(paths, drawn)


class _Sheet(NamedTuple):
    """A figure that is to be written, or drawn for the page in the language ``page``."""

    name: str
    recipe: Recipe
    page: str = ""


def _save_sheet(folder: Path, notices: bool, sheet: _Sheet) -> list[Path] | bytes:
    """Draw a figure; return its files, or for the page its SVG."""
    figure = sheet.recipe()
    if sheet.page:
        return svg_bytes(figure)
    return save_figure(figure, folder, sheet.name, notice=notices)
