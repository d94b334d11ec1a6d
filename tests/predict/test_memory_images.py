"""What a program holds in memory is read as the same image from a file, and refused alike."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread

from metrascope import MetrascopeError
from metrascope.predict.predictor import FrameReading, Predictor

from .test_predictor import loop


@pytest.fixture(scope="module")
def predictor(bundle: Path) -> Predictor:
    return Predictor(str(bundle), runtime="onnxruntime", threads=1)


def said(readings: list[FrameReading]) -> list[dict[str, object]]:
    """Return readings but for the name of the file and the time that they took."""
    left_out = {"file": "", "seconds": None}
    return [one.reading.model_copy(update=left_out).model_dump() for one in readings]


def test_an_array_is_read_as_its_file(predictor: Predictor, images: Path) -> None:
    paths = sorted(images.rglob("*.png"))[:4]
    arrays = [np.asarray(Image.open(path).convert("L")) for path in paths]
    wanted = [predictor.read_file(path) for path in paths]
    read = sum(one[0].reading.predicted is not None for one in wanted)
    assert read > 0
    for path, array, one in zip(paths, arrays, wanted, strict=True):
        rgb = np.repeat(array[..., None], 3, axis=2)
        for given in (path, str(path), path.read_bytes(), array, rgb):
            assert said(predictor.read(given)) == said(one)
    whole = [reading for one in wanted for reading in one]
    assert said(predictor.read(paths)) == said(predictor.read(iter(arrays))) == said(whole)
    names = [one.reading.file for one in predictor.read([paths[0], arrays[1]])]
    assert names == [str(paths[0]), "1"]


def test_a_stack_is_several_images(predictor: Predictor, images: Path) -> None:
    grey = np.asarray(Image.open(images / "P0" / "00.png").convert("L"))
    stack = np.stack([grey, grey[:, ::-1]])
    assert said(predictor.read(stack)) == said(predictor.read([stack[0], stack[1]]))


def test_a_data_set_is_read_as_its_file(predictor: Predictor, images: Path) -> None:
    grey = np.asarray(Image.open(images / "P0" / "00.png").convert("L"))
    content = loop(grey, claimed=2, held=2)
    ds = dcmread(io.BytesIO(content))
    found = predictor.read(ds)
    assert said(found) == said(predictor.read_bytes(content))
    assert [one.reading.patient for one in found] == ["42", "42"]


def test_what_cannot_be_read_is_refused_as_a_file_is(predictor: Predictor) -> None:
    black = np.zeros((200, 300), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(black).save(buffer, "PNG")
    (one,) = predictor.read(black)
    assert one.reading.refusal is not None
    assert said([one]) == said(predictor.read_bytes(buffer.getvalue()))
    (damaged,) = predictor.read(b"no image")
    assert damaged.reading.refusal is not None


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((64, 64), np.float32), r"float32 \(64, 64\)"),
        (np.zeros((64, 64, 3), np.uint16), r"uint16 \(64, 64, 3\)"),
        (np.zeros((2, 64, 64, 4), np.uint8), r"uint8 \(64, 64, 4\)"),
        (np.zeros((0, 64), np.uint8), r"\(0, 64\)"),
        (np.uint8(3), "this is uint8"),
        (np.zeros(5, np.uint8), r"uint8 \(5,\)"),
        ([None], "this is NoneType"),
        (7, "this is int"),
        ("none.png", "There is no file none.png"),
        (Dataset(), "file_meta"),
    ],
)
def test_what_is_no_image_is_told(predictor: Predictor, image: object, words: str) -> None:
    with pytest.raises(MetrascopeError, match=words):
        predictor.read(image)  # type: ignore[arg-type]
