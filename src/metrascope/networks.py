"""The eight networks of the study, torchvision's, with the study's pooling and head.

The study pools the last convolutional map by average and maximum in parallel, concatenates both
and classifies with one linear layer (``avgmax``). ``avg`` is each network's own head with a new
last layer, so that the two can be compared. See :data:`ARCHITECTURES` for the table.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from metrascope import weights as weight_files
from metrascope.errors import SettingsError, WeightsError

Pooling = Literal["avgmax", "avg"]
Mapper = Callable[[nn.Module, Tensor], tuple[Tensor, Tensor | None]]

_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)


class Output(NamedTuple):
    """What a network gives for a batch of n images and K classes.

    Parameters
    ----------
    logits
        Class scores before softmax, (n, K).
    features
        What the last linear layer sees, before dropout, (n, d): d is 2C for ``avgmax``, C for
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


@dataclass(frozen=True)
class Architecture:
    """One row of the table of networks.

    Parameters
    ----------
    name, title
        Key in settings and files, and how people read it.
    builder
        torchvision's function.
    weights
        torchvision's ImageNet weights.
    channels
        C, channels of the last convolutional map.
    last_layer
        torchvision's name of the linear layer that the study replaces.
    mapper
        Images to the last convolutional map, and to the auxiliary scores where there are any.
    dropout
        The network's own rate before its last layer.
    input_size, resize
        Side of the square the network sees, and of the image's shorter side before the center
        crop, pixels.
    smallest, smallest_training
        Least side that can be read, and trained on, pixels.
    """

    name: str
    title: str
    builder: Callable[..., nn.Module]
    weights: weight_files.Published
    channels: int
    last_layer: str
    mapper: Mapper
    dropout: float = 0.0
    input_size: int = 224
    resize: int = 256
    smallest: int = 32
    smallest_training: int = 32

    @property
    def head(self) -> str:
        """Name of the module that holds torchvision's own head: ``classifier`` or ``fc``."""
        return self.last_layer.split(".")[0]

    def require_size(self, size: int, *, training: bool) -> None:
        """Raise SettingsError unless images of ``size`` pixels can be read, or trained on."""
        least = self.smallest_training if training else self.smallest
        if size < least:
            key = "networks.too_small_to_train" if training else "networks.too_small"
            raise SettingsError(key, title=self.title, size=size, least=least)


@dataclass(frozen=True)
class Origin:
    """Where a network's weights come from.

    Parameters
    ----------
    source
        ``none``, ``imagenet``, or the name of a file.
    sha256
        SHA-256 of the file; None for ``none``.
    loaded
        Number of tensors taken from the file.
    new
        Number of parameter tensors drawn at random.
    """

    source: str
    sha256: str | None
    loaded: int
    new: int


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
    origin : Origin
        Where the weights come from.
    """

    def __init__(
        self, architecture: Architecture, classes: int, pooling: Pooling, model: nn.Module
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.classes = classes
        self.pooling = pooling
        self.origin = Origin("none", None, 0, 0)
        self.model = model
        if isinstance(model, models.Inception3):
            model.AuxLogits.fc = nn.Linear(768, classes)
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
            return 4096
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
            return _vgg_hidden_layers(self.model, maps)
        average = maps.mean((2, 3))
        # amax, because the backward pass of adaptive_max_pool2d is not deterministic on CUDA.
        return average if self.pooling == "avg" else torch.cat([average, maps.amax((2, 3))], 1)

    def classify(self, features: Tensor) -> Tensor:
        """Turn features (n, d) into logits (n, K)."""
        logits: Tensor = self.head(self.dropout(features))
        return logits


def create_network(
    name: str, classes: int, pooling: Pooling = "avgmax", *, weights: str | Path
) -> Network:
    """Make one of the eight networks, ready to train; ``network.origin`` says what was loaded.

    New layers are drawn from torch's global generator: seed it before.

    Parameters
    ----------
    name
        Key of :data:`ARCHITECTURES`.
    classes
        Number of classes, at least 2.
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
    if str(weights) == "none":
        model = _initialized_backbone(architecture, pooling)
        network = Network(architecture, classes, pooling, model)
        network.origin = Origin("none", None, 0, len(list(network.parameters())))
        return network
    if str(weights) == "imagenet":
        tensors = weight_files.read_published(architecture.weights)
    else:
        tensors = weight_files.read_safetensors(Path(weights))
    network = empty_network(name, classes, pooling)
    source = "imagenet" if str(weights) == "imagenet" else tensors.path.name
    network.origin = _fill(network, tensors, source)
    return network


def empty_network(name: str, classes: int, pooling: Pooling = "avgmax") -> Network:
    """Make a network whose tensors hold nothing yet, save the new last layers: to be filled.

    Raises
    ------
    SettingsError
        As :func:`create_network`.
    """
    architecture = find_architecture(name)
    _require_head(classes, pooling)
    model = _empty_backbone(architecture, pooling)
    return Network(architecture, classes, pooling, model)


def find_architecture(name: str) -> Architecture:
    """Return the row of the table, or raise SettingsError with the names there are."""
    if name not in ARCHITECTURES:
        raise SettingsError("networks.unknown", name=name, names=", ".join(ARCHITECTURES))
    return ARCHITECTURES[name]


def _require_head(classes: int, pooling: str) -> None:
    if classes < 2:
        raise SettingsError("networks.too_few_classes", classes=classes)
    if pooling not in ("avgmax", "avg"):
        raise SettingsError("networks.unknown_pooling", pooling=pooling)


def _fill(network: Network, tensors: weight_files.Tensors, source: str) -> Origin:
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
    new = sum(n not in copied for n, _ in network.named_parameters())
    return Origin(source, tensors.sha256, len(copied), new)


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
        theirs, given = (
            {n: v.shape for n, v in tensors.items() if not n.startswith(last) and v.dim()}
            for tensors in (expected, values)
        )
        if theirs == given:
            return architecture
    return None


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
    """Replace torchvision's head, or only its last layer and the dropout before, by identity."""
    head = model.get_submodule(architecture.head)
    if _keeps_hidden_layers(architecture, pooling) and isinstance(head, nn.Sequential):
        head[-2], head[-1] = nn.Identity(), nn.Identity()
    else:
        setattr(model, architecture.head, nn.Identity())
    return model


def _keeps_hidden_layers(architecture: Architecture, pooling: Pooling) -> bool:
    return architecture.name == "vgg16" and pooling == "avg"


def _vgg_hidden_layers(model: nn.Module, maps: Tensor) -> Tensor:
    if maps.shape[-2:] != (7, 7):  # at 224 pixels this pooling would change nothing
        maps = functional.adaptive_avg_pool2d(maps, (7, 7))
    hidden: Tensor = model.get_submodule("classifier")(maps.flatten(1))
    return hidden


def _features_map(model: nn.Module, images: Tensor) -> tuple[Tensor, None]:
    """Return the last map of networks whose convolutions are ``features``.

    VGG-16's is the 7 x 7 map after its last max pooling, which its own classifier sees too.
    """
    return model.get_submodule("features")(images), None


def _densenet_map(model: nn.Module, images: Tensor) -> tuple[Tensor, None]:
    # The non-linearity after norm5 is a function in DenseNet.forward, not a module.
    return functional.relu(model.get_submodule("features")(images)), None


def _resnet_map(model: nn.Module, images: Tensor) -> tuple[Tensor, None]:
    maps = images
    for name, module in model.named_children():
        if name == "avgpool":
            break
        maps = module(maps)
    return maps, None


def _inception_map(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor | None]:
    maps, aux_logits = _to_symmetric_range(images), None
    for name, module in model.named_children():
        if name == "avgpool":
            break
        if name != "AuxLogits":
            maps = module(maps)
        elif model.training:
            aux_logits = module(maps)
    return maps, aux_logits


def _to_symmetric_range(images: Tensor) -> Tensor:
    """Turn ImageNet's normalization into [-1, 1], on which Inception-v3's weights were trained.

    torchvision does the same (``transform_input``), so that one preprocessing serves all.
    """
    channels = [
        images[:, index : index + 1] * (std / 0.5) + (mean - 0.5) / 0.5
        for index, (mean, std) in enumerate(zip(_IMAGENET_MEAN, _IMAGENET_STD, strict=True))
    ]
    return torch.cat(channels, 1)


ARCHITECTURES: Final[dict[str, Architecture]] = {
    row.name: row
    for row in (
        Architecture(
            name="densenet121",
            title="DenseNet-121",
            builder=models.densenet121,
            weights=models.DenseNet121_Weights.IMAGENET1K_V1,
            channels=1024,
            last_layer="classifier",
            mapper=_densenet_map,
        ),
        Architecture(
            name="densenet201",
            title="DenseNet-201",
            builder=models.densenet201,
            weights=models.DenseNet201_Weights.IMAGENET1K_V1,
            channels=1920,
            last_layer="classifier",
            mapper=_densenet_map,
        ),
        Architecture(
            name="efficientnet_b0",
            title="EfficientNet-B0",
            builder=models.efficientnet_b0,
            weights=models.EfficientNet_B0_Weights.IMAGENET1K_V1,
            channels=1280,
            last_layer="classifier.1",
            mapper=_features_map,
            dropout=0.2,
        ),
        Architecture(
            name="vgg16",
            title="VGG-16",
            builder=models.vgg16,
            weights=models.VGG16_Weights.IMAGENET1K_V1,
            channels=512,
            last_layer="classifier.6",
            mapper=_features_map,
            dropout=0.5,
        ),
        Architecture(
            name="mobilenet_v2",
            title="MobileNetV2",
            builder=models.mobilenet_v2,
            weights=models.MobileNet_V2_Weights.IMAGENET1K_V1,
            channels=1280,
            last_layer="classifier.1",
            mapper=_features_map,
            dropout=0.2,
        ),
        Architecture(
            name="resnet18",
            title="ResNet-18",
            builder=models.resnet18,
            weights=models.ResNet18_Weights.IMAGENET1K_V1,
            channels=512,
            last_layer="fc",
            mapper=_resnet_map,
        ),
        Architecture(
            name="resnet34",
            title="ResNet-34",
            builder=models.resnet34,
            weights=models.ResNet34_Weights.IMAGENET1K_V1,
            channels=512,
            last_layer="fc",
            mapper=_resnet_map,
        ),
        # Below 299 pixels, the auxiliary head's 5 x 5 convolution meets a map smaller than that.
        Architecture(
            name="inception_v3",
            title="Inception-v3",
            builder=models.inception_v3,
            weights=models.Inception_V3_Weights.IMAGENET1K_V1,
            channels=2048,
            last_layer="fc",
            mapper=_inception_map,
            dropout=0.5,
            input_size=299,
            resize=342,
            smallest=75,
            smallest_training=299,
        ),
    )
}
