"""The table of the eight networks: torchvision's builders, and where their last map comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision import models

from metrascope.errors import SettingsError
from metrascope.networks.weights import PublishedWeights

Mapper = Callable[[nn.Module, Tensor], tuple[Tensor, Tensor | None]]

# Of red, green and blue in [0, 1]: torchvision's, with which its weights were trained.
_IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
_IMAGENET_STD: Final = (0.229, 0.224, 0.225)


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
    input_size
        Side of the square the network was made for, pixels.
    smallest, smallest_training
        Least side that can be read, and trained on, pixels.
    """

    name: str
    title: str
    builder: Callable[..., nn.Module]
    weights: PublishedWeights
    channels: int
    last_layer: str
    mapper: Mapper
    dropout: float = 0.0
    input_size: int = 224
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


def find_architecture(name: str) -> Architecture:
    """Return the row of the table, or raise SettingsError with the names there are."""
    if name not in ARCHITECTURES:
        raise SettingsError("networks.unknown", name=name, names=", ".join(ARCHITECTURES))
    return ARCHITECTURES[name]


def _features_map(model: nn.Module, images: Tensor) -> tuple[Tensor, None]:
    """Return the last map of networks whose convolutions are ``features``.

    VGG-16's is the 7 x 7 map after its last max pooling, which its own classifier sees too.
    """
    return model.get_submodule("features")(images), None


def _densenet_map(model: nn.Module, images: Tensor) -> tuple[Tensor, None]:
    # The non-linearity after norm5 is a function in DenseNet.forward, not a module.
    return functional.relu(model.get_submodule("features")(images)), None


def _resnet_map(model: nn.Module, images: Tensor) -> tuple[Tensor, None]:
    # torchvision registers the modules in the order of ResNet.forward; pooling ends the map.
    maps = images
    for name, module in model.named_children():
        if name == "avgpool":
            break
        maps = module(maps)
    return maps, None


def _inception_map(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor | None]:
    # As in Inception3.forward: the auxiliary head branches off and leaves the map as it is.
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
    # (x * std + mean - 0.5) / 0.5, where x = (pixel - mean) / std.
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
            smallest=75,
            smallest_training=299,
        ),
    )
}
