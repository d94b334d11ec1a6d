"""What stands beside the page: methods, checklists and model cards as files, the Word document."""

from pathlib import Path
from typing import Any, Final

import pandas as pd

from metrascope.files.atomic import write_bytes, write_text
from metrascope.files.file_names import file_names
from metrascope.messages import LANGUAGES, text
from metrascope.pages import Bilingual
from metrascope.report.cards import card_markdown, card_networks, model_card
from metrascope.report.checklists import CHECKLISTS, Checklist, checklist_table, fill_checklist
from metrascope.report.exclusions import flow_table, scanner_table
from metrascope.report.methods import methods, paragraphs
from metrascope.report.word_content import data_caption, data_table, report_document
from metrascope.results.latex import latex_long_table, latex_table
from metrascope.results.tables import csv_text
from metrascope.study_folder.contents import Study

# Shares of the page for each column of a checklist. By eye.
_WIDTHS: Final = (0.05, 0.12, 0.26, 0.07, 0.28, 0.14)


def write_documents(study: Study, lang: str) -> list[Path]:
    """Write ``report.docx``, ``methods.txt``, ``checklists/``, ``cards/``, ``tables/data.*``.

    Methods and cards are in both languages, the rest in ``lang``. The figures of the study are
    there by then.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    StudyError
        If a file of the study cannot be used, or one cannot be written.
    """
    words = [methods(study, each) for each in LANGUAGES]
    notices = [text("common.research_only", each) for each in LANGUAGES]
    pairs = zip(words, notices, strict=True)
    files = {"methods.txt": "\n\n".join(f"{said}\n\n{notice}" for said, notice in pairs) + "\n"}
    counts = data_table(study, lang)
    if counts.shape[1] > 1:
        caption = data_caption(study, lang)
        files["tables/data.csv"] = csv_text(counts)
        files["tables/data.tex"] = latex_table(counts, caption, "tab:data")
    for key in CHECKLISTS:
        filled = fill_checklist(study, key, lang)
        files[f"checklists/{key}.csv"] = csv_text(checklist_table(filled, lang))
        files[f"checklists/{key}.tex"] = _latex(study, filled, lang)
    for network, file in file_names(card_networks(study)).items():
        files[f"cards/{file}.md"] = card_markdown(study, network)
    for name, content in files.items():
        write_text(study.folder / name, content)
    document = study.folder / "report.docx"
    write_bytes(document, report_document(study, lang))
    return [*(study.folder / name for name in files), document]


def page_values(study: Study) -> dict[str, Any]:
    """Return what ``documents.html.j2`` shows, in every language."""
    return {
        "methods": _paragraphs(study),
        "data_tables": _data_tables(study),
        "checklists": [
            {lang: fill_checklist(study, key, lang) for lang in LANGUAGES} for key in CHECKLISTS
        ],
        "cards": [
            {lang: model_card(study, network, lang) for lang in LANGUAGES}
            for network in card_networks(study)
        ],
    }


def _data_tables(study: Study) -> dict[str, dict[str, pd.DataFrame]]:
    """Return the tables of flow and scanners that there are, by name and language."""
    made = {"flow": flow_table, "scanners": scanner_table}
    found = {name: {lang: make(study, lang) for lang in LANGUAGES} for name, make in made.items()}
    return {
        name: {lang: frame for lang, frame in each.items() if frame is not None}
        for name, each in found.items()
        if all(frame is not None for frame in each.values())
    }


def _paragraphs(study: Study) -> dict[str, Bilingual]:
    """Return the paragraphs of the methods by name, in every language."""
    each = [paragraphs(study, lang) for lang in LANGUAGES]
    return {name: Bilingual(tuple(found[name] for found in each)) for name in each[0]}


def _latex(study: Study, filled: Checklist, lang: str) -> str:
    caption = text(
        "checklist.caption",
        lang,
        name=filled.name,
        data=study.name or text("report.unnamed", lang),
    )
    gap = text("evaluation.between_sentences", lang)
    source = text("checklist.source", lang, source=filled.source)
    caption = gap.join([caption, filled.note, source, text("common.research_only", lang)])
    return latex_long_table(
        checklist_table(filled, lang), caption, f"tab:{filled.key.replace('_', '-')}", _WIDTHS
    )
