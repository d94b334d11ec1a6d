"""Tables of heat maps against lesions, of shortcuts and of what the features sort by."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from metrascope.messages import text
from metrascope.results.estimate import Estimate
from metrascope.results.notation import number_value, p_value
from metrascope.results.statistic_tables import Metrics, Table, framed
from metrascope.statistics.published import network_title

_PLACES: Final = ("pointing", "energy", "iou")
_ORDERS: Final = ("shuffled", "randomized")


def explanation_tables(metrics: Metrics, lang: str | None = None) -> list[Table]:
    """Return the tables for which heat maps and networks were questioned.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    made = {
        "localization": _localization(metrics, lang),
        "faithfulness": _faithfulness(metrics, lang),
        "shortcuts": _shortcuts(metrics, lang),
        "border": _border(metrics, lang),
    }
    return [
        Table(
            name, text(f"statistics.caption_{name}", lang), frame, 2 if name == "shortcuts" else 1
        )
        for name, frame in made.items()
        if frame is not None
    ]


def _found(metrics: Metrics, name: str) -> dict[str, Mapping[str, Any]]:
    """Return what was measured, by network; without those of which it was not."""
    return {
        network: numbers[name]
        for network, numbers in metrics["networks"].items()
        if numbers.get(name)
    }


def _localization(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    rows = {}
    for name, found in _found(metrics, "localization").items():
        if "maps" not in found:
            continue
        maps = found["maps"]["predicted"]
        cells = []
        for key in _PLACES:
            cells += [Estimate.percent(maps[key], 1), Estimate.percent(maps["chance"][key], 1)]
        cells += [Estimate.percent(maps["above_center"]["energy"], 1)]
        cells.append(Estimate.percent(found.get("unreliable"), 1))
        rows[network_title(name)] = [str(found["patients"]), *cells]
    keys = [key for place in _PLACES for key in (place, f"{place}_chance")]
    return framed(rows, ["patients", *keys, "above_center", "unreliable"], lang)


def _faithfulness(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    rows = {}
    for name, found in _found(metrics, "faithfulness").items():
        if "deletion" not in found:
            continue
        cells: list[object] = [str(found["patients"])]
        for way in ("deletion", "insertion"):
            cells.append(Estimate.of(found[way]["map"]["area"]))
            cells += [Estimate.of(found[way]["gain"][order]) for order in _ORDERS]
        rows[network_title(name)] = cells
    keys = [
        key
        for way in ("deletion", "insertion")
        for key in (f"{way}_area", *(f"{way}_gain_{order}" for order in _ORDERS))
    ]
    return framed(rows, ["patients", *keys], lang)


def _shortcuts(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    rows = {}
    for name, found in _found(metrics, "shortcuts").items():
        for change, numbers in found.get("changes", {}).items():
            row = network_title(name), text(f"localization.change_{change}", lang)
            rows[row] = [
                str(found["patients"]),
                Estimate.percent(numbers["moved"], 1),
                Estimate.percent(numbers["flipped"], 1),
            ]
    return framed(rows, ["patients", "moved", "flipped"], lang, ("network", "change"))


def _border(metrics: Metrics, lang: str | None) -> pd.DataFrame | None:
    rows = {}
    for name, found in _found(metrics, "shortcuts").items():
        if "border" in found:
            border = found["border"]
            rows[network_title(name)] = [
                str(border["patients"]),
                Estimate.percent(border["balanced_accuracy"], 1),
                Estimate.percent(border["chance"], 1),
                p_value(number_value(border["p"])),
            ]
    return framed(rows, ["patients", "balanced_accuracy", "border_chance", "border_p"], lang)
