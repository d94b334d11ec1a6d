"""Images and masks of single patients."""

import numpy as np
import pytest

from metrascope.errors import SettingsError
from metrascope.phantom.phantom_screen import lay_out_screen
from metrascope.phantom.render import PhantomCase, PhantomStill, draw_case, render_phantom, sector
from metrascope.phantom.scanners import SCANNERS

SIZE = 256


def make(label: str, index: int, scanner: str = "voluson", difficulty: float = 0.2) -> PhantomCase:
    return draw_case(label, scanner, seed=9, index=index, difficulty=difficulty)


@pytest.fixture(scope="module")
def lesions() -> list[tuple[PhantomCase, PhantomStill]]:
    names = list(SCANNERS)
    cases = [make(("fibroid", "polyp")[i % 2], i, names[i % 5]) for i in range(20)]
    return [(case, render_phantom(case, SIZE)) for case in cases]


def test_the_same_patient_is_the_same_image() -> None:
    first, second = (render_phantom(make("fibroid", 1), SIZE) for _ in range(2))
    assert np.array_equal(first.image, second.image)
    other = render_phantom(make("fibroid", 2), SIZE)
    assert not np.array_equal(first.image, other.image)


def test_a_normal_uterus_has_no_mask() -> None:
    assert render_phantom(make("normal", 3), SIZE).mask is None


def test_masks_lie_inside_the_sector(lesions: list[tuple[PhantomCase, PhantomStill]]) -> None:
    for _, still in lesions:
        assert still.mask is not None
        assert set(np.unique(still.mask)) == {0, 255}
        assert set(np.unique(still.sector)) == {0, 255}
        assert not np.any(still.mask[still.sector == 0])


def test_masks_are_as_large_as_the_lesion(lesions: list[tuple[PhantomCase, PhantomStill]]) -> None:
    ratios = []
    for case, still in lesions:
        assert still.mask is not None
        lesion = case.anatomy.lesion
        assert lesion is not None
        long, short = lesion.semi_mm
        pixel = lay_out_screen(case.scanner, case.beam, SIZE).pixel_mm
        ratios.append(np.count_nonzero(still.mask) * pixel**2 / (np.pi * long * short))
    assert np.mean(ratios) == pytest.approx(1, abs=0.07)
    assert min(ratios) > 0.6
    assert max(ratios) < 1.4


def test_the_sector_alone_equals_that_of_the_image() -> None:
    case = make("normal", 5)
    assert np.array_equal(sector(case, SIZE), render_phantom(case, SIZE).sector)


def test_the_probe_and_the_last_depth_bound_the_sector() -> None:
    for name in SCANNERS:
        case = make("normal", 6, name)
        screen = lay_out_screen(case.scanner, case.beam, SIZE)
        rows, columns = np.nonzero(sector(case, SIZE))
        x = (columns + 0.5 - screen.apex[0]) * screen.pixel_mm
        z = (rows + 0.5 - screen.apex[1]) * screen.pixel_mm
        depth = np.hypot(x, z) - case.beam.radius_mm
        assert depth.min() == pytest.approx(0, abs=screen.pixel_mm)
        assert depth.max() == pytest.approx(case.beam.depth_mm, abs=2 * screen.pixel_mm)
        assert np.degrees(np.abs(np.arctan2(x, z))).max() <= case.beam.fov_deg / 2 + 0.1


def contrast(label: str) -> float:
    """Return how much brighter lesions are than the uterus around them, in grey levels."""
    gaps = []
    for index in range(12):
        still = render_phantom(make(label, index, difficulty=0.0), SIZE)
        assert still.mask is not None
        rows, columns = np.nonzero(still.mask)
        window = np.zeros(still.mask.shape, bool)
        window[
            max(rows.min() - 12, 0) : rows.max() + 12, columns.min() - 12 : columns.max() + 12
        ] = 1
        around = window & (still.mask == 0) & (still.sector > 0)
        gaps.append(still.image[still.mask > 0].mean() - still.image[around].mean())
    return float(np.mean(gaps))


def test_fibroids_are_darker_and_polyps_brighter_than_their_surroundings() -> None:
    assert contrast("fibroid") < -10
    assert contrast("polyp") > 10


def test_screens_carry_furniture_outside_the_sector() -> None:
    for name in SCANNERS:
        still = render_phantom(make("normal", 7, name), SIZE)
        outside = still.image[still.sector == 0]
        assert 50 < np.count_nonzero(outside) < 0.1 * still.image.size


def test_scanners_differ_in_grey_level_and_geometry() -> None:
    pairs = {(preset.fov_deg, preset.dynamic_range_db, preset.bar) for preset in SCANNERS.values()}
    assert len(pairs) == len(SCANNERS) == 5
    assert all(7 <= preset.frequency_mhz <= 10 for preset in SCANNERS.values())


def test_an_unknown_scanner_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="aplio, epiq, voluson, samsung, nuewa"):
        draw_case("normal", "sonar", seed=1, index=1)
