"""Tables against metrics.json and the published figures, as DataFrame, CSV and LaTeX."""

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.statistics.make import INCEPTION, hard_labels, loaded, random_table

from metrascope.results import tables, units
from metrascope.results.estimate import Estimate
from metrascope.results.latex import latex_escape, latex_table
from metrascope.statistics.evaluate import evaluate_predictions as evaluate
from metrascope.statistics.published import PUBLISHED, network_title, order_networks

OF_NETWORKS = ("comparison", "per_class", "confusion", "overall", "diagnostic", "questions")
CONTROL = re.compile(r"\\[a-zA-Z]+|\\.")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Metrics of the study's Inception-v3, rebuilt from its only possible matrix."""
    folder = tmp_path_factory.mktemp("published")
    return evaluate(loaded(hard_labels(INCEPTION), folder, "inception_v3.csv"))


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    table = random_table(np.random.default_rng(0), n=125, networks=list(PUBLISHED))
    return evaluate(loaded(table, tmp_path_factory.mktemp("eight")))


def test_comparison_of_the_published_matrix_equals_the_published_figures(
    published: dict[str, Any],
) -> None:
    row = tables.comparison(published, "en", "Rebuilt").iloc[0]
    ours = "Rebuilt, validation set, n = 125 patients"
    paper = "Liu et al. 2025, unpublished hospital images, n = 125"
    assert row["", "Network"] == "Inception-v3"
    for what, value in (("precision", 85.22), ("recall", 80.69), ("F1", 82.46)):
        assert row[ours, f"Macro {what}, %"].value == value
        assert row[paper, f"Macro {what}, %"] == f"{value:.2f}"
    assert row[ours, "Accuracy, %"].value == 81.6
    assert str(row[ours, "Accuracy, %"]) == "81.60 (73.90–87.41)"  # Wilson's of 102 of 125


def test_published_figures_are_the_papers_and_bounds_are_marked() -> None:
    figures = {name: (str(p.precision), str(p.recall), str(p.f1)) for name, p in PUBLISHED.items()}
    assert figures["densenet121"] == ("81.13", "< 80", "78.30")
    assert figures["vgg16"] == ("74.40", "< 80", "< 78")
    assert figures["resnet18"] == ("", "< 80", "79.10")
    assert figures["mobilenet_v2"] == ("", "< 80", "< 78")
    values = [f.value for p in PUBLISHED.values() for f in (p.precision, p.recall, p.f1) if f.value]
    assert all(73 <= value <= 86 for value in values)


def test_networks_of_the_study_come_first_in_its_order() -> None:
    assert order_networks(["zz", "inception_v3", "aa", "vgg16"]) == [
        "vgg16",
        "inception_v3",
        "aa",
        "zz",
    ]
    assert [network_title(name) for name in ("mobilenet_v2", "ours")] == ["MobileNetV2", "ours"]


def test_comparison_leaves_the_paper_out_for_other_classes(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), ("normal", "benign", "malignant"))
    metrics = evaluate(loaded(table, tmp_path))
    assert tables.comparison(metrics, "en").shape == (1, 5)
    assert tables.comparison(metrics, "en", paper=True).shape == (1, 8)


def test_comparison_shows_the_number_of_images_where_it_differs(tmp_path: Path) -> None:
    table = random_table(np.random.default_rng(0), n=20, networks=("vgg16", "resnet18"))
    metrics = evaluate(loaded(table.iloc[:-5], tmp_path))
    compared = tables.comparison(metrics, "en", "Phantom")
    assert list(compared["Phantom, validation set, n = 20 patients", "Patients"]) == [20, 15]
    same = tables.comparison(evaluate(loaded(table, tmp_path)), "en")
    assert "Patients" not in same.columns.get_level_values(1)


def test_per_class_holds_the_numbers_of_the_metrics(published: dict[str, Any]) -> None:
    table = tables.per_class(published, "en").set_index("Class")
    assert table.loc["Submucosal fibroid", "Precision, %"].value == 100.0
    assert list(table["Patients"]) == [43, 23, 59]
    recalls = [round(100 * hit / n, 2) for hit, n in ((34, 43), (18, 23), (50, 59))]
    assert [cell.value for cell in table["Recall, %"]] == recalls


def test_confusion_holds_the_counts(published: dict[str, Any]) -> None:
    table = tables.confusion(published, "zh")
    assert list(table.columns[2:]) == ["预测为正常", "预测为肌瘤", "预测为息肉"]
    assert table.iloc[:, 2:].to_numpy().tolist() == [list(row) for row in INCEPTION]


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_write_tables_gives_the_same_bytes_twice_and_readable_csv(
    eight: dict[str, Any], tmp_path: Path, lang: str
) -> None:
    first = tables.write_tables(eight, tmp_path / "a", lang, "Phantom")
    second = tables.write_tables(eight, tmp_path / "b", lang, "Phantom")
    names = ["comparison.csv", "comparison.tex", "per_class.csv", "per_class.tex", "confusion.csv"]
    assert [path.name for path in first][:5] == names
    assert "diagnostic.csv" in {path.name for path in first}
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    read = pd.read_csv(first[0], encoding="utf-8-sig")
    assert first[0].read_bytes().startswith(b"\xef\xbb\xbf")
    expected = [round(100 * n["macro_f1"]["value"], 2) for n in eight["networks"].values()]
    assert list(read.iloc[:, 7]) == expected
    for end in ("low", "high"):
        ends = [round(100 * n["macro_f1"][end], 2) for n in eight["networks"].values()]
        assert list(read[f"macro_f1_{end}"]) == ends
    assert len(pd.read_csv(first[2], encoding="utf-8-sig")) == 24


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", ["comparison.tex", "per_class.tex"])
def test_latex_is_balanced_and_every_row_has_all_columns(
    eight: dict[str, Any], tmp_path: Path, lang: str, name: str
) -> None:
    tables.write_tables(eight, tmp_path, lang, "50% of A_1 & {B} #2 ~^\\ <x>")
    content = (tmp_path / name).read_text("utf-8")
    assert content.count("\\begin{") == content.count("\\end{") >= 1
    assert CONTROL.sub("", content).count("{") == CONTROL.sub("", content).count("}")
    spec = re.search(r"\\begin\{(?:tabular|longtable)\}\{([lr]+)\}", content)
    assert spec is not None
    body = "".join(re.findall(r"\\toprule(.*?)\\(?:bottomrule|endhead)", content, re.S))
    if "longtable" in content:
        body += content.split("\\endfoot")[1].split("\\end{longtable}")[0]
    rows = [line for line in body.splitlines() if line.endswith((r" \\", r" \\*"))]
    assert len(rows) > 2 * 8
    for row in rows:
        cells = re.split(r"(?<!\\)&", row)
        spans = [int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d)\}", row)]
        assert len(cells) + sum(spans) == len(spec[1])
    assert not re.search(r"(?<!\\)[#%_]", "".join(content.splitlines()[2:]))


def test_latex_best_value_of_each_of_our_columns_is_bold(
    eight: dict[str, Any], tmp_path: Path
) -> None:
    tables.write_tables(eight, tmp_path, "en", "Phantom")
    content = (tmp_path / "comparison.tex").read_text("utf-8")
    bold = [float(value) for value in re.findall(r"\\textbf\{([\d.]+)\}", content)]
    for key in ("macro_precision", "macro_recall", "macro_f1", "accuracy"):
        values = [round(100 * n[key]["value"], 2) for n in eight["networks"].values()]
        assert max(values) in bold
    assert len(bold) >= 4


def test_latex_of_a_single_network_has_no_bold(published: dict[str, Any], tmp_path: Path) -> None:
    tables.write_tables(published, tmp_path, "en")
    assert "textbf" not in (tmp_path / "comparison.tex").read_text("utf-8")


def test_latex_escape_prints_as_it_reads() -> None:
    assert latex_escape("a_b & 5% {x}") == r"a\_b \& 5\% \{x\}"
    assert latex_escape("\\") == r"\textbackslash{}"
    assert latex_escape("子宫内膜息肉") == "子宫内膜息肉"


def test_latex_ties_are_all_bold() -> None:
    values = [Estimate.percent(value) for value in (0.7, 0.825, 0.825)]
    table = pd.DataFrame({"Network": ["a", "b", "c"], "F1": values})
    content = latex_table(table, "c", "t", best=[1])
    assert content.count(r"\textbf{82.50}") == 2
    assert r"\textbf{70.00}" not in content


def test_captions_say_that_it_is_for_research_only(eight: dict[str, Any], tmp_path: Path) -> None:
    tables.write_tables(eight, tmp_path, "zh", "体模")
    for path in tmp_path.glob("*.tex"):
        assert "仅供研究使用，不是医疗器械。" in path.read_text("utf-8")
        assert "体模，验证集" in path.read_text("utf-8")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "＝"])
def test_csv_holds_no_formula_and_numbers_are_left_alone(tmp_path: Path, start: str) -> None:
    table = random_table(np.random.default_rng(0), n=20)
    metrics = evaluate(loaded(table, tmp_path))
    network = metrics["networks"].pop("resnet18")
    network["macro_f1"] = {"value": -0.5}
    metrics["networks"][f"{start}cmd|' /C calc'!A0"] = network
    for path in tables.write_tables(metrics, tmp_path / "t", "en", f"{start}1+1"):
        if path.suffix == ".csv":
            rows = pd.read_csv(path, encoding="utf-8-sig", dtype=str, keep_default_na=False)
            cells = [*rows.columns, *rows.to_numpy().ravel()]
            if path.stem in OF_NETWORKS:
                assert f"'{start}cmd|' /C calc'!A0" in cells
            assert [cell for cell in cells if cell.startswith(tuple("=+-@\t＝"))] == (
                ["-50.00"] if path.name == "comparison.csv" else []
            )


def test_latex_rows_do_not_begin_with_an_argument() -> None:
    table = pd.DataFrame({"[n": ["[2pt] a", "*b", "c\n\nd"], "F1": ["70.00", "82.50", "82.50"]})
    content = latex_table(table, "a\n\nb [c]", "t")
    rows = content.split("\\toprule")[1].splitlines()
    assert not [row for row in rows if row.startswith(("[", "*"))]
    assert r"{[}2pt{]} a & 70.00 \\" in rows
    assert "c  d & 82.50" in content
    assert r"\caption{a  b {[}c{]}}" in content


def test_latex_puts_the_interval_under_its_number() -> None:
    table = pd.DataFrame(
        {
            "Network": ["a (b)"],
            "F1": [Estimate.percent({"value": 0.8246, "low": 0.745, "high": 0.8853})],
            "gain": [Estimate.percent({"value": -0.01, "low": -0.02, "high": 0.001}, 1)],
        }
    )
    content = latex_table(table, "c", "t")
    assert "a (b) & 82.46 & $-$1.0 \\\\*\n & {\\scriptsize (74.50--88.53)} & " in content
    assert r"{\scriptsize ($-$2.0, 0.1)}" in content


def test_latex_turns_a_wide_table_and_lets_a_long_one_run_over_pages() -> None:
    number = Estimate.percent({"value": 1.0, "low": 0.98, "high": 1.0}, 1)
    wide = pd.DataFrame({f"Number {i}": [number] for i in range(14)})
    content = latex_table(wide, "c", "t")
    assert content.count("{landscape}") == 2
    assert "\\begin{longtable}" in content
    long = pd.DataFrame({"Network": ["a"] * 60, "F1": ["1.00"] * 60})
    content = latex_table(long, "c", "t")
    assert "landscape" not in content
    assert "\\begin{longtable}" in content
    assert "\\begin{table}" in latex_table(long.head(), "c", "t")


@pytest.mark.peer("pdflatex")
def test_latex_of_all_tables_compiles_without_a_line_too_long(
    eight: dict[str, Any], tmp_path: Path
) -> None:
    files = tables.write_tables(eight, tmp_path, "en", "50% of A_1 & {B} #2 ~^\\ <x>")
    inputs = "\n".join(f"\\input{{{file.name}}}" for file in files if file.suffix == ".tex")
    packages = "booktabs,graphicx,longtable,pdflscape"
    (tmp_path / "all.tex").write_text(
        "\\documentclass[a4paper]{article}\\usepackage[margin=2.5cm]{geometry}"
        f"\\usepackage{{{packages}}}\\begin{{document}}{inputs}\\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert b"Overfull" not in done.stdout


def test_units_are_told_where_a_patient_has_two_classes(tmp_path: Path) -> None:
    table = hard_labels(INCEPTION)
    table["patient_id"] = [*table["image"].iloc[-1:], *table["image"].iloc[1:]]
    metrics = evaluate(loaded(table, tmp_path))
    told = "125 units (patient and class) of 124 patients"
    assert tables.data_heading(metrics, "en", "D") == f"D, validation set, n = {told}"
    assert "the unit is the patient and class" in tables.comparison_caption(
        metrics, tables.comparison(metrics, "en"), "en"
    )
    assert units.counted(metrics, "zh") == "125 个单位（患者与类别，共 124 例患者）"
    assert units.counted(metrics, "en", 100) == "100 units (patient and class)"
