"""A scratch file that keeps the views of all images out of memory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from metrascope.audit.pane import Pane
from metrascope.audit.points import KeyPoints
from metrascope.audit.verification import ComparedView
from metrascope.files.atomic import writing


class ViewStore:
    """Views by number, in the order in which they were put there; about 80 kB each on disk.

    Parameters
    ----------
    file
        Empty file, open for reading and writing.
    folder
        Folder of the file, which has no name.
    """

    def __init__(self, file: IO[bytes], folder: Path) -> None:
        self._file, self._folder = file, folder
        self._places: list[tuple[int, int, int, int]] = []
        self._bytes: np.memmap | None = None

    def __len__(self) -> int:
        return len(self._places)

    def put(self, view: ComparedView) -> int:
        """Add a view and return its number.

        Raises
        ------
        StudyError
            If it cannot be written.
        """
        height, width = view.pane.texture.shape
        self._places.append((self._file.tell(), height, width, len(view.points.at)))
        with writing(self._folder):
            for part in (view.points.at, view.points.descriptors, view.pane.texture):
                self._file.write(np.ascontiguousarray(part).tobytes())
            self._file.write(np.packbits(view.pane.valid).tobytes())
        self._bytes = None
        return len(self._places) - 1

    def points(self, number: int) -> KeyPoints:
        """Return the points of a view alone."""
        start, _, _, count = self._places[number]
        content = self._content()
        descriptors = start + 12 * count  # three float32 a point come first
        at = np.frombuffer(content[start:descriptors].tobytes(), np.float32).reshape(-1, 3)
        return KeyPoints(
            at, np.array(content[descriptors : descriptors + 128 * count]).reshape(-1, 128)
        )

    def width(self, number: int) -> int:
        """Return the width of a view's pane in pixels."""
        return self._places[number][2]

    def view(self, number: int) -> ComparedView:
        """Return a view."""
        start, height, width, count = self._places[number]
        content = self._content()
        texture = start + 140 * count  # 12 bytes and 128 of the descriptor a point
        valid = texture + height * width
        levels = np.array(content[texture:valid]).view(np.int8).reshape(height, width)
        bits = np.array(content[valid : valid + (height * width + 7) // 8])
        mask = np.unpackbits(bits, count=height * width).astype(bool).reshape(height, width)
        return ComparedView(Pane(levels, mask), self.points(number))

    def _content(self) -> "np.memmap":
        if self._bytes is None:
            with writing(self._folder):
                self._file.flush()
            self._bytes = np.memmap(self._file, np.uint8, "r")
        return self._bytes

    def release(self) -> None:
        """Let go of the file, before it is closed."""
        self._bytes = None


@contextmanager
def open_shelf(folder: Path) -> Iterator[ViewStore]:
    """Open a shelf in a folder; its file has no name, so that nothing of it stays after a kill.

    Raises
    ------
    StudyError
        If the folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (closed below)
    with file:
        shelf = ViewStore(file, folder)
        try:
            yield shelf
        finally:
            shelf.release()
