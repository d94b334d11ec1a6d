"""Cine loops."""

from datetime import date, datetime
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from metrascope.phantom.hospital.loops import draw_loop
from metrascope.phantom.hospital.shot import Screenshot
from metrascope.phantom.render import draw_case

SOMEONE = SimpleNamespace(
    latin_name="LI MIN",
    chinese_name="李敏",
    patient_id="MR7000074",
    birth_date=date(1990, 2, 3),
    hospital="青石妇幼保健院",
    hospital_latin="Qingshi Womens Hospital",
    exam_time=datetime(2020, 5, 6, 7, 8, 9),
    accession="A77",
    operator="Cao",
)


def loop(seed: int, frames: int) -> tuple[Screenshot, ...]:
    case = draw_case("fibroid", "samsung", seed=2, index=1)
    return draw_loop(case, "samsung", SOMEONE, np.random.default_rng(seed), frames=frames)


@pytest.fixture(scope="module")
def shots() -> tuple[Screenshot, ...]:
    return loop(1, 10)


def alike(first: Screenshot, second: Screenshot) -> float:
    return float(np.corrcoef(first.clean[first.sector], second.clean[first.sector])[0, 1])


def test_neighbors_are_alike_and_none_is_another(shots: tuple[Screenshot, ...]) -> None:
    steps = [alike(a, b) for a, b in pairwise(shots)]
    assert min(steps) > 0.6
    assert max(steps) < 0.9999
    assert alike(shots[0], shots[-1]) < np.median(steps)


def test_one_or_two_frames_are_blurred(shots: tuple[Screenshot, ...]) -> None:
    def sharpness(shot: Screenshot) -> float:
        down, across = np.gradient(shot.clean.astype(np.float32))
        return float(np.hypot(down, across)[shot.sector].mean())

    values = np.array([sharpness(shot) for shot in shots])
    assert 1 <= np.count_nonzero(values < 0.7 * np.median(values)) <= 2


def test_the_screen_stays(shots: tuple[Screenshot, ...]) -> None:
    first = shots[0]
    for shot in shots[1:]:
        assert shot.marks == first.marks
        assert np.array_equal(shot.sector, first.sector)
        assert np.array_equal(shot.image[~shot.sector], first.image[~first.sector])
    for shot in shots:
        bare = shot.sector & ~shot.ink
        seen = shot.image.max(axis=2)[bare].astype(int)
        assert np.abs(seen - shot.clean[bare]).max() <= 1


def test_the_same_seed_is_the_same_loop() -> None:
    first, second = loop(3, 2), loop(3, 2)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, second, strict=True))


def test_a_report_does_not_move() -> None:
    case = draw_case("normal", "epiq", seed=2, index=1)
    with pytest.raises(ValueError, match="report"):
        draw_loop(case, "epiq", SOMEONE, np.random.default_rng(0), kind="report")
