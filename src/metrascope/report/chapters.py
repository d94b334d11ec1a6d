"""The chapters of statistics that page and Word document share: findings, tables and charts."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from metrascope.messages import LANGUAGES, text
from metrascope.pages import Bilingual, bilingual
from metrascope.report.page_tables import best_networks
from metrascope.results.calibration_tables import calibration_tables
from metrascope.results.estimate import Estimate
from metrascope.results.explanation_findings import explanation_sentences, explanation_summary
from metrascope.results.explanation_tables import explanation_tables
from metrascope.results.findings import (
    calibration_sentences,
    decision_sentences,
    subgroup_sentences,
    subgroup_summary,
)
from metrascope.results.ranking import (
    agreement_sentences,
    few_sentences,
    ranking_sentences,
    weakest_sentences,
)
from metrascope.results.statistic_tables import Table, statistic_tables, subgroup_tables
from metrascope.results.tables import data_heading
from metrascope.statistics.published import network_title
from metrascope.study_folder.contents import Study

_Metrics = Mapping[str, Any]

CHAPTERS: Final = ("statistics", "calibration", "subgroups", "explanations")
_CHARTS: Final = {
    "statistics": ("roc",),
    "calibration": ("reliability", "decision", "decision_stated"),
    "subgroups": ("subgroups",),
    "explanations": ("localization", "faithfulness", "shortcuts"),
}


@dataclass(frozen=True)
class Chapter:
    """What one chapter says, in one language.

    Attributes
    ----------
    name
        Of `CHAPTERS`.
    findings
        Plain sentences.
    tables
        With their captions.
    charts
        Names of figures, as in ``figures/``; those that there are.
    """

    name: str
    findings: tuple[str, ...]
    tables: tuple[Table, ...]
    charts: tuple[str, ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing to say."""
        return not self.findings and not self.tables


@dataclass(frozen=True)
class PageTable:
    """A table whose caption, heads and cells are there in every language.

    Attributes
    ----------
    labels
        How many columns at the left name the row.
    """

    name: str
    caption: Bilingual
    heads: tuple[Bilingual, ...]
    rows: tuple[tuple[Bilingual | Estimate, ...], ...]
    labels: int


@dataclass(frozen=True)
class PageChapter:
    """A chapter in every language at once."""

    name: str
    findings: tuple[Bilingual, ...]
    tables: tuple[PageTable, ...]
    charts: tuple[str, ...]


def chapters(study: Study, lang: str) -> list[Chapter]:
    """Return the chapters of a study that has been evaluated, empty ones too."""
    metrics = study.metrics
    if not study.scores:
        return []

    def closed(table: Table) -> Table:
        return replace(table, caption=caption_with_data(study, table.caption, lang))

    said = {
        "statistics": _order(study, lang),
        "calibration": _calibration(metrics, lang),
        "subgroups": _subgroups(metrics, lang),
        "explanations": _explanations(metrics, lang),
    }
    tables: dict[str, list[Table]] = {
        "statistics": statistic_tables(metrics, lang),
        "calibration": calibration_tables(metrics, lang),
        "subgroups": subgroup_tables(metrics, lang),
        "explanations": explanation_tables(metrics, lang),
    }
    return [
        Chapter(name, tuple(said[name]), tuple(map(closed, tables[name])), _charts(metrics, name))
        for name in CHAPTERS
    ]


def page_chapters(study: Study) -> list[PageChapter]:
    """Return the chapters that have something to say, in every language."""
    each = [chapters(study, lang) for lang in LANGUAGES]
    return [
        _page_chapter(versions) for versions in zip(*each, strict=True) if not versions[0].empty
    ]


def order_findings(study: Study) -> list[Bilingual]:
    """Return what can be said of the order of the networks, for the summary."""
    if not study.scores:
        return []
    said = [ranking_sentences(study.metrics, lang) for lang in LANGUAGES]
    return [Bilingual(words) for words in zip(*said, strict=True)]


def chapter_findings(study: Study) -> dict[str, list[Bilingual]]:
    """Return what can be said of probabilities, subgroups and heat maps, for the summary."""
    metrics = study.metrics
    tellers: dict[str, Callable[[str], list[str]]] = {
        "calibration": lambda lang: (
            calibration_sentences(found, lang) if (found := metrics.get("calibration")) else []
        ),
        "subgroups": lambda lang: (
            subgroup_summary(metrics["subgroups"], lang) if metrics.get("subgroups") else []
        ),
        "explanations": lambda lang: explanation_summary(metrics, lang),
    }
    said = {
        name: [Bilingual(words) for words in zip(*(tell(lang) for lang in LANGUAGES), strict=True)]
        for name, tell in tellers.items()
    }
    return {name: sentences for name, sentences in said.items() if sentences}


def chart_caption(study: Study, name: str) -> Bilingual:
    """Return what stands under a chart."""
    key, values = f"statistics.chart_{name}", {}
    if name == "subgroups" and len(study.scores) == 1:
        key = "statistics.chart_subgroups_alone"
    elif name == "subgroups":
        values["network"] = network_title(best_networks(study)[0])
    return bilingual(lambda lang: caption_with_data(study, text(key, lang, **values), lang))


def caption_with_data(study: Study, caption: str, lang: str) -> str:
    """Return a caption that ends with whose data it is about, which every result must say."""
    whose = data_heading(dict(study.metrics), lang, study.name)
    return text("document.of_data", lang, caption=caption, data=whose)


def _order(study: Study, lang: str) -> list[str]:
    metrics = study.metrics
    said = [*ranking_sentences(metrics, lang), *agreement_sentences(metrics, lang)]
    weakest = (
        one for name in best_networks(study) for one in weakest_sentences(metrics, name, lang)
    )
    return [*said, *weakest, *few_sentences(metrics, lang)]


def _calibration(metrics: _Metrics, lang: str) -> list[str]:
    said: list[str] = []
    if metrics.get("calibration"):
        said += calibration_sentences(metrics["calibration"], lang)
    if metrics.get("operating_points"):
        said.append(text(f"calibration.operating_{metrics['operating_points']['chosen']}", lang))
    if metrics.get("decision"):
        said += decision_sentences(metrics["decision"], lang)
    return said


def _subgroups(metrics: _Metrics, lang: str) -> list[str]:
    found = metrics.get("subgroups", {})
    return subgroup_sentences(found, lang) if found.get("attributes") else []


def _explanations(metrics: _Metrics, lang: str) -> list[str]:
    """Return what was found and how to read the tables, where there are any."""
    measured = any(
        numbers.get("localization") or numbers.get("faithfulness") or numbers.get("shortcuts")
        for numbers in metrics["networks"].values()
    )
    if not measured:
        return []
    return [*explanation_sentences(metrics, lang), text("statistics.explanations_read", lang)]


def _charts(metrics: _Metrics, chapter: str) -> tuple[str, ...]:
    networks = metrics["networks"].values()
    parts = {"localization": "maps", "faithfulness": "deletion", "shortcuts": "changes"}
    there = {
        "roc": bool(metrics.get("roc")),
        "reliability": bool(metrics.get("calibration")),
        "decision": bool(metrics.get("decision")),
        "decision_stated": "stated" in metrics.get("decision", {}),
        "subgroups": bool(metrics.get("subgroups", {}).get("attributes")),
        **{
            name: any(part in numbers.get(name, {}) for numbers in networks)
            for name, part in parts.items()
        },
    }
    return tuple(name for name in _CHARTS[chapter] if there[name])


def _page_chapter(versions: Sequence[Chapter]) -> PageChapter:
    said = zip(*(version.findings for version in versions), strict=True)
    tables = zip(*(version.tables for version in versions), strict=True)
    first = versions[0]
    return PageChapter(
        first.name,
        tuple(Bilingual(words) for words in said),
        tuple(_page_table(each) for each in tables),
        first.charts,
    )


def _page_table(versions: Sequence[Table]) -> PageTable:
    frames = [version.frame for version in versions]
    cells = zip(*(frame.itertuples(index=False, name=None) for frame in frames), strict=True)
    words = (frame.columns for frame in frames)
    return PageTable(
        versions[0].name,
        Bilingual(tuple(version.caption for version in versions)),
        tuple(Bilingual(tuple(map(str, heads))) for heads in zip(*words, strict=True)),
        tuple(
            tuple(
                cell[0] if isinstance(cell[0], Estimate) else Bilingual(tuple(map(str, cell)))
                for cell in zip(*rows, strict=True)
            )
            for rows in cells
        ),
        versions[0].labels,
    )
