"""Are two panes one image: lay one over the other and compare the speckle, block by block."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Floats32
from metrascope.audit.pane import Pane
from metrascope.audit.points import KeyPoints, mirrored

Affine = npt.NDArray[np.float64]

# None was measured alone; together they find all 16 planted changes and merge no two patients
# (docs/audit.md). Pixels of the pane: side of a block, distance of two, shifts tried before and
# after the transform is refined, distance up to which a match supports a transform.
_BLOCK: Final = 28
_STEP: Final = 20
_REACHES: Final = (6, 2)
_TOLERANCE: Final = 5.0
# Share of a block that must be echo in both images.
_VALID: Final = 0.6
# One more than an affine transform needs.
_LEAST_MATCHES: Final = 4
# Octaves between the diameters of matched points, of which the commonest half is looked for.
_SCALES: Final = np.arange(-2.5, 2.51, 0.5)
# Scales, and how much more one way than the other, that a crop or an export can have
# (docs/audit.md: stretched by more than 1.8 is not looked for).
_LEAST_SCALE, _MOST_SCALE, _MOST_STRETCH = 0.15, 7, 1.8
# Correlation from which a block's shift is trusted, and blocks that a refinement needs.
_TRUSTED: Final = 0.4
_LEAST_BLOCKS: Final = 6
# Standard deviation under which a block is flat, in deviations of the pane's texture.
_FLAT: Final = 0.05


@dataclass(frozen=True)
class ComparedView:
    """Pane and points of an image, which are compared."""

    pane: Pane
    points: KeyPoints


@dataclass(frozen=True)
class Agreement:
    """How well two images agree after one was laid over the other.

    Attributes
    ----------
    score
        Mean over the blocks of the overlap of the highest normalized cross-correlation within
        two pixels, -1 to 1; 0 where no overlap was found. Speckle of two places is
        uncorrelated, so different patients stay near the mean of a chance maximum.
    points
        Matched points that one affine transform explains.
    blocks
        Number of blocks compared.
    share
        Compared area over the valid area of the smaller image, 0 to 1.
    transform
        (2, 3): from pixels of the second pane (mirrored first, if so) to the first; None where
        none was found.
    flipped
        Whether the second was mirrored.
    """

    score: float
    points: int
    blocks: int
    share: float
    transform: Affine | None
    flipped: bool


def compare_views(first: ComparedView, second: ComparedView, *, flipped: bool) -> Agreement:
    """Register the second view to the first and compare their texture.

    Parameters
    ----------
    first, second
        Views of the two images.
    flipped
        Whether the second is mirrored left to right first.
    """
    pane = _flip(second.pane) if flipped else second.pane
    width = second.pane.valid.shape[1]
    points = mirrored(second.points, width) if flipped else second.points
    transform, matched = _register(first.points, points)
    if transform is None:
        return Agreement(0.0, 0, 0, 0.0, None, flipped)
    fixed = _band(first.pane)
    moving = _band(pane)
    for reach in _REACHES:
        blocks, overlap = _track(fixed, first.pane.valid, moving, pane.valid, transform, reach)
        if reach == _REACHES[0]:
            transform = _refine(blocks, transform)
    if not len(blocks):
        return Agreement(0.0, matched, 0, 0.0, transform, flipped)
    scale = float(abs(np.linalg.det(transform[:, :2])))
    least = min(first.pane.valid.sum(), pane.valid.sum() * scale)
    share = min(1.0, float(overlap / max(least, 1.0)))
    return Agreement(float(blocks[:, 4].mean()), matched, len(blocks), share, transform, flipped)


def _register(first: KeyPoints, second: KeyPoints) -> tuple[Affine | None, int]:
    """Find the affine transform from the second's points to the first's, and its supporters."""
    pairs = _mutual(first, second)
    if len(pairs) < _LEAST_MATCHES:
        return None, 0
    to, of = first.at[pairs[:, 0]], second.at[pairs[:, 1]]
    # (matches, scales): only those that agree on the scale within half an octave go on.
    ratios = np.log2(to[:, 2] / of[:, 2])
    near = np.abs(ratios[:, None] - _SCALES) < 0.5
    agreeing = near[:, near.sum(axis=0).argmax()]
    if agreeing.sum() < _LEAST_MATCHES:
        return None, 0
    source = np.ascontiguousarray(of[agreeing, :2])
    target = np.ascontiguousarray(to[agreeing, :2])
    transform, inside = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE, maxIters=1000
    )
    if transform is None:
        return None, 0
    affine = np.asarray(transform, np.float64)
    if not _is_plausible(affine):
        return None, 0
    return affine, int(inside.sum())


def _mutual(first: KeyPoints, second: KeyPoints) -> npt.NDArray[np.intp]:
    """Match points that are each other's nearest; ``(n, 2)`` indices."""
    if not len(first.at) or not len(second.at):
        return np.zeros((0, 2), np.intp)
    # Not `@`: for so small a product the threads of BLAS wait for each other on a busy machine.
    to, of = first.descriptors.astype(np.float32), second.descriptors.astype(np.float32)
    likeness = np.asarray(cv2.gemm(to, of, 1, np.zeros((0, 0), np.float32), 0, flags=cv2.GEMM_2_T))
    forth, back = likeness.argmax(axis=1), likeness.argmax(axis=0)
    rows = np.arange(len(forth))
    mutual = back[forth] == rows
    return np.stack([rows[mutual], forth[mutual]], axis=1)


def _is_plausible(transform: Affine) -> bool:
    """Tell whether a transform is a rescale, perhaps squeezed, with hardly a turn."""
    large, small = np.linalg.svd(transform[:, :2], compute_uv=False)
    if small < _LEAST_SCALE or large > _MOST_SCALE or large > _MOST_STRETCH * small:
        return False
    # Cosine of the turn: up to 37 degrees.
    return bool(transform[0, 0] > 0.8 * small and transform[1, 1] > 0.8 * small)


def _flip(pane: Pane) -> Pane:
    return Pane(
        np.ascontiguousarray(pane.texture[:, ::-1]), np.ascontiguousarray(pane.valid[:, ::-1])
    )


def _band(pane: Pane) -> Floats32:
    """Keep the scale of speckle and small structures, 0 on marks and outside the sector."""
    texture = pane.texture.astype(np.float32) / 48  # back to local deviations
    # Detail of 0.8 to 5 pixels; extremes, such as what is left of marks, are held down.
    band = cv2.GaussianBlur(texture, (0, 0), 0.8) - cv2.GaussianBlur(texture, (0, 0), 5.0)
    return np.asarray(np.clip(band, -1.2, 1.2) * pane.valid, np.float32)


def _track(
    fixed: Floats32,
    valid: npt.NDArray[np.bool_],
    moving: Floats32,
    moving_valid: npt.NDArray[np.bool_],
    transform: Affine,
    reach: int,
) -> tuple[Floats32, float]:
    """Compare block by block; rows x, y, shift in x and y, correlation; and the overlap."""
    size = (fixed.shape[1], fixed.shape[0])
    laid = np.asarray(cv2.warpAffine(moving, transform, size, flags=cv2.INTER_LINEAR), np.float32)
    covered = cv2.warpAffine(
        moving_valid.astype(np.uint8), transform, size, flags=cv2.INTER_NEAREST
    )
    both = valid & (covered > 0)
    under, over = fixed * both, laid * both
    blocks = [
        (left + _BLOCK / 2, top + _BLOCK / 2, *peak)
        for top, left in _blocks(both)
        if (peak := _peak(under, over, top, left, reach)) is not None
    ]
    return np.array(blocks, np.float32).reshape(-1, 5), float(both.sum())


def _blocks(both: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return top and left of the blocks that are mostly valid."""
    height, width = both.shape
    shares = cv2.boxFilter(both.astype(np.float32), -1, (_BLOCK, _BLOCK), anchor=(0, 0))
    return [
        (top, left)
        for top in range(0, height - _BLOCK + 1, _STEP)
        for left in range(0, width - _BLOCK + 1, _STEP)
        if shares[top, left] >= _VALID
    ]


def _peak(
    fixed: Floats32, laid: Floats32, top: int, left: int, reach: int
) -> tuple[float, float, float] | None:
    """Return shift and value of the highest correlation of a block; None where it is flat."""
    block = fixed[top : top + _BLOCK, left : left + _BLOCK]
    high, low = max(0, top - reach), min(fixed.shape[0], top + _BLOCK + reach)
    start, end = max(0, left - reach), min(fixed.shape[1], left + _BLOCK + reach)
    if float(block.std()) < _FLAT:
        return None
    surface = cv2.matchTemplate(laid[high:low, start:end], block, cv2.TM_CCOEFF_NORMED)
    _, value, _, (x, y) = cv2.minMaxLoc(surface)
    return float(start + x - left), float(high + y - top), float(np.clip(value, -1, 1))


def _refine(blocks: Floats32, transform: Affine) -> Affine:
    """Move the transform by the shifts of the well correlated blocks."""
    if not len(blocks):
        return transform
    good = blocks[blocks[:, 4] >= max(_TRUSTED, float(np.median(blocks[:, 4])))]
    if len(good) < _LEAST_BLOCKS:
        return transform
    source = np.ascontiguousarray(good[:, :2] + good[:, 2:4])
    step, _ = cv2.estimateAffine2D(
        source, np.ascontiguousarray(good[:, :2]), method=cv2.RANSAC, ransacReprojThreshold=2.5
    )
    # A refinement is small; a large one has followed blocks that agree by chance.
    if step is None or np.abs(step[:, :2] - np.eye(2)).max() > 0.2:
        return transform
    refined = np.vstack([step, [0, 0, 1]]) @ np.vstack([transform, [0, 0, 1]])
    return np.asarray(refined[:2])
