"""The tables that a reviewer asks for, from the content of ``metrics.json``: one list for all.

Report, Word document, CSV and LaTeX show the same frames; a number stays an `Estimate` until one of
them prints it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from metrascope.classes import class_short
from metrascope.messages import text
from metrascope.results.estimate import ABSENT, Estimate
from metrascope.results.findings import attribute_title, value_title
from metrascope.results.notation import about, p_value
from metrascope.results.units import counted
from metrascope.statistics.limits import ALTOGETHER, FOR_A_SLOPE, ON_A_SIDE
from metrascope.statistics.published import network_title

Metrics = Mapping[str, Any]

_DIAGNOSTIC: Final = ("recall", "specificity", "precision", "npv")
_RATIOS: Final = ("lr_positive", "lr_negative")
_AREAS: Final = ("auc", "average_precision")
_OVERALL: Final = ("macro_auc", "macro_average_precision", "balanced_accuracy")
_DECIMALS: Final = ("mcc", "kappa", "brier", "log_loss")
NOT_SHARES: Final = (*_DECIMALS, *_RATIOS)
"""Measures that are printed as they are, not in percent."""
_OF_SUBGROUPS: Final = ("accuracy", "sensitivity", "specificity", "macro_f1")
_DIGITS: Final = 1
_ESTIMATED: Final = ("overall", "diagnostic", "questions", "prevalence", "operating")
"""Tables in which a dash is a number that cannot be estimated."""
_LABELS: Final = {
    "diagnostic": 2,
    "questions": 2,
    "prevalence": 2,
    "pairs": 2,
    "calibration": 3,
    "operating": 3,
    "shortcuts": 2,
    "subgroups": 3,
}


@dataclass(frozen=True)
class Table:
    """A table with its name for files, its caption and its cells, numbers or text.

    Attributes
    ----------
    labels
        How many columns at the left name the row; the others are numbers.
    """

    name: str
    caption: str
    frame: pd.DataFrame
    labels: int = 1


def statistic_tables(metrics: Metrics, lang: str | None = None) -> list[Table]:
    """Return the tables for which there are numbers, in the order in which they are read.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    made = {
        "overall": _overall(metrics, lang),
        "diagnostic": _diagnostic(metrics, lang),
        "questions": _questions(metrics, lang),
        "prevalence": _at_prevalence(metrics, lang),
        "pairs": _pairs(metrics, lang),
        "spread": _spread(metrics, lang),
    }
    shares = metrics.get("prevalence", {})
    listed = ", ".join(f"{class_short(k, lang)} {100 * v:g}%" for k, v in shares.items())
    values = {
        "replicates": f"{metrics.get('replicates', 0):,}",
        "shares": listed,
        "common": metrics.get("comparisons", {}).get("n", 0),
    }
    told = captioned(made, lang, counted=counted(metrics, lang), **values)
    voters = metrics.get("ensemble", {}).get("n", metrics["n"])
    if voters == metrics["n"]:
        return told
    gap = text("evaluation.between_sentences", lang)
    fewer = text("statistics.voters", lang, counted=counted(metrics, lang, voters))
    return [
        replace(table, caption=gap.join((table.caption, fewer))) if table.name != "pairs" else table
        for table in told
    ]


def subgroup_tables(metrics: Metrics, lang: str | None = None) -> list[Table]:
    """Return how each network reads each subgroup of enough patients; empty without any.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    found = metrics.get("subgroups", {})
    rows = {}
    for one in found.get("attributes", ()):
        for group in one["groups"]:
            where = attribute_title(one["name"], lang), value_title(group["name"], lang)
            for name, numbers in group.get("networks", {}).items():
                cells = [Estimate.percent(numbers.get(key), 1) for key in _OF_SUBGROUPS]
                rows[*where, network_title(name)] = [str(group["patients"]), *cells]
    heads = ("attribute", "subgroup", "network")
    frame = framed(rows, ["patients", *_OF_SUBGROUPS], lang, heads)
    return captioned({"subgroups": frame}, lang, fewest=found.get("fewest", 0))


def captioned(
    made: Mapping[str, pd.DataFrame | None], lang: str | None, **values: object
) -> list[Table]:
    """Return the frames that there are as tables under their captions, by name."""
    gap = text("evaluation.between_sentences", lang)
    return [
        Table(
            name,
            gap.join(
                [text(f"statistics.caption_{name}", lang, **values), *_dashes(name, frame, lang)]
            ),
            frame,
            _LABELS.get(name, 1),
        )
        for name, frame in made.items()
        if frame is not None
    ]


def _dashes(name: str, frame: pd.DataFrame, lang: str | None) -> list[str]:
    """Say why a number is missing, where one is."""
    if name == "calibration":
        return [text("calibration.dash", lang, all=ALTOGETHER, side=ON_A_SIDE, slope=FOR_A_SLOPE)]
    if name not in _ESTIMATED or not (frame.map(str) == ABSENT).to_numpy().any():
        return []
    return [text("statistics.dash", lang, side=ON_A_SIDE, all=ALTOGETHER)]


def readers(metrics: Metrics) -> dict[str, Mapping[str, Any]]:
    """Return the numbers of every network, and of the ensemble where there is one."""
    members = dict(metrics["networks"])
    return members | ({"ensemble": metrics["ensemble"]} if "ensemble" in metrics else {})


def title(name: str, lang: str | None = None) -> str:
    """Return how a network, or the ensemble, is called."""
    return text("statistics.ensemble", lang) if name == "ensemble" else network_title(name)


def _overall(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    keys = [*_OVERALL, *_DECIMALS]
    rows = {
        title(name, lang): [
            *(Estimate.percent(numbers.get(key), _DIGITS) for key in _OVERALL),
            *(Estimate.of(numbers.get(key)) for key in _DECIMALS),
        ]
        for name, numbers in readers(metrics).items()
    }
    return framed(rows, keys, lang)


def _diagnostic(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    keys = [*_DIAGNOSTIC, *_RATIOS, *_AREAS]
    rows = {}
    for name, numbers in readers(metrics).items():
        for label, scores in numbers["classes"].items():
            shares = [Estimate.percent(scores.get(key), _DIGITS) for key in _DIAGNOSTIC]
            ratios = [Estimate.of(scores.get(key), 2) for key in _RATIOS]
            areas = [Estimate.percent(scores.get(key), _DIGITS) for key in _AREAS]
            rows[title(name, lang), class_short(label, lang)] = shares + ratios + areas
    return framed(rows, keys, lang, ("network", "class"))


def _questions(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    keys = ["sensitivity", "specificity", "auc"]
    rows = {}
    for name, numbers in readers(metrics).items():
        for question in numbers.get("collapses", ()):
            cells = [Estimate.percent(question.get(key), _DIGITS) for key in keys]
            rows[title(name, lang), question_text(question, lang)] = cells
    return framed(rows, keys, lang, ("network", "question"))


def _at_prevalence(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    if "prevalence" not in metrics:
        return None
    keys = ["precision_at_prevalence", "npv_at_prevalence"]
    rows = {
        (title(name, lang), class_short(label, lang)): [
            Estimate.percent(scores.get(key), _DIGITS) for key in keys
        ]
        for name, numbers in readers(metrics).items()
        for label, scores in numbers["classes"].items()
    }
    return framed(rows, keys, lang, ("network", "class"))


def _pairs(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    tests = ("macro_f1", "macro_auc", "accuracy")
    rows = {}
    for pair in metrics.get("comparisons", {}).get("pairs", ()):
        cells: list[object] = []
        for test in tests:
            found = pair.get(test, {})
            cells += [Estimate.percent(found, _DIGITS), p_value(found.get("p_holm"))]
        needed = pair.get("patients_needed")
        cells.append(ABSENT if needed is None else about(needed))
        rows[network_title(pair["first"]), network_title(pair["second"])] = cells
    keys = [key for test in tests for key in (f"difference_{test}", f"p_{test}")]
    return framed(rows, [*keys, "patients_needed"], lang, ("first", "second"))


def _spread(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    """Return how much the seeds differ, where there are several."""
    rows = {}
    for name, numbers in metrics["networks"].items():
        f1 = numbers["macro_f1"]
        if "per_seed" not in f1:
            continue
        values = ", ".join(f"{100 * value:.1f}" for value in f1["per_seed"])
        spread = Estimate.percent(f1["seed_sd"], _DIGITS)
        rows[network_title(name)] = [Estimate.percent(f1, _DIGITS), spread, values]
    return framed(rows, ["macro_f1", "seed_sd", "per_seed"], lang)


def _either(labels: Sequence[str], lang: str | None) -> str:
    return text("statistics.or", lang).join(class_short(label, lang) for label in labels)


def question_text(question: Mapping[str, Any], lang: str | None = None) -> str:
    """Return a two-way question in words: any lesion against normal, say."""
    sides = {side: _either(question[side], lang) for side in ("positive", "negative")}
    return text("statistics.against", lang, **sides)


def framed(
    rows: Mapping[Any, Sequence[object]],
    keys: Sequence[str],
    lang: str | None,
    heads: Sequence[str] = ("network",),
) -> pd.DataFrame | None:
    """Return rows as a frame, without the columns in which nothing is known; None without rows.

    Parameters
    ----------
    rows
        Cells by what names the row.
    keys
        Heads of the cells, names of sentences of the area ``statistics``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    heads
        Heads of what names the row, likewise.
    """
    if not rows:
        return None
    names = [row if isinstance(row, tuple) else (row,) for row in rows]
    cells = [[*name, *row] for name, row in zip(names, rows.values(), strict=True)]
    columns = [text(f"statistics.{key}", lang) for key in (*heads, *keys)]
    frame = pd.DataFrame(cells, columns=columns)
    known = (frame.map(str) != ABSENT).any()
    return frame.loc[:, known.to_list()]
