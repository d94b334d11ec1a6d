"""From tissue to the envelope of the echo, on the grid of scan lines.

Complex baseband: unit circular Gaussian scatterers, weighted by echo level and by the loss on
the way there and back, convolved with the pulse along the line and with a beam whose width
varies with depth across the lines. With many scatterers in a resolution cell the envelope is
Rayleigh distributed, so its mean is 1.91 standard deviations (Burckhardt 1978).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from metrascope.phantom.shapes import FloatMap
from metrascope.phantom.tissue import Tissue

ComplexMap = NDArray[np.complex64]
FWHM: Final = 2 * np.sqrt(2 * np.log(2))
_DB: Final = np.float32(np.log(10) / 20)  # natural logarithm of an amplitude, per decibel
# Empty lines beside the fan, so that its sides do not meet in the transform. Chosen, not measured.
_GUARD_LINES: Final = 32
# Power of the clutter from side lobes against the echo around, -36 dB. Chosen, not measured.
_CLUTTER: Final = 10**-3.6


@dataclass(frozen=True)
class Beam:
    """Geometry and resolution of one setting of a convex probe.

    Parameters
    ----------
    frequency_mhz
        Centre frequency, 7 to 10.
    radius_mm, fov_deg, depth_mm
        Radius of the probe's face, opening angle of the sector, depth below the face.
    axial_mm, lateral_mm
        Full width at half maximum of the echo amplitude of a point: along the line, and across
        it at the focus.
    focus_mm, focal_zone_mm
        Depth of the focus; distance from it at which the beam is wider by the root of two.
    noise_db
        Electronic noise relative to the myometrium's echo at the probe's face.
    lines, samples
        Size of the grid.
    """

    frequency_mhz: float
    radius_mm: float
    fov_deg: float
    depth_mm: float
    axial_mm: float
    lateral_mm: float
    focus_mm: float
    focal_zone_mm: float
    noise_db: float = -78.0
    lines: int = 320
    samples: int = 640

    @property
    def step_mm(self) -> float:
        """Distance of two samples along a line."""
        return self.depth_mm / self.samples

    @cached_property
    def depths_mm(self) -> NDArray[np.float32]:
        """Depth of every sample below the face, ``(samples,)``."""
        return ((np.arange(self.samples) + 0.5) * self.step_mm).astype(np.float32)

    @cached_property
    def angles_rad(self) -> NDArray[np.float32]:
        """Angle of every line from the middle, ``(lines,)``."""
        half = np.deg2rad(self.fov_deg) / 2
        return np.asarray(((np.arange(self.lines) + 0.5) / self.lines * 2 - 1) * half, np.float32)

    def width_mm(self) -> NDArray[np.float32]:
        """Return the lateral width (FWHM) at every sample, ``(samples,)``."""
        away = (self.depths_mm - self.focus_mm) / self.focal_zone_mm
        return np.asarray(self.lateral_mm * np.sqrt(1 + np.square(away)), np.float32)

    def positions(self, every: int = 1) -> tuple[FloatMap, FloatMap]:
        """Return x and z in millimeters, of every sample or of blocks of ``every`` squared."""
        depths = self.depths_mm.reshape(-1, every).mean(axis=1) + np.float32(self.radius_mm)
        angles = self.angles_rad.reshape(-1, every).mean(axis=1)
        across, down = np.outer(depths, np.sin(angles)), np.outer(depths, np.cos(angles))
        return across.astype(np.float32), down.astype(np.float32)


def scatterers(beam: Beam, rng: np.random.Generator) -> ComplexMap:
    """Return unit circular Gaussian scatterers, ``(samples, lines)`` complex64, mean power 1."""
    parts = rng.standard_normal((beam.samples, beam.lines, 2), np.float32)
    parts *= np.float32(np.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


def beamform(field: ComplexMap, beam: Beam) -> ComplexMap:
    """Convolve scatterers with the point-spread function; the mean power is kept.

    Parameters
    ----------
    field
        Complex reflectivity, ``(samples, lines)``.
    beam
        Grid, pulse length and beam width.
    """
    # Along the line a Gaussian pulse, in samples; real and imaginary part are two channels.
    sigma = beam.axial_mm / FWHM / beam.step_mm
    parts = np.ascontiguousarray(field).view(np.float32).reshape(*field.shape, 2)
    pulsed = cv2.sepFilter2D(parts, -1, np.ones(1, np.float32), _unit_power_kernel(sigma))
    lines = scipy.fft.next_fast_len(beam.lines + _GUARD_LINES)
    spectrum = scipy.fft.fft(pulsed.view(np.complex64)[..., 0], lines, axis=1, overwrite_x=True)
    # Across the lines a Gaussian whose width differs from depth to depth: a product of (samples,
    # lines), where a filter would need a kernel for each row.
    spectrum *= _lateral_response(beam, lines)
    return np.asarray(scipy.fft.ifft(spectrum, axis=1, overwrite_x=True)[:, : beam.lines])


def _unit_power_kernel(sigma: float) -> FloatMap:
    reach = int(np.ceil(4 * sigma))
    kernel = np.exp(-0.5 * np.square(np.arange(-reach, reach + 1) / sigma))
    return np.asarray(kernel / np.sqrt(np.square(kernel).sum()), np.float32)


def _lateral_response(beam: Beam, lines: int) -> FloatMap:
    """Return the beam's transfer function across the lines, ``(samples, lines)``, unit power."""
    pitch = np.deg2rad(beam.fov_deg) / beam.lines * (beam.radius_mm + beam.depths_mm)
    sigma = beam.width_mm() / FWHM / pitch
    frequency = 2 * np.pi * scipy.fft.fftfreq(lines).astype(np.float32)
    response = np.exp(-0.5 * np.square(np.outer(sigma, frequency))).astype(np.float32)
    response /= np.sqrt(np.square(response).mean(axis=1, keepdims=True))
    return response


def path_loss_db(attenuation: FloatMap, beam: Beam) -> FloatMap:
    """Return the two-way loss down to every sample, in decibels, from attenuation in dB/cm/MHz."""
    per_sample = np.float32(2 * beam.frequency_mhz * beam.step_mm / 10)
    return np.asarray(np.cumsum(attenuation, axis=0) * per_sample, np.float32)


def gain_db(beam: Beam, attenuation: float = 0.45) -> FloatMap:
    """Return the time-gain compensation of every sample for an even tissue, ``(samples, 1)``."""
    return (2 * beam.frequency_mhz * attenuation * beam.depths_mm[:, None] / 10).astype(np.float32)


def receive(tissue: Tissue, setting_db: FloatMap, beam: Beam, rng: np.random.Generator) -> FloatMap:
    """Return the envelope of the echo after gain compensation, ``(samples, lines)`` float32.

    Parameters
    ----------
    tissue
        Maps on the beam grid, or on a coarser one over the same sector.
    setting_db
        Extra gain of contact and gain sliders, ``(samples, lines)`` or a shape that broadcasts.
    beam
        Probe and grid.
    rng
        Source of the scatterers.
    """
    shape = (beam.lines, beam.samples)
    echo = cv2.resize(tissue.echo_db, shape, interpolation=cv2.INTER_LINEAR)
    loss = path_loss_db(np.asarray(cv2.resize(tissue.attenuation, shape), np.float32), beam)
    gain = gain_db(beam)
    level = np.exp((echo - loss + gain + setting_db) * _DB)
    noise = scatterers(beam, rng)
    smooth = cv2.resize(tissue.specular, shape)
    # an interface is rough as well: most of its echo is speckle, some of it adds up in phase
    field = (noise * (1 + smooth) + np.float32(0.3) * smooth) * level
    signal = beamform(field.astype(np.complex64, copy=False), beam)
    return _with_noise(signal, noise, gain, beam)


def _with_noise(signal: ComplexMap, noise: ComplexMap, gain: FloatMap, beam: Beam) -> FloatMap:
    """Add electronic noise and the clutter that side lobes bring in from the neighborhood."""
    power = np.square(signal.real) + np.square(signal.imag)
    small = cv2.resize(power, (beam.lines // 4, beam.samples // 4), interpolation=cv2.INTER_AREA)
    spread = cv2.resize(cv2.blur(small, (13, 7)), (beam.lines, beam.samples))
    floor = np.exp((gain + np.float32(beam.noise_db)) * (2 * _DB))
    # the scatterers of distant lines are independent of those here: no second draw needed
    other = np.roll(noise, (beam.samples // 3, beam.lines // 2), axis=(0, 1))
    total = signal + np.sqrt(floor + np.float32(_CLUTTER) * spread) * other
    return np.asarray(np.abs(total), np.float32)
