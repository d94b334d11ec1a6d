"""From the files of runs to localization.csv, embeddings.csv and their numbers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.manifold import trustworthiness
from sklearn.metrics import silhouette_score
from tests.study.test_summary import CLASSES, make

from metrascope.errors import StudyError
from metrascope.explain.embedding import PERPLEXITIES
from metrascope.explain.faithfulness import CURVE, ORDERS, SIMILARITY, WAYS
from metrascope.explain.perturbations import CHANGES, UNCHANGED
from metrascope.statistics.predictions import read_predictions
from metrascope.study import embeddings
from metrascope.study.embeddings import embed_runs
from metrascope.study.explanation_runs import run_explainer
from metrascope.study.summary import summarize

IMAGES = [f"0-{i}.png" for i in range(12)]
LESIONS = [name for i, name in enumerate(IMAGES) if i % 3]
"""Of the fibroids and polyps; the first image of three is normal."""


def add_lesions(study: Path, on_lesion: set[str]) -> None:
    """Masks in the left upper or right lower quarter, and heat maps that hit or miss them."""
    rows = []
    for number, name in enumerate(IMAGES):
        file = f"cases/{number}.png"
        path = study / file
        path.parent.mkdir(exist_ok=True)
        grey = np.zeros((80, 100), np.uint8)
        Image.fromarray(grey).save(path)
        mask = ""
        if name in LESIONS:
            mask = f"cases/{number}.mask.png"
            grey[20 + number : 34 + number, 25:45] = 255
            Image.fromarray(grey).save(study / mask)
        rows.append([name, file, mask, 15, 5, 85, 75])
    columns = ["image", "file", "mask_file", "left", "top", "right", "bottom"]
    pd.DataFrame(rows, columns=columns).to_csv(study / "cases.csv", index=False)
    for run in study.glob("runs/*"):
        table = pd.read_csv(run / "predictions.csv")
        maps = np.zeros((len(table), 3, 7, 7), np.float32)
        for row, name in enumerate(table["image"]):
            maps[row, :, 2 if name in on_lesion else 6, 2 if name in on_lesion else 6] = 1
        np.save(run / "heatmaps.npy", maps)
        steps = {"input_size": 56, "fit": "crop"}
        (run / "model.json").write_text(json.dumps({"preprocessing": steps}))


def add_answers(run: Path) -> None:
    """Files of the network's questioning, with answers that are easy to check."""
    names = IMAGES[:5]
    keys = [(name, way, order) for name in names for way in WAYS for order in ORDERS]
    curves = pd.DataFrame(keys, columns=["image", "way", "order"])
    level = curves["order"].map({"map": 0.2, "shuffled": 0.5, "randomized": 0.6})
    curves[list(CURVE)] = np.repeat(level.to_numpy()[:, None], len(CURVE), axis=1)
    curves.to_csv(run / "faithfulness.csv", index=False)
    sanity = pd.DataFrame({"image": names})
    sanity[list(SIMILARITY)] = np.linspace(1, 0, len(SIMILARITY))
    sanity.loc[0, SIMILARITY[-1]] = np.nan
    sanity.to_csv(run / "sanity.csv", index=False)
    said = pd.DataFrame(
        [(name, change) for name in names for change in (UNCHANGED, *CHANGES)],
        columns=["image", "change"],
    )
    said[[f"p_{label}" for label in CLASSES]] = [0.6, 0.3, 0.1]
    logo = said["change"] == "logo"
    said.loc[logo, [f"p_{label}" for label in CLASSES]] = [0.2, 0.7, 0.1]
    said.to_csv(run / "shortcuts.csv", index=False)
    rows = len(pd.read_csv(run / "predictions.csv"))
    np.save(run / "border.npy", np.random.default_rng(0).normal(size=(rows, 6)).astype(np.float32))


def tables_of(study: Path) -> dict[Path, pd.DataFrame]:
    runs = sorted(study.glob("runs/*"))
    return {run: read_predictions([run / "predictions.csv"], CLASSES).table for run in runs}


def explained(study: Path) -> dict[str, dict[str, object]]:
    explainer = run_explainer(study, tables_of(study), "validation", CLASSES)
    return explainer.numbers([explainer.measure(task) for task in explainer.tasks])


def test_heat_maps_that_miss_are_marked(tmp_path: Path) -> None:
    study = make(tmp_path / "s", seeds=2)
    add_lesions(study, set(LESIONS[:6]))
    numbers = explained(study)["vgg16"]["localization"]
    table = pd.read_csv(study / "localization.csv", keep_default_na=False)
    assert len(table) == 2 * 2 * len(LESIONS)
    true = table[table["map"] == "true"]
    assert set(true.loc[true["pointing"] == 1, "image"]) == set(LESIONS[:6])
    missed = true[~true["image"].isin(LESIONS[:6])]
    assert (missed["unreliable"].astype(float) == 1).all()
    assert (missed["energy"] < 0.01).all()
    predicted = table[table["map"] == "predicted"]
    assert ((predicted["unreliable"] == "") == (predicted["predicted"] == "normal")).all()
    assert numbers["images"] == numbers["patients"] == len(LESIONS)
    assert numbers["maps"]["true"]["pointing"]["value"] == pytest.approx(6 / len(LESIONS))
    assert set(numbers["sizes"]) <= {"small", "medium", "large"}
    assert sum(size["images"] for size in numbers["sizes"].values()) == len(LESIONS)


def test_what_a_run_was_asked_is_averaged_over_patients_and_runs(tmp_path: Path) -> None:
    study = make(tmp_path / "s", seeds=2)
    for run in study.glob("runs/*"):
        add_answers(run)
    found = explained(study)["vgg16"]
    assert "localization" not in found
    faithful, shortcuts = found["faithfulness"], found["shortcuts"]
    assert (faithful["images"], faithful["patients"]) == (5, 5)
    assert faithful["deletion"]["map"]["area"]["value"] == pytest.approx(0.2)
    assert faithful["deletion"]["gain"]["shuffled"]["value"] == pytest.approx(0.3)
    assert faithful["insertion"]["gain"]["randomized"]["value"] == pytest.approx(-0.4)
    assert [v["value"] for v in faithful["similarity"].values()] == pytest.approx(
        [1, 0.75, 0.5, 0.25, 0]
    )
    changes = shortcuts["changes"]
    assert changes["logo"]["moved"]["value"] == pytest.approx(0.4)
    assert changes["logo"]["flipped"]["value"] == 1
    assert changes["jpeg"]["moved"]["value"] == pytest.approx(0)
    assert shortcuts["border"]["patients"] == 12
    assert 0 < shortcuts["border"]["p"]["value"] <= 1


def test_runs_without_the_files_are_done_without(tmp_path: Path) -> None:
    study = make(tmp_path / "s", seeds=2)
    assert explained(study) == {"vgg16": {}}
    add_answers(study / "runs/vgg16-f0-s0")
    assert explained(study)["vgg16"]["faithfulness"]["images"] == 5


@pytest.mark.parametrize("name", ["faithfulness.csv", "sanity.csv", "shortcuts.csv"])
def test_other_rows_are_one_sentence(tmp_path: Path, name: str) -> None:
    study = make(tmp_path / "s")
    file = study / "runs/vgg16-f0-s0" / name
    for spoil in ("cut", "stranger"):
        add_answers(file.parent)
        content = file.read_text()
        if spoil == "cut":
            content = content if name == "sanity.csv" else content.rsplit("\n", 2)[0] + "\n"
        else:
            content = content.replace("0-1.png", "9-9.png")
        if content == file.read_text():
            continue
        file.write_text(content)
        with pytest.raises(StudyError, match="its rows are not those of the images") as caught:
            explained(study)
        assert str(file) in str(caught.value)


def test_the_summary_has_all_of_it_and_the_figures(tmp_path: Path) -> None:
    study = make(tmp_path / "s")
    add_lesions(study, set(LESIONS))
    for run in study.glob("runs/*"):
        add_answers(run)
    names = [f"scanner {i % 2}" for i in range(12)]
    pd.DataFrame({"image": IMAGES, "scanner": names}).to_csv(study / "images.csv", index=False)
    summarize(study, "zh")
    metrics = json.loads((study / "metrics.json").read_text(encoding="utf-8"))
    found = metrics["networks"]["vgg16"]
    assert {"localization", "faithfulness", "shortcuts", "embedding"} <= set(found)
    drawn = {path.stem for path in (study / "figures").glob("*.svg")}
    assert {"localization", "faithfulness", "shortcuts", "embedding_scanner"} <= drawn


def test_maps_of_several_perplexities_and_what_they_sort_by(tmp_path: Path) -> None:
    study = make(tmp_path / "s")
    run = study / "runs/vgg16-f0-s0"
    table = pd.concat([tables_of(study)[run]] * 5, ignore_index=True)
    table["image"] = table["patient_id"] = [f"{i}.png" for i in range(60)]
    table["partition"] = ["validation"] * 30 + ["test"] * 30
    features = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    scanner = np.arange(60) % 2
    features[:, 0] += 20 * scanner
    np.save(run / "features.npy", features)
    scanners = np.array(["A", "B"])[scanner]
    pd.DataFrame({"image": table["image"], "scanner": scanners}).to_csv(
        study / "images.csv", index=False
    )
    laid_out, numbers = embed_runs(study, {run: table}, "test")
    # Thirty and fifty are both beyond what sixty samples allow: one map, under the first name.
    assert laid_out["perplexity"].unique().tolist() == [30.0, 10.0]
    assert PERPLEXITIES == (30.0, 10.0, 50.0)
    first = laid_out[laid_out["perplexity"] == 30]
    assert list(first.columns[:5]) == ["network", "image", "label", "x", "y"]
    assert (first["correct"].to_numpy() == (table["predicted"] == table["label"])).all()
    found = numbers["vgg16"]["embedding"]
    held = (table["partition"] == "test").to_numpy()
    points = first[["x", "y"]].to_numpy()[held]
    assert found["trustworthiness"]["value"] == pytest.approx(
        trustworthiness(features[held], points, n_neighbors=10), abs=1e-3
    )
    assert found["silhouette"]["value"] == pytest.approx(
        silhouette_score(points, table["label"][held]), abs=1e-3
    )
    assert found["scanner_purity"]["value"] > 0.95
    assert found["scanner_purity_of_features"]["value"] == 1
    assert found["scanner_purity_by_chance"]["value"] == pytest.approx(14 / 29)
    assert found["partition_purity"]["value"] == pytest.approx(29 / 59, abs=0.1)
    assert set(numbers["vgg16"]["embedding_by_perplexity"]) == {"30", "10"}


def test_of_very_many_images_some_are_laid_out_the_same_for_all_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "MOST_MAPPED", 7)
    study = make(tmp_path / "s")
    tables = tables_of(study)
    laid_out, _ = embed_runs(study, tables, "test")
    rows = laid_out[laid_out["perplexity"] == 30].groupby("network")["image"].agg(list)
    assert all(len(images) == 7 for images in rows)
    assert len(set(map(tuple, rows))) == 1
