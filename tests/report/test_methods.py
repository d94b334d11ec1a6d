"""The methods paragraph says what was done, all of it, and nothing that was not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metrascope.report.methods import methods
from metrascope.study_folder.contents import read_study

from .evidence import change, whole_study, without_intervals, write_settings
from .make import make_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_study(tmp_path_factory.mktemp("m") / "s", networks=["inception_v3", "resnet18"])


def said(folder: Path, changes: dict[str, Any], lang: str = "en") -> str:
    write_settings(folder, {"networks": ("inception_v3", "resnet18")} | changes)
    return methods(read_study(folder), lang)


CHANGES: list[dict[str, Any]] = [
    {"pooling": "avg"},
    {"split": {"validation": 0.2}},
    {"split": {"seed": 7}},
    {"preprocessing": {"sector_crop": False}},
    {"preprocessing": {"fit": "pad"}},
    *({"preprocessing": {"equalization": kind}} for kind in ("image", "clahe", "none")),
    {"augmentation": {"crop": False}},
    {"augmentation": {"vertical_flip": 0.0}},
    {"augmentation": {"horizontal_flip": 0.5}},
    {"augmentation": {"rotation": 20.0}},
    {"augmentation": {"affine": False}},
    {"augmentation": {"translation": 0.1}},
    {"augmentation": {"scale": 0.2}},
    {"augmentation": {"shear": 7.0}},
    {"training": {"epochs": 20}},
    {"training": {"batch_size": 32}},
    {"training": {"learning_rate": 0.01}},
    {"training": {"minimum_learning_rate": 1e-5}},
    {"training": {"momentum": 0.8}},
    {"training": {"weight_decay": 0.0}},
    {"training": {"schedule": "step"}},
    {"training": {"schedule": "constant"}},
    {"training": {"warmup_epochs": 0}},
    {"training": {"update": "epoch"}},
    {"training": {"class_weights": True}},
    {"training": {"label_smoothing": 0.1}},
    {"training": {"auxiliary_weight": 0.3}},
    {"training": {"best_epoch": True}},
    {"training": {"precision": "bf16-mixed"}},
    {"training": {"processes": 2}},
]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_every_setting_changes_the_paragraph(
    folder: Path, changes: dict[str, Any], lang: str
) -> None:
    assert said(folder, changes, lang) != said(folder, {}, lang)


@pytest.mark.parametrize("key", ["step_epochs", "step_factor"])
def test_step_decay_is_described_where_it_was_used(folder: Path, key: str) -> None:
    stepped: dict[str, Any] = {"schedule": "step"}
    other = stepped | {key: 2}
    assert said(folder, {"training": stepped}) != said(folder, {"training": other})
    assert said(folder, {"training": {key: 2}}) == said(folder, {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"preprocessing": {"sector_crop": False}}, ["sector."]),
        ({"preprocessing": {"equalization": "none"}}, ["qualiz"]),
        ({"augmentation": {"vertical_flip": 0.0}}, ["flip"]),
        ({"augmentation": {"affine": False}}, ["translation", "shear", "scaling"]),
        ({"augmentation": {"rotation": 0.0}}, ["rotation"]),
        ({"training": {"momentum": 0.0, "weight_decay": 0.0}}, ["momentum", "decay"]),
        ({"training": {"warmup_epochs": 0}}, ["rose"]),
        ({"training": {"warmup_epochs": 10}}, ["cosine"]),
        ({"training": {"auxiliary_weight": 0.0}}, ["auxiliary"]),
    ],
    ids=str,
)
def test_nothing_is_said_of_what_was_switched_off(
    folder: Path, changes: dict[str, Any], words: list[str]
) -> None:
    before, after = said(folder, {}), said(folder, changes)
    for word in words:
        assert word in before
        assert word not in after


def test_paragraph_without_any_augmentation_has_no_word_of_it(folder: Path) -> None:
    off = {"crop": False, "vertical_flip": 0.0, "rotation": 0.0, "affine": False}
    assert "at random in every epoch" not in said(folder, {"augmentation": off})


ANALYSES = {
    "comparisons": ("McNemar", "patients that both read", "DeLong's test"),
    "calibration": ("perfectly calibrated network", "slope and intercept"),
    "operating_points": ("threshold of 50% alone",),
    "decision": ("net benefit", "fibroid or polyp", "at thresholds from 2 to 95%"),
    "subgroups": ("by: Scanner", "patients of the same class", "all attributes and networks"),
}


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole_study(tmp_path_factory.mktemp("a") / "s", n=60)


def without(folder: Path, key: str, lang: str) -> str:
    study = read_study(folder)
    kept = {name: value for name, value in study.metrics.items() if name != key}
    return methods(replace(study, metrics=kept), lang)


@pytest.mark.parametrize("key", ANALYSES)
def test_no_analysis_is_claimed_that_the_metrics_lack(analyzed: Path, key: str) -> None:
    before, after = methods(read_study(analyzed), "en"), without(analyzed, key, "en")
    for words in ANALYSES[key]:
        assert words in before
        assert words not in after
    # Two networks: McNemar's test says as much.
    assert "Cochran" not in before


@pytest.mark.parametrize("key", ANALYSES)
def test_chinese_claims_the_same_analyses(analyzed: Path, key: str) -> None:
    lost = {}
    for lang, stop in (("en", ". "), ("zh", "。")):
        before = methods(read_study(analyzed), lang).split(stop)
        after = without(analyzed, key, lang).split(stop)
        lost[lang] = len(before) - len(after)
    assert lost["en"] == lost["zh"] > 0


def test_intervals_are_told_while_there_are_any(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    said = (
        "Wilson's score intervals",
        "2s / (1 + s)",
        "DeLong's variance, on the logit scale and with Student's quantile",
        "bootstrap intervals from 200 resamples of patients",
    )
    before, after = methods(read_study(folder), "en"), methods(without_intervals(folder), "en")
    for words in said:
        assert words in before
        assert words not in after


def test_labels_alone_have_no_area_under_the_curve(tmp_path: Path) -> None:
    study = read_study(whole_study(tmp_path / "s", networks=["resnet18"]))
    networks = {
        name: {key: value for key, value in scores.items() if key != "macro_auc"}
        for name, scores in study.scores.items()
    }
    bare = replace(study, metrics={**study.metrics, "networks": networks})
    assert "DeLong" in methods(study, "en")
    assert "DeLong" not in methods(bare, "en")


def test_figures_come_from_the_files(folder: Path) -> None:
    paragraph = said(folder, {})
    for words in (
        "“ward-7” has 180 images of 180 patients",
        "a share of 0.1 for validation, with seed 0",
        "training set: 162 patients, 162 images",
        "No patient is in two partitions",
        "brought to 256 pixels",
        "central 224 × 224 pixels.",
        "means (0.485, 0.456, 0.406)",
        "rotation by up to ±10°; translation by up to 5% of the side",
        "Inception-v3 (11,178,051 parameters)",
        "random weights",
        "momentum 0.9 and weight decay 0.0001 was run for 10 epochs with batches of 16",
        "rose linearly to 0.001 over the first 5 epochs and then fell along a cosine towards 0",
        "auxiliary head was added with the weight 0.4",
        "last epoch",
        "Each network was trained once (seed 0)",
        "CPU and took 2:24:03",
        "Metrascope 0.1.0, Python 3.11.7, torch 2.4.0",
        "accuracy, macro precision, macro recall, macro F1",
        "Grad-CAM",
    ):
        assert words in paragraph


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"design": "holdout", "test": 0.2}, ["of 0.2 for the test", "of 0.1 for validation"]),
        ({"design": "kfold", "folds": 5, "repeats": 2}, ["into 5 folds, 2 times", "seed 0"]),
        ({"design": "leave-one-out", "by": "scanner"}, ["Every scanner was left out once"]),
        ({"design": "leave-one-out", "by": "centre"}, ["Every center was left out once"]),
    ],
    ids=str,
)
def test_design_of_the_draw_is_told(
    folder: Path, changes: dict[str, Any], words: list[str]
) -> None:
    said(folder, {})
    study = read_study(folder)
    split = {**study.settings["split"], **changes}
    designed = replace(study, settings={**study.settings, "split": split})
    for lang in ("en", "zh"):
        assert methods(designed, lang) != methods(study, lang)
    for word in words:
        assert word in methods(designed, "en")


def test_tested_folds_are_told_as_such(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"], folds=3, n=30)
    split = (folder / "splits.csv").read_text().replace("validation", "test")
    (folder / "splits.csv").write_text(split)
    change(folder / "metrics.json", partition="test")
    people = {"polyp": {"patients": 30, "images": 33}}
    change(folder / "data.json", partitions={"test": people})
    paragraph = methods(read_study(folder), "en")
    assert "20 / 0 / 10; 20 / 0 / 10; 20 / 0 / 10." in paragraph
    assert "Evaluated over all folds: test set: 30 patients, 33 images." in paragraph
    assert "evaluated in exactly one fold" in paragraph


def test_given_split_has_no_seed_and_leaks_are_told(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    change(folder / "data.json", split="given", leaks=3)
    paragraph = methods(read_study(folder), "en")
    assert "with seed" not in paragraph
    assert "given beforehand" in paragraph
    assert "3 patients, patient groups or images stood in more than one" in paragraph


def test_patient_in_two_partitions_is_never_called_disjoint(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"])
    with (folder / "splits.csv").open("a") as file:
        file.write("P0000,polyp,0,train\n")
    assert "No patient" not in methods(read_study(folder), "en")


def test_folds_and_seeds_are_counted(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"], folds=3, seeds=2, n=30)
    paragraph = methods(read_study(folder), "en")
    assert "training / validation / test: 20 / 10 / 0; 20 / 10 / 0; 20 / 10 / 0." in paragraph
    assert "exactly one fold" in paragraph
    assert "6 runs in all (seeds: 0, 1)" in paragraph
    assert "means over 2 seeds" in paragraph
    assert "readings of all folds were pooled" in paragraph
    assert "exact sign-flip" not in paragraph


def test_networks_that_did_not_finish_are_not_claimed(tmp_path: Path) -> None:
    folder = whole_study(tmp_path / "s", networks=["resnet18"], failed=["vgg16"])
    assert "VGG" not in methods(read_study(folder), "en")
    (folder / "runs/resnet18-f0-s0/resources.json").unlink()
    paragraph = methods(read_study(folder), "en")
    assert "ResNet-18 was trained" not in paragraph
    assert "Stochastic" not in paragraph


@pytest.mark.parametrize("name", ["settings.toml", "data.json", "versions.json", "metrics.json"])
def test_missing_file_leaves_its_sentences_out(tmp_path: Path, name: str) -> None:
    folder = make_study(tmp_path / "s", ["resnet18"])
    before = methods(read_study(folder), "en")
    (folder / name).unlink()
    assert len(methods(read_study(folder), "en")) < len(before)


def test_the_ensemble_and_the_seeds_are_told_where_there_are_any(tmp_path: Path) -> None:
    both = methods(read_study(whole_study(tmp_path / "a", seeds=2)), "en")
    assert "Soft voting: the probabilities of all networks for the patient were averaged" in both
    assert "means over 2 seeds" in both
    alone = methods(read_study(whole_study(tmp_path / "b", networks=["resnet18"])), "en")
    assert "Soft voting" not in alone
    assert "means over" not in alone
