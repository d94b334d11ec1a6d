"""Bring an image of any size to the network's square, as plain matrix products.

`metrascope.dataset.preprocess.square` resizes with Pillow: a triangle filter in fixed-point
arithmetic, rows rounded to 8 bits before columns. An exported graph must do the same without
Pillow, on runtimes that count in float32. Everything here is an integer below 2**24, which float32
holds exactly, so that the result is Pillow's to the last bit on every runtime.
"""

from typing import Final, Literal, cast

import torch
from torch import Tensor

from metrascope.dataset.preprocess import inner_side

_HALF_BITS: Final = 11
"""Pillow's weights have 22 bits; they are kept as two halves."""


def resize_and_crop(
    pixels: Tensor, stored_size: int, input_size: int, fit: Literal["crop", "pad"]
) -> Tensor:
    """Resize to the stored square and cut out its centre.

    Parameters
    ----------
    pixels
        float32, (n, height, width), whole numbers from 0 to 255; sides of at most 4096.
    stored_size, input_size
        Sides of the two squares, pixels.
    fit
        As in `metrascope.dataset.preprocess.Preprocessing`.

    Returns
    -------
    float32, (n, input_size, input_size), the very levels of ``square`` and ``centre_crop``.
    """
    height, width = pixels.shape[1], pixels.shape[2]
    across = _weights(width, height, stored_size, input_size, fit)
    down = _weights(height, width, stored_size, input_size, fit)
    rows = _weighted(pixels, across)
    return _weighted(rows.transpose(1, 2), down).transpose(1, 2)


def _weighted(pixels: Tensor, weights: tuple[Tensor, Tensor]) -> Tensor:
    """Sum along the last axis and round as Pillow does: (sum + half) shifted by 22 bits."""
    high, low = (torch.matmul(pixels, half) for half in weights)
    unit = float(2**_HALF_BITS)
    return torch.floor((high + torch.floor(low / unit) + unit / 2) / unit)


def _weights(
    side: int, other: int, stored_size: int, input_size: int, fit: str
) -> tuple[Tensor, Tensor]:
    """Return the weights along one side, each times 2**22, as high and low halves.

    Two float32 of shape (side, input_size): column i has what each pixel of the source counts in
    the i-th pixel of the result.
    """
    # Sides are symbols while a graph is exported; what they are compared by is torch's.
    if fit == "crop":
        extent, target = cast(int, torch.sym_min(side, other)), stored_size
    else:
        longest = cast(int, torch.sym_max(side, other))
        extent, target = side, inner_side(side, longest, stored_size)
    # int32 throughout: some runtimes have no wider integers.
    source = torch.arange(side, dtype=torch.int32)[:, None]
    place = torch.arange(input_size, dtype=torch.int32)[None]
    place = place + (stored_size - input_size) // 2 - (stored_size - target) // 2
    # Distance of two pixels' middles, and a triangle over it, in units of 1 / (2 * target).
    distance = (2 * source + 1 + extent - side) * target - (2 * place + 1) * extent
    widest = cast(int, torch.sym_max(extent, target))
    height = (2 * widest - distance.abs()).clamp(min=0)
    triangle = height * ((place >= 0) & (place < target)).to(torch.int32)
    total = triangle.sum(0, keepdim=True, dtype=torch.int32).clamp(min=1)
    # Long division in two steps, so that no number needs more than 31 bits.
    unit = 2**_HALF_BITS
    high = torch.div(triangle * unit, total, rounding_mode="trunc")
    rest = (triangle * unit - high * total) * unit
    low = torch.div(rest, total, rounding_mode="trunc")
    low = low + (2 * (rest - low * total) >= total).to(torch.int32)
    return high.to(torch.float32), low.to(torch.float32)
