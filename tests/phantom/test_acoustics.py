"""The acoustics against closed forms: speckle, resolution, attenuation, shadow, enhancement."""

import numpy as np
import pytest

from metrascope.phantom.acoustics import (
    Beam,
    beamform,
    gain_db,
    path_loss_db,
    receive,
    scatterers,
)
from metrascope.phantom.scanners import SCANNERS
from metrascope.phantom.tissue import Tissue

RAYLEIGH_SNR = np.sqrt(np.pi / (4 - np.pi))


def quiet_beam(name: str = "voluson", depth: float = 80.0, frequency: float | None = None) -> Beam:
    """Return the beam of a preset without electronic noise."""
    preset = SCANNERS[name]
    return Beam(
        frequency or preset.frequency_mhz,
        preset.radius_mm,
        preset.fov_deg,
        depth,
        preset.axial_mm,
        preset.lateral_mm,
        30.0,
        preset.focal_zone_mm,
        noise_db=-300.0,
    )


def even_tissue(beam: Beam, attenuation: float = 0.45) -> Tissue:
    """Return a tissue that is the same everywhere, at the echo level of the myometrium."""
    shape = (beam.samples, beam.lines)
    zero = np.zeros(shape, np.float32)
    return Tissue(zero, np.full(shape, attenuation, np.float32), zero.copy(), None)


def half_width(profile: np.ndarray, step: float) -> float:
    """Return the full width at half maximum of a single peak, interpolated."""
    peak = int(profile.argmax())
    half = profile[peak] / 2
    right = peak + int(np.argmax(profile[peak:] < half))
    left = peak - int(np.argmax(profile[peak::-1] < half))
    after = right - (half - profile[right]) / (profile[right - 1] - profile[right])
    before = left + (half - profile[left]) / (profile[left + 1] - profile[left])
    return float((after - before) * step)


@pytest.mark.parametrize("name", SCANNERS)
def test_the_envelope_of_a_homogeneous_region_is_rayleigh(name: str) -> None:
    beam = quiet_beam(name)
    envelope = receive(even_tissue(beam), np.zeros(1, np.float32), beam, np.random.default_rng(4))
    region = envelope[60:-20, 40:-40]
    assert region.mean() / region.std() == pytest.approx(RAYLEIGH_SNR, abs=0.05)
    assert pytest.approx(1.91, abs=0.005) == RAYLEIGH_SNR


def test_the_point_spread_keeps_the_mean_power() -> None:
    beam = quiet_beam()
    field = beamform(scatterers(beam, np.random.default_rng(2)), beam)
    power = np.square(np.abs(field[40:-40, 40:-40])).mean(axis=1)
    assert power.mean() == pytest.approx(1, abs=0.05)
    assert power[:150].mean() == pytest.approx(power[-150:].mean(), rel=0.15)


@pytest.mark.parametrize("name", SCANNERS)
@pytest.mark.parametrize("depth", [15.0, 30.0, 60.0])
def test_a_point_target_is_as_wide_as_the_beam_was_set(name: str, depth: float) -> None:
    beam = quiet_beam(name)
    row, line = int(depth / beam.step_mm), beam.lines // 2
    field = np.zeros((beam.samples, beam.lines), np.complex64)
    field[row, line] = 1
    envelope = np.abs(beamform(field, beam))
    pitch = np.deg2rad(beam.fov_deg) / beam.lines * (beam.radius_mm + beam.depths_mm[row])
    assert half_width(envelope[:, line], beam.step_mm) == pytest.approx(beam.axial_mm, rel=0.05)
    assert half_width(envelope[row], pitch) == pytest.approx(beam.width_mm()[row], rel=0.05)


def test_the_beam_is_narrowest_at_the_focus() -> None:
    beam = quiet_beam()
    width = beam.width_mm()
    assert beam.depths_mm[width.argmin()] == pytest.approx(beam.focus_mm, abs=beam.step_mm)
    away = np.interp(beam.focus_mm + beam.focal_zone_mm, beam.depths_mm, width)
    assert away == pytest.approx(np.sqrt(2) * beam.lateral_mm, rel=0.01)


def test_speckle_is_correlated_as_far_as_the_pulse_is_long() -> None:
    beam = quiet_beam()
    field = beamform(scatterers(beam, np.random.default_rng(8)), beam)
    sigma = beam.axial_mm / 2.3548 / beam.step_mm
    for lag in (1, 2, 4, 6):
        product = (field[lag:] * field[:-lag].conj()).mean().real / np.square(np.abs(field)).mean()
        # a Gaussian pulse has a Gaussian autocorrelation, wider by the root of two
        assert product == pytest.approx(np.exp(-(lag**2) / (4 * sigma**2)), abs=0.03)


@pytest.mark.parametrize("attenuation", [0.2, 0.45, 0.8])
def test_the_echo_falls_with_depth_as_the_attenuation_says(attenuation: float) -> None:
    beam = quiet_beam()
    tissue = even_tissue(beam, attenuation)
    envelope = receive(tissue, np.zeros(1, np.float32), beam, np.random.default_rng(3))
    echo = 20 * np.log10(envelope[:, 40:-40].mean(axis=1)) - gain_db(beam)[:, 0]
    slope = np.polyfit(beam.depths_mm[20:-20] / 10, echo[20:-20], 1)[0]
    # the way there and back, at the beam's frequency
    assert slope == pytest.approx(-2 * attenuation * beam.frequency_mhz, rel=0.03)


def test_the_loss_is_the_attenuation_gathered_along_the_line() -> None:
    beam = quiet_beam(frequency=8.0)
    even = np.full((beam.samples, 3), 0.5, np.float32)
    assert path_loss_db(even, beam)[-1] == pytest.approx(2 * 0.5 * 8 * beam.depth_mm / 10, rel=1e-4)


def echo_behind(beam: Beam, echo_db: float, attenuation: float) -> float:
    """Return how much brighter it is behind a block than beside it, in decibels."""
    tissue = even_tissue(beam)
    block = (slice(200, 320), slice(120, 200))
    tissue.echo_db[block] = echo_db
    tissue.attenuation[block] = attenuation
    envelope = receive(tissue, np.zeros(1, np.float32), beam, np.random.default_rng(6))
    behind, beside = envelope[360:420, 135:185].mean(), envelope[360:420, 20:80].mean()
    return float(20 * np.log10(behind / beside))


def test_behind_fluid_the_echo_is_enhanced_by_what_the_fluid_spared() -> None:
    beam = quiet_beam()
    spared = 2 * beam.frequency_mhz * (0.45 - 0.02) * 120 * beam.step_mm / 10
    assert echo_behind(beam, -50.0, 0.02) == pytest.approx(spared, abs=1.0)


def test_behind_an_attenuating_fibroid_lies_a_shadow() -> None:
    beam = quiet_beam()
    lost = 2 * beam.frequency_mhz * (0.8 - 0.45) * 120 * beam.step_mm / 10
    assert echo_behind(beam, -4.0, 0.8) == pytest.approx(-lost, abs=1.0)


def test_electronic_noise_takes_over_in_depth() -> None:
    preset = SCANNERS["nuewa"].beam(100.0, 30.0)
    tissue = even_tissue(preset)
    tissue.echo_db[:] = -60
    envelope = receive(tissue, np.zeros(1, np.float32), preset, np.random.default_rng(1))
    assert envelope[-50:].mean() > 20 * envelope[50:100].mean()


def test_the_same_seed_gives_the_same_echo() -> None:
    beam = quiet_beam()
    first, second, other = (
        receive(even_tissue(beam), np.zeros(1, np.float32), beam, np.random.default_rng(seed))
        for seed in (5, 5, 6)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)
