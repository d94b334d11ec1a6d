"""Files are whole or absent, advice fits the reason, and remains of killed processes go."""

import errno
import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from metrascope.errors import StudyError
from metrascope.files import atomic
from metrascope.files.atomic import (
    cannot_write,
    is_unused,
    read_start,
    remove_leftovers,
    replacing,
    temporary_name,
    write_text,
    writing,
)
from metrascope.messages import set_language

HERE = atomic._machine()


@pytest.fixture(scope="module")
def dead() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture(autouse=True)
def nothing_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic, "_swept", set())


def test_writing_removes_what_a_killed_process_left(tmp_path: Path, dead: int) -> None:
    left = tmp_path / f".report.html.{HERE}-{dead}.tmp"
    folder = tmp_path / f".bundle.{HERE}-{dead}.tmp"
    left.touch()
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "weights").touch()
    write_text(tmp_path / "other.txt", "")
    assert [path.name for path in tmp_path.iterdir()] == ["other.txt"]


def test_files_of_the_living_and_of_people_stay(tmp_path: Path, dead: int) -> None:
    names = [
        f".report.html.{HERE}-{os.getppid()}.tmp",  # alive
        f".report.html.0123abcd-{dead}.tmp",  # of another machine
        f"report.html.{HERE}-{dead}.tmp",
        f".{HERE}-{dead}.tmp",
        f".draft.{dead}.tmp",
        ".draft.tmp",
        "draft.tmp",
    ]
    for name in names:
        (tmp_path / name).touch()
    with replacing(tmp_path / "whole") as temporary:
        temporary.touch()
        remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names, "whole"}
    old = time.time() - 2 * 86400
    os.utime(tmp_path / names[1], (old, old))
    remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*names, "whole"} - {names[1]}


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path, dead: int) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / f".x.{HERE}-{dead}.tmp").symlink_to(tmp_path / "kept")
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]


def test_a_folder_is_unused_until_something_whole_is_in_it(tmp_path: Path, dead: int) -> None:
    """Killed at its very start, a command must take its own folder for a new one."""
    folder = tmp_path / "out"
    assert is_unused(folder)
    folder.mkdir()
    (folder / ".lock").touch()
    (folder / f".ingest.json.{HERE}-{dead}.tmp").touch()
    assert is_unused(folder)
    (folder / ".hidden").touch()
    assert not is_unused(folder)
    assert not is_unused(folder / ".hidden")


def test_the_longest_names_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("\u5b50" * 85)
    assert len(os.fsencode(path.name)) == 255
    write_text(path, "whole")
    assert path.read_text(encoding="utf-8") == "whole"
    assert temporary_name(path) != temporary_name(tmp_path / ("\u606f" * 85))


def test_an_error_without_a_name_gets_one(tmp_path: Path) -> None:
    with (
        pytest.raises(StudyError, match=r"table.csv cannot be written"),
        writing(tmp_path / "table.csv"),
    ):
        raise OSError(28, "No space left on device")


class Counted(io.BytesIO):
    """Remembers the largest piece that it was asked for."""

    largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        self.largest = max(self.largest, size)
        return super().read(size)


@pytest.mark.parametrize("length", [0, 5, 3 << 20, (3 << 20) + 1])
@pytest.mark.parametrize("count", [0, 5, 2 << 20, 1 << 40])
def test_reading_asks_for_no_more_than_pieces(length: int, count: int) -> None:
    file = Counted(os.urandom(length))
    assert read_start(file, count) == file.getvalue()[:count]
    assert file.largest <= 1 << 20


@pytest.mark.parametrize(
    ("code", "advice", "chinese"),
    [
        (errno.ENOSPC, "free some space", "释放磁盘空间"),
        (errno.EDQUOT, "free some space", "释放磁盘空间"),
        (errno.EACCES, "open in Excel or WPS", "Excel 或 WPS"),
        (errno.EPERM, "open in Excel or WPS", "Excel 或 WPS"),
        (errno.EROFS, "read-only", "只读"),
        (errno.ENAMETOOLONG, "choose another folder", "其他文件夹"),
    ],
)
def test_the_advice_goes_with_the_reason(code: int, advice: str, chinese: str) -> None:
    error = cannot_write(Path("t.csv"), OSError(code, os.strerror(code)))
    assert f"t.csv cannot be written ({os.strerror(code)})" in str(error)
    assert advice in str(error)
    assert ("free some space" in str(error)) == (code in (errno.ENOSPC, errno.EDQUOT))
    set_language("zh")
    assert chinese in str(error)


def test_a_file_that_another_program_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As Windows does while Excel has the file open: the renaming fails, not the writing.
    def held(self: Path, target: Path) -> None:
        raise PermissionError(errno.EACCES, "The process cannot access the file", str(target))

    monkeypatch.setattr(Path, "replace", held)
    with pytest.raises(StudyError, match="open in Excel or WPS"), replacing(tmp_path / "t") as file:
        file.write_text("x")
    assert not list(tmp_path.iterdir())
