"""A trained network as one graph from 8-bit pixels to probabilities, heat maps and features."""

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from metrascope.dataset.preprocess import Preprocessing
from metrascope.errors import SettingsError
from metrascope.explain.heatmap import class_maps
from metrascope.networks.networks import Network
from metrascope.predict.resize import resize_and_crop

# Red, green and blue in grey, of 65536: Pillow's whole numbers for ITU-R 601.
_LUMINANCE: Final = (19595.0, 38470.0, 7471.0)


class GraphOutput(NamedTuple):
    """Output of the graph for n images and K classes.

    Attributes
    ----------
    logits
        float32, (n, K), before temperature.
    probabilities
        float32, (n, K), calibrated by the temperature.
    maps
        float32, (n, K, rows, columns): the heat map of every class, at least 0, not normalized.
    features
        float32, (n, d): the last layer's input.
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
        Trained network in evaluation mode.
    preprocessing
        Preprocessing of the run.
    temperature
        Divisor of the logits, above 0.

    Raises
    ------
    SettingsError
        If the preprocessing takes each image's own histogram: that is not part of a graph.
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
        # Grey-level table, [0, 1] and normalization are one table, (256, 3): the same numbers as
        # `metrascope.training.batches.Normalizer`, so that a bundle sees what the network learned.
        table = torch.tensor(preprocessing.grey_table, dtype=torch.float32) / 255
        normalized = (table[:, None] - torch.tensor(preprocessing.mean)) / torch.tensor(
            preprocessing.std
        )
        self.table: Tensor
        self.register_buffer("table", normalized)

    def forward(self, pixels: Tensor) -> GraphOutput:
        """Read sector crops: uint8, (n, channels, height, width), one channel (grey) or three."""
        steps = self.preprocessing
        grey = _luminance(pixels)  # float32 of whole numbers, (n, height, width)
        # Written as products of whole numbers: every runtime gives Pillow's grey levels to the bit
        # (docs/decisions.md). (n, input_size, input_size).
        square = resize_and_crop(grey, steps.stored_size, steps.input_size, steps.fit)
        # The table has the channels last, and the network is laid out that way.
        images = self.table[square.long()].permute(0, 3, 1, 2)  # (n, 3, size, size)
        output = self.network(images)
        # Maps in closed form are part of the graph, since they need no backward pass.
        probabilities = (output.logits / self.temperature).softmax(1)
        maps = class_maps(self.network, output)
        return GraphOutput(output.logits, probabilities, maps, output.features)


def _luminance(pixels: Tensor) -> Tensor:
    """Return the grey levels of Pillow's conversion, as float32, (n, height, width)."""
    count, channels, height, width = pixels.shape
    # The number of channels is known only when the graph runs, so that it cannot branch: the
    # channels of red, green and blue are 0, 1, 2 of three and 0, 0, 0 of one, whose weights add up
    # to 65536. A product is what runtimes do fast.
    sources = torch.arange(3) * (channels - 1) // 2
    share = (torch.arange(channels)[:, None] == sources).to(torch.float32)  # (channels, 3)
    weights = (share @ torch.tensor(_LUMINANCE))[None]  # (1, channels)
    summed = weights @ pixels.reshape(count, channels, height * width).to(torch.float32)
    # Rounded as Pillow does; all numbers stay below 2^24, which float32 holds exactly.
    return torch.floor((summed + 32768) / 65536).reshape(count, height, width)
