"""The page: complete, self-contained, escaped, in both languages, the same bytes twice."""

import base64
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from metrascope.classes import class_short, class_title
from metrascope.messages import table
from metrascope.report import gallery
from metrascope.report.drawings import draw_page_figures
from metrascope.report.gallery import build_gallery
from metrascope.report.page import render_report, write_report
from metrascope.results.notation import probability
from metrascope.results.ranking import ranking_sentences
from metrascope.statistics.published import PUBLISHED, network_title
from metrascope.study_folder.contents import read_study

from .make import BOX, PAPER, make_study
from .tree import Node, parse, rendered

NETWORKS = ("mobilenet_v2", "inception_v3")
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a&amp;b {0} {x}")
ENGLISH = re.compile(r"\b[a-z]{2,}(?: [a-z]{2,}){2,}")
CHINESE = re.compile(r"[\u4e00-\u9fff]+")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_study(tmp_path_factory.mktemp("page") / "s", NETWORKS, n=30, failed=["vgg16"])
    write_report(folder, "en")
    return folder


@pytest.fixture(scope="module")
def page(study: Path) -> Node:
    return parse((study / "report.html").read_text(encoding="utf-8"))


def wrong_rows(study: Path) -> pd.DataFrame:
    rows = pd.read_csv(study / "predictions.csv")
    winners = rows[[f"p_{name}" for name in PAPER]].to_numpy().argmax(axis=1)
    return rows[np.array(PAPER)[winners] != rows["label"]]


def percent(number: dict[str, float]) -> str:
    value = f"{100 * number['value']:.2f}"
    if number.get("low") is None:
        return value
    return f"{value} ({100 * number['low']:.2f}–{100 * number['high']:.2f})"


def test_sections_in_order_and_in_the_contents(page: Node) -> None:
    sections = [node.attributes["id"] for node in page.find("section")]
    linked = [node.attributes["href"][1:] for node in page.find("nav")[0].find("a")]
    assert sections == linked
    chapters = ["statistics", "calibration", "subgroups"]
    assert sections[:8] == ["summary", "data", "results", "confusion", *chapters, "heatmaps"]
    assert len(sections) == 17


def test_first_screen_says_what_a_clinician_must_know(study: Path, page: Node) -> None:
    metrics = json.loads((study / "metrics.json").read_text())
    best = max(metrics["networks"].values(), key=lambda n: n["macro_f1"]["value"])
    summary = page.by_id("summary").text("en")
    for said in (
        "“ward-7”",
        "30 images of 30 other patients",
        f"{100 * best['macro_f1']['value']:.2f}",
        percent(metrics["majority"]["macro_f1"]) + "%",
        *ranking_sentences(metrics, "en"),
    ):
        assert said in summary
    assert "not a medical device" in page.find("header")[0].text("en")


def test_comparison_has_every_number_and_the_published_figures(study: Path, page: Node) -> None:
    metrics = json.loads((study / "metrics.json").read_text())
    rows = {row[0]: row[1:] for row in page.by_id("results").find("table")[0].rows("en")}
    for name, scores in metrics["networks"].items():
        keys = ("macro_precision", "macro_recall", "macro_f1", "accuracy")
        paper = PUBLISHED[name]
        published = [str(figure) or "—" for figure in (paper.precision, paper.recall, paper.f1)]
        assert rows[network_title(name)] == [percent(scores[key]) for key in keys] + published
    assert rows["Inception-v3"][4:] == ["85.22", "80.69", "82.46"]
    assert rows["VGG-16"] == ["failed", "74.40", "< 80", "< 78"]
    assert rows["Always “Normal”"][2:4] == [
        percent(metrics["majority"]["macro_f1"]),
        percent(metrics["majority"]["accuracy"]),
    ]
    headings = page.by_id("results").find("table")[0].rows("en")[0]
    assert "ward-7" in headings[1]
    assert "private hospital data" in headings[2]


def test_per_class_table_has_every_number(study: Path, page: Node) -> None:
    metrics = json.loads((study / "metrics.json").read_text())
    rows = page.by_id("results").find("table")[1].rows("en")[1:]
    expected = []
    for name, scores in metrics["networks"].items():
        for label, one in scores["classes"].items():
            numbers = [percent(one[key]) for key in ("precision", "recall", "f1")]
            first = [network_title(name)] if label == "normal" else []
            expected.append([*first, class_title(label, "en"), *numbers, str(one["support"])])
    assert rows == expected


def test_confusion_matrices_and_separation(study: Path, page: Node) -> None:
    metrics = json.loads((study / "metrics.json").read_text())
    tables = page.by_id("confusion").find("table")
    assert len(tables) == len(metrics["networks"])
    for matrix, name in zip(tables, metrics["networks"], strict=True):
        assert matrix.find("caption")[0].text("en").startswith(network_title(name))
        cells = [[td.find("b")[0].text() for td in tr.find("td")] for tr in matrix.find("tr")[1:]]
        assert cells == [[str(n) for n in row] for row in metrics["networks"][name]["confusion"]]
    rows = {row[0]: row[1:] for row in page.by_id("embedding").rows("en")}
    for name, scores in metrics["networks"].items():
        silhouette, purity = scores["embedding"].values()
        assert rows[network_title(name)] == [f"{silhouette['value']:.3f}", percent(purity)]


def test_data_per_partition_and_class(page: Node) -> None:
    rows = page.by_id("data").rows("en")
    assert rows[2:] == [
        ["Normal", "90", "90", "10", "10"],
        ["Submucosal fibroid", "90", "90", "10", "10"],
        ["Endometrial polyp", "90", "90", "10", "10"],
        ["All", "270", "270", "30", "30"],
    ]
    assert "a1" * 32 in page.by_id("data").text("en")


def test_every_misread_case_and_no_other(study: Path, page: Node) -> None:
    shown = []
    for group in page.by_id("cases").find("details"):
        title = group.find("summary")[0].text("en").split(":")[0]
        for card in group.find("article"):
            image = card.find("p", class_="who")[0].text("en").split(" · ")[0]
            shown.append((title, image, card.find("dt", class_="said")[0].text("en")))
    wrong = wrong_rows(study)
    expected = []
    for _, row in wrong.iterrows():
        said = max(PAPER, key=lambda name: row[f"p_{name}"])
        expected.append((network_title(row["network"]), row["image"], class_short(said, "en")))
    assert sorted(shown) == sorted(expected)
    assert f"{len(wrong)} of 60 readings were wrong" in page.by_id("cases").text("en")


def test_of_very_many_misread_cases_the_surest_are_shown(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "MOST_CARDS", 3)
    page = rendered(study)
    wrong = wrong_rows(study)
    shown = page.by_id("cases").find("article")
    assert len(shown) == 6
    said = page.by_id("cases").text("en")
    assert f"{len(wrong)} of 60 readings were wrong. The 6 that each network was surest of" in said
    for network, rows in wrong.groupby("network"):
        surest = rows.loc[rows[[f"p_{name}" for name in PAPER]].max(axis=1).nlargest(3).index]
        (group,) = (
            each
            for each in page.by_id("cases").find("details")
            if each.text("en").startswith(f"{network_title(network)}: {len(rows)} of")
        )
        names = [p.text("en").split(" · ")[0] for p in group.find("p", class_="who")]
        assert sorted(names) == sorted(surest["image"])


def test_misread_case_has_its_probabilities_and_heat_maps(study: Path, page: Node) -> None:
    card = page.find("article")[0]
    image = card.find("p", class_="who")[0].text("en").split(" · ")[0]
    rows = pd.read_csv(study / "runs/mobilenet_v2-f0-s0/predictions.csv").set_index("image")
    written = [node.text() for node in card.find("b")]
    assert written == [probability(rows.loc[image, f"p_{name}"]) + "%" for name in PAPER]
    pictures = card.find("svg")
    assert len(pictures) == 3
    left, top, right, bottom = BOX
    for heat in (picture.find("image") for picture in pictures[1:]):
        place = [float(heat[0].attributes[name]) for name in ("x", "y", "width", "height")]
        assert place == [left, top, right - left, bottom - top]


def test_cases_missed_by_several(study: Path, page: Node) -> None:
    counts = wrong_rows(study).groupby("image")["network"].nunique()
    several = counts[counts > 1]
    assert len(several)
    rows = page.by_id("cases").find("table")[0].rows("en")[1:]
    assert {row[0].split()[0] for row in rows} == set(several.index)
    assert all(row[2] == "2 of 2" for row in rows)


def test_panel_is_networks_by_classes(page: Node) -> None:
    rows = page.by_id("heatmaps").find("table")[0].find("tr")
    assert len(rows) == 2 + len(NETWORKS)
    assert all(len(row.find("svg")) == len(PAPER) for row in rows[1:])
    assert all(len(row.find("image")) == len(PAPER) for row in rows[2:])


def test_nothing_is_loaded_from_anywhere(study: Path, page: Node) -> None:
    for node in page.walk():
        for name in ("src", "href", "action", "data", "poster", "srcset"):
            value = node.attributes.get(name, "#")
            assert value.startswith(("#", "data:image/")), value[:60]
    content = (study / "report.html").read_text(encoding="utf-8")
    without_pictures = re.sub(r'"data:[^"]*"', '""', content)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", without_pictures)
    (policy,) = [n for n in page.find("meta") if "Content-Security" in str(n.attributes)]
    assert "default-src 'none'" in policy.attributes["content"]


def test_references_inside_the_page_lead_somewhere(page: Node) -> None:
    ids = [node.attributes["id"] for node in page.walk() if "id" in node.attributes]
    assert len(ids) == len(set(ids))
    for node in page.walk():
        attributes = node.attributes
        for target in attributes.get("aria-labelledby", "").split():
            assert target in ids
        if attributes.get("href", "").startswith("#"):
            assert attributes["href"][1:] in ids


def test_pictures_and_tables_are_named_for_screen_readers(page: Node) -> None:
    for node in page.walk():
        if node.tag == "img":
            assert node.attributes["alt"]
        if node.tag == "svg" and node.attributes.get("aria-hidden") != "true":
            named = [page.by_id(name) for name in node.attributes["aria-labelledby"].split()]
            for lang in ("en", "zh"):
                assert " ".join(label.text(lang) for label in named).strip()
        if node.tag == "th":
            assert node.attributes["scope"] in ("row", "col", "rowgroup", "colgroup")


def test_both_languages_are_complete(page: Node) -> None:
    for node in page.walk():
        if node.tag == "span" and "lang" in node.attributes:
            assert node.text().strip()
    skip = ("style", "script", "pre", "code", "title")
    assert not ENGLISH.findall(page.text("zh", skip=skip))
    assert set(CHINESE.findall(page.text("en", skip=skip))) == {"中文"}
    english, chinese = (len(page.find("span", lang=lang)) for lang in ("en", "zh"))
    assert english == chinese > 150


def test_every_sentence_has_both_languages_with_the_same_values() -> None:
    for key, words in table().items():
        if key.startswith("report."):
            assert set(words) == {"en", "zh"}, key
            places = [set(re.findall(r"\{(\w+)", words[lang])) for lang in ("en", "zh")]
            assert places[0] == places[1], key
            assert not CHINESE.search(words["en"]), key


def test_languages_switch_without_script(page: Node) -> None:
    style = page.find("style")[0].text(skip=())
    for chosen, hidden in (("en", "zh"), ("zh", "en")):
        assert f"#lang-{chosen}:checked~* [lang={hidden}]" in style
        assert page.by_id(f"lang-{chosen}").tag == "input"
    # Hidden by the choice: everything that comes after it, beside it.
    body = page.find("body")[0]
    assert [n.tag for n in body.children if isinstance(n, Node)][:2] == ["input", "input"]


def test_lang_is_the_language_it_opens_in(study: Path) -> None:
    for lang in ("en", "zh"):
        page = rendered(study, lang)
        assert page.find("html")[0].attributes["lang"] == lang
        checked = [n.attributes["value"] for n in page.find("input") if "checked" in n.attributes]
        assert checked == [lang]
    assert "网络" in page.find("title")[0].text(skip=())


def test_failed_run_is_shown_with_its_message(page: Node) -> None:
    assert "VGG-16" in page.by_id("summary").find("div", class_="notice")[0].text("en")
    rows = page.by_id("versions").find("table")[0].rows("en")
    assert rows[1] == ["VGG-16 vgg16-f0-s0", "Out of memory <b>8 GB</b>"]


def test_networks_no_better_than_guessing_are_called_so(tmp_path: Path, page: Node) -> None:
    said = "No network has a higher macro F1 than a majority guess"
    assert said not in page.by_id("summary").text("en")
    folder = make_study(tmp_path / "s", ["vgg16"])
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["networks"]["vgg16"]["macro_f1"] = metrics["majority"]["macro_f1"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert said in rendered(folder).by_id("summary").text("en")


def test_class_that_was_never_called(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", ["vgg16"])
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["networks"]["vgg16"]["confusion"] = [[6, 0, 0], [6, 0, 0], [0, 0, 6]]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    summary = rendered(folder).by_id("summary").text("en")
    assert "Submucosal fibroid: VGG-16 found 0 of 6; it called no patient so." in summary
    assert "Normal: VGG-16 found 6 of 6; of 12 patients it called so, 6 were right." in summary
    assert "6 of 6 patients of class “Submucosal fibroid” were read as “Normal”" in summary


def test_settings_beside_the_papers(page: Node) -> None:
    rows = {row[0]: row[1:] for row in page.by_id("settings").find("table")[-1].rows("en")}
    assert rows["training.epochs"] == ["3", "10", "differs"]
    assert rows["training.best_epoch"] == ["false", "false", ""]
    assert rows["weights.*"] == ["none", "imagenet", "differs"]
    assert rows["classes"] == ["normal, fibroid, polyp"] * 2 + [""]


def test_resources_versions_and_rerun(page: Node) -> None:
    text = page.by_id("versions").text("en")
    for said in ("1:12:02", "12.2 s", "2.35 GB", "11,178,051", "2.4.0", "c3" * 32):
        assert said in text
    assert "metrascope study paper --data 'my data'" in text


def test_same_files_same_bytes(study: Path, page: Node) -> None:
    first = (study / "report.html").read_text(encoding="utf-8")
    content = read_study(study)
    again = render_report(content, build_gallery(content), draw_page_figures(content), "en")
    assert again == first


def test_drawings_stand_in_the_page_in_each_language(page: Node) -> None:
    for section in ("embedding", "curves"):
        drawings = page.by_id(section).find("img")
        assert [node.attributes["lang"] for node in drawings] == ["en", "zh"]
        svg = [base64.b64decode(node.attributes["src"].split(",")[1]) for node in drawings]
        for content in svg:
            assert ElementTree.fromstring(content).tag.endswith("svg")  # noqa: S314
            assert not re.search(rb'href="(?!#)', content)


def test_figures_and_tables_are_written(study: Path) -> None:
    figures = {"confusion", "curves", "embedding", "gradcam", "macro_f1", "decision"}
    for each in ("reliability", "roc", "subgroups"):
        figures |= {each, *(f"{each}_{network}" for network in NETWORKS)}
    names = {path.name for path in (study / "figures").iterdir()}
    assert names == {f"{name}.{kind}" for name in figures for kind in ("svg", "png")}
    assert {path.suffix for path in (study / "tables").iterdir()} == {".csv", ".tex"}


def test_hostile_words_are_shown_and_not_run(tmp_path: Path) -> None:
    folder = make_study(
        tmp_path / "s", classes=HOSTILE, name=HOSTILE[0], image='i"><script>{}</script>.png'
    )
    page = rendered(folder)
    assert len(page.find("script")) == 1
    assert all("onerror" not in node.attributes for node in page.walk())
    for said in HOSTILE:
        assert said in page.by_id("data").text("en")
    assert 'i"><script>' in page.by_id("cases").text("en", skip=())


def test_other_classes_have_no_published_columns(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", classes=["normal", "benign", "malignant"], name="busi")
    page = rendered(folder)
    assert len(page.by_id("results").find("table")[0].rows("en")[2]) == 5
    assert "answer another question" in page.by_id("summary").text("en")


def test_flags_that_a_reader_must_know(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", name="phantom-1")
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text().replace("best_epoch = false", "best_epoch = true"))
    page = rendered(folder)
    for section in ("summary", "settings"):
        text = page.by_id(section).text("en")
        assert "The images are synthetic" in text
        assert "Best-epoch selection was on" in text
        assert "Not pretrained" in text


def test_a_patient_of_two_classes_counts_once_in_all(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s")
    file = folder / "data.json"
    data = json.loads(file.read_text(encoding="utf-8"))
    partition = next(iter(data["partitions"]))
    by_class = sum(one["patients"] for one in data["partitions"][partition].values())
    note = "counts in both rows"
    assert note not in rendered(folder).by_id("data").text("en")
    data["partition_patients"] = {partition: by_class - 1}
    file.write_text(json.dumps(data), encoding="utf-8")
    page = rendered(folder).by_id("data")
    assert note in page.text("en")
    (total,) = [row for row in page.rows("en") if row[0] == "All"]
    assert total[1] == str(by_class - 1)


def test_folds_and_seeds_are_all_read(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", ["vgg16", "resnet18"], n=12, folds=2, seeds=2)
    data = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    data["folds"] = [{"fold": fold, "partitions": data["partitions"]} for fold in (0, 1)]
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    page = parse(write_report(folder, "zh").read_text(encoding="utf-8"))
    wrong = wrong_rows(folder)
    said = f"{len(wrong)} of 48 readings were wrong"
    assert said in page.by_id("cases").text("en")
    assert "f1 s1" in page.by_id("settings").text("en")
    assert "the maps are of the first fold alone" in page.by_id("embedding").text("en")
    assert len(page.by_id("heatmaps").find("table")[0].find("tr")) == 2 + 2
