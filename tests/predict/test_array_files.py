"""Arrays come back as numpy wrote them, and nothing else is one."""

import io
from pathlib import Path

import numpy as np
import pytest

from metrascope.predict.array_files import read_arrays, read_bounded_array

MEGABYTE = 1 << 20


def written(value: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, allow_pickle=True)
    return buffer.getvalue()


def headed(header: str) -> bytes:
    line = header.encode() + b" " * (117 - len(header) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(line).to_bytes(2, "little") + line


@pytest.mark.parametrize(
    "value",
    [
        np.arange(5, dtype=np.float16),
        np.arange(12, dtype=np.uint8).reshape(1, 3, 4),
        np.zeros((0, 4), np.float32),
        np.array(["a.png", "张三", ""]),
    ],
)
def test_arrays_come_back(value: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(written(value))
    found = read_bounded_array(path, MEGABYTE)
    assert found.dtype == value.dtype
    np.testing.assert_array_equal(found, value)
    np.savez_compressed(tmp_path / "a.npz", first=value, second=value)
    for one in read_arrays(tmp_path / "a.npz", ("second", "first"), MEGABYTE):
        np.testing.assert_array_equal(one, value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"\x93NUMPY\x01\x00\xff\xff",
        b"PK\x03\x04" + bytes(100),
        headed("(" * 90),
        headed("{'descr': '<f2', 'fortran_order': False, 'shape': (__import__('os'),), }"),
        headed("{'descr': '<f2', 'fortran_order': False, 'shape': (999999999999, 999999999), }"),
        headed("{'descr': '<f2', 'fortran_order': False, 'shape': (-1,), }"),
        headed("{'descr': '<f3', 'fortran_order': False, 'shape': (0,), }"),
        headed("{'descr': '|U0', 'fortran_order': False, 'shape': (9,), }"),
        written(np.array([{}], dtype=object)),
        written(np.arange(5, dtype=np.float16))[:-1],
        written(np.zeros(MEGABYTE, dtype=np.uint8)),
    ],
)
def test_what_is_no_array_is_told_in_one_way(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"."):
        read_bounded_array(path, MEGABYTE)


def test_archives_are_not_unpacked_beyond_what_is_expected(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", first=np.zeros(2 * MEGABYTE, np.uint8))
    with pytest.raises(ValueError, match="at most"):
        read_arrays(tmp_path / "a.npz", ("first",), MEGABYTE)
    with pytest.raises(ValueError, match="second"):
        read_arrays(tmp_path / "a.npz", ("second",), MEGABYTE)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-30])
    with pytest.raises(ValueError, match="zip"):
        read_arrays(tmp_path / "a.npz", ("first",), MEGABYTE)
