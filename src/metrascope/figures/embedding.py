"""t-SNE maps of all networks, the study's Fig. 4."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.classes import class_colors, class_title
from metrascope.evaluation.published import network_title, order_networks
from metrascope.figures.canvas import footnote, grid, style
from metrascope.figures.fonts import fitting, lettering
from metrascope.messages import text

# A shape for each class as well, for print in gray and for readers who see few colors.
_MARKERS: Final = "o^sDvP*X"


@style()
def embeddings(
    table: pd.DataFrame,
    classes: Sequence[str],
    lang: str | None = None,
    separation: Mapping[str, Mapping[str, Mapping[str, float]]] | None = None,
) -> Figure:
    """Draw one map per network, colored by true class: blue normal, orange fibroid, green polyp.

    Parameters
    ----------
    table
        ``embeddings.csv``: columns network, label, x, y.
    classes
        Class names in order.
    lang
        ``en`` or ``zh``; the language in use when not given.
    separation
        By network: ``{"silhouette": {"value": s}, "neighbor_purity": {"value": p}}``, as under
        ``embedding`` in ``metrics.json``; printed under the titles where given.
    """
    lang = lettering(lang)
    networks = order_networks(table["network"])
    figure, axes = grid(len(networks), 1.95)
    for ax, name in zip(axes, networks, strict=True):
        _map(ax, table[table["network"] == name], classes, lang)
        ax.set_title(fitting(network_title(name)), pad=13)
        measured = _measured((separation or {}).get(name, {}), lang)
        ax.text(0.5, 1.02, measured, ha="center", va="bottom", fontsize=6, transform=ax.transAxes)
    handles, labels = axes[0].get_legend_handles_labels()
    where: Any = "outside upper center"
    figure.legend(handles, labels, loc=where, ncols=min(4, len(classes)), markerscale=1.6)
    footnote(figure, lang, text("figures.tsne", lang))
    return figure


def _map(ax: Axes, rows: pd.DataFrame, classes: Sequence[str], lang: str) -> None:
    for index, (name, color) in enumerate(class_colors(classes).items()):
        points = rows[rows["label"] == name]
        look: dict[str, Any] = {"marker": _MARKERS[index % len(_MARKERS)], "c": color}
        label = fitting(class_title(name, lang))
        ax.scatter(points["x"], points["y"], s=7, linewidths=0, alpha=0.8, label=label, **look)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_aspect("equal", adjustable="datalim")
    ax.set_box_aspect(0.85)
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color("#BBBBBB")


def _measured(values: Mapping[str, Mapping[str, float]], lang: str) -> str:
    parts = [
        text(f"figures.{key}", lang, value=f"{values[key]['value']:.2f}")
        for key in ("silhouette", "neighbor_purity")
        if key in values
    ]
    return text("figures.between", lang).join(parts)
