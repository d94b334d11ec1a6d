"""t-SNE maps of all networks, the study's Fig. 4."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.classes import class_colors, class_title
from metrascope.figures.canvas import footnote, grid, style
from metrascope.figures.fonts import figure_language, short_label
from metrascope.messages import text
from metrascope.statistics.published import network_title, order_networks

# A shape for each class as well, for print in gray and for readers who see few colors.
_MARKERS: Final = "o^sDvP*X"
_COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#666666")
_RIGHT_WRONG: Final = {"1": "#9BB8CC", "0": "#A63603"}
Coloring = Literal["label", "scanner", "partition", "correct"]
COLORINGS: Final[tuple[Coloring, ...]] = ("scanner", "partition", "correct")
"""Columns that may color the points instead of the class."""


@style()
def embeddings(
    table: pd.DataFrame,
    classes: Sequence[str],
    lang: str | None = None,
    separation: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
    coloring: Coloring = "label",
) -> Figure:
    """Draw one map per network, colored by true class: blue normal, orange fibroid, green polyp.

    Of several perplexities the first in the table is drawn.

    Parameters
    ----------
    table
        ``embeddings.csv``: columns network, label, x, y, and the one that colors.
    classes
        Class names in order.
    lang
        ``en`` or ``zh``; the language in use when not given.
    separation
        By network: ``{"silhouette": {"value": s}, "neighbor_purity": {"value": p}}``, as under
        ``embedding`` in ``metrics.json``; printed under the titles where given.
    coloring
        Column that colors the points: class, scanner, partition, or whether the reading is
        correct (1 or 0).
    """
    lang = figure_language(lang)
    if "perplexity" in table:
        table = table[table["perplexity"] == table["perplexity"].iat[0]]
    groups = _groups(table, classes, coloring, lang)
    networks = order_networks(table["network"])
    figure, axes = grid(len(networks), 1.95)
    for ax, name in zip(axes, networks, strict=True):
        _map(ax, table[table["network"] == name], coloring, groups)
        ax.set_title(short_label(network_title(name)), pad=13)
        measured = _measured((separation or {}).get(name, {}), coloring, lang)
        ax.text(0.5, 1.02, measured, ha="center", va="bottom", fontsize=6, transform=ax.transAxes)
    handles, labels = axes[0].get_legend_handles_labels()
    where: Any = "outside upper center"
    columns = min(4 if coloring == "label" or len(networks) > 2 else 2, len(groups))
    figure.legend(handles, labels, loc=where, ncols=columns, markerscale=1.6)
    key = "figures.tsne" if coloring == "label" else f"localization.tsne_{coloring}"
    footnote(figure, lang, text(key, lang))
    return figure


def _groups(
    table: pd.DataFrame, classes: Sequence[str], coloring: Coloring, lang: str
) -> dict[str, tuple[str, str]]:
    """Return color and title of each group, in the order of the legend."""
    if coloring == "label":
        return {n: (color, class_title(n, lang)) for n, color in class_colors(classes).items()}
    found = sorted(set(table[coloring].astype(str)))
    if coloring == "scanner":
        titles = {name: name or text("localization.unknown_scanner", lang) for name in found}
    else:
        titles = {name: text(f"localization.{coloring}_{name}", lang) for name in found}
    if coloring == "correct":
        return {name: (_RIGHT_WRONG[name], titles[name]) for name in reversed(found)}
    return {name: (_COLORS[index % len(_COLORS)], titles[name]) for index, name in enumerate(found)}


def _map(
    ax: Axes, rows: pd.DataFrame, coloring: Coloring, groups: Mapping[str, tuple[str, str]]
) -> None:
    for index, (name, (color, title)) in enumerate(groups.items()):
        points = rows[rows[coloring].astype(str) == name]
        look: dict[str, Any] = {"marker": _MARKERS[index % len(_MARKERS)], "c": color}
        label = short_label(title)
        ax.scatter(points["x"], points["y"], s=7, linewidths=0, alpha=0.8, label=label, **look)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_box_aspect(0.85)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color("#BBBBBB")


def _measured(values: Mapping[str, Mapping[str, float]], coloring: Coloring, lang: str) -> str:
    if coloring == "label":
        keys = {key: f"figures.{key}" for key in ("silhouette", "neighbor_purity")}
    else:
        keys = {f"{coloring}_purity": "figures.neighbor_purity"}
        keys[f"{coloring}_purity_by_chance"] = "localization.by_chance"
    parts = [
        text(message, lang, value=f"{values[key]['value']:.2f}")
        for key, message in keys.items()
        if key in values
    ]
    return text("figures.between", lang).join(parts)
