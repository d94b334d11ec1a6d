"""Judge whether a frame is a B-mode still that a study can use, or say why it is not."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from metrascope.arrays import Pixels
from metrascope.dicom.header import value
from metrascope.dicom.regions import Region
from metrascope.messages import Reason
from metrascope.screen.arrangement import arrangement
from metrascope.screen.coloring import has_color_bar, in_color
from metrascope.screen.sector import Sector
from metrascope.screen.texture import (
    count_letters,
    even_share,
    fineness,
    likeness_over_time,
    warmth,
)
from metrascope.settings.study_settings import Fraction, Section

Level = Annotated[float, Field(ge=0, le=255)]

_ULTRASOUND: Final = "1.2.840.10008.5.1.4.1.1."
_US_CLASSES: Final = ("3", "3.1", "6", "6.1", "6.2")
_VOLUME: Final = "6.2"
_PHOTOACOUSTIC: Final = "6.3"
# Values of Image Type for what was reckoned from a volume (PS3.3, C.7.6.16.1 and C.8.24).
_FROM_VOLUME: Final = ("VOLUME", "MPR", "RESAMPLED", "REFORMATTED", "MULTIPLANAR", "TUI")
_CAPTURES: Final = "7"
_NOT_STATED: Final = ("", "OT")
# PS3.3, C.8.5.6.1.1, value 4 of Image Type: what the scanner says is in the image.
_M_MODE: Final = 0x02
_SPECTRAL: Final = 0x04 | 0x08
_RENDERING: Final = 0x40
# Shorter side of a sector, in shares of the screen's, under which it is no sector; and excess of
# red over grey, in shares of the luminance, from which a surface is warm as skin. Neither, 0.8
# or 1.25 times as large, changes the judgement of 48 phantom screens
# (benchmarks/screen_constants.py).
_SLIVER: Final = 0.12
_WARM: Final = 0.1
_BESIDE: Final = 0.2
"""Of a fan's width, from its middle to that of the probe: beyond it a side of the fan is missing.

Screens cut wide fans off a little: of 252, most of them real, the most had 0.115."""


class Usability(Section):
    """When a frame is refused.

    Attributes
    ----------
    smallest_frame, smallest_sector
        Pixels along the shorter side. The networks see 224 pixels; under half of that nothing
        of an endometrium is left.
    darkest
        Grey level that the brightest tenth of the sector must reach: below it a scanner shows
        a probe in the air or a frozen start.
    least_contrast
        Standard deviation of grey in the sector, below which it is blank.
    color_share
        Part of the sector in colors that are no tint of grey, above which flow or stiffness is
        shown; where the screen has a color scale, ``color_share_with_bar`` is enough.
    most_even
        Part of the lit sector that may be even, above which the screen is a page or a plain
        ground. Real images had 0.10 at most, pages 0.57 and more.
    most_letters
        How many letters may stand in the middle of a screen without echo before it is called a
        page of text.
    most_likeness
        How alike the columns of a rectangle may be (`texture.likeness_over_time`), above which it
        is an M-mode trace and no image. Of 30 drawn traces the least had 0.95, under speckle
        0.66; of 803 real stills of ovaries and breasts that fill a rectangle the most had 0.60.
    least_fineness, least_fineness_warm
        Strength of the finest detail against the next coarser (`texture.fineness`), below which
        the image is a surface rendered from a volume: as it is, and where it has the warm color
        of skin that renderings have. Slices of volumes, the smoothest real images tried, had
        0.31 and more.
    """

    smallest_frame: Annotated[int, Field(ge=16, le=10**5)] = 160
    smallest_sector: Annotated[int, Field(ge=16, le=10**5)] = 112
    darkest: Level = 24.0
    least_contrast: Level = 4.0
    color_share: Fraction = 0.003
    color_share_with_bar: Fraction = 0.0
    most_even: Fraction = 0.3
    most_letters: Annotated[int, Field(ge=0, le=10**6)] = 60
    most_likeness: Fraction = 0.68
    least_fineness: Fraction = 0.22
    least_fineness_warm: Fraction = 0.4


@dataclass(frozen=True)
class Claims:
    """A header's claims about the kind of image; all empty for a file without one.

    Attributes
    ----------
    modality
        Modality (0008,0060).
    sop_class
        UID of the SOP class (0008,0016).
    image_type
        Values of Image Type (0008,0008).
    """

    modality: str = ""
    sop_class: str = ""
    image_type: tuple[str, ...] = ()


def header_claims(ds: Any) -> Claims:
    """Return a DICOM header's claims about the kind of image."""
    stated = value(ds, "ImageType")
    kinds = (stated,) if isinstance(stated, str) else tuple(map(str, stated or ()))
    modality, sop_class = (str(value(ds, name) or "") for name in ("Modality", "SOPClassUID"))
    return Claims(modality.strip().upper(), sop_class.strip(), kinds)


def judge(
    frame: Pixels,
    sector: Sector,
    regions: tuple[Region, ...] = (),
    claims: Claims | None = None,
    thresholds: Usability | None = None,
) -> Reason | None:
    """Return why a frame cannot be used, None if it can.

    The header is believed where it names another kind of image; kinds that it leaves out are
    looked for in the pixels, as in a file without a header.

    Parameters
    ----------
    frame
        Decoded frame, uint8, (height, width) or (height, width, 3) RGB.
    sector
        Scan sector of this frame.
    regions
        Regions of this frame, from the header.
    claims
        The header's claims about the kind of image.
    thresholds
        Thresholds for the pixels.
    """
    claims, thresholds = claims or Claims(), thresholds or Usability()
    grey = _luminance(frame)
    return (
        _other_modality(claims, sector, regions)
        or _too_small(grey, thresholds)
        or _stated(claims, regions)
        or _without_echo(grey, sector, thresholds)
        or _over_time(grey, sector, thresholds)
        or _not_alone(grey, sector)
        or _small_sector(sector, thresholds)
        or _rendered(frame, grey, sector, thresholds)
        or _colored(frame, sector, thresholds)
        or _cut_off(sector)
    )


def _other_modality(claims: Claims, sector: Sector, regions: tuple[Region, ...]) -> Reason | None:
    if claims.modality not in (*_NOT_STATED, "US"):
        return Reason("usability.other_modality", {"modality": claims.modality})
    kind = claims.sop_class.removeprefix(_ULTRASOUND)
    if kind == _PHOTOACOUSTIC:
        return Reason("usability.other_modality", {"modality": "PA"})
    if not claims.sop_class or claims.modality == "US" or kind in _US_CLASSES or regions:
        return None
    # A captured screen of no stated modality is ultrasound if it shows a fan.
    fan = sector.kind in ("curved", "phased")
    captured = kind == _CAPTURES or kind.startswith(_CAPTURES + ".")
    return None if captured and fan else Reason("usability.no_ultrasound")


def _too_small(grey: Pixels, thresholds: Usability) -> Reason | None:
    height, width = grey.shape
    if min(height, width) < thresholds.smallest_frame:
        return Reason("usability.too_small", {"width": width, "height": height})
    return None


def _stated(claims: Claims, regions: tuple[Region, ...]) -> Reason | None:
    kinds = {region.kind for region in regions}
    for kind in ("spectral", "m_mode", "elastography", "3d", "color"):
        if kind in kinds:
            return Reason(f"usability.{kind}")
    if claims.sop_class == _ULTRASOUND + _VOLUME or _is_from_volume(claims.image_type):
        return Reason("usability.volume")
    bits = _bits(claims.image_type)
    # No region has a type for what was rendered from a volume, nor for planes cut through it.
    if bits & _RENDERING:
        return Reason("usability.3d")
    if regions:
        return None
    for mask, kind in ((_SPECTRAL, "spectral"), (_M_MODE, "m_mode")):
        if bits & mask:
            return Reason(f"usability.{kind}")
    return None


def _is_from_volume(image_type: tuple[str, ...]) -> bool:
    words = {word for value in image_type[2:] for word in value.upper().split()}
    return not words.isdisjoint(_FROM_VOLUME)


def _bits(image_type: tuple[str, ...]) -> int:
    try:
        return int(image_type[3], 16) if len(image_type) > 3 and len(image_type[3]) == 4 else 0
    except ValueError:
        return 0


def _without_echo(grey: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    counts = _counts(grey, sector)
    even = even_share(grey, sector) > thresholds.most_even
    sliver = min(sector.box[2:]) < _SLIVER * min(grey.shape)
    plain = _contrast(counts) < thresholds.least_contrast
    if (even or sliver or plain) and count_letters(grey) > thresholds.most_letters:
        return Reason("usability.page")
    if plain:
        return Reason("usability.blank")
    if even or sliver:
        return Reason("usability.no_sector")
    level = int((counts.cumsum() >= 0.9 * counts.sum()).argmax())
    return Reason("usability.too_dark", {"level": level}) if level < thresholds.darkest else None


def _counts(grey: Pixels, sector: Sector) -> npt.NDArray[np.float64]:
    """Return how many pixels of the sector have each of the 256 grey levels."""
    counts = cv2.calcHist([grey], [0], sector.mask.view(np.uint8), [256], [0.0, 256.0])
    return np.asarray(counts, np.float64).ravel()


def _contrast(counts: npt.NDArray[np.float64]) -> float:
    """Return the standard deviation of grey, 0 where there is none."""
    if not counts.any():
        return 0.0
    levels = np.arange(256)
    mean = np.average(levels, weights=counts)
    return float(np.sqrt(np.average((levels - mean) ** 2, weights=counts)))


def _not_alone(grey: Pixels, sector: Sector) -> Reason | None:
    layout = arrangement(grey, sector)
    if layout.sweep:
        return Reason("usability.sweep")
    several = layout.images > 1
    return Reason("usability.split_screen", {"count": layout.images}) if several else None


def _small_sector(sector: Sector, thresholds: Usability) -> Reason | None:
    across, down = sector.box[2:]
    if min(across, down) < thresholds.smallest_sector:
        return Reason("usability.small_sector", {"width": across, "height": down})
    return None


def _over_time(grey: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    if sector.kind not in ("linear", "whole"):  # a trace fills a rectangle
        return None
    likeness = likeness_over_time(grey, sector)
    return Reason("usability.m_mode") if likeness > thresholds.most_likeness else None


def _rendered(frame: Pixels, grey: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    detail = fineness(grey, sector)
    if detail >= max(thresholds.least_fineness, thresholds.least_fineness_warm):
        return None
    warm = warmth(frame, sector) > _WARM
    least = thresholds.least_fineness_warm if warm else thresholds.least_fineness
    return Reason("usability.3d") if detail < least else None


def _colored(frame: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    if frame.ndim == 2:
        return None
    share = float(in_color(frame, sector.mask))
    limit = thresholds.color_share
    if share <= min(limit, thresholds.color_share_with_bar):
        return None
    if has_color_bar(frame, sector.mask):
        limit = thresholds.color_share_with_bar
    return Reason("usability.color", {"percent": round(100 * share, 2)}) if share > limit else None


def _cut_off(sector: Sector) -> Reason | None:
    """Tell whether a side of a fan is missing: then the probe does not stand over its middle."""
    if sector.kind not in ("curved", "phased"):
        return None
    left, top, width, height = sector.box
    shown = sector.mask[top : top + max(2, height // 12), left : left + width]
    near = np.flatnonzero(shown.any(axis=0))
    beside = len(near) > 0 and abs((near[0] + near[-1]) / 2 - width / 2) > _BESIDE * width
    return Reason("usability.cut_off") if beside else None


def _luminance(frame: Pixels) -> Pixels:
    if frame.ndim == 2:
        return frame
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
