"""One image of the manifest: read it with its masks and crop it to the scan sector."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from metrascope.arrays import Box, GreyImage, Mask
from metrascope.errors import DataError
from metrascope.screen.picture import read_grey
from metrascope.screen.sector import find_sector

if TYPE_CHECKING:
    # Tables take pandas, which takes half a second to load; an image needs none.
    from metrascope.dataset.manifest import Manifest

SMALLEST_SIDE: Final = 32
"""Pixels along the shorter side below which an image is refused."""


@dataclass(frozen=True)
class Picture:
    """A decoded image, whole or cropped to its scan sector.

    Attributes
    ----------
    grey
        uint8, (height, width).
    sector
        bool, same shape, True inside the scan sector.
    lesion
        bool, same shape, True inside the lesion; None without a mask.
    box
        What `cropped` leaves, pixels of ``grey``; None where that is all of it.
    """

    grey: GreyImage
    sector: Mask
    lesion: Mask | None
    box: Box | None = None

    def cropped(self) -> "Picture":
        """Return what lies in the box of the scan sector."""
        if self.box is None:
            return self
        left, top, width, height = self.box
        window = slice(top, top + height), slice(left, left + width)
        lesion = None if self.lesion is None else self.lesion[window]
        return Picture(self.grey[window], self.sector[window], lesion)


def read_picture(manifest: "Manifest", row: int, *, sector_crop: bool) -> Picture:
    """Decode the image of a manifest's row and crop it to the scan sector, if so asked.

    Raises
    ------
    DataError
        As `decode_image`, `find_masks` and `crop_picture`.
    """
    picture = find_masks(manifest, row, decode_image(manifest, row))
    return crop_picture(manifest, row, picture) if sector_crop else picture


def decode_image(manifest: "Manifest", row: int) -> GreyImage:
    """Decode the image of a manifest's row, uint8, (height, width).

    Raises
    ------
    DataError
        If it cannot be read.
    """
    path = manifest.file(str(manifest.table["image"].iat[row]))
    return read_grey(path, int(manifest.table.index[row]))


def find_masks(manifest: "Manifest", row: int, grey: GreyImage) -> Picture:
    """Return the image of a manifest's row with its scan sector and its lesion, uncropped.

    The sector comes from the manifest (``sector`` mask, ``roi`` box), else from the pixels.

    Raises
    ------
    DataError
        If there is nothing in the image, a mask cannot be read or has another size.
    """
    if lacks_content(grey):
        size = f"{grey.shape[1]} x {grey.shape[0]}"
        path, number = manifest.path(row), int(manifest.table.index[row])
        raise DataError("picture.blank", path=path, row=number, size=size, least=SMALLEST_SIDE)
    lesion = _read_mask(manifest, row, "mask", grey.shape)
    sector = _read_mask(manifest, row, "sector", grey.shape)
    box = manifest.roi(row)
    if sector is None and box is None:
        return detect_sector(grey, lesion)
    if sector is None:
        sector = np.ones(grey.shape, dtype=bool)
    return Picture(grey, sector, lesion, box or _bounds(sector))


def detect_sector(grey: GreyImage, lesion: Mask | None = None) -> Picture:
    """Find the scan sector of an image of which nothing else is known.

    Parameters
    ----------
    grey
        uint8, (height, width): the whole screen.
    lesion
        Its mask, where there is one.
    """
    detected = find_sector(grey)
    return Picture(grey, detected.mask, lesion, detected.box)


def crop_picture(manifest: "Manifest", row: int, picture: Picture) -> Picture:
    """Crop the image of a manifest's row to its scan sector.

    Raises
    ------
    DataError
        If the box, which a manifest may state, lies outside the image.
    """
    left, top, width, height = picture.box or (0, 0, 0, 0)
    shape = picture.grey.shape
    if left + width > shape[1] or top + height > shape[0]:
        raise DataError(
            "picture.box_outside",
            path=manifest.path(row),
            row=int(manifest.table.index[row]),
            box=",".join(map(str, (left, top, width, height))),
            size=f"{shape[1]} x {shape[0]}",
        )
    return picture.cropped()


def lacks_content(grey: GreyImage) -> bool:
    """Tell whether an image is too small to be one, or all of one grey level."""
    return bool(min(grey.shape) < SMALLEST_SIDE or grey.min() == grey.max())


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
