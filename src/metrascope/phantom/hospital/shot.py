"""One screenshot and the truth about it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from metrascope.arrays import Box, Mask, Pixels

ProbeView = Literal["curved", "phased", "linear"]
PhantomSectorKind = Literal["curved", "phased", "linear", "whole"]
PhantomRegionKind = Literal["2d", "color", "m_mode", "spectral", "elastography", "3d", "other"]
PhantomMarkKind = Literal[
    "text",
    "caliper",
    "line",
    "arrow",
    "cursor",
    "body_mark",
    "orientation",
    "tick",
    "focus",
    "bar",
    "logo",
]
ShotKind = Literal[
    "bmode",
    "color_doppler",
    "power_doppler",
    "spectral_doppler",
    "m_mode",
    "elastography",
    "three_d",
    "report",
    "dual",
    "quad",
    "slices",
    "too_dark",
    "blank",
]
SHOT_KINDS: tuple[ShotKind, ...] = (
    "bmode",
    "color_doppler",
    "power_doppler",
    "spectral_doppler",
    "m_mode",
    "elastography",
    "three_d",
    "report",
    "dual",
    "quad",
    "slices",
    "too_dark",
    "blank",
)


class InventedPatient(Protocol):
    """Whom and what the letters on a screen name; all of it counts as identifying."""

    @property
    def latin_name(self) -> str:
        """Name in Latin letters, such as ``WANG XIULAN``."""

    @property
    def chinese_name(self) -> str:
        """Name in Chinese characters."""

    @property
    def patient_id(self) -> str:
        """Identifier that the hospital gave."""

    @property
    def birth_date(self) -> date:
        """Day of birth."""

    @property
    def hospital(self) -> str:
        """Hospital in Chinese characters."""

    @property
    def hospital_latin(self) -> str:
        """Hospital in Latin letters."""

    @property
    def exam_time(self) -> datetime:
        """Day and time of the examination."""

    @property
    def accession(self) -> str:
        """Accession number."""

    @property
    def operator(self) -> str:
        """Who held the probe, in Latin letters."""


@dataclass(frozen=True)
class PlantedMark:
    """One thing drawn on the screen that is not echo.

    Parameters
    ----------
    kind
        Kind of the mark.
    box
        Left, top, width and height in pixels; every pixel drawn for it is inside.
    text
        Text of the mark; empty if it is not lettering.
    identifying
        Whether it tells who the patient is, or where or when she was examined.
    """

    kind: PhantomMarkKind
    box: Box
    text: str = ""
    identifying: bool = False


@dataclass(frozen=True)
class ScreenRegion:
    """One region as a scanner's header states it: box, data type, millimeters per pixel x and y.

    The millimeters are None where the axes are not lengths (a spectrum, a 3-D rendering).
    """

    box: Box
    kind: PhantomRegionKind
    mm_per_pixel: tuple[float, float] | None


@dataclass(frozen=True)
class Screenshot:
    """A whole screen and the truth about it; ``h`` and ``w`` are its height and width.

    Parameters
    ----------
    image
        The screen, ``(h, w, 3)`` uint8, RGB.
    clean
        Grey echo image without anything drawn over it, ``(h, w)`` uint8, 0 outside the sector.
    sector
        Pixels of echo, ``(h, w)`` bool; empty where the screen shows no fan.
    sector_kind
        Outline of the sector; ``whole`` where there is none.
    lesion
        Pixels of the lesion, ``(h, w)`` bool, or None without a lesion on the screen.
    marks
        Everything drawn that is not echo, in the order of drawing.
    glyphs
        Every pixel touched by identifying lettering, ``(h, w)`` bool.
    ink
        Every pixel touched by any mark, ``(h, w)`` bool; flow and stiffness laid over the echo
        in color are not marks.
    kind, usable
        Kind of screen, and whether a study can use it (B-mode stills only).
    mm_per_pixel
        Size of a pixel of the fan, mm; 0 without one.
    regions
        Regions that the header states.
    maker, model
        Maker and model that the header states.
    """

    image: Pixels
    clean: Pixels
    sector: Mask
    sector_kind: PhantomSectorKind
    lesion: Mask | None
    marks: tuple[PlantedMark, ...]
    glyphs: Mask
    ink: Mask
    kind: ShotKind
    usable: bool
    mm_per_pixel: float
    regions: tuple[ScreenRegion, ...]
    maker: str
    model: str
