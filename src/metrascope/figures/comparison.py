"""Macro F1 of all networks beside what the study published."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from metrascope.classes import PAPER_CLASSES
from metrascope.figures.canvas import GRAY, footnote, style
from metrascope.figures.fonts import figure_language, printable_text, short_label
from metrascope.messages import text
from metrascope.results.tables import data_heading
from metrascope.statistics.published import PUBLISHED, network_title


@style()
def comparison_chart(
    metrics: dict[str, Any], lang: str | None = None, data_name: str = ""
) -> Figure:
    """Draw networks as dots with intervals, the majority guess as a line, the published as rings.

    The published figures are drawn only where the classes are the study's; an arrowhead marks
    a published upper bound.
    """
    lang = figure_language(lang)
    networks = metrics["networks"]
    figure = Figure((5.2, 0.24 * len(networks) + 1.35))
    ax = figure.add_subplot()
    values = [100 * network["macro_f1"]["value"] for network in networks.values()]
    rows = range(len(networks))
    heading = printable_text(data_heading(metrics, lang, short_label(data_name, 60)))
    ends = [_lengths(network["macro_f1"]) for network in networks.values()]
    if any(map(any, ends)):
        heading = text("figures.with_interval", lang, heading=heading)
    ax.plot(values, rows, "o", color="#0072B2", markersize=5, label=heading)
    look: dict[str, Any] = {"fmt": "none", "ecolor": "#0072B2", "elinewidth": 0.9, "capsize": 2}
    ax.errorbar(values, rows, xerr=np.array(ends).T, **look)
    for name, row in zip(networks, rows, strict=True):
        seeds = [100 * value for value in networks[name]["macro_f1"].get("per_seed", [])]
        ax.plot(seeds, [row] * len(seeds), "|", color="#0072B2", markersize=6)
    if tuple(metrics["classes"]) == PAPER_CLASSES:
        _published(ax, list(networks), lang)
    majority = 100 * metrics["majority"]["macro_f1"]["value"]
    guess = text("figures.majority", lang)
    ax.axvline(majority, color=GRAY, linewidth=0.8, linestyle=":", label=guess)
    ax.set_yticks(list(rows), [short_label(network_title(name)) for name in networks])
    ax.set_ylim(len(networks) - 0.5, -0.5)
    ax.set_xlim(0, 101.5)  # so that a dot at 100 is whole
    ax.set_xlabel(text("figures.macro_f1", lang))
    ax.grid(axis="x", linewidth=0.3, color="#CCCCCC")
    figure.legend(loc="outside upper left")
    footnote(figure, lang)
    return figure


def _lengths(number: dict[str, Any]) -> tuple[float, float]:
    """Return how far an interval reaches to both sides in points, nothing where there is none."""
    value, low, high = (number.get(key) for key in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return 0.0, 0.0
    return max(0.0, 100 * (value - low)), max(0.0, 100 * (high - value))


def _published(ax: Any, networks: list[str], lang: str) -> None:
    label = text("figures.published", lang)
    look: dict[str, Any] = {"color": "#D55E00", "markerfacecolor": "none", "linestyle": "none"}
    for row, name in enumerate(networks):
        figure = PUBLISHED[name].f1 if name in PUBLISHED else None
        if figure is not None:
            marker = "o" if figure.value is not None else "<"
            value = figure.value if figure.value is not None else figure.below
            ax.plot([value], [row], marker=marker, markersize=5, label=label, **look)
            label = "_"
