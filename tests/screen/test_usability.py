"""What a phantom screen shows is judged as the truth about it says."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime

import cv2
import numpy as np
import pytest

from metrascope.phantom.hospital.drawing import Canvas
from metrascope.phantom.hospital.fan_screen import listen
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.strips import run_motion
from metrascope.phantom.render import draw_case
from metrascope.screen.sector import Sector, find_sector
from metrascope.screen.usability import Claims, Usability, judge


@dataclass(frozen=True)
class Somebody:
    latin_name: str = "Wang Li"
    chinese_name: str = "王丽"
    patient_id: str = "PID12345"
    birth_date: date = date(1980, 5, 6)
    hospital: str = "第一医院"
    hospital_latin: str = "First Hospital"
    exam_time: datetime = datetime(2020, 3, 4, 10, 11, 12)
    accession: str = "US20030401"
    operator: str = "Dr Zhao"


def sector_of(image: np.ndarray) -> Sector:
    return find_sector(np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)))


def plain() -> tuple[np.ndarray, Sector]:
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:400, :400]
    fan = np.hypot(rows + 60.0, columns - 200.0)
    inside = (fan > 110) & (fan < 420) & (np.abs(columns - 200) < 0.7 * (rows + 60))
    speckle = cv2.GaussianBlur(rng.rayleigh(60, fan.shape), (0, 0), 1.2)
    grey = np.where(inside, speckle, 0).astype(np.uint8)
    return grey, find_sector(grey)


def test_a_fan_is_usable_and_thresholds_are_settings() -> None:
    grey, sector = plain()
    assert judge(grey, sector) is None
    small = judge(grey, sector, thresholds=Usability(smallest_frame=500))
    assert small is not None
    assert small.key == "usability.too_small"
    dark = judge((grey // 12).astype(np.uint8), sector)
    assert dark is not None
    assert dark.key in ("usability.too_dark", "usability.blank")


def test_the_header_is_believed_where_it_names_another_modality() -> None:
    grey, sector = plain()
    found = judge(grey, sector, claims=Claims("CT"))
    assert found is not None
    assert found.key == "usability.other_modality"
    assert judge(grey, sector, claims=Claims("US")) is None


def test_plates_and_letters_of_measurements_are_no_flow() -> None:
    grey, sector = plain()
    screen = np.repeat(grey[..., None], 3, axis=2)
    cv2.rectangle(screen, (200, 330), (290, 352), (190, 180, 40), -1)
    assert judge(screen, sector) is None
    cv2.circle(screen, (200, 250), 12, (230, 60, 20), -1)
    found = judge(screen, sector)
    assert found is not None
    assert found.key == "usability.color"


def test_what_is_too_small_is_named() -> None:
    grey, sector = plain()
    part = Sector((150, 100, 100, 90), sector.mask, "curved", sector.outline)
    found = judge(grey, part)
    assert found is not None
    assert found.key == "usability.small_sector"
    assert max(found.values.values()) <= 112


def test_a_second_fan_beside_the_first_is_a_split_screen() -> None:
    grey, _ = plain()
    both = np.hstack([grey, grey])
    found = judge(both, find_sector(both))
    assert found is not None
    assert found.key == "usability.split_screen"


@pytest.mark.parametrize(
    ("kind", "least"),
    [
        ("bmode", 5),
        ("color_doppler", 5),
        ("dual", 2),
        ("spectral_doppler", 4),
        ("m_mode", 4),
        ("report", 3),
        ("blank", 5),
    ],
)
def test_phantom_screens_are_judged_by_what_they_show(kind: str, least: int) -> None:
    usable: Counter[bool] = Counter()
    for number, layout in enumerate(LAYOUTS):
        case = draw_case("polyp", layout, seed=1, index=number)
        rng = np.random.default_rng(number)
        shot = draw_screen(listen(case), layout, Somebody(), rng, kind=kind)  # type: ignore[arg-type]
        usable[judge(shot.image, sector_of(shot.image)) is None] += 1
    assert usable[kind == "bmode"] >= least, usable


@pytest.mark.parametrize("size", [200, 256, 512])
def test_a_trace_over_time_alone_is_no_image(size: int) -> None:
    """The echo of one line again and again, as M-mode fills a picture; and a slice that is one."""
    rng = np.random.default_rng(size)
    case = draw_case("polyp", next(iter(LAYOUTS)), seed=1, index=0)
    canvas = Canvas((size, size))
    run_motion(canvas, listen(case), (0, 0, size, size), rng)
    trace = canvas.image[..., 0].copy()
    whole = Sector((0, 0, size, size), np.ones((size, size), bool), "whole", ())
    noisy = np.clip(trace * rng.gamma(4, 0.25, trace.shape), 0, 255).astype(np.uint8)
    for image in (trace, noisy):
        found = judge(image, whole)
        assert found is not None
        assert found.key == "usability.m_mode"
    slab = cv2.resize(plain()[0][150:350, 200:400], (size, size))
    assert judge(slab, whole) is None
