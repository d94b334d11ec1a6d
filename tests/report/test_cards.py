"""Model cards: every section, from the files alone, harmless as Markdown."""

from pathlib import Path

import pytest

from metrascope.report.cards import card_markdown, card_networks, model_card
from metrascope.results.notation import percent
from metrascope.study_folder.contents import Study, read_study

from .evidence import change, whole_study, without_intervals

SECTIONS = [
    "Model details",
    "Intended use",
    "Out-of-scope use",
    "Training data",
    "Evaluation data",
    "Figures",
    "Figures by class",
    "Known limits",
    "License",
    "Versions",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return whole_study(tmp_path / "s", networks=["resnet18"], failed=["vgg16"])


def words(study: Study, lang: str = "en") -> str:
    card = model_card(study, "resnet18", lang)
    return "\n".join(line for part in card.parts for line in part.lines)


def test_sections_in_order(folder: Path) -> None:
    card = model_card(read_study(folder), "resnet18", "en")
    assert [part.heading for part in card.parts] == SECTIONS
    assert "ResNet-18" in card.title
    assert "ward-7" in card.title


def test_only_trained_networks_have_a_card(folder: Path) -> None:
    assert card_networks(read_study(folder)) == ["resnet18"]


def test_card_names_data_weights_and_use(folder: Path) -> None:
    told = words(read_study(folder))
    for said in (
        "a1" * 32,
        "b2" * 32,
        "c3" * 32,
        "not a medical device",
        "Any decision on the care of a patient",
        "Evaluated on the validation set of “ward-7”, n = 18 patients; seeds: 0",
        "The smallest class, Normal, has 6 evaluated patients",
        "The probabilities are not calibrated",
        "Not pretrained (weights: none), unlike in the published study: ResNet-18.",
        "Apache-2.0",
        "torch 2.4.0",
    ):
        assert said in told


def test_figures_are_those_of_the_metrics(folder: Path) -> None:
    study = read_study(folder)
    scores = study.scores["resnet18"]
    tables = {part.heading: part.table for part in model_card(study, "resnet18", "en").parts}
    whole, classes = tables["Figures"], tables["Figures by class"]
    assert whole is not None
    assert classes is not None
    keys = ("macro_precision", "macro_recall", "macro_f1", "accuracy")
    assert whole["% (95% interval)"].tolist() == [percent(scores[key]) for key in keys]
    polyp = scores["classes"]["polyp"]
    expected = [percent(polyp[key]) for key in ("precision", "recall", "f1")]
    assert classes.iloc[2].tolist() == ["Endometrial polyp", *expected, polyp["support"]]


def test_intervals_are_shown_where_there_are_any(folder: Path) -> None:
    study = read_study(folder)
    low = study.scores["resnet18"]["macro_f1"]["low"]
    assert f"({100 * low:.2f}–" in card_markdown(study, "resnet18")
    assert "no intervals" not in words(study)
    bare = without_intervals(folder)
    assert f"({100 * low:.2f}–" not in card_markdown(bare, "resnet18")
    assert "The figures have no intervals." in words(bare)
    assert "数值没有置信区间。" in words(bare, "zh")


def test_limits_follow_the_files(folder: Path) -> None:
    change(folder / "runs/resnet18-f0-s0/model.json", temperature=1.7)
    change(folder / "metrics.json", external={"n": 3})
    change(folder / "data.json", leaks=2)
    told = words(read_study(folder))
    assert "not calibrated" not in told
    assert "same data set" not in told
    assert "The split leaks" in told


def test_markdown_has_both_languages_and_no_markup_of_a_name(folder: Path) -> None:
    change(folder / "data.json", name="<img src=x>|*a*")
    page = card_markdown(read_study(folder), "resnet18")
    assert "## Intended use" in page
    assert "## 预期用途" in page
    assert "<img" not in page.replace("\\<", "")
    assert "\\|\\*a\\*" in page
    assert "仅供研究使用" in page


def test_network_that_was_not_evaluated_has_a_card_that_says_so(folder: Path) -> None:
    (folder / "metrics.json").unlink()
    told = words(read_study(folder), "zh")
    assert "该网络尚未评估" in told
