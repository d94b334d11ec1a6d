"""Arrays on disk with a row for each image, of which memory holds but a few rows."""

import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metrascope.files.atomic import replacing


def read_rows(array: npt.NDArray[np.uint8], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Return rows of an array of a store, reading these and no others from the disk.

    Left alone, a system reads on behind every row, by megabytes: for rows drawn at random from a
    store that memory does not hold, a hundred times what is asked for.
    """
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mapped, "madvise"):
        start, size = getattr(array, "offset", 0) % mmap.ALLOCATIONGRANULARITY, array.strides[0]
        for row in rows.tolist():
            first = start + row * size
            page = first - first % mmap.PAGESIZE  # advice, so that a row too many does no harm
            mapped.madvise(mmap.MADV_WILLNEED, page, first + size - page)
    return np.asarray(array[rows])


@contextmanager
def row_writer(path: Path, count: int) -> Iterator[Callable[[npt.NDArray[np.float32]], None]]:
    """Give a function that appends rows to an array, whose file appears when the block succeeds.

    Parameters
    ----------
    path
        File to write, in numpy's format.
    count
        Number of rows that the blocks, float32 (any number, ...), have together.

    Raises
    ------
    StudyError
        If the file cannot be written.
    """
    begun = False
    with replacing(path) as temporary, temporary.open("wb") as file:

        def write(rows: npt.NDArray[np.float32]) -> None:
            nonlocal begun
            if not begun:
                header = {"descr": "<f4", "fortran_order": False, "shape": (count, *rows.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
                begun = True
            file.write(np.ascontiguousarray(rows, "<f4").tobytes())

        yield write
