"""How far the phantom's grey levels and texture are from real transvaginal ultrasound.

Every image is cut to its scan sector and brought to the same height (112 pixels: the real
images are slices of volumes whose own samples are about that coarse). Three distances between
two sets of images are printed:

- grey: Wasserstein distance of the pooled grey levels inside the sector (grey levels, 0-255);
- texture: Wasserstein distance of local speckle contrast, the standard deviation in 7 x 7 pixels;
- cooccurrence: root mean square difference of the eight mean grey-level co-occurrence features
  (contrast and correlation; 1 and 3 pixels apart; across and along), each divided by its
  standard deviation over all real images.

The yardstick is the distance between two real centres, over all pairs of centres with five
images or more. Run it with ``METRASCOPE_DATA`` pointing at a folder that has ``tvus_normal``::

    python benchmarks/phantom_realism.py [--patients 64] [--seed 1] [--sheet side_by_side.png]
"""

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import wasserstein_distance

from metrascope.phantom.phantom import write_phantom
from metrascope.screen.sector import find_sector

HEIGHT = 112
LEVELS = 32
FEWEST = 5


@dataclass(frozen=True)
class Picture:
    """One image cut to its sector: grey levels, and the mask of the sector shrunk a little."""

    grey: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Statistics:
    """What is compared: pooled grey levels, pooled local contrast, features ``(images, 8)``."""

    grey: npt.NDArray[np.float64]
    contrast: npt.NDArray[np.float64]
    features: npt.NDArray[np.float64]


def main() -> None:
    """Measure and print the distances."""
    options = _options()
    real = _load(options.data / "tvus_normal")
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(
            Path(folder),
            patients=options.patients,
            seed=options.seed,
            prevalence={"normal": 1},
            difficulty=options.difficulty,
        )
        phantom = [picture for group in _load(Path(folder)).values() for picture in group]
    groups = {name: pictures for name, pictures in real.items() if len(pictures) >= FEWEST}
    if options.sheet:
        _sheet(groups, phantom, options.sheet)
    everything = _measure([picture for pictures in real.values() for picture in pictures])
    spread = everything.features.std(axis=0)
    measured = {name: _measure(pictures) for name, pictures in groups.items()}
    rows = [
        ("real", first, second, *_distance(measured[first], measured[second], spread))
        for first, second in combinations(measured, 2)
    ]
    ours = _measure(phantom)
    rows += [
        ("phantom", "phantom", name, *_distance(ours, other, spread))
        for name, other in measured.items()
    ]
    _print(rows, ours, everything)


def _options() -> argparse.Namespace:
    root = Path(__file__).resolve().parents[1]
    given = os.environ.get("METRASCOPE_DATA")
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--patients", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--difficulty", type=float, default=0.5)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument(
        "--data", type=Path, default=Path(given) if given else root / "../shared/data"
    )
    options = parser.parse_args()
    if not (options.data / "tvus_normal" / "manifest.csv").exists():
        sys.exit(f"skipped: no tvus_normal in {options.data} (set METRASCOPE_DATA)")
    return options


def _load(data: Path) -> dict[str, list[Picture]]:
    """Read the images of a data set by centre."""
    table = pd.read_csv(data / "manifest.csv", dtype=str, keep_default_na=False)
    groups: dict[str, list[Picture]] = {}
    for row in table.itertuples():
        grey = cv2.imread(str(data / str(row.image)), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            sys.exit(f"{data / str(row.image)} cannot be read")
        known = str(getattr(row, "sector", ""))
        if known:
            inside = np.asarray(cv2.imread(str(data / known), cv2.IMREAD_GRAYSCALE)) > 0
        else:
            inside = find_sector(np.asarray(grey, np.uint8)).mask
        groups.setdefault(str(row.centre), []).append(_cut(np.asarray(grey, np.uint8), inside))
    return groups


def _cut(grey: npt.NDArray[np.uint8], inside: npt.NDArray[np.bool_]) -> Picture:
    left, top, width, height = cv2.boundingRect(inside.astype(np.uint8))
    cut = grey[top : top + height, left : left + width]
    mask = inside[top : top + height, left : left + width]
    wide = round(width * HEIGHT / height)
    small = cv2.resize(cut, (wide, HEIGHT), interpolation=cv2.INTER_AREA)
    shrunk = cv2.erode(
        cv2.resize(mask.astype(np.uint8), (wide, HEIGHT), interpolation=cv2.INTER_NEAREST),
        np.ones((7, 7), np.uint8),
        borderValue=0,
    )
    return Picture(np.asarray(small, np.uint8), shrunk > 0)


def _measure(pictures: list[Picture]) -> Statistics:
    grey = np.concatenate([picture.grey[picture.mask] for picture in pictures])
    contrast = np.concatenate([_local_contrast(picture) for picture in pictures])
    features = np.stack([_cooccurrence(picture) for picture in pictures])
    return Statistics(grey.astype(np.float64), contrast, features)


def _local_contrast(picture: Picture) -> npt.NDArray[np.float64]:
    grey = picture.grey.astype(np.float64)
    mean = cv2.blur(grey, (7, 7))
    variance = np.clip(cv2.blur(grey * grey, (7, 7)) - mean * mean, 0, None)
    return np.asarray(np.sqrt(variance)[picture.mask], np.float64)


def _cooccurrence(picture: Picture) -> npt.NDArray[np.float64]:
    """Return contrast and correlation of the co-occurrence matrix for four displacements."""
    levels = picture.grey.astype(np.float64) * LEVELS / 256
    features = []
    for down, right in ((0, 1), (0, 3), (1, 0), (3, 0)):
        height, width = levels.shape
        first, second = levels[: height - down, : width - right], levels[down:, right:]
        both = picture.mask[: height - down, : width - right] & picture.mask[down:, right:]
        a, b = first[both], second[both]
        features += [np.mean(np.square(a - b)), np.corrcoef(a, b)[0, 1]]
    return np.array(features)


def _distance(
    first: Statistics, second: Statistics, spread: npt.NDArray[np.float64]
) -> tuple[float, float, float]:
    gap = (first.features.mean(axis=0) - second.features.mean(axis=0)) / spread
    return (
        float(wasserstein_distance(first.grey, second.grey)),
        float(wasserstein_distance(first.contrast, second.contrast)),
        float(np.sqrt(np.square(gap).mean())),
    )


def _print(
    rows: list[tuple[str, str, str, float, float, float]], ours: Statistics, real: Statistics
) -> None:
    columns = ["kind", "first", "second", "grey", "texture", "cooccurrence"]
    table = pd.DataFrame(rows, columns=columns)
    print(table.to_string(index=False, float_format="%.2f"))
    for name, found in (("phantom", ours), ("real", real)):
        print(
            f"{name:8s} grey {found.grey.mean():.1f} ± {found.grey.std():.1f}, "
            f"local contrast {found.contrast.mean():.1f}, "
            f"features {np.round(found.features.mean(axis=0), 2).tolist()}"
        )
    summary = table.groupby("kind")[columns[3:]].agg(["median", "max"])
    print(summary.to_string(float_format="%.2f"))
    ratio = summary.loc["phantom"].xs("median", level=1) / summary.loc["real"].xs("median", level=1)
    print(
        "phantom-real over real-real (medians): "
        + ", ".join(f"{name} {value:.2f}" for name, value in ratio.items())
    )


def _sheet(groups: dict[str, list[Picture]], phantom: list[Picture], path: Path) -> None:
    """Write real images (left) beside phantoms (right); for local use, never to be published."""
    real = [picture for pictures in groups.values() for picture in pictures[:3]]
    rows = [
        np.hstack(
            [_tile(p) for p in (*real[3 * row : 3 * row + 3], *phantom[3 * row : 3 * row + 3])]
        )
        for row in range(min(len(real), len(phantom)) // 3)
    ]
    cv2.imwrite(str(path), np.vstack(rows))
    print(f"{path}: real images in the left half, phantoms in the right half")


def _tile(picture: Picture) -> npt.NDArray[np.uint8]:
    tile = np.full((2 * HEIGHT + 8, 4 * HEIGHT), 32, np.uint8)
    shown = np.where(picture.mask, picture.grey, 0).astype(np.uint8)
    large = cv2.resize(shown, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    width = min(large.shape[1], tile.shape[1])
    tile[: large.shape[0], :width] = large[:, :width]
    return tile


if __name__ == "__main__":
    main()
