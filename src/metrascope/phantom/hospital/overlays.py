"""An operator's marks in the image: calipers, results, arrows, notes, body marks.

Sizes are pixels of a screen 768 high, drawn by eye.
"""

from typing import Final

import cv2
import numpy as np

from metrascope.phantom.hospital.drawing import Anchor, Canvas, Color, dotted
from metrascope.phantom.hospital.fan_screen import FanScreen
from metrascope.phantom.hospital.furniture import write_line
from metrascope.phantom.hospital.screen_layouts import LayoutLine, ScreenLayout
from metrascope.phantom.hospital.shot import InventedPatient

_Point = tuple[int, int]
# Color of results, by eye.
_PALE: Final = (210, 210, 210)
# Outlines of the two cursors, pixels right and down of their tips.
_ARROW: Final = ((0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12))
_HAND: Final = (
    *((6, 0), (8, 0), (9, 8), (12, 7), (13, 9), (16, 8), (17, 10), (19, 10), (20, 16)),
    *((17, 23), (8, 23), (1, 15), (2, 13), (5, 15)),
)
_NOTES: Final = (
    "UT SAG",
    "UT TRV",
    "EM",
    "ROV",
    "LOV",
    "CX",
    "UTERUS",
    "宫腔",
    "子宫",
    "内膜",
    "肌瘤?",
)


def draw_measurement(
    canvas: Canvas, layout: ScreenLayout, fan: FanScreen, rng: np.random.Generator
) -> None:
    """Put one to three pairs of calipers on the lesion or near the middle, and their lengths."""
    center, long, short, angle = _target(fan, rng)
    results: list[float] = []
    style = ("plus", "cross", "star", "tee")[int(rng.integers(4))]
    for number in range(int(rng.integers(1, 4))):
        half = (long, short, 0.6 * short)[number]
        turn = angle + (0.0, np.pi / 2, rng.uniform(0.3, 1.2))[number]
        ends = _ends(fan, center, half, turn)
        _pair(canvas, layout, ends, number + 1, style, rng)
        span = np.hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1])
        results.append(float(span) * fan.mm_per_pixel / 10)
    _write_results(canvas, layout, results)


def annotate(
    canvas: Canvas,
    layout: ScreenLayout,
    fan: FanScreen,
    person: InventedPatient,
    rng: np.random.Generator,
    *,
    with_name: bool,
) -> None:
    """Write a note in the fan, and the patient's name as well if ``with_name``."""
    height = round(canvas.height * float(rng.uniform(0.024, 0.036)))
    note = _NOTES[int(rng.integers(len(_NOTES)))]
    canvas.write(note, _spot(fan, rng), layout.face, height, layout.notes)
    if with_name:
        name = person.chinese_name if rng.random() < 0.5 else person.latin_name
        at = _spot(fan, rng)
        if canvas.write(name, at, layout.face, height, layout.notes, identifying=True) is None:
            latin = person.latin_name
            canvas.write(latin, at, layout.face, height, layout.notes, identifying=True)


def overlap_corner(
    canvas: Canvas,
    layout: ScreenLayout,
    fan: FanScreen,
    values: dict[str, str],
    rng: np.random.Generator,
) -> None:
    """Write the patient's name, identifier and date so that they reach into the fan's edge."""
    rows = np.flatnonzero(fan.mask.any(axis=1))
    row = int(rows[int(len(rows) * float(rng.choice([0.12, 0.3, 0.85])))])
    columns = np.flatnonzero(fan.mask[row])
    right = rng.random() < 0.5
    inward = round(0.06 * canvas.width)
    column = int(columns[-1]) - inward if right else int(columns[0]) + inward
    x, y = (fan.box[0] + column) / canvas.width, (fan.box[1] + row) / canvas.height
    size = float(rng.uniform(0.02, 0.027))
    texts = ("{latin}", "{id}", "{day} {time}", "{chinese}")
    for number, text in enumerate(texts[: int(rng.integers(1, 5))]):
        anchor: Anchor = "left" if right else "right"
        line = LayoutLine(text, x, y + 1.5 * size * number, _PALE, size, anchor)
        write_line(canvas, layout, line, values)


def point_at(
    canvas: Canvas, layout: ScreenLayout, fan: FanScreen, rng: np.random.Generator
) -> None:
    """Draw an arrow that points at a place in the fan."""
    unit = canvas.height / 768
    x, y = _spot(fan, rng)
    reach = round(34 * unit)
    turn = rng.uniform(0, 2 * np.pi)
    tail = (reach + round(reach * np.cos(turn)), reach + round(reach * np.sin(turn)))
    box = (x - reach, y - reach, 2 * reach + 1, 2 * reach + 1)
    with canvas.drawing(box, layout.notes, "arrow") as sheet:
        cv2.arrowedLine(
            sheet, tail, (reach, reach), 255, max(1, round(2 * unit)), cv2.LINE_AA, 0, 0.4
        )


def leave_cursor(canvas: Canvas, fan: FanScreen, rng: np.random.Generator) -> None:
    """Leave the pointer in the image: a white arrow or a pointing hand."""
    unit = canvas.height / 768
    x, y = _spot(fan, rng)
    outline = np.array(_ARROW if rng.random() < 0.5 else _HAND) * unit
    size = round(26 * unit)
    with canvas.drawing((x, y, size, size), (250, 250, 250), "cursor") as sheet:
        cv2.fillPoly(sheet, [np.round(outline).astype(np.int32)], 255, cv2.LINE_AA)


def mark_orientation(canvas: Canvas, layout: ScreenLayout, fan: FanScreen) -> None:
    """Draw the probe's mark beside the top of the fan: a small filled disc with a letter."""
    unit = canvas.height / 768
    size = round(18 * unit)
    x = round(fan.apex[0] - 0.16 * fan.box[2])
    y = max(round(fan.face) - size, fan.box[1] + 1)
    with canvas.drawing((x, y, size, size), layout.notes, "orientation") as sheet:
        cv2.circle(
            sheet, (size // 2, size // 2), size // 2 - 1, 255, max(1, round(2 * unit)), cv2.LINE_AA
        )
        cv2.line(sheet, (size // 2, size // 2), (size - 3, size // 2), 255, max(1, round(2 * unit)))


def draw_body_mark(
    canvas: Canvas, layout: ScreenLayout, fan: FanScreen, rng: np.random.Generator
) -> None:
    """Draw the pictogram of the pelvis with the uterus and the place of the probe."""
    side = round(0.1 * canvas.height)
    left, top, width, height = fan.box
    at_left = rng.random() < 0.5
    x = left + round(0.02 * width) if at_left else left + width - side - round(0.02 * width)
    box = (x, top + height - side - round(0.02 * height), side, side)
    thick = max(1, side // 40)
    with canvas.drawing(box, (180, 190, 180), "body_mark") as sheet:
        middle = side // 2
        cv2.ellipse(
            sheet, (middle, middle), (middle - 2, round(0.42 * side)), 0, 20, 340, 255, thick
        )
        cv2.ellipse(
            sheet, (middle, round(0.42 * side)), (side // 7, side // 5), 0, 0, 360, 255, thick
        )
        cv2.line(sheet, (middle, round(0.62 * side)), (middle, round(0.8 * side)), 255, thick)
        for way in (-1, 1):
            ovary = (middle + way * round(0.3 * side), round(0.4 * side))
            cv2.ellipse(sheet, ovary, (side // 12, side // 16), 0, 0, 360, 255, thick)
        end = (middle + round(float(rng.uniform(-0.2, 0.2)) * side), round(0.93 * side))
        cv2.line(sheet, (middle, round(0.7 * side)), end, 255, 3 * thick)


def _target(
    fan: FanScreen, rng: np.random.Generator
) -> tuple[tuple[float, float], float, float, float]:
    """Return center, half axes and angle of what is measured, in screen pixels."""
    left, top, _, _ = fan.box
    if fan.lesion is not None and np.count_nonzero(fan.lesion) > 60:
        contours, _ = cv2.findContours(
            fan.lesion.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        largest = max(contours, key=cv2.contourArea)
        if len(largest) >= 5:
            (x, y), (first, second), turn = cv2.fitEllipse(largest)
            angle = np.deg2rad(turn if first >= second else turn + 90)
            long, short = max(first, second) / 2, min(first, second) / 2
            return (left + x, top + y), float(long), float(short), float(angle)
    x, y = _spot(fan, rng)
    reach = float(rng.uniform(8, 22)) / fan.mm_per_pixel
    return (x, y), reach, 0.7 * reach, float(rng.uniform(0, np.pi))


def _ends(
    fan: FanScreen, center: tuple[float, float], half: float, turn: float
) -> tuple[_Point, _Point]:
    """Return the ends of a diameter, drawn in until they lie in the fan."""

    def end(way: int) -> _Point:
        for share in (1.0, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2):
            x = round(center[0] + way * share * half * float(np.cos(turn)))
            y = round(center[1] + way * share * half * float(np.sin(turn)))
            if _in_fan(fan, x, y):
                return x, y
        return round(center[0]), round(center[1])

    return end(-1), end(1)


def _pair(
    canvas: Canvas,
    layout: ScreenLayout,
    ends: tuple[_Point, _Point],
    number: int,
    style: str,
    rng: np.random.Generator,
) -> None:
    unit = canvas.height / 768
    if rng.random() < 0.8:
        _dots(canvas, layout, ends, unit)
    for end in ends:
        _caliper(canvas, layout.calipers, end, style, unit)
    label = (ends[1][0] + round(14 * unit), ends[1][1] + round(12 * unit))
    canvas.write(str(number), label, layout.face, round(18 * unit), layout.calipers)


def _dots(canvas: Canvas, layout: ScreenLayout, ends: tuple[_Point, _Point], unit: float) -> None:
    left, top = min(end[0] for end in ends) - 2, min(end[1] for end in ends) - 2
    right, bottom = max(end[0] for end in ends) + 3, max(end[1] for end in ends) + 3
    with canvas.drawing((left, top, right - left, bottom - top), layout.calipers, "line") as sheet:
        start, stop = ((end[0] - left, end[1] - top) for end in ends)
        dotted(sheet, start, stop, max(4, round(7 * unit)), 1 if unit > 1.2 else 0)


def _caliper(canvas: Canvas, color: Color, at: _Point, style: str, unit: float) -> None:
    arm = max(4, round(8 * unit))
    box = (at[0] - arm - 1, at[1] - arm - 1, 2 * arm + 3, 2 * arm + 3)
    thick = max(1, round(1.3 * unit))
    with canvas.drawing(box, color, "caliper") as sheet:
        middle = (arm + 1, arm + 1)
        if style == "cross":
            cv2.drawMarker(sheet, middle, 255, cv2.MARKER_TILTED_CROSS, 2 * arm, thick)
            return
        cv2.drawMarker(sheet, middle, 255, cv2.MARKER_CROSS, 2 * arm, thick)
        if style == "star":
            cv2.circle(sheet, middle, max(1, arm // 4), 0, -1)
        if style == "tee":
            sheet[: arm - 1] = 0


def _write_results(canvas: Canvas, layout: ScreenLayout, results: list[float]) -> None:
    x, y, anchor = layout.result
    for row, value in enumerate(results):
        at = (
            round(x * canvas.width),
            round((y - 0.036 * (len(results) - 1 - row)) * canvas.height),
        )
        height, color = round(0.03 * canvas.height), layout.calipers
        canvas.write(
            f"{row + 1} D {value:.2f} cm",
            at,
            layout.face,
            height,
            color,
            anchor=anchor,
            plate=(30, 32, 30),
        )


def _in_fan(fan: FanScreen, x: int, y: int) -> bool:
    column, row = x - fan.box[0], y - fan.box[1]
    return 0 <= column < fan.box[2] and 0 <= row < fan.box[3] and bool(fan.mask[row, column])


def _spot(fan: FanScreen, rng: np.random.Generator) -> _Point:
    """Return a place in the middle part of the fan, screen pixels."""
    left, top, width, height = fan.box
    for _ in range(20):
        x, y = int(width * rng.uniform(0.2, 0.75)), int(height * rng.uniform(0.25, 0.85))
        if fan.mask[y, x]:
            return left + x, top + y
    return left + width // 2, top + height // 2
