"""Make the pictures of docs/phantom.md again: ``python -m tools.phantom_pictures``.

Every picture comes from fixed seeds, so the files change only when the phantom does.
"""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.phantom.anatomy import LABELS
from metrascope.phantom.render import draw_case, render_phantom
from metrascope.phantom.scanners import SCANNERS

OUT = Path(__file__).parent.parent / "docs" / "pictures"
COLORS = {"fibroid": (40, 140, 255), "polyp": (80, 200, 80)}
SEED = 2025
QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 78)


def main() -> None:
    """Write the three pictures."""
    OUT.mkdir(exist_ok=True)
    names = list(SCANNERS)
    classes = [
        np.hstack(
            [_fan(label, names[(column + row) % 5], 10 * row + column) for column in range(4)]
        )
        for row, label in enumerate(LABELS)
    ]
    cv2.imwrite(str(OUT / "phantom-classes.jpg"), np.vstack(classes), QUALITY)
    screens = [
        render_phantom(draw_case("fibroid", name, seed=SEED, index=40, difficulty=0.3), 384).image
        for name in names
    ]
    cv2.imwrite(str(OUT / "phantom-scanners.jpg"), np.hstack(screens), QUALITY)
    levels = [
        np.hstack([_fan(label, "aplio", 60, difficulty) for difficulty in (0.0, 0.25, 0.5, 1.0)])
        for label in LABELS[1:]
    ]
    cv2.imwrite(str(OUT / "phantom-difficulty.jpg"), np.vstack(levels), QUALITY)


def _fan(
    label: str, scanner: str, index: int, difficulty: float = 0.3, width: int = 340
) -> NDArray[np.uint8]:
    """Return the sector of one patient, the lesion outlined in the class's color."""
    still = render_phantom(draw_case(label, scanner, seed=SEED, index=index, difficulty=difficulty))
    left, top, wide, high = cv2.boundingRect(still.sector)
    image = cv2.cvtColor(still.image, cv2.COLOR_GRAY2BGR)
    image[still.sector == 0] = 0
    if still.mask is not None:
        lines, _ = cv2.findContours(still.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, lines, -1, COLORS[label], 1)
    cut = image[top : top + high, left : left + wide]
    small = cv2.resize(cut, (width, round(high * width / wide)), interpolation=cv2.INTER_AREA)
    tile = np.zeros((260, width, 3), np.uint8)
    tile[: small.shape[0]] = small[:260]
    return tile


if __name__ == "__main__":
    main()
