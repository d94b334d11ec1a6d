"""One image of the manifest: read it with its masks and crop it to the scan sector."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from metrascope.arrays import GreyImage, Mask
from metrascope.errors import DataError
from metrascope.screen.picture import read_grey
from metrascope.screen.sector import find_sector

if TYPE_CHECKING:
    # Tables take pandas, which takes half a second to load; an image needs none.
    from metrascope.dataset.manifest import Manifest

SMALLEST_SIDE: Final = 32
"""Pixels along the shorter side below which an image is refused."""

# Images whose outside is looked at, spread over the data set: each is decoded. Chosen, not
# measured.
_SAMPLED_IMAGES: Final = 32


@dataclass(frozen=True)
class Picture:
    """A decoded image, cropped to its scan sector.

    Attributes
    ----------
    grey
        uint8, (height, width).
    sector
        bool, same shape, True inside the scan sector.
    lesion
        bool, same shape, True inside the lesion; None without a mask.
    """

    grey: GreyImage
    sector: Mask
    lesion: Mask | None


def read_picture(manifest: "Manifest", row: int, *, sector_crop: bool) -> Picture:
    """Decode the image of a manifest's row and crop it to the scan sector.

    The sector comes from the manifest (``sector`` mask, ``roi`` box), else from the pixels.

    Raises
    ------
    DataError
        If the image or a mask cannot be read, a mask has another size than the image, or the
        box lies outside it.
    """
    number = int(manifest.table.index[row])
    grey = read_grey(manifest.file(str(manifest.table["image"].iat[row])), number)
    if lacks_content(grey):
        size = f"{grey.shape[1]} x {grey.shape[0]}"
        path = manifest.path(row)
        raise DataError("picture.blank", path=path, row=number, size=size, least=SMALLEST_SIDE)
    lesion = _read_mask(manifest, row, "mask", grey.shape)
    sector = _read_mask(manifest, row, "sector", grey.shape)
    box = manifest.roi(row)
    if sector is None and box is None:
        return crop_to_sector(grey, lesion, sector_crop=sector_crop)
    if sector is None:
        sector = np.ones(grey.shape, dtype=bool)
    if not sector_crop:
        return Picture(grey, sector, lesion)
    window = _window(manifest, row, box or _bounds(sector), grey.shape)
    return Picture(grey[window], sector[window], None if lesion is None else lesion[window])


def crop_to_sector(grey: GreyImage, lesion: Mask | None = None, *, sector_crop: bool) -> Picture:
    """Find the scan sector of an image of which nothing else is known, and crop to it.

    Parameters
    ----------
    grey
        uint8, (height, width): the whole screen.
    lesion
        Its mask, where there is one.
    sector_crop
        False leaves the image as large as it is.
    """
    detected = find_sector(grey)
    if not sector_crop:
        return Picture(grey, detected.mask, lesion)
    left, top, width, height = detected.box
    window = slice(top, top + height), slice(left, left + width)
    return Picture(grey[window], detected.mask[window], None if lesion is None else lesion[window])


def lacks_content(grey: GreyImage) -> bool:
    """Tell whether an image is too small to be one, or all of one grey level."""
    return bool(min(grey.shape) < SMALLEST_SIDE or grey.min() == grey.max())


def are_clean(manifest: "Manifest", rows: Sequence[int]) -> bool:
    """Tell whether images come with their sector and are black outside it, as after an ingest.

    Parameters
    ----------
    manifest
        Data set of the images.
    rows
        Rows of the images in it; of many, 32 spread over them are looked at.

    Raises
    ------
    DataError
        As `read_picture`.
    """
    step = max(1, len(rows) // _SAMPLED_IMAGES)
    for row in rows[::step]:
        if manifest.path(int(row), "sector") is None:
            return False
        picture = read_picture(manifest, int(row), sector_crop=True)
        if picture.grey[~picture.sector].any():
            return False
    return len(rows) > 0


def _read_mask(manifest: "Manifest", row: int, column: str, shape: tuple[int, ...]) -> Mask | None:
    path = manifest.path(row, column)
    if path is None:
        return None
    number = int(manifest.table.index[row])
    grey = read_grey(path, number)
    mask = np.asarray(grey > grey.max() // 2)  # written as 0 and 1, or 0 and 255
    if mask.shape != shape:
        raise DataError(
            "picture.mask_size",
            path=path,
            row=number,
            found=f"{mask.shape[1]} x {mask.shape[0]}",
            expected=f"{shape[1]} x {shape[0]}",
        )
    return mask


def _bounds(sector: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(sector.any(axis=1)), np.flatnonzero(sector.any(axis=0))
    if not len(rows):
        return 0, 0, sector.shape[1], sector.shape[0]
    left, top = int(columns[0]), int(rows[0])
    return left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top


def _window(
    manifest: "Manifest", row: int, box: tuple[int, int, int, int], shape: tuple[int, ...]
) -> tuple[slice, slice]:
    left, top, width, height = box
    if left + width > shape[1] or top + height > shape[0]:
        raise DataError(
            "picture.box_outside",
            path=manifest.path(row),
            row=int(manifest.table.index[row]),
            box=",".join(map(str, box)),
            size=f"{shape[1]} x {shape[0]}",
        )
    return slice(top, top + height), slice(left, left + width)
