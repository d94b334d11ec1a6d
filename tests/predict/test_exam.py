"""From bytes to sector crops."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metrascope.messages import Reason, table
from metrascope.phantom.phantom import write_phantom
from metrascope.predict.exam import _ADVISED, Crop, crop_frames, open_exam, refusal_message


@pytest.fixture(scope="module")
def screen(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("screen")
    write_phantom(folder, patients=10, seed=5, size=400)
    return np.asarray(Image.open(sorted((folder / "images").iterdir())[0]))


def read(grey: np.ndarray, *, cleaned: bool = False) -> Crop | Reason:
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG")
    ((number, found),) = crop_frames(open_exam(buffer.getvalue()), [0], cleaned=cleaned)
    assert number == 0
    return found


def test_a_crop_is_the_box_of_the_sector_as_it_is_on_the_screen(screen: np.ndarray) -> None:
    crop = read(screen)
    assert isinstance(crop, Crop)
    (left, top), (height, width) = crop.origin, crop.grey.shape
    np.testing.assert_array_equal(crop.grey, screen[top : top + height, left : left + width])


def test_a_cleaned_crop_is_black_outside_the_sector(screen: np.ndarray) -> None:
    plain, clean = read(screen), read(screen, cleaned=True)
    assert isinstance(plain, Crop)
    assert isinstance(clean, Crop)
    assert plain.grey.shape == clean.grey.shape
    assert plain.origin == clean.origin
    assert not clean.grey[0, 0]
    assert (clean.grey > 0).sum() <= (plain.grey > 0).sum()


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_fan_without_one_side_is_refused(screen: np.ndarray, side: str) -> None:
    crop = read(screen)
    assert isinstance(crop, Crop)
    left, width = crop.origin[0], crop.grey.shape[1]
    cut = left + round(0.42 * width) if side == "left" else left + round(0.58 * width)
    part = screen[:, cut:] if side == "left" else screen[:, :cut]
    found = read(np.ascontiguousarray(part))
    assert isinstance(found, Reason)
    assert found.key == "serving.cut_off"


def test_twelve_real_files_give_a_crop_or_a_reason(real_data: Path) -> None:
    for path in sorted((real_data / "dicom").glob("*.dcm")):
        exam = open_exam(path.read_bytes())
        for _, found in crop_frames(exam, [exam.key], cleaned=True):
            assert isinstance(found, Crop | Reason)


def test_real_uteri_are_not_cut_off(real_data: Path) -> None:
    for path in sorted((real_data / "tvus_normal" / "images").iterdir())[:12]:
        exam = open_exam(path.read_bytes())
        ((_, found),) = crop_frames(exam, [0], cleaned=False)
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
    # What is no ultrasound image, or none of this kind, needs none.
    assert reasons - advised == {"other_modality", "no_ultrasound", "page"}


def test_advice_is_given_once_and_chinese_sentences_have_no_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", ["zh"])
    assert " " not in refusal_message("usability.color", "彩色。").text
    damaged = table()["picture.undecodable"]["zh"]
    assert refusal_message("picture.undecodable", damaged).text.count("重新导出") == 1
    for key in _ADVISED:
        assert any(word in table()[key]["en"] for word in ("xport", "pip install")), key
