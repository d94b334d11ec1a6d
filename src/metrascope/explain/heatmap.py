"""Grad-CAM: where in an image a network saw a class.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs each channel of the last convolutional map A by the
mean gradient of the class score with respect to that channel, adds the channels up and keeps what
is positive. Where one linear layer follows the pooled map, those gradients are known in advance:
the average hands ``w_avg / (h w)`` to every place of a channel and the maximum hands ``w_max`` to
the place of the maximum (shared out where several are equal), so the mean over the channel is
``(w_avg + w_max) / (h w)``. Nothing has to be differentiated.
"""

import torch
from torch import Tensor

from metrascope.networks import Network, Output


def class_maps(network: Network, output: Output) -> Tensor:
    """Return the Grad-CAM map of every class, as float32 on the network's device.

    Parameters
    ----------
    network
        The network in evaluation mode.
    output
        What it gave for n images, also under ``torch.no_grad`` or autocast.

    Returns
    -------
    (n, K, h, w), at least 0, not normalized, so that classes and images can be compared. h and w
    are those of the last convolutional map: 7 x 7 at 224 pixels, 8 x 8 for Inception-v3 at 299.
    """
    maps = output.maps.detach().float()
    with torch.autocast(maps.device.type, enabled=False):
        if network.keeps_hidden_layers:
            weights = _mean_gradients(network, maps)
        else:
            weights = _closed_form(network, maps).expand(maps.shape[0], -1, -1)
        return torch.einsum("nkc,nchw->nkhw", weights, maps).relu()


def _closed_form(network: Network, maps: Tensor) -> Tensor:
    """Return the channel weights (K, C), the same for every image."""
    weights = network.head.weight.detach().float()
    per_channel = weights.reshape(network.classes, -1, maps.shape[1]).sum(1)
    return per_channel / (maps.shape[2] * maps.shape[3])


def _mean_gradients(network: Network, maps: Tensor) -> Tensor:
    """Differentiate each class score; for layers between map and scores. Returns (n, K, C)."""
    with torch.inference_mode(False), torch.enable_grad():
        maps = maps.clone().requires_grad_()
        logits = network.classify(network.pool(maps))
        gradients = [
            torch.autograd.grad(logits[:, index].sum(), maps, retain_graph=True)[0].mean((2, 3))
            for index in range(network.classes)
        ]
    return torch.stack(gradients, 1)
