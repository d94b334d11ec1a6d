"""Heat over image: placement, interpolation, outline."""

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from metrascope.overlay import SCALE, heat_rgb, mask_outline, overlay, spread_heat

GREY = np.full((60, 90), 120, np.uint8)


def test_spread_equals_pillows_bilinear_enlargement() -> None:
    heat = np.random.default_rng(0).random((7, 7)).astype(np.float32)
    ours = spread_heat(heat, (91, 133))
    image = Image.fromarray(heat / heat.max()).resize((133, 91), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(ours, np.asarray(image), atol=1e-5)


def test_spread_peak_sits_in_the_middle_of_its_cell_of_the_box() -> None:
    heat = np.zeros((4, 4), np.float32)
    heat[1, 3] = 5.0
    spread = spread_heat(heat, (60, 90), (20.0, 10.0, 60.0, 50.0))
    row, column = np.unravel_index(spread.argmax(), spread.shape)
    assert abs(row + 0.5 - (10 + 1.5 * 10)) <= 0.5
    assert abs(column + 0.5 - (20 + 3.5 * 10)) <= 5.0  # the last cell is level to its edge
    assert spread.max() == pytest.approx(1.0, abs=0.06)


def test_spread_is_zero_outside_the_box_and_linear_inside() -> None:
    spread = spread_heat(np.ones((7, 7), np.float32), (60, 90), (20.0, 10.0, 60.0, 50.0))
    expected = np.zeros((60, 90))
    expected[10:50, 20:60] = 1.0
    np.testing.assert_allclose(spread, expected, atol=1e-12)


def test_box_beyond_the_image_is_cut() -> None:
    spread = spread_heat(np.ones((7, 7), np.float32), (60, 90), (-15.0, -30.0, 105.0, 90.0))
    np.testing.assert_allclose(spread, 1.0)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_overlay_does_not_depend_on_the_scale_of_the_map(scale: float) -> None:
    heat = np.random.default_rng(1).random((7, 7)).astype(np.float32)
    difference = overlay(GREY, heat).astype(int) - overlay(GREY, heat * np.float32(scale))
    assert np.abs(difference).max() <= 1


def test_overlay_of_no_heat_is_the_grey_image() -> None:
    picture = overlay(GREY, np.zeros((7, 7), np.float32))
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, np.repeat(GREY[..., None], 3, axis=2))


def test_overlay_of_full_heat_blends_three_quarters_of_the_hottest_color() -> None:
    picture = overlay(GREY, np.ones((2, 2), np.float32))
    hottest = SCALE[-1] * 255
    np.testing.assert_allclose(picture[30, 45], 0.25 * 120 + 0.75 * hottest, atol=1)


def test_outline_is_the_rim_of_the_mask() -> None:
    mask = np.zeros((60, 90), np.uint8)
    mask[20:40, 30:60] = 255
    rim = np.zeros((60, 90), bool)
    rim[20:40, 30:60] = True
    rim[21:39, 31:59] = False
    np.testing.assert_array_equal(mask_outline(mask), rim)
    picture = overlay(GREY, np.zeros((7, 7), np.float32), mask)
    np.testing.assert_array_equal((picture == (0, 255, 255)).all(axis=2), rim)


def test_outline_closes_at_the_border_of_the_image() -> None:
    rim = mask_outline(np.ones((5, 6), np.uint8))
    assert rim.sum() == 5 * 6 - 3 * 4


def test_colors_get_lighter_with_heat() -> None:
    rgb = heat_rgb(np.linspace(0, 1, 64))
    luminance = rgb @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_colors_are_those_of_matplotlib() -> None:
    known = mpl.colormaps["inferno"](np.linspace(0.3, 1.0, 256))[:, :3]
    np.testing.assert_allclose(SCALE, known, atol=0.5 / 255)
