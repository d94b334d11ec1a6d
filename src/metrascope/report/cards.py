"""The model card of each network, from the files of a study alone.

Source of the sections: Mitchell M, et al. Model Cards for Model Reporting. FAT* 2019:220-229.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from metrascope.classes import class_title
from metrascope.messages import LANGUAGES, text
from metrascope.pages import join_items
from metrascope.report import page_tables as tables
from metrascope.report import recipe
from metrascope.report.inference import has_intervals
from metrascope.report.methods import finished, sentences
from metrascope.results.estimate import ABSENT
from metrascope.results.notation import percent
from metrascope.results.units import counted
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study, StudyRun

_MACRO: Final = ("macro_precision", "macro_recall", "macro_f1", "accuracy")
_CLASS: Final = ("precision", "recall", "f1")
_MARKS: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")


@dataclass(frozen=True)
class CardPart:
    """A section of a card: sentences, then a table where there is one."""

    heading: str
    lines: tuple[str, ...]
    table: pd.DataFrame | None = None


@dataclass(frozen=True)
class ModelCard:
    """The model card of one network in one language."""

    network: str
    title: str
    parts: tuple[CardPart, ...]


def card_networks(study: Study) -> list[str]:
    """Return the networks that have a card: those with a finished run."""
    return list(dict.fromkeys(run.network for run in finished(study)))


def model_card(study: Study, network: str, lang: str) -> ModelCard:
    """Make the card of a network of ``card_networks``."""
    runs = [run for run in finished(study) if run.network == network]
    parts = [
        _part("details", _details(study, runs, lang), lang),
        _part("use", _use(study, lang), lang),
        _part("out_of_scope", _out_of_scope(study, lang), lang),
        _part("training_data", _training_data(study, lang), lang),
        _part("evaluation_data", _evaluation_data(study, network, lang), lang),
        *_figures(study, network, lang),
        _part("limits", _limits(study, network, runs, lang), lang),
        _part("license", _license(study, runs, lang), lang),
        _part("versions", sentences(study, "software", lang), lang),
    ]
    title = text("cards.title", lang, network=network_title(network), data=_data(study, lang))
    return ModelCard(
        network, title, tuple(part for part in parts if part.lines or part.table is not None)
    )


def card_markdown(study: Study, network: str) -> str:
    """Return a network's card as Markdown, in one language after the other."""
    return "\n---\n\n".join(_markdown(model_card(study, network, lang), lang) for lang in LANGUAGES)


def _part(
    name: str, lines: Sequence[str], lang: str, table: pd.DataFrame | None = None
) -> CardPart:
    return CardPart(text(f"cards.{name}", lang), tuple(lines), table)


def _details(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    steps = (recipe.network_sentences, recipe.weights, recipe.preprocessing, recipe.training)
    told = [line for step in steps for line in step(study, runs, lang)]
    told += recipe.selection(study, runs, lang)
    return told + [
        text("cards.run", lang, run=run.name, digest=run.model["weights_sha256"])
        for run in runs
        if run.model.get("weights_sha256")
    ]


def _use(study: Study, lang: str) -> list[str]:
    classes = tables.choices(study).in_language(lang)
    research = text("cards.use_research", lang, classes=classes)
    return [text("common.research_only", lang), research, text("cards.users", lang)]


def _out_of_scope(study: Study, lang: str) -> list[str]:
    classes = tables.choices(study).in_language(lang)
    keys = ("no_care", "no_others", "no_kinds")
    return [text(f"cards.{key}", lang, classes=classes) for key in keys]


def _training_data(study: Study, lang: str) -> list[str]:
    told = sentences(study, "data", lang) + sentences(study, "partitions", lang)
    keys = {"manifest": "manifest_sha256", "split": "split_sha256"}
    return told + [
        text(f"cards.{name}", lang, digest=study.data[key])
        for name, key in keys.items()
        if study.data.get(key)
    ]


def _evaluation_data(study: Study, network: str, lang: str) -> list[str]:
    scores = study.scores.get(network)
    if scores is None:
        return []
    return [
        text(
            "cards.evaluated",
            lang,
            partition=text(f"evaluation.{study.partition}", lang),
            data=_data(study, lang),
            counted=counted(study.metrics, lang, scores["n"]),
            seeds=join_items(scores.get("seeds", ()), lang),
        )
    ]


def _figures(study: Study, network: str, lang: str) -> list[CardPart]:
    scores = study.scores.get(network)
    if scores is None:
        return [_part("figures", [text("cards.no_figures", lang)], lang)]
    whole = [[text(f"evaluation.{key}", lang), percent(scores.get(key))] for key in _MACRO]
    unit = text("cards.percent_interval" if has_intervals(study) else "cards.percent", lang)
    heads = [text("cards.figure", lang), unit]
    rows = [
        [class_title(name, lang), *(percent(part.get(key)) for key in _CLASS), part["support"]]
        for name, part in scores["classes"].items()
    ]
    names = [text("evaluation.percent", lang, name=text(f"evaluation.{k}", lang)) for k in _CLASS]
    columns = [text("evaluation.class", lang), *names, text("evaluation.support", lang)]
    return [
        _part("figures", [], lang, pd.DataFrame(whole, columns=heads)),
        _part("by_class", [], lang, pd.DataFrame(rows, columns=columns)),
    ]


def _limits(study: Study, network: str, runs: Sequence[StudyRun], lang: str) -> list[str]:
    alone = replace(study, runs=tuple(runs))
    told = [warning.in_language(lang) for warning in tables.warnings(alone)]
    scores = study.scores.get(network)
    if scores is not None:
        support = {name: int(part["support"]) for name, part in scores["classes"].items()}
        least = min(support, key=lambda name: support[name])
        label = class_title(least, lang)
        told.append(text("cards.smallest_class", lang, label=label, n=support[least]))
        if not has_intervals(study):
            told.append(text("cards.no_intervals", lang))
        if not study.metrics.get("external"):
            told.append(text("cards.same_data", lang))
    if any(run.model.get("temperature") == 1 for run in runs):
        told.append(text("cards.not_calibrated", lang))
    return told


def _license(study: Study, runs: Sequence[StudyRun], lang: str) -> list[str]:
    sources = dict.fromkeys(tables.weights_source(study, run) for run in runs)
    begun = [source for source in sources if source not in ("none", ABSENT)]
    key = "cards.license_weights" if begun else "cards.license_own"
    return [text("cards.license_software", lang), text(key, lang, source=join_items(begun, lang))]


def _data(study: Study, lang: str) -> str:
    return study.name or text("report.unnamed", lang)


def _markdown(card: ModelCard, lang: str) -> str:
    lines = [f"# {_escaped(card.title)}", "", _escaped(text("common.research_only", lang)), ""]
    lines += [_escaped(text("cards.after", lang)), ""]
    for part in card.parts:
        lines += [f"## {part.heading}", "", *(f"- {_escaped(line)}" for line in part.lines)]
        lines += [] if part.table is None else _rows(part.table)
        lines.append("")
    return "\n".join(lines)


def _rows(table: pd.DataFrame) -> list[str]:
    rows: list[list[Any]] = [list(table.columns), *table.to_numpy().tolist()]
    lines = ["| " + " | ".join(_escaped(str(cell)) for cell in row) + " |" for row in rows]
    return [lines[0], "|" + " --- |" * table.shape[1], *lines[1:]]


def _escaped(words: str) -> str:
    """Keep what a user wrote, as a data set's name, from becoming markup."""
    return _MARKS.sub(r"\\\1", " ".join(words.split()))
