"""Images that a program holds in memory, arrays and pydicom data sets, as the bytes of a file.

So they go the way of every file, with the same checks and the same reasons for refusal.
"""

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from pydicom import Dataset, dcmwrite

from metrascope.errors import DataError

OneImage = str | Path | bytes | npt.NDArray[Any] | Dataset
"""A file by its path or its bytes, an array as `file_bytes` takes it, or a pydicom data set."""


def each_image(images: OneImage | Iterable[OneImage]) -> Iterator[OneImage]:
    """Yield one image, or each of several: of a list, a generator, or an array (n, h, w[, 3])."""
    if isinstance(images, str | Path | bytes | Dataset):
        yield images
    elif isinstance(images, np.ndarray):
        one = images.ndim == 2 or (images.ndim == 3 and images.shape[2] == 3)
        yield from [images] if one or images.ndim < 2 else images
    elif isinstance(images, Iterable):
        yield from images
    else:
        raise DataError("library.no_image_kind", found=type(images).__name__)


def file_bytes(image: OneImage) -> bytes:
    """Return an image as the content of a file.

    Parameters
    ----------
    image
        Bytes of a file, which are returned as they are; an array of a whole screen, grey
        (height, width) of uint8 or uint16, or RGB (height, width, 3) of uint8; or a pydicom data
        set with its file meta information.

    Raises
    ------
    DataError
        If it is nothing of these, or a data set that cannot be written.
    """
    if isinstance(image, bytes):
        return image
    buffer = io.BytesIO()
    if isinstance(image, Dataset):
        try:
            dcmwrite(buffer, image, enforce_file_format=True)
        except Exception as error:  # pydicom's writers raise whatever a value is wrong for
            raise DataError("library.unwritable_ds", reason=error) from error
    elif isinstance(image, np.ndarray):
        grey = image.ndim == 2 and image.dtype in (np.uint8, np.uint16)
        rgb = image.ndim == 3 and image.shape[2] == 3 and image.dtype == np.uint8
        if not (grey or rgb) or not image.size:
            raise DataError("library.array_image", dtype=image.dtype, shape=image.shape)
        Image.fromarray(np.ascontiguousarray(image)).save(buffer, "PNG", compress_level=1)
    else:
        raise DataError("library.no_image_kind", found=type(image).__name__)
    return buffer.getvalue()
