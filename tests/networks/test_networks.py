"""One battery over all eight networks, with torchvision's own as the oracle."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from metrascope.dataset.preprocess import stored_size
from metrascope.errors import SettingsError, WeightsError
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.networks.networks import Network, create_network, empty_network
from metrascope.settings.study_settings import NETWORKS

NAMES = list(ARCHITECTURES)


def small_images(name: str, count: int = 2) -> Tensor:
    """Images of the least size that keeps the test quick and the last map larger than a pixel."""
    size = 107 if name == "inception_v3" else 64
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(5))


@dataclass
class Original:
    """A torchvision network with three classes and random tensors, and its file."""

    name: str
    model: nn.Module
    path: Path


@pytest.fixture(scope="module", params=NAMES)
def original(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Original]:
    name = request.param
    options = {"transform_input": True, "init_weights": False} if name == "inception_v3" else {}
    with torch.device("meta"):
        model = ARCHITECTURES[name].builder(weights=None, num_classes=3, **options)
    model = model.to_empty(device="cpu").eval()
    randomize(model)
    path = tmp_path_factory.mktemp("weights") / f"{name}.safetensors"
    save_file(model.state_dict(), path)
    yield Original(name, model, path)
    path.unlink()  # VGG-16's has half a gigabyte


def randomize(model: nn.Module) -> None:
    """Draw every tensor, running statistics included, so that activations keep their scale."""
    generator = torch.Generator().manual_seed(3)
    for name, tensor in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(7)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        elif tensor.dim() > 1:
            bound = (6 / tensor[0].numel()) ** 0.5
            tensor.uniform_(-bound, bound, generator=generator)
        elif name.endswith("weight"):
            tensor.uniform_(0.5, 1.5, generator=generator)
        else:
            tensor.uniform_(-0.1, 0.1, generator=generator)


def test_table_has_the_papers_networks_in_its_order() -> None:
    assert tuple(ARCHITECTURES) == NETWORKS
    assert [row.name for row in ARCHITECTURES.values()] == NAMES
    assert {row.input_size for row in ARCHITECTURES.values()} == {224, 299}


@pytest.mark.parametrize("name", NAMES)
def test_table_agrees_with_torchvision(name: str) -> None:
    row = ARCHITECTURES[name]
    expected = row.weights.transforms()
    assert [row.input_size] == expected.crop_size
    assert [stored_size(row.input_size)] == expected.resize_size
    with torch.device("meta"):
        options = {"init_weights": False} if name == "inception_v3" else {}
        model = row.builder(weights=None, **options)
    assert isinstance(model.get_submodule(row.last_layer), nn.Linear)
    rates = {m.p for n, m in model.named_modules() if isinstance(m, nn.Dropout)}
    assert rates == ({row.dropout} if row.dropout else set())


@pytest.mark.parametrize("pooling", ["avgmax", "avg"])
@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_torchvisions_less_its_head_and_ours(name: str, pooling: str) -> None:
    row, classes = ARCHITECTURES[name], 3
    network = empty_network(name, classes, pooling)
    with torch.device("meta"):
        options = {"init_weights": False} if name == "inception_v3" else {}
        theirs = row.builder(weights=None, **options)
    keeps_hidden = name == "vgg16" and pooling == "avg"
    removed = theirs.get_submodule(row.last_layer if keeps_hidden else row.head)
    expected = row.weights.meta["num_params"] - count(removed)
    if name == "inception_v3":
        expected += 769 * classes - count(theirs.AuxLogits.fc)
    width = 4096 if keeps_hidden else row.channels * (1 + (pooling == "avgmax"))
    assert count(network) == expected + (width + 1) * classes


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_plain_pooling_gives_torchvisions_logits(original: Original) -> None:
    network = create_network(original.name, 3, "avg", weights=original.path).eval()
    images = small_images(original.name)
    with torch.no_grad():
        expected = original.model(images)
        output = network(images)
    torch.testing.assert_close(output.logits, expected, rtol=1e-4, atol=1e-5)
    assert expected.std() > 1e-3
    assert network.origin.new == 0
    assert network.origin.loaded == len(original.model.state_dict())


def test_dual_pooling_reads_the_same_map(original: Original) -> None:
    network = create_network(original.name, 3, "avgmax", weights=original.path).eval()
    row, images = ARCHITECTURES[original.name], small_images(original.name)
    with torch.no_grad():
        output = network(images)
        reference = last_map_of(original.model, row.last_layer, images)
    torch.testing.assert_close(output.maps, reference, rtol=1e-4, atol=1e-5)
    channels = output.maps.flatten(2)
    expected = torch.cat([channels.mean(2), channels.max(2).values], 1)
    torch.testing.assert_close(output.features, expected)
    torch.testing.assert_close(
        output.logits, functional.linear(expected, network.head.weight, network.head.bias)
    )
    # Only the last layer is new: the auxiliary head of three classes is in the file.
    assert network.origin.new == 2


def last_map_of(model: nn.Module, last_layer: str, images: Tensor) -> Tensor:
    """What enters torchvision's global average pooling."""
    seen: list[Tensor] = []
    if hasattr(model, "avgpool"):
        handle = model.avgpool.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    else:  # DenseNet and MobileNetV2 pool by a function
        handle = model.features.register_forward_hook(lambda _, __, maps: seen.append(maps))
    model(images)
    handle.remove()
    # DenseNet's last non-linearity is a function too.
    return seen[0].relu() if last_layer == "classifier" else seen[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_is_trained(name: str) -> None:
    network = create_network(name, 3, weights="none").train()
    size = ARCHITECTURES[name].smallest_training
    output = network(torch.randn(2, 3, max(size, 64), max(size, 64)))
    loss = functional.cross_entropy(output.logits, torch.tensor([0, 2]))
    assert (output.aux_logits is None) == (name != "inception_v3")
    if output.aux_logits is not None:
        assert output.aux_logits.shape == (2, 3)
        loss = loss + 0.4 * functional.cross_entropy(output.aux_logits, torch.tensor([0, 2]))
    loss.backward()
    without = [n for n, p in network.named_parameters() if p.grad is None]
    assert without == []
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters())
    assert network.origin.new == len(list(network.parameters()))
    assert network.eval()(small_images(name)).aux_logits is None


def test_inception_sees_the_range_its_weights_were_trained_on() -> None:
    network = empty_network("inception_v3", 3).eval()
    seen: list[Tensor] = []
    network.model.Conv2d_1a_3x3.conv.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    pixels = torch.stack([torch.zeros(3, 75, 75), torch.ones(3, 75, 75)])
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    network((pixels - mean[:, None, None]) / std[:, None, None])
    torch.testing.assert_close(seen[0], pixels * 2 - 1)


def test_inception_cannot_train_below_299_pixels() -> None:
    network = create_network("inception_v3", 3, weights="none").train()
    with pytest.raises(SettingsError, match="298 × 298 pixels: set its input size to 299"):
        network(torch.zeros(2, 3, 298, 298))
    # torchvision's own limit, not a cautious one of ours
    with pytest.raises(RuntimeError, match="Kernel size"):
        network.architecture.mapper(network.model, torch.zeros(2, 3, 298, 298))


@pytest.mark.parametrize("name", NAMES)
def test_sizes_that_can_be_read(name: str) -> None:
    row = ARCHITECTURES[name]
    row.require_size(row.smallest, training=False)
    with pytest.raises(SettingsError, match=row.title):
        row.require_size(row.smallest - 1, training=False)
    least = row.smallest
    output = empty_network(name, 2).eval()(torch.zeros(1, 3, least, least))
    assert output.maps.shape[1] == row.channels


def test_vgg_plain_head_works_below_its_size_too() -> None:
    network = empty_network("vgg16", 2, "avg").eval()
    zero(network)
    assert network(torch.zeros(1, 3, 64, 96)).features.shape == (1, 4096)
    seen: list[Tensor] = []
    network.model.classifier[0].register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    for height, width in [(1, 2), (7, 6), (8, 10), (14, 21)]:
        maps = torch.randn(2, 512, height, width)
        network.pool(maps)
        expected = functional.adaptive_avg_pool2d(maps, 7).flatten(1)
        torch.testing.assert_close(seen[-1], expected)


def zero(network: nn.Module) -> None:
    for tensor in network.state_dict().values():
        tensor.zero_()


def test_seed_decides_new_layers() -> None:
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(create_network("resnet18", 3, weights="none").state_dict())
    same = [torch.equal(states[0][name], states[1][name]) for name in states[0]]
    assert all(same)
    assert not torch.equal(states[0]["head.weight"], states[2]["head.weight"])
    assert not torch.equal(states[0]["model.conv1.weight"], states[2]["model.conv1.weight"])


def test_vgg_draws_its_convolutions_as_torchvision_does() -> None:
    network = create_network("vgg16", 3, weights="none")
    first, last = network.model.features[2].weight, network.model.features[28].weight
    assert first.std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert last.std().item() == pytest.approx((2 / (512 * 9)) ** 0.5, rel=0.02)
    assert not network.model.features[0].bias.any()


def test_channels_last_and_bfloat16() -> None:
    network = create_network("mobilenet_v2", 3, weights="none").eval()
    images = small_images("mobilenet_v2")
    with torch.no_grad():
        expected = network(images).logits
        network.to(memory_format=torch.channels_last)
        channels_last = network(images.contiguous(memory_format=torch.channels_last)).logits
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = network(images)
    torch.testing.assert_close(channels_last, expected, rtol=1e-3, atol=1e-4)
    assert low.maps.dtype == torch.bfloat16
    torch.testing.assert_close(low.logits.float(), expected, rtol=0.1, atol=0.1)


@pytest.mark.parametrize(
    ("name", "pooling", "rates"),
    [
        ("vgg16", "avgmax", [0.5]),
        ("vgg16", "avg", [0.5, 0.5]),
        ("inception_v3", "avg", [0.5]),
        ("efficientnet_b0", "avg", [0.2]),
        ("resnet18", "avgmax", [0.0]),
    ],
)
def test_dropout_is_as_in_torchvision(name: str, pooling: str, rates: list[float]) -> None:
    network = empty_network(name, 3, pooling)
    layers = [m for n, m in network.named_modules() if isinstance(m, nn.Dropout)]
    layers = [layer for layer in layers if layer is not getattr(network.model, "dropout", None)]
    assert [layer.p for layer in layers] == rates


def test_dropout_only_while_training() -> None:
    network = create_network("mobilenet_v2", 3, weights="none").eval()
    features = torch.ones(1, network.feature_size)
    assert torch.equal(network.classify(features), network.classify(features))
    network.train()
    assert not torch.equal(network.classify(features), network.classify(features))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("resnet50", 3, "avgmax"), "no network resnet50: choose from densenet121"),
        (("resnet18", 3, "max"), "no pooling max"),
        (("resnet18", 1, "avg"), "at least two classes"),
    ],
)
def test_refused(arguments: tuple[str, int, str], sentence: str) -> None:
    for build in (create_network, empty_network):
        options = {"weights": "none"} if build is create_network else {}
        with pytest.raises(SettingsError, match=sentence):
            build(*arguments, **options)


def saved(network: Network, path: Path) -> Path:
    save_file(network.state_dict(), path)
    return path


def test_weights_of_a_run_go_on(tmp_path: Path) -> None:
    trained = create_network("mobilenet_v2", 3, weights="none")
    path = saved(trained, tmp_path / "run.safetensors")
    same = create_network("mobilenet_v2", 3, weights=str(path))
    assert same.origin.source == "run.safetensors"
    assert same.origin.new == 0
    assert all(map(torch.equal, same.state_dict().values(), trained.state_dict().values()))


@pytest.mark.parametrize(("classes", "pooling"), [(5, "avgmax"), (3, "avg")])
def test_weights_of_a_run_with_another_head(tmp_path: Path, classes: int, pooling: str) -> None:
    trained = create_network("mobilenet_v2", 3, weights="none")
    path = saved(trained, tmp_path / "run.safetensors")
    other = create_network("mobilenet_v2", classes, pooling, weights=path)
    # The bias of three classes would fit the plain head, but the layer is taken whole.
    assert other.origin.new == 2
    assert other.head.bias.tolist() != trained.head.bias.tolist()
    assert torch.equal(other.model.features[0][0].weight, trained.model.features[0][0].weight)
    assert other.head.weight.shape == (classes, other.feature_size)


def test_weights_of_another_network(tmp_path: Path) -> None:
    network = ARCHITECTURES["resnet34"].builder(weights=None)
    path = tmp_path / "file.safetensors"
    save_file(network.state_dict(), path)
    with pytest.raises(WeightsError, match="holds weights of ResNet-34, not of MobileNetV2: 260"):
        create_network("mobilenet_v2", 3, weights=path)
    with pytest.raises(WeightsError, match=r"of ResNet-34, not of ResNet-18: 0 .* 96 do not"):
        create_network("resnet18", 3, weights=path)


def test_weights_of_no_network_we_know(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    save_file({"fc.weight": torch.zeros(3, 512), "other": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match="does not fit this ResNet-18: 100 tensors are missing"):
        create_network("resnet18", 3, weights=path)


def test_vgg_plain_head_needs_the_hidden_layers(tmp_path: Path) -> None:
    path = saved(create_network("vgg16", 3, weights="none"), tmp_path / "run.safetensors")
    with pytest.raises(WeightsError, match=r"4 tensors are missing.*model\.classifier\.0\.weight"):
        create_network("vgg16", 3, "avg", weights=path)
