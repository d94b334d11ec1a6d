"""Echo level, attenuation and interfaces that the beam meets at every sample of the grid.

Echo levels are decibels relative to the myometrium; attenuation is dB/cm/MHz, one way. Layers
are painted from the back to the front. Levels, widths and grains are drawn by eye, beside real
images; ``benchmarks/phantom_realism.py`` measures how near they come, not each of them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from metrascope.phantom.anatomy import Anatomy, Blob
from metrascope.phantom.lesions import PhantomLesion
from metrascope.phantom.shapes import (
    FloatMap,
    Mottle,
    ellipse,
    inside,
    length,
    ridge,
    rotate,
    union,
)
from metrascope.phantom.uterus import Endometrium, Uterus, cervix_semi_mm

FLUID_DB: Final = -50.0  # below anything that a screen of 60 dB shows
# dB/cm/MHz, one way; docs/phantom.md says why the myometrium's is half of what tissue was measured
# to have. Fat, fluid and bowel are chosen.
ATTENUATION: Final = {"myometrium": 0.45, "fat": 0.5, "fluid": 0.02, "bowel": 1.1}


@dataclass(frozen=True)
class Tissue:
    """Maps over the beam grid, ``(rows, lines)`` float32.

    ``echo_db`` and ``attenuation`` as in the module; ``specular`` the amplitude of smooth
    interfaces relative to the myometrium's speckle; ``lesion`` the distance to the lesion in
    millimeters, negative inside (None without a lesion).
    """

    echo_db: FloatMap
    attenuation: FloatMap
    specular: FloatMap
    lesion: FloatMap | None


class _Canvas:
    """Tissue maps being painted."""

    def __init__(self, x: FloatMap, z: FloatMap, mottle: Mottle) -> None:
        self.x, self.z, self.mottle = x, z, mottle
        self.echo = np.zeros_like(x)
        self.attenuation = np.full_like(x, ATTENUATION["fat"])
        self.specular = np.zeros_like(x)

    def paint(
        self, weight: FloatMap, echo: FloatMap | float, attenuation: float | None = None
    ) -> None:
        """Cover the tissues so far with another, by the share ``weight``, 0 to 1."""
        self.echo += weight * (echo - self.echo)
        self.specular *= 1 - weight
        if attenuation is not None:
            self.attenuation += weight * (np.float32(attenuation) - self.attenuation)

    def shine(self, distance: FloatMap, amplitude: float, width: float = 0.5) -> None:
        """Add the echo of a smooth interface, strongest where the beam meets it squarely."""
        facing = np.square(self.slope(distance))
        broken = np.clip(0.5 + 0.5 * self.mottle(self.x, self.z, 6.0, 3.0), 0, 1.5)
        line = ridge(distance, width) * facing * facing * facing * broken
        self.specular += np.float32(amplitude) * line

    def slope(self, distance: FloatMap) -> FloatMap:
        """Return the change of a distance per millimeter along the beam, about -1 to 1."""
        step = np.hypot(self.x[1, 0] - self.x[0, 0], self.z[1, 0] - self.z[0, 0])
        return np.asarray(np.gradient(distance, float(step), axis=0), np.float32)


def draw_tissue(
    anatomy: Anatomy, x: FloatMap, z: FloatMap, radius_mm: float, rng: np.random.Generator
) -> Tissue:
    """Paint the anatomy at the samples ``x, z`` of the beam grid.

    Parameters
    ----------
    anatomy
        Anatomy to paint.
    x, z
        Position of every sample in millimeters, ``(rows, lines)``, rows along the beam.
    radius_mm
        Radius of the probe's face.
    rng
        Source of the texture of the tissues.
    """
    canvas = _Canvas(x, z, Mottle(rng))
    shift = float(rng.uniform(0, 90))
    _paint_pelvis(canvas, anatomy, radius_mm, shift)
    u, v = _uterine_frame(anatomy.uterus, x, z)
    # no organ is an ellipse: the frame itself is bent by a millimeter or two
    u = u + np.float32(1.1) * canvas.mottle(x, z, 16.0, shift + 5)
    v = v + np.float32(1.1) * canvas.mottle(x, z, 16.0, shift + 45)
    body = _uterus_distance(anatomy, u, v)
    _paint_uterus(canvas, anatomy, body, u, v, shift)
    lining, depth = _endometrium_distance(anatomy, u, v, canvas.mottle, shift)
    lesion = _lesion_distance(anatomy.lesion, u, v, canvas.mottle, shift)
    if anatomy.lesion is not None and lesion is not None:
        lining = _drape(lining, lesion, anatomy.lesion, anatomy.endometrium, v)
    _paint_endometrium(canvas, anatomy.endometrium, lining, depth, shift)
    if anatomy.lesion is not None and lesion is not None:
        paint = _paint_polyp if anatomy.lesion.label == "polyp" else _paint_fibroid
        paint(canvas, anatomy.lesion, lesion, u, v, shift)
    return Tissue(canvas.echo, canvas.attenuation, canvas.specular, lesion)


def _blob(x: FloatMap, z: FloatMap, blob: Blob) -> FloatMap:
    along, across = rotate(x, z, (blob.x_mm, blob.z_mm), blob.tilt_rad)
    return ellipse(along, across, blob.semi_x_mm, blob.semi_z_mm)


def _uterine_frame(uterus: Uterus, x: FloatMap, z: FloatMap) -> tuple[FloatMap, FloatMap]:
    u, v = rotate(x, z, uterus.center_mm, uterus.axis_rad)
    if uterus.plane == "sagittal":
        bent = np.clip(-u - np.float32(0.1 * uterus.length_mm), 0, None)
        v = v + np.float32(uterus.flexion) * bent * bent
    return u, v


def _uterus_distance(anatomy: Anatomy, u: FloatMap, v: FloatMap) -> FloatMap:
    uterus, lesion = anatomy.uterus, anatomy.lesion
    body = ellipse(u, v, *uterus.corpus_mm)
    if uterus.plane == "sagittal":
        shifted = u + np.float32(0.43 * uterus.length_mm)
        cervix = ellipse(shifted, v, 0.24 * uterus.length_mm, cervix_semi_mm(uterus))
        body = union(body, cervix, 6.0)
    if lesion is not None and lesion.label == "fibroid":
        long, short = lesion.semi_mm
        around = rotate(u, v, (lesion.u_mm, lesion.v_mm), lesion.tilt_rad)
        body = union(body, ellipse(*around, long + 7, short + 7), 8.0)
    return body


def _tangent(canvas: _Canvas, distance: FloatMap) -> FloatMap:
    """Return where the beam only grazes a shape, 0 to 1: refraction takes it away there."""
    graze = 1 - np.clip(np.abs(canvas.slope(distance)), 0, 1)
    return np.asarray(np.square(np.square(graze)), np.float32)


def _paint_pelvis(canvas: _Canvas, anatomy: Anatomy, radius_mm: float, shift: float) -> None:
    """Paint fat, vaginal wall, bowel and bladder around the uterus."""
    x, z = canvas.x, canvas.z
    depth = length(x, z) - np.float32(radius_mm)
    fat = 5.0 * canvas.mottle(x, z, 9.0, shift, 2.0) + 3.5 * canvas.mottle(x, z, 3.5, shift + 9, 2)
    canvas.echo[:] = fat + np.float32(3.0) + np.float32(4) * inside(30 - depth, 40)
    streaks = canvas.mottle(np.arctan2(x, z) * 40, depth, 3.0, shift + 25, 5.0)
    canvas.echo += 5 * np.clip(streaks - np.float32(0.6), 0, 1.5)
    wall = inside(depth - np.float32(4.0) - canvas.mottle(x, z, 12.0, shift + 20), 3.0)
    canvas.paint(wall, canvas.mottle(x, z, 3.0, shift + 30, 3.0) * 1.5 - 1.0)
    wobble = 1.5 * canvas.mottle(x, z, 9.0, shift + 15)
    for blob in anatomy.bowel:
        distance = _blob(x, z, blob) + wobble
        canvas.paint(inside(distance, 1.5), -3.0 + 3 * canvas.mottle(x, z, 4.0, shift + 40))
        canvas.attenuation += np.float32(ATTENUATION["bowel"] - 0.5) * inside(distance, 3.0)
        canvas.echo += 5 * inside(np.abs(distance - 3) - 3, 3.0)
        top = ridge(distance, 2.5) * np.clip(-2 * canvas.slope(distance), 0, 1)
        canvas.echo += 10 * top
    if anatomy.bladder is not None:
        distance = _blob(x, z, anatomy.bladder) + wobble
        canvas.paint(inside(distance), FLUID_DB, ATTENUATION["fluid"])
        canvas.shine(distance, 3.0, 0.8)


def _paint_uterus(
    canvas: _Canvas, anatomy: Anatomy, body: FloatMap, u: FloatMap, v: FloatMap, shift: float
) -> None:
    x, z, mottle = canvas.x, canvas.z, canvas.mottle
    if anatomy.douglas_mm:
        pocket = np.float32(anatomy.douglas_mm) * mottle(x, z, 30.0, shift + 77)
        behind = np.maximum(body - pocket, 30 - z)
        canvas.paint(inside(behind, 0.8), FLUID_DB, ATTENUATION["fluid"])
    # the vessels and folds beside the uterus: light and dark in turn
    parametrium = inside(body - 9, 8.0)
    canvas.echo += parametrium * (5.0 * mottle(x, z, 4.5, shift + 33) - np.float32(2.5))
    muscle = 2.0 * mottle(x, z, 7.0, shift + 50) + 1.6 * mottle(x, z, 2.4, shift + 60, 1.8)
    canvas.paint(inside(body, 0.6), muscle, ATTENUATION["myometrium"])
    vessels = np.clip(mottle(u, v, 3.2, shift + 70) - np.float32(1.4), 0, 1)
    canvas.echo -= 10 * vessels * inside(np.abs(body + 6) - 4, 2.0)
    canvas.attenuation += 0.8 * ridge(body, 4.0) * _tangent(canvas, body)
    canvas.shine(body, 3.0, 0.6)
    for patch in anatomy.patches:
        weight = inside(_blob(u, v, patch), 1.0) * inside(body + 1)
        canvas.echo += np.float32(anatomy.patch_db) * weight


def _endometrium_distance(
    anatomy: Anatomy, u: FloatMap, v: FloatMap, mottle: Mottle, shift: float
) -> tuple[FloatMap, FloatMap]:
    """Return the distance to the endometrium and the signed distance to its midline."""
    first, last = anatomy.uterus.cavity_mm
    along = (u - np.float32(first)) / np.float32(last - first)
    half = _profile(anatomy, along) * np.float32(anatomy.endometrium.thickness_mm / 2)
    half *= 1 + 0.1 * mottle(along * 30, np.zeros_like(u), 6.0, shift)
    bump = np.square((along - np.float32(anatomy.endometrium.bump_at)) / np.float32(0.14))
    half += np.float32(anatomy.endometrium.bump_mm / 2) * np.clip(1 - bump, 0, 1)
    depth = v - _deflection(anatomy, u) - np.float32(0.8) * mottle(u, np.zeros_like(u), 14.0, shift)
    distance = np.maximum(np.abs(depth) - half, np.maximum(first - u, u - last))
    return np.asarray(distance, np.float32), np.asarray(depth, np.float32)


def _profile(anatomy: Anatomy, along: FloatMap) -> FloatMap:
    """Return the thickness of the endometrium along the cavity as a share of the greatest."""
    if anatomy.uterus.plane == "transverse":
        return np.asarray(np.sqrt(np.clip(1 - np.square(2 * along - 1), 0, 1)), np.float32)
    neck = np.clip((along - np.float32(0.05)) / np.float32(0.45), 0, 1)
    tip = np.clip((along - np.float32(0.7)) / np.float32(0.3), 0, 1)
    rise = np.float32(0.3) + np.float32(0.7) * neck * neck * (3 - 2 * neck)
    return np.asarray(rise * np.sqrt(np.clip(1 - tip**3, 0, 1)), np.float32)


def _deflection(anatomy: Anatomy, u: FloatMap) -> FloatMap:
    """Return how far the lesion pushes the midline of the cavity to the other wall."""
    lesion = anatomy.lesion
    if lesion is None:
        return np.zeros_like(u)
    long, short = lesion.semi_mm
    reach = np.square((u - np.float32(lesion.u_mm)) / np.float32(1.2 * long))
    bump = np.exp(-1.2 * reach).astype(np.float32)
    if lesion.label == "polyp":
        return np.asarray(-lesion.side * 0.8 * short * bump, np.float32)
    thin = 0.3 * anatomy.endometrium.thickness_mm
    push = min(0.0, lesion.side * lesion.v_mm - short - thin)
    return np.asarray(lesion.side * push * bump, np.float32)


def _lesion_distance(
    lesion: PhantomLesion | None, u: FloatMap, v: FloatMap, mottle: Mottle, shift: float
) -> FloatMap | None:
    if lesion is None:
        return None
    along, across = rotate(u, v, (lesion.u_mm, lesion.v_mm), lesion.tilt_rad)
    ripple = 0.05 * lesion.diameter_mm * lesion.aspect
    size = max(4.0, 0.5 * lesion.diameter_mm)
    return ellipse(along, across, *lesion.semi_mm) + np.float32(0.4 * ripple) * mottle(
        u, v, size, shift + 80
    )


def _drape(
    lining: FloatMap,
    distance: FloatMap,
    lesion: PhantomLesion,
    endometrium: Endometrium,
    v: FloatMap,
) -> FloatMap:
    """Spread the endometrium over the lesion: around a polyp, over the free side of a fibroid."""
    cover = 0.12 * endometrium.thickness_mm + 0.5
    over = distance - np.float32(cover)
    if lesion.figo > 0:
        over = np.maximum(over, lesion.side * v - np.float32(endometrium.thickness_mm / 2))
    return union(lining, over, 2.5)


def _paint_endometrium(
    canvas: _Canvas, endometrium: Endometrium, lining: FloatMap, depth: FloatMap, shift: float
) -> None:
    halo = inside(lining - np.float32(endometrium.junctional_mm), 2.0)
    canvas.echo += halo * (np.float32(-4.5) - np.float32(0.3) * canvas.echo)
    grain = 0.8 * canvas.mottle(canvas.x, canvas.z, 2.0, shift + 90)
    within = inside(lining, 0.6)
    canvas.paint(within, grain + np.float32(endometrium.echo_db), 0.4)
    if endometrium.phase == "proliferative":
        canvas.echo += 5.0 * within * ridge(lining + np.float32(0.5), 1.0)
        canvas.shine(lining + np.float32(0.3), 1.5)
    broken = np.clip(0.6 + 0.6 * canvas.mottle(canvas.x, canvas.z, 5.0, shift + 55), 0, 1.5)
    canvas.echo += 4.0 * within * broken * inside(np.abs(depth) - np.float32(0.4), 0.6)
    canvas.specular += within * broken * ridge(depth, 0.5)
    if endometrium.fluid_mm:
        fluid = np.maximum(np.abs(depth) - np.float32(endometrium.fluid_mm / 2), lining + 1)
        canvas.paint(inside(fluid), FLUID_DB, ATTENUATION["fluid"])


def _paint_polyp(
    canvas: _Canvas,
    lesion: PhantomLesion,
    distance: FloatMap,
    u: FloatMap,
    v: FloatMap,
    shift: float,
) -> None:
    grain = 0.8 * canvas.mottle(canvas.x, canvas.z, 2.0, shift + 95)
    canvas.paint(inside(distance), grain + np.float32(lesion.echo_db), lesion.attenuation)
    canvas.echo += np.float32(0.5 * lesion.rim_db) * ridge(distance + np.float32(0.2), 0.7)
    canvas.shine(distance, lesion.rim_db * 0.5, 0.5)
    along, across = rotate(u, v, (lesion.u_mm, lesion.v_mm), lesion.tilt_rad)
    for at_u, at_v, radius in lesion.cysts:
        hole = length(along - np.float32(at_u), across - np.float32(at_v)) - np.float32(radius)
        weight = inside(hole) * inside(distance + 0.5)
        canvas.paint(weight, FLUID_DB, ATTENUATION["fluid"])


def _paint_fibroid(
    canvas: _Canvas,
    lesion: PhantomLesion,
    distance: FloatMap,
    u: FloatMap,
    v: FloatMap,
    shift: float,
) -> None:
    along, across = rotate(u, v, (lesion.u_mm, lesion.v_mm), lesion.tilt_rad)
    warp = canvas.mottle(u, v, 5.0, shift + 97)
    radius = length(along + 1.5 * warp, across - 1.5 * canvas.mottle(u, v, 5.0, shift + 12))
    whorl = np.sin(radius * np.float32(2.2)) * np.float32(1.6) + 1.2 * warp
    within = inside(distance, 0.8)
    canvas.paint(within, whorl + np.float32(lesion.echo_db))
    # strands of collagen attenuate unevenly: the fan-shaped shadows of a fibroid
    strands = np.clip(1 + 0.6 * canvas.mottle(u, v, 4.0, shift + 35), 0.2, 2.0)
    canvas.attenuation += within * (np.float32(lesion.attenuation) * strands - canvas.attenuation)
    edge = ridge(distance, 1.5) * _tangent(canvas, distance)
    canvas.attenuation += 2.5 * np.float32(lesion.attenuation) * edge
    canvas.shine(distance, lesion.rim_db * 0.4, 0.6)
    if lesion.calcified:
        specks = inside(np.float32(1.6) - canvas.mottle(u, v, 1.8, shift + 66), 0.3) * within
        canvas.echo += 9 * specks
        canvas.attenuation += 4 * specks
