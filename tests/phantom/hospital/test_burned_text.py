"""Letters."""

import numpy as np
import pytest

from metrascope.phantom.hospital import burned_text as lettering
from metrascope.phantom.hospital.burned_text import Face, has_chinese, legible, shape
from metrascope.phantom.hospital.drawing import Canvas

FACES: tuple[Face, ...] = ("stroke", "stroke_bold", "stroke_serif", "bitmap", "sans", "noto")


@pytest.mark.parametrize("face", FACES)
def test_letters_fill_their_box_and_are_as_high_as_wanted(face: Face) -> None:
    for height in (12, 24, 36):
        alpha = shape("Wang 1981", face, height)
        assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))
        assert 0.4 * height < alpha.shape[0] < 1.3 * height


def test_chinese_letters_differ_from_one_another() -> None:
    if not has_chinese():
        pytest.skip("no Chinese font")
    signs = {shape(sign, "stroke", 40).tobytes() for sign in "王秀兰宫腔"}
    assert len(signs) == 5


def test_without_a_chinese_font_only_latin_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "packaged_font", lambda: None)
    assert legible("王秀兰") == ""
    assert legible("Müller") == "Muller"
    assert legible("Yılmaz Øst") == "Yilmaz Ost"
    canvas = Canvas((200, 50))
    assert canvas.write("王秀兰", (10, 20), "sans", 20, (255, 255, 255)) is None
    assert not canvas.ink.any()


def test_letters_stay_on_the_canvas() -> None:
    canvas = Canvas((160, 60))
    for at in ((-30, -9), (150, 58), (80, 30)):
        box = canvas.write("PID 77", at, "sans", 20, (250, 250, 250), identifying=True)
        assert box is not None
        left, top, width, height = box
        assert 0 <= left < left + width <= 160
        assert 0 <= top < top + height <= 60
    assert np.array_equal(canvas.glyphs, canvas.ink)
    assert len({mark.box for mark in canvas.marks}) == 3
