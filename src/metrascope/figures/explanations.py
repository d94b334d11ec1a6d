"""Measured heat maps and shortcuts: by lesion size, deletion and insertion, changed images."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrascope.figures.canvas import GRAY, PAGE_WIDTH, footnote, grid, style
from metrascope.figures.fonts import figure_language, short_label
from metrascope.messages import text
from metrascope.statistics.published import network_title

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
_MARKERS: Final = "os^DvP*X"
_MEASURES: Final = ("pointing", "energy", "iou")
_SIZES: Final = ("small", "medium", "large")
_ORDERS: Final = {"map": "#0072B2", "shuffled": "#E69F00", "randomized": "#999999"}
_WAYS: Final = {"deletion": "deleted", "insertion": "inserted"}
_KINDS: Final = ("moved", "flipped")


@style()
def localization_by_size(networks: Mapping[str, Any], lang: str | None = None) -> Figure:
    """Draw the pointing game, energy and best IoU of each network by lesion size.

    Parameters
    ----------
    networks
        ``metrics.json``'s ``localization`` by network, in the order of drawing.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    lang = figure_language(lang)
    first = next(iter(networks.values()))
    sizes = [size for size in _SIZES if any(size in found["sizes"] for found in networks.values())]
    figure = Figure((PAGE_WIDTH, 2.9))
    axes = figure.subplots(1, len(_MEASURES), squeeze=False)[0]
    for ax, measure in zip(axes, _MEASURES, strict=True):
        for number, (name, found) in enumerate(networks.items()):
            groups = [found["sizes"].get(size) for size in sizes] + [found["maps"]["predicted"]]
            label = short_label(network_title(name))
            _points(ax, groups, measure, (number, len(networks)), label)
        _baselines(ax, list(networks.values()), sizes, measure, lang)
        names = [_range(first, size) for size in sizes] + [text("localization.all_sizes", lang)]
        ax.set_xticks(range(len(names)), names)
        ax.set_title(text(f"localization.{measure}", lang), fontsize=7)
        ax.set_xlabel(text(f"localization.size_{first['size_unit']}", lang))
        ax.set_ylim(0, 100)
    where: Any = "outside upper center"
    figure.legend(*axes[0].get_legend_handles_labels(), loc=where, ncols=5)
    footnote(figure, lang, text("localization.sizes_key", lang))
    return figure


@style()
def deletion_curves(networks: Mapping[str, Any], lang: str | None = None) -> Figure:
    """Draw the deletion and insertion curves of each network.

    Parameters
    ----------
    networks
        ``metrics.json``'s ``faithfulness`` by network, in the order of drawing.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    lang = figure_language(lang)
    figure, axes = grid(2 * len(networks), 1.9)
    pairs = [(name, way) for name in networks for way in _WAYS]
    for ax, (name, way) in zip(axes, pairs, strict=True):
        for order, color in _ORDERS.items():
            _curve(ax, networks[name][way][order]["curve"], order, color, lang)
        way_title = text(f"localization.{way}", lang)
        ax.set_title(f"{short_label(network_title(name), 24)}: {way_title}", fontsize=7)
        ax.set_xlabel(text(f"localization.{_WAYS[way]}", lang))
        ax.set_xlim(0, 100)
        ax.set_ylim(0, 1)
    axes[0].set_ylabel(text("localization.probability", lang))
    where: Any = "outside upper center"
    figure.legend(*axes[0].get_legend_handles_labels(), loc=where, ncols=3)
    footnote(figure, lang, text("localization.curves_key", lang))
    return figure


@style()
def shortcut_chart(networks: Mapping[str, Any], lang: str | None = None) -> Figure:
    """Draw how much each change moves probability, and how many readings it changes.

    Parameters
    ----------
    networks
        ``metrics.json``'s ``shortcuts`` by network, with ``changes``, in the order of drawing.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    lang = figure_language(lang)
    changes = list(next(iter(networks.values()))["changes"])
    figure = Figure((PAGE_WIDTH, 0.8 + 0.1 * len(changes) * (1.4 + 0.45 * len(networks))))
    axes = figure.subplots(1, len(_KINDS), sharey=True, squeeze=False)[0]
    for ax, kind in zip(axes, _KINDS, strict=True):
        for number, (name, found) in enumerate(networks.items()):
            numbers = [found["changes"][change][kind] for change in changes]
            rows = _beside(range(len(changes)), number, len(networks))
            look = _line_style(number) | {"label": short_label(network_title(name))}
            values, ends = _with_ends(numbers)
            ax.errorbar(values, rows, xerr=ends, **look)
        ax.set_xlabel(text(f"localization.{kind}", lang))
        ax.set_xlim(left=0)
        ax.grid(axis="y", linewidth=0.3, color="#DDDDDD")
    names = [text(f"localization.change_{change}", lang) for change in changes]
    axes[0].set_yticks(range(len(changes)), names)
    axes[0].set_ylim(len(changes) - 0.5, -0.5)
    where: Any = "outside upper center"
    figure.legend(*axes[0].get_legend_handles_labels(), loc=where, ncols=4)
    footnote(figure, lang, text("localization.shortcuts_key", lang))
    return figure


def _points(
    ax: Axes,
    groups: Sequence[Mapping[str, Any] | None],
    measure: str,
    place: tuple[int, int],
    label: str,
) -> None:
    known = [(at, group[measure]) for at, group in enumerate(groups) if group is not None]
    values, ends = _with_ends([number for _, number in known])
    columns = _beside((at for at, _ in known), *place)
    ax.errorbar(columns, values, yerr=ends, label=label, **_line_style(place[0]))


def _baselines(
    ax: Axes, networks: Sequence[Mapping[str, Any]], sizes: Sequence[str], measure: str, lang: str
) -> None:
    """Draw chance and the map of the middle as steps, the mean of the networks."""
    for baseline, dash in (("chance", ":"), ("center", "--")):
        levels = []
        for size in (*sizes, None):
            groups = [
                found["maps"]["predicted"] if size is None else found["sizes"].get(size)
                for found in networks
            ]
            values = [group[baseline][measure]["value"] for group in groups if group is not None]
            levels.append(100 * float(np.mean(values)))
        label = text(f"localization.{baseline}", lang)
        for at, level in enumerate(levels):
            span = ([at - 0.42, at + 0.42], [level, level])
            ax.plot(*span, dash, color=GRAY, linewidth=0.9, label=label if at == 0 else None)


def _curve(ax: Axes, curve: Sequence[Mapping[str, Any]], order: str, color: str, lang: str) -> None:
    shares = np.linspace(0, 100, len(curve))
    value, low, high = (_numbers(curve, key) for key in ("value", "low", "high"))
    ax.plot(shares, value, color=color, label=text(f"localization.order_{order}", lang))
    if order == "map":
        ax.fill_between(shares, low, high, color=color, alpha=0.2, linewidth=0)


def _with_ends(numbers: Sequence[Mapping[str, Any]]) -> tuple[Any, Any]:
    """Return values in percent, and how far the ends of their intervals are away."""
    value, low, high = (100 * _numbers(numbers, key) for key in ("value", "low", "high"))
    return value, np.stack([value - low, high - value])


def _numbers(numbers: Sequence[Mapping[str, Any]], key: str) -> Any:
    found = [number[key] for number in numbers]
    return np.array([np.nan if value is None else value for value in found], dtype=np.float64)


def _beside(places: Iterable[int], number: int, count: int) -> Any:
    """Return places moved apart, so that the networks stand side by side."""
    return np.array(list(places)) + 0.7 * ((number + 0.5) / count - 0.5)


def _line_style(number: int) -> dict[str, Any]:
    return {
        "fmt": _MARKERS[number % len(_MARKERS)],
        "color": _COLORS[number % len(_COLORS)],
        "markersize": 3,
        "elinewidth": 0.7,
    }


def _range(found: Mapping[str, Any], size: str) -> str:
    group = found["sizes"].get(size)
    if group is None:
        return size
    scale = 1 if found["size_unit"] == "mm" else 100
    return f"{scale * group['from']:.0f}–{scale * group['to']:.0f}"
