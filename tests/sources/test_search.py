"""Every file under a folder is found by what it holds, or named with the reason it is none."""

import errno
import inspect
import io
import os
import struct
import sys
import unicodedata
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, UltrasoundImageStorage

from metrascope.errors import DataError
from metrascope.sources.archive import ArchiveLimits
from metrascope.sources.search import Skipped, Source, find_sources

PICTURE = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
PNG = cv2.imencode(".png", PICTURE)[1].tobytes()


def dicom(sop_class: str = UltrasoundImageStorage, **elements: object) -> bytes:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = sop_class
    ds.file_meta.MediaStorageSOPInstanceUID = "2.25.7"
    for name, value in elements.items():
        setattr(ds, name, value)
    buffer = io.BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def dicomdir(*files: list[str]) -> bytes:
    records = []
    for parts in files:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.ReferencedFileID = parts
        records.append(record)
    return dicom(MediaStorageDirectoryStorage, DirectoryRecordSequence=records)


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def found(root: Path, limits: ArchiveLimits | None = None) -> dict[str, str]:
    """Return name to kind, or to the key of the reason."""
    items = list(find_sources(root, limits=limits or ArchiveLimits()))
    names = {
        item.name: item.kind if isinstance(item, Source) else item.reason.key for item in items
    }
    assert len(names) == len(items), "names are unique"
    return names


def fill(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_images_are_found_by_content_whatever_they_are_called(tmp_path: Path) -> None:
    jpeg = cv2.imencode(".jpg", PICTURE)[1].tobytes()
    bmp = cv2.imencode(".bmp", PICTURE)[1].tobytes()
    files = {
        "a/IM0001": dicom(),
        "a/notes.txt": PNG,
        "b/screen.dcm": jpeg,
        "b/x.pdf": bmp,
        "c/real.png": b"not an image at all",
        "c/report.png": b"%PDF-1.7",
        "c/loop.dcm": b"\0\0\0\x18ftypmp42",
    }
    assert found(fill(tmp_path, files)) == {
        "a/IM0001": "dicom",
        "a/notes.txt": "png",
        "b/screen.dcm": "jpeg",
        "b/x.pdf": "bmp",
        "c/real.png": "sources.other",
        "c/report.png": "sources.document",
        "c/loop.dcm": "sources.video",
    }


def test_dicom_without_preamble_is_found(tmp_path: Path) -> None:
    assert found(fill(tmp_path, {"IM1": dicom()[132:]})) == {"IM1": "dicom"}


def test_names_come_in_order_and_content_is_read_back(tmp_path: Path) -> None:
    files = {"b.png": PNG, "a/2.png": PNG, "a/10.png": PNG, "c.zip": zipped({"d/e.png": PNG})}
    items = list(find_sources(fill(tmp_path, files)))
    names = [item.name for item in items]
    assert names == ["a/10.png", "a/2.png", "b.png", "c.zip!/d/e.png"]
    assert all(isinstance(item, Source) and item.read() == PNG for item in items)


def test_archives_are_read_two_deep_and_no_deeper(tmp_path: Path) -> None:
    third = zipped({"deep.png": PNG})
    second = zipped({"inner.png": PNG, "third.zip": third})
    folder = fill(tmp_path, {"exam.dat": zipped({"second.bin": second, "outer.png": PNG})})
    assert found(folder) == {
        "exam.dat!/outer.png": "png",
        "exam.dat!/second.bin!/inner.png": "png",
        "exam.dat!/second.bin!/third.zip": "sources.too_deep",
    }
    inner = next(item for item in find_sources(folder) if "inner" in item.name)
    assert isinstance(inner, Source)
    assert inner.read() == PNG


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    zeros = bytes(80 << 20)
    files = {"one.zip": zipped({"zeros.png": zeros}), "many.zip": overlapping()}
    names = found(fill(tmp_path, files))
    assert set(names.values()) == {"sources.bomb"}
    # Honest archives of black screens shrink to a thirtieth.
    honest = zipped({"black.bmp": cv2.imencode(".bmp", np.zeros((600, 800)))[1].tobytes()})
    assert found(fill(tmp_path / "honest", {"a.zip": honest})) == {"a.zip!/black.bmp": "bmp"}


def overlapping() -> bytes:
    """Return an archive whose two members are the same bytes (Fifield 2019)."""
    content = bytearray(zipped({"a.png": PNG * 50}, zipfile.ZIP_STORED))
    directory = content.rfind(b"PK\1\2")
    end = content.rfind(b"PK\5\6")
    entry = bytes(content[directory:end])
    tail = bytearray(content[end:])
    struct.pack_into("<HHI", tail, 8, 2, 2, 2 * len(entry))
    return bytes(content[:end]) + entry + bytes(tail)


def test_a_member_that_lies_about_its_size_is_no_more_than_a_broken_one(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.png": PNG}))
    at = content.rfind(b"PK\1\2")
    struct.pack_into("<I", content, at + 24, 10)
    folder = fill(tmp_path, {"lie.zip": bytes(content)})
    for item in find_sources(folder):
        if isinstance(item, Source):
            with pytest.raises(DataError, match="can no longer be read"):
                item.read()


def test_paths_that_lead_out_of_an_archive_are_names_only(tmp_path: Path) -> None:
    members = {"../../evil.png": PNG, "/abs/evil.png": PNG, "a\\..\\b.png": PNG}
    folder = fill(tmp_path / "in", {"x.zip": zipped(members)})
    names = found(folder)
    assert sorted(names.values()) == ["png"] * 3
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "x.zip"]


def test_encrypted_and_oddly_compressed_members_are_told(tmp_path: Path) -> None:
    locked = bytearray(zipped({"a.png": PNG}))
    locked[6] |= 1
    locked[locked.rfind(b"PK\1\2") + 8] |= 1
    files = {"locked.zip": bytes(locked), "odd.zip": zipped({"a.png": PNG}, zipfile.ZIP_LZMA)}
    assert found(fill(tmp_path, files)) == {
        "locked.zip!/a.png": "sources.encrypted",
        "odd.zip!/a.png": "sources.compression",
    }


def test_damaged_archives_are_told(tmp_path: Path) -> None:
    whole = zipped({"a.png": PNG * 20, "b.png": PNG})
    broken = bytearray(whole)
    broken[60:70] = b"\xff" * 10
    files = {"cut.zip": whole[: len(whole) // 2], "broken.zip": bytes(broken)}
    names = found(fill(tmp_path, files))
    assert names["cut.zip"] == "sources.broken_archive"
    assert names["broken.zip!/a.png"] == "sources.broken_archive"
    assert names["broken.zip!/b.png"] == "png"


def test_documents_that_are_zip_archives_are_documents(tmp_path: Path) -> None:
    word = zipped({"[Content_Types].xml": b"<x/>", "word/media/image1.png": PNG})
    assert found(fill(tmp_path, {"letter.docx": word})) == {"letter.docx": "sources.document"}


def test_names_in_gbk_and_twice_in_an_archive_stay_apart(tmp_path: Path) -> None:
    content = zipped({"XXXX.png": PNG, "b.png": PNG, "c.png": PNG})
    content = content.replace(b"XXXX", "张三".encode("gb18030")).replace(b"c.png", b"b.png")
    assert found(fill(tmp_path, {"a.zip": content})) == {
        "a.zip!/张三.png": "png",
        "a.zip!/b.png": "png",
        "a.zip!/b.png#2": "png",
    }


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_dicomdir_names_and_is_not_there_is_told(tmp_path: Path, packed: bool) -> None:
    index = dicomdir(["IMAGES", "IM1"], ["IMAGES", "IM2"], ["XX", "SECRET"])
    index = index.replace(rb"XX\SECRET", rb"..\SECRET")  # which pydicom will not write
    files = {"disc/DICOMDIR": index, "disc/images/im1": dicom()}
    at = ""
    if packed:
        files, at = {"disc.zip": zipped(files)}, "disc.zip!/"
    else:
        fill(tmp_path, {"SECRET": dicom()})
    names = found(fill(tmp_path, files))
    names.pop("SECRET", None)
    assert names == {
        f"{at}disc/DICOMDIR": "sources.dicomdir",
        f"{at}disc/IMAGES/IM2": "sources.missing",
        f"{at}disc/../SECRET": "sources.missing",
        f"{at}disc/images/im1": "dicom",
    }


def test_a_dicomdir_stands_for_its_folder(tmp_path: Path) -> None:
    folder = fill(tmp_path, {"DICOMDIR": dicomdir(["A"]), "A": dicom()})
    assert found(folder / "DICOMDIR")["A"] == "dicom"


def test_empty_and_truncated_files_are_told_or_refused_when_read(tmp_path: Path) -> None:
    files = {"nothing.dcm": b"", "cut.png": PNG[:20], "empty.zip": zipped({})}
    assert found(fill(tmp_path, files)) == {
        "nothing.dcm": "sources.empty",
        "cut.png": "png",  # for the decoder to refuse: its start is that of an image
        "empty.zip": "sources.empty",
    }


def test_files_larger_than_the_limit_are_not_read(tmp_path: Path) -> None:
    limits = ArchiveLimits(largest_member=100)
    assert found(fill(tmp_path, {"a.png": PNG}), limits) == {"a.png": "sources.too_large"}
    source = next(iter(find_sources(tmp_path)))
    assert isinstance(source, Source)
    with pytest.raises(DataError, match="too large"):
        source.read(limits)


def test_a_file_that_goes_away_is_told(tmp_path: Path) -> None:
    source = next(iter(find_sources(fill(tmp_path, {"a.png": PNG}))))
    (tmp_path / "a.png").unlink()
    assert isinstance(source, Source)
    with pytest.raises(DataError, match="can no longer be read"):
        source.read()


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    fill(tmp_path, {"a/b/c.png": PNG})
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a", target_is_directory=True)
    (tmp_path / "self").symlink_to(tmp_path / "self")
    names = found(tmp_path)
    assert names["a/b/c.png"] == "png"
    assert names["a/b/up"] == "sources.seen"
    assert names["self"] == "sources.unreadable"
    assert len(names) == 3


def test_special_files_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert found(tmp_path) == {"pipe": "sources.special"}


def test_folders_that_may_not_be_read_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, {"closed/a.png": PNG, "open/b.png": PNG})
    scandir = os.scandir

    def refusing(path: Path) -> object:  # the superuser may read everything
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        items = {item.name: item for item in find_sources(tmp_path)}
    closed = items["closed"]
    assert isinstance(closed, Skipped)
    assert closed.reason.values == {"reason": "Permission denied"}
    assert isinstance(items["open/b.png"], Source)


def test_folders_deeper_than_python_recurses_are_searched(tmp_path: Path) -> None:
    fill(tmp_path, {"d/" * 300 + "a.png": PNG})
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    try:
        items = list(find_sources(tmp_path))
    finally:
        sys.setrecursionlimit(limit)
    assert [item.name.rpartition("/")[2] for item in items] == ["a.png"]


def test_system_files_are_quiet_and_what_is_excluded_is_silent(tmp_path: Path) -> None:
    files = {"Thumbs.db": b"x", ".hidden": b"x", "out/a.png": PNG, "labels.csv": b"x", "b.png": PNG}
    fill(tmp_path, files)
    items = list(find_sources(tmp_path, (tmp_path / "out", tmp_path / "labels.csv")))
    assert [item.name for item in items] == [".hidden", "Thumbs.db", "b.png"]
    assert [item.quiet for item in items if isinstance(item, Skipped)] == [True, True]


def test_names_are_printable_and_states_change_with_the_file(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xd5\xc5\xc8\xfd\n.png")  # 张三 of an older Chinese Windows
    (tmp_path / name).write_bytes(PNG)
    before = next(iter(find_sources(tmp_path)))
    assert before.name == "张三\\n.png"
    (tmp_path / name).write_bytes(PNG + b"\0")
    after = next(iter(find_sources(tmp_path)))
    assert isinstance(before, Source)
    assert isinstance(after, Source)
    assert before.state != after.state


def test_members_are_checked_against_their_checksum(tmp_path: Path) -> None:
    content = bytearray(zipped({"a.png": PNG}, zipfile.ZIP_STORED))
    crc = struct.pack("<I", zlib.crc32(PNG))
    for _ in range(2):  # in the member's own header and in the directory
        at = content.find(crc)
        content[at : at + 4] = b"\1\2\3\4"
    source = next(iter(find_sources(fill(tmp_path, {"a.zip": bytes(content)}))))
    if isinstance(source, Source):
        with pytest.raises(DataError, match="archive is damaged"):
            source.read()
    else:
        assert source.reason.key == "sources.broken_archive"


def test_a_source_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="give the folder") as error:
        list(find_sources(tmp_path / "nowhere"))
    assert "\n" not in str(error.value)


def test_every_file_has_a_name_of_its_own_where_names_are_shown_alike(tmp_path: Path) -> None:
    raw = ["张三".encode(), "张三".encode("gb18030"), b"e\xcc\x81", b"\xc3\xa9", b"a\n", b"a\\n"]
    for number, name in enumerate(raw):
        folder = tmp_path / "files" / os.fsdecode(name)
        folder.mkdir(parents=True)
        (folder / os.fsdecode(name)).write_bytes(PNG + bytes([number]))
    assert [name for name in found(tmp_path / "files") if "张三" in name] == [
        "张三/张三",
        "张三#2/张三",
    ]
    items = [item for item in find_sources(tmp_path / "files") if isinstance(item, Source)]
    assert len({unicodedata.normalize("NFC", item.name) for item in items}) == len(raw)
    # The name that is what it looks like keeps it, whatever stands beside it.
    kept = {item.name: item.path.read_bytes()[-1] for item in items if "#" not in item.name}
    assert kept == {"张三/张三": 0, "e\u0301/e\u0301": 2, "a\\n/a\\n": 5}


def test_a_folder_is_not_taken_for_the_archive_that_its_name_looks_like(tmp_path: Path) -> None:
    fill(tmp_path, {"a.zip": zipped({"1.png": PNG}), "a.zip!/1.png": PNG})
    assert found(tmp_path) == {"a.zip!/1.png": "png", "a.zip!#2/1.png": "png"}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory"),
        (OSError(errno.EHOSTDOWN, "Host is down"), "Host is down"),
    ],
)
@pytest.mark.parametrize("where", ["open_archive", "read_head"])
def test_what_is_short_for_the_moment_is_no_fault_of_an_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str, where: str
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("1.png", PNG)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(f"metrascope.sources.search.{where}", fail)
    (found,) = find_sources(tmp_path)
    assert isinstance(found, Skipped)
    assert found.reason.key == "sources.unreadable"  # which the next run tries again
    assert words in found.reason.text("en")
