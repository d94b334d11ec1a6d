"""The figures of a study: as files in one language, and in the page in both."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pandas as pd

from metrascope.figures import gradcam
from metrascope.figures.canvas import PAGE_WIDTH, svg_bytes
from metrascope.figures.curves import learning_curves
from metrascope.figures.embedding import embeddings
from metrascope.figures.evaluation import explanation_figures, statistic_figures, write_figures
from metrascope.messages import LANGUAGES
from metrascope.report.gallery import Card, Gallery
from metrascope.report.thumbnails import read_grey
from metrascope.results.tables import write_tables
from metrascope.study_folder.contents import Study

# Matplotlib stays in metrascope.figures, its types too.
Figure = Any

POINTS: Final = 72


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


def draw(study: Study, written: str | None = None) -> Drawings:
    """Draw the t-SNE maps, the learning curves and the charts of statistics in each language.

    Parameters
    ----------
    study
        The study.
    written
        Language in which :func:`write_files` has just drawn them into ``figures/``: those are
        taken as they are, since drawing is most of the time of a report. Without their notices
        they are drawn anew: the page keeps them.
    """
    written = written if study.has_figure_notices else None
    maps, histories = study.embeddings, _histories(study)
    separation = {name: scores.get("embedding", {}) for name, scores in study.scores.items()}

    def each(name: str, make: Callable[[str], Figure]) -> dict[str, Drawing]:
        found = {lang: _read(study, name) if lang == written else None for lang in LANGUAGES}
        return {lang: found[lang] or _drawing(make(lang)) for lang in LANGUAGES}

    return Drawings(
        embedding=each("embedding", lambda lang: embeddings(maps, study.classes, lang, separation))
        if len(maps)
        else {},
        curves=each("curves", lambda lang: learning_curves(histories, lang)) if histories else {},
        charts=_charts(study, written) if study.scores else {},
    )


def _charts(study: Study, written: str | None) -> dict[str, dict[str, Drawing]]:
    """Draw what `metrascope.figures.evaluation` draws of the numbers, by name and language."""
    metrics = dict(study.metrics)
    drawn = {
        lang: {
            name: _drawing(figure)
            for name, figure in (
                statistic_figures(metrics, lang, study.name) | explanation_figures(metrics, lang)
            ).items()
        }
        for lang in LANGUAGES
        if lang != written
    }
    names = next(iter(drawn.values()))
    if written is not None:
        files = {name: _read(study, name) for name in names}
        drawn[written] = {name: found for name, found in files.items() if found is not None}
    return {
        name: {lang: drawn[lang][name] for lang in LANGUAGES if name in drawn[lang]}
        for name in names
    }


def _read(study: Study, name: str) -> Drawing | None:
    """Return a figure that was written as SVG, None where it was not."""
    file = study.folder / "figures" / f"{name}.svg"
    if not file.is_file():
        return None
    content = file.read_bytes()
    width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', content)
    return None if width is None else _embedded(content, float(width[1]) / POINTS)


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
        notices=study.has_figure_notices,
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


def _drawing(figure: Figure) -> Drawing:
    return _embedded(svg_bytes(figure), figure.get_figwidth())


def _embedded(content: bytes, inches: float) -> Drawing:
    address = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    return Drawing(address, min(100, round(100 * inches / PAGE_WIDTH)))
