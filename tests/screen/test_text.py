"""Lettering that stays is read, masked and read again; speckle is not taken for text."""

import socket
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from metrascope.errors import MissingExtraError
from metrascope.phantom.render import draw_case, render_phantom
from metrascope.screen import ocr
from metrascope.screen import text as recognition
from metrascope.screen.ocr import Strip
from metrascope.screen.sector import Sector

pytest.importorskip("rapidocr")
pytest.importorskip("onnxruntime")
Image = NDArray[np.uint8]


def _still(index: int) -> tuple[Image, Sector]:
    still = render_phantom(draw_case("normal", "voluson", seed=8, index=index), 400)
    left, top, width, height = cv2.boundingRect(still.sector)
    part = (slice(top, top + height), slice(left, left + width))
    mask = still.sector[part] > 0
    image = np.where(mask, still.image[part], 0).astype(np.uint8)
    return image, Sector((0, 0, width, height), mask, "curved", ())


def _written(image: Image, words: str, level: int = 235) -> Image:
    result = image.copy()
    at = (image.shape[1] // 3, image.shape[0] // 2)
    cv2.putText(result, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.4, level, 1, cv2.LINE_AA)
    return result


@pytest.fixture(scope="module")
def still() -> tuple[Image, Sector]:
    return _still(0)


def test_a_name_is_read(still: tuple[Image, Sector]) -> None:
    lines = recognition.still_reads(_written(still[0], "WANG XIUYING"))
    assert "".join(line.text for line in lines).replace(" ", "") == "WANGXIUYING"
    left, top, wide, high = lines[0].box
    assert left <= still[0].shape[1] // 3 + 8
    assert top < still[0].shape[0] // 2 <= top + high + 3
    assert wide > 60


def test_speckle_is_clean(still: tuple[Image, Sector]) -> None:
    for image, sector in (still, _still(1)):
        found = recognition.verify(image, sector)
        assert found.state == "clean"
        assert found.found == ()
        np.testing.assert_array_equal(found.image, image)


def test_what_reads_is_masked_and_reads_no_more(still: tuple[Image, Sector]) -> None:
    image, sector = still
    found = recognition.verify(_written(image, "ID 20180415-0231"), sector)
    assert found.state == "masked"
    assert len(found.found) >= 1
    assert recognition.still_reads(found.image) == ()


def test_half_a_name_is_read_with_the_other_half(still: tuple[Image, Sector]) -> None:
    image, sector = still
    written = _written(image, "OUYANG XIUYING", level=200)
    strokes = written != image
    columns = np.flatnonzero(strokes.any(axis=0))
    half = np.zeros_like(strokes)
    half[:, : int(columns.mean())] = strokes[:, : int(columns.mean())]
    found = recognition.verify(
        written, sector, cv2.dilate(half.view(np.uint8), np.ones((5, 5))) > 0
    )
    assert found.state == "masked"
    assert (found.image != written)[strokes & sector.mask].mean() > 0.95


@pytest.mark.parametrize(
    ("angle", "opacity", "size"), [(90, 1.0, 0.6), (180, 1.0, 0.6), (30, 0.35, 1.1), (0, 0.5, 3.5)]
)
def test_turned_faint_and_large_lettering_is_filled_in(
    still: tuple[Image, Sector], angle: float, opacity: float, size: float
) -> None:
    image, sector = still
    sheet = np.zeros_like(image)
    word = "WANG 0231" if size < 3 else "WANG"
    pen = max(1, round(3 * size))
    (wide, high), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, size, pen)
    x, y = image.shape[1] // 2, round(0.6 * image.shape[0])
    at = (x - wide // 2, y + high // 2)
    cv2.putText(sheet, word, at, cv2.FONT_HERSHEY_SIMPLEX, size, 255, pen, cv2.LINE_AA)
    turned = cv2.warpAffine(
        sheet, cv2.getRotationMatrix2D((x, y), angle, 1.0), image.shape[::-1], flags=cv2.INTER_AREA
    )
    cover = turned / 255 * opacity
    written = np.rint(image * (1 - cover) + 255 * cover).astype(np.uint8)
    found = recognition.verify(written, sector)
    assert found.state == "masked"
    assert (found.image != written)[(turned > 128) & sector.mask].mean() > 0.85


def test_what_was_masked_before_is_filled_and_not_told_of(still: tuple[Image, Sector]) -> None:
    image, sector = still
    written = _written(image, "LIU YAN 1980")
    where = cv2.dilate((written != image).astype(np.uint8), np.ones((9, 9))) > 0
    found = recognition.verify(written, sector, where)
    assert found.state == "clean"
    assert recognition.still_reads(found.image) == ()


def test_what_cannot_be_masked_is_put_in_quarantine(
    still: tuple[Image, Sector], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recognition, "inpaint", lambda image, *_: image)
    found = recognition.verify(_written(still[0], "ZHANG MIN"), still[1])
    assert found.state == "quarantine"


@pytest.mark.parametrize(
    ("words", "score", "counts"),
    [("WANG", 0.7, True), ("WANG", 0.5, False), ("Q", 0.95, True), ("Q", 0.8, False), ("..", 1, 0)],
)
def test_which_lines_count(words: str, score: float, counts: bool) -> None:
    line = recognition.TextLine(words, score, Strip((4.0, 4.0), (9.0, 9.0), 0.0))
    assert recognition._counts(line) == counts


def test_nothing_is_looked_up(still: tuple[Image, Sector], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    ocr.ocr_networks.cache_clear()
    assert recognition.still_reads(_written(still[0], "LI NA"))


def test_tiny_and_empty_images() -> None:
    for shape in ((1, 1), (3, 200), (40, 40), (40, 40, 3)):
        assert recognition.read_text(np.zeros(shape, np.uint8)) == ()


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ocr.ocr_networks.cache_clear()
    monkeypatch.setattr(ocr, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="ocr"):
        recognition.read_text(np.zeros((40, 40), np.uint8))
    with pytest.raises(MissingExtraError, match="rapidocr"):
        ocr.model_file(tmp_path, "det")
    ocr.ocr_networks.cache_clear()


def test_importing_loads_no_runtime() -> None:
    code = "import sys, metrascope.screen.text; print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_fan_taken_for_one_large_character_is_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    fan = recognition.TextLine("奇", 0.97, Strip((137.0, 92.0), (198.0, 184.0), 0.0))
    two = recognition.TextLine("RT", 0.65, Strip((130.0, 92.0), (250.0, 180.0), 0.0))
    letter = recognition.TextLine("A", 0.97, Strip((48.0, 12.0), (24.0, 20.0), -90.0))
    monkeypatch.setattr("metrascope.screen.text.read_text", lambda *_: (fan, two, letter))
    assert recognition.still_reads(np.zeros((184, 263), np.uint8)) == (letter,)
