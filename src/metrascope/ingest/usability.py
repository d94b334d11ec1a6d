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
_TOP: Final = 0.1
_DIP: Final = 0.03
_LIT: Final = 16
_ROUGH: Final = 0.04


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
    least_speckle
        Part of the lit sector that must be rough as echoes are: below it the screen is a page or
        a plain ground. Slices of volumes, the smoothest real images tried, had 0.40 and more.
    """

    smallest_frame: Annotated[int, Field(ge=16)] = 160
    smallest_sector: Annotated[int, Field(ge=16)] = 112
    darkest: Level = 24.0
    least_contrast: Level = 4.0
    color_share: Fraction = 0.003
    color_share_with_bar: Fraction = 0.0
    least_speckle: Fraction = 0.35


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
    if min(height, width) < thresholds.smallest_frame:
        return Reason("usability.too_small", {"width": width, "height": height})
    across, down = sector.box[2:]
    if min(across, down) < thresholds.smallest_sector:
        return Reason("usability.small_sector", {"width": across, "height": down})
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
    if speckled_share(grey, sector) < thresholds.least_speckle:
        return Reason("usability.page")
    return None


def speckled_share(grey: Pixels, sector: Sector) -> float:
    """Return which part of the lit sector is rough, 0 to 1; pages and plain grounds are not.

    Rough is where grey levels differ from their surroundings by 4 % of them or more (root mean
    square, 9 x 9 pixels).
    """
    left, top, width, height = sector.box
    part = (slice(top, top + height), slice(left, left + width))
    level = grey[part].astype(np.float32)
    fine = level - cv2.GaussianBlur(level, (0, 0), 3)
    power, mean = cv2.blur(fine * fine, (9, 9)), cv2.blur(level, (9, 9))
    lit = sector.mask[part] & (mean > _LIT)
    count = int(lit.sum())
    rough = power[lit] > np.square(_ROUGH * mean[lit])
    return float(rough.sum()) / count if count else 0.0


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
    parts = apart(grey)
    if any(_is_strip(part, sector.box, grey.shape[0]) for part in parts):
        return Reason("usability.sweep")
    beside = [part for part in parts if _like_a_fan(part, sector.box)]
    touching = sector.kind in ("curved", "phased") and _two_tops(grey, sector.box)
    count = 1 + max(len(beside), int(touching))
    return None if count == 1 else Reason("usability.split_screen", {"count": count})


def _is_strip(part: Box, box: Box, height: int) -> bool:
    """Tell whether a part is the sweep of spectral Doppler or M-mode under the sector."""
    below = part[1] > box[1] + 0.8 * box[3]
    return below and part[2] > 0.7 * box[2] and part[3] > 0.1 * height


def _like_a_fan(part: Box, box: Box) -> bool:
    left, top, width, height = box
    x, y = part[0] + part[2] / 2 - left, part[1] + part[3] / 2 - top
    beside = not (0 <= x <= width and 0 <= y <= height)
    large = part[2] * part[3] > _FAN_SHARE * width * height
    return beside and large and 0.4 < part[2] / max(1, part[3]) < 4


def _two_tops(grey: Pixels, box: Box) -> bool:
    """Tell two fans that touch from one.

    Taken for one, they leave its top dark: the first echo from above lies lower than the top
    everywhere, and lower between them than in the middle of each.
    """
    left, top, width, height = box
    lit = (grey[top : top + height, left : left + width] > _BRIGHT).astype(np.uint8)
    opened = cv2.morphologyEx(lit, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    first = np.where(opened.any(axis=0), opened.argmax(axis=0), height) / height

    def depth(start: float, stop: float) -> float:
        return float(np.median(first[int(start * width) : int(stop * width) + 1]))

    one, between, other = depth(0.2, 0.3), depth(0.47, 0.53), depth(0.7, 0.8)
    return min(one, other) > _TOP and between > max(one, other) + _DIP


def _luminance(frame: Pixels) -> Pixels:
    if frame.ndim == 2:
        return frame
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
