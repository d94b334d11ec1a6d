"""Decision curves: the net benefit of acting on each network."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.classes import class_short
from metrascope.figures.canvas import GRAY, footnote, grid, style
from metrascope.figures.fonts import figure_language, printable_text, short_label
from metrascope.messages import text
from metrascope.statistics.published import network_title

_NETWORK: Final = "#0072B2"
_USEFUL: Final = "#009E73"


@style()
def decision_chart(
    decision: dict[str, Any], lang: str | None = None, heading: str = "", stated: bool = False
) -> Figure:
    """Draw a panel per network: net benefit with its band, beside acting on all and on none.

    A bar at the foot marks thresholds at which the network is better than both with its band.

    Parameters
    ----------
    decision
        As `metrascope.statistics.decision_curves.decision_curves` returns it.
    lang
        ``en`` or ``zh``; the language in use when not given.
    heading
        Whose data it is, told under the figure.
    stated
        At the stated prevalence instead of the observed one.
    """
    lang = figure_language(lang)
    shown = decision["stated"] if stated else decision
    curves = shown["curves"]
    figure, axes = grid(len(curves), 2.0)
    percent = [100 * threshold for threshold in decision["thresholds"]]
    for ax, (name, curve) in zip(axes, curves.items(), strict=True):
        _panel(ax, percent, curve, shown["all"], shown["prevalence"], lang)
        ax.set_title(short_label(network_title(name)))
    figure.supylabel(text("calibration.net_benefit", lang), fontsize=7.5)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=min(4, len(curves)))
    key = "prevalence_stated" if stated else "prevalence"
    share = f"{100 * shown['prevalence']:.1f}%"
    acted = text("calibration.threshold", lang, classes=_named(decision["positive"], lang))
    prevalence = text(f"calibration.{key}", lang, share=share)
    footnote(figure, lang, "\n".join(filter(None, [acted, heading, prevalence])))
    return figure


def _named(classes: Sequence[str], lang: str) -> str:
    between = text("calibration.between", lang)
    return printable_text(between.join(short_label(class_short(name, lang)) for name in classes))


def _panel(
    ax: Axes,
    percent: Sequence[float],
    curve: Mapping[str, Any],
    everyone: Mapping[str, Any],
    prevalence: float,
    lang: str,
) -> None:
    ax.axhline(
        0, color="black", linewidth=0.8, linestyle=":", label=text("calibration.act_none", lang)
    )
    _banded(ax, percent, everyone, GRAY, "--", text("calibration.act_all", lang))
    _banded(ax, percent, curve["net_benefit"], _NETWORK, "-", text("calibration.act_network", lang))
    height = prevalence or 0.1  # where nobody is positive nothing is above 0, but axes must be
    floor = -0.12 * height
    label = text("calibration.act_useful", lang)
    for low, high in curve["useful"] or [(None, None)]:
        stretch = ([], []) if low is None else ([100 * low, 100 * high], [floor, floor])
        ax.plot(*stretch, color=_USEFUL, linewidth=3, solid_capstyle="butt", label=label)
        label = "_"
    ax.set_xlim(0, 100)
    ax.set_ylim(1.6 * floor, 1.08 * height)


def _banded(
    ax: Axes, percent: Sequence[float], band: Mapping[str, Any], color: str, dash: str, label: str
) -> None:
    ax.fill_between(percent, band["low"], band["high"], color=color, alpha=0.2, linewidth=0)
    ax.plot(percent, band["value"], dash, color=color, label=label)
