"""A run becomes a bundle that says what PyTorch says, by every way in."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.dataset.preprocess import Preprocessing, fit_grey_table
from metrascope.dataset.split import split_patients, write_split
from metrascope.dataset.study_images import write_images
from metrascope.errors import DataError, SettingsError, StudyError, WeightsError
from metrascope.export import export as exporting
from metrascope.export.export import export
from metrascope.export.trained import find_trained, read_training_data
from metrascope.networks.checkpoint import ModelDescription, save
from metrascope.networks.networks import create_network
from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.phantom import write_phantom
from metrascope.predict.bundle import open_bundle
from metrascope.predict.predictor import Predictor

CLASSES = ("normal", "fibroid", "polyp")


@dataclass(frozen=True)
class Made:
    """A study's folder, its data set, its run and the bundle of it."""

    study: Path
    data: Path
    run: Path
    bundle: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("export")
    data, study = folder / "data", folder / "study"
    write_phantom(data, patients=36, seed=3, size=256, prevalence=dict.fromkeys(CLASSES, 1.0))
    manifest = read_manifest(data)
    split = split_patients(manifest.table, CLASSES, validation=0.4, seed=0)
    write_split(split, study / "splits.csv", manifest_sha256=manifest.digest)
    command = ["metrascope", "study", "paper", "--data", str(data)]
    (study / "command.json").write_text(json.dumps({"argv": command}), encoding="utf-8")
    torch.manual_seed(0)
    network = create_network("mobilenet_v2", 3, weights="none").eval()
    _spread(network)
    run = study / "runs" / "mobilenet_v2-f0-s0"
    run.mkdir(parents=True)
    steps = Preprocessing(
        input_size=64,
        stored_size=73,
        sector_crop=True,
        fit="crop",
        equalization="train",
        grey_table=tuple(fit_grey_table(np.arange(256)[::-1] + 1).tolist()),
    )
    description = ModelDescription(
        network="mobilenet_v2",
        title="MobileNetV2",
        pooling="avgmax",
        classes=CLASSES,
        preprocessing=steps,
        temperature=1.7,
        origin=network.origin,
        versions={},
        manifest_sha256=manifest.digest,
        split_sha256=split.digest,
        settings_sha256="0" * 64,
    )
    save(run, network, description)
    export([run], folder / "bundle", thumbnails=True)
    return Made(study, data, run, folder / "bundle")


def _spread(network: torch.nn.Module) -> None:
    """Let an untrained network tell images apart: its batch norms learn from noise."""
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the plain mean of what is seen
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(8, 3, 64, 64))
        network.head.weight *= 20
    network.eval()


def test_export_prints_what_the_bundle_will_refuse(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fourteen validation patients, whose network knows nothing: all is refused."""
    settings = made.study / "settings.toml"
    settings.write_text("[training]\nbest_epoch = true\n", encoding="utf-8")
    try:
        assert main(["export", str(made.run), "--out", str(tmp_path / "bundle")]) == 0
    finally:
        settings.unlink()
    printed = capsys.readouterr().out
    found = open_bundle(tmp_path / "bundle").description
    share = round(100 * found.rule.validation.refused_image)
    assert f"refuses {share} %" in printed
    assert "Warning: that is more than 15 %" in printed
    assert "training.best_epoch" in printed
    card = (tmp_path / "bundle" / "card.md").read_text(encoding="utf-8")
    assert all(line in card for line in printed.splitlines() if "Warning" in line or "Mind" in line)


def test_what_the_bundle_says_of_itself(made: Made) -> None:
    found = open_bundle(made.bundle).description
    assert found.classes == CLASSES
    assert found.data.training["polyp"] + found.data.validation["polyp"] == 12
    assert not found.data.cleaned  # phantoms have letters outside their sector
    assert found.parity.images == 32
    assert found.parity.probabilities <= 1e-4
    assert found.members[0].temperature == 1.7
    assert found.rule.validation.images == sum(found.data.validation.values())
    assert "research use only" in found.intended_use["en"].casefold()
    text = (made.bundle / "mobilenet_v2-f0-s0.onnx").read_bytes()
    assert str(Path(__file__).parent.parent.parent).encode() not in text


def test_every_way_in_says_the_same(made: Made, tmp_path: Path) -> None:
    files = tmp_path / "files"
    write_export(files, patients=4, seed=1)
    chosen = [*sorted(files.rglob("*.dcm"))[:6], *sorted((made.data / "images").iterdir())[:4]]
    of_bundle, of_torch = Predictor(made.bundle), Predictor(made.run)
    compared = 0
    arguments = [str(path) for path in chosen]
    options = ["--out", str(tmp_path / "out"), "--format", "json"]
    assert main(["predict", str(made.bundle), *arguments, *options]) == 0
    lines = (tmp_path / "out" / "readings.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["kind"] == "image"]
    for path in chosen:
        for one, other in zip(of_bundle.read_file(path), of_torch.read_file(path), strict=True):
            if one.seen is None or other.seen is None:
                assert one.reading.refusal == other.reading.refusal
                continue
            np.testing.assert_allclose(
                one.seen.probabilities, other.seen.probabilities, atol=1e-4, rtol=0
            )
            assert one.seen.probabilities.argmax() == other.seen.probabilities.argmax()
            top = max(float(other.seen.maps.max()), 1e-12)
            np.testing.assert_allclose(one.seen.maps / top, other.seen.maps / top, atol=1e-3)
            own = [
                row
                for row in rows
                if row["file"].endswith(path.name) and int(row["frame"]) == one.reading.frame
            ]
            given = own[0]["probabilities"] or own[0]["refused_probabilities"]
            written = [given[label] for label in CLASSES]
            np.testing.assert_allclose(written, one.seen.probabilities, atol=1e-4, rtol=0)
            compared += 1
    assert compared >= 5


def test_the_nearest_training_image_of_a_training_image_is_itself(made: Made) -> None:
    predictor = Predictor(made.bundle)
    manifest = read_manifest(made.data)
    assert predictor.neighborhood is not None
    name = str(predictor.neighborhood.images[5])
    row = int(np.flatnonzero(manifest.table["image"] == name)[0])
    from metrascope.dataset.image import read_picture

    found = predictor.read_crop(read_picture(manifest, row, sector_crop=True).grey)
    assert found.reading.neighbors[0].image == name
    assert found.reading.neighbors[0].similarity == pytest.approx(1, abs=2e-3)


def test_without_parity_nothing_is_written(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (made.bundle / "mobilenet_v2-f0-s0.onnx").read_bytes()
    monkeypatch.setattr(exporting, "to_onnx", lambda _: whole)
    monkeypatch.setattr(exporting, "_PROBABILITIES", -1.0)
    with pytest.raises(WeightsError, match="No bundle was written"):
        export([made.run], tmp_path / "bundle")
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_that_changed_is_refused(made: Made, tmp_path: Path) -> None:
    write_phantom(tmp_path / "other", patients=12, seed=9, size=128)
    with pytest.raises(DataError, match="is not the data set that"):
        export([made.run], tmp_path / "bundle", data=tmp_path / "other")


def test_a_data_set_that_grew_is_still_the_one(made: Made, tmp_path: Path) -> None:
    study = Path(shutil.copytree(made.study, tmp_path / "study"))
    write_images(read_manifest(made.data), study)
    grown = Path(shutil.copytree(made.data, tmp_path / "grown"))
    table = pd.read_csv(grown / "manifest.csv", dtype=str, keep_default_na=False)
    kept, label = table["image"].tolist(), table.loc[0, "label"]
    shutil.copyfile(grown / kept[0], grown / "images" / "new.png")
    row = table.loc[0].to_dict() | {"image": "images/new.png", "patient_id": "NEW"}
    table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)[::-1]
    table.assign(remark="seen").to_csv(grown / "manifest.csv", index=False)
    (run,) = find_trained([study / "runs" / made.run.name])
    manifest, split = read_training_data(run, grown)
    assert manifest.table["image"].tolist() == kept
    assert split.digest == run.description.split_sha256
    table.loc[0, "label"] = "tumour"
    table.to_csv(grown / "manifest.csv", index=False)
    with pytest.raises(DataError, match=f"label was {label}, is tumour"):
        export([run.folder], tmp_path / "bundle", data=grown)


def test_what_cannot_become_one_bundle(made: Made, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="given twice"):
        export([made.run, made.run], tmp_path / "bundle")
    with pytest.raises(WeightsError, match="no trained"):
        export([tmp_path], tmp_path / "bundle")
    with pytest.raises(StudyError, match="not empty"):
        export([made.run], made.bundle)
    with pytest.raises(SettingsError, match="between 0 and 1"):
        export([made.run], tmp_path / "bundle", false_refusal_rate=1.5)
