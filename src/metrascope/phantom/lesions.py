"""Polyps and submucosal fibroids, in the frame of the uterus and in millimeters.

Ranges and their sources are in ``docs/phantom.md``; numbers that it does not name are chosen.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from metrascope.phantom.uterus import Endometrium, Uterus

# Least and greatest diameter (docs/phantom.md).
POLYP_MM: Final = (4.0, 25.0)
FIBROID_MM: Final = (8.0, 40.0)


@dataclass(frozen=True)
class PhantomLesion:
    """One polyp or one submucosal fibroid, in the frame of the uterus.

    ``echo_db`` is relative to the myometrium, ``attenuation`` in dB/cm/MHz, ``side`` the wall
    (+1 or -1 along ``v``) on which it sits, ``figo`` the FIGO type of a fibroid (else -1).
    """

    label: str
    diameter_mm: float
    aspect: float
    u_mm: float
    v_mm: float
    tilt_rad: float
    side: int
    figo: int
    echo_db: float
    attenuation: float
    rim_db: float
    cysts: tuple[tuple[float, float, float], ...]
    calcified: bool

    @property
    def semi_mm(self) -> tuple[float, float]:
        """Semi-axes along and across the lesion."""
        return self.diameter_mm / 2, self.diameter_mm / 2 * self.aspect


def draw_polyp(
    uterus: Uterus, endometrium: Endometrium, difficulty: float, rng: np.random.Generator
) -> PhantomLesion:
    """Draw a polyp: echogenic, oval, inside the cavity."""
    diameter = min(
        _draw_size(POLYP_MM, difficulty, rng), 0.8 * (uterus.cavity_mm[1] - uterus.cavity_mm[0])
    )
    aspect = float(rng.uniform(0.5, 0.85))
    contrast = (8.0 - 7.0 * difficulty) * float(rng.uniform(0.6, 1.4))
    floor = 4.5 if endometrium.phase == "secretory" else 3.0
    return PhantomLesion(
        "polyp",
        diameter,
        aspect,
        _along_cavity(uterus, diameter, rng),
        float(rng.uniform(-0.15, 0.15)) * diameter * aspect,
        float(rng.normal(0, 0.15)),
        int(rng.choice((-1, 1))),
        -1,
        max(endometrium.echo_db, floor) + contrast,
        float(rng.uniform(0.4, 0.5)),
        (7.0 - 4.0 * difficulty) * float(rng.uniform(0.6, 1.4)),
        _draw_cysts(diameter, aspect, rng),
        False,
    )


def draw_fibroid(
    uterus: Uterus, endometrium: Endometrium, difficulty: float, rng: np.random.Generator
) -> PhantomLesion:
    """Draw a submucosal fibroid of FIGO type 0, 1 or 2, hypo- to isoechoic, attenuating."""
    diameter = min(_draw_size(FIBROID_MM, difficulty, rng), 0.85 * uterus.depth_mm)
    aspect = float(rng.uniform(0.78, 1.0))
    side, figo = int(rng.choice((-1, 1))), int(rng.choice((0, 1, 2), p=(0.2, 0.4, 0.4)))
    radius, wall = diameter / 2 * aspect, endometrium.thickness_mm / 2
    # the share inside the wall decides the type: under a half is FIGO 1, the rest FIGO 2
    center = {
        0: float(rng.uniform(0, 0.2)) * radius,
        1: wall - radius * float(rng.uniform(0.05, 0.6)),
        2: wall + radius * float(rng.uniform(0.05, 0.6)),
    }[figo]
    return PhantomLesion(
        "fibroid",
        diameter,
        aspect,
        _along_cavity(uterus, diameter, rng),
        side * center,
        float(rng.uniform(-0.5, 0.5)),
        side,
        figo,
        -(9.0 - 7.0 * difficulty) * float(rng.uniform(0.5, 1.4)),
        0.45 + (0.4 - 0.3 * difficulty) * float(rng.uniform(0.4, 1.6)),
        3.0,
        (),
        bool(rng.random() < 0.1),
    )


def _along_cavity(uterus: Uterus, diameter: float, rng: np.random.Generator) -> float:
    """Draw where along the cavity a lesion sits, its ends inside the cavity where it fits."""
    first, last = uterus.cavity_mm
    reach = min(diameter / 2, 0.3 * (last - first))
    start = first + 0.35 * (last - first) if uterus.plane == "sagittal" else first
    low, high = min(start + reach, last - reach), last - reach
    return float(rng.uniform(low, high))


def _draw_cysts(
    diameter: float, aspect: float, rng: np.random.Generator
) -> tuple[tuple[float, float, float], ...]:
    if diameter < 8 or rng.random() > 0.3:
        return ()
    count = int(rng.integers(1, 5))
    reach = 0.3 * diameter
    return tuple(
        (
            float(rng.uniform(-reach, reach)),
            float(rng.uniform(-reach, reach)) * aspect,
            float(rng.uniform(0.6, 0.09 * diameter + 0.4)),
        )
        for _ in range(count)
    )


def _draw_size(limits: tuple[float, float], difficulty: float, rng: np.random.Generator) -> float:
    """Draw a diameter; harder sets have smaller lesions within the same published limits."""
    mean = 0.75 - 0.63 * difficulty
    # A beta distribution with this mean; its two parameters add up to 4, so that it is wide.
    share = float(rng.beta(4 * mean, 4 * (1 - mean)))
    return limits[0] + (limits[1] - limits[0]) * share
