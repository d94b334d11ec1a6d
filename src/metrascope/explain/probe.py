"""A trained network as the measurements need it: grey images in, numbers out."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from metrascope.arrays import GreyImage
from metrascope.explain.heatmap import class_maps
from metrascope.networks.networks import Network


class Read(NamedTuple):
    """Probabilities, features and heat maps of n images.

    Attributes
    ----------
    probabilities
        float64, (n, classes); each row adds up to 1.
    features
        float32, (n, d): the last linear layer's input.
    maps
        float32, (n, classes, h, w), at least 0.
    """

    probabilities: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32]
    maps: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Probe:
    """A network with its preprocessing.

    Attributes
    ----------
    network
        Trained network on its device, in evaluation mode.
    normalize
        Function from uint8 (n, size, size) on that device to the network's input, float
        (n, 3, size, size).
    batch_size
        Images per batch.
    """

    network: Network
    normalize: Callable[[Tensor], Tensor]
    batch_size: int

    def read(self, grey: GreyImage) -> Read:
        """Read images (n, size, size), n at least 1, uint8, as they are before normalization."""
        device = self.network.head.weight.device
        parts: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(grey), self.batch_size):
            batch = torch.from_numpy(grey[start : start + self.batch_size]).to(device)
            with torch.no_grad():
                output = self.network(self.normalize(batch))
            maps = class_maps(self.network, output).float().cpu()
            probabilities = output.logits.cpu().double().softmax(dim=1)
            parts.append((probabilities, output.features.float().cpu(), maps))
        return Read(*(torch.cat(part).numpy() for part in zip(*parts, strict=True)))

    def classify(self, grey: GreyImage) -> npt.NDArray[np.float64]:
        """Return the probabilities (n, classes) alone."""
        return self.read(grey).probabilities

    def with_network(self, network: Network) -> "Probe":
        """Return a probe of another network with the same preprocessing."""
        return replace(self, network=network)
