import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from metrascope.settings.study_settings import load_settings
from metrascope.training import precision
from metrascope.training.precision import may_gain, measure_precision, network_precision, unmeasured


def inputs(folder: Path, **training: object) -> SimpleNamespace:
    values = {"batch_size": 4} | training
    settings = load_settings(
        "paper",
        [
            "preprocessing.input_size=32",
            *(f"training.{key}={value}" for key, value in values.items()),
        ],
    )
    return SimpleNamespace(folder=folder, settings=settings, classes=("a", "b"), device="cpu")


def test_a_set_arithmetic_is_not_measured(tmp_path: Path) -> None:
    fixed = inputs(tmp_path, precision="bf16-mixed")
    assert network_precision(fixed, "resnet18") == "bf16-mixed"
    assert unmeasured(fixed, ["resnet18"]) == []


def test_what_was_measured_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = inputs(tmp_path)
    assert network_precision(study, "mobilenet_v2") == "32-true"
    monkeypatch.setattr(precision, "may_gain", lambda: True)
    assert unmeasured(study, ["mobilenet_v2", "mobilenet_v2"]) == ["mobilenet_v2"]
    measure_precision(study, "mobilenet_v2", threads=1)
    kept = json.loads((tmp_path / "precision" / "mobilenet_v2.json").read_text())
    seconds = kept["seconds_per_step"]
    gains = seconds["32-true"] > 1.1 * seconds["bf16-mixed"]
    assert kept["precision"] == ("bf16-mixed" if gains else "32-true")
    assert network_precision(study, "mobilenet_v2") == kept["precision"]
    assert unmeasured(study, ["mobilenet_v2"]) == []


@pytest.mark.parametrize(("half", "expected"), [(0.5, "bf16-mixed"), (0.95, "32-true")])
def test_bfloat16_must_gain_a_tenth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, half: float, expected: str
) -> None:
    times = {"32-true": [1.2, 1.0], "bf16-mixed": [half, 2.0]}
    monkeypatch.setattr(precision, "_time_in_turns", lambda _: times)
    monkeypatch.setattr(precision, "_Trial", lambda *_: None)
    measure_precision(inputs(tmp_path), "resnet18", threads=None)
    assert network_precision(inputs(tmp_path), "resnet18") == expected


def test_processors_without_its_instructions_do_not_try(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = SimpleNamespace(_is_mkldnn_bf16_supported=lambda: False)
    monkeypatch.setattr(torch.ops, "mkldnn", fake)
    assert not may_gain()
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    assert not may_gain()


def test_gpus_are_not_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "may_gain", lambda: True)
    study = inputs(tmp_path)
    study.device = "cuda"
    assert unmeasured(study, ["vgg16"]) == []
    assert network_precision(study, "vgg16") == "32-true"
