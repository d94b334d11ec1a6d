"""Files named after networks and classes: inside their folder, one each, on every system."""

import unicodedata
from pathlib import Path, PureWindowsPath

import numpy as np
import pytest

from metrascope.files.file_names import file_names, picture_name


@pytest.mark.parametrize("name", ["resnet18", "子宫内膜息肉", "ViT-B_16", "a.b", "Swin (v2)"])
def test_what_may_stand_stays(name: str) -> None:
    assert file_names([name]) == {name: name}


@pytest.mark.parametrize(
    "name",
    [
        "../../../../escaped", "timm/resnet18", "a\\b", "/etc/passwd", "C:\\x", "..", ".", "", "a.",
        "a ", "CON", "nul.txt", "COM1", "a\0b", "a\nb", "a:b", "x" * 500, "息" * 300, "\u202eexe",
        "a\ud800b", " a", "e\u0301",
    ],
)  # fmt: skip
def test_what_may_not_is_one_file_of_the_folder(name: str, tmp_path: Path) -> None:
    file = file_names([name])[name]
    path = tmp_path / f"figure_{file}.svg"
    path.write_text("x", encoding="utf-8")
    assert [path] == list(tmp_path.iterdir())
    assert PureWindowsPath(file).name == file
    assert len(f".{path.name}.4194304.tmp".encode()) < 255
    assert not file.endswith((".", " "))
    assert file.split(".")[0].upper() not in {"CON", "NUL", "COM1"}
    assert all(unicodedata.category(sign)[0] != "C" for sign in file)
    # Beside others it has the same name.
    assert file_names([name, "resnet18"])[name] == file


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/x", "王小红 左侧.jpg", "a.zip!/IMG/0003.jpg", "CON", "con.a/x.dcm", "x" * 500,
        "息" * 300, "a\nb", "\u202eexe.png", ".png", "e\u0301.png", "CON.png", "a:b?.png",
        "1.2.840.113",
    ],
)  # fmt: skip
def test_a_picture_is_named_after_its_file(path: str) -> None:
    name = picture_name(path, "1")
    assert PureWindowsPath(name).name == name
    assert len(name.encode()) <= 131
    assert name == unicodedata.normalize("NFC", name)
    assert name.split(".")[0].split("-")[0].upper() != "CON"
    assert all(unicodedata.category(sign)[0] != "C" for sign in name)
    assert name != picture_name(path, "2")


def test_no_two_names_are_one_file() -> None:
    rng = np.random.default_rng(0)
    drawn = {"".join(rng.choice(list("aA/\\._-é1"), rng.integers(0, 4))) for _ in range(2000)}
    names = drawn | {"a/b", "a_b", "a\\b", "ResNet", "resnet", "e\u0301", "é"}
    names |= {file_names(["a/b"])["a/b"]}  # made to collide
    found = file_names(names)
    assert len({file.casefold() for file in found.values()}) == len(names) == len(found)
