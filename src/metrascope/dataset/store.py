"""The pixel store: every image decoded once, into one memory-mapped array per size."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from metrascope.dataset.image import Picture, crop_picture, decode_image, find_masks
from metrascope.dataset.manifest import Manifest
from metrascope.dataset.preprocess import Equalization, equalize, square
from metrascope.dataset.rows import read_rows
from metrascope.errors import DataError
from metrascope.files.atomic import replacing, sha256, write_json
from metrascope.messages import listing

# Another number where the same files give another store: 2, sectors found as shapes; 3, sectors
# kept; 4, rows resized before columns whatever Pillow's version; 5, clean images marked.
_VERSION: Final = 5
# Images that are decoded before any is written: of 256 x 256, 17 MB and as much of masks. Chosen,
# not measured.
_IMAGES_AT_ONCE: Final = 256
# Decoding holds Python's lock for most of its time: more threads would wait for each other.
_THREADS: Final = 4
# Images that stand for a training partition when it is asked whether it is clean. Chosen, not
# measured.
_SAMPLED_IMAGES: Final = 32

StoredSquare = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]
"""Grey levels and scan sector of an image, (size, size) each."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class StoreKey:
    """Everything that a store depends on; two equal keys give equal bytes.

    ``files`` stands for the size and the time of change of every image and sector mask, so that a
    replaced image is decoded again.
    """

    manifest_sha256: str
    files: str
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
        int64, (images, 256), memory-mapped: grey levels inside the scan sector, before the
        grey-level table.
    packed_sectors
        uint8, (images, size, size / 8 rounded up), memory-mapped: the scan sector, 8 pixels a byte.
    clean
        bool, (images,), memory-mapped: the image came with its sector and is black outside it.
    """

    pixels: npt.NDArray[np.uint8]
    histograms: npt.NDArray[np.int64]
    packed_sectors: npt.NDArray[np.uint8]
    clean: npt.NDArray[np.bool_]

    def are_clean(self, rows: npt.NDArray[np.int64]) -> bool:
        """Tell whether images are as an ingest makes them; of many, 32 spread over them count."""
        chosen = rows[:: max(1, len(rows) // _SAMPLED_IMAGES)]
        return len(rows) > 0 and bool(self.clean[chosen].all())

    def histogram(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the histogram of some images together, int64 (256,)."""
        # One after the other: two kilobytes an image are a lot for a million of them.
        total = np.zeros(256, dtype=np.int64)
        for start in range(0, len(rows), _IMAGES_AT_ONCE):
            total += self.histograms[rows[start : start + _IMAGES_AT_ONCE]].sum(axis=0)
        return total

    def sectors(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Return the scan sectors of some images, bool (rows, size, size), True inside."""
        size = self.pixels.shape[2]
        unpacked = np.unpackbits(read_rows(self.packed_sectors, rows), axis=2, count=size)
        return unpacked.view(np.bool_)


def files_digest(manifest: Manifest) -> str:
    """Return a hash of the sizes and times of change of all files that a store is made from."""
    digest, table = hashlib.sha256(), manifest.table
    columns = [table[name] if name in table else [""] * len(table) for name in ("image", "sector")]
    # By columns: looking up row after row took most of the time, which a million images have.
    for names in zip(*columns, strict=True):
        for name in names:
            state = manifest.file(name).stat() if name else None
            digest.update(f"{state and (state.st_size, state.st_mtime_ns)};".encode())
    return digest.hexdigest()


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
        Data set of the images.
    key
        Size and steps; its digest must be the manifest's.
    folder
        Folder of all stores; the store is a folder in it.
    progress
        Called with (done, all) while images are decoded.

    Raises
    ------
    DataError
        If images cannot be used; all are listed.
    """
    make_stores(manifest, [key], folder, progress)
    return _load(folder / key.name)


def make_stores(
    manifest: Manifest,
    keys: Sequence[StoreKey],
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make those stores of a manifest that do not exist yet; every image is decoded once.

    Parameters
    ----------
    manifest, folder, progress
        As in `open_store`.
    keys
        Keys that differ in size alone.

    Raises
    ------
    DataError
        If images cannot be used; all are listed.
    """
    missing = [key for key in keys if not _is_complete(folder / key.name)]
    if not missing:
        return
    count = len(manifest.table)
    for done, _ in enumerate(fill_stores(manifest, missing, folder, lambda row, picture: None), 1):
        if progress:
            progress(done, count)


def fill_stores(
    manifest: Manifest,
    keys: Sequence[StoreKey],
    folder: Path,
    describe: Callable[[int, Picture], _T],
    threads: int = _THREADS,
) -> Iterator[_T]:
    """Decode every image of a manifest once, describe it and put it into the stores.

    Parameters
    ----------
    manifest, keys, folder
        As in `make_stores`; a complete store is left as it is.
    describe
        Called in a thread with the position of an image in the manifest and the image, uncropped.
    threads
        How many decode and describe.

    Yields
    ------
    What ``describe`` returns of each image, in order; the stores are complete at the end.

    Raises
    ------
    DataError
        At the end, if images cannot be used; all are listed.
    """
    missing = [key for key in keys if not _is_complete(folder / key.name)]
    problems: list[str] = []
    work = partial(_prepare, manifest, missing, describe, sector_crop=keys[0].sector_crop)
    with ExitStack() as files:
        count = len(manifest.table)
        stores = [_StoreWriter(files, key, folder / key.name, count) for key in missing]
        for result in _in_order(work, count, threads):
            if isinstance(result, DataError):
                problems.append(str(result))
                continue
            description, clean, squares = result
            for store, prepared in zip(stores, squares, strict=True):
                store.add(*prepared, clean=clean)
            yield description
        if problems:
            raise DataError("picture.problems", count=len(problems), problems=listing(problems))
    for store in stores:
        store.finish()


def _is_complete(store: Path) -> bool:
    if not (store / "key.json").is_file():
        return False
    try:
        _load(store)
    except (OSError, ValueError):
        shutil.rmtree(store)  # cut short or overwritten: made again
        return False
    return True


def _load(store: Path) -> PixelStore:
    pixels = np.load(store / "pixels.npy", mmap_mode="r", allow_pickle=False)
    histograms = np.load(store / "histograms.npy", mmap_mode="r", allow_pickle=False)
    sectors = np.load(store / "sectors.npy", mmap_mode="r", allow_pickle=False)
    clean = np.load(store / "clean.npy", mmap_mode="r", allow_pickle=False)
    return PixelStore(pixels, histograms, sectors, clean)


class _StoreWriter:
    """A store that is being written, image by image; nothing of it is kept in memory."""

    def __init__(self, files: ExitStack, key: StoreKey, folder: Path, count: int) -> None:
        self._key, self._folder = key, folder
        size = key.size
        self._pixels = self._begin(files, "pixels", "|u1", (count, size, size))
        self._histograms = self._begin(files, "histograms", "<i8", (count, 256))
        self._sectors = self._begin(files, "sectors", "|u1", (count, size, -(-size // 8)))
        self._clean = self._begin(files, "clean", "|b1", (count,))

    def _begin(self, files: ExitStack, name: str, kind: str, shape: tuple[int, ...]) -> BinaryIO:
        temporary = files.enter_context(replacing(self._folder / f"{name}.npy"))
        # Written in sequence, not through the map: on a full disk a map ends the process.
        file = files.enter_context(temporary.open("wb"))
        header = {"descr": kind, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        return file

    def add(
        self, grey: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_], *, clean: bool
    ) -> None:
        self._pixels.write(grey.tobytes())
        levels = np.bincount(grey[inside], minlength=256)
        self._histograms.write(levels.astype("<i8").tobytes())
        self._sectors.write(np.packbits(inside, axis=1).tobytes())
        self._clean.write(np.bool_(clean).tobytes())

    def finish(self) -> None:
        write_json(self._folder / "key.json", self._key.__dict__)


def _in_order(work: Callable[[int], _T], count: int, threads: int) -> Iterator[_T]:
    """Do rows in threads, in order, some images at a time so that memory stays flat."""
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, count, _IMAGES_AT_ONCE):
            yield from pool.map(work, range(start, min(start + _IMAGES_AT_ONCE, count)))


def _prepare(
    manifest: Manifest,
    keys: Sequence[StoreKey],
    describe: Callable[[int, Picture], _T],
    row: int,
    *,
    sector_crop: bool,
) -> tuple[_T, bool, list[StoredSquare]] | DataError:
    try:
        _check_hash(manifest, row)
        whole = find_masks(manifest, row, decode_image(manifest, row))
        picture = crop_picture(manifest, row, whole) if sector_crop else whole
        description = describe(row, whole)
    except DataError as error:
        return error
    clean = manifest.path(row, "sector") is not None and not picture.grey[~picture.sector].any()
    squares = [stored_square(picture, key.size, key.fit, key.equalization) for key in keys]
    return description, clean, squares


def stored_square(
    picture: Picture, size: int, fit: Literal["crop", "pad"], equalization: Equalization
) -> StoredSquare:
    """Return an image as a store holds it, (size, size): grey levels, and which are in the sector.

    Parameters
    ----------
    picture
        Cropped or not.
    size, fit, equalization
        As in `StoreKey`.
    """
    grey = square(picture.grey, size, fit)
    inside = square(picture.sector.astype(np.uint8) * 255, size, fit) > 127
    return equalize(grey, equalization, inside), inside


def _check_hash(manifest: Manifest, row: int) -> None:
    expected = str(manifest.table["sha256"].iat[row]) if "sha256" in manifest.table else ""
    path = manifest.path(row)
    if expected and path and sha256(path) != expected.lower():
        raise DataError("data.changed", path=path, row=manifest.table.index[row])
