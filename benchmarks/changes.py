"""Changes that turn an image into a duplicate of itself: what people and programs do to stills."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

_LETTERS = "ABCDEFGHIKLMNOPRSTUVXYZ 0123456789.:="
_WAYS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


@dataclass(frozen=True)
class Still:
    """An image and its scan sector, both uint8 of one shape, the sector 0 and 1."""

    grey: Grey
    sector: Grey


Change = Callable[[Still, np.random.Generator], Still]


def change_by_name() -> Mapping[str, Change]:
    """Return every single change, and two and three of them after one another."""
    return _SINGLE | {
        "two changes": lambda still, rng: _several(still, rng, 2),
        "three changes": lambda still, rng: _several(still, rng, 3),
    }


def _crop(still: Still, rng: np.random.Generator) -> Still:
    """Keep 65 to 95 % of either side, anywhere."""
    height, width = still.grey.shape
    rows, columns = (round(side * rng.uniform(0.65, 0.95)) for side in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    within = (slice(top, top + rows), slice(left, left + columns))
    return Still(still.grey[within].copy(), still.sector[within].copy())


def _rescale(still: Still, rng: np.random.Generator) -> Still:
    """Bring to 40 to 200 % of the size, a third of the images with other pixel proportions."""
    factor = float(np.exp(rng.uniform(np.log(0.4), np.log(2))))
    squeeze = float(np.exp(rng.uniform(-0.1, 0.1))) if rng.random() < 1 / 3 else 1.0
    height, width = still.grey.shape
    size = max(96, round(width * factor * squeeze)), max(96, round(height * factor))
    way = _WAYS[int(rng.integers(len(_WAYS)))]
    grey = cv2.resize(still.grey, size, interpolation=way)
    return Still(grey, cv2.resize(still.sector, size, interpolation=cv2.INTER_NEAREST))


def _jpeg(quality: int) -> Change:
    def change(still: Still, rng: np.random.Generator) -> Still:
        code = cv2.imencode(".jpg", still.grey, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return Still(np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE)), still.sector)

    return change


def _gamma(still: Still, rng: np.random.Generator) -> Still:
    """Take the grey levels to the power 0.5 to 2."""
    power = float(np.exp(rng.uniform(np.log(0.5), np.log(2))))
    levels = 255 * (np.arange(256) / 255) ** power
    return Still(np.rint(levels).astype(np.uint8)[still.grey], still.sector)


def _gain(still: Still, rng: np.random.Generator) -> Still:
    """Multiply by 0.5 to 1.8 and add -30 to 30, clipped; what was black outside stays black."""
    factor, lift = float(np.exp(rng.uniform(np.log(0.5), np.log(1.8)))), rng.uniform(-30, 30)
    levels = np.clip(np.arange(256) * factor + lift, 0, 255).astype(np.uint8)
    return Still(np.where(still.sector > 0, levels[still.grey], still.grey), still.sector)


def _caliper(still: Still, rng: np.random.Generator) -> Still:
    """Put one to three pairs of calipers into the sector, dotted lines between half of them."""
    grey = still.grey.copy()
    unit = max(still.grey.shape) / 768
    for _ in range(int(rng.integers(1, 4))):
        ends = [_place(still, rng) for _ in range(2)]
        level, arm = int(rng.integers(190, 256)), max(3, round(8 * unit))
        kind = (cv2.MARKER_CROSS, cv2.MARKER_TILTED_CROSS, cv2.MARKER_STAR)[int(rng.integers(3))]
        for at in ends:
            cv2.drawMarker(grey, at, level, kind, 2 * arm, max(1, round(1.5 * unit)))
        if rng.random() < 0.5:
            steps = max(2, int(np.hypot(*np.subtract(*ends)) / (10 * unit)))
            for share in np.linspace(0, 1, steps):
                x, y = (round(a + share * (b - a)) for a, b in zip(*ends, strict=True))
                cv2.circle(grey, (x, y), max(1, round(unit)), level, -1)
    return Still(grey, still.sector)


def _text(still: Still, rng: np.random.Generator) -> Still:
    """Write one to five lines into the sector, a third of the times on a dark plate."""
    grey = still.grey.copy()
    unit = max(still.grey.shape) / 768
    size, plate = rng.uniform(0.5, 1.1) * unit, rng.random() < 1 / 3
    x, y = _place(still, rng)
    level, lines = int(rng.integers(190, 256)), int(rng.integers(1, 6))
    for number in range(lines):
        word = "".join(rng.choice(list(_LETTERS), int(rng.integers(3, 15))))
        at = max(0, x - round(60 * unit)), y + round(34 * size * number)
        (width, height), below = cv2.getTextSize(word, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
        if plate:
            corner = (at[0] + width, at[1] + below)
            cv2.rectangle(grey, (at[0], at[1] - height - 2), corner, 12, -1)
        thick = max(1, round(1.6 * unit))
        cv2.putText(grey, word, at, cv2.FONT_HERSHEY_SIMPLEX, size, level, thick, cv2.LINE_AA)
    return Still(np.where(still.sector > 0, grey, still.grey), still.sector)


def _flip(still: Still, rng: np.random.Generator) -> Still:
    return Still(
        np.ascontiguousarray(still.grey[:, ::-1]), np.ascontiguousarray(still.sector[:, ::-1])
    )


def _several(still: Still, rng: np.random.Generator, count: int) -> Still:
    """Do several single changes, at most one of them a JPEG, in random order."""
    names = [name for name in _SINGLE if not name.startswith("JPEG")]
    coded = f"JPEG {(90, 70, 50, 30)[int(rng.integers(4))]}"
    for name in rng.choice([*names, coded], count, replace=False):
        still = _SINGLE[str(name)](still, rng)
    return still


def _place(still: Still, rng: np.random.Generator) -> tuple[int, int]:
    rows, columns = np.nonzero(cv2.erode(still.sector, np.ones((25, 25), np.uint8)))
    if not len(rows):
        return still.grey.shape[1] // 2, still.grey.shape[0] // 2
    chosen = int(rng.integers(len(rows)))
    return int(columns[chosen]), int(rows[chosen])


_SINGLE: Mapping[str, Change] = {
    "crop": _crop,
    "rescale": _rescale,
    "JPEG 90": _jpeg(90),
    "JPEG 70": _jpeg(70),
    "JPEG 50": _jpeg(50),
    "JPEG 30": _jpeg(30),
    "gamma": _gamma,
    "gain": _gain,
    "caliper": _caliper,
    "text": _text,
    "flip": _flip,
}
