"""A trained network as what the measurements need: grey images in, numbers out."""

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
    """What a network makes of n images.

    Attributes
    ----------
    probabilities
        float64, (n, classes).
    features
        float32, (n, d).
    maps
        float32, (n, classes, h, w): heat maps.
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
        Trained, on its device, in evaluation mode.
    normalize
        From uint8 (n, size, size) on that device to what the network takes.
    batch_size
        Images at a time.
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
            chances = output.logits.cpu().double().softmax(dim=1)
            parts.append((chances, output.features.float().cpu(), maps))
        return Read(*(torch.cat(part).numpy() for part in zip(*parts, strict=True)))

    def classify(self, grey: GreyImage) -> npt.NDArray[np.float64]:
        """Return the probabilities (n, classes) alone."""
        return self.read(grey).probabilities

    def of(self, network: Network) -> "Probe":
        """Return a reader of another network with the same preprocessing."""
        return replace(self, network=network)
