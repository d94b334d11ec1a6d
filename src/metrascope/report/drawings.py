"""The figures of a study: as files in one language, and in the page in both."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

from metrascope.figures import gradcam
from metrascope.figures.canvas import PAGE_WIDTH, svg_bytes
from metrascope.figures.evaluation import write_figures
from metrascope.figures.recipes import page_recipes
from metrascope.messages import LANGUAGES
from metrascope.pages import data_address
from metrascope.report.misread import GalleryReading, panel_cases, panel_readings, readings
from metrascope.report.thumbnails import read_case_grey
from metrascope.results.tables import write_tables
from metrascope.study_folder.contents import Study

# Points of an inch, in which SVG's sizes are.
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


def draw_page_figures(
    study: Study, written: str | None = None, drawn: Mapping[str, Mapping[str, bytes]] | None = None
) -> Drawings:
    """Draw the t-SNE maps, the learning curves and the charts of statistics in each language.

    Parameters
    ----------
    study
        The study.
    written
        Language in which ``write_files`` has just drawn them into ``figures/``: those are
        taken as they are, since drawing is most of the time of a report. Without their notices
        they are drawn anew: the page keeps them.
    drawn
        What ``write_files`` returned; what is not there is drawn here.
    """
    written = written if study.has_figure_notices else None
    metrics = {"classes": study.classes, **study.metrics}
    made: dict[str, dict[str, Drawing]] = {}
    for lang in LANGUAGES:
        recipes = page_recipes(metrics, lang, study.name, study.embeddings, _histories(study))
        for name, recipe in recipes.items():
            ready = (drawn or {}).get(lang, {}).get(name)
            found = _read(study, name) if lang == written else None
            content = ready or found or svg_bytes(recipe())
            made.setdefault(name, {})[lang] = _embedded(content)
    alone = {name: made.pop(name, {}) for name in ("embedding", "curves")}
    return Drawings(alone["embedding"], alone["curves"], made)


def _read(study: Study, name: str) -> bytes | None:
    """Return a figure that was written as SVG, None where it was not."""
    file = study.folder / "figures" / f"{name}.svg"
    return file.read_bytes() if file.is_file() else None


def other_languages(study: Study, written: str) -> tuple[str, ...]:
    """Return languages in which the page needs figures that are no files as they are."""
    return tuple(lang for lang in LANGUAGES if lang != written or not study.has_figure_notices)


def write_files(study: Study, lang: str, also: Sequence[str] = ()) -> dict[str, dict[str, bytes]]:
    """Write ``figures/`` and ``tables/`` in one language; nothing before the evaluation.

    Return by language and name the SVG of what the page shows in other languages, ``also``: all
    figures are shared out among processes, and starting those takes as long as five figures.

    Raises
    ------
    StudyError
        If a file cannot be written.
    """
    if not study.scores:
        return {}
    metrics, name = dict(study.metrics), study.name
    write_tables(metrics, study.folder / "tables", lang, name)
    return write_figures(
        metrics,
        study.folder / "figures",
        lang,
        name,
        embedding_table=study.embeddings,
        histories=_histories(study),
        cases=_cases(study),
        notices=study.has_figure_notices,
        also=also,
    ).drawn


def _histories(study: Study) -> dict[str, pd.DataFrame]:
    return {run.name: run.history for run in study.runs if run.history is not None}


def _cases(study: Study) -> list[gradcam.PanelCase]:
    found = readings(study)
    chosen = panel_cases(found, study.classes)
    panel = panel_readings(found, chosen)
    shown = [label for label in study.classes if chosen.get(label) in study.cases]
    return [_case(study, chosen[label], label, panel) for label in shown]


def _case(
    study: Study, image: str, label: str, panel: Mapping[str, Mapping[str, GalleryReading]]
) -> gradcam.PanelCase:
    row = study.cases[image]
    found = {network: _reading(study, of[label]) for network, of in panel.items() if label in of}
    return gradcam.PanelCase(
        label=label,
        grey=read_case_grey(study.folder, row["file"]),
        mask=read_case_grey(study.folder, row["mask_file"]) if row["mask_file"] else None,
        box=(row["left"], row["top"], row["right"], row["bottom"]),
        readings={network: reading for network, reading in found.items() if reading is not None},
    )


def _reading(study: Study, reading: GalleryReading) -> gradcam.PanelReading | None:
    if reading.run.heatmaps is None:
        return None
    heat = reading.run.heatmaps[reading.row, study.classes.index(reading.predicted)]
    return gradcam.PanelReading(heat, reading.predicted, max(reading.probabilities))


def _embedded(content: bytes) -> Drawing:
    width = re.search(rb'<svg[^>]* width="([\d.]+)pt"', content)
    if width is None:  # matplotlib always writes it
        raise ValueError("SVG without a width")
    address = data_address(content, "svg+xml")
    return Drawing(address, min(100, round(100 * float(width[1]) / POINTS / PAGE_WIDTH)))
