"""Reliability diagrams, decision curves and forest plots: what they show, in both languages."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from tests.statistics.make import PAPER
from tests.statistics.test_calibration import both, calibrated, table

from metrascope.figures.canvas import save_figure, style
from metrascope.figures.decision import decision_chart
from metrascope.figures.fonts import chinese_family
from metrascope.figures.forest import forest_plot
from metrascope.figures.reliability import reliability_diagrams, reliability_overview
from metrascope.statistics.calibration import calibration
from metrascope.statistics.cohort import cohort
from metrascope.statistics.decision_curves import decision_curves
from metrascope.statistics.predictions import Predictions
from metrascope.statistics.resampling import draw_patients
from metrascope.statistics.subgroups import subgroups


@cache
def blocks() -> dict[str, Any]:
    predictions = both()
    people = cohort(predictions)
    drawn = draw_patients(people.table["patient_id"], replicates=100)
    n = len(people.table)
    known = pd.DataFrame(
        {"scanner": ["GE Voluson E10"] * 150 + ["Canon"] * 140 + ["Mindray"] * (n - 290)},
        index=pd.Index(people.table["images"]),
    )
    shares = {"normal": 0.8, "fibroid": 0.1, "polyp": 0.1}
    return {
        "calibration": calibration(people, predictions),
        "decision": decision_curves(people, drawn, prevalence=shares),
        "subgroups": subgroups(people, known, drawn),
    }


MADE: dict[str, Callable[[str], Figure]] = {
    "reliability": lambda lang: reliability_diagrams(
        blocks()["calibration"], "vgg16", PAPER, lang, "Ours, n = 300"
    ),
    "overview": lambda lang: reliability_overview(blocks()["calibration"], lang, "Ours, n = 300"),
    "decision": lambda lang: decision_chart(blocks()["decision"], lang, "Ours, n = 300"),
    "stated": lambda lang: decision_chart(blocks()["decision"], lang, "Ours, n = 300", stated=True),
    "forest": lambda lang: forest_plot(
        blocks()["subgroups"], "vgg16", PAPER, lang, "Ours, n = 300"
    ),
}


def words(figure: Figure) -> str:
    return "\n".join(item.get_text() for item in figure.findobj(mpl.text.Text))


@pytest.mark.parametrize("name", MADE)
def test_figures_name_their_data_and_research_use(name: str, tmp_path: Path) -> None:
    shown = words(MADE[name]("en"))
    assert "Ours, n = 300" in shown
    assert "Research use only, not a medical device." in shown
    if chinese_family() is not None:
        assert "仅供研究使用，不是医疗器械。" in words(MADE[name]("zh"))
    first = save_figure(MADE[name]("zh"), tmp_path / "a", name)
    second = save_figure(MADE[name]("zh"), tmp_path / "b", name)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize("name", MADE)
def test_nothing_sticks_out(name: str) -> None:
    figure = MADE[name]("en")
    with style():
        figure.draw_without_rendering()
    for item in [*figure.texts, *figure.legends, *figure.axes]:
        box = item.get_tightbbox()
        assert figure.bbox.x0 - 1 <= box.x0
        assert box.x1 <= figure.bbox.x1 + 1


def test_reliability_draws_every_bin_before_and_after() -> None:
    figure = MADE["reliability"]("en")
    block = blocks()["calibration"]["networks"]["vgg16"]
    ax = next(ax for ax in figure.findobj(Axes) if ax.get_title() == "Polyp")
    drawn = [line.get_xdata() for line in ax.lines]
    for when in ("before", "after"):
        bins = block[when]["classes"]["polyp"]["bins"]
        expected = [100 * one["predicted"] for one in bins]
        assert any(len(x) == len(expected) and np.allclose(x, expected) for x in drawn), when


def test_reliability_without_test_rows_says_why_there_is_no_after() -> None:
    predictions = Predictions(table(calibrated(60)), PAPER)
    people = cohort(predictions)
    told = calibration(people, predictions)
    shown = words(reliability_diagrams(told, "vgg16", PAPER, "en"))
    assert "Calibration after temperature scaling is not shown" in shown
    assert "after temperature scaling\n" not in shown


def test_decision_draws_the_net_benefit_at_its_prevalence() -> None:
    told = blocks()["decision"]
    for key, block, share in (("decision", told, ""), ("stated", told["stated"], "20.0%")):
        figure = MADE[key]("en")
        line = next(
            one for one in figure.axes[0].lines if one.get_label() == "acting on the network"
        )
        np.testing.assert_array_equal(
            line.get_ydata(), block["curves"]["vgg16"]["net_benefit"]["value"]
        )
        assert share in words(figure)


def test_forest_has_a_row_for_each_subgroup_and_says_too_few() -> None:
    figure = MADE["forest"]("en")
    labels = [item.get_text() for item in figure.axes[0].get_yticklabels()]
    assert labels == [
        "All patients",
        "Scanner",
        "Canon  (140)",
        "GE Voluson E10  (150)",
        "Mindray  (10)",
    ]
    assert "too few" in words(figure)
    group = blocks()["subgroups"]["attributes"][0]["groups"][0]["networks"]["vgg16"]
    points = [float(line.get_xdata()[0]) for line in figure.axes[0].lines]
    assert 100 * group["accuracy"]["value"] in points
