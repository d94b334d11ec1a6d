"""Small pictures for the page as ``data:`` addresses: cases, lesion outlines, heat maps.

A case is embedded once and shown many times; a heat map is embedded at a few times its own
resolution and stretched over the box by the browser. That keeps hundreds of pictures in a few
megabytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from metrascope.errors import StudyError
from metrascope.overlay import heat_rgb, mask_outline, spread_heat
from metrascope.pages import data_address
from metrascope.study_folder.readers import damaged

# Odd, so that the map's own values, and its maximum, are among the pixels.
_UPSAMPLING: Final = 5
_LEVELS: Final = 64
_EDGES: Final = ("left", "top", "right", "bottom")
_OUTLINE_COLOR: Final = (0, 255, 255)
# As in figures.overlay, so that the page and the figure files look alike.
_STRENGTH: Final = 0.75
# What Pillow raises for files that are cut short or no pictures at all.
_NO_PICTURE: Final = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


@dataclass(frozen=True)
class CaseImage:
    """A validation image as the page shows it.

    Attributes
    ----------
    key
        Name of the picture inside the page.
    picture, outline
        ``data:`` addresses; the outline is empty where there is no lesion mask.
    width, height
        Of the case's file, in pixels.
    box
        Left, top, width and height of what the network sees, in pixels of the file.
    """

    key: str
    picture: str
    outline: str
    width: int
    height: int
    box: tuple[float, float, float, float]


def read_case(study: Path, row: Mapping[str, Any], key: str, long_side: int) -> CaseImage:
    """Read the picture of one row of ``cases.csv``, reduced to ``long_side`` pixels.

    Raises
    ------
    StudyError
        If the picture or its mask cannot be read, or lies outside the study's folder.
    """
    image = _open(study, str(row["file"]))
    reduced = image.copy()
    reduced.thumbnail((long_side, long_side), Image.Resampling.LANCZOS)
    mask_file = str(row["mask_file"])
    mask = _open(study, mask_file) if mask_file else None
    left, top, right, bottom = (float(row[edge]) for edge in _EDGES)
    return CaseImage(
        key=key,
        picture=_address(reduced, "jpeg", quality=82),
        outline="" if mask is None else _outline(mask.resize(reduced.size)),
        width=image.width,
        height=image.height,
        box=(left, top, right - left, bottom - top),
    )


def heat_address(heatmap: NDArray[np.float32]) -> str:
    """Color a heat map by its own maximum and return it as a ``data:`` address.

    Parameters
    ----------
    heatmap
        ``(height, width)`` float >= 0. All zero, it has no evidence: the address is empty.
    """
    if not float(heatmap.max(initial=0.0)) > 0:
        return ""
    height, width = heatmap.shape
    smooth = spread_heat(heatmap, (height * _UPSAMPLING, width * _UPSAMPLING))
    indices = np.rint(smooth * (_LEVELS - 1)).astype(np.uint8)
    picture = Image.fromarray(indices).convert("P")
    picture.frombytes(indices.tobytes())
    colors, alphas = heat_colors()
    picture.putpalette(colors.tobytes())
    return _address(picture, "png", transparency=alphas.tobytes(), optimize=True)


def heat_colors(levels: int = _LEVELS) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the color scale of heat maps, ``(levels, 3)`` and alpha ``(levels,)``, uint8."""
    at = np.linspace(0, 1, levels)
    colors = np.rint(heat_rgb(at) * 255).astype(np.uint8)
    return colors, np.rint(_STRENGTH * at**0.75 * 255).astype(np.uint8)


def read_case_grey(study: Path, name: str) -> NDArray[np.uint8]:
    """Read a picture of the study as grey levels, ``(height, width)`` uint8.

    Raises
    ------
    StudyError
        If it cannot be read, or lies outside the study's folder.
    """
    return np.asarray(_open(study, name))


def _outline(mask: Image.Image) -> str:
    edge = mask_outline(np.where(np.asarray(mask) > 127, 1, 0).astype(np.uint8)).astype(np.uint8)
    if not edge.any():
        return ""
    picture = Image.fromarray(edge).convert("P")
    picture.putpalette([0, 0, 0, *_OUTLINE_COLOR])
    return _address(picture, "png", transparency=0, optimize=True)


def _open(study: Path, name: str) -> Image.Image:
    path = study / name
    try:
        if not path.resolve().is_relative_to(study.resolve()):
            raise StudyError("report.outside", path=path)
        with Image.open(path) as image:
            return image.convert("L")
    except _NO_PICTURE as error:
        raise damaged(path, "picture", error) from error


def _address(image: Image.Image, kind: str, **options: object) -> str:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return data_address(buffer.getvalue(), kind)
