"""Implicit shapes in millimeters: signed distances, negative inside.

Everything is evaluated at the samples of the beam grid, never in image space, so that a shape
is as sharp as the beam that looks at it.
"""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

FloatMap = NDArray[np.float32]
TILE: Final = 128  # side of a texture before it is mirrored, so that no repeat is seen


def ellipse(u: FloatMap, v: FloatMap, semi_u: float, semi_v: float) -> FloatMap:
    """Return the distance to an axis-parallel ellipse around the origin, first order exact."""
    across_u, across_v = u / np.float32(semi_u), v / np.float32(semi_v)
    level = length(across_u, across_v)
    slope = length(across_u / np.float32(semi_u), across_v / np.float32(semi_v))
    return np.asarray(level * (level - 1) / (slope + np.float32(1e-6)), np.float32)


def length(u: FloatMap, v: FloatMap) -> FloatMap:
    """Return the length of the vector ``u, v``; many times faster than ``numpy.hypot``."""
    return np.asarray(np.sqrt(u * u + v * v), np.float32)


def union(first: FloatMap, second: FloatMap, blend: float) -> FloatMap:
    """Return the union of two shapes whose joint is rounded over ``blend`` millimeters."""
    overlap = np.clip(blend - np.abs(first - second), 0, None)
    return np.asarray(np.minimum(first, second) - overlap * overlap / (4 * blend), np.float32)


def inside(distance: FloatMap, width: float = 0.4) -> FloatMap:
    """Return how far each sample is inside, 0 to 1, with an edge ``width`` millimeters wide."""
    return np.asarray(np.clip(0.5 - distance / width, 0, 1), np.float32)


def ridge(distance: FloatMap, width: float) -> FloatMap:
    """Return a parabolic ridge, 1 on the outline and 0 from ``width`` millimeters on."""
    return np.asarray(np.clip(1 - np.square(distance / width), 0, 1), np.float32)


def rotate(
    x: FloatMap, z: FloatMap, center: tuple[float, float], angle_rad: float
) -> tuple[FloatMap, FloatMap]:
    """Return the coordinates along and across an axis turned by ``angle_rad`` from x to z."""
    cos, sin = np.float32(np.cos(angle_rad)), np.float32(np.sin(angle_rad))
    dx, dz = x - np.float32(center[0]), z - np.float32(center[1])
    return dx * cos + dz * sin, dz * cos - dx * sin


class Mottle:
    """Random texture, mean 0 and standard deviation 1, looked up in millimeters.

    Parameters
    ----------
    rng
        Source of the texture.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        noise = rng.standard_normal((TILE, TILE), np.float32)
        noise = np.asarray(
            cv2.GaussianBlur(noise, (0, 0), 1.2, borderType=cv2.BORDER_REFLECT), np.float32
        )
        # mirrored copies on every side: seamless, and no lookup leaves the array, which is fast
        pair = np.block([[noise, noise[:, ::-1]], [noise[::-1], noise[::-1, ::-1]]])
        self._sheet = np.tile((pair - pair.mean()) / pair.std(), (2, 3)).astype(np.float32)

    def __call__(
        self, x: FloatMap, z: FloatMap, size_mm: float, shift: float = 0.0, stretch: float = 1.0
    ) -> FloatMap:
        """Return the texture at ``x, z`` with grains about ``size_mm`` across (1.5 or more).

        ``shift`` moves to another part of the texture; ``stretch`` widens the grains along x.
        """
        # A grain of the sheet is about three pixels; the texture is mirrored outside of it.
        scale = np.float32(3.0 / size_mm)
        across = x * (scale / np.float32(stretch)) + np.float32(2 * TILE + shift % TILE)
        down = z * scale + np.float32(1.5 * TILE + 1.7 * shift % TILE)
        values = cv2.remap(
            self._sheet, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        return np.asarray(values, np.float32)
