"""Confusion matrices of all networks, the study's Fig. 2."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from metrascope.classes import class_short
from metrascope.figures.canvas import class_key, footnote, grid, numeral, style
from metrascope.figures.fonts import figure_language, short_label
from metrascope.messages import text
from metrascope.statistics.published import network_title

_MOST_WITH_PERCENT: Final = 4
_MOST_WITH_NAMES: Final = 4
# Letters of a class whose name still fits beside a matrix. By eye.
_LONGEST_NAME: Final = 9


@style()
def confusion_matrices(metrics: dict[str, Any], lang: str | None = None) -> Figure:
    """Draw each network's counts of patients and row percentages on one color scale.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    lang = figure_language(lang)
    networks, classes = metrics["networks"], metrics["classes"]
    figure, axes = grid(len(networks), 1.72)
    for ax, (name, network) in zip(axes, networks.items(), strict=True):
        image = _matrix(ax, np.array(network["confusion"]))
        ax.set_title(short_label(network_title(name)))
        _ticks(ax, classes, lang)
    _label_edges(axes, lang)
    bar = figure.colorbar(image, ax=axes, shrink=0.7, aspect=30, pad=0.02)
    bar.set_label(text("figures.row_percent", lang))
    bar.outline.set_visible(False)
    many = any(len(network["seeds"]) > 1 for network in networks.values())
    lines = [] if _short_names(classes, lang) else [class_key(classes, lang)]
    lines += [text("figures.seeds_summed", lang)] if many else []
    footnote(figure, lang, "\n".join(lines))
    return figure


def _matrix(ax: Axes, counts: NDArray[np.int64]) -> Any:
    totals = counts.sum(axis=1, keepdims=True)
    share = 100 * np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    image = ax.imshow(share, cmap="Blues", vmin=0, vmax=100)
    with_percent = len(counts) <= _MOST_WITH_PERCENT
    for (row, column), count in np.ndenumerate(counts):
        label = f"{count}\n{share[row, column]:.0f}%" if with_percent else str(count)
        color = "white" if share[row, column] > 55 else "black"
        ax.text(column, row, label, ha="center", va="center", color=color, fontsize=6.5)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    return image


def _ticks(ax: Axes, classes: Sequence[str], lang: str) -> None:
    names = _short_names(classes, lang) or [numeral(index) for index in range(len(classes))]
    ax.set_xticks(range(len(classes)), names)
    ax.set_yticks(range(len(classes)), names, rotation=90, va="center")


def _short_names(classes: Sequence[str], lang: str) -> list[str]:
    """Return the names to write along the axes, or none where they would overlap."""
    names = [short_label(class_short(name, lang)) for name in classes]
    crowded = len(names) > _MOST_WITH_NAMES or max(map(len, names)) > _LONGEST_NAME
    return [] if crowded else names


def _label_edges(axes: Sequence[Axes], lang: str) -> None:
    places = [ax.get_subplotspec() for ax in axes]
    below = {spec.colspan.start: ax for ax, spec in zip(axes, places, strict=True) if spec}
    for ax in below.values():
        ax.set_xlabel(text("figures.predicted_class", lang))
    for ax, spec in zip(axes, places, strict=True):
        if spec and spec.is_first_col():
            ax.set_ylabel(text("figures.true_class", lang))
