"""Which figures a study's numbers give, by name: each a call that any process can make.

Drawing a figure takes as long as saving it, and a figure on its way from one process to another
takes half as long again. So what travels are the numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd

from metrascope.figures.comparison import comparison_chart
from metrascope.figures.confusion import confusion_matrices
from metrascope.figures.decision import decision_chart
from metrascope.figures.embedding import COLORINGS, embeddings
from metrascope.figures.explanations import (
    deletion_curves,
    localization_by_size,
    shortcut_chart,
)
from metrascope.figures.fonts import figure_language
from metrascope.figures.forest import forest_plot
from metrascope.figures.gradcam import PanelCase, gradcam_panel
from metrascope.figures.learning_curves import learning_curves
from metrascope.figures.reliability import reliability_diagrams, reliability_overview
from metrascope.figures.roc import roc_overview, roc_panels
from metrascope.files.file_names import file_names
from metrascope.results.tables import data_heading

Recipe = Callable[[], Any]
"""Returns a figure; it travels between processes."""


def file_recipes(
    metrics: dict[str, Any],
    lang: str | None,
    name: str,
    embedding_table: pd.DataFrame | None,
    histories: Mapping[str, pd.DataFrame] | None,
    cases: Sequence[PanelCase],
) -> dict[str, Recipe]:
    """Return the figures that are written as files; see `metrascope.figures.evaluation`."""
    # Here, so that a missing font is told of once and not by every process.
    lettered = figure_language(lang)
    recipes: dict[str, Recipe] = {
        "confusion": partial(confusion_matrices, metrics, lettered),
        "macro_f1": partial(comparison_chart, metrics, lettered, name),
    }
    recipes |= page_recipes(metrics, lang, name, embedding_table, histories)
    if embedding_table is not None and len(embedding_table):
        shown = embedding_table, metrics["classes"], lettered, _separation(metrics)
        for coloring in COLORINGS:
            if coloring in embedding_table and embedding_table[coloring].nunique() > 1:
                recipes[f"embedding_{coloring}"] = partial(embeddings, *shown, coloring)
    recipes |= _by_network(metrics, lang, name)
    if any(case.readings for case in cases):
        recipes["gradcam"] = partial(gradcam_panel, cases, lettered)
    return recipes


def page_recipes(
    metrics: dict[str, Any],
    lang: str | None,
    name: str,
    embedding_table: pd.DataFrame | None,
    histories: Mapping[str, pd.DataFrame] | None,
) -> dict[str, Recipe]:
    """Return the figures that the page shows in each language."""
    recipes: dict[str, Recipe] = {}
    if embedding_table is not None and len(embedding_table):
        shown = embedding_table, metrics["classes"], figure_language(lang), _separation(metrics)
        recipes["embedding"] = partial(embeddings, *shown)
    recipes |= chart_recipes(metrics, lang, name)
    if histories:
        recipes["curves"] = partial(learning_curves, histories, figure_language(lang))
    return recipes


def chart_recipes(metrics: dict[str, Any], lang: str | None, name: str) -> dict[str, Recipe]:
    """Return ``roc``, ``reliability``, ``decision``, ``subgroups``, and those of heat maps.

    As far as there are numbers. The subgroups are those of the network with the highest macro F1.
    """
    if not metrics.get("networks"):
        return {}
    heading, lettered = data_heading(metrics, lang, name), figure_language(lang)
    recipes: dict[str, Recipe] = {}
    if metrics.get("roc"):
        recipes["roc"] = partial(roc_overview, metrics, lettered, heading)
    if metrics.get("calibration"):
        shown = metrics["calibration"], lettered, heading
        recipes["reliability"] = partial(reliability_overview, *shown)
    if metrics.get("decision"):
        drawn = metrics["decision"], lettered, heading
        recipes["decision"] = partial(decision_chart, *drawn)
        if "stated" in metrics["decision"]:
            recipes["decision_stated"] = partial(decision_chart, *drawn, stated=True)
    if metrics.get("subgroups", {}).get("attributes"):
        best = max(metrics["networks"], key=lambda n: metrics["networks"][n]["macro_f1"]["value"])
        told = metrics["subgroups"], best, metrics["classes"]
        recipes["subgroups"] = partial(forest_plot, *told, lettered, heading)
    return recipes | _explanations(metrics, lettered)


def _by_network(metrics: dict[str, Any], lang: str | None, name: str) -> dict[str, Recipe]:
    """Return what is there once for each network: files alone, they would swell the page."""
    heading, classes = data_heading(metrics, lang, name), metrics["classes"]
    last = figure_language(lang), heading
    recipes: dict[str, Recipe] = {}
    for network, file in file_names(metrics["networks"]).items():
        if metrics.get("roc"):
            recipes[f"roc_{file}"] = partial(roc_panels, metrics, network, *last)
        if metrics.get("calibration"):
            shown = metrics["calibration"], network, classes
            recipes[f"reliability_{file}"] = partial(reliability_diagrams, *shown, *last)
        if metrics.get("subgroups", {}).get("attributes"):
            told = metrics["subgroups"], network, classes
            recipes[f"subgroups_{file}"] = partial(forest_plot, *told, *last)
    return recipes


def _explanations(metrics: dict[str, Any], lettered: str) -> dict[str, Recipe]:
    """Return ``localization``, ``faithfulness`` and ``shortcuts``, where they were measured."""
    drawn = {
        "localization": ("maps", localization_by_size),
        "faithfulness": ("deletion", deletion_curves),
        "shortcuts": ("changes", shortcut_chart),
    }
    recipes: dict[str, Recipe] = {}
    for name, (part, draw) in drawn.items():
        networks = metrics["networks"].items()
        found = {key: values[name] for key, values in networks if part in values.get(name, {})}
        if found:
            recipes[name] = partial(draw, found, lettered)
    return recipes


def _separation(metrics: dict[str, Any]) -> dict[str, Any]:
    networks = metrics.get("networks", {})
    return {name: scores.get("embedding", {}) for name, scores in networks.items()}
