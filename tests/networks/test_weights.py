"""Weight files: what is read, what is refused, and with which words."""

import dataclasses
import json
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from metrascope.errors import WeightsError
from metrascope.files.atomic import sha256
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.networks.networks import create_network
from metrascope.networks.weights import fill, hash_prefix, read_published, read_safetensors


@dataclass
class Address:
    """A published file, as torchvision's enums describe it."""

    url: str


def test_reads_tensors_metadata_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.arange(3.0)}, path, {"note": "kept"})
    tensors = read_safetensors(path)
    assert tensors.values["x"].tolist() == [0, 1, 2]
    assert tensors.metadata["note"] == "kept"
    assert tensors.sha256 == sha256(path)


class Evil:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise SystemExit('the pickle was opened')",))


@pytest.mark.parametrize("name", ["evil.pth", "evil.pt", "evil.safetensors"])
def test_no_pickle_is_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsError, match=f"{name} is a pickle"):
        create_network("resnet18", 3, weights=path)


@pytest.mark.parametrize("legacy", [True, False])
def test_torch_files_are_pickles_under_any_name(tmp_path: Path, legacy: bool) -> None:
    path = tmp_path / "renamed.safetensors"
    torch.save({"x": torch.zeros(2)}, path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(WeightsError, match="is a pickle"):
        read_safetensors(path)


def test_header_that_begins_like_a_pickle(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for padding in range(640):
        save_file({"x": torch.zeros(1)}, path, {"padding": "." * padding})
        if path.read_bytes()[:2] == b"\x80\x02":
            break
    else:
        pytest.fail("no header of 640 bytes was made")
    assert read_safetensors(path).values["x"].tolist() == [0]


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 64, b"\x02" + b"\0" * 7 + b"{}x"])
def test_other_files(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"not a safetensors file, or it is incomplete"):
        read_safetensors(path)


@pytest.mark.parametrize(
    ("kind", "shape", "length"),
    [
        ("F32", [2**62, 2**62], 0),
        ("F32", [10**18], 8),
        ("F32", [0, 2**64 - 1], 0),
        ("F32", [1] * 5000, 4),
        ("F32", [0] * 70, 0),
        ("F4", [4], 2),
        ("XX", [1], 8),
    ],
)
def test_shapes_and_kinds_that_no_tensor_has(
    tmp_path: Path, kind: str, shape: list[int], length: int
) -> None:
    tensors = {"a": {"dtype": kind, "shape": shape, "data_offsets": [0, length]}}
    header = json.dumps(tensors).encode()
    path = tmp_path / "a.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(length))
    with pytest.raises(WeightsError, match=r"not a safetensors file") as caught:
        read_safetensors(path)
    assert len(str(caught.value)) < 500 + len(str(path))


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(4), "y": torch.ones(2)}, path)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError, match=r"a\.safetensors"):
            read_safetensors(path)


@pytest.mark.parametrize("weights", ["missing.safetensors", ".", "Imagenet"])
def test_no_such_file(weights: str) -> None:
    with pytest.raises(WeightsError, match="no weights file"):
        create_network("resnet18", 3, weights=weights)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_no_numbers(tmp_path: Path, value: float) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(2), "y": torch.tensor([0.0, value])}, path)
    with pytest.raises(WeightsError, match="not numbers \\(in y\\)"):
        read_safetensors(path)


@pytest.fixture
def module() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def state(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def fill_from(module: nn.Module, tensors: dict[str, torch.Tensor], *layers: str) -> frozenset[str]:
    return fill(module, tensors, path=Path("f.st"), title="Toy", replaceable=layers)


def test_fill_copies_everything(module: nn.Module) -> None:
    tensors = {name: torch.full_like(value, 2) for name, value in state(module).items()}
    assert fill_from(module, tensors) == set(tensors)
    assert all(bool((value == 2).all()) for value in module.state_dict().values())


def test_old_files_without_batch_counter(module: nn.Module) -> None:
    module[1].num_batches_tracked.fill_(9)
    tensors = state(module)
    del tensors["1.num_batches_tracked"]
    fill_from(module, tensors)
    assert module[1].num_batches_tracked == 0


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ({"0.bias": None}, "1 tensors are missing, 0 do not belong to it and 0 have another"),
        ({"more": torch.ones(1)}, "0 tensors are missing, 1 do not belong to it and 0 have"),
        ({"0.bias": torch.ones(4)}, "0 tensors are missing, 0 do not belong to it and 1 have"),
        ({"0.bias": torch.ones(3, dtype=torch.int8)}, "it and 1 have another shape or type"),
        ({"1.running_mean": None, "x": torch.ones(1)}, r"\(first: 1\.running_mean, x\)"),
    ],
)
def test_what_does_not_fit_changes_nothing(
    module: nn.Module, change: dict[str, torch.Tensor | None], counts: str
) -> None:
    before = state(module)
    tensors = {name: torch.full_like(value, 2) for name, value in before.items()} | change
    given = {name: value for name, value in tensors.items() if value is not None}
    with pytest.raises(WeightsError, match=rf"f\.st does not fit this Toy: .*{counts}"):
        fill_from(module, given)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize("missing", [True, False])
def test_a_replaceable_layer_is_taken_whole_or_not_at_all(module: nn.Module, missing: bool) -> None:
    before = state(module)
    tensors = {name: torch.full_like(value, 2) for name, value in before.items()}
    if missing:
        del tensors["2.weight"]
    else:
        tensors["2.weight"] = torch.ones(2, 5)
    copied = fill_from(module, tensors, "2")
    assert copied == set(before) - {"2.weight", "2.bias"}
    assert torch.equal(module[2].bias, before["2.bias"])
    assert (module[0].bias == 2).all()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's cache of weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch/hub/checkpoints"


def publish(folder: Path, tensors: dict[str, torch.Tensor], *, legacy: bool = False) -> Path:
    """Write a file as torchvision publishes it: a pickle with its hash in its name."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(tensors, folder / "file", _use_new_zipfile_serialization=not legacy)
    digits = sha256(folder / "file")[:8]
    return (folder / "file").rename(folder / f"toy-{digits}.pth")


@pytest.mark.parametrize("legacy", [True, False])
def test_published_weights_from_the_cache(cache: Path, legacy: bool) -> None:
    path = publish(cache, {"x": torch.ones(2)}, legacy=legacy)
    tensors = read_published(Address(f"https://example.invalid/models/{path.name}"))
    assert tensors.values["x"].tolist() == [1, 1]
    assert tensors.sha256 == sha256(path)


def test_published_weights_are_downloaded_into_the_cache(cache: Path, tmp_path: Path) -> None:
    path = publish(tmp_path / "server", {"x": torch.ones(2)})
    assert read_published(Address(path.as_uri())).values["x"].tolist() == [1, 1]
    assert (cache / path.name).read_bytes() == path.read_bytes()


def test_offline(cache: Path) -> None:
    address = Address("http://127.0.0.1:9/models/toy-0123abcd.pth")
    with pytest.raises(WeightsError) as caught:
        read_published(address)
    sentence = str(caught.value)
    for part in ("toy-0123abcd.pth", address.url, "begins with 0123abcd", str(cache)):
        assert part in sentence


def test_wrong_download_is_not_kept(cache: Path, tmp_path: Path) -> None:
    path = publish(tmp_path / "server", {"x": torch.ones(2)})
    other = path.rename(path.with_name("toy-00000000.pth"))
    with pytest.raises(WeightsError, match="begins with 00000000"):
        read_published(Address(other.as_uri()))
    assert list(cache.iterdir()) == []


def test_cached_file_with_another_hash_is_not_opened(cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "toy-00000000.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(WeightsError, match="should begin with 00000000; delete it"):
        read_published(Address("https://example.invalid/toy-00000000.pth"))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_torchvision_names_carry_their_hash(name: str) -> None:
    file = ARCHITECTURES[name].weights.url.rpartition("/")[2]
    assert len(hash_prefix(file)) == 8
    assert hash_prefix(file) in file


def test_imagenet(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole path: torchvision's file, as old as DenseNet's, in torch's cache."""
    row = ARCHITECTURES["densenet121"]
    original = row.builder(weights=None)
    tensors = {
        key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2.")
        if "denselayer" in key
        else key: value
        for key, value in original.state_dict().items()
        if "num_batches_tracked" not in key
    }
    path = publish(cache, tensors, legacy=True)
    address = Address(f"https://example.invalid/{path.name}")
    monkeypatch.setitem(ARCHITECTURES, row.name, dataclasses.replace(row, weights=address))
    network = create_network(row.name, 3, weights="imagenet")
    assert network.origin.source == "imagenet"
    assert network.origin.sha256 == sha256(path)
    assert network.origin.new == 2
    assert network.origin.loaded == len(tensors) - 2
    ours = {key.removeprefix("model."): value for key, value in network.state_dict().items()}
    kept = [key for key in original.state_dict() if not key.startswith(row.last_layer)]
    assert all(torch.equal(ours[key], original.state_dict()[key]) for key in kept)


def test_real_imagenet_weights(real_data: Path) -> None:
    path = real_data / "weights/mobilenet_v2-imagenet.safetensors"
    if not path.is_file():
        pytest.skip(f"no weights at {path}")
    network = create_network("mobilenet_v2", 3, weights=path)
    assert (network.origin.loaded, network.origin.new) == (312, 2)
    assert network.origin.sha256 == sha256(path)
    classifier = create_network("mobilenet_v2", 1000, "avg", weights=path)
    assert (classifier.origin.loaded, classifier.origin.new) == (314, 0)
    # A trained network calls noise and a flat image by different names, and is sure of neither.
    images = torch.stack([torch.zeros(3, 224, 224), torch.randn(3, 224, 224)])
    with torch.no_grad():
        logits = classifier.eval()(images).logits
    assert logits.std() > 0.5
    assert logits[0].argmax() != logits[1].argmax()
