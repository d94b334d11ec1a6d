"""Heat maps of a network with random weights: a trained one should draw others.

The layers of a trained network are drawn anew, from the last one backward (Adebayo et al.,
NeurIPS 2018). Maps that stay alike are drawings of the image, not of what was learned.
"""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from scipy.stats import rankdata
from torch import nn

from metrascope.explain.faithfulness import SHARES
from metrascope.explain.localization import HeatMap
from metrascope.networks.networks import Network


def randomized(network: Network, *, seed: int) -> Iterator[Network]:
    """Yield the network with more and more of its layers drawn anew, as `SHARES` tells.

    One copy is changed from step to step; the network itself stays as it is. A layer is drawn as
    PyTorch draws it at first; the running averages of normalizations start again.

    Parameters
    ----------
    network
        Trained network.
    seed
        Seed of the draw; torch's own generator is left as it was.
    """
    copy = deepcopy(network).eval()
    layers = [layer for layer in copy.modules() if hasattr(layer, "reset_parameters")]
    layers.reverse()  # torchvision's networks hold their layers in the order of their use
    start = 0
    for share in SHARES:
        stop = max(1, round(share * len(layers)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + start)
            for layer in layers[start:stop]:
                _draw(layer)
        start = stop
        yield copy


def rank_similarity(one: HeatMap, other: HeatMap) -> float:
    """Return Spearman's rank correlation of two maps (h, w), cell by cell.

    NaN where a map has the same value everywhere, which has no order to compare.
    """
    ranks = np.stack([rankdata(one), rankdata(other)])
    ranks -= ranks.mean(1, keepdims=True)
    lengths = np.sqrt((ranks**2).sum(1))
    if not lengths.all():
        return float("nan")
    return float(np.clip(ranks[0] @ ranks[1] / lengths.prod(), -1, 1))


def _draw(layer: nn.Module) -> None:
    # Numbers are drawn on the processor, so that they are the same on every device.
    device = next(layer.parameters()).device
    layer.to("cpu").reset_parameters()  # type: ignore[operator]
    layer.to(device)
