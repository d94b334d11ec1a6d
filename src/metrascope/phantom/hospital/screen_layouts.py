"""Five layouts of a scanner's screen, named as the presets of `metrascope.phantom.scanners`.

They are ours, drawn so that the five differ as screens of different makers do: places, letters,
colors. All places are shares of the screen's width and height.
"""

from dataclasses import dataclass
from typing import Final

from metrascope.phantom.hospital.burned_text import Face
from metrascope.phantom.hospital.drawing import Anchor, Color

# Colors of letters and marks, by eye.
WHITE: Final = (225, 225, 225)
GRAY_LETTERS: Final = (165, 165, 170)
YELLOW: Final = (228, 220, 60)
GREEN: Final = (90, 220, 120)
BLUE: Final = (120, 165, 240)
CYAN: Final = (110, 205, 220)
ORANGE: Final = (240, 160, 60)


@dataclass(frozen=True)
class LayoutLine:
    """One line of the furniture; ``{placeholders}`` as in `furniture.fill_in`.

    ``height`` is a share of the screen's height.
    """

    text: str
    x: float
    y: float
    color: Color = WHITE
    height: float = 0.022
    anchor: Anchor = "left"


@dataclass(frozen=True)
class ScreenLayout:
    """How the screen of one maker looks.

    Parameters
    ----------
    short_name, maker, model
        Key, and what the header says.
    sizes
        Widths and heights in use.
    face, small
        Font of the furniture; height of the settings' letters.
    ground, well
        Colors of the screen at its top and bottom; color behind the fan, or None.
    panel
        Where the fan stands: left, top, right, bottom.
    strips
        Filled rectangles (left, top, right, bottom, color) of banner and status line.
    banner, status
        Lines that name patient, hospital and time; lines below the fan.
    settings
        Left or right edge, top, anchor, color; then the lines.
    bar
        Left, top, width, height of the grey bar, shares of width and height.
    ruler, tick_mm, dots
        Side of the depth ruler within the panel, distance of its marks, dots instead of dashes.
    calipers, notes
        Colors of calipers and of annotations.
    result
        Right bottom or left top corner of the measurement box: x, y, anchor.
    logo
        Name, x, y, color, height; and what stands in a frame before it.
    day, birth
        Formats of dates.
    """

    short_name: str
    maker: str
    model: str
    sizes: tuple[tuple[int, int], ...]
    face: Face
    small: float
    ground: tuple[Color, Color]
    well: Color | None
    panel: tuple[float, float, float, float]
    strips: tuple[tuple[float, float, float, float, Color], ...]
    banner: tuple[LayoutLine, ...]
    status: tuple[LayoutLine, ...]
    settings: tuple[float, float, Anchor, Color]
    setting_lines: tuple[str, ...]
    bar: tuple[float, float, float, float]
    ruler: str
    tick_mm: float
    dots: bool
    calipers: Color
    notes: Color
    result: tuple[float, float, Anchor]
    logo: LayoutLine
    day: str
    birth: str
    clock: str = "%H:%M:%S"


# Places are shares of the screen. The five layouts are ours, after the general look of such
# machines.
_APLIO: Final = ScreenLayout(
    short_name="aplio",
    maker="CANON_MEC",
    model="Aplio i800",
    sizes=((1280, 960), (960, 720)),
    face="sans",
    small=0.019,
    ground=((0, 0, 0), (0, 0, 0)),
    well=None,
    panel=(0.1, 0.1, 0.9, 0.93),
    strips=((0, 0, 1, 0.075, (38, 40, 46)), (0, 0.962, 1, 1, (28, 30, 34))),
    banner=(
        LayoutLine("{hospital}", 0.12, 0.022, WHITE, 0.026),
        LayoutLine("{latin}", 0.12, 0.054, WHITE, 0.026),
        LayoutLine("ID: {id}", 0.42, 0.054, WHITE, 0.024),
        LayoutLine("{chinese}", 0.42, 0.022, WHITE, 0.026),
        LayoutLine("DOB {birth}", 0.66, 0.054, GRAY_LETTERS, 0.022),
        LayoutLine("{day}", 0.985, 0.022, WHITE, 0.022, "right"),
        LayoutLine("{time}", 0.985, 0.054, WHITE, 0.022, "right"),
    ),
    status=(
        LayoutLine("Op: {operator}", 0.02, 0.981, GRAY_LETTERS, 0.02),
        LayoutLine("Acc# {accession}", 0.4, 0.981, GRAY_LETTERS, 0.02),
        LayoutLine("Body  Cine  Annot", 0.98, 0.981, GRAY_LETTERS, 0.02, "right"),
    ),
    settings=(0.012, 0.13, "left", CYAN),
    setting_lines=(
        "{probe}",
        "DTHI",
        "T{freq}",
        "{fps} fps",
        "DR:{dr}",
        "2DG:{gain}",
        "MI:{mi}",
        "TIS:{tis}",
        "R:{depth}cm",
    ),
    bar=(0.965, 0.13, 0.014, 0.24),
    ruler="right",
    tick_mm=10.0,
    dots=False,
    calipers=YELLOW,
    notes=WHITE,
    result=(0.015, 0.62, "left"),
    logo=LayoutLine("Canon", 0.012, 0.036, (215, 60, 60), 0.042),
    day="%Y/%m/%d",
    birth="%Y/%m/%d",
)
_EPIQ: Final = ScreenLayout(
    short_name="epiq",
    maker="Philips Medical Systems",
    model="EPIQ 7C",
    sizes=((1024, 768), (800, 600)),
    face="noto",
    small=0.02,
    ground=((0, 0, 0), (0, 0, 0)),
    well=None,
    panel=(0.04, 0.105, 0.96, 0.985),
    strips=((0, 0, 1, 0.09, (50, 58, 74)),),
    banner=(
        LayoutLine("{latin}", 0.15, 0.026, WHITE, 0.028),
        LayoutLine("{id}", 0.15, 0.064, WHITE, 0.025),
        LayoutLine("{birth}", 0.36, 0.064, WHITE, 0.024),
        LayoutLine("{hospital}", 0.56, 0.026, WHITE, 0.026, "center"),
        LayoutLine("{chinese}", 0.5, 0.064, WHITE, 0.026),
        LayoutLine("{probe}/GYN", 0.66, 0.064, GRAY_LETTERS, 0.024),
        LayoutLine("MI {mi}  TIS {tis}", 0.8, 0.026, WHITE, 0.024),
        LayoutLine("{day} {time}", 0.99, 0.064, WHITE, 0.024, "right"),
    ),
    status=(),
    settings=(0.012, 0.13, "left", BLUE),
    setting_lines=(
        "FR {fps}Hz",
        "R{dr}",
        "",
        "2D",
        "{gain}%",
        "C 60",
        "P Low",
        "HGen",
    ),
    bar=(0.955, 0.13, 0.012, 0.13),
    ruler="right",
    tick_mm=5.0,
    dots=True,
    calipers=GREEN,
    notes=YELLOW,
    result=(0.012, 0.86, "left"),
    logo=LayoutLine("PHILIPS", 0.012, 0.042, BLUE, 0.034),
    day="%d/%m/%Y",
    birth="%d/%m/%Y",
    clock="%I:%M:%S %p",
)
_VOLUSON: Final = ScreenLayout(
    short_name="voluson",
    maker="GE Healthcare",
    model="Voluson E10",
    sizes=((960, 720), (1024, 768)),
    face="stroke",
    small=0.019,
    ground=((16, 20, 34), (6, 8, 16)),
    well=(0, 0, 0),
    panel=(0.0, 0.09, 1.0, 0.955),
    strips=((0, 0, 1, 0.085, (22, 32, 58)),),
    banner=(
        LayoutLine("{latin}", 0.09, 0.026, WHITE, 0.026),
        LayoutLine("{id}", 0.09, 0.062, WHITE, 0.026),
        LayoutLine("{chinese}", 0.27, 0.026, WHITE, 0.028),
        LayoutLine("DOB={birth}", 0.36, 0.062, WHITE, 0.024),
        LayoutLine("{hospital}", 0.74, 0.026, WHITE, 0.026, "center"),
        LayoutLine("MI {mi} TIs {tis}", 0.64, 0.062, WHITE, 0.024),
        LayoutLine("{day}", 0.99, 0.026, WHITE, 0.024, "right"),
        LayoutLine("{time}", 0.99, 0.062, WHITE, 0.024, "right"),
    ),
    status=(
        LayoutLine("{accession}", 0.01, 0.978, GRAY_LETTERS, 0.022),
        LayoutLine("{operator}", 0.3, 0.978, GRAY_LETTERS, 0.022),
        LayoutLine("4:Full  Sono Rs", 0.99, 0.978, GRAY_LETTERS, 0.022, "right"),
    ),
    settings=(0.992, 0.11, "right", WHITE),
    setting_lines=(
        "{probe}/GYN",
        "{freq}MHz/{depth}cm",
        "{fps}Hz",
        "Pelvis/Gyn",
        "Gn {gain}",
        "C6 / M8",
        "FF3 / E2",
        "SRI II 3 / CRI 2",
    ),
    bar=(0.004, 0.1, 0.012, 0.19),
    ruler="left",
    tick_mm=10.0,
    dots=False,
    calipers=YELLOW,
    notes=YELLOW,
    result=(0.995, 0.93, "right"),
    logo=LayoutLine("Voluson E10", 0.03, 0.115, YELLOW, 0.022),
    day="%d.%m.%Y",
    birth="%d.%m.%Y",
)
_SAMSUNG: Final = ScreenLayout(
    short_name="samsung",
    maker="SAMSUNG MEDISON CO., LTD.",
    model="XW80A",
    sizes=((1024, 768), (1280, 960)),
    face="stroke_bold",
    small=0.018,
    ground=((10, 10, 10), (4, 4, 4)),
    well=None,
    panel=(0.02, 0.12, 0.98, 0.95),
    strips=(),
    banner=(
        LayoutLine("{hospital}", 0.5, 0.022, WHITE, 0.026, "center"),
        LayoutLine("{id}", 0.015, 0.022, WHITE, 0.023),
        LayoutLine("{latin}", 0.015, 0.056, WHITE, 0.023),
        LayoutLine("{chinese}  {birth}", 0.015, 0.09, WHITE, 0.025),
        LayoutLine("{day}", 0.985, 0.022, WHITE, 0.021, "right"),
        LayoutLine("{time}", 0.985, 0.052, WHITE, 0.021, "right"),
        LayoutLine("{operator}", 0.985, 0.082, WHITE, 0.021, "right"),
    ),
    status=(
        LayoutLine("Gynecology  {probe}", 0.015, 0.978, GREEN, 0.022),
        LayoutLine("A: {accession}", 0.5, 0.978, GRAY_LETTERS, 0.021, "center"),
    ),
    settings=(0.985, 0.15, "right", GRAY_LETTERS),
    setting_lines=(
        "[2D]  G{gain}/{dr}dB",
        "FA8 / P95%",
        "HAR {freq}MHz",
        "{fps}fps  {depth}cm",
        "MI {mi}",
        "TIs {tis}",
    ),
    bar=(0.012, 0.14, 0.016, 0.2),
    ruler="right",
    tick_mm=10.0,
    dots=False,
    calipers=GREEN,
    notes=CYAN,
    result=(0.02, 0.82, "left"),
    logo=LayoutLine("SAMSUNG", 0.72, 0.022, BLUE, 0.028),
    day="%Y-%m-%d",
    birth="%Y-%m-%d",
)
_NUEWA: Final = ScreenLayout(
    short_name="nuewa",
    maker="Mindray",
    model="Nuewa R9S",
    sizes=((1920, 1080), (1280, 960), (800, 600)),
    face="noto",
    small=0.019,
    ground=((8, 10, 18), (26, 34, 52)),
    well=(4, 4, 4),
    panel=(0.09, 0.09, 0.88, 0.94),
    strips=((0, 0, 1, 0.078, (66, 70, 78)), (0, 0.955, 1, 1, (44, 48, 56))),
    banner=(
        LayoutLine("{hospital}", 0.13, 0.022, WHITE, 0.027),
        LayoutLine("{chinese}", 0.13, 0.056, WHITE, 0.027),
        LayoutLine("{latin}", 0.21, 0.056, WHITE, 0.024),
        LayoutLine("{id}", 0.46, 0.056, WHITE, 0.024),
        LayoutLine("{birth}", 0.62, 0.056, WHITE, 0.024),
        LayoutLine("AP 97%  MI {mi}  TIS {tis}", 0.8, 0.022, WHITE, 0.022, "right"),
        LayoutLine("{day}", 0.99, 0.022, WHITE, 0.023, "right"),
        LayoutLine("{time}", 0.99, 0.056, WHITE, 0.023, "right"),
    ),
    status=(
        LayoutLine("{operator}", 0.02, 0.978, WHITE, 0.022),
        LayoutLine("{accession}", 0.2, 0.978, WHITE, 0.022),
        LayoutLine("{probe}   GYN", 0.98, 0.978, WHITE, 0.022, "right"),
    ),
    settings=(0.895, 0.12, "left", ORANGE),
    setting_lines=(
        "B",
        "F    H{freq}",
        "D    {depth}",
        "G    {gain}",
        "FR   {fps}",
        "DR   {dr}",
        "iClear 4",
        "iBeam On",
    ),
    bar=(0.865, 0.12, 0.01, 0.22),
    ruler="left",
    tick_mm=5.0,
    dots=False,
    calipers=CYAN,
    notes=GREEN,
    result=(0.012, 0.14, "left"),
    logo=LayoutLine("mindray", 0.012, 0.038, (235, 90, 80), 0.036),
    day="%Y-%m-%d",
    birth="%Y-%m-%d",
)
LAYOUTS: Final = {
    layout.short_name: layout for layout in (_APLIO, _EPIQ, _VOLUSON, _SAMSUNG, _NUEWA)
}
