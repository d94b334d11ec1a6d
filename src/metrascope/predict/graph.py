"""A trained network as one graph from 8-bit pixels to probabilities, heat maps and features."""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from metrascope.dataset.preprocess import Preprocessing
from metrascope.errors import SettingsError
from metrascope.explain.heatmap import class_maps
from metrascope.networks.networks import Network
from metrascope.predict.resize import resize_and_crop

_LUMINANCE: Final = (19595.0, 38470.0, 7471.0)
"""Red, green and blue in grey, of 65536: Pillow's whole numbers for ITU-R 601."""


class GraphOutput(NamedTuple):
    """What the graph gives for n images and K classes.

    Attributes
    ----------
    logits
        float32, (n, K), before temperature.
    probabilities
        float32, (n, K), calibrated by the temperature.
    maps
        float32, (n, K, rows, columns): the heat map of every class, at least 0, not normalized.
    features
        float32, (n, d): what the last layer sees.
    """

    logits: Tensor
    probabilities: Tensor
    maps: Tensor
    features: Tensor


class Graph(nn.Module):
    """Everything that the study fixed, between a sector's pixels and its reading.

    Parameters
    ----------
    network
        Trained, put into evaluation mode.
    preprocessing
        Of the run.
    temperature
        Divisor of the logits.

    Raises
    ------
    SettingsError
        If the preprocessing looks at each image's own histogram: that is not part of a graph.
    """

    def __init__(
        self, network: Network, preprocessing: Preprocessing, temperature: float = 1.0
    ) -> None:
        super().__init__()
        if preprocessing.equalization not in ("train", "none"):
            raise SettingsError("serving.equalization", found=preprocessing.equalization)
        self.network = network
        self.preprocessing = preprocessing
        self.temperature = temperature
        table = torch.tensor(preprocessing.grey_table, dtype=torch.float32) / 255
        normalized = (table[:, None] - torch.tensor(preprocessing.mean)) / torch.tensor(
            preprocessing.std
        )
        self.table: Tensor
        self.register_buffer("table", normalized)

    def forward(self, pixels: Tensor) -> GraphOutput:
        """Read sector crops: uint8, (n, channels, height, width), one channel (grey) or three."""
        steps = self.preprocessing
        grey = _luminance(pixels)
        square = resize_and_crop(grey, steps.stored_size, steps.input_size, steps.fit)
        # The table has the channels last, and the network is laid out that way.
        images = self.table[square.long()].permute(0, 3, 1, 2)
        output = self.network(images)
        probabilities = (output.logits / self.temperature).softmax(1)
        maps = class_maps(self.network, output)
        return GraphOutput(output.logits, probabilities, maps, output.features)


def _luminance(pixels: Tensor) -> Tensor:
    """Return the grey levels that Pillow's conversion gives, as float32."""
    count, channels, height, width = pixels.shape
    # Of one channel all three weights fall on it; a product is what runtimes do fast.
    taken = torch.arange(3) * (channels - 1) // 2
    share = (torch.arange(channels)[:, None] == taken).to(torch.float32)
    weights = (share @ torch.tensor(_LUMINANCE))[None]
    summed = weights @ pixels.reshape(count, channels, height * width).to(torch.float32)
    return torch.floor((summed + 32768) / 65536).reshape(count, height, width)
