"""The pixel store: every image decoded once, into one memory-mapped array per size."""

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal

import numpy as np
import numpy.typing as npt

from metrascope.atomic import replacing, write_json
from metrascope.data.manifest import Manifest
from metrascope.data.picture import read_picture
from metrascope.data.preprocess import Equalization, equalize, square
from metrascope.errors import DataError
from metrascope.messages import listing

_VERSION: Final = 1
_CHUNK: Final = 256

_Prepared = tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class StoreKey:
    """What a store depends on besides the images; two equal keys give equal bytes."""

    manifest_sha256: str
    size: int
    sector_crop: bool
    fit: Literal["crop", "pad"]
    equalization: Equalization
    version: int = _VERSION

    @property
    def name(self) -> str:
        """Folder name of the store."""
        values = json.dumps(self.__dict__, sort_keys=True)
        return f"{self.size}-{hashlib.sha256(values.encode()).hexdigest()[:12]}"


@dataclass(frozen=True)
class PixelStore:
    """Images of a manifest at one size, in the manifest's order.

    Attributes
    ----------
    pixels
        uint8, (images, size, size), memory-mapped read-only.
    histograms
        int64, (images, 256): grey levels inside the scan sector, before the grey-level table.
    """

    pixels: npt.NDArray[np.uint8]
    histograms: npt.NDArray[np.int64]


def open_store(
    manifest: Manifest,
    key: StoreKey,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> PixelStore:
    """Open the store of a manifest, making it first where it does not exist.

    Parameters
    ----------
    manifest
        The images.
    key
        Size and steps; its digest must be the manifest's.
    folder
        Where stores are kept; the store is a folder in it.
    progress
        Called with (done, all) while images are decoded.

    Raises
    ------
    DataError
        If images cannot be used; all are listed.
    """
    store = folder / key.name
    if not (store / "key.json").is_file():
        _make(manifest, key, store, progress)
    pixels = np.load(store / "pixels.npy", mmap_mode="r", allow_pickle=False)
    return PixelStore(pixels, np.load(store / "histograms.npy", allow_pickle=False))


def _make(
    manifest: Manifest, key: StoreKey, store: Path, progress: Callable[[int, int], None] | None
) -> None:
    count = len(manifest.table)
    problems: list[str] = []
    histograms = np.zeros((count, 256), dtype=np.int64)
    with replacing(store / "pixels.npy") as temporary, temporary.open("wb") as file:
        # Written in sequence, not through the map: on a full disk a map ends the process.
        _write_header(file, (count, key.size, key.size))
        for row, result in enumerate(_prepared(manifest, key)):
            if isinstance(result, DataError):
                problems.append(str(result))
            else:
                file.write(result[0].tobytes())
                histograms[row] = result[1]
            if progress:
                progress(row + 1, count)
        if problems:
            raise DataError("picture.problems", count=len(problems), problems=listing(problems))
    with replacing(store / "histograms.npy") as temporary, temporary.open("wb") as file:
        np.save(file, histograms, allow_pickle=False)
    write_json(store / "key.json", key.__dict__)


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _prepared(manifest: Manifest, key: StoreKey) -> Iterator[_Prepared | DataError]:
    """Decode in threads, in order, a chunk at a time so that memory stays flat."""
    with ThreadPoolExecutor() as threads:
        for start in range(0, len(manifest.table), _CHUNK):
            rows = range(start, min(start + _CHUNK, len(manifest.table)))
            yield from threads.map(partial(_prepare, manifest, key), rows)


def _prepare(manifest: Manifest, key: StoreKey, row: int) -> _Prepared | DataError:
    try:
        picture = read_picture(manifest, row, sector_crop=key.sector_crop)
    except DataError as error:
        return error
    grey = square(picture.grey, key.size, key.fit)
    inside = square(picture.sector.astype(np.uint8) * 255, key.size, key.fit) > 127
    grey = equalize(grey, key.equalization, inside)
    return grey, np.bincount(grey[inside], minlength=256)
