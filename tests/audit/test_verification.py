"""Laying one image over another: the transform is the one that was applied, or none is found."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from tests.audit.make import cut, phantom, view

from metrascope.audit.pane import PANE_SIDE
from metrascope.audit.points import KeyPoints
from metrascope.audit.settings import AuditSettings
from metrascope.audit.verification import compare_views
from metrascope.audit.views import make_view
from metrascope.dataset.image import Picture

SETTINGS = AuditSettings()


def test_an_image_is_itself() -> None:
    found = compare_views(view(0), view(0), flipped=False)
    assert found.score > 0.99
    assert found.share == pytest.approx(1.0, abs=0.01)
    np.testing.assert_allclose(found.transform, [[1, 0, 0], [0, 1, 0]], atol=0.05)


def test_the_transform_of_a_crop_is_found() -> None:
    whole = phantom(0, 480)
    top, left, height, width = 60, 70, 230, 240
    part = cut(whole, top, left, height, width)
    found = compare_views(make_view(whole), make_view(part), flipped=False)
    # Pixel centers: pane to image to image to pane, each a scale about the corner.
    large, small = PANE_SIDE / max(whole.grey.shape), PANE_SIDE / max(part.grey.shape)
    scale = large / small
    shift = np.array([left, top]) * large + (scale - 1) / 2
    assert SETTINGS.same(found)
    assert found.transform is not None
    np.testing.assert_allclose(found.transform[:, :2], scale * np.eye(2), atol=0.02)
    np.testing.assert_allclose(found.transform[:, 2], shift, atol=1.5)


def test_a_mirrored_image_is_found_as_mirrored_only() -> None:
    picture = phantom(1)
    turned = Picture(
        np.ascontiguousarray(picture.grey[:, ::-1]),
        np.ascontiguousarray(picture.sector[:, ::-1]),
        None,
    )
    found = compare_views(view(1), make_view(turned), flipped=True)
    assert found.flipped
    assert found.score > 0.9
    assert not SETTINGS.same(compare_views(view(1), make_view(turned), flipped=False))


def change(name: str, grey: np.ndarray) -> np.ndarray:
    if name == "gamma":
        return (255 * (grey / 255.0) ** 0.6).astype(np.uint8)
    if name == "gain":
        return np.clip(grey * 1.4 + 10, 0, 255).astype(np.uint8)
    if name == "jpeg":
        code = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 30])[1]
        return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE))
    marked = grey.copy()
    middle = grey.shape[1] // 2, grey.shape[0] // 2
    if name == "caliper":
        cv2.drawMarker(marked, middle, 255, cv2.MARKER_TILTED_CROSS, 14, 2)
    else:
        cv2.putText(marked, "D 23.4 mm", middle, cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1)
    return marked


@pytest.mark.parametrize("name", ["gamma", "gain", "jpeg", "caliper", "text"])
@pytest.mark.parametrize("index", [0, 2])
def test_every_change_is_seen_through(name: str, index: int) -> None:
    picture = phantom(index)
    changed = Picture(change(name, picture.grey), picture.sector, None)
    assert SETTINGS.same(compare_views(view(index), make_view(changed), flipped=False))


def test_patients_of_one_scanner_are_not_one() -> None:
    others = [(first, second) for first in range(6) for second in range(first)]
    for first, second in others:
        for flipped in (False, True):
            found = compare_views(view(first), view(second), flipped=flipped)
            assert not SETTINGS.same(found), (first, second, found)


def test_too_few_points_are_no_match() -> None:
    few = KeyPoints(view(0).points.at[:3], view(0).points.descriptors[:3])
    found = compare_views(replace(view(0), points=few), view(0), flipped=False)
    assert found.score == 0
    assert found.transform is None
    none = KeyPoints(few.at[:0], few.descriptors[:0])
    assert compare_views(replace(view(0), points=none), view(0), flipped=False).score == 0
