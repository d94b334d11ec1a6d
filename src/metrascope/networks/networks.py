"""The eight networks of the study, torchvision's, with the study's pooling and head.

The study pools the last convolutional map by average and maximum in parallel, concatenates both
and classifies with one linear layer (``avgmax``). ``avg`` is each network's own head with a new
last layer, so that the two can be compared. The table is in
``metrascope.networks.architectures``.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torchvision import models

from metrascope.classes import PAPER_CLASSES
from metrascope.errors import SettingsError, WeightsError
from metrascope.networks import weights as weight_files
from metrascope.networks.architectures import ARCHITECTURES, Architecture, find_architecture
from metrascope.networks.weights import WeightsOrigin

Pooling = Literal["avgmax", "avg"]


class Output(NamedTuple):
    """Scores, features and maps of a network for a batch of n images and K classes.

    Attributes
    ----------
    logits
        Class scores before softmax, (n, K).
    features
        Input of the last linear layer before dropout, (n, d): d is 2C for ``avgmax``, C for
        ``avg``, and 4096 for VGG-16 with ``avg``.
    maps
        Last convolutional map after its non-linearity, (n, C, h, w).
    aux_logits
        Scores of the auxiliary head, (n, K): Inception-v3 while training, otherwise None.
    """

    logits: Tensor
    features: Tensor
    maps: Tensor
    aux_logits: Tensor | None


class Network(nn.Module):
    """A torchvision network whose last layer is ours.

    Parameters
    ----------
    architecture
        Row of the table.
    classes
        K, number of classes, at least 2.
    pooling
        ``avgmax`` or ``avg``.
    model
        torchvision's network with its head replaced by identity. With ``avg``, VGG-16 still has
        its two 4096-wide layers.

    Attributes
    ----------
    last_map : torch.nn.Identity
        The last convolutional map passes through it: the place for hooks.
    origin : WeightsOrigin
        Where the weights come from.
    """

    def __init__(
        self, architecture: Architecture, classes: int, pooling: Pooling, model: nn.Module
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        self.pooling = pooling
        self.origin = WeightsOrigin("none")
        self.model = model
        if isinstance(model, models.Inception3):
            model.AuxLogits.fc = nn.Linear(768, classes)  # torchvision's width of that head
        self.last_map = nn.Identity()
        self.dropout = nn.Dropout(architecture.dropout)
        self.head = nn.Linear(self.feature_size, classes)

    @property
    def keeps_hidden_layers(self) -> bool:
        """Whether layers of the network's own lie between the last map and the last layer."""
        return _keeps_hidden_layers(self.architecture, self.pooling)

    @property
    def feature_size(self) -> int:
        """Width d of the features that the last linear layer sees."""
        if self.keeps_hidden_layers:
            return 4096  # of torchvision's VGG-16
        return self.architecture.channels * (2 if self.pooling == "avgmax" else 1)

    def forward(self, images: Tensor) -> Output:
        """Read images (n, 3, h, w), float, normalized with ImageNet's mean and deviation.

        Raises
        ------
        SettingsError
            While training, if the images are smaller than the network can be trained on.
        """
        if self.training:
            self.architecture.require_size(min(images.shape[-2:]), training=True)
        maps, aux_logits = self.architecture.mapper(self.model, images)
        maps = self.last_map(maps)
        features = self.pool(maps)
        return Output(self.classify(features), features, maps, aux_logits)

    def pool(self, maps: Tensor) -> Tensor:
        """Turn the last map (n, C, h, w) into features (n, d)."""
        if self.keeps_hidden_layers:
            hidden: Tensor = self.model.get_submodule("classifier")(self.hidden_input(maps))
            return hidden
        # (n, C) each, side by side (n, 2C): the average first, on which `heatmap` relies.
        average = maps.mean((2, 3))
        # amax, because the backward pass of adaptive_max_pool2d is not deterministic on CUDA.
        return average if self.pooling == "avg" else torch.cat([average, maps.amax((2, 3))], 1)

    @property
    def hidden_layers(self) -> list[nn.Linear]:
        """Linear layers between the last map and the last layer, each followed by a rectifier."""
        if not self.keeps_hidden_layers:
            return []
        layers = self.model.get_submodule("classifier")
        return [layer for layer in layers.children() if isinstance(layer, nn.Linear)]

    def hidden_input(self, maps: Tensor) -> Tensor:
        """Turn the last map (n, C, h, w) into the input of the first hidden layer, (n, C * 49)."""
        return _seven_by_seven(maps)

    def classify(self, features: Tensor) -> Tensor:
        """Turn features (n, d) into logits (n, K)."""
        logits: Tensor = self.head(self.dropout(features))
        return logits


def create_network(
    name: str,
    classes: int = len(PAPER_CLASSES),
    pooling: Pooling = "avgmax",
    *,
    weights: str | Path = "imagenet",
) -> Network:
    """Make one of the eight networks, ready to train; ``network.origin`` says what was loaded.

    New layers are drawn from torch's global generator: seed it before.

    Parameters
    ----------
    name
        Key of ``metrascope.networks.architectures.ARCHITECTURES``.
    classes
        Number of classes, at least 2; by default the study's three.
    pooling
        ``avgmax`` (the study's) or ``avg`` (the network's own head).
    weights
        ``imagenet``, ``none`` (everything drawn at random), or the path of a safetensors file
        with torchvision's names or of one of our runs. Its last layer is taken where it fits.

    Raises
    ------
    SettingsError
        If there is no such network or pooling, or fewer than two classes.
    WeightsError
        If the weights are not to be had or do not fit.
    """
    architecture = find_architecture(name)
    _require_head(classes, pooling)
    if not isinstance(weights, str | Path):
        raise WeightsError("weights.no_file", path=weights)
    if str(weights) == "none":
        model = _initialized_backbone(architecture, pooling)
        network = Network(architecture, classes, pooling, model)
        network.origin = WeightsOrigin("none", new=len(list(network.parameters())))
        return network
    if str(weights) == "imagenet":
        tensors, source = weight_files.read_published(architecture.weights), "imagenet"
    else:
        tensors, source = weight_files.read_safetensors(Path(weights)), Path(weights).name
    network = empty_network(name, classes, pooling)
    network.origin = _fill(network, tensors, source)
    return network


def empty_network(name: str, classes: int, pooling: Pooling = "avgmax") -> Network:
    """Make a network whose tensors hold nothing yet, save the new last layers: to be filled.

    Raises
    ------
    SettingsError
        As ``create_network``.
    """
    architecture = find_architecture(name)
    _require_head(classes, pooling)
    return Network(architecture, classes, pooling, _empty_backbone(architecture, pooling))


def _require_head(classes: int, pooling: str) -> None:
    if not isinstance(classes, int) or classes < 2:
        raise SettingsError("networks.too_few_classes", classes=classes)
    if pooling not in ("avgmax", "avg"):
        raise SettingsError("networks.unknown_pooling", pooling=pooling)


def _fill(network: Network, tensors: weight_files.Tensors, source: str) -> WeightsOrigin:
    """Copy a file's tensors into the network, by torchvision's names or by ours."""
    architecture = network.architecture
    ours = "head.weight" in tensors.values
    values = tensors.values if ours else _our_names(network, tensors.values)
    try:
        copied = weight_files.fill(
            network,
            values,
            path=tensors.path,
            title=architecture.title,
            replaceable=("head", "model.AuxLogits.fc"),
        )
    except WeightsError as error:
        likely = None if ours else _recognize(tensors.values)
        if likely is None or likely.name == architecture.name:
            raise
        raise WeightsError("weights.recognized", **error.values, likely=likely.title) from error
    new = sum(name not in copied for name, _ in network.named_parameters())
    return WeightsOrigin(source, tensors.sha256, len(copied), new)


def _our_names(network: Network, values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename torchvision's tensors to ours and leave out those of the head that was removed."""
    architecture = network.architecture
    renamed = {}
    for name, value in values.items():
        # Old DenseNet files write the layer "norm1" as "norm.1".
        name = re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d\.)", r"\1\2", name)
        if name.startswith(f"{architecture.last_layer}."):
            renamed[name.replace(architecture.last_layer, "head", 1)] = value
        elif network.keeps_hidden_layers or not name.startswith(f"{architecture.head}."):
            renamed[f"model.{name}"] = value
    return renamed


def _recognize(values: Mapping[str, Tensor]) -> Architecture | None:
    """Return the network whose torchvision tensors these are, its last layers aside."""
    for architecture in ARCHITECTURES.values():
        expected = _meta_model(architecture).state_dict()
        last = (f"{architecture.last_layer}.", "AuxLogits.fc.")
        if _shapes(expected, last) == _shapes(values, last):
            return architecture
    return None


def _shapes(tensors: Mapping[str, Tensor], excluded: tuple[str, ...]) -> dict[str, torch.Size]:
    """Return the shapes by name, without layers that begin like ``excluded`` and counters."""
    return {
        name: tensor.shape
        for name, tensor in tensors.items()
        if not name.startswith(excluded) and tensor.dim()
    }


def _meta_model(architecture: Architecture) -> nn.Module:
    """Build without memory or random numbers, to be filled from a file."""
    with torch.device("meta"):
        return architecture.builder(weights=None, **_builder_options(architecture, new=False))


def _builder_options(architecture: Architecture, *, new: bool) -> dict[str, bool]:
    # Without these, torchvision warns and draws Inception's weights even on the meta device.
    if architecture.name == "inception_v3":
        return {"aux_logits": True, "init_weights": new}
    return {}


def _empty_backbone(architecture: Architecture, pooling: Pooling) -> nn.Module:
    model = _without_head(_meta_model(architecture), architecture, pooling)
    return model.to_empty(device="cpu")


def _initialized_backbone(architecture: Architecture, pooling: Pooling) -> nn.Module:
    """Build with torchvision's own random initialization."""
    if architecture.name != "vgg16" or pooling == "avg":
        model = architecture.builder(weights=None, **_builder_options(architecture, new=True))
        return _without_head(model, architecture, pooling)
    # torchvision would draw VGG-16's whole classifier too, 120 of its 138 million parameters.
    model = _empty_backbone(architecture, pooling)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def _without_head(model: nn.Module, architecture: Architecture, pooling: Pooling) -> nn.Module:
    """Replace torchvision's head, or only its last layer and the dropout before, by identity.

    Dropout and the new last layer are `Network`'s own.
    """
    head = model.get_submodule(architecture.head)
    if _keeps_hidden_layers(architecture, pooling) and isinstance(head, nn.Sequential):
        head[-2], head[-1] = nn.Identity(), nn.Identity()
    else:
        setattr(model, architecture.head, nn.Identity())
    return model


def _keeps_hidden_layers(architecture: Architecture, pooling: Pooling) -> bool:
    return architecture.name == "vgg16" and pooling == "avg"


def _seven_by_seven(maps: Tensor) -> Tensor:
    """Average a map (n, C, h, w) to the (n, C * 49) that VGG-16's own classifier was made for."""
    height, width = maps.shape[-2:]
    if (height, width) != (7, 7):  # at 224 pixels this pooling would change nothing
        rows, columns = _averaging(height, maps), _averaging(width, maps)
        maps = torch.einsum("ih,nchw,jw->ncij", rows, maps, columns)
    return maps.flatten(1)


def _averaging(size: int, like: Tensor) -> Tensor:
    """Return the (7, size) matrix of AdaptiveAvgPool2d(7), not deterministic on CUDA itself."""
    # Row i averages from floor(i * size / 7) up to ceil((i + 1) * size / 7), as PyTorch does.
    matrix = like.new_zeros(7, size)
    for row in range(7):
        start, stop = row * size // 7, -(-(row + 1) * size // 7)
        matrix[row, start:stop] = 1 / (stop - start)
    return matrix
