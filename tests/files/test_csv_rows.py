"""Rows are all there, or the one that swallows others is named."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from metrascope.errors import DataError
from metrascope.files.csv_rows import csv_rows, decoded, read_file, reading_reason

PATH = Path("t.csv")


def rows(content: str, separator: str = ",") -> dict[int, list[str]]:
    return dict(csv_rows(PATH, content, separator))


def test_blank_rows_count_and_are_left_out() -> None:
    assert rows('a,b\n\n"1\n2",3\n,\n4,5') == {1: ["a", "b"], 3: ["1\n2", "3"], 5: ["4", "5"]}


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ('id,label\nA1,"normal\nA2,polyp\nA3,polyp\n', 2),
        ('id,label\nA1,normal\nA2,polyp\nA3,"polyp', 4),
        ('id,"label\nA1,normal\n', 1),
        # Another stray mark closes it: at the end of a cell, or within one.
        ('id,label\nA1,"normal\nA2,polyp"\nA3,polyp\n', 2),
        ('id,label\nA1,"normal\nA2,polyp\nA3,"polyp\n', 2),
        ('id,label\nA1,"normal\nA2,polyp\nA3,"po,lyp"\n', 2),
        ('id,label\nA1,normal\n"A2,polyp\nA3",polyp\nA4,polyp\n', 3),
        ('id,label\nA1,normal\n"A2,polyp\nA3,normal\nA4",polyp\n', 3),
        ('id,label,age\nA1,"normal,40\nA2,polyp",50\nA3,polyp,60\n', 2),
        # Where names come first and rows may be cut short.
        ('name,id,label\n王丽,A1,"正常\n李娜,A2,息肉"\n赵敏,A3,正常\n', 2),
        ('image,label,p_a,p_b,patient\na,n,1,0,"P1\nb,n,1,0,P2"\nc,n,1,0,P3\n', 2),
    ],
)
def test_a_quotation_mark_that_swallows_rows_is_named(content: str, row: int) -> None:
    with pytest.raises(DataError, match=f"t.csv, row {row}: .*quotation mark") as caught:
        rows(content)
    assert '(")' in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        'id,report,label\nA1,"内膜息肉\n慢性宫颈炎",polyp\nA2,"正常,\n分泌期",normal\n',
        'id,report\nA1,"polyp, 12 mm,\nfundus"\nA2,"normal,\nsecretory phase, day 20"\n',
        'name,report\n王丽,"息肉\n炎"\n李娜,"正常\n分泌期"\n',
        'name,id\n"Wang\nLi",A1\n"Li\nNa",A2\n',
        'id,label\nA1,5" probe\nA2,polyp\n',
        'id,label\nA1,"say ""polyp"""\nA2,""\n',
    ],
)
def test_texts_of_several_lines_and_marks_within_are_read(content: str) -> None:
    assert len(rows(content)) == 3


def test_one_mark_too_many_never_loses_a_row_in_silence() -> None:
    rng = np.random.default_rng(0)
    lines = [f"US{n:04d},P{n},{'polyp' if n % 2 else 'normal'},{n}" for n in range(12)]
    content = "\n".join(["id,patient,label,age", *lines]) + "\n"
    for _ in range(400):
        marked = content
        for place in sorted(rng.integers(0, len(content), rng.integers(1, 4)))[::-1]:
            marked = f'{marked[:place]}"{marked[place:]}'
        try:
            found = rows(marked)
        except DataError:
            continue
        assert len(found) == 13, marked


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,label\nA1," + "x" * 140_000, "row 2: a cell has more than 131072 characters"),
        ("id,label\n" + "," * 200_000, "row 2: 200001 cells, and a table has at most 16384"),
    ],
)
def test_absurd_sizes_are_one_sentence(content: str, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        rows(content)


def test_texts_as_spreadsheets_save_them() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "gb18030"):
        assert decoded("息肉,a\r\nb\rc\n".encode(encoding)) == "息肉,a\nb\nc\n"
    assert decoded(b"a\0b") is None
    assert decoded(b"\xff\xff\xff") is None


def test_a_file_too_large_and_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"abc")
    assert read_file(tmp_path / "t", 3) == b"abc"
    with pytest.raises(OSError, match="MiB"):
        read_file(tmp_path / "t", 2)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(OSError, match="not a regular file"):
            read_file(tmp_path / "pipe", 3)


def test_a_table_that_is_open_elsewhere_says_so() -> None:
    assert "open in Excel or WPS" in reading_reason(PermissionError(errno.EACCES, "Denied"))
    assert reading_reason(OSError(errno.EIO, "Broken")) == "Broken"
