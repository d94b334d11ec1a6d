"""The deterministic part of the model: crop, resize, grey-level table, normalize.

The order is the same in training and inference: sector crop, resize, centre crop, grey-level
table, [0, 1], normalize (paper, Preprocessing 2 to 5).
"""

from typing import Annotated, Any, Final, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from metrascope.arrays import GreyImage

Equalization = Literal["train", "image", "clahe", "none"]

# Of red, green and blue in [0, 1]: torchvision's, with which its weights were trained.
IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
GreyLevel = Annotated[int, Field(ge=0, le=255)]


class Preprocessing(BaseModel):
    """Everything between decoded grey pixels and the network; part of ``model.json``.

    Attributes
    ----------
    input_size
        Side of the square that the network sees, pixels.
    stored_size
        Side of the square to which an image is brought first, 256/224 of ``input_size``: room
        for the random crop.
    sector_crop
        Crop to the scan sector first.
    fit
        ``crop``: the shorter side becomes ``stored_size`` and the middle is kept; ``pad``: the
        longer side does and black is added, so that nothing is lost.
    equalization
        ``train``: one table fitted to the training partition; ``image``: histogram equalization
        of each image; ``clahe``: contrast-limited, in 8 x 8 tiles; ``none``.
    grey_table
        256 grey levels; the identity unless ``equalization`` is ``train``.
    mean, std
        Mean and standard deviation of the three channels, after division by 255.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    input_size: Annotated[int, Field(ge=32, le=1024)]
    stored_size: Annotated[int, Field(ge=32, le=2048)]
    sector_crop: bool
    fit: Literal["crop", "pad"]
    equalization: Equalization
    grey_table: Annotated[tuple[GreyLevel, ...], Field(min_length=256, max_length=256)] = tuple(
        range(256)
    )
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @model_validator(mode="after")
    def _fits(self) -> "Preprocessing":
        if self.stored_size < self.input_size:
            raise ValueError("the stored square is smaller than what the network sees of it")
        return self


class SourceBox(NamedTuple):
    """A box in pixels, which may be fractions."""

    left: float
    top: float
    right: float
    bottom: float


def stored_size(input_size: int) -> int:
    """Return the side of the stored square: 256 for 224, 342 for 299 (torchvision's sizes)."""
    return round(input_size * 256 / 224)


def square(grey: GreyImage, size: int, fit: Literal["crop", "pad"] = "crop") -> GreyImage:
    """Bring an image to a square without changing its proportions.

    Parameters
    ----------
    grey
        uint8, (height, width).
    size
        Side of the square in pixels.
    fit
        As in `Preprocessing`.

    Returns
    -------
    uint8, (size, size). Resized with Pillow's antialiased bilinear filter.
    """
    height, width = grey.shape
    if fit == "pad":
        longest = max(height, width)
        inner = inner_side(width, longest, size), inner_side(height, longest, size)
        canvas = Image.new("L", (size, size))
        offset = ((size - inner[0]) // 2, (size - inner[1]) // 2)
        canvas.paste(_resize(grey, inner, SourceBox(0, 0, width, height)), offset)
        return np.asarray(canvas)
    return np.asarray(_resize(grey, (size, size), _source_box(height, width, fit)))


def _resize(grey: GreyImage, size: tuple[int, int], box: SourceBox) -> Image.Image:
    # Rows before columns, said in two steps: Pillow rounds between them, and from version 13 on
    # it takes columns first in tall images, which moves grey levels by one.
    across, down = size
    height = grey.shape[0]
    rows = Image.fromarray(grey).resize(
        (across, height), Image.Resampling.BILINEAR, box=(box.left, 0, box.right, height)
    )
    box_down = (0, box.top, across, box.bottom)
    return rows.resize((across, down), Image.Resampling.BILINEAR, box=box_down)


def inner_side(side: int, longest: int, size: int) -> int:
    """Return a side of the image within the square of ``pad``: in whole numbers, halves up."""
    return max(1, (2 * side * size + longest) // (2 * longest))


def centre_crop(stored: npt.NDArray[Any], input_size: int) -> npt.NDArray[Any]:
    """Cut the square that a network sees out of stored squares.

    Parameters
    ----------
    stored
        Stored squares, (n, size, size).
    input_size
        Side of the square that is cut out, pixels, at most ``size``.

    Returns
    -------
    (n, input_size, input_size), the very pixels of `metrascope.training.augment.centre_transforms`.
    """
    start = (stored.shape[1] - input_size) // 2
    return stored[:, start : start + input_size, start : start + input_size]


def seen_box(height: int, width: int, fit: Literal["crop", "pad"] = "crop") -> SourceBox:
    """Return the part of an image that a network sees after the centre crop.

    The same for every input size; with ``pad`` it may reach beyond the image.
    """
    left, top, right, bottom = _source_box(height, width, fit)
    margin = (right - left) * (1 - 224 / 256) / 2  # of `stored_size`, on either side
    return SourceBox(left + margin, top + margin, right - margin, bottom - margin)


def equalize(grey: GreyImage, mode: Equalization, sector: npt.NDArray[np.bool_]) -> GreyImage:
    """Equalize one image by itself; ``train`` and ``none`` leave it as it is.

    Parameters
    ----------
    grey
        uint8, (height, width).
    mode
        As in `Preprocessing`.
    sector
        bool, same shape: the pixels that count for ``image``.
    """
    if mode == "image":
        table = fit_grey_table(np.bincount(grey[sector], minlength=256))
        return np.asarray(table[grey], dtype=np.uint8)
    if mode == "clahe":
        # Limit and tiles customary for CLAHE. Chosen, not measured.
        return np.asarray(cv2.createCLAHE(clipLimit=2.0, tileGridSize=(8, 8)).apply(grey))
    return grey


def fit_grey_table(histogram: npt.NDArray[np.int64]) -> GreyImage:
    """Return the table that equalizes a pooled histogram.

    Parameters
    ----------
    histogram
        Pixel counts of the 256 grey levels, inside the scan sector.

    Returns
    -------
    uint8, (256,), non-decreasing, 0 for the darkest level that occurs and 255 for the brightest.
    The classical definition, that of OpenCV's ``equalizeHist``. The identity where fewer than
    two levels occur.
    """
    occurring = np.flatnonzero(histogram)
    if len(occurring) < 2:
        return np.arange(256, dtype=np.uint8)
    darkest = histogram[occurring[0]]
    cumulative = np.cumsum(histogram)
    share = (cumulative - darkest) / (cumulative[-1] - darkest)
    return np.asarray(np.rint(np.clip(share, 0, 1) * 255), dtype=np.uint8)


def _source_box(height: int, width: int, fit: Literal["crop", "pad"]) -> SourceBox:
    side = min(height, width) if fit == "crop" else max(height, width)
    left, top = (width - side) / 2, (height - side) / 2
    return SourceBox(left, top, left + side, top + side)
