"""Every figure: what it shows, valid files, the same bytes twice, no warning in any language."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import confusion_matrix

from metrascope.errors import StudyError
from metrascope.figures.canvas import save_figure
from metrascope.figures.comparison import comparison_chart
from metrascope.figures.confusion import confusion_matrices
from metrascope.figures.embedding import embeddings
from metrascope.figures.fonts import chinese_family
from metrascope.figures.gradcam import PanelCase, PanelReading, gradcam_panel
from metrascope.figures.learning_curves import learning_curves
from metrascope.figures.roc import roc_overview, roc_panels
from metrascope.statistics.published import PUBLISHED, network_title

PAPER = ("normal", "fibroid", "polyp")
NOTICE = "Research use only, not a medical device."
TWO = ("vgg16", "inception_v3")


def metrics_of(
    networks: tuple[str, ...] = TWO, classes: tuple[str, ...] = PAPER, seeds: int = 1
) -> dict[str, Any]:
    """Metrics in the shape of ``metrics.json`` from random readings."""
    rng = np.random.default_rng(0)
    result: dict[str, Any] = {}
    for name in networks:
        true, guess = rng.integers(len(classes), size=(2, 60))
        score = {"value": rng.uniform(0.5, 0.9)}
        counts = confusion_matrix(true, guess, labels=range(len(classes))).tolist()
        result[name] = {"macro_f1": score, "confusion": counts, "seeds": list(range(seeds))}
    majority = {"label": classes[0], "macro_f1": {"value": 0.2}}
    shape = {"classes": list(classes), "partition": "validation", "n": 60, "unit": "image"}
    return {**shape, "majority": majority, "networks": result}


def embedding_table(networks: tuple[str, ...] = TWO) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    rows = {"label": rng.choice(PAPER, 30), "x": rng.normal(size=30), "y": rng.normal(size=30)}
    return pd.concat([pd.DataFrame(rows).assign(network=name) for name in networks])


def history(epochs: int = 3, steps: int = 4, peak: float = 1e-3) -> pd.DataFrame:
    epoch = np.repeat(np.arange(1, epochs + 1), steps)
    step = np.arange(1, epochs * steps + 1)
    last = step % steps == 0
    return pd.DataFrame(
        {
            "epoch": epoch,
            "step": step,
            "learning_rate": peak * step / len(step),
            "loss": 1.0 / step,
            "validation_loss": np.where(last, 1.2 / step, np.nan),
            "validation_macro_f1": np.where(last, 0.5 + 0.02 * step, np.nan),
        }
    )


def cases(networks: tuple[str, ...] = TWO, mask: bool = True) -> list[PanelCase]:
    rng = np.random.default_rng(2)
    result = []
    for index, label in enumerate(PAPER):
        grey = rng.integers(0, 255, (40, 50), dtype=np.uint8)
        lesion = np.zeros_like(grey)
        lesion[10:20, 15:30] = 255
        heat = rng.random((7, 7)).astype(np.float32)
        readings = {
            name: PanelReading(heat, PAPER[(index + bool(shift)) % 3], 0.25 + 0.125 * index)
            for shift, name in enumerate(networks)
        }
        box = (5.0, 0.0, 45.0, 40.0)
        result.append(PanelCase(label, grey, lesion if mask and index else None, box, readings))
    return result


MADE: dict[str, Callable[[str], Figure]] = {
    "confusion": lambda lang: confusion_matrices(metrics_of(), lang),
    "comparison": lambda lang: comparison_chart(metrics_of(), lang, "体模 _^ <&> $\\x$"),
    "embedding": lambda lang: embeddings(embedding_table(), PAPER, lang),
    "curves": lambda lang: learning_curves({f"{n}-f0-s0": history() for n in TWO}, lang),
    "gradcam": lambda lang: gradcam_panel(cases(), lang),
    "roc": lambda lang: roc_overview(roc_metrics(), lang, "Ours, n = 60"),
    "roc_network": lambda lang: roc_panels(roc_metrics(), "vgg16", lang, "Ours, n = 60"),
}


def panels(figure: Figure) -> dict[str, Axes]:
    """Axes by title."""
    return {ax.get_title(): ax for ax in figure.findobj(Axes) if ax.get_title()}


def words(figure: Figure) -> str:
    return "\n".join(item.get_text() for item in figure.findobj(mpl.text.Text))


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", MADE)
def test_no_line_under_a_figure_is_cut_off(name: str, lang: str) -> None:
    figure = MADE[name](lang)
    FigureCanvasAgg(figure).draw()
    notes = [one for one in (figure, *figure.subfigs) if (one.get_supxlabel() or "").strip()]
    assert notes
    for one in notes:
        extent = next(t for t in one.texts if t.get_text() == one.get_supxlabel())
        box = extent.get_window_extent()
        assert box.x0 >= figure.bbox.x0 - 1
        assert box.x1 <= figure.bbox.x1 + 1


@pytest.mark.parametrize("name", MADE)
def test_files_are_the_same_bytes_twice(name: str, tmp_path: Path) -> None:
    first = save_figure(MADE[name]("zh"), tmp_path / "a", name)
    second = save_figure(MADE[name]("zh"), tmp_path / "b", name)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


@pytest.mark.parametrize(("name", "lang"), [*((n, "en") for n in MADE), ("embedding", "zh")])
def test_files_are_valid(name: str, lang: str, tmp_path: Path) -> None:
    # filterwarnings = error: a character without a glyph would fail here.
    first = save_figure(MADE[name](lang), tmp_path, name)
    assert [path.name for path in first] == [f"{name}.svg", f"{name}.png"]
    assert sorted(tmp_path.iterdir()) == sorted(first)
    root = ElementTree.parse(first[0]).getroot()  # noqa: S314 - our own file
    assert root.tag.endswith("svg")
    assert not [item for item in root.iter() if item.tag.endswith("}text")]
    with Image.open(first[1]) as image:
        image.load()
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
        few = image.convert("RGB").getcolors(maxcolors=10)
    assert few is None  # there are more


@pytest.mark.parametrize("name", MADE)
def test_every_figure_says_research_only_in_its_language(name: str) -> None:
    assert "Research use only, not a medical device." in words(MADE[name]("en"))
    if chinese_family() is not None:
        assert "仅供研究使用，不是医疗器械。" in words(MADE[name]("zh"))


def test_a_journal_s_file_has_no_notice_and_keeps_the_rest(tmp_path: Path) -> None:
    for name, kept in (
        ("confusion", "Predicted class"),
        ("gradcam", "outline of the lesion"),
    ):
        figure = MADE[name]("en")
        assert NOTICE in words(figure)
        save_figure(figure, tmp_path, name, notice=False)
        assert NOTICE not in words(figure)
        assert kept in words(figure)
    figure = MADE["comparison"]("zh")
    save_figure(figure, tmp_path, "comparison", notice=False)
    assert "医疗器械" not in words(figure)


def test_macro_f1_has_its_interval() -> None:
    metrics = metrics_of()
    metrics["networks"]["vgg16"]["macro_f1"] = {"value": 0.8, "low": 0.7, "high": 0.85}
    metrics["networks"]["inception_v3"]["macro_f1"] = {"value": 1.0, "low": 0.9, "high": 1.0}
    figure = comparison_chart(metrics, "en", "x")
    (bars,) = figure.axes[0].collections
    ends = [(line[0, 0], line[1, 0]) for line in bars.get_segments()]
    assert ends == [pytest.approx((70, 85)), pytest.approx((90, 100))]
    assert "bars: 95% intervals" in words(figure)
    assert "bars" not in words(comparison_chart(metrics_of(), "en", "x"))


def roc_metrics() -> dict[str, Any]:
    metrics = metrics_of()
    rates = [0.0, 0.5, 1.0]
    curve = {"value": [0.25, 0.75, 1.0], "low": [0.1, 0.6, 0.9], "high": [0.4, 0.9, 1.0]}
    curves = {"macro": curve, "classes": dict.fromkeys(PAPER[:2], curve)}
    networks = dict.fromkeys(TWO, curves)
    metrics["roc"] = {"false_positive_rate": rates, "networks": networks}
    area = {"value": 0.75, "low": 0.6, "high": 0.85}
    for scores in metrics["networks"].values():
        scores |= {"macro_auc": area, "classes": {name: {"auc": area} for name in PAPER}}
    return metrics


def test_roc_curves_start_in_the_corner_and_have_their_areas() -> None:
    figure = roc_overview(roc_metrics(), "en", "data x")
    assert list(panels(figure)) == ["VGG-16", "Inception-v3"]
    for ax in panels(figure).values():
        drawn = [line.get_xydata().tolist() for line in ax.lines[1:]]
        assert drawn == 3 * [[[0, 0], [0, 25], [50, 75], [100, 100]]]
        labels = [item.get_text() for item in ax.get_legend().get_texts()]
        assert labels[0] == "Normal 75.0 (60.0–85.0)"
        assert labels[-1].startswith("Macro average 75.0")
    assert "data x" in words(figure)
    single = roc_panels(roc_metrics(), "vgg16", "en", "data x")
    assert list(panels(single)) == ["Normal", "Fibroid", "Macro average"]
    assert all(len(ax.collections) == 1 for ax in panels(single).values())


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_titles_and_key_of_curves_are_whole(lang: str, tmp_path: Path) -> None:
    # Four curves in the legend and a line under them that is broken: the fullest there is.
    metrics = roc_metrics()
    curve = metrics["roc"]["networks"]["vgg16"]["macro"]
    curves = {"macro": curve, "classes": dict.fromkeys(PAPER, curve)}
    metrics["roc"]["networks"] = dict.fromkeys(TWO, curves)
    figure = roc_overview(metrics, lang, "phantom, validation set, n = 120 patients")
    save_figure(figure, tmp_path, "a")
    renderer = FigureCanvasAgg(figure).get_renderer()
    key = next(t for t in figure.texts if t.get_text() == figure.get_supxlabel())
    top = key.get_window_extent(renderer).y1
    for ax in figure.axes:
        assert ax.title.get_window_extent(renderer).y1 <= figure.bbox.y1
        assert ax.get_legend().get_window_extent(renderer).y0 >= top - 1


def test_a_network_without_a_curve_is_drawn_without(tmp_path: Path) -> None:
    metrics = roc_metrics()
    metrics["roc"]["networks"] = {name: {"macro": None, "classes": {}} for name in TWO}
    assert save_figure(roc_overview(metrics, "en"), tmp_path, "a")
    assert save_figure(roc_panels(metrics, "vgg16", "en"), tmp_path, "b")


def test_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from metrascope.figures.comparison import comparison_chart\n"
        "from metrascope.figures.canvas import save_figure\n"
        "m = {'classes': ['a', 'b'], 'partition': 'test', 'n': 9,\n"
        "     'majority': {'macro_f1': {'value': 0.3}},\n"
        "     'networks': {'net': {'macro_f1': {'value': 0.5}}}}\n"
        "save_figure(comparison_chart(m, 'en', 'x'), Path(sys.argv[1]), 'f')\n"
        "assert 'torch' not in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    for folder, seed in (("a", "1"), ("b", "2")):
        command = [sys.executable, "-c", script, str(tmp_path / folder)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(command, check=True, env=environment)
    for name in ("f.svg", "f.png"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_bytes_do_not_depend_on_the_users_matplotlib_settings(tmp_path: Path) -> None:
    first = save_figure(MADE["comparison"]("en"), tmp_path / "a", "f")
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "savefig.dpi": 50}):
        second = save_figure(MADE["comparison"]("en"), tmp_path / "b", "f")
        assert mpl.rcParams["font.size"] == 30
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_unwritable_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "f.svg").mkdir()
    with pytest.raises(StudyError, match=r"f\.svg cannot be written"):
        save_figure(MADE["comparison"]("en"), tmp_path, "f")
    assert list(tmp_path.iterdir()) == [tmp_path / "f.svg"]


def test_confusion_panels_are_in_the_papers_order_with_counts_in_class_order() -> None:
    metrics = metrics_of(tuple(PUBLISHED))
    figure = confusion_matrices(metrics, "en")
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == [network_title(name) for name in PUBLISHED]
    for name, network in metrics["networks"].items():
        ax = panels(figure)[network_title(name)]
        shown = {item.get_position(): item.get_text() for item in ax.texts}
        for row, counts in enumerate(network["confusion"]):
            for column, count in enumerate(counts):
                share = round(100 * count / sum(counts))
                assert shown[column, row].split("\n")[0] == str(count)
                assert abs(int(shown[column, row].split("\n")[1][:-1]) - share) <= 1
        assert [item.get_text() for item in ax.get_yticklabels()] == ["Normal", "Fibroid", "Polyp"]
        assert ax.images[0].get_clim() == (0, 100)


def test_confusion_with_long_names_uses_numerals_with_a_key() -> None:
    figure = confusion_matrices(metrics_of(classes=("normal", "chocolate_cyst", "teratoma")), "en")
    ax = panels(figure)["VGG-16"]
    assert [item.get_text() for item in ax.get_xticklabels()] == ["I", "II", "III"]
    assert "I Normal    II chocolate cyst    III teratoma" in words(figure)


def test_confusion_of_a_class_without_images_is_empty_not_an_error(tmp_path: Path) -> None:
    metrics = metrics_of()
    metrics["networks"]["vgg16"]["confusion"] = [[3, 1, 0], [0, 0, 0], [1, 0, 4]]
    figure = confusion_matrices(metrics, "en")
    assert {text.get_text() for text in panels(figure)["VGG-16"].texts[3:6]} == {"0\n0%"}
    save_figure(figure, tmp_path, "f")


def test_confusion_over_seeds_says_that_counts_are_summed() -> None:
    assert "summed over all seeds" in words(confusion_matrices(metrics_of(seeds=3), "en"))
    assert "summed" not in words(confusion_matrices(metrics_of(), "en"))


@pytest.mark.parametrize("count", [1, 4, 8])
def test_panels_and_titles_do_not_overlap(count: int) -> None:
    networks = tuple(PUBLISHED)[:count]
    measured = {"silhouette": {"value": 0.1}, "neighbor_purity": {"value": 0.9}}
    separation = dict.fromkeys(networks, measured)
    for figure in (
        confusion_matrices(metrics_of(networks), "en"),
        embeddings(embedding_table(networks), PAPER, "en", separation),
    ):
        figure.canvas.draw()
        boxes = [ax.get_tightbbox() for ax in figure.axes]
        for index, one in enumerate(boxes):
            assert figure.bbox.x0 <= one.x0
            assert one.x1 <= figure.bbox.x1
            for other in boxes[index + 1 :]:
                across = min(one.x1, other.x1) - max(one.x0, other.x0)
                down = min(one.y1, other.y1) - max(one.y0, other.y0)
                assert min(across, down) < 1.0
        for item in [*figure.texts, *figure.legends]:
            assert figure.bbox.x0 <= item.get_tightbbox().x0
            assert item.get_tightbbox().x1 <= figure.bbox.x1


def test_embedding_puts_every_point_in_its_classs_color() -> None:
    table = embedding_table()
    ax = panels(embeddings(table, PAPER, "en"))["VGG-16"]
    rows = table[table["network"] == "vgg16"]
    blue, orange, green = (points.get_facecolor()[0][:3] for points in ax.collections)
    assert blue.argmax() == 2
    assert green.argmax() == 1
    assert orange.argmax() == 0
    assert orange[1] > orange[2]
    for points, label in zip(ax.collections, PAPER, strict=True):
        expected = rows.loc[rows["label"] == label, ["x", "y"]].to_numpy()
        np.testing.assert_array_equal(points.get_offsets(), expected)


def test_embedding_prints_the_separation_measured() -> None:
    separation = {"vgg16": {"silhouette": {"value": 0.126}, "neighbor_purity": {"value": 0.9}}}
    shown = words(embeddings(embedding_table(), PAPER, "en", separation))
    assert shown.count("silhouette 0.13, purity 0.90") == 1


def test_curves_draw_every_step_and_epoch() -> None:
    rows = history()
    figure = learning_curves({"resnet18": rows}, "en")
    loss = panels(figure)["ResNet-18"]
    steps, epochs, validation = loss.lines
    np.testing.assert_array_equal(steps.get_ydata(), rows["loss"])
    np.testing.assert_allclose(steps.get_xdata(), rows["step"] / 4)
    np.testing.assert_allclose(epochs.get_ydata(), rows.groupby("epoch")["loss"].mean())
    np.testing.assert_array_equal(validation.get_xdata(), [1, 2, 3])
    by_label = {ax.get_ylabel(): ax for ax in figure.findobj(Axes)}
    rate = by_label["Learning rate"].lines[0]
    np.testing.assert_array_equal(rate.get_ydata(), rows["learning_rate"])
    scores = by_label["Validation macro F1, %"].lines[0]
    np.testing.assert_allclose(scores.get_ydata(), [58, 66, 74])


def test_curves_share_one_rate_line_only_where_rates_are_equal() -> None:
    def rates(figure: Figure) -> Axes:
        return next(ax for ax in figure.findobj(Axes) if ax.get_ylabel() == "Learning rate")

    same = rates(learning_curves({"vgg16": history(), "resnet18": history()}, "en"))
    assert (len(same.lines), same.get_title()) == (1, "the same for all networks")
    other = rates(learning_curves({"vgg16": history(), "resnet18": history(peak=0.01)}, "en"))
    assert (len(other.lines), other.get_title()) == (2, "")


def test_curves_put_runs_of_a_network_in_one_panel() -> None:
    runs = {f"vgg16-f{fold}-s0": history() for fold in range(3)}
    figure = learning_curves({**runs, "resnet18-f0-s0": history()}, "en")
    titles = [ax.get_title() for ax in figure.findobj(Axes)]
    assert [titles.count(name) for name in ("VGG-16", "ResNet-18")] == [1, 1]
    assert len(panels(figure)["VGG-16"].lines) == 9


@pytest.mark.parametrize("steps", [0, 2])
def test_curves_of_a_run_that_only_began(steps: int, tmp_path: Path) -> None:
    runs = {"vgg16-f0-s0": history().iloc[:steps], "resnet18-f0-s0": history()}
    figure = learning_curves(runs, "en")
    assert len(save_figure(figure, tmp_path, "f")) == 2
    drawn = panels(figure)
    assert set(drawn) == {"VGG-16", "ResNet-18"}
    losses = drawn["VGG-16"].lines[0].get_ydata()
    assert list(losses) == list(history()["loss"].iloc[:steps])


@pytest.mark.parametrize("networks", [("vgg16",), TWO, tuple(PUBLISHED)])
def test_gradcam_has_originals_and_a_map_per_network_and_class(networks: tuple[str, ...]) -> None:
    figure = gradcam_panel(cases(networks), "en")
    captions = [ax.get_xlabel() for ax in figure.findobj(Axes) if ax.get_xlabel()]
    assert len(captions) == 3 * len(networks)
    assert captions.count("Normal 25.0%") == 1
    labels = {ax.get_ylabel() for ax in figure.findobj(Axes)} - {""}
    assert labels == {"Original", *map(network_title, networks)}
    assert max(figure.get_size_inches()) < 9.9


def test_gradcam_marks_wrong_readings() -> None:
    shown = words(gradcam_panel(cases(("vgg16", "resnet18")), "en"))
    assert shown.count("× ") == 3 + 1  # the second network is always wrong; the legend


def test_gradcam_without_masks_has_no_outline() -> None:
    bare = gradcam_panel(cases(mask=False), "en")
    assert "outline" not in words(bare)
    outlined = gradcam_panel(cases(), "en")
    assert len(outlined.findobj(mpl.contour.ContourSet)) == 2 * 3
    assert not bare.findobj(mpl.contour.ContourSet)


def test_comparison_shows_ours_and_the_published_figures_only_for_its_classes() -> None:
    metrics = metrics_of(tuple(PUBLISHED))
    ax = comparison_chart(metrics, "en", "Phantom").axes[0]
    values = [100 * network["macro_f1"]["value"] for network in metrics["networks"].values()]
    np.testing.assert_allclose(ax.lines[0].get_xdata(), values)
    rings = [float(line.get_xdata()[0]) for line in ax.lines if line.get_marker() == "o"][1:]
    assert rings == [78.30, 79.10, 82.46]
    other = comparison_chart(metrics_of(classes=("normal", "benign", "malignant")), "en")
    assert "Liu" not in words(other)


@pytest.mark.parametrize("name", ["n" * 300, "网络" * 80, "a\n" * 30])
def test_names_that_do_not_fit_are_shortened_without_a_warning(name: str, tmp_path: Path) -> None:
    classes = (f"1{name}", f"2{name}")
    metrics = metrics_of((name, "vgg16"), classes)
    table = embedding_table((name, "vgg16")).replace(dict(zip(PAPER, classes, strict=False)))
    shown = [replace(case, label=classes[0]) for case in cases((name, "vgg16"))[:1]]
    figures = {
        "confusion": confusion_matrices(metrics, "en"),
        "comparison": comparison_chart(metrics, "en", name),
        "curves": learning_curves({name: history()}, "en"),
        "embedding": embeddings(table, classes, "en"),
        "gradcam": gradcam_panel(shown, "en"),
    }
    for key, figure in figures.items():
        save_figure(figure, tmp_path, key)
        assert all(len(line) <= 110 for line in words(figure).splitlines()), key


def test_confusion_key_of_many_classes_takes_several_lines() -> None:
    classes = tuple(f"class number {index}" for index in range(12))
    key = confusion_matrices(metrics_of(("vgg16",), classes), "en").get_supxlabel()
    assert all(name in key for name in classes)
    assert max(map(len, key.splitlines())) <= 110
