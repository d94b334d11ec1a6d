"""Tables of calibration and operating points, from the content of ``metrics.json``."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from metrascope.classes import class_short
from metrascope.messages import text
from metrascope.results.estimate import ABSENT, Estimate
from metrascope.results.notation import p_value
from metrascope.results.statistic_tables import (
    Metrics,
    Table,
    captioned,
    framed,
    question_text,
)
from metrascope.results.units import counted
from metrascope.statistics.published import network_title
from metrascope.statistics.reliability import SIMULATIONS

_WHEN: Final = ("before", "after")


def calibration_tables(metrics: Metrics, lang: str | None = None) -> list[Table]:
    """Return calibration error, slope and intercept of each network, and its operating points.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    made = {"calibration": _errors(metrics, lang), "operating": _operating(metrics, lang)}
    return captioned(
        made,
        lang,
        counted=counted(metrics, lang),
        simulations=SIMULATIONS,
        floor=p_value(1 / (SIMULATIONS + 1)),
    )


def _errors(metrics: Metrics, lang: str | None) -> Any:
    rows: dict[tuple[str, ...], list[object]] = {}
    for name, blocks in metrics.get("calibration", {}).get("networks", {}).items():
        for when in _WHEN:
            if when not in blocks:
                continue
            block = blocks[when]
            state = text(f"statistics.{when}", lang)
            rows[network_title(name), state, text("statistics.all_classes", lang)] = [
                *_error(block["classwise_ece"]),
                ABSENT,
                ABSENT,
            ]
            for label, one in block["classes"].items():
                rows[network_title(name), state, class_short(label, lang)] = [
                    *_error(one["ece"]),
                    Estimate.of(one.get("slope"), 2),
                    Estimate.of(one.get("intercept"), 2),
                ]
    keys = ["ece", "ece_expected", "ece_p", "slope", "intercept"]
    return framed(rows, keys, lang, ("network", "probabilities", "class"))


def _error(found: Mapping[str, Any]) -> list[object]:
    return [Estimate.percent(found, 1), Estimate.percent(found["expected"], 1), p_value(found["p"])]


def _operating(metrics: Metrics, lang: str | None) -> Any:
    rows: dict[tuple[str, ...], list[object]] = {}
    for name, questions in metrics.get("operating_points", {}).get("networks", {}).items():
        for question in questions:
            for rule, point in question["points"].items():
                where = (network_title(name), question_text(question, lang))
                rows[(*where, text(f"calibration.rule_{rule}", lang))] = [
                    _thresholds(point["thresholds"]),
                    Estimate.percent(point["sensitivity"], 1),
                    Estimate.percent(point["specificity"], 1),
                    Estimate.of(point.get("youden"), 2),
                ]
    keys = ["threshold", "sensitivity", "specificity", "youden"]
    return framed(rows, keys, lang, ("network", "question", "rule"))


def _thresholds(values: Sequence[float]) -> str:
    """Write the threshold in percent, or from the lowest to the highest of several runs."""
    ends = dict.fromkeys(str(Estimate.percent(value, 1)) for value in (min(values), max(values)))
    return " … ".join(ends)
