"""What a person is advised when a file cannot be written."""

import errno
import os
from pathlib import Path

import pytest

from metrascope.atomic import cannot_write, replacing
from metrascope.errors import StudyError
from metrascope.messages import set_language


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
