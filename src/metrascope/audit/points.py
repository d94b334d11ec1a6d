"""Points of a pane that can be found again after a crop, a rescale or a mirror."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.audit.pane import Pane

MOST_POINTS: Final = 256
"""Points kept for each image, the strongest."""

# Standard deviation of the blur in pixels of the pane. Not measured alone (docs/audit.md).
_BLUR: Final = 1.2
# Customary factor of RootSIFT's values, 0 to 1, in a byte; the few above a half are cut.
_STRETCH: Final = 512.0


@dataclass(frozen=True)
class KeyPoints:
    """Points with the descriptors of their neighborhoods, the strongest first.

    Attributes
    ----------
    at
        float32, (n, 3): x, y and diameter in pixels of the pane.
    descriptors
        uint8, (n, 128): RootSIFT descriptors times 512 (Arandjelović and Zisserman, 2012),
        upright: ultrasound images are not turned, and not measuring an angle doubles the
        points that are found again in the next frame of a loop.
    """

    at: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.uint8]


def find_points(pane: Pane) -> KeyPoints:
    """Find the points of a pane.

    The texture is blurred first, since the finest speckle changes from frame to frame.
    """
    blurred = cv2.GaussianBlur(pane.texture.astype(np.float32), (0, 0), _BLUR)
    picture = np.clip(blurred + 128, 0, 255).astype(np.uint8)
    sift = _sift()
    points = _upright(sift.detect(picture, pane.valid.astype(np.uint8) * 255))
    points, descriptors = sift.compute(picture, points)
    if descriptors is None:
        return KeyPoints(np.zeros((0, 3), np.float32), np.zeros((0, 128), np.uint8))
    share = descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-6)
    at = np.array([(*point.pt, point.size) for point in points], np.float32)
    return KeyPoints(at, np.clip(np.sqrt(share) * _STRETCH, 0, 255).astype(np.uint8))


def mirrored(points: KeyPoints, width: int) -> KeyPoints:
    """Return the points of the pane flipped left to right, without looking at its pixels.

    A flip reverses the columns of a descriptor's 4 × 4 cells and turns the direction θ of a
    gradient into π - θ: a permutation of its 128 values.
    """
    at = points.at.copy()
    at[:, 0] = width - 1 - at[:, 0]
    return KeyPoints(at, points.descriptors[:, _FLIPPED])


def _upright(points: Any) -> list[Any]:
    """Give each place and size once (SIFT repeats it for each angle), the strongest first."""
    distinct: dict[tuple[float, float, float], Any] = {}
    for point in sorted(points, key=lambda point: (-point.response, point.pt)):
        point.angle = 0.0
        distinct.setdefault((round(point.pt[0], 1), round(point.pt[1], 1), point.size), point)
    return list(distinct.values())[:MOST_POINTS]


@cache
def _sift() -> Any:
    create: Any = cv2.SIFT_create  # type: ignore[attr-defined]
    # Thresholds lower than OpenCV's (0.04) and wider (10): speckle is faint. Not measured alone.
    return create(nfeatures=2 * MOST_POINTS, contrastThreshold=0.01, edgeThreshold=12)


_FLIPPED: Final = np.array(
    [32 * row + 8 * (3 - column) + (4 - direction) % 8
     for row in range(4) for column in range(4) for direction in range(8)]
)  # fmt: skip
