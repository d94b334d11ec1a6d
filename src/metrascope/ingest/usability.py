"""Judge whether a frame is a B-mode still that a study can use, or say why it is not."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import Field

from metrascope.config import Fraction, Section
from metrascope.data.sector import Box, Sector
from metrascope.dicom.header import value
from metrascope.dicom.regions import Region
from metrascope.ingest.coloring import has_color_bar, in_color
from metrascope.ingest.panels import apart
from metrascope.ingest.reason import Reason

Pixels = npt.NDArray[np.uint8]
Level = Annotated[float, Field(ge=0, le=255)]

_ULTRASOUND: Final = "1.2.840.10008.5.1.4.1.1."
_US_CLASSES: Final = ("3", "3.1", "6", "6.1", "6.2", "6.3")
_CAPTURES: Final = "7"
_NOT_STATED: Final = ("", "OT")
# PS3.3, C.8.5.6.1.1, value 4 of Image Type: what the scanner says is in the image.
_M_MODE: Final = 0x02
_SPECTRAL: Final = 0x04 | 0x08
_RENDERING: Final = 0x40
_FAN_SHARE: Final = 0.35
_BRIGHT: Final = 12


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
    text_share
        Part of the bright pixels that are strokes, above which a screen without a fan is a page.
    """

    smallest_frame: Annotated[int, Field(ge=16)] = 160
    smallest_sector: Annotated[int, Field(ge=16)] = 112
    darkest: Level = 24.0
    least_contrast: Level = 4.0
    color_share: Fraction = 0.002
    color_share_with_bar: Fraction = 0.0
    text_share: Fraction = 0.6


@dataclass(frozen=True)
class Claims:
    """What a header says the image is; all empty for a file without one.

    Attributes
    ----------
    modality
        (0008,0060).
    sop_class
        UID (0008,0016).
    image_type
        Values of (0008,0008).
    """

    modality: str = ""
    sop_class: str = ""
    image_type: tuple[str, ...] = ()


def claims_of(ds: Any) -> Claims:
    """Return what a DICOM header says the image is."""
    found = value(ds, "ImageType")
    kinds = (found,) if isinstance(found, str) else tuple(map(str, found or ()))
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

    The header is believed where it names what a B-mode still is not; what it leaves out, or
    what a file without one shows, is looked for in the pixels.

    Parameters
    ----------
    frame
        uint8, (height, width) or (height, width, 3) RGB.
    sector
        Of this frame.
    regions
        Of this frame, from the header.
    claims
        What the header says the file is.
    thresholds
        Of the pixels.
    """
    claims, thresholds = claims or Claims(), thresholds or Usability()
    grey = _luminance(frame)
    return (
        _other_modality(claims, sector, regions)
        or _too_small(grey, sector, thresholds)
        or _stated(claims, regions)
        or _without_echo(grey, sector, thresholds)
        or _colored(frame, sector, thresholds)
        or _beside(grey, sector)
    )


def _other_modality(claims: Claims, sector: Sector, regions: tuple[Region, ...]) -> Reason | None:
    if claims.modality not in (*_NOT_STATED, "US"):
        return Reason("usability.other_modality", {"modality": claims.modality})
    kind = claims.sop_class.removeprefix(_ULTRASOUND)
    if not claims.sop_class or claims.modality == "US" or kind in _US_CLASSES or regions:
        return None
    # A captured screen of no stated modality is ultrasound if it shows a fan.
    fan = sector.kind in ("curved", "phased")
    captured = kind == _CAPTURES or kind.startswith(_CAPTURES + ".")
    return None if captured and fan else Reason("usability.no_ultrasound")


def _too_small(grey: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    height, width = grey.shape
    least = (thresholds.smallest_frame, thresholds.smallest_sector)
    sides = (min(height, width), min(sector.box[2:]))
    if any(side < smallest for side, smallest in zip(sides, least, strict=True)):
        return Reason("usability.too_small", {"width": width, "height": height})
    return None


def _stated(claims: Claims, regions: tuple[Region, ...]) -> Reason | None:
    kinds = {region.kind for region in regions}
    for kind in ("spectral", "m_mode", "elastography", "3d", "color"):
        if kind in kinds:
            return Reason(f"usability.{kind}")
    if regions:
        return None
    bits = _bits(claims.image_type)
    for mask, kind in ((_RENDERING, "3d"), (_SPECTRAL, "spectral"), (_M_MODE, "m_mode")):
        if bits & mask:
            return Reason(f"usability.{kind}")
    return None


def _bits(image_type: tuple[str, ...]) -> int:
    try:
        return int(image_type[3], 16) if len(image_type) > 3 and len(image_type[3]) == 4 else 0
    except ValueError:
        return 0


def _without_echo(grey: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    inside = grey[sector.mask]
    if inside.size == 0 or inside.std() < thresholds.least_contrast:
        return Reason("usability.blank")
    if np.percentile(inside, 90) < thresholds.darkest:
        return Reason("usability.too_dark", {"level": int(np.percentile(inside, 90))})
    return None


def _colored(frame: Pixels, sector: Sector, thresholds: Usability) -> Reason | None:
    if frame.ndim == 2:
        return None
    share = float(in_color(frame, sector.mask))
    limit = thresholds.color_share
    if has_color_bar(frame, sector.mask):
        limit = thresholds.color_share_with_bar
    return Reason("usability.color", {"percent": round(100 * share, 2)}) if share > limit else None


def _beside(grey: Pixels, sector: Sector) -> Reason | None:
    """Tell of a second image: beside the sector another of its size, or two tops in the sector."""
    if sector.kind in ("curved", "phased"):
        others = [part for part in apart(grey) if _like_a_fan(part, sector.box)]
        count = 2 if _two_tops(grey, sector.box) else 1 + len(others)
    else:
        count = len(apart(grey))
    return Reason("usability.split_screen", {"count": count}) if count > 1 else None


def _like_a_fan(part: Box, box: Box) -> bool:
    left, top, width, height = box
    x, y = part[0] + part[2] / 2 - left, part[1] + part[3] / 2 - top
    beside = not (0 <= x <= width and 0 <= y <= height)
    large = part[2] * part[3] > _FAN_SHARE * width * height
    return beside and large and 0.4 < part[2] / max(1, part[3]) < 4


def _two_tops(grey: Pixels, box: Box) -> bool:
    """Tell two fans that touch from one: high up they are bright left and right, not between."""
    left, top, width, height = box
    high = grey[top + height // 10 : top + height // 3, left : left + width]
    bright = (high > _BRIGHT).mean(axis=0)

    def share(start: float, stop: float) -> float:
        return float(bright[int(start * width) : int(stop * width)].mean())

    sides = min(share(0.15, 0.35), share(0.65, 0.85))
    return sides > 0.3 and share(0.47, 0.53) < 0.8 * sides


def _luminance(frame: Pixels) -> Pixels:
    if frame.ndim == 2:
        return frame
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
