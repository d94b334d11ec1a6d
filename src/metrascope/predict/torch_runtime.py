"""Read with the network of a run as PyTorch has it, without an export."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from metrascope.networks.checkpoint import load
from metrascope.predict.graph import Graph
from metrascope.predict.runtime import NetworkOutput


class TorchRuntime:
    """The graph of a run, run by PyTorch on the processor.

    Parameters
    ----------
    folder
        Of the run: ``model.json`` and ``weights.safetensors``.

    Raises
    ------
    WeightsError
        If a file is missing, damaged or changed.
    SettingsError
        If the preprocessing cannot be part of a graph.
    """

    name = "torch"

    def __init__(self, folder: Path) -> None:
        network, self.description = load(folder)
        network.to(memory_format=torch.channels_last)
        self.graph = Graph(network, self.description.preprocessing, self.description.temperature)
        self.graph.eval()

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> NetworkOutput:
        """Read n images of one size; see `metrascope.predict.runtime.Runtime`."""
        with torch.inference_mode():
            output = self.graph(torch.from_numpy(np.require(pixels, requirements=["C", "W"])))
        return NetworkOutput(*(value.numpy() for value in output))
