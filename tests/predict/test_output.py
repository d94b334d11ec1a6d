"""Readings in words, cells and pictures, checked against what people and programs do with them."""

import csv
import io
import re
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from metrascope.overlay import overlay
from metrascope.predict import lettering
from metrascope.predict.listing import LINE_WIDTH, _width, reading_text, wrapped
from metrascope.predict.reading import ImageReading, Notice, PatientReading, Seen
from metrascope.predict.reading_picture import (
    PictureOrigin,
    class_name,
    draw_picture,
    reading_picture_name,
)
from metrascope.predict.spreadsheet import write_csv

CLASSES = ("normal", "fibroid", "polyp")
READING = ImageReading(
    file="a/b.dcm",
    patient="42",
    frame=2,
    frames=9,
    probabilities={"normal": 0.1, "fibroid": 0.2, "polyp": 0.7},
    predicted="polyp",
    prediction_set=("fibroid", "polyp"),
    confidence=0.9,
    warnings=(Notice(key="serving.marks_on_heat", text="2 marks lie where the network looked."),),
    seconds=0.1,
    bundle="0" * 64,
)
ORIGIN = PictureOrigin("Ward 3 (MobileNetV2)", "ab" * 32, "2026-11-30")


@pytest.mark.parametrize("content", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"])
def test_no_name_is_a_formula(content: str) -> None:
    file = io.StringIO()
    write_csv(file, [READING.model_copy(update={"file": content, "patient": content})], CLASSES)
    row = next(csv.DictReader(io.StringIO(file.getvalue().removeprefix("\ufeff"))))
    assert row["file"] == row["patient"] == f"'{content}"


def test_cells_come_back_as_they_were() -> None:
    name = '肌瘤, "左侧"\n2.png'
    file = io.StringIO()
    patient = PatientReading(
        patient="42", files=2, read=0, refusal=Notice(key="k", text="None."), bundle="0" * 64
    )
    loop = patient.model_copy(update={"kind": "loop", "patient": "l.dcm"})
    write_csv(file, [READING.model_copy(update={"file": name}), patient, loop], CLASSES)
    first, second, third = csv.DictReader(io.StringIO(file.getvalue().removeprefix("\ufeff")))
    assert first["file"] == name
    assert first["p_polyp"] == "70.0 %"
    assert first["prediction_set"] == "fibroid polyp"
    assert (second["kind"], second["reason"], second["p_polyp"]) == ("patient", "None.", "")
    assert (third["kind"], third["file"], third["patient"]) == ("loop", "l.dcm", "")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_lines_stay_in_their_columns(lang: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metrascope.messages._chosen", [lang])
    long = READING.model_copy(update={"file": "深" * 40 + "/" + "x" * 90 + "\x1b[31m.dcm"})
    lines = reading_text(long).splitlines()
    assert max(_width(line) for line in lines) <= LINE_WIDTH
    assert "\x1b" not in "".join(lines)
    assert "".join(line[:26] for line in lines).count("x") == 90


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (("fibroid", "polyp"), False),
        (("polyp",), False),
        (CLASSES, False),
        (("normal", "polyp"), True),
        (("fibroid",), True),
    ],
)
def test_a_class_that_stays_though_a_likelier_one_is_out_is_explained(
    kept: tuple[str, ...], said: bool
) -> None:
    lines = reading_text(READING.model_copy(update={"prediction_set": kept}))
    assert ("goes by that class's own limit" in " ".join(lines.split())) is said


def test_wrapping_loses_nothing() -> None:
    content = "Check that it is a plain image 请检查图像是否为经阴道超声静态图像。 Then read it."
    lines = wrapped(content, 20)
    assert "".join("".join(lines).split()) == "".join(content.split())
    assert all(_width(line) <= 22 for line in lines)


def seen() -> Seen:
    rng = np.random.default_rng(0)
    return Seen(
        grey=rng.integers(0, 200, (150, 200), dtype=np.uint8),
        maps=rng.random((3, 7, 7)).astype(np.float32),
        box=(25.0, 0.0, 175.0, 150.0),
        probabilities=np.array([0.1, 0.2, 0.7]),
        usable=True,
    )


def test_the_picture_shows_the_heat_of_the_predicted_class() -> None:
    picture = np.asarray(draw_picture(READING, seen(), ORIGIN))
    own = seen()
    grey = np.asarray(Image.fromarray(own.grey).resize((448, 336), Image.Resampling.BILINEAR))
    scale = 448 / 200
    box = (25 * scale, 0.0, 175 * scale, 150 * scale)
    expected = overlay(grey, own.maps[2], box=box).astype(int)
    top, left = 72, 16 + 448 + 16
    found = picture[top : top + 336, left : left + 448].astype(int)
    assert np.abs(found - expected).mean() < 4
    assert np.abs(found - overlay(grey, own.maps[0], box=box)).mean() > 10


def test_the_same_reading_gives_the_same_picture() -> None:
    assert (
        draw_picture(READING, seen(), ORIGIN).tobytes()
        == draw_picture(READING, seen(), ORIGIN).tobytes()
    )


def test_names_of_pictures_are_safe_and_differ() -> None:
    names = {
        reading_picture_name(READING.model_copy(update={"file": file, "frame": frame}))
        for file in ("../../etc/x", "a:b", "a b", "a_b", "CON", "深", "x" * 300)
        for frame in (1, 2)
    }
    assert len(names) == 14
    assert all(Path(name).name == name and len(name.encode()) < 150 for name in names)


def test_the_name_of_a_picture_keeps_chinese_letters_and_adds_nothing() -> None:
    reading = READING.model_copy(update={"file": "王小红 左侧.jpg", "patient": "MR7000000393"})
    named = reading_picture_name(reading.model_copy(update={"frames": 1, "frame": 1}))
    assert re.fullmatch(r"王小红 左侧-[0-9a-f]{10}\.png", named)
    decomposed = reading.model_copy(update={"file": unicodedata.normalize("NFD", "Müller é.dcm")})
    assert reading_picture_name(decomposed).startswith("Müller é-")
    long = reading.model_copy(update={"file": "科室/" * 60 + "王小红 左侧.jpg"})
    assert "王小红 左侧-" in reading_picture_name(long)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_picture_alone_says_what_made_it_and_what_it_is_not(
    lang: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("metrascope.messages._chosen", [lang])
    monkeypatch.setattr("metrascope.predict.reading_picture.picture_language", lambda: lang)
    monkeypatch.setattr("metrascope.predict.reading_picture.picture_text", lambda line: line)
    monkeypatch.setattr(
        "metrascope.predict.reading_picture.draw_text", lambda *of, **_: drawn.append(of[3])
    )
    sure = {"probabilities": {"normal": 0.0004, "fibroid": 0.0001, "polyp": 0.9995}}
    reading = READING.model_copy(update=sure | {"prediction_set": ("polyp",)})
    draw_picture(reading, seen(), ORIGIN)
    said = " ".join(drawn)
    assert ("> 99 %" if lang == "en" else "> 99%") in said
    assert ("< 1 %" if lang == "en" else "< 1%") in said
    assert "100.0" not in said
    for part in ("abababababab", "Ward 3 (MobileNetV2)", "2026-11-30", READING.warnings[0].text):
        assert part in said
    assert ("not a medical device" if lang == "en" else "不是医疗器械") in said
    assert ("Dashed frame" if lang == "en" else "虚线框") in said
    one = "90 % prediction set: Endometrial polyp alone"
    assert (one if lang == "en" else "90% 预测集合：子宫内膜息肉（仅此一类）") in said
    whole = seen().model_copy(update={"box": (0.0, 0.0, 200.0, 150.0)})
    drawn.clear()
    draw_picture(reading, whole, ORIGIN)
    assert "Dashed" not in " ".join(drawn)
    assert "虚线框" not in " ".join(drawn)


def test_of_what_is_refused_people_get_a_reason_and_no_number() -> None:
    refused = {
        "predicted": None,
        "probabilities": None,
        "refused_probabilities": READING.probabilities,
        "refusal": Notice(key="refusal.full_set", text="No class can be ruled out."),
    }
    file = io.StringIO()
    write_csv(file, [READING, READING.model_copy(update=refused)], CLASSES, heat_maps=True)
    read, row = csv.DictReader(io.StringIO(file.getvalue().removeprefix("\ufeff")))
    assert (read["p_polyp"], read["prediction_set"]) == ("70.0 %", "fibroid polyp")
    assert row["reason"] == "No class can be ruled out."
    assert row["heat_map"] == "none: refused"
    empty = ("predicted", "prediction_set", "confidence", "p_normal", "p_fibroid", "p_polyp")
    assert {row[name] for name in empty} == {""}
    assert "0.7" not in reading_text(READING.model_copy(update=refused))


def test_no_font_means_no_empty_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "_chinese_file", lambda: None)
    lettering._face.cache_clear()
    try:
        assert lettering.picture_language("zh") == "en"
        assert lettering.picture_text("ab 息肉.png") == "ab ??.png"
        assert class_name("polyp", 2, "zh") == "Endometrial polyp"
        assert class_name("腺肌症", 3, "en") == "class 4"
    finally:
        lettering._face.cache_clear()


def test_latin_letters_are_always_there() -> None:
    assert (
        lettering.picture_text("Endometrial polyp 33.5 % · é ü") == "Endometrial polyp 33.5 % · é ü"
    )
