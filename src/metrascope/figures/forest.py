"""Forest plot: how a network does in every subgroup."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.classes import class_short
from metrascope.figures.canvas import GRAY, PAGE_WIDTH, footnote, style
from metrascope.figures.fonts import figure_language, printable_text, short_label
from metrascope.messages import text
from metrascope.results.findings import attribute_title, value_title
from metrascope.results.notation import p_value
from metrascope.statistics.published import network_title

_COLOR: Final = "#0072B2"
_MEASURES: Final = ("accuracy", "macro_f1", "sensitivity", "specificity")


@style()
def forest_plot(
    subgroups: dict[str, Any],
    network: str,
    classes: Sequence[str],
    lang: str | None = None,
    heading: str = "",
) -> Figure:
    """Draw a row per subgroup and a panel per measure, intervals as lines.

    Parameters
    ----------
    subgroups
        As `metrascope.statistics.subgroups.subgroups` returns it.
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
    rows = _rows(subgroups, network, lang)
    measures = [name for name in _MEASURES if any(name in (row["numbers"] or {}) for row in rows)]
    figure = Figure((PAGE_WIDTH, 0.165 * len(rows) + 1.35))
    axes = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    for ax, measure in zip(axes, measures, strict=True):
        _panel(ax, rows, measure)
        label = short_label(class_short(classes[0], lang))
        ax.set_title(printable_text(text(f"subgroups.{measure}", lang, label=label)), fontsize=7.5)
    axes[0].set_yticks(range(len(rows)), [row["label"] for row in rows])
    for tick, row in zip(axes[0].get_yticklabels(), rows, strict=True):
        # Not in bold: the Chinese typeface has no such face.
        tick.set_color("black" if row["heading"] else GRAY)
    axes[0].set_ylim(len(rows) - 0.4, -0.8)
    for place, row in enumerate(rows):
        if row["note"]:
            axes[-1].annotate(
                row["note"],
                (1.02, place),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=6.5,
                color=GRAY,
                annotation_clip=False,
            )
    figure.suptitle(short_label(network_title(network)), fontsize=8.5)
    key = text("subgroups.key", lang, fewest=subgroups["fewest"])
    footnote(figure, lang, "\n".join(filter(None, [heading, key])))
    return figure


def _rows(subgroups: Mapping[str, Any], network: str, lang: str) -> list[dict[str, Any]]:
    """Return a row for all patients, then for each attribute a heading and its subgroups."""
    everyone = subgroups["overall"][network]
    rows = [_row(text("subgroups.all", lang), everyone, heading=True)]
    for attribute in subgroups["attributes"]:
        p = attribute["tests"].get(network, {}).get("p_holm")
        note = "" if p is None else text("subgroups.test", lang, p=p_value(p))
        title = printable_text(short_label(attribute_title(attribute["name"], lang)))
        rows.append(_row(title, None, heading=True, note=note))
        for group in attribute["groups"]:
            numbers = group.get("networks", {}).get(network)
            name = printable_text(short_label(value_title(group["name"], lang), 20))
            few = "" if numbers else text("subgroups.too_few", lang)
            rows.append(_row(f"{name}  ({group['patients']})", numbers, note=few))
    return rows


def _row(
    label: str, numbers: Mapping[str, Any] | None, heading: bool = False, note: str = ""
) -> dict[str, Any]:
    return {"label": label, "numbers": numbers, "heading": heading, "note": note}


def _panel(ax: Axes, rows: Sequence[Mapping[str, Any]], measure: str) -> None:
    everyone = rows[0]["numbers"][measure]
    if everyone["value"] is not None:
        ax.axvline(100 * everyone["value"], color=GRAY, linewidth=0.7, linestyle="--")
    for place, row in enumerate(rows):
        number = (row["numbers"] or {}).get(measure)
        if number is None or number["value"] is None:
            continue
        ends = [100 * number["low"], 100 * number["high"]]
        ax.plot(ends, [place, place], color=_COLOR, linewidth=0.9)
        ax.plot([100 * number["value"]], [place], "s" if place else "D", color=_COLOR, markersize=3)
        if measure == "accuracy" and place:
            expected = 100 * row["numbers"]["expected"]
            look: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 0.7}
            ax.plot([expected], [place], "o", color="#D55E00", markersize=4.5, **look)
    ax.grid(axis="x", linewidth=0.3, color="#CCCCCC")
    ax.set_xlim(right=101)
    ax.tick_params(axis="y", length=0)
