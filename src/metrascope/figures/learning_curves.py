"""Learning curves: loss, validation macro F1 and the learning rate of every step."""

import re
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from metrascope.figures.canvas import GRAY, PAGE_WIDTH, footnote, style
from metrascope.figures.fonts import figure_language, short_label
from metrascope.messages import text
from metrascope.statistics.published import network_title, order_networks

_RUN: Final = re.compile(r"(?P<network>.+)-f\d+-s\d+")
_COLORS: Final = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#D55E00",
    "#56B4E9",
    "#000000",
    "#999999",
)
_DASHES: Final = ("-", "--", "-.", ":")
_TRAINING, _VALIDATION = "#0072B2", "#D55E00"


@style()
def learning_curves(histories: Mapping[str, pd.DataFrame], lang: str | None = None) -> Figure:
    """Draw the losses of each network, then validation F1 and learning rate of all.

    Parameters
    ----------
    histories
        ``history.csv`` by run (``resnet18-f0-s0``) or network: columns epoch, step,
        learning_rate, loss and, on the last row of an epoch, validation_loss and
        validation_macro_f1. Runs of one network share its panel and color.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    lang = figure_language(lang)
    runs: dict[str, list[pd.DataFrame]] = {
        name: [] for name in order_networks(map(_network, histories))
    }
    for name in sorted(histories):
        runs[_network(name)].append(histories[name])
    columns = min(4, max(2, len(runs)))
    rows = ceil(len(runs) / columns)
    figure = Figure((PAGE_WIDTH, 1.4 * rows + 2.5))
    heights = [1.4 * rows + 0.25, 2.25]
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    _losses(upper, runs, rows, columns, lang)
    scores, rates = lower.subplots(1, 2)
    _scores(scores, runs, lang)
    _rates(rates, runs, lang)
    lower.legend(*scores.get_legend_handles_labels(), loc="outside upper center", ncols=4)
    footnote(lower, lang)
    return figure


def _losses(
    figure: Any, runs: Mapping[str, list[pd.DataFrame]], rows: int, columns: int, lang: str
) -> None:
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for ax, (name, histories) in zip(axes, runs.items(), strict=False):
        for history in histories:
            _loss(ax, history)
        ax.set_title(short_label(network_title(name)))
        _epochs(ax)
    # Once all are drawn: the axes share their scale, and setting a limit freezes it.
    axes[0].set_ylim(bottom=0)
    for ax in axes[len(runs) :]:
        ax.set_visible(False)
    for ax, key in zip(axes[0].lines[:3], ("step", "epoch", "validation"), strict=False):
        ax.set_label(text(f"figures.loss_{key}", lang))
    figure.legend(handles=axes[0].lines[:3], loc="outside upper center", ncols=3)
    figure.supylabel(text("figures.loss", lang), fontsize=7.5)


def _loss(ax: Axes, history: pd.DataFrame) -> None:
    ax.plot(_position(history), history["loss"], color="#A6C8E0", linewidth=0.5)
    mean = history.groupby("epoch")["loss"].mean()
    ax.plot(mean.index, mean, color=_TRAINING, marker="o", markersize=2)
    last = history.dropna(subset="validation_loss")
    ax.plot(last["epoch"], last["validation_loss"], color=_VALIDATION, marker="s", markersize=2)


def _scores(ax: Axes, runs: Mapping[str, list[pd.DataFrame]], lang: str) -> None:
    for name, histories, color, dash in _styled(runs):
        for index, history in enumerate(histories):
            last = history.dropna(subset="validation_macro_f1")
            label = short_label(network_title(name)) if index == 0 else None
            scores = 100 * last["validation_macro_f1"]
            ax.plot(last["epoch"], scores, dash, color=color, label=label, marker="o", markersize=2)
    ax.set_ylabel(text("figures.validation_f1", lang))
    ax.set_ylim(10 * (ax.get_ylim()[0] // 10), 100)
    ax.set_xlabel(text("figures.epoch", lang))
    ax.grid(axis="y", linewidth=0.3, color="#CCCCCC")
    _epochs(ax)


def _rates(ax: Axes, runs: Mapping[str, list[pd.DataFrame]], lang: str) -> None:
    drawn: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for _, histories, color, dash in _styled(runs):
        for history in histories:
            line = _position(history), history["learning_rate"].to_numpy(np.float64)
            if not any(_equal(line, other) for other in drawn):
                drawn.append(line)
                ax.plot(*line, dash, color=GRAY if len(drawn) == 1 else color)
    ax.set_ylabel(text("figures.learning_rate", lang))
    ax.set_ylim(bottom=0)
    ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3))
    ax.set_xlabel(text("figures.epoch", lang))
    if len(drawn) == 1 and sum(map(len, runs.values())) > 1:
        ax.set_title(text("figures.same_rate", lang), fontsize=7, color=GRAY)
    _epochs(ax)


def _styled(
    runs: Mapping[str, list[pd.DataFrame]],
) -> list[tuple[str, list[pd.DataFrame], str, str]]:
    return [
        (name, histories, _COLORS[i % len(_COLORS)], _DASHES[(i // len(_COLORS)) % len(_DASHES)])
        for i, (name, histories) in enumerate(runs.items())
    ]


def _position(history: pd.DataFrame) -> NDArray[np.float64]:
    """Return where each step ends, in epochs: the last step of epoch 3 is at 3."""
    steps = history.groupby("epoch")["loss"]
    done = (steps.cumcount() + 1) / steps.transform("size")
    return (history["epoch"] - 1 + done).to_numpy(np.float64)


def _equal(
    one: tuple[NDArray[np.float64], NDArray[np.float64]],
    other: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def _network(run: str) -> str:
    match = _RUN.fullmatch(run)
    return match["network"] if match else run


def _epochs(ax: Axes) -> None:
    ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
