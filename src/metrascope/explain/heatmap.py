"""Grad-CAM: where in an image a network saw a class.

Grad-CAM (Selvaraju et al., ICCV 2017) weighs each channel of the last convolutional map A by the
mean gradient of the class score with respect to that channel, adds the channels up and keeps what
is positive. Where one linear layer follows the pooled map, those gradients are known in advance:
the average hands ``w_avg / (h w)`` to every place of a channel and the maximum hands ``w_max`` to
the place of the maximum (shared out where several are equal), so the mean over the channel is
``(w_avg + w_max) / (h w)``. Hidden layers of a head are linear layers and rectifiers, through
which the same is a product of matrices. Nothing has to be differentiated.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from metrascope.arrays import Floats32
from metrascope.errors import DataError
from metrascope.networks.networks import Network, Output
from metrascope.overlay import spread_heat


def heat_map(
    network: Network,
    images: Tensor,
    classes: int | Sequence[int] | None = None,
    *,
    batch_size: int = 16,
) -> Floats32:
    """Return where in each image a network saw a class: Grad-CAM at the size of the images.

    The network reads as it does in a study: in evaluation mode, without gradients; the mode that
    it was in is put back.

    Parameters
    ----------
    network
        From `metrascope.networks.networks.create_network`, on any device.
    images
        Floats (n, 3, h, w), normalized as the network was trained, which is how a data set of
        `metrascope.library.image_dataset.load_data` gives them.
    classes
        Number of the class of every image, or of each, (n,); by default the likeliest.
    batch_size
        Images at a time.

    Returns
    -------
    float32, (n, h, w), between 0 and 1: linearly interpolated and divided by the largest value of
    the image, so that maps of several images cannot be compared. All 0 where no place speaks for
    the class.

    Raises
    ------
    DataError
        If the network or the images are not of this kind, a class does not exist, or the
        network's answer is not finite.
    """
    if not isinstance(network, Network):
        raise DataError("library.foreign_network", found=type(network).__name__)
    if not isinstance(images, Tensor) or images.dim() != 4 or images.shape[1] != 3:
        shape = tuple(getattr(images, "shape", ()))
        raise DataError("library.image_shape", found=shape or type(images).__name__)
    if not images.is_floating_point():
        raise DataError("library.image_kind", found=str(images.dtype).removeprefix("torch."))
    if batch_size < 1:
        raise DataError("library.at_least_one", name="batch_size", found=batch_size)
    wanted = _wanted_classes(classes, len(images), network.classes)
    training, weight = network.training, network.head.weight
    network.eval()
    try:
        found = np.zeros((len(images), *images.shape[2:]), dtype=np.float32)
        for start in range(0, len(images), batch_size):
            with torch.no_grad():
                output: Output = network(images[start : start + batch_size].to(weight))
            if not output.logits.isfinite().all():
                raise DataError("library.not_finite")
            maps, likeliest = class_maps(network, output).cpu().numpy(), output.logits.argmax(1)
            for row, heat in enumerate(maps, start=start):
                chosen = int(likeliest[row - start]) if wanted is None else wanted[row]
                found[row] = spread_heat(heat[chosen], found.shape[1:])
    finally:
        network.train(training)
    return found


def _wanted_classes(
    classes: int | Sequence[int] | None, images: int, count: int
) -> list[int] | None:
    """Return the number of a class for each image, None where the likeliest is asked for."""
    if classes is None:
        return None
    given = np.asarray(classes)
    if given.dtype.kind not in "iu" or given.shape not in ((), (images,)):
        raise DataError("library.map_classes", images=images)
    chosen: list[int] = np.broadcast_to(given, (images,)).tolist()
    for number in chosen:
        if not 0 <= number < count:
            raise DataError("library.label_range", found=number, last=count - 1)
    return chosen


def class_maps(network: Network, output: Output) -> Tensor:
    """Return the Grad-CAM map of every class, as float32 on the network's device.

    Parameters
    ----------
    network
        Network in evaluation mode.
    output
        Its output for n images, also under ``torch.no_grad`` or autocast.

    Returns
    -------
    float32, (n, K, h, w), at least 0, not normalized, so that classes and images can be compared.
    h and w are those of the last convolutional map: 7 x 7 at 224 pixels, 8 x 8 for Inception-v3 at
    299.
    """
    maps = output.maps.detach().float()
    with torch.autocast(maps.device.type, enabled=False):
        if network.keeps_hidden_layers:
            weights = _through_hidden_layers(network, maps)
        else:
            weights = _closed_form(network, maps).expand(maps.shape[0], -1, -1)
        return torch.einsum("nkc,nchw->nkhw", weights, maps).relu()


def _closed_form(network: Network, maps: Tensor) -> Tensor:
    """Return the channel weights (K, C), the same for every image."""
    weights = network.head.weight.detach().float()
    # (K, 2C) to (K, 2, C), the average's weights beside the maximum's; (K, 1, C) with ``avg``.
    per_channel = weights.reshape(network.classes, -1, maps.shape[1]).sum(1)
    return per_channel / (maps.shape[2] * maps.shape[3])


def _through_hidden_layers(network: Network, maps: Tensor) -> Tensor:
    """Return the channel weights (n, K, C) of a head with hidden layers: VGG-16's own.

    Linear layers and rectifiers: an image's gradient is the product of the weights, with the
    units left out that the image did not excite.
    """
    hidden = network.hidden_layers
    active, values = [], network.hidden_input(maps)  # (n, C * 49)
    for layer in hidden:
        values = layer(values).relu()
        active.append((values > 0).to(maps.dtype))
    gradients = network.head.weight.detach().float()[None]  # (1, K, width of the last layer)
    for layer, units in zip(reversed(hidden), reversed(active), strict=True):
        gradients = (gradients * units[:, None]) @ layer.weight.detach().float()
    # Now (n, K, C * 49). Averaging to 7 x 7 hands each cell's gradient on undiminished in sum, so
    # the mean over a channel of h x w is that sum over h w.
    per_channel = gradients.reshape(len(maps), network.classes, maps.shape[1], -1).sum(3)
    return per_channel / (maps.shape[2] * maps.shape[3])
