"""The anatomy against the published ranges that docs/phantom.md quotes."""

import dataclasses

import numpy as np
import pytest

from metrascope.phantom.anatomy import LABELS, Anatomy, draw_anatomy
from metrascope.phantom.lesions import PhantomLesion
from metrascope.phantom.uterus import uterus_outline

RADIUS = 11.0


def draw_many(label: str, count: int = 300, difficulty: float = 0.5) -> list[Anatomy]:
    rng = np.random.default_rng(17)
    return [draw_anatomy(label, difficulty, RADIUS, rng) for _ in range(count)]


def lesions(label: str, count: int = 300, difficulty: float = 0.5) -> list[PhantomLesion]:
    found = [anatomy.lesion for anatomy in draw_many(label, count, difficulty)]
    return [lesion for lesion in found if lesion is not None]


def test_the_uterus_keeps_to_its_ranges() -> None:
    drawn = [anatomy.uterus for anatomy in draw_many("normal")]
    assert all(60 <= uterus.length_mm <= 90 for uterus in drawn)
    assert all(30 <= uterus.depth_mm <= 50 for uterus in drawn)
    assert {uterus.plane for uterus in drawn} == {"sagittal", "transverse"}
    assert {uterus.version for uterus in drawn} == {"anteverted", "mid", "retroverted"}


def test_the_outline_is_as_long_and_deep_as_drawn() -> None:
    for anatomy in draw_many("normal", 40):
        if anatomy.uterus.plane == "sagittal":
            straight = dataclasses.replace(anatomy.uterus, flexion=0.0, axis_rad=0.0)
            extent = np.ptp(uterus_outline(straight), axis=0)
            assert extent[0] == pytest.approx(straight.length_mm, rel=0.01)
            assert extent[1] == pytest.approx(straight.depth_mm, rel=0.01)


def test_an_anteverted_fundus_points_left_and_a_retroverted_one_right() -> None:
    for anatomy in draw_many("normal"):
        uterus = anatomy.uterus
        if uterus.plane == "sagittal" and uterus.version != "mid":
            assert (np.cos(uterus.axis_rad) < 0) == (uterus.version == "anteverted")


def test_the_uterus_lies_just_in_front_of_the_probe() -> None:
    for anatomy in draw_many("normal", 100):
        points = uterus_outline(anatomy.uterus) + np.array(anatomy.uterus.center_mm)
        gap = np.hypot(points[:, 0], points[:, 1]).min() - RADIUS
        assert 2.9 <= gap <= 9.1


def test_the_endometrium_keeps_to_its_ranges_by_phase() -> None:
    drawn = [anatomy.endometrium for anatomy in draw_many("normal")]
    assert all(3 <= lining.thickness_mm <= 16 for lining in drawn)
    phases = {
        phase: np.mean([lining.thickness_mm for lining in drawn if lining.phase == phase])
        for phase in ("menstrual", "proliferative", "secretory")
    }
    assert phases["menstrual"] < phases["proliferative"] < phases["secretory"]


def test_only_lesion_classes_have_a_lesion() -> None:
    for label in LABELS:
        found = [anatomy.lesion for anatomy in draw_many(label, 20)]
        assert all((lesion is None) == (label == "normal") for lesion in found)
        assert all(lesion is None or lesion.label == label for lesion in found)


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_lesions_keep_to_their_ranges(difficulty: float) -> None:
    polyps = lesions("polyp", difficulty=difficulty)
    fibroids = lesions("fibroid", difficulty=difficulty)
    assert all(4 <= lesion.diameter_mm <= 25 for lesion in polyps)
    assert all(8 <= lesion.diameter_mm <= 40 for lesion in fibroids)
    assert all(lesion.aspect < 1 for lesion in polyps)
    assert all(lesion.echo_db <= 0 and lesion.attenuation > 0.45 for lesion in fibroids)
    assert all(lesion.echo_db > 0 for lesion in polyps)


def test_polyps_lie_in_the_cavity() -> None:
    for anatomy in draw_many("polyp"):
        lesion = anatomy.lesion
        assert lesion is not None
        first, last = anatomy.uterus.cavity_mm
        assert first < lesion.u_mm < last
        assert abs(lesion.v_mm) < lesion.semi_mm[1]


def test_the_figo_type_says_how_much_lies_in_the_wall() -> None:
    seen = set()
    for anatomy in draw_many("fibroid"):
        lesion = anatomy.lesion
        assert lesion is not None
        wall, center = anatomy.endometrium.thickness_mm / 2, lesion.side * lesion.v_mm
        reach = lesion.semi_mm[1]
        seen.add(lesion.figo)
        if lesion.figo == 1:
            assert center < wall < center + reach
        elif lesion.figo == 2:
            assert center - reach < wall < center
    assert seen == {0, 1, 2}


def test_harder_means_smaller_and_fainter() -> None:
    for label in ("polyp", "fibroid"):
        easy, hard = lesions(label, 400, 0.0), lesions(label, 400, 1.0)
        sizes = [np.mean([lesion.diameter_mm for lesion in group]) for group in (easy, hard)]
        echoes = [np.mean([abs(lesion.echo_db) for lesion in group]) for group in (easy, hard)]
        assert sizes[0] > 1.3 * sizes[1]
        assert echoes[0] > 1.3 * echoes[1]


def test_the_same_generator_state_gives_the_same_patient() -> None:
    first, second = (draw_anatomy("polyp", 0.5, RADIUS, np.random.default_rng(3)) for _ in range(2))
    assert first == second
