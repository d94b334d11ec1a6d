"""One image of the manifest: decode it, check its mask, crop it to the scan sector."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from metrascope.data.sector import find_sector
from metrascope.errors import DataError, is_memory_failure

if TYPE_CHECKING:
    # Tables take pandas, which takes half a second to load; a picture needs none.
    from metrascope.data.manifest import Manifest

Grey = npt.NDArray[np.uint8]
_GREY_MODES: Final = ("1", "L", "LA", "F")
_BROKEN: Final = (
    OSError,
    ValueError,
    SyntaxError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
    EOFError,
    Image.DecompressionBombError,
)
"""What Pillow raises on files that are cut, damaged or lie."""
Mask = npt.NDArray[np.bool_]

FORMATS: Final = ("PNG", "JPEG", "BMP", "TIFF")
"""What Pillow may decode: other formats of its can start programs (PostScript) or hold films."""

SMALLEST: Final = 32
"""Pixels along the shorter side below which an image is refused."""

_LOOKED_AT: Final = 32

LARGEST: Final = 64_000_000
"""Pixels beyond which an image is refused: no ultrasound screen comes near."""

MOST_PAGES: Final = 200
"""Pages beyond which a file is refused: it is a document rather than a patient's images."""

# TIFF 6.0: bit 0 a smaller version of another page, bit 2 a mask of transparency.
_NEW_SUBFILE_TYPE, _NO_PICTURE = 254, 0b101


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

    grey: Grey
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
    if min(grey.shape) < SMALLEST or grey.min() == grey.max():
        size = f"{grey.shape[1]} x {grey.shape[0]}"
        path = manifest.path(row)
        raise DataError("picture.blank", path=path, row=number, size=size, least=SMALLEST)
    lesion = _read_mask(manifest, row, "mask", grey.shape)
    sector = _read_mask(manifest, row, "sector", grey.shape)
    box = manifest.roi(row)
    if sector is None and box is None:
        found = find_sector(grey)
        sector, box = found.mask, found.box
    elif sector is None:
        sector = np.ones(grey.shape, dtype=bool)
    if not sector_crop:
        return Picture(grey, sector, lesion)
    window = _window(manifest, row, box or _bounds(sector), grey.shape)
    return Picture(grey[window], sector[window], None if lesion is None else lesion[window])


def are_clean(manifest: "Manifest", rows: Sequence[int]) -> bool:
    """Tell whether images come with their sector and are black outside it, as after an ingest.

    Parameters
    ----------
    manifest
        The data set.
    rows
        Which images; of many, 32 spread over them are looked at.

    Raises
    ------
    DataError
        As `read_picture`.
    """
    step = max(1, len(rows) // _LOOKED_AT)
    for row in rows[::step]:
        if manifest.path(int(row), "sector") is None:
            return False
        picture = read_picture(manifest, int(row), sector_crop=True)
        if picture.grey[~picture.sector].any():
            return False
    return len(rows) > 0


def read_grey(path: Path, row: int) -> Grey:
    """Decode a PNG, JPEG, BMP or TIFF to 8-bit grey (luminance of colour, ITU-R 601).

    Parameters
    ----------
    path
        The file. Its content decides, not its name.
    row
        Of the manifest, as a spreadsheet shows it: named in errors.

    Raises
    ------
    DataError
        If it cannot be decoded whole, or is too large to be an ultrasound image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                size = f"{image.width} x {image.height}"
                raise DataError("picture.too_large", path=path, row=row, size=size)
            return np.asarray(_to_grey(ImageOps.exif_transpose(image)))
    except _BROKEN as error:
        if is_memory_failure(error):
            raise MemoryError from error
        raise DataError("picture.unreadable", path=path, row=row, reason=error) from error


def picture_pages(content: bytes) -> tuple[int, ...]:
    """Return the numbers of the pictures in a file, from 0: the pages of a TIFF, else one.

    Small versions and masks, which TIFF keeps as pages too, are none; nor are the previews that
    phones put into a JPEG.

    Parameters
    ----------
    content
        The whole file.

    Raises
    ------
    DataError
        If it cannot be read, or has more pages than anybody looks at.
    """
    with _opened(content) as image:
        if image.format != "TIFF":
            return (0,)
        pages: list[int] = []
        for number in range(MOST_PAGES + 1):
            try:
                image.seek(number)
            except EOFError:
                return tuple(pages) or (0,)
            kind = getattr(image, "tag_v2", {}).get(_NEW_SUBFILE_TYPE, 0)
            if not int(kind) & _NO_PICTURE:
                pages.append(number)
    raise DataError("picture.too_many_pages", most=MOST_PAGES)


def decode_picture(
    content: bytes, page: int = 0, enough: int | None = None
) -> npt.NDArray[np.uint8]:
    """Decode the bytes of a PNG, JPEG, BMP or TIFF to 8 bits, its colors kept.

    Parameters
    ----------
    content
        The whole file.
    page
        Which picture of several, from 0.
    enough
        Pixels that a JPEG needs not be larger than: it may come at a half, a quarter or an
        eighth of its sides as long as it has more, for a part of the memory. None for all.

    Returns
    -------
    uint8, (height, width) where it is grey, (height, width, 3) RGB where it has colors.

    Raises
    ------
    DataError
        If it cannot be decoded whole, or is too large to be an ultrasound image.
    """
    with _opened(content) as image:
        image.seek(page)
        width, height = image.size
        if width * height > LARGEST:
            raise DataError("picture.claims_too_much", width=width, height=height)
        if enough is not None and width * height > enough:
            share = (enough / (width * height)) ** 0.5
            image.draft(None, (ceil(width * share), ceil(height * share)))
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode in _GREY_MODES or image.mode.startswith("I"):
            return np.asarray(_to_grey(image))
        if image.mode == "P" or "transparency" in image.info or image.mode == "RGBA":
            canvas = Image.new("RGBA", image.size, (0, 0, 0, 255))
            return np.asarray(Image.alpha_composite(canvas, image.convert("RGBA")).convert("RGB"))
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """Open a picture for what may go wrong with it while it is read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of metadata that nobody here reads
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                yield image
    except _BROKEN as error:
        if is_memory_failure(error):
            raise MemoryError from error
        raise DataError("picture.undecodable") from error


def _to_grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        values = np.asarray(image).clip(0, 65535).astype(np.uint16)
        # 10, 12 and 14 bits come in files of 16: the brightest pixel tells.
        bits = next(bits for bits in (8, 10, 12, 14, 16) if values.max(initial=0) < 2**bits)
        levels = np.rint(np.arange(2**bits) * (255 / (2**bits - 1))).astype(np.uint8)
        return Image.fromarray(levels[values])
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        canvas = Image.new("RGBA", image.size, (0, 0, 0, 255))
        return Image.alpha_composite(canvas, image.convert("RGBA")).convert("L")
    return image.convert("L")


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
