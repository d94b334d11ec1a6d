"""From bytes to the crops that networks read: those that an ingest writes for the same file."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from tests.dicom.make import grey_file
from tests.screen.test_panels import item

from metrascope.errors import DataError
from metrascope.ingest.file import IngestJob, ingest_file
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.labels import LabelRow
from metrascope.messages import Reason, table
from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.phantom import write_phantom
from metrascope.predict.crops import Crop, FrameChoice, count_images, crop_images
from metrascope.predict.refusal import _ADVISED, refusal_message
from metrascope.screen.exam import Exam, make_stills, open_exam, open_header
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill
from metrascope.sources.search import Source, find_sources


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("screen")
    write_phantom(folder, patients=10, seed=5, size=400)
    return np.asarray(Image.open(sorted((folder / "images").iterdir())[0]))


def opened(content: bytes) -> Exam:
    return open_exam(content, open_header(content))


def read(grey: np.ndarray, *, cleaned: bool = False) -> Crop | Reason:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    ((number, found),) = crop_images(opened(buffer.getvalue()), "all", cleaned=cleaned)
    assert number == 0
    return found


def origin(grey: np.ndarray) -> tuple[int, int]:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    settings = IngestSettings(verify=False)
    ((_, _, still),) = make_stills(opened(buffer.getvalue()), [0], settings)
    assert isinstance(still, CleanStill)
    return still.origin


def test_a_crop_is_the_box_of_the_sector_as_it_is_on_the_screen(screen: np.ndarray) -> None:
    crop = read(screen)
    assert isinstance(crop, Crop)
    (left, top), (height, width) = origin(screen), crop.grey.shape
    np.testing.assert_array_equal(crop.grey, screen[top : top + height, left : left + width])


def test_a_cleaned_crop_is_black_outside_the_sector(screen: np.ndarray) -> None:
    plain, clean = read(screen), read(screen, cleaned=True)
    assert isinstance(plain, Crop)
    assert isinstance(clean, Crop)
    assert plain.grey.shape == clean.grey.shape
    assert not clean.grey[0, 0]
    assert (clean.grey > 0).sum() <= (plain.grey > 0).sum()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_fan_without_one_side_is_refused(screen: np.ndarray, side: str) -> None:
    crop = read(screen)
    assert isinstance(crop, Crop)
    left, width = origin(screen)[0], crop.grey.shape[1]
    cut = left + round(0.42 * width) if side == "left" else left + round(0.58 * width)
    part = screen[:, cut:] if side == "left" else screen[:, :cut]
    found = read(np.ascontiguousarray(part))
    assert isinstance(found, Reason)
    assert found.key == "usability.cut_off"


class AnyLabels:
    """Labels that have a row for every file."""

    def match(self, keys: object) -> LabelRow:
        return LabelRow({"label": "normal"}, None, {})


Outcome = tuple[int | None, str, bytes]
"""Frame from 0, None for the whole file; reason and ``b""``, or shape and pixels of a crop."""


def ingested(source: Source, frames: FrameChoice, out: Path) -> list[Outcome]:
    """Return what an ingest writes and rejects of a file."""
    labels: Any = AnyLabels()
    settings = IngestSettings(verify=False, frames=frames, key_frames=1)
    record = ingest_file(IngestJob(out, settings, labels, Pseudonyms(b"k" * 32)), source)
    found: list[Outcome] = [(one.frame, one.reason, b"") for one in record.rejections]
    for image in record.images:
        grey = cv2.imread(str(out / image["image"]), cv2.IMREAD_UNCHANGED)
        assert grey is not None
        found.append((int(image["frame"] or 1) - 1, str(grey.shape), grey.tobytes()))
    # Of a file that was cut off predict warns; the frames that are there are the same.
    return sorted(one for one in found if one[1] != "ingest.frames_missing")


def predicted(source: Source, frames: FrameChoice) -> list[Outcome]:
    """Return what a network reads of a file and what is refused before it."""
    content = source.read()
    try:
        exam = open_exam(content, open_header(content))
    except DataError as error:
        return [(None, error.key, b"")]
    panels = count_images(exam) // exam.cine.count
    return sorted(
        (number // panels, found.key, b"")
        if isinstance(found, Reason)
        else (number // panels, str(found.grey.shape), found.grey.tobytes())
        for number, found in crop_images(exam, frames, cleaned=True)
    )


def same_pixels(folder: Path, frames: FrameChoice, out: Path) -> int:
    """Compare every file below a folder; return how many crops there are."""
    crops = 0
    for source in find_sources(folder):
        if isinstance(source, Source):
            found = predicted(source, frames)
            assert found == ingested(source, frames, out), source.name
            crops += sum(bool(pixels) for _, _, pixels in found)
    return crops


def test_a_network_sees_the_pixels_that_ingest_writes_of_twelve_real_files(
    real_data: Path, tmp_path: Path
) -> None:
    assert same_pixels(real_data / "dicom", "key", tmp_path) > 0


def test_a_network_sees_the_pixels_that_ingest_writes_of_a_phantom_hospital(
    tmp_path: Path,
) -> None:
    write_export(tmp_path / "ward", patients=4, seed=5, size=240)
    assert same_pixels(tmp_path / "ward" / "exports", "all", tmp_path) > 4


def test_two_images_that_a_header_tells_apart_are_two_frames(screen: np.ndarray) -> None:
    half = screen[:360, :]
    whole = np.hstack([half, half[:, ::-1]])
    boxes = [(0, 0, 400, 360), (400, 0, 400, 360)]
    regions = [item(box, 0.02) for box in boxes]
    exam = opened(grey_file(whole.tobytes(), whole.shape, SequenceOfUltrasoundRegions=regions))
    assert count_images(exam) == 2
    (first, left), (second, right) = crop_images(exam, "all", cleaned=True)
    assert (first, second) == (0, 1)
    assert isinstance(left, Crop)
    assert isinstance(right, Crop)
    alone = read(half, cleaned=True)
    assert isinstance(alone, Crop)
    np.testing.assert_array_equal(left.grey, alone.grey)
    assert abs(left.grey.shape[1] - right.grey.shape[1]) <= 4


def test_real_uteri_are_not_cut_off(real_data: Path) -> None:
    for path in sorted((real_data / "tvus_normal" / "images").iterdir())[:12]:
        ((_, found),) = crop_images(opened(path.read_bytes()), "key", cleaned=False)
        assert isinstance(found, Crop), path.name


def test_a_refusal_says_what_to_do(screen: np.ndarray) -> None:
    found = read(np.ascontiguousarray(screen[::4, ::4]))
    assert isinstance(found, Reason)
    assert refusal_message(found.key, found.text()).text == (
        "Too small: 100 x 100 pixels. Export it at the scanner's own size."
    )
    told = refusal_message("dicom.truncated", "Cut off.").text
    assert told == "Cut off. Export the file again, as DICOM, PNG or JPEG."
    assert refusal_message("sources.empty", "Empty.").text == "Empty."


def test_every_reason_before_reading_has_advice() -> None:
    reasons = {key.partition(".")[2] for key in table() if key.startswith("usability.")}
    advised = {key.partition(".")[2] for key in table() if key.startswith("advice.")}
    assert advised - {"damaged"} <= reasons
    # What is no ultrasound image, or none of this kind, needs none; planes say it themselves.
    assert reasons - advised == {"other_modality", "no_ultrasound", "page", "planes"}


def test_advice_is_given_once_and_chinese_sentences_have_no_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", ["zh"])
    assert " " not in refusal_message("usability.color", "彩色。").text
    damaged = table()["picture.undecodable"]["zh"]
    assert refusal_message("picture.undecodable", damaged).text.count("重新导出") == 1
    for key in _ADVISED:
        assert any(word in table()[key]["en"] for word in ("xport", "pip install")), key
