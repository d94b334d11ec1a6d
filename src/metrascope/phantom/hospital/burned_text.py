"""Letters as a scanner draws them: pen-stroke, bitmap and outline fonts, Latin and Chinese."""

from functools import lru_cache
from pathlib import Path
from typing import Final, Literal
from unicodedata import normalize

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from metrascope.files.chinese_font import packaged_font

Alpha = NDArray[np.uint8]
Face = Literal["stroke", "stroke_bold", "stroke_serif", "bitmap", "sans", "noto"]
_STROKES: Final[dict[str, int]] = {
    "stroke": cv2.FONT_HERSHEY_SIMPLEX,
    "stroke_bold": cv2.FONT_HERSHEY_DUPLEX,
    "stroke_serif": cv2.FONT_HERSHEY_COMPLEX,
}
_FOLDED: Final[dict[str, str | int | None]] = {
    "ı": "i",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "ß": "ss",
}
_STROKE_HEIGHT: Final = 30.0  # of a line at scale 1, descenders included


def has_chinese() -> bool:
    """Tell whether a font with Chinese characters is there; without it screens are Latin only."""
    return packaged_font() is not None


@lru_cache(maxsize=4096)
def shape(text: str, face: Face, height: int) -> Alpha:
    """Return the coverage of a line of text, 0 to 255, cut to its letters; read-only.

    Parameters
    ----------
    text
        One line.
    face
        The font; what it cannot draw (Chinese characters) is drawn in Noto Sans SC.
    height
        Height of a line in pixels, 8 or more.

    Raises
    ------
    ValueError
        If nothing of the text can be drawn, or its characters with no font at hand.
    """
    if not text.isascii():
        alpha = _outline(text, packaged_font(), height)
    elif face in _STROKES:
        alpha = _stroke(text, _STROKES[face], height)
    elif face == "bitmap":
        alpha = _bitmap(text, height)
    else:
        alpha = _outline(text, packaged_font() if face == "noto" else None, height)
    alpha = _cut(alpha, text)
    alpha.setflags(write=False)
    return alpha


def legible(text: str) -> str:
    """Return a text as the fonts at hand can draw it; empty if they cannot.

    Letters that no font has lose their diacritics, as on many a scanner.
    """
    if text.isascii() or (has_chinese() and not set(text) & set(_FOLDED)):
        return text
    plain = normalize("NFKD", text.translate(str.maketrans(_FOLDED)))
    if has_chinese() and not plain.isascii():
        return text.translate(str.maketrans(_FOLDED))
    folded = "".join(sign for sign in plain if ord(sign) < 0x300 or ord(sign) > 0x36F)
    return folded if folded.isascii() else ""


@lru_cache(maxsize=64)
def _font(file: Path | None, height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    size = max(6, round(0.78 * height))
    return ImageFont.load_default(size) if file is None else ImageFont.truetype(str(file), size)


def _outline(text: str, file: Path | None, height: int) -> Alpha:
    if file is None and not text.isascii():
        raise ValueError(f"no font draws {text!r}")
    font = _font(file, height)
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    sheet = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(sheet).text((2 - left, 2 - top), text, fill=255, font=font)
    return np.array(sheet)


def _stroke(text: str, font: int, height: int) -> Alpha:
    scale = height / _STROKE_HEIGHT
    (width, above), below = cv2.getTextSize(text, font, scale, 1)
    sheet = np.zeros((above + below + 8, width + 8), np.uint8)
    cv2.putText(sheet, text, (4, above + 4), font, scale, 255, 1 + height // 32, cv2.LINE_AA)
    return sheet


def _bitmap(text: str, height: int) -> Alpha:
    font = ImageFont.load_default_imagefont()
    left, top, right, bottom = (round(edge) for edge in font.getbbox(text))
    sheet = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(sheet).text((-left, -top), text, fill=255, font=font)
    pixels = np.asarray(sheet)
    times = max(1, round(height / 12))
    return np.asarray(np.repeat(np.repeat(pixels, times, 0), times, 1), np.uint8)


def _cut(alpha: Alpha, text: str) -> Alpha:
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not rows.size:
        raise ValueError(f"nothing to draw in {text!r}")
    part = alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.ascontiguousarray(part)
