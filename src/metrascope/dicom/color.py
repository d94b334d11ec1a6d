"""Three samples a pixel to RGB, and a look at the picture to tell what the samples are."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Grey level above which a pixel is lit, not ground. Chosen, not measured.
_LIT = 24
# Rows and columns that a look at a picture samples at least, to be quick. Chosen, not measured.
_SAMPLED_SIDE = 128
# Steps the other way must be smaller by this factor before the header is not believed. Chosen, not
# measured.
_OTHER_ORDER = 0.6
# ITU-R BT.601: black is 16 in video's range; noise around it is chosen, not measured.
_VIDEO_BLACK, _NOISE = 16, 4


def ycc_to_rgb(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert Y, Cb, Cr of full range (PS3.3, C.7.6.3.1.2) to RGB; uint8 (h, w, 3) both."""
    swapped = np.empty_like(samples)
    cv2.mixChannels([samples], [swapped], [0, 0, 1, 2, 2, 1])
    return np.asarray(cv2.cvtColor(swapped, cv2.COLOR_YCrCb2RGB), np.uint8)


def partial_to_rgb(samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert Y, Cb, Cr of video's range to RGB, black at 16 and white at 235; (h, w, 3) both.

    The inverse of what PS3.3-2003, C.7.6.3.1.2 has for YBR_PARTIAL_422.
    """
    # ITU-R BT.601: 255/219, and 255/224 times 1.402, 0.344, 0.714 and 1.772.
    matrix = np.array([[1.1644, 0, 1.596], [1.1644, -0.3917, -0.813], [1.1644, 2.0173, 0]])
    offset = -matrix @ np.array([16.0, 128.0, 128.0])
    return np.asarray(cv2.transform(samples, np.column_stack([matrix, offset])), np.uint8)


def has_partial_range(ycc: NDArray[np.uint8]) -> bool:
    """Tell whether nothing but a little noise is darker than video's black.

    Headers say YBR_PARTIAL of pictures in full range, whose ground is black at 0.
    """
    luma = ycc[:: 1 + ycc.shape[0] // _SAMPLED_SIDE, :: 1 + ycc.shape[1] // _SAMPLED_SIDE, 0]
    return bool(np.percentile(luma, 5) >= _VIDEO_BLACK - _NOISE)


def spread_chroma(packed: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return YCbCr (h, w, 3) of packed Y Y Cb Cr, chroma repeated across (YBR_FULL_422)."""
    pairs = packed.reshape(height, width // 2, 4)
    ycc = np.empty((height, width, 3), np.uint8)
    ycc[:, 0::2, 0], ycc[:, 1::2, 0] = pairs[..., 0], pairs[..., 1]
    for channel in (1, 2):
        ycc[:, 0::2, channel] = ycc[:, 1::2, channel] = pairs[..., channel + 1]
    return ycc


def vividness(rgb: NDArray[np.uint8]) -> float:
    """Return how far the lit picture is from grey, 0 to 255: the mean of a pixel's range.

    An ultrasound screen is black with mostly grey on it, tinted or with some color: on phantom
    and public screens the right reading came to 79 at most, that of a rendered volume, and most
    to under 20. RGB read as YCbCr turns the black green, and YCbCr read as RGB turns all of it
    violet: 102 and more. 0 where nothing is lit.

    Parameters
    ----------
    rgb
        Frame in RGB, uint8, (h, w, 3).
    """
    few = rgb[:: 1 + rgb.shape[0] // _SAMPLED_SIDE, :: 1 + rgb.shape[1] // _SAMPLED_SIDE]
    red, green, blue = (few[..., channel] for channel in range(3))
    top = np.maximum(np.maximum(red, green), blue)
    bottom = np.minimum(np.minimum(red, green), blue)
    lit = top > _LIT
    return float((top - bottom)[lit].mean()) if lit.any() else 0.0


def is_planar(flat: NDArray[np.uint8], height: int, width: int, *, stated: bool) -> bool:
    """Tell whether samples are ordered plane by plane, as stated or plainly the other way.

    Samples read in the wrong order make stripes or three small pictures: neighbors, along a row
    and from row to row, differ far more. Colors play no part, so tints and maps do not mislead.

    Parameters
    ----------
    flat
        Samples in the file's order, uint8, (3 x height x width,).
    height, width
        Sides of the picture, pixels.
    stated
        Whether the header says that they are in planes.
    """
    planes, pixels = steps_by_plane(flat, 3, height, width)
    here, there = (planes, pixels) if stated else (pixels, planes)
    return stated if there >= _OTHER_ORDER * here else not stated


def steps_by_plane(
    flat: NDArray[np.uint8], count: int, height: int, width: int
) -> tuple[float, float]:
    """Return how far neighbors differ if samples stand plane by plane, and pixel by pixel."""
    planes = flat.reshape(count, height, width)
    return _steps(planes), _steps(np.moveaxis(flat.reshape(height, width, count), 2, 0))


def _steps(channels: NDArray[np.uint8]) -> float:
    """Return the mean step to the right and downward in (n, h, w), from some of the rows."""
    height, width = channels.shape[1:]
    if min(height, width) < 2:
        return 0.0
    rows = np.arange(0, height - 1, 1 + height // _SAMPLED_SIDE)
    upper, lower = (channels[:, rows + down].astype(np.int16) for down in (0, 1))
    return float(np.abs(np.diff(upper, axis=2)).mean() + np.abs(lower - upper).mean())


def top_bits(
    samples: NDArray[np.unsignedinteger], stored: int, high: int | None = None
) -> NDArray[np.uint8]:
    """Return samples of ``stored`` bits, the highest of them bit ``high``, as 8; bytes as is."""
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    above = 0 if high is None else high + 1 - stored
    return (samples >> (above + max(stored - 8, 0))).clip(0, 255).astype(np.uint8)
