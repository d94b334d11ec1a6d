"""What a user names on the command line: each image once, none lost, none under another's name."""

import os
import sys
from pathlib import Path

import pytest
from tests.sources.test_search import dicomdir

from metrascope.errors import DataError
from metrascope.predict.inputs import find_inputs, input_roots
from metrascope.sources.search import Skipped

PNG = b"\x89PNG\r\n\x1a\n"


def names(*paths: Path) -> list[str]:
    return [found.item.name for found in find_inputs(input_roots(paths))]


def fill(folder: Path, *files: str) -> Path:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG + name.encode())
    return folder


def test_a_disc_is_read_once_however_it_is_named(tmp_path: Path) -> None:
    disc = fill(tmp_path / "CD", "A/IM1", "B/IM1")
    (disc / "DICOMDIR").write_bytes(dicomdir(["A", "IM1"]))
    expected = ["A/IM1", "B/IM1"]
    assert names(disc) == names(disc / "DICOMDIR") == names(*sorted(disc.iterdir())) == expected
    assert names(disc / "A", disc / "DICOMDIR", disc / "A" / "IM1") == expected


def test_one_name_in_two_folders_is_two_images(tmp_path: Path) -> None:
    first, second = fill(tmp_path / "1", "a.png"), fill(tmp_path / "2", "a.png")
    assert names(first, second, first / "a.png") == [f"{first}/a.png", f"{second}/a.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_folders_that_are_shown_alike_keep_their_images(tmp_path: Path) -> None:
    folders = []
    for coding in ("utf-8", "gb18030"):
        folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + "张三".encode(coding)))
        folders.append(fill(folder, "1.png"))
    found = names(*folders)
    assert len(set(found)) == 2
    assert found[0] == f"{tmp_path}/张三/1.png"


def test_a_pipe_is_a_row_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (found,) = find_inputs(input_roots([tmp_path / "pipe"]))
    assert isinstance(found.item, Skipped)
    assert found.item.reason.key == "sources.special"


def test_a_link_that_leads_round_is_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    with pytest.raises(DataError, match="cannot be read"):
        input_roots([tmp_path / "a"])
