"""What a person gives by mistake is told in one sentence, before anything is written."""

import io
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from metrascope.cli import main
from metrascope.ingest.key_folder import key_folder

OPTIONS = ("--no-verify", "--jobs", "1")


@pytest.fixture
def ward(tmp_path: Path) -> Path:
    folder = tmp_path / "ward"
    folder.mkdir()
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:400, :400]
    far = np.hypot(rows + 60.0, columns - 200.0)
    inside = (far > 110) & (far < 420) & (np.abs(columns - 200) < 0.7 * (rows + 60))
    speckle = cv2.GaussianBlur(rng.rayleigh(60, far.shape), (0, 0), 1.2)
    cv2.imwrite(str(folder / "1.png"), np.where(inside, speckle, 0).clip(0, 255).astype(np.uint8))
    return folder


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.csv"
    path.write_text("file_name,label\n1.png,polyp\n", encoding="utf-8")
    return path


def refused(capsys: pytest.CaptureFixture[str], source: Path, out: Path, labels: Path) -> str:
    """Return the sentence that the command ends with; it must be one, without a traceback."""
    with pytest.raises(SystemExit) as ended:
        raise SystemExit(main(["ingest", str(source), str(out), "--labels", str(labels), *OPTIONS]))
    assert ended.value.code == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("metrascope: ")
    assert "Traceback" not in said
    return said


def test_what_is_good_is_taken(ward: Path, labels: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert not main(["ingest", str(ward), str(out), "--labels", str(labels), *OPTIONS])
    assert len(list((out / "images").iterdir())) == 1


def test_sources_that_are_empty_or_not_there(
    labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    out = tmp_path / "out"
    assert "holds no file at all" in refused(capsys, tmp_path / "empty", out, labels)
    assert "does not exist" in refused(capsys, tmp_path / "nowhere", out, labels)
    assert not out.exists()
    assert not key_folder(out).exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"foo,bar\n1,2\n", "--column label=NAME"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3\n1 0 obj\n", "is a PDF file"),
        (b"", "is empty"),
        (b"file_name,label\n", "no rows"),
    ],
)
def test_labels_that_are_none(
    ward: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, words: str
) -> None:
    for name in ("labels.csv", "labels.xlsx"):
        path = tmp_path / name
        path.write_bytes(content)
        assert words in refused(capsys, ward, tmp_path / "out", path)
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_among_the_originals(
    ward: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (ward, ward / "out", tmp_path / "elsewhere" / ".." / "ward" / "out"):
        assert "choose a folder" in refused(capsys, ward, out, labels)
    assert [path.name for path in ward.iterdir()] == ["1.png"]
    assert not key_folder(ward).exists()


def test_where_nothing_is_kept_the_commonest_reason_is_told(
    ward: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("1.png", (ward / "1.png").read_bytes())
        archive.writestr("Thumbs.db", b"")
        archive.writestr("desktop.ini", b"")
    content = bytearray(buffer.getvalue())
    content[6] |= 1  # encrypted, says the member, and the directory as well
    content[content.find(b"PK\1\2") + 8] |= 1
    locked = tmp_path / "locked.zip"
    locked.write_bytes(bytes(content))
    said = refused(capsys, locked, tmp_path / "out", labels)
    assert "Encrypted" in said
    assert (tmp_path / "out" / "rejects.csv").is_file()
    labels.write_text("file_name,pathology\n1.png,endometrial cancer\n2.png,polyp\n", "utf-8")
    assert "cancer" in refused(capsys, ward, tmp_path / "other", labels)


def test_labels_mended_afterwards_are_taken(
    ward: Path, labels: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, out = labels.read_text(encoding="utf-8"), tmp_path / "out"
    labels.write_text(good.replace("1.png", "one.png"), encoding="utf-8")
    assert "belongs to a row of labels.csv" in refused(capsys, ward, out, labels)
    labels.write_text(good, encoding="utf-8")
    assert not main(["ingest", str(ward), str(out), "--labels", str(labels), *OPTIONS])
    assert len(list((out / "images").iterdir())) == 1
