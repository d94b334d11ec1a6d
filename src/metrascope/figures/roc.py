"""ROC curves of every class and of their macro average, with areas, intervals and bands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.classes import class_colors, class_short
from metrascope.figures.canvas import GRAY, footnote, grid, style
from metrascope.figures.fonts import figure_language, printable_text, short_label
from metrascope.messages import text
from metrascope.results.notation import percent
from metrascope.statistics.published import network_title

_MACRO: Final = "#222222"
_DASHES: Final = ("-", "--", "-.", ":")


@style()
def roc_overview(metrics: Mapping[str, Any], lang: str | None = None, heading: str = "") -> Figure:
    """Draw the curves of all classes and their macro average, a panel for each network.

    The band is that of the macro average; `roc_panels` has one for every curve.

    Parameters
    ----------
    metrics
        Content of ``metrics.json``, with ``roc``.
    lang
        ``en`` or ``zh``; the language in use when not given.
    heading
        Whose data they are.
    """
    lang = figure_language(lang)
    networks = metrics["roc"]["networks"]
    figure, axes = grid(len(networks), 2.75)
    for ax, (name, curves) in zip(axes, networks.items(), strict=True):
        _axes(ax, lang)
        scores = metrics["networks"][name]
        for place, (label, curve) in enumerate(curves["classes"].items()):
            look = {"color": _color(metrics["classes"], label), "linestyle": _dash(place)}
            area = scores["classes"][label].get("auc")
            _line(ax, metrics, curve, _labeled(class_short(label, lang), area), **look)
        if curves["macro"] is not None:
            _shade(ax, metrics, curves["macro"], _MACRO)
            label = _labeled(text("figures.roc_macro", lang), scores.get("macro_auc"))
            _line(ax, metrics, curves["macro"], label, color=_MACRO, linewidth=1.5)
        ax.set_title(short_label(network_title(name)))
        _legend(ax)
    footnote(figure, lang, "\n".join(filter(None, [heading, text("figures.roc_key", lang)])))
    return figure


@style()
def roc_panels(
    metrics: Mapping[str, Any], network: str, lang: str | None = None, heading: str = ""
) -> Figure:
    """Draw one network's curve of each class, and their macro average, each with its band.

    Parameters
    ----------
    metrics, lang, heading
        As for `roc_overview`.
    network
        Which.
    """
    lang = figure_language(lang)
    curves, scores = metrics["roc"]["networks"][network], metrics["networks"][network]
    panels = [
        (
            class_short(label, lang),
            _color(metrics["classes"], label),
            curve,
            scores["classes"][label].get("auc"),
        )
        for label, curve in curves["classes"].items()
    ]
    if curves["macro"] is not None:
        title = text("figures.roc_macro", lang)
        panels.append((title, _MACRO, curves["macro"], scores.get("macro_auc")))
    figure, axes = grid(max(1, len(panels)), 2.8)
    for ax, (title, color, curve, area) in zip(axes, panels, strict=False):
        _axes(ax, lang)
        _shade(ax, metrics, curve, color)
        _line(ax, metrics, curve, _labeled("AUC", area), color=color)
        ax.set_title(short_label(title))
        _legend(ax)
    title = printable_text(network_title(network))
    footnote(
        figure, lang, "\n".join(filter(None, [title, heading, text("figures.roc_band", lang)]))
    )
    return figure


def _axes(ax: Axes, lang: str) -> None:
    ax.plot([0, 100], [0, 100], ":", color=GRAY, linewidth=0.8)
    ax.set_xlim(-2, 102)
    ax.set_ylim(-2, 102)
    ax.set_xticks([0, 50, 100])
    ax.set_yticks([0, 50, 100])
    ax.set_aspect("equal")
    ax.set_xlabel(text("figures.roc_x", lang))
    ax.set_ylabel(text("figures.roc_y", lang))


def _line(
    ax: Axes, metrics: Mapping[str, Any], curve: Mapping[str, Any], label: str, **look: Any
) -> None:
    # From the corner: where somebody is found without a false alarm the curve begins higher.
    x = [0.0, *(100 * rate for rate in metrics["roc"]["false_positive_rate"])]
    y = [0.0, *(100 * share for share in curve["value"])]
    ax.plot(x, y, label=printable_text(label), **look)


def _shade(ax: Axes, metrics: Mapping[str, Any], curve: Mapping[str, Any], color: str) -> None:
    # Without ends where the rate is too low for the patients at hand: there is no band there.
    band = [
        (100 * rate, 100 * low, 100 * high)
        for rate, low, high in zip(
            metrics["roc"]["false_positive_rate"], curve["low"], curve["high"], strict=True
        )
        if low is not None and high is not None
    ]
    if band:
        x, bottom, top = zip(*band, strict=True)
        ax.fill_between(x, bottom, top, color=color, alpha=0.15, linewidth=0)


def _legend(ax: Axes) -> None:
    if not ax.get_legend_handles_labels()[0]:
        return
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), fontsize=6, handlelength=1.8)


def _labeled(name: str, area: object) -> str:
    return f"{name} {percent(area, 1)}"


def _color(classes: Sequence[str], label: str) -> str:
    return class_colors(classes)[label]


def _dash(place: int) -> str:
    return _DASHES[place % len(_DASHES)]
