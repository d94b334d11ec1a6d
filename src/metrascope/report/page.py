"""Write ``report.html``: one file, both languages, no network, the same bytes every time."""

import base64
import hashlib
import shlex
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from metrascope.classes import class_short, class_title
from metrascope.files.atomic import sha256, write_text
from metrascope.messages import LANGUAGES, table
from metrascope.pages import Bilingual, bilingual, join_bilingual, sentence
from metrascope.progress import begin
from metrascope.report import page_tables as tables
from metrascope.report.chapters import CHAPTERS, caption_with_data, chart_caption, page_chapters
from metrascope.report.curve_facts import summarize_run
from metrascope.report.digest import digest
from metrascope.report.documents import page_values, write_documents
from metrascope.report.drawings import Drawings, draw_page_figures, other_languages, write_files
from metrascope.report.gallery import Gallery, build_gallery
from metrascope.report.thumbnails import heat_colors
from metrascope.report.titles import study_title
from metrascope.results import numbers
from metrascope.results.units import counted, unit
from metrascope.statistics.published import N_PUBLISHED, PUBLISHED, network_title
from metrascope.study_folder.contents import Study, read_study

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


def write_report(study: Path, lang: str) -> Path:
    """Write ``report.html`` and what stands beside it, from the files of a study alone.

    That is ``figures/``, ``tables/``, and ``metrascope.report.documents.write_documents``.

    The page has both languages; ``lang`` is the one it opens in and that of the figure files.
    Where a run is missing or failed, or a file is not there, the page says so. Nothing is
    computed: ``metrascope.study.summary.summarize`` makes the numbers first, and refuses a
    study
    of which no run has finished.

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
    values = _values(study, lang) | {"gallery": gallery, "drawings": drawings}
    return _template().render(values)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("metrascope"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= _words() | {"numbers": numbers, "tables": tables}
    environment.filters["title_of"] = network_title
    environment.filters["stacked"] = _stacked
    return environment.get_template("report.html.j2")


def _words() -> dict[str, Any]:
    return {
        "t": sentence,
        "listing": join_bilingual,
        "title_of": network_title,
        "label": lambda name: bilingual(lambda lang: class_title(name, lang)),
        "short": lambda name: bilingual(lambda lang: class_short(name, lang)),
        "partition": _partition,
        "published": PUBLISHED,
        "n_published": N_PUBLISHED,
    }


def _values(study: Study, lang: str) -> dict[str, Any]:
    script = _file("report.js")
    told = {chapter.name: chapter for chapter in page_chapters(study)}
    return {
        "study": study,
        "lang": lang,
        "languages": LANGUAGES,
        "sections": [
            name
            for name in (_EVALUATION if study.is_evaluation else _SECTIONS)
            if name not in CHAPTERS or name in told
        ],
        "evaluation": study.is_evaluation,
        "chapters": told,
        "chart_caption": lambda name: chart_caption(study, name),
        "of_data": lambda caption: bilingual(
            lambda each: caption_with_data(study, caption.in_language(each), each)
        ),
        "style": _file("report.css"),
        "script": script,
        "script_hash": _script_hash(script),
        "title": study_title(study),
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
        "curves": [summarize_run(run) for run in study.runs if run.history is not None],
        "hashes": _hashes(study),
        "command": shlex.join(study.command),
        "terms": _terms(),
        **page_values(study),
    }


def _stacked(cell: Bilingual | str) -> Markup | Bilingual | str:
    """Put the interval of a number on a line of its own, so that more columns fit."""
    words = cell if isinstance(cell, str) else cell.words[0]
    value, space, interval = words.partition(" (")
    if not space or (not isinstance(cell, str) and len(set(cell.words)) > 1):
        return cell
    return Markup('{} <small class="interval">({}</small>').format(value, interval)


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


def _file(name: str) -> Markup:
    file = resources.files("metrascope") / "templates" / name
    # Part of the package, so nothing that a user wrote gets in unescaped.
    return Markup(file.read_text(encoding="utf-8"))  # noqa: S704


def _script_hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
