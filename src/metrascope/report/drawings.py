"""The figures of a study: as files in one language, and in the page in both."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from metrascope.evaluation.tables import write_tables
from metrascope.figures import gradcam
from metrascope.figures.canvas import PAGE_WIDTH, svg_bytes
from metrascope.figures.curves import learning_curves
from metrascope.figures.embedding import embeddings
from metrascope.messages import LANGUAGES
from metrascope.report.content import Study
from metrascope.report.gallery import Card, Gallery
from metrascope.report.pictures import read_grey
from metrascope.results import explanation_figures, statistic_figures, write_figures

# Matplotlib stays in metrascope.figures, its types too.
Figure = Any


@dataclass(frozen=True)
class Drawing:
    """An SVG as a ``data:`` address, and its share of the page's width in percent."""

    address: str
    width: int


@dataclass(frozen=True)
class Drawings:
    """Drawings of the page by language; empty where there are no data."""

    embedding: dict[str, Drawing] = field(default_factory=dict)
    curves: dict[str, Drawing] = field(default_factory=dict)
    charts: dict[str, dict[str, Drawing]] = field(default_factory=dict)


def draw(study: Study) -> Drawings:
    """Draw the t-SNE maps, the learning curves and the charts of statistics in each language."""
    maps, histories = study.embeddings, _histories(study)
    separation = {name: scores.get("embedding", {}) for name, scores in study.scores.items()}
    return Drawings(
        embedding=_in_each_language(lambda lang: embeddings(maps, study.classes, lang, separation))
        if len(maps)
        else {},
        curves=_in_each_language(lambda lang: learning_curves(histories, lang))
        if histories
        else {},
        charts=_charts(study) if study.scores else {},
    )


def _charts(study: Study) -> dict[str, dict[str, Drawing]]:
    """Draw what `metrascope.results` draws of the numbers, by name and language."""
    metrics = dict(study.metrics)
    drawn = {
        lang: statistic_figures(metrics, lang, study.name) | explanation_figures(metrics, lang)
        for lang in LANGUAGES
    }
    return {
        name: {lang: _drawing(figures[name]) for lang, figures in drawn.items()}
        for name in drawn[LANGUAGES[0]]
    }


def write_files(study: Study, gallery: Gallery, lang: str) -> None:
    """Write ``figures/`` and ``tables/`` in one language; nothing before the evaluation.

    Raises
    ------
    StudyError
        If a file cannot be written.
    """
    if not study.scores:
        return
    metrics, name = dict(study.metrics), study.name
    write_tables(metrics, study.folder / "tables", lang, name)
    write_figures(
        metrics,
        study.folder / "figures",
        lang,
        name,
        embedding_table=study.embeddings,
        histories=_histories(study),
        cases=_cases(study, gallery),
    )


def _histories(study: Study) -> dict[str, pd.DataFrame]:
    return {run.name: run.history for run in study.runs if run.history is not None}


def _cases(study: Study, gallery: Gallery) -> list[gradcam.Case]:
    shown = [label for label in study.classes if gallery.chosen.get(label) in gallery.cases]
    return [_case(study, gallery, label) for label in shown]


def _case(study: Study, gallery: Gallery, label: str) -> gradcam.Case:
    row = study.cases[gallery.chosen[label]]
    cards = {network: cards[label] for network, cards in gallery.panel.items() if label in cards}
    found = {network: _reading(study, card) for network, card in cards.items()}
    return gradcam.Case(
        label=label,
        grey=read_grey(study.folder, row["file"]),
        mask=read_grey(study.folder, row["mask_file"]) if row["mask_file"] else None,
        box=(row["left"], row["top"], row["right"], row["bottom"]),
        readings={network: reading for network, reading in found.items() if reading is not None},
    )


def _reading(study: Study, card: Card) -> gradcam.Reading | None:
    reading = card.reading
    if reading.run.heatmaps is None:
        return None
    heat = reading.run.heatmaps[reading.row, study.classes.index(reading.predicted)]
    return gradcam.Reading(heat, reading.predicted, max(reading.probabilities))


def _in_each_language(make: Callable[[str], Figure]) -> dict[str, Drawing]:
    return {lang: _drawing(make(lang)) for lang in LANGUAGES}


def _drawing(figure: Figure) -> Drawing:
    address = f"data:image/svg+xml;base64,{base64.b64encode(svg_bytes(figure)).decode()}"
    return Drawing(address, min(100, round(100 * figure.get_figwidth() / PAGE_WIDTH)))
