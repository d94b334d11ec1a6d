"""Five scanner presets, named for the scanners of the study (its section on equipment).

Their figures are ours, chosen so that the five differ as machines of different makers do; they
are no specification of any product.
"""

from dataclasses import dataclass
from typing import Final

from metrascope.errors import SettingsError
from metrascope.phantom.acoustics import Beam


@dataclass(frozen=True)
class Scanner:
    """One make and model as the phantom knows it.

    Parameters
    ----------
    short_name, name
        Name in commands, and make and model as in the study.
    frequency_mhz, radius_mm, fov_deg
        Centre frequency; radius of the probe's face; opening angle of the sector.
    axial_mm, lateral_mm, focal_zone_mm
        Resolution, as in `Beam`.
    dynamic_range_db, gamma
        Decibels from black to white, and the bend of the grey map.
    smoothing
        Share of the speckle-reduced image in the final one, 0 to 1.
    fill, clip
        Share of the screen's height that the sector takes at most; share of the fan's width
        that fits on the screen (the sides are cut off).
    bar, tick_mm, marks
        Side of the grey bar, ``left`` or ``right``; distance of the depth ticks; lettering on
        the screen, with placeholders ``{gain}`` and ``{depth}``.
    """

    short_name: str
    name: str
    frequency_mhz: float
    radius_mm: float
    fov_deg: float
    axial_mm: float
    lateral_mm: float
    focal_zone_mm: float
    dynamic_range_db: float
    gamma: float
    smoothing: float
    fill: float
    clip: float
    bar: str
    tick_mm: float
    marks: tuple[str, ...]

    def beam(self, depth_mm: float, focus_mm: float) -> Beam:
        """Return the beam of this scanner at a depth and focus setting."""
        return Beam(
            self.frequency_mhz,
            self.radius_mm,
            self.fov_deg,
            depth_mm,
            self.axial_mm,
            self.lateral_mm,
            focus_mm,
            self.focal_zone_mm,
        )


# Chosen, none a maker's; see the module.
_PRESETS: Final = (
    Scanner(
        short_name="aplio",
        name="Canon Aplio i800",
        frequency_mhz=8.0,
        radius_mm=11.0,
        fov_deg=140.0,
        axial_mm=0.45,
        lateral_mm=1.1,
        focal_zone_mm=14.0,
        dynamic_range_db=58.0,
        gamma=0.95,
        smoothing=0.45,
        fill=0.9,
        clip=0.76,
        bar="right",
        tick_mm=10.0,
        marks=("DTHI", "8.0", "FPS 31", "GN {gain}", "DR 65"),
    ),
    Scanner(
        short_name="epiq",
        name="Philips EPIQ 7C",
        frequency_mhz=7.5,
        radius_mm=12.0,
        fov_deg=130.0,
        axial_mm=0.5,
        lateral_mm=1.2,
        focal_zone_mm=15.0,
        dynamic_range_db=54.0,
        gamma=1.0,
        smoothing=0.65,
        fill=0.92,
        clip=0.84,
        bar="left",
        tick_mm=5.0,
        marks=("FR 24Hz", "2D", "{gain}%", "C 60", "P Low"),
    ),
    Scanner(
        short_name="voluson",
        name="GE Voluson E10",
        frequency_mhz=7.0,
        radius_mm=10.5,
        fov_deg=116.0,
        axial_mm=0.6,
        lateral_mm=1.4,
        focal_zone_mm=14.0,
        dynamic_range_db=52.0,
        gamma=1.1,
        smoothing=0.6,
        fill=0.94,
        clip=0.96,
        bar="left",
        tick_mm=10.0,
        marks=("7.0MHz", "Gn {gain}", "C6/M8", "FF3/E2", "SRI II 3"),
    ),
    Scanner(
        short_name="samsung",
        name="Samsung XW80A",
        frequency_mhz=7.0,
        radius_mm=10.0,
        fov_deg=124.0,
        axial_mm=0.62,
        lateral_mm=1.45,
        focal_zone_mm=13.0,
        dynamic_range_db=54.0,
        gamma=0.9,
        smoothing=0.35,
        fill=0.88,
        clip=0.9,
        bar="right",
        tick_mm=10.0,
        marks=("FR 38", "G {gain}", "DR 118", "FA 8", "P 95%"),
    ),
    Scanner(
        short_name="nuewa",
        name="Mindray Nuewa R9S",
        frequency_mhz=9.0,
        radius_mm=11.5,
        fov_deg=150.0,
        axial_mm=0.42,
        lateral_mm=1.1,
        focal_zone_mm=14.0,
        dynamic_range_db=60.0,
        gamma=1.0,
        smoothing=0.5,
        fill=0.92,
        clip=0.72,
        bar="left",
        tick_mm=5.0,
        marks=("F H9.0", "D {depth}", "G {gain}", "FR 27", "iClear 4"),
    ),
)
SCANNERS: Final = {scanner.short_name: scanner for scanner in _PRESETS}


def find_scanner(short_name: str) -> Scanner:
    """Return the preset of that short name.

    Raises
    ------
    SettingsError
        If there is none; the message lists those there are.
    """
    if short_name not in SCANNERS:
        names = ", ".join(SCANNERS)
        raise SettingsError("phantom.unknown_scanner", name=short_name, known=names)
    return SCANNERS[short_name]
