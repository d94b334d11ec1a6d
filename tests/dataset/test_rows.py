"""Arrays on disk: the rows asked for, and files that numpy would have written."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from metrascope.dataset.rows import read_rows, row_writer


def test_rows_are_read_and_not_what_lies_behind_them(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).integers(0, 256, (700, 96, 96), dtype=np.uint8)
    np.save(tmp_path / "pixels.npy", whole)
    mapped = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    rows = np.array([699, 0, 350, 350, 13])
    assert np.array_equal(read_rows(mapped, rows), whole[rows])
    assert np.array_equal(read_rows(mapped[5:], rows[1:]), whole[5:][rows[1:]])
    assert np.array_equal(read_rows(whole, rows), whole[rows])
    assert type(read_rows(mapped, rows)) is np.ndarray


def test_rows_that_are_appended_make_the_file_that_numpy_writes(tmp_path: Path) -> None:
    whole = np.random.default_rng(0).random((50, 3, 7), dtype=np.float32)
    np.save(tmp_path / "one.npy", whole)
    with row_writer(tmp_path / "two.npy", 50) as write:
        for part in np.split(whole, [7, 8, 40]):
            write(part)
    assert (tmp_path / "two.npy").read_bytes() == (tmp_path / "one.npy").read_bytes()


def test_an_array_that_was_not_finished_is_not_there(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), row_writer(tmp_path / "x.npy", 2) as write:
        write(np.zeros((1, 4), np.float32))
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())
