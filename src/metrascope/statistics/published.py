"""The published study's figures, to stand beside our own; its networks, in its order.

Source: Liu X. et al., Chinese Journal of Medical Imaging Technology 2025;41(12):1954-1959.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class PublishedFigure:
    """One published figure in percent: a value, or only a bound that it stays under."""

    value: float | None = None
    below: float | None = None

    def __str__(self) -> str:
        """Two decimals as printed, ``< 80`` for a bound, nothing where the study is silent."""
        if self.value is not None:
            return f"{self.value:.2f}"
        return "" if self.below is None else f"< {self.below:.0f}"


@dataclass(frozen=True)
class PublishedStudy:
    """The study's macro averages of one network on its validation set, n = 125."""

    title: str
    precision: PublishedFigure
    recall: PublishedFigure
    f1: PublishedFigure


# Patients of the study's validation set, on which all figures are.
N_PUBLISHED: Final = 125
_SILENT: Final = PublishedFigure()
_UNDER_78: Final = PublishedFigure(below=78.0)
# Only Inception-v3 had a recall over 80; only the three networks with a value had an F1 over 78.
_UNDER_80: Final = PublishedFigure(below=80.0)

# Per cent (paper, Reported results).
PUBLISHED: Final = {
    "densenet121": PublishedStudy(
        "DenseNet-121", PublishedFigure(81.13), _UNDER_80, PublishedFigure(78.30)
    ),
    "densenet201": PublishedStudy("DenseNet-201", _SILENT, _UNDER_80, _UNDER_78),
    "efficientnet_b0": PublishedStudy("EfficientNet-B0", _SILENT, _UNDER_80, _UNDER_78),
    "vgg16": PublishedStudy("VGG-16", PublishedFigure(74.40), _UNDER_80, _UNDER_78),
    "mobilenet_v2": PublishedStudy("MobileNetV2", _SILENT, _UNDER_80, _UNDER_78),
    "resnet18": PublishedStudy("ResNet-18", _SILENT, _UNDER_80, PublishedFigure(79.10)),
    "resnet34": PublishedStudy("ResNet-34", _SILENT, _UNDER_80, _UNDER_78),
    "inception_v3": PublishedStudy(
        "Inception-v3", PublishedFigure(85.22), PublishedFigure(80.69), PublishedFigure(82.46)
    ),
}


def network_title(name: str) -> str:
    """Return a network's name as the study prints it; any other name as it is."""
    published = PUBLISHED.get(name)
    return published.title if published else name


def order_networks(names: Iterable[str]) -> list[str]:
    """Put networks in the study's order, others after them by name."""
    places = {name: place for place, name in enumerate(PUBLISHED)}
    return sorted(set(names), key=lambda name: (places.get(name, len(places)), name))
