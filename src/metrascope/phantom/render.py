"""One patient's image: draw the anatomy, send the beam through it, put it on the screen."""

from dataclasses import dataclass

import numpy as np

from metrascope.arrays import Pixels
from metrascope.phantom.acoustics import Beam, receive
from metrascope.phantom.anatomy import Anatomy, draw_anatomy
from metrascope.phantom.phantom_screen import compress, lay_out_screen, scan_lookup, show, show_mask
from metrascope.phantom.scanners import Scanner, find_scanner
from metrascope.phantom.shapes import FloatMap
from metrascope.phantom.tissue import draw_tissue
from metrascope.phantom.uterus import uterus_outline

TISSUE_STEP = 2  # tissue is smoother than the echo: drawn on every second line and sample


@dataclass(frozen=True)
class PhantomCase:
    """One patient before the echo: who, what, on which scanner, with which settings."""

    label: str
    age: int
    scanner: Scanner
    anatomy: Anatomy
    beam: Beam
    gain_db: float
    contact_db: FloatMap
    slide_db: FloatMap
    noise_seed: np.random.SeedSequence


@dataclass(frozen=True)
class PhantomStill:
    """Image, lesion mask (None for a normal uterus) and sector mask, ``(size, size)`` uint8."""

    image: Pixels
    mask: Pixels | None
    sector: Pixels


def draw_case(
    label: str, scanner: str, *, seed: int, index: int, difficulty: float = 0.5
) -> PhantomCase:
    """Draw everything about a patient but the echo; the same arguments give the same patient.

    Parameters
    ----------
    label
        ``normal``, ``fibroid`` or ``polyp``.
    scanner
        Short name of a preset, such as ``voluson``.
    seed, index
        Seed of the data set and number of the patient.
    difficulty
        0 easy to 1 hard.
    """
    source = np.random.SeedSequence([seed, index])
    drawing, noise_seed = source.spawn(2)
    rng = np.random.default_rng(drawing)
    preset = find_scanner(scanner)
    anatomy = draw_anatomy(label, difficulty, preset.radius_mm, rng)
    beam = preset.beam(_depth_mm(anatomy, preset.radius_mm, rng), float(rng.uniform(20, 45)))
    gain = float(rng.normal(0, 2.5))
    contact, slide = _contact_db(beam, rng), _slide_db(beam, rng)
    return PhantomCase(label, _age(rng), preset, anatomy, beam, gain, contact, slide, noise_seed)


def render_phantom(case: PhantomCase, size: int = 512) -> PhantomStill:
    """Make the image of a case and its masks, ``size`` pixels square."""
    rng = np.random.default_rng(case.noise_seed)
    beam, scanner = case.beam, case.scanner
    tissue = draw_tissue(case.anatomy, *beam.positions(TISSUE_STEP), beam.radius_mm, rng)
    envelope = receive(tissue, case.contact_db + case.slide_db, beam, rng)
    _near_field(envelope, beam, rng)
    screen = lay_out_screen(scanner, beam, size)
    lookup = scan_lookup(screen, beam)
    marks = {"gain": round(60 + 2 * case.gain_db), "depth": round(beam.depth_mm / 10)}
    image = show(compress(envelope, scanner, case.gain_db), lookup, screen, scanner, beam, marks)
    if tissue.lesion is None:
        return PhantomStill(image, None, lookup[2])
    return PhantomStill(image, show_mask(tissue.lesion, lookup, TISSUE_STEP), lookup[2])


def sector(case: PhantomCase, size: int = 512) -> Pixels:
    """Return the sector mask of a case without making its image."""
    return scan_lookup(lay_out_screen(case.scanner, case.beam, size), case.beam)[2]


def _depth_mm(anatomy: Anatomy, radius_mm: float, rng: np.random.Generator) -> float:
    """Choose a depth that covers the uterus, as an operator does, in steps of 5 mm."""
    points = uterus_outline(anatomy.uterus) + np.array(anatomy.uterus.center_mm, np.float32)
    far = float(np.hypot(points[:, 0], points[:, 1]).max()) - radius_mm
    wanted = far + float(rng.uniform(0, 15))
    return float(np.clip(5 * np.ceil(wanted / 5), 60, 100))


def _age(rng: np.random.Generator) -> int:
    """Draw an age as in the study: 38.2 ± 7.5 years, 17 to 51."""
    while True:
        age = round(float(rng.normal(38.2, 7.5)))
        if 17 <= age <= 51:
            return age


def _contact_db(beam: Beam, rng: np.random.Generator) -> FloatMap:
    """Return the gain of every line: poor contact at the sides, gas here and there."""
    place = np.linspace(-1, 1, beam.lines)
    loss = np.zeros(beam.lines)
    for side in (-1, 1):
        start, depth = rng.uniform(0.45, 1.0), rng.uniform(4, 35)
        loss -= depth * np.clip((side * place - start) / 0.3, 0, 1) ** 2
    for _ in range(int(rng.poisson(2.0))):
        at, wide = rng.uniform(-1, 1), rng.uniform(0.02, 0.12)
        loss -= rng.uniform(2, 10) * np.exp(-np.square((place - at) / wide))
    return np.asarray(loss, np.float32)


def _slide_db(beam: Beam, rng: np.random.Generator) -> FloatMap:
    """Return how the operator set the eight gain sliders, ``(samples, 1)``."""
    knobs = rng.normal(0, 2.0, 8)
    at = np.linspace(0, beam.depth_mm, 8)
    return np.interp(beam.depths_mm, at, knobs).astype(np.float32)[:, None]


def _near_field(envelope: FloatMap, beam: Beam, rng: np.random.Generator) -> None:
    """Add the reverberations at the probe's face: bright arcs that fade within millimeters."""
    depth = beam.depths_mm[:, None]
    period, fade = float(rng.uniform(0.7, 1.3)), float(rng.uniform(0.5, 1.2))
    rings = np.square(np.cos(np.pi * depth / period)) * np.exp(-depth / fade)
    envelope += np.float32(rng.uniform(2, 8)) * rings.astype(np.float32)
