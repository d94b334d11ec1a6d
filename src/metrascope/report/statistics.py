"""The statistics of a study for the page: tables and findings in both languages at once."""

from collections.abc import Sequence
from dataclasses import dataclass

from metrascope.evaluation.ranking import (
    agreement_sentences,
    ranking_sentences,
    weakest_sentence,
)
from metrascope.evaluation.statistics import Table, statistic_tables
from metrascope.messages import LANGUAGES
from metrascope.report.bilingual import Bilingual
from metrascope.report.content import Study
from metrascope.report.tables import best_network


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
    rows: tuple[tuple[Bilingual, ...], ...]
    labels: int


def page_tables(study: Study) -> list[PageTable]:
    """Return the tables of `metrascope.evaluation.statistics` that a study has numbers for."""
    if not study.scores:
        return []
    each = [statistic_tables(study.metrics, lang) for lang in LANGUAGES]
    return [_page_table(versions) for versions in zip(*each, strict=True)]


def findings(study: Study) -> list[Bilingual]:
    """Return what can and cannot be said of the networks' order, then of their agreement."""
    if not study.scores:
        return []
    said = [
        [*ranking_sentences(study.metrics, lang), *agreement_sentences(study.metrics, lang)]
        for lang in LANGUAGES
    ]
    best = best_network(study)
    if best is not None:
        for lang, sentences in zip(LANGUAGES, said, strict=True):
            sentences.append(weakest_sentence(study.metrics, best, lang))
    return [Bilingual(words) for words in zip(*said, strict=True)]


def _page_table(versions: Sequence[Table]) -> PageTable:
    frames = [version.frame for version in versions]
    first = frames[0]
    cells = zip(*(frame.itertuples(index=False, name=None) for frame in frames), strict=True)
    words = (frame.columns for frame in frames)
    numeric = [_is_number(str(first.iat[0, place])) for place in range(first.shape[1])]
    return PageTable(
        versions[0].name,
        Bilingual(tuple(version.caption for version in versions)),
        tuple(Bilingual(tuple(map(str, heads))) for heads in zip(*words, strict=True)),
        tuple(
            tuple(Bilingual(tuple(map(str, cell))) for cell in zip(*rows, strict=True))
            for rows in cells
        ),
        numeric.index(True) if True in numeric else len(numeric),
    )


def _is_number(cell: str) -> bool:
    return cell[:1].isdigit() or cell[:1] in "<\N{MINUS SIGN}\N{EM DASH}"
