"""Phantoms as the audit sees them, and data sets made of plain arrays."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from metrascope.audit.verification import ComparedView
from metrascope.audit.views import make_view
from metrascope.dataset.image import Picture
from metrascope.dataset.manifest import Manifest, read_manifest
from metrascope.phantom.render import draw_case, render_phantom

LABELS = ("normal", "fibroid", "polyp")


@cache
def phantom(index: int, size: int = 360, scanner: str = "voluson") -> Picture:
    """Return a phantom cropped to its sector; another index is another patient."""
    still = render_phantom(draw_case(LABELS[index % 3], scanner, seed=11, index=index), size)
    left, top, width, height = cv2.boundingRect(still.sector)
    within = (slice(top, top + height), slice(left, left + width))
    return Picture(still.image[within], still.sector[within] > 0, None)


@cache
def view(index: int) -> ComparedView:
    return make_view(phantom(index))


def cut(picture: Picture, top: int, left: int, height: int, width: int) -> Picture:
    within = (slice(top, top + height), slice(left, left + width))
    return Picture(picture.grey[within], picture.sector[within], None)


def noise(seed: int, shape: tuple[int, int] = (120, 160)) -> np.ndarray:
    """Return an image without echo or sector, cheap where only its identity counts."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def data_set(
    folder: Path, images: Mapping[str, np.ndarray], rows: Sequence[Mapping[str, str]]
) -> Manifest:
    """Write images and a manifest; a row without ``label`` is of class normal."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, grey in images.items():
        cv2.imwrite(str(folder / name), grey)
    table = pd.DataFrame([{"label": "normal", **row} for row in rows]).fillna("")
    table.to_csv(folder / "manifest.csv", index=False)
    return read_manifest(folder)
