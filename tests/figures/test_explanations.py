"""Figures of measured heat maps and shortcuts: what they draw, in both languages."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from metrascope.explain.faithfulness import ORDERS, WAYS
from metrascope.explain.perturbations import CHANGES
from metrascope.figures.canvas import svg_bytes
from metrascope.figures.embedding import COLORINGS, embeddings
from metrascope.figures.explanations import (
    deletion_curves,
    localization_by_size,
    shortcut_chart,
)

PAPER = ("normal", "fibroid", "polyp")


def number(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.1}


def group(value: float) -> dict[str, Any]:
    measures = ("pointing", "energy", "iou")
    levels = {"chance": 0.1, "center": 0.3}
    own = dict.fromkeys(measures, number(value))
    return own | {name: dict.fromkeys(measures, number(v)) for name, v in levels.items()}


def located(value: float, unit: str = "mm") -> dict[str, Any]:
    sizes = {"small": (4, 9), "large": (15, 30)}
    edges = {name: {"from": low, "to": high} for name, (low, high) in sizes.items()}
    return {
        "size_unit": unit,
        "maps": {"predicted": group(value)},
        "sizes": {name: edges[name] | group(value / 2) for name in sizes},
    }


def followed() -> dict[str, Any]:
    curve = [number(value) for value in np.linspace(0.9, 0.3, 11)]
    return {way: {order: {"curve": curve} for order in ORDERS} for way in WAYS}


def changed(value: float) -> dict[str, Any]:
    undefined = {"value": None, "low": None, "high": None}
    changes = {name: {"moved": number(value), "flipped": number(value / 2)} for name in CHANGES}
    return {"changes": changes | {"logo": {"moved": number(value), "flipped": undefined}}}


@pytest.mark.parametrize(("count", "lang"), [(1, "en"), (8, "zh")])
def test_drawings_are_the_same_bytes_twice(count: int, lang: str) -> None:
    names = ["vgg16", "resnet18", *(f"other {n}" for n in range(6))][:count]
    for draw, content in (
        (localization_by_size, located(0.5, "share")),
        (deletion_curves, followed()),
        (shortcut_chart, changed(0.2)),
    ):
        # filterwarnings = error: a character without a glyph would fail here.
        first, second = (svg_bytes(draw(dict.fromkeys(names, content), lang)) for _ in range(2))
        assert first == second


def test_localization_draws_sizes_all_and_chance() -> None:
    figure = localization_by_size({"vgg16": located(0.5)}, "en")
    ax = figure.axes[0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["4–9", "15–30", "all"]
    (points,) = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points.get_ydata(), [25, 25, 50])
    chance = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert [line.get_ydata()[0] for line in chance] == pytest.approx([10, 10, 10])


def test_curves_have_a_panel_for_each_network_and_way() -> None:
    figure = deletion_curves({"vgg16": followed(), "resnet18": followed()}, "en")
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == [
        f"{name}: {way}" for name in ("VGG-16", "ResNet-18") for way in ("Deletion", "Insertion")
    ]
    line = figure.axes[0].lines[0]
    np.testing.assert_allclose(line.get_xdata(), np.linspace(0, 100, 11))
    np.testing.assert_allclose(line.get_ydata(), np.linspace(0.9, 0.3, 11))


def test_every_change_has_a_row() -> None:
    figure = shortcut_chart({"vgg16": changed(0.2)}, "en")
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(set(rows)) == len(CHANGES)
    assert rows[0].startswith("JPEG")


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("coloring", COLORINGS)
def test_maps_colored_by_scanner_partition_and_error(coloring: str, lang: str) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=40), "y": rng.normal(size=40)}).assign(
        network="vgg16", label="polyp", perplexity=np.repeat([30.0, 10.0], 20)
    )
    values = {"scanner": ["", "GE"], "partition": ["test", "validation"], "correct": [1, 0]}
    table[coloring] = values[coloring] * 20
    measured = {
        f"{coloring}_purity": {"value": 0.4},
        f"{coloring}_purity_by_chance": {"value": 0.3},
    }
    figure = embeddings(table, PAPER, lang, {"vgg16": measured}, coloring)  # type: ignore[arg-type]
    (ax,) = figure.findobj(Axes)
    assert [len(points.get_offsets()) for points in ax.collections] == [10, 10]
    assert (
        ax.collections[0].get_facecolor()[0].tolist()
        != ax.collections[1].get_facecolor()[0].tolist()
    )
    assert svg_bytes(figure)
