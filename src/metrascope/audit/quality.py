"""How good the images are: sharpness, contrast, saturation, size; by class."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import pandas as pd

from metrascope.dataset.image import Picture

QUALITY_MEASURES: Final = ("width", "height", "sharpness", "contrast", "bright", "dark")


@dataclass(frozen=True)
class Quality:
    """Measures of one image inside its scan sector.

    Attributes
    ----------
    width, height
        Sides of the sector's box, pixels.
    sharpness
        Variance of the Laplacian over the variance of the grey levels: 0 flat, about 20 noise.
    contrast
        Standard deviation of the grey levels, 0 to 127.
    bright, dark
        Share of pixels at 250 and more, and at 5 and less, 0 to 1.
    """

    width: int
    height: int
    sharpness: float
    contrast: float
    bright: float
    dark: float


def measure_quality(picture: Picture) -> Quality:
    """Measure an image that is cropped to its scan sector."""
    levels = picture.grey[picture.sector]
    if not levels.size:
        levels = picture.grey.ravel()
    edges = cv2.Laplacian(picture.grey, cv2.CV_32F)[picture.sector]
    spread = float(levels.std())
    height, width = picture.grey.shape
    return Quality(
        width=width,
        height=height,
        sharpness=float(edges.var()) / max(spread**2, 1e-6) if edges.size else 0.0,
        contrast=spread,
        bright=float(np.mean(levels >= 250)),
        dark=float(np.mean(levels <= 5)),
    )


def by_class(
    labels: Sequence[str], measured: Sequence[Quality | None], classes: Sequence[str]
) -> pd.DataFrame:
    """Return the median of every measure and the number of images, a row for each class."""
    rows = [
        {"label": label} | {name: getattr(quality, name) for name in QUALITY_MEASURES}
        for label, quality in zip(labels, measured, strict=True)
        if quality is not None
    ]
    table = pd.DataFrame(rows, columns=["label", *QUALITY_MEASURES]).groupby("label")
    medians = table[list(QUALITY_MEASURES)].median().reindex(list(classes))
    medians.insert(0, "images", table.size().reindex(list(classes)).fillna(0).astype(int))
    return medians
