"""Strips at any angle keep their geometry; the two networks read each way round."""

import cv2
import numpy as np
import pytest

from metrascope.screen.ocr import Strip, find_strips, read_strips

pytest.importorskip("rapidocr")
pytest.importorskip("onnxruntime")


def test_corners_are_those_of_the_turned_box() -> None:
    strip = Strip((50.0, 40.0), (30.0, 10.0), -90.0)
    corners = strip.corners(edge=1.0)
    np.testing.assert_allclose(corners.min(axis=0), (44, 24), atol=0.01)
    np.testing.assert_allclose(corners.max(axis=0), (56, 56), atol=0.01)
    assert strip.moved(1, -2).middle == (51.0, 38.0)
    assert strip.resized(0.5) == Strip((25.0, 20.0), (15.0, 5.0), -90.0)


@pytest.mark.parametrize("angle", [0, 35, 90, 180, 270])
def test_a_line_is_found_and_read_at_any_angle(angle: int) -> None:
    sheet = np.zeros((320, 320), np.uint8)
    cv2.putText(sheet, "WANG 0231", (70, 170), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 230, 2, cv2.LINE_AA)
    turn = cv2.getRotationMatrix2D((160, 160), angle, 1.0)
    color = cv2.cvtColor(cv2.warpAffine(sheet, turn, (320, 320)), cv2.COLOR_GRAY2BGR)
    color = np.asarray(color, np.uint8)
    strips = find_strips(color)
    read = read_strips(color, strips)
    assert "WANG0231" in {text.replace(" ", "") for text, _ in read}
    inside = cv2.fillConvexPoly(np.zeros_like(sheet), np.intp(strips[0].corners()), 1) > 0
    assert inside[color[..., 0] > 128].mean() > 0.98
