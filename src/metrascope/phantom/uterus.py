"""The uterus and its endometrium: size, position and appearance, in millimeters.

The origin is the centre of curvature of the probe, ``x`` to the right of the screen and ``z``
away from the probe. The uterus has a frame of its own: ``u`` along its axis towards the fundus
(sagittal) or across the cavity (transverse), ``v`` across the cavity. Sources of the ranges are
in ``docs/phantom.md``; numbers that it does not name are chosen.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Ranges of docs/phantom.md: length with the cervix, anteroposterior, width; thickness by phase.
LENGTH_MM: Final = (60.0, 90.0)
DEPTH_MM: Final = (30.0, 50.0)
WIDTH_MM: Final = (42.0, 62.0)
THICKNESS_MM: Final = {
    "menstrual": (3.0, 5.0),
    "proliferative": (5.0, 12.0),
    "secretory": (7.0, 16.0),
}
# Shares of the phases; chosen.
_PHASE_SHARE: Final = (0.15, 0.45, 0.40)
# Positions with their shares, about one retroverted uterus in five, and the axis of each from
# straight down, degrees; ours (docs/phantom.md).
_VERSIONS: Final = ("anteverted", "mid", "retroverted")
_VERSION_SHARE: Final = (0.65, 0.15, 0.20)
_AXIS_DEG: Final = {"anteverted": (48, 82), "mid": (-20, 25), "retroverted": (-80, -48)}


@dataclass(frozen=True)
class Uterus:
    """Outline and position of the uterus in the image plane.

    ``axis_rad`` turns the x axis of the screen onto ``u``; ``flexion`` is the bend of the
    cervix per millimeter squared; ``depth_mm`` is the anteroposterior diameter.
    """

    plane: str
    version: str
    length_mm: float
    depth_mm: float
    width_mm: float
    axis_rad: float
    flexion: float
    center_mm: tuple[float, float]

    @property
    def corpus_mm(self) -> tuple[float, float]:
        """Semi-axes of the corpus along ``u`` and ``v``."""
        along = 0.33 * self.length_mm if self.plane == "sagittal" else self.width_mm / 2
        return along, self.depth_mm / 2

    @property
    def cavity_mm(self) -> tuple[float, float]:
        """First and last ``u`` of the uterine cavity."""
        along = self.corpus_mm[0]
        if self.plane == "sagittal":
            return -0.95 * along, along - 0.24 * self.depth_mm
        return -0.55 * along, 0.55 * along


@dataclass(frozen=True)
class Endometrium:
    """Double-layer thickness and appearance of the endometrium by phase of the cycle."""

    phase: str
    thickness_mm: float
    echo_db: float
    junctional_mm: float
    bump_mm: float
    bump_at: float
    fluid_mm: float


def draw_uterus(radius_mm: float, rng: np.random.Generator) -> Uterus:
    """Draw a uterus a few millimeters in front of a probe's face of radius ``radius_mm``."""
    plane = "sagittal" if rng.random() < 0.7 else "transverse"
    version = str(rng.choice(_VERSIONS, p=_VERSION_SHARE))
    lean = np.deg2rad(rng.uniform(*_AXIS_DEG[version]))
    # ``u`` points to the fundus: straight down at lean 0, to the left of the screen at 90 degrees
    axis = np.pi / 2 + lean if plane == "sagittal" else np.deg2rad(rng.normal(0, 7))
    uterus = Uterus(
        plane,
        version,
        _between(*LENGTH_MM, rng),
        _between(*DEPTH_MM, rng),
        _between(*WIDTH_MM, rng),
        float(axis),
        float(rng.normal(0, 0.003)) - 0.003 * float(np.sign(lean)),
        (float(rng.normal(0, 5)), 0.0),
    )
    return _place(uterus, radius_mm, float(rng.uniform(3, 9)))


def _place(uterus: Uterus, radius_mm: float, gap_mm: float) -> Uterus:
    """Move the uterus along z until its nearest point lies ``gap_mm`` from the probe's face."""
    points = uterus_outline(uterus) + np.array([uterus.center_mm[0], 0], np.float32)
    reach = radius_mm + gap_mm
    # a point clears the probe when z >= sqrt(reach^2 - x^2); the tightest point decides
    clear = np.sqrt(np.clip(reach**2 - points[:, 0] ** 2, 0, None))
    near = np.abs(points[:, 0]) < reach
    return replace(
        uterus, center_mm=(uterus.center_mm[0], float((clear - points[:, 1])[near].max()))
    )


def draw_endometrium(difficulty: float, rng: np.random.Generator) -> Endometrium:
    """Draw an endometrium; a higher ``difficulty`` (0 to 1) makes uneven ones more frequent."""
    phase = str(rng.choice(tuple(THICKNESS_MM), p=_PHASE_SHARE))
    thickness = _between(*THICKNESS_MM[phase], rng)
    echo = {"menstrual": 4.0, "proliferative": -1.5, "secretory": 4.5 + 1.5 * difficulty}[phase]
    bumpy = rng.random() < 0.5 * difficulty
    return Endometrium(
        phase,
        thickness,
        echo + float(rng.normal(0, 1.2)),
        float(rng.uniform(2, 5)),
        float(rng.uniform(1, 1 + 3 * difficulty)) if bumpy else 0.0,
        float(rng.uniform(0.3, 0.8)),
        float(rng.uniform(0.8, 2.5)) if rng.random() < 0.1 else 0.0,
    )


def uterus_outline(uterus: Uterus) -> NDArray[np.float32]:
    """Return points on the outline of the uterus as seen from its centre, ``(n, 2)`` x and z."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    along, across = uterus.corpus_mm
    u, v = along * np.cos(turn), across * np.sin(turn)
    if uterus.plane == "sagittal":
        u = np.concatenate([u, -0.43 * uterus.length_mm + 0.24 * uterus.length_mm * np.cos(turn)])
        v = np.concatenate([v, cervix_semi_mm(uterus) * np.sin(turn)])
        v = v - uterus.flexion * np.square(np.clip(-u - 0.1 * uterus.length_mm, 0, None))
    cos, sin = np.cos(uterus.axis_rad), np.sin(uterus.axis_rad)
    return np.stack([u * cos - v * sin, u * sin + v * cos], axis=1).astype(np.float32)


def cervix_semi_mm(uterus: Uterus) -> float:
    """Return half the anteroposterior diameter of the cervix."""
    return 0.33 * uterus.depth_mm


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    """Draw from a range with most of the weight in the middle."""
    return low + (high - low) * float(rng.beta(2, 2))
