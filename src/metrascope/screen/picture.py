"""One picture file, PNG, JPEG, BMP or TIFF: its bytes to grey levels or colors."""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from metrascope.arrays import GreyImage
from metrascope.errors import DataError, is_memory_failure

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
"""Errors that Pillow raises on files that are cut, damaged or lie."""

FORMATS: Final = ("PNG", "JPEG", "BMP", "TIFF")
"""Formats that Pillow may decode: others of its can start programs (PostScript) or hold films."""

LARGEST_PICTURE: Final = 64_000_000
"""Pixels beyond which an image is refused: no ultrasound screen comes near."""

MOST_PAGES: Final = 200
"""Pages beyond which a file is refused: it is a document rather than a patient's images."""

# TIFF 6.0: bit 0 a smaller version of another page, bit 2 a mask of transparency.
_NEW_SUBFILE_TYPE, _NO_PICTURE = 254, 0b101


def read_grey(path: Path, row: int) -> GreyImage:
    """Decode a PNG, JPEG, BMP or TIFF to 8-bit grey (luminance of color, ITU-R 601).

    Parameters
    ----------
    path
        The file. Its content decides, not its name.
    row
        Row of the manifest, as a spreadsheet shows it: named in errors.

    Raises
    ------
    DataError
        If it cannot be decoded whole, or is too large to be an ultrasound image.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PICTURE:
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
        Number of the picture among several, from 0.
    enough
        Pixels that are enough of a JPEG: it may come at a half, a quarter or an eighth of its sides
        as long as it has more, for a part of the memory. None for all.

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
        if width * height > LARGEST_PICTURE:
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
