"""Trained networks and interrupted trainings on disk."""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from metrascope.dataset.preprocess import Preprocessing, stored_size
from metrascope.errors import StudyError, WeightsError
from metrascope.files.atomic import sha256
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.networks.checkpoint import (
    MODEL_FILE,
    WEIGHTS,
    ModelDescription,
    load,
    load_resume,
    load_weights,
    save,
    save_resume,
    save_weights,
)
from metrascope.networks.networks import Network, create_network
from metrascope.networks.weights import read_safetensors

ZEROS = "0" * 64


def described(network: Network) -> ModelDescription:
    row = network.architecture
    return ModelDescription(
        network=row.name,
        title=row.title,
        pooling=network.pooling,
        classes=("normal", "fibroid", "polyp")[: network.classes],
        preprocessing=Preprocessing(
            input_size=row.input_size,
            stored_size=stored_size(row.input_size),
            sector_crop=True,
            fit="crop",
            equalization="none",
        ),
        origin=network.origin,
        versions={"metrascope": "0.1.0"},
        manifest_sha256=ZEROS,
        split_sha256=ZEROS,
        settings_sha256=ZEROS,
    )


def stir(network: Network) -> Network:
    """Give running statistics and counters values that are not those of a new network."""
    for name, tensor in network.state_dict().items():
        if "running_mean" in name or "running_var" in name:
            tensor.add_(torch.rand(tensor.shape) / 4)
        elif name.endswith("num_batches_tracked"):
            tensor.fill_(12)
    return network.eval()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_same_logits_after_save_and_load(tmp_path: Path, name: str) -> None:
    network = stir(create_network(name, 3, weights="none"))
    network.to(memory_format=torch.channels_last)
    written = save(tmp_path, network, described(network))
    again, description = load(tmp_path)
    assert description == written
    assert not again.training
    images = torch.randn(2, 3, 107, 107)
    with torch.no_grad():
        expected = network(images).logits
        again.to(memory_format=torch.channels_last)
        assert torch.equal(again(images).logits, expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MODEL_FILE, WEIGHTS]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    network = create_network("mobilenet_v2", 3, weights="none")
    save(folder, network, described(network))
    return folder


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_a_description_from_before_calibration_has_temperature_one(copy: Path) -> None:
    content = json.loads((copy / MODEL_FILE).read_text(encoding="utf-8"))
    del content["temperature"]
    (copy / MODEL_FILE).write_text(json.dumps(content), encoding="utf-8")
    assert load(copy)[1].temperature == 1.0


def test_same_network_same_bytes(folder: Path, tmp_path: Path) -> None:
    network, description = load(folder)
    save(tmp_path, network, description)
    for name in (MODEL_FILE, WEIGHTS):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes()


def test_description_names_its_weights(folder: Path) -> None:
    content = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    assert content["weights_sha256"] == sha256(folder / WEIGHTS)
    assert content["format"] == 1
    assert content["preprocessing"]["input_size"] == 224
    assert content["origin"] == {
        "source": "none",
        "sha256": None,
        "loaded": 0,
        "new": len(list(load(folder)[0].parameters())),
    }


@pytest.mark.parametrize("name", [MODEL_FILE, WEIGHTS])
def test_a_file_is_missing(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(WeightsError, match=rf"no trained network in .*{name}"):
        load(copy)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": 2}, "format"),
        ({"network": "resnet50"}, "unknown network resnet50"),
        ({"classes": ["normal"]}, "classes"),
        ({"classes": [str(number) for number in range(20_000)]}, "classes"),
        ({"seed": 10**30}, "seed"),
        ({"title": "x" * 5000}, "title"),
        ({"a\x1b[31m\n" * 1000: 1}, r"\(a\?\[31m"),
        ({"classes": ["normal", "polyp", "polyp"]}, "named twice"),
        ({"pooling": "max"}, "pooling"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": float("nan")}, "temperature|constant"),
        ({"weights_sha256": "../../other"}, "weights_sha256"),
        ({"surprise": 1}, "surprise"),
        ({"preprocessing": {}}, r"preprocessing\.input_size"),
    ],
)
def test_description_that_cannot_be_used(copy: Path, change: dict[str, Any], reason: str) -> None:
    path = copy / MODEL_FILE
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content | change), encoding="utf-8")
    with pytest.raises(WeightsError, match=rf"model\.json does not describe .*({reason})"):
        load(copy)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe\x00", b"null"])
def test_description_that_is_no_description(copy: Path, content: bytes) -> None:
    (copy / MODEL_FILE).write_bytes(content)
    with pytest.raises(WeightsError, match="does not describe a network"):
        load(copy)


def test_weights_of_another_run(copy: Path) -> None:
    network = create_network("mobilenet_v2", 3, weights="none")
    save_weights(network, copy / WEIGHTS)
    with pytest.raises(WeightsError, match=r"not the file that model\.json was written for"):
        load(copy)


def test_weights_that_fit_the_hash_but_not_the_network(copy: Path) -> None:
    content = json.loads((copy / MODEL_FILE).read_text(encoding="utf-8"))
    content["network"] = "resnet18"
    (copy / MODEL_FILE).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(WeightsError, match="does not fit this MobileNetV2"):
        load(copy)


def test_damaged_weights(copy: Path) -> None:
    whole = (copy / WEIGHTS).read_bytes()
    (copy / WEIGHTS).write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match="incomplete"):
        load(copy)
    changed = bytearray(whole)
    changed[-3] ^= 1
    (copy / WEIGHTS).write_bytes(changed)
    with pytest.raises(WeightsError, match="SHA-256"):
        load(copy)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes, as on a full disk."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.skipif(sys.platform == "win32", reason="no file size limits")
def test_full_disk_leaves_the_old_files(copy: Path) -> None:
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    network = create_network("mobilenet_v2", 3, weights="none")
    with file_size_limit(100_000), pytest.raises(StudyError, match="cannot be written"):
        save(copy, network, described(network))
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before


def test_weights_alone(tmp_path: Path) -> None:
    network = stir(create_network("resnet18", 3, weights="none"))
    save_weights(network, tmp_path / "best.safetensors")
    other = create_network("resnet18", 3, weights="none").to(memory_format=torch.channels_last)
    load_weights(other, tmp_path / "best.safetensors")
    assert all(map(torch.equal, other.state_dict().values(), network.state_dict().values()))
    with pytest.raises(WeightsError, match="2 have another shape"):
        load_weights(create_network("resnet18", 2, weights="none"), tmp_path / "best.safetensors")


class Training:
    """A small training, with dropout, batch statistics and momentum."""

    def __init__(self, kind: type[torch.optim.Optimizer] = torch.optim.SGD) -> None:
        torch.manual_seed(8)
        self.network = create_network("mobilenet_v2", 3, weights="none")
        self.network.to(memory_format=torch.channels_last)
        options = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        self.optimizer = kind(self.network.parameters(), lr=0.05, weight_decay=1e-4, **options)

    def epoch(self, number: int) -> None:
        torch.manual_seed(100 + number)
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = 0.05 / number
        for _ in range(2):
            images = torch.randn(4, 3, 32, 32)
            loss = functional.cross_entropy(self.network(images).logits, torch.tensor([0, 1, 2, 0]))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def tensors(self) -> dict[str, Tensor]:
        state = self.optimizer.state_dict()["state"]
        moments = {
            f"{index}.{key}": value
            for index, entries in state.items()
            for key, value in entries.items()
            if isinstance(value, Tensor)
        }
        assert moments
        return {**self.network.state_dict(), **moments}


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.AdamW])
def test_training_goes_on_to_the_same_bits(
    tmp_path: Path, kind: type[torch.optim.Optimizer]
) -> None:
    path = tmp_path / "resume.safetensors"
    left_alone = Training(kind)
    for number in (1, 2, 3):
        left_alone.epoch(number)
    killed = Training(kind)
    killed.epoch(1)
    save_resume(path, killed.network, killed.optimizer, 1, {"history": "[1]", "好": "1e-05"})
    resumed = Training(kind)
    resumed.epoch(7)  # whatever was in it before is overwritten
    assert load_resume(path, resumed.network, resumed.optimizer) == (
        1,
        {"history": "[1]", "好": "1e-05"},
    )
    for number in (2, 3):
        resumed.epoch(number)
    expected, found = left_alone.tensors(), resumed.tensors()
    assert expected.keys() == found.keys()
    assert [name for name in expected if not torch.equal(expected[name], found[name])] == []


def test_resume_keeps_hyperparameters_and_layout(tmp_path: Path) -> None:
    training = Training()
    training.epoch(3)
    save_resume(tmp_path / "r.safetensors", training.network, training.optimizer, 3, {})
    again = Training()
    load_resume(tmp_path / "r.safetensors", again.network, again.optimizer)
    assert again.optimizer.param_groups[0]["lr"] == 0.05 / 3
    assert again.optimizer.param_groups[0]["momentum"] == 0.9
    parameter = again.network.model.features[1].conv[0][0].weight
    buffer = again.optimizer.state[parameter]["momentum_buffer"]
    assert buffer.stride() == parameter.stride()


def test_resume_before_the_first_step_and_same_bytes(tmp_path: Path) -> None:
    training = Training()
    for name in ("one", "two"):
        save_resume(tmp_path / name, training.network, training.optimizer, 0, {"b": "1", "a": "2"})
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    again = Training()
    again.epoch(1)
    assert load_resume(tmp_path / "one", again.network, again.optimizer)[0] == 0
    assert not again.optimizer.state


def test_resume_from_another_training_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "resume.safetensors"
    adam = Training(torch.optim.AdamW)
    adam.epoch(1)
    save_resume(path, adam.network, adam.optimizer, 1, {})
    sgd = Training()
    sgd.epoch(2)
    before = {name: tensor.clone() for name, tensor in sgd.tensors().items()}
    with pytest.raises(WeightsError, match=r"cannot go on from .* \(another optimizer\)"):
        load_resume(path, sgd.network, sgd.optimizer)
    other = create_network("resnet18", 3, weights="none")
    with pytest.raises(WeightsError, match="cannot go on from"):
        load_resume(path, other, torch.optim.AdamW(other.parameters(), lr=0.1))
    assert all(torch.equal(tensor, before[name]) for name, tensor in sgd.tensors().items())


def test_damaged_resume_files(tmp_path: Path) -> None:
    path = tmp_path / "resume.safetensors"
    training = Training()
    training.epoch(1)
    save_resume(path, training.network, training.optimizer, 1, {})
    whole, stored = path.read_bytes(), read_safetensors(path)
    tensors, metadata = dict(stored.values), dict(stored.metadata)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="incomplete"):
        load_resume(path, training.network, training.optimizer)
    stray = tensors | {"optimizer/9999/momentum_buffer": torch.zeros(3)}
    other = tensors | {"optimizer/0/momentum_buffer": torch.zeros(3)}
    for values, text in [
        (tensors, {}),
        (tensors, {"training": "{"}),
        (tensors, {"training": "[]"}),
        (tensors, {"training": '{"epoch": 1}'}),
        (stray, metadata),
        (other, metadata),
    ]:
        save_file(values, path, text)
        with pytest.raises(WeightsError, match="cannot go on from"):
            load_resume(path, training.network, training.optimizer)
    path.write_bytes(whole)
    assert load_resume(path, training.network, training.optimizer) == (1, {})
