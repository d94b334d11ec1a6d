"""Write ``report.html``: one file, both languages, no network, the same bytes every time."""

import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from markupsafe import Markup

from metrascope.classes import class_short
from metrascope.files.atomic import sha256, write_text
from metrascope.messages import table
from metrascope.pages import Bilingual, bilingual, render_page, sentence
from metrascope.progress import begin
from metrascope.report import page_tables as tables
from metrascope.report.chapters import CHAPTERS, caption_with_data, chart_caption, page_chapters
from metrascope.report.digest import digest
from metrascope.report.documents import page_values, write_documents
from metrascope.report.drawings import Drawings, draw_page_figures, other_languages, write_files
from metrascope.report.gallery import Gallery, build_gallery
from metrascope.report.thumbnails import heat_colors
from metrascope.results import notation
from metrascope.results.estimate import Estimate
from metrascope.results.units import counted, unit
from metrascope.statistics.published import N_PUBLISHED, PUBLISHED, network_title
from metrascope.study_folder.contents import Study, StudyRun, read_study

_SECTIONS: Final = (
    "summary",
    "data",
    "results",
    "confusion",
    *CHAPTERS,
    "heatmaps",
    "embedding",
    "curves",
    "cases",
    "methods",
    "checklists",
    "cards",
    "settings",
    "versions",
    "glossary",
)
_EVALUATION: Final = ("summary", "data", "results", "confusion", *CHAPTERS, "glossary")
"""Sections of the page of an evaluation, which has no study."""
_HASHED: Final = ("settings.toml", "splits.csv", "predictions.csv", "metrics.json")
_NAMED_PARTITIONS: Final = ("train", "validation", "test", "excluded")


@dataclass(frozen=True)
class _Curve:
    """A run's training in numbers; losses are means over the steps of an epoch."""

    run: StudyRun
    steps: int
    epochs: int
    lowest_rate: float
    highest_rate: float
    first_loss: float
    last_loss: float
    last_f1: float | None


def write_report(study: Path, lang: str) -> Path:
    """Write ``report.html`` and what stands beside it, from the files of a study alone.

    That is ``figures/``, ``tables/``, and ``metrascope.report.documents.write_documents``.

    The page has both languages; ``lang`` is the one it opens in and that of the figure files.
    Where a run is missing or failed, or a file is not there, the page says so. Nothing is
    computed: ``metrascope.study.summary.summarize`` makes the numbers first, and refuses a
    study of which no run has finished.

    Parameters
    ----------
    study
        The folder that ``metrascope study`` wrote.
    lang
        ``en`` or ``zh``.

    Returns
    -------
    pathlib.Path
        The page.

    Raises
    ------
    StudyError
        If the folder is no study, a file in it cannot be used, or the page cannot be written.
    """
    begin("figures")
    content = read_study(study)
    with ThreadPoolExecutor(1) as beside:
        # Other processes draw, and this one reads the pictures meanwhile.
        pictures = beside.submit(build_gallery, content)
        drawn = write_files(content, lang, other_languages(content, lang))
        gallery = pictures.result()
    begin("documents")
    write_documents(content, lang)
    begin("page")
    page = study / "report.html"
    write_text(page, render_report(content, gallery, draw_page_figures(content, lang, drawn), lang))
    return page


def render_report(study: Study, gallery: Gallery, drawings: Drawings, lang: str) -> str:
    """Return the page as text; ``lang`` is the language it opens in."""
    told = {chapter.name: chapter for chapter in page_chapters(study)}
    sections = [
        name
        for name in (_EVALUATION if study.is_evaluation else _SECTIONS)
        if name not in CHAPTERS or name in told
    ]
    drawn = {"chapters": told, "gallery": gallery, "drawings": drawings}
    values = _WORDS | _values(study) | drawn
    return render_page("report.html.j2", tables.study_title(study), sections, values, lang)


def _values(study: Study) -> dict[str, Any]:
    return {
        "study": study,
        "evaluation": study.is_evaluation,
        "chart_caption": lambda name: chart_caption(study, name),
        "of_data": lambda caption: bilingual(
            lambda each: caption_with_data(study, caption.in_language(each), each)
        ),
        "counts": tables.partition_counts(study),
        "held": study.partition,
        "counted": bilingual(lambda lang: counted(study.metrics, lang)) if study.scores else "",
        "unit": bilingual(lambda lang: unit(study.metrics, lang)) if study.scores else "",
        "best": tables.best_networks(study),
        "digest": digest(study),
        "warnings": tables.warnings(study),
        "highest": tables.highest_scores(study),
        "separated": [name for name in study.networks if tables.embedding_scores(study, name)],
        "unfinished": tables.unfinished(study),
        "scale": _scale(),
        "curves": [_summarize_run(run) for run in study.runs if run.history is not None],
        "hashes": _hashes(study),
        "command": shlex.join(study.command),
        "terms": _terms(),
        **page_values(study),
    }


def _summarize_run(run: StudyRun) -> _Curve:
    """Return the numbers of a run that has a history."""
    history = run.history if run.history is not None else pd.DataFrame()
    losses = history.groupby("epoch")["loss"].mean()
    scores = history.get("validation_macro_f1", pd.Series(dtype=float)).dropna()
    return _Curve(
        run=run,
        steps=len(history),
        epochs=int(history["epoch"].nunique()),
        lowest_rate=float(history["learning_rate"].min()),
        highest_rate=float(history["learning_rate"].max()),
        first_loss=float(losses.iloc[0]) if len(losses) else float("nan"),
        last_loss=float(losses.iloc[-1]) if len(losses) else float("nan"),
        last_f1=float(scores.iloc[-1]) if len(scores) else None,
    )


def _stacked(cell: Estimate | Bilingual) -> Markup | Bilingual | str:
    """Put the interval of a number on a line of its own, so that more columns fit."""
    if not isinstance(cell, Estimate):
        return cell
    if not cell.interval:
        return cell.number
    return Markup('{} <small class="interval">{}</small>').format(cell.number, cell.interval)


def _partition(name: str) -> Bilingual:
    known = name in _NAMED_PARTITIONS
    return sentence(f"report.partition_{name}") if known else bilingual(lambda lang: name)


def _scale() -> str:
    colors, alphas = heat_colors(12)
    stops = [
        f"rgba({r},{g},{b},{alpha / 255:.2f})"
        for (r, g, b), alpha in zip(colors.tolist(), alphas.tolist(), strict=True)
    ]
    return ",".join(stops)


def _hashes(study: Study) -> dict[str, str]:
    files = [study.folder / name for name in _HASHED]
    hashes = {file.name: sha256(file) for file in files if file.is_file()}
    weights = {f"runs/{run.name}": run.model.get("weights_sha256") for run in study.runs}
    return hashes | {f"{name}/weights.safetensors": str(h) for name, h in weights.items() if h}


def _terms() -> list[str]:
    keys = [key.removeprefix("report.") for key in table() if key.startswith("report.term_")]
    return [key for key in keys if not key.endswith("_text")]


_WORDS: Final = {
    "title_of": network_title,
    "titles": lambda names: [network_title(name) for name in names],
    "short": lambda name: bilingual(lambda lang: class_short(name, lang)),
    "partition": _partition,
    "published": PUBLISHED,
    "n_published": N_PUBLISHED,
    "estimate": Estimate.percent,
    "stacked": _stacked,
    "numbers": notation,
    "tables": tables,
}
"""What the template calls."""
