"""Which cases are shown, against counts made another way."""

from pathlib import Path

import numpy as np
import pandas as pd

from metrascope.report.drawings import Drawings
from metrascope.report.gallery import build_gallery
from metrascope.report.misread import (
    GalleryReading,
    misread,
    missed_by_several,
    panel_cases,
    readings,
)
from metrascope.report.page import render_report
from metrascope.study_folder.contents import StudyRun, read_study

from .make import PAPER, make_study


def reading(image: str, label: str, p: float, network: str = "vgg16") -> GalleryReading:
    rest = (1 - p) / 2
    values = tuple(p if name == label else rest for name in PAPER)
    predicted = label if p > rest else next(name for name in PAPER if name != label)
    run = StudyRun(network, network, 0, 0, None, None, None, {}, {}, None)
    return GalleryReading(run, 0, image, "P", label, predicted, "validation", values)


def test_misread_are_exactly_the_rows_whose_highest_probability_is_another_class(
    tmp_path: Path,
) -> None:
    study = make_study(tmp_path / "s", n=40, seed=3)
    table = pd.read_csv(study / "predictions.csv")
    winners = np.array(PAPER)[table[[f"p_{name}" for name in PAPER]].to_numpy().argmax(axis=1)]
    wrong = table[winners != table["label"]]
    found = misread(readings(read_study(study)), PAPER)
    assert len(wrong) > 5
    assert {(item.run.network, item.image) for item in found} == set(
        zip(wrong["network"], wrong["image"], strict=True)
    )
    assert len(found) == len(wrong)


def test_misread_are_ordered_by_true_and_predicted_class(tmp_path: Path) -> None:
    found = misread(readings(read_study(make_study(tmp_path / "s", n=40))), PAPER)
    keys = [(PAPER.index(r.label), PAPER.index(r.predicted), r.image) for r in found]
    assert keys == sorted(keys)


def test_missed_by_several_counts_networks_not_seeds() -> None:
    found = [
        reading("a", "polyp", 0.1, "vgg16"),
        reading("a", "polyp", 0.1, "vgg16"),
        reading("b", "polyp", 0.1, "vgg16"),
        reading("b", "polyp", 0.1, "resnet18"),
        reading("b", "polyp", 0.9, "resnet34"),
    ]
    assert [[item.image for item in wrong] for wrong in missed_by_several(found)] == [["b", "b"]]


def test_panel_case_is_the_median_of_those_most_networks_read_right() -> None:
    found = [
        *(reading(f"i{k}", "normal", 0.5 + 0.1 * k, net) for k in range(4) for net in "ab"),
        reading("best", "normal", 0.99, "a"),
        reading("best", "normal", 0.2, "b"),
    ]
    assert panel_cases(found, PAPER) == {"normal": "i1"}


def test_panel_case_where_no_image_was_read_right_by_all() -> None:
    found = [reading("x", "polyp", 0.1), reading("y", "polyp", 0.2)]
    assert panel_cases(found, PAPER) == {"polyp": "x"}


def test_other_partitions_than_the_evaluated_one_are_left_out(tmp_path: Path) -> None:
    study = make_study(tmp_path / "s", networks=["vgg16"])
    file = study / "runs/vgg16-f0-s0/predictions.csv"
    table = pd.read_csv(file)
    table.loc[:4, "partition"] = "train"
    table.to_csv(file, index=False)
    assert len(readings(read_study(study))) == len(table) - 5


def test_a_misread_case_says_that_its_heat_map_is_unreliable(tmp_path: Path) -> None:
    folder = make_study(tmp_path / "s", networks=["vgg16"], n=40)
    wrong = misread(readings(read_study(folder)), PAPER)
    # Of the map of the class read (1), of a class without lesions (no verdict), of the true one.
    verdicts = [("predicted", "1.00000"), ("predicted", ""), ("true", "1.00000")]
    rows = [
        {"network": "vgg16", "fold": 0, "seed": 0, "image": one.image, "map": name, "unreliable": v}
        for one, (name, v) in zip(wrong, verdicts, strict=False)
    ]
    pd.DataFrame(rows).to_csv(folder / "localization.csv", index=False)
    study = read_study(folder)
    gallery = build_gallery(study)
    marked = {card.reading.image: card.unreliable for card in gallery.groups[0].cards}
    assert [marked[one.image] for one in wrong[:3]] == [True, None, None]
    assert (gallery.unreliable, gallery.judged) == (1, 1)
    page = render_report(study, gallery, Drawings(), "en")
    assert page.count('<span lang="en">heat map unreliable</span>') == 1
    assert "1 of the 1 wrong readings" in page
