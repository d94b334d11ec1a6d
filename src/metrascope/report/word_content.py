"""The report as a Word document: the page's content for journals and hospitals."""

from string import ascii_uppercase
from typing import Final

import pandas as pd

from metrascope.classes import class_title
from metrascope.messages import text
from metrascope.report import page_tables as tables
from metrascope.report.chapters import caption_with_data, chapters, chart_caption
from metrascope.report.checklists import CHECKLISTS, checklist_table, fill_checklist
from metrascope.report.digest import digest
from metrascope.report.exclusions import flow_table, scanner_table
from metrascope.report.methods import paragraphs, partition_title
from metrascope.report.word import WordDocument
from metrascope.results.tables import (
    best_columns,
    comparison,
    comparison_caption,
    per_class,
    per_class_caption,
)
from metrascope.study_folder.contents import Study

# Shares of the page for each column. By eye.
_CHECKLIST_WIDTHS: Final = (0.06, 0.13, 0.23, 0.07, 0.33, 0.18)


def report_document(study: Study, lang: str) -> bytes:
    """Return ``report.docx`` in one language; figures come from ``figures/`` of the study.

    The same numbers, tables and sentences as on the page, from the same functions. Where a file
    of the study is missing, the part that it would fill is left out.
    """
    notice = text("common.research_only", lang)
    version = f"Metrascope {study.versions.get('metrascope', '')}".strip()
    word = WordDocument(tables.study_title(study).in_language(lang), notice, version, lang)
    _summary(word, study, lang)
    _data(word, study, lang)
    _results(word, study, lang)
    _chapters(word, study, lang)
    _pictures(word, study, lang)
    word.heading(text("report.methods", lang))
    told = paragraphs(study, lang)
    for name, words in told.items():
        word.heading(text(f"report.methods_{name}", lang), 2)
        word.paragraph(words)
    if not told:
        word.paragraph(text("document.methods_absent", lang))
    _checklists(word, study, lang)
    return word.content()


def data_table(study: Study, lang: str) -> pd.DataFrame:
    """Return patients and images of every partition and class, with their sums."""
    counts = tables.partition_counts(study)
    titles = [class_title(name, lang) for name in study.classes]
    columns: dict[tuple[str, str], list[str] | list[int]] = {
        ("", text("report.class", lang)): [*titles, text("report.all", lang)]
    }
    for name, rows in counts.items():
        pairs = [*(rows[label] for label in study.classes), rows[""]]
        partition = partition_title(name, lang)
        columns[partition, text("report.patients", lang)] = [pair[0] for pair in pairs]
        columns[partition, text("report.images", lang)] = [pair[1] for pair in pairs]
    return pd.DataFrame(columns)


def data_caption(study: Study, lang: str) -> str:
    """Return what stands over ``data_table``."""
    name = study.name or text("report.unnamed", lang)
    return text("report.data_caption", lang, data=name)


def _summary(word: WordDocument, study: Study, lang: str) -> None:
    word.heading(text("report.summary", lang))
    warnings = [warning.in_language(lang) for warning in tables.warnings(study)]
    if warnings:
        word.paragraph("", lead=text("report.notice", lang))
        word.bullets(warnings)
    points = digest(study)
    for point in points:
        word.paragraph(point.words.in_language(lang), lead=point.lead.in_language(lang))
        word.bullets([line.in_language(lang) for line in point.details])
    if not points:
        word.paragraph(text("report.sum_none", lang))


def _data(word: WordDocument, study: Study, lang: str) -> None:
    word.heading(text("report.data", lang), new_page=True)
    if not tables.partition_counts(study):
        word.paragraph(text("report.data_absent", lang))
        return
    word.table(data_table(study, lang), data_caption(study, lang))
    for name, found in (
        ("flow", flow_table(study, lang)),
        ("scanners", scanner_table(study, lang)),
    ):
        if found is not None:
            widths = (0.3, 0.12, 0.58) if name == "flow" else ()
            caption = text(f"report.{name}_caption", lang)
            whose = study.name or text("report.unnamed", lang)
            caption = text("document.of_data", lang, caption=caption, data=whose)
            word.table(found, caption, widths=widths)
    for key, shown in (("data_manifest", "manifest_sha256"), ("data_split", "split_sha256")):
        if study.data.get(shown):
            colon = text("document.colon", lang)
            word.paragraph(text(f"report.{key}", lang) + colon + study.data[shown], note=True)


def _results(word: WordDocument, study: Study, lang: str) -> None:
    word.heading(text("report.results", lang))
    if not study.scores:
        word.paragraph(text("report.metrics_absent", lang))
        return
    metrics = dict(study.metrics)
    compared = comparison(metrics, lang, study.name)
    caption = comparison_caption(metrics, compared, lang, study.name)
    word.table(compared, caption, best=best_columns(compared), size=8)
    word.table(per_class(metrics, lang), per_class_caption(metrics, lang, study.name), labels=2)


def _chapters(word: WordDocument, study: Study, lang: str) -> None:
    """Add the chapters of statistics: findings, charts, tables."""
    for chapter in chapters(study, lang):
        if chapter.empty:
            continue
        word.heading(text(f"report.{chapter.name}", lang))
        word.bullets(list(chapter.findings))
        for chart in chapter.charts:
            file = study.folder / "figures" / f"{chart}.png"
            if file.is_file():
                word.picture(file, chart_caption(study, chart).in_language(lang))
        for table in chapter.tables:
            word.table(table.frame, table.caption, labels=table.labels, size=8)


def _pictures(word: WordDocument, study: Study, lang: str) -> None:
    """Add the figures that there are, each under the heading and words that it has on the page."""
    parts = {
        "macro_f1": ("", text("document.figure_macro_f1", lang)),
        "confusion": ("confusion", text("document.figure_confusion", lang)),
        "gradcam": ("heatmaps", text("report.heatmaps_caption", lang)),
        "embedding": ("embedding", _of_maps(study, lang)),
        "curves": ("curves", text("report.curves_caption", lang)),
    }
    for name, (heading, caption) in parts.items():
        file = study.folder / "figures" / f"{name}.png"
        if not study.scores or not file.is_file():
            continue
        if heading:
            word.heading(text(f"report.{heading}", lang))
        word.picture(file, caption_with_data(study, caption, lang))
        if name == "gradcam":
            if tables.has_paper_classes(study):
                word.paragraph(text("report.heatmaps_paper", lang), note=True)
            word.paragraph(text("report.heatmaps_limits", lang), note=True)


def _of_maps(study: Study, lang: str) -> str:
    caption, count = text("report.embedding_caption", lang), tables.laid_out(study)
    return f"{caption} {text('report.embedding_some', lang, count=count)}" if count else caption


def _checklists(word: WordDocument, study: Study, lang: str) -> None:
    for letter, key in zip(ascii_uppercase, CHECKLISTS, strict=False):
        filled = fill_checklist(study, key, lang)
        title = text("document.appendix", lang, letter=letter, name=filled.name)
        word.heading(title, new_page=True)
        word.paragraph(filled.note)
        word.paragraph(filled.tally(lang) + " " + text("document.checklists_note", lang))
        word.paragraph(text("checklist.source", lang, source=filled.source), note=True)
        caption = text(
            "checklist.caption",
            lang,
            name=filled.name,
            data=study.name or text("report.unnamed", lang),
        )
        table = checklist_table(filled, lang)
        word.table(table, caption, widths=_CHECKLIST_WIDTHS, size=7.5)
