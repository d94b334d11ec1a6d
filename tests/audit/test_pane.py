"""The pane forgets gain and size, and leaves marks and the sector's outline out."""

import cv2
import numpy as np
import pytest
from tests.audit.make import phantom

from metrascope.audit.pane import PANE_SIDE, make_pane
from metrascope.dataset.image import Picture


def likeness(first: Picture, second: Picture) -> float:
    panes = make_pane(first), make_pane(second)
    both = panes[0].valid & panes[1].valid
    assert both.sum() > 0.8 * panes[0].valid.sum()
    return float(np.corrcoef(panes[0].texture[both], panes[1].texture[both])[0, 1])


@pytest.mark.parametrize(("factor", "lift"), [(0.6, 0), (0.8, 25), (1.2, 5)])
def test_gain_drops_out(factor: float, lift: float) -> None:
    picture = phantom(0)
    grey = np.clip(picture.grey * factor + lift, 0, 255).astype(np.uint8)
    assert likeness(picture, Picture(grey, picture.sector, None)) > 0.95


def test_size_drops_out() -> None:
    picture = phantom(1, 512)
    half = cv2.resize(picture.grey, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    sector = cv2.resize(picture.sector.astype(np.uint8), half.shape[::-1]) > 0
    pane = make_pane(Picture(half, sector, None))
    assert max(pane.texture.shape) == PANE_SIDE
    assert abs(pane.texture.shape[0] - make_pane(picture).texture.shape[0]) <= 1
    assert (
        likeness(picture, Picture(half, sector, None)) > 0.9 or pane.texture.shape[0] != PANE_SIDE
    )


def test_outline_and_strokes_are_left_out() -> None:
    picture = phantom(2)
    grey = picture.grey.copy()
    height, width = grey.shape
    cross = (width // 2, height // 2)
    cv2.drawMarker(grey, cross, 255, cv2.MARKER_CROSS, 16, 1)
    pane = make_pane(Picture(grey, picture.sector, None))
    scale = PANE_SIDE / max(grey.shape)
    assert not pane.valid[round(cross[1] * scale), round(cross[0] * scale)]
    inside = cv2.resize(picture.sector.astype(np.uint8), pane.valid.shape[::-1])
    distance = cv2.distanceTransform(cv2.copyMakeBorder(inside, 1, 1, 1, 1, 0), cv2.DIST_L2, 5)
    assert distance[1:-1, 1:-1][pane.valid].min() >= 4
    assert pane.valid.mean() > 0.3


def test_a_narrow_image_is_no_error() -> None:
    grey = np.random.default_rng(0).integers(0, 255, (600, 40), dtype=np.uint8)
    pane = make_pane(Picture(grey, np.ones(grey.shape, bool), None))
    assert pane.texture.shape == (PANE_SIDE, 17)
