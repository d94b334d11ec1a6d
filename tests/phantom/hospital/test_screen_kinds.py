"""Whole screens: the truth about them against their own pixels."""

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pytest

from metrascope.phantom.hospital import burned_text as lettering
from metrascope.phantom.hospital.burned_text import has_chinese
from metrascope.phantom.hospital.fan_screen import FanEcho, listen
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.shot import SHOT_KINDS, ProbeView, Screenshot, ShotKind
from metrascope.phantom.render import draw_case
from metrascope.phantom.scanners import SCANNERS

NO_FAN = ("three_d", "report", "blank")
COLORED = ("color_doppler", "power_doppler", "elastography", "spectral_doppler")


@dataclass(frozen=True)
class Someone:
    latin_name: str = "WANG XIULAN"
    chinese_name: str = "王秀兰"
    patient_id: str = "PID7000037113"
    birth_date: date = date(1981, 4, 23)
    hospital: str = "青石妇幼保健院"
    hospital_latin: str = "Qingshi Womens Hospital"
    exam_time: datetime = datetime(2021, 3, 12, 9, 41, 7)
    accession: str = "US2103120417"
    operator: str = "Bai Ling"


@pytest.fixture(scope="module")
def echoes() -> dict[str, FanEcho]:
    labels = ("fibroid", "polyp", "normal", "fibroid", "polyp")
    return {
        name: listen(draw_case(label, name, seed=4, index=index))
        for index, (name, label) in enumerate(zip(LAYOUTS, labels, strict=True))
    }


def shoot(echo: FanEcho, layout: str, seed: int, kind: ShotKind = "bmode") -> Screenshot:
    return draw_screen(echo, layout, Someone(), np.random.default_rng(seed), kind=kind)


def test_layouts_are_those_of_the_scanners() -> None:
    assert set(LAYOUTS) == set(SCANNERS)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_kind_tells_the_truth_about_itself(echoes: dict[str, FanEcho], layout: str) -> None:
    for kind in SHOT_KINDS:
        shot = shoot(echoes[layout], layout, 7, kind)
        height, width = shot.image.shape[:2]
        assert (width, height) in LAYOUTS[layout].sizes
        assert shot.sector.any() == (kind not in NO_FAN)
        assert shot.usable == (kind == "bmode")
        assert not shot.clean[~shot.sector].any()
        for left, top, wide, high in (region.box for region in shot.regions):
            assert 0 <= left < left + wide <= width
            assert 0 <= top < top + high <= height
        if shot.sector.any() and kind not in COLORED:
            bare = shot.sector & ~shot.ink
            seen = shot.image.max(axis=2)[bare].astype(int)
            assert np.abs(seen - shot.clean[bare]).max() <= 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_identifying_letters_are_drawn_in_their_boxes(
    echoes: dict[str, FanEcho], layout: str
) -> None:
    for seed in range(4):
        shot = shoot(echoes[layout], layout, seed)
        boxed = np.zeros(shot.sector.shape, np.bool_)
        inked = np.zeros(shot.sector.shape, np.bool_)
        for mark in shot.marks:
            left, top, wide, high = mark.box
            within = (slice(top, top + high), slice(left, left + wide))
            assert shot.ink[within].any()
            inked[within] = True
            if mark.identifying:
                assert mark.kind == "text"
                assert shot.glyphs[within].mean() > 0.05
                assert shot.image[within].max(axis=2).std() > 10
                boxed[within] = True
        assert not shot.glyphs[~boxed].any()
        assert not (shot.glyphs & ~shot.ink).any()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_screen_names_everything_about_the_patient(
    echoes: dict[str, FanEcho], layout: str
) -> None:
    shot, someone = shoot(echoes[layout], layout, 1), Someone()
    words = " ".join(mark.text for mark in shot.marks if mark.identifying)
    harmless = " ".join(mark.text for mark in shot.marks if not mark.identifying)
    style = LAYOUTS[layout]
    secrets = [someone.latin_name, someone.patient_id, someone.exam_time.strftime(style.day)]
    secrets += [someone.birth_date.strftime(style.birth)]
    secrets += [someone.chinese_name] if has_chinese() else []
    for secret in secrets:
        assert secret in words
        assert secret not in harmless


def test_letters_reach_into_the_fan_now_and_then(echoes: dict[str, FanEcho]) -> None:
    shots = [shoot(echoes["samsung"], "samsung", seed) for seed in range(16)]
    over = [np.count_nonzero(shot.glyphs & shot.sector) for shot in shots]
    assert any(pixels > 50 for pixels in over)
    assert any(pixels == 0 for pixels in over)


def test_letters_change_the_pixels(echoes: dict[str, FanEcho]) -> None:
    # a screen for nobody: the same strokes are missing where the letters were
    class Nobody(Someone):
        pass

    nobody = Nobody(*("",) * 3, date(1981, 4, 23), "", "", datetime(2021, 3, 12), "", "")
    echo = echoes["aplio"]
    seeds = [seed for seed in range(6) if not shoot(echo, "aplio", seed).glyphs[echo_rows()].any()]
    for seed in seeds[:2]:
        with_letters = shoot(echo, "aplio", seed)
        without = draw_screen(echo, "aplio", nobody, np.random.default_rng(seed))
        name = next(m for m in with_letters.marks if m.text == Someone().latin_name)
        left, top, wide, high = name.box
        part = (slice(top, top + high), slice(left, left + wide))
        changed = np.any(with_letters.image[part] != without.image[part], axis=2)
        assert np.array_equal(changed, with_letters.glyphs[part])
    assert seeds


def echo_rows() -> slice:
    """Rows of the smaller aplio screen that are surely below the banner and above the status."""
    return slice(100, 680)


def test_the_same_seed_is_the_same_screen(echoes: dict[str, FanEcho]) -> None:
    for kind in SHOT_KINDS:
        first, second = (shoot(echoes["epiq"], "epiq", 3, kind) for _ in range(2))
        assert np.array_equal(first.image, second.image)
        assert first.marks == second.marks
    other = shoot(echoes["epiq"], "epiq", 4)
    same = shoot(echoes["epiq"], "epiq", 3)
    assert other.image.shape != same.image.shape or not np.array_equal(other.image, same.image)


@pytest.mark.parametrize("view", ["curved", "phased", "linear"])
def test_the_sector_has_the_shape_of_its_probe(view: ProbeView) -> None:
    case = draw_case("fibroid", "voluson", seed=4, index=1)
    shot = draw_screen(case, "voluson", Someone(), np.random.default_rng(0), view=view)
    widths = shot.sector.sum(axis=1)
    rows = np.flatnonzero(widths)
    assert shot.sector_kind == view
    upper, lower = widths[rows[len(rows) // 4]], widths[rows[3 * len(rows) // 4]]
    if view == "linear":
        assert upper == lower
        assert shot.sector.sum() == widths.max() * len(rows)
        assert len(rows) * shot.mm_per_pixel == pytest.approx(case.beam.depth_mm, rel=0.01)
    elif view == "phased":
        assert widths[rows[2]] < 0.1 * lower
        assert lower > 2 * upper
    else:
        assert lower > upper


@pytest.mark.parametrize("layout", ["voluson", "nuewa"])
def test_the_curved_sector_is_a_ring_of_the_right_size(
    echoes: dict[str, FanEcho], layout: str
) -> None:
    shots = [shoot(echoes[layout], layout, seed) for seed in range(8)]
    areas = [np.count_nonzero(shot.sector) * shot.mm_per_pixel**2 for shot in shots]
    beam = echoes[layout].beam
    half = np.deg2rad(beam.fov_deg) / 2
    near, far = beam.radius_mm, beam.radius_mm + beam.depth_mm
    whole = half * (far**2 - near**2)
    # whole at times on the wide screen; on both its sides are cut off at other times
    assert max(areas) <= 1.005 * whole
    assert layout == "nuewa" or max(areas) > 0.99 * whole
    assert 0.35 * whole < min(areas) < 0.95 * whole


def test_the_lesion_keeps_its_size(echoes: dict[str, FanEcho]) -> None:
    lesion = echoes["aplio"].case.anatomy.lesion
    shot = shoot(echoes["aplio"], "aplio", 0)
    assert lesion is not None
    assert shot.lesion is not None
    assert not (shot.lesion & ~shot.sector).any()
    area = np.count_nonzero(shot.lesion) * shot.mm_per_pixel**2
    assert area == pytest.approx(np.pi * lesion.semi_mm[0] * lesion.semi_mm[1], rel=0.35)


def test_calipers_measure_what_they_say(echoes: dict[str, FanEcho]) -> None:
    found = 0
    for seed in range(12):
        shot = shoot(echoes["voluson"], "voluson", seed)
        ends = [mark.box for mark in shot.marks if mark.kind == "caliper"]
        said = [mark.text for mark in shot.marks if " D " in mark.text]
        assert len(ends) == 2 * len(said)
        for number, words in enumerate(said):
            pair = ends[2 * number : 2 * number + 2]
            (x0, y0), (x1, y1) = ((left + w / 2, top + h / 2) for left, top, w, h in pair)
            span = float(np.hypot(x1 - x0, y1 - y0)) * shot.mm_per_pixel / 10
            assert float(words.split()[2]) == pytest.approx(span, abs=0.12)
            found += 1
    assert found > 4


def test_colors_are_in_color_and_grays_are_gray(echoes: dict[str, FanEcho]) -> None:
    for kind in ("color_doppler", "power_doppler", "elastography"):
        shot = shoot(echoes["samsung"], "samsung", 2, kind)
        window = next(region for region in shot.regions if region.kind != "2d")
        left, top, wide, high = window.box
        part = shot.image[top : top + high, left : left + wide].astype(int)
        assert (np.ptp(part, axis=2) > 60).mean() > 0.03
    still = shoot(echoes["samsung"], "samsung", 2)
    bare = still.image[still.sector & ~still.ink].astype(int)
    assert np.ptp(bare, axis=1).max() <= 25


def test_without_a_chinese_font_screens_are_latin(
    echoes: dict[str, FanEcho], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lettering, "packaged_font", lambda: None)
    for layout, echo in echoes.items():
        shot = shoot(echo, layout, 2)
        words = [mark.text for mark in shot.marks]
        assert all(text.isascii() for text in words)
        assert any(Someone().latin_name in text for text in words)
        assert any(Someone().hospital_latin in text for text in words)


def test_names_with_accents_are_drawn(echoes: dict[str, FanEcho]) -> None:
    someone = Someone(latin_name="Yılmaz Øst Müller", chinese_name="Yılmaz Øst Müller")
    shot = draw_screen(echoes["samsung"], "samsung", someone, np.random.default_rng(1))
    words = [mark.text for mark in shot.marks if mark.identifying]
    assert any("lmaz" in text for text in words)
