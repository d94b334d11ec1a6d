"""What ``metrascope evaluate`` writes."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from metrascope.figures import evaluation as results
from metrascope.figures.evaluation import write_evaluation, write_figures
from metrascope.statistics.predictions import read_predictions

WRITTEN = [
    "figures/confusion.png",
    "figures/confusion.svg",
    "figures/decision.png",
    "figures/decision.svg",
    "figures/macro_f1.png",
    "figures/macro_f1.svg",
    "figures/reliability.png",
    "figures/reliability.svg",
    "figures/reliability_inception_v3.png",
    "figures/reliability_inception_v3.svg",
    "figures/roc.png",
    "figures/roc.svg",
    "figures/roc_inception_v3.png",
    "figures/roc_inception_v3.svg",
    "metrics.json",
    "tables/calibration.csv",
    "tables/calibration.tex",
    "tables/comparison.csv",
    "tables/comparison.tex",
    "tables/confusion.csv",
    "tables/diagnostic.csv",
    "tables/diagnostic.tex",
    "tables/operating.csv",
    "tables/operating.tex",
    "tables/overall.csv",
    "tables/overall.tex",
    "tables/per_class.csv",
    "tables/per_class.tex",
    "tables/questions.csv",
    "tables/questions.tex",
]


def predictions_file(folder: Path) -> Path:
    """Write the only predictions that give the study's figures for Inception-v3."""
    matrix = np.array([[34, 0, 9], [4, 18, 1], [9, 0, 50]])
    classes = np.array(["normal", "fibroid", "polyp"])
    true, guess = (np.repeat(index.ravel(), matrix.ravel()) for index in np.indices((3, 3)))
    table = pd.DataFrame({"image": np.arange(125), "label": classes[true]})
    table[["p_normal", "p_fibroid", "p_polyp"]] = 0.1 + 0.7 * np.eye(3)[guess]
    path = folder / "inception_v3.csv"
    table.to_csv(path, index=False)
    return path


def test_evaluation_of_the_published_result_prints_the_published_figures(tmp_path: Path) -> None:
    predictions = read_predictions([predictions_file(tmp_path)])
    metrics = write_evaluation(predictions, tmp_path / "out", "en", "Rebuilt")
    files = [p for p in (tmp_path / "out").rglob("*") if p.is_file()]
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in files) == WRITTEN
    assert json.loads((tmp_path / "out/metrics.json").read_text("utf-8")) == metrics
    csv = (tmp_path / "out/tables/comparison.csv").read_text("utf-8-sig").splitlines()
    assert csv[1].startswith(
        "Inception-v3,85.22,76.81,90.10,80.69,71.64,87.55,82.46,75.11,88.68,81.60,73.90,87.41,85.22,80.69,82.46"
    )
    classes = (tmp_path / "out/tables/per_class.csv").read_text("utf-8-sig")
    assert "Submucosal fibroid,100.00," in classes


def test_evaluation_is_byte_for_byte_the_same_twice(tmp_path: Path) -> None:
    predictions = read_predictions([predictions_file(tmp_path)])
    for name in ("a", "b"):
        write_evaluation(predictions, tmp_path / name, "en", "Rebuilt")
    for name in WRITTEN:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_several_processes_write_the_figures_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    predictions = read_predictions([predictions_file(tmp_path)])
    metrics = write_evaluation(predictions, tmp_path / "one", "zh", "Rebuilt")
    monkeypatch.setattr(results, "_EACH", 1)
    monkeypatch.setattr(results, "available_cores", lambda: 2)
    written = write_figures(metrics, tmp_path / "two", "zh", "Rebuilt", also=("en",))
    names = [path.name for path in written.paths]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "one/figures").iterdir())
    for path in written.paths:
        assert path.read_bytes() == (tmp_path / "one/figures" / path.name).read_bytes()
    shown = write_figures(metrics, tmp_path / "english", "en", "Rebuilt").paths
    files = {path.stem: path.read_bytes() for path in shown if path.suffix == ".svg"}
    assert {*written.drawn["en"]} == {"decision", "reliability", "roc"}
    assert all(files[name] == drawn for name, drawn in written.drawn["en"].items())
