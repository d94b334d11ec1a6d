"""One patient's uterus, lesion and surroundings, no pixels yet.

Ranges are those of ``docs/phantom.md``; numbers that it does not name are chosen.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from metrascope.phantom.lesions import PhantomLesion, draw_fibroid, draw_polyp
from metrascope.phantom.uterus import Endometrium, Uterus, draw_endometrium, draw_uterus

LABELS: Final = ("normal", "fibroid", "polyp")


@dataclass(frozen=True)
class Blob:
    """Anything around the uterus that is about an ellipse: bladder, bowel loop, cyst."""

    x_mm: float
    z_mm: float
    semi_x_mm: float
    semi_z_mm: float
    tilt_rad: float


@dataclass(frozen=True)
class Anatomy:
    """All that lies in the image plane of one patient."""

    label: str
    uterus: Uterus
    endometrium: Endometrium
    lesion: PhantomLesion | None
    bladder: Blob | None
    bowel: tuple[Blob, ...]
    patches: tuple[Blob, ...]
    patch_db: float
    douglas_mm: float


def draw_anatomy(
    label: str, difficulty: float, radius_mm: float, rng: np.random.Generator
) -> Anatomy:
    """Draw the anatomy of one patient.

    Parameters
    ----------
    label
        ``normal``, ``fibroid`` or ``polyp``.
    difficulty
        0 (large lesions of high contrast) to 1 (small ones that look like their surroundings,
        more mimics in every class).
    radius_mm
        Radius of the probe's face; the uterus lies a few millimeters in front of it.
    rng
        Source of every choice.
    """
    uterus = draw_uterus(radius_mm, rng)
    endometrium = draw_endometrium(difficulty, rng)
    lesion = None
    if label == "polyp":
        lesion = draw_polyp(uterus, endometrium, difficulty, rng)
    elif label == "fibroid":
        lesion = draw_fibroid(uterus, endometrium, difficulty, rng)
    return Anatomy(
        label,
        uterus,
        endometrium,
        lesion,
        _draw_bladder(uterus, rng),
        _draw_bowel(rng),
        _draw_patches(uterus, rng),
        float(rng.uniform(-5, -1.5)),
        float(rng.uniform(1, 4)) if rng.random() < 0.15 else 0.0,
    )


def _draw_bladder(uterus: Uterus, rng: np.random.Generator) -> Blob | None:
    if rng.random() > (0.5 if uterus.plane == "sagittal" else 0.2):
        return None
    return Blob(
        -float(rng.uniform(24, 44)),
        float(rng.uniform(22, 40)),
        float(rng.uniform(10, 24)),
        float(rng.uniform(6, 16)),
        float(rng.uniform(0.2, 1.0)),
    )


def _draw_bowel(rng: np.random.Generator) -> tuple[Blob, ...]:
    count = int(rng.integers(2, 6))
    return tuple(
        Blob(
            float(rng.uniform(-60, 60)),
            float(rng.uniform(40, 95)),
            float(rng.uniform(6, 18)),
            float(rng.uniform(5, 11)),
            float(rng.normal(0, 0.4)),
        )
        for _ in range(count)
    )


def _draw_patches(uterus: Uterus, rng: np.random.Generator) -> tuple[Blob, ...]:
    """Small inhomogeneities of the outer myometrium, in the frame of the uterus."""
    along, across = uterus.corpus_mm
    count = int(rng.integers(0, 4))
    turns = rng.uniform(0, 2 * np.pi, count)
    return tuple(
        Blob(
            0.72 * along * float(np.cos(turn)),
            0.72 * across * float(np.sin(turn)),
            float(rng.uniform(1.5, 4.5)),
            float(rng.uniform(1.0, 3.0)),
            float(rng.uniform(0, np.pi)),
        )
        for turn in turns
    )
