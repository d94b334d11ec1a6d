"""The examples of the library run as they stand, on a tiny phantom."""

import runpy
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.predict.conftest import bundle, images, own_cache  # noqa: F401
from tests.statistics.make import random_table, saved

from metrascope.report.drawings import Drawings
from metrascope.statistics.evaluate import evaluate_predictions

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(
    name: str, *arguments: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> str:
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return str(capsys.readouterr().out)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    return lambda name, *given: run(name, *given, monkeypatch=monkeypatch, capsys=capsys)


@pytest.fixture(scope="module")
def predictions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = random_table(np.random.default_rng(0), networks=("own", "resnet18"), n=30)
    return saved(table, tmp_path_factory.mktemp("predictions"), "predictions.csv")


def test_every_example_is_run_here() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    assert [file.name for file in EXAMPLES.iterdir() if f'"{file.name}"' not in tested] == []


def test_an_image_is_read(bundle: Path, images: Path, example) -> None:  # noqa: F811
    path = sorted(images.rglob("*.png"))[0]
    told = example("read_image.py", bundle, path)
    assert told.startswith(f"{path}: ")


def test_predictions_are_evaluated(
    predictions: Path, tmp_path: Path, example, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = partial(evaluate_predictions, replicates=200)
    monkeypatch.setattr("metrascope.library.evaluate.evaluate_predictions", few)
    monkeypatch.setattr(
        "metrascope.report.evaluation_page.draw_page_figures", lambda *_: Drawings()
    )
    told = example("evaluate_predictions.py", predictions, tmp_path / "page.html")
    assert told.count("macro F1") == 2
    assert "my test set" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_network_is_trained(phantom: Path, example) -> None:
    told = example("train_own_loop.py", phantom, "none", 1, 64)
    assert "epoch 1: loss" in told
    assert "macro F1" in told


def test_a_tensor_is_mapped(phantom: Path, tmp_path: Path, example) -> None:
    told = example("map_tensor.py", phantom, tmp_path / "map.png", "none")
    assert "hottest at row" in told
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.size == (448, 224)


def test_a_metric_has_an_interval(predictions: Path, example) -> None:
    told = example("own_metric.py", predictions, 100)
    assert [line.split(":")[0] for line in told.splitlines()] == ["resnet18", "own"]
