"""Reliability diagrams: what networks claim against what is so."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.classes import class_colors, class_short
from metrascope.figures.canvas import GRAY, PAGE_WIDTH, footnote, style
from metrascope.figures.fonts import figure_language, printable_text, short_label
from metrascope.messages import text
from metrascope.statistics.published import network_title

_AFTER: Final = "#D55E00"
_TOP: Final = "#0072B2"
_Number = Mapping[str, Any]


@style()
def reliability_diagrams(
    calibration: dict[str, Any],
    network: str,
    classes: Sequence[str],
    lang: str | None = None,
    heading: str = "",
) -> Figure:
    """Draw a network's reliability diagram of every class and of the named class.

    Each with the histogram of the predictions below; after temperature scaling as hollow points
    where that can be told.

    Parameters
    ----------
    calibration
        As `metrascope.statistics.calibration.calibration` returns it.
    network
        Which of its networks.
    classes
        In class order.
    lang
        ``en`` or ``zh``; the language in use when not given.
    heading
        Whose data it is, told under the figure.
    """
    lang = figure_language(lang)
    blocks = calibration["networks"][network]
    before, after = blocks["before"], blocks.get("after")
    colors = class_colors(classes)
    panels = [(class_short(name, lang), colors[name], _of(name)) for name in classes]
    panels.append((text("calibration.top_label", lang), _TOP, lambda block: block["top_label"]))
    drawn = [
        (short_label(title), color, of(before), None if after is None else of(after))
        for title, color, of in panels
    ]
    figure = _drawn(drawn, lang, short_label(network_title(network)))
    key = [] if after is not None else [text(f"calibration.{calibration['after_scaling']}", lang)]
    footnote(figure, lang, "\n".join(filter(None, [heading, *key])))
    return figure


@style()
def reliability_overview(
    calibration: dict[str, Any], lang: str | None = None, heading: str = ""
) -> Figure:
    """Draw the reliability diagram of the named class of every network.

    Parameters
    ----------
    calibration, lang, heading
        As for `reliability_diagrams`.
    """
    lang = figure_language(lang)
    drawn = [
        (
            short_label(network_title(name)),
            _TOP,
            blocks["before"]["top_label"],
            blocks["after"]["top_label"] if "after" in blocks else None,
        )
        for name, blocks in calibration["networks"].items()
    ]
    figure = _drawn(drawn, lang)
    key = "\n".join(filter(None, [heading, text("calibration.overview", lang)]))
    footnote(figure, lang, key)
    return figure


def _of(name: str) -> Any:
    return lambda block: block["classes"][name]


def _drawn(
    panels: Sequence[tuple[str, str, _Number, _Number | None]], lang: str, title_of_all: str = ""
) -> Figure:
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    width = max(4.2, PAGE_WIDTH * columns / 4)
    figure = Figure((width, 2.45 * rows + 0.75))
    axes = figure.subplots(
        2 * rows, columns, height_ratios=[4, 1] * rows, squeeze=False, sharex=True
    )
    for index, (title, color, before, after) in enumerate(panels):
        row, column = divmod(index, columns)
        ax, below = axes[2 * row, column], axes[2 * row + 1, column]
        _diagram(ax, before, after, color, lang)
        ax.set_title(title)
        _numbers(ax, before, lang)
        _histogram(below, before, color)
        if column == 0:
            ax.set_ylabel(text("calibration.observed", lang))
            below.set_ylabel(text("calibration.readings", lang))
        else:
            ax.tick_params(labelleft=False)
    for index in range(len(panels), rows * columns):
        row, column = divmod(index, columns)
        for ax in axes[2 * row : 2 * row + 2, column]:
            ax.set_visible(False)
    first = axes[0, 0]
    figure.legend(
        *first.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=3,
        title=title_of_all or None,
        title_fontsize=8.5,
    )
    for ax in axes[-1]:
        ax.set_xlabel(text("calibration.predicted", lang))
    return figure


def _diagram(ax: Axes, before: _Number, after: _Number | None, color: str, lang: str) -> None:
    ax.plot(
        [0, 100], [0, 100], ":", color=GRAY, linewidth=0.8, label=text("calibration.perfect", lang)
    )
    label = text("calibration.before", lang)
    x, y, lengths = _points(before)
    ax.errorbar(
        x,
        y,
        lengths,
        fmt="o-",
        color=color,
        markersize=3,
        linewidth=0.7,
        elinewidth=0.8,
        label=label,
    )
    if after is not None:
        x, y, _ = _points(after)
        look: dict[str, Any] = {"markersize": 3.2, "markerfacecolor": "none", "linewidth": 0.7}
        label = text("calibration.after", lang)
        ax.plot(x, y, "D--", color=_AFTER, markeredgewidth=0.8, label=label, **look)
    ax.set_xlim(-3, 103)
    ax.set_ylim(-3, 103)
    ax.set_xticks([0, 50, 100])
    ax.set_yticks([0, 50, 100])


def _points(diagram: _Number) -> tuple[Any, Any, Any]:
    predicted = [100 * one["predicted"] for one in diagram["bins"]]
    shares = [one["observed"] for one in diagram["bins"]]
    values, lows, highs = (
        np.array([100 * one[end] for one in shares]) for end in ("value", "low", "high")
    )
    return predicted, values, np.array([values - lows, highs - values])


def _numbers(ax: Axes, block: _Number, lang: str) -> None:
    ece = block["ece"]
    keys = ("value", "low", "high", "expected")
    lines = [
        text("calibration.no_ece", lang)
        if ece["value"] is None
        else text("calibration.ece", lang, **{name: f"{100 * ece[name]:.1f}" for name in keys})
    ]
    if "slope" in block:
        slope = block["slope"]
        lines.append(
            text("calibration.no_slope", lang)
            if slope["value"] is None
            else text(
                "calibration.slope",
                lang,
                **{name: f"{slope[name]:.2f}" for name in ("value", "low", "high")},
            )
        )
    ax.set_xlabel(printable_text("\n".join(lines)), fontsize=6, color=GRAY)


def _histogram(ax: Axes, block: _Number, color: str) -> None:
    counts = block["histogram"]
    width = 100 / len(counts)
    places = [width * (index + 0.5) for index in range(len(counts))]
    ax.bar(places, counts, 0.9 * width, color=color, alpha=0.6)
    ax.set_yticks([0, max(counts)], ["0", f"{max(counts):.0f}"])
