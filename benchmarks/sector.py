"""How well the scan sector is found: on phantom screens, and on real screens boxed by hand.

Printed are the overlap (intersection over union) of the outline with the phantom's truth and
the share of true sector pixels that the mask loses, per layout and per kind of probe; the
overlap of the box with hand-checked boxes of 40 real screens (``mmotu_sectors.csv``), beside
that of the whole image; and milliseconds per image on one thread.

The 40 were drawn at random with a fixed seed and boxed by eye on magnified borders with a pixel
grid before this finder was written, then checked by drawing the boxes. The worst of them were
looked at while it was mended, so they are no untouched test set. Most of these screens are
nearly filled by the fan: the box of the whole image is hard to beat there, and the figure
separates finders less than the phantoms do.

    python -m benchmarks.sector [--each 8] [--seed 11] [--worst FOLDER]

The real screens come from ``METRASCOPE_DATA`` and are skipped without it. ``--worst`` writes
the worst cases as pictures, truth in green and what was found in red.
"""

import argparse
import csv
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Box
from metrascope.phantom.hospital.identities import invent_patients, invent_visits
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.shot import ProbeView
from metrascope.phantom.render import draw_case
from metrascope.screen.sector import Sector, find_sector

VIEWS: tuple[ProbeView, ...] = ("curved", "phased", "linear")
LABELS = ("normal", "fibroid", "polyp")
BOXES = Path(__file__).parent / "mmotu_sectors.csv"

Grey = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Trial:
    """One screen: what was found against the truth; ``lost`` in per cent of the true pixels."""

    name: str
    layout: str
    view: str
    overlap: float
    lost: float
    kind: str
    milliseconds: float
    grey: Grey
    truth: Flags
    found: Sector


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--each", type=int, default=8, help="screens per layout and probe")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--worst", type=Path, help="folder for pictures of the worst cases")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    trials = list(phantom_trials(options.each, options.seed))
    print("phantom screens      n   IoU mean   5th pct   worst   lost %  worst lost %  kind right")
    for layout in LAYOUTS:
        report(f"layout {layout}", [trial for trial in trials if trial.layout == layout])
    for view in VIEWS:
        report(f"probe {view}", [trial for trial in trials if trial.view == view])
    report("all", trials)
    real = list(real_trials())
    if real:
        print("real screens, boxes  n   IoU mean   5th pct   worst")
        report_boxes("40 of mmotu", [overlap for _, overlap, _, _ in real])
        report_boxes("(whole image)", [whole for _, _, whole, _ in real])
    if options.worst:
        show_worst(options.worst, trials)
    print(f"ms per image {np.median([trial.milliseconds for trial in trials]):.1f}")


def phantom_trials(each: int, seed: int) -> Iterator[Trial]:
    """Draw screens of every layout and probe, and find their sectors."""
    rng = np.random.default_rng(seed)
    patients = invent_patients(each * len(LAYOUTS) * len(VIEWS), rng)
    combinations = [(layout, view) for layout in LAYOUTS for view in VIEWS]
    for index, patient in enumerate(patients):
        layout, view = combinations[index % len(combinations)]
        visit = invent_visits(patient, 1, layout, rng)[0]
        case = draw_case(LABELS[index % 3], layout, seed=seed, index=index)
        shot = draw_screen(case, layout, visit, np.random.default_rng([seed, index]), view=view)
        grey = np.asarray(cv2.cvtColor(shot.image, cv2.COLOR_RGB2GRAY), np.uint8)
        found, milliseconds = timed(grey)
        overlap = iou(found.mask, shot.sector)
        lost = 100 * np.count_nonzero(shot.sector & ~found.mask) / np.count_nonzero(shot.sector)
        name = f"{index:03d}-{layout}-{view}"
        yield Trial(
            name, layout, view, overlap, lost, found.kind, milliseconds, grey, shot.sector, found
        )


def real_trials() -> Iterator[tuple[str, float, float, Sector]]:
    """Yield name, overlap of the found box, overlap of the whole image, and the sector."""
    folder = Path(os.environ.get("METRASCOPE_DATA", "../shared/data")) / "mmotu" / "images"
    if not folder.is_dir():
        return
    with BOXES.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            image = cv2.imread(str(folder / row["image"]), cv2.IMREAD_GRAYSCALE)
            grey = np.asarray(image, np.uint8)
            truth = (int(row["left"]), int(row["top"]), int(row["width"]), int(row["height"]))
            found = find_sector(grey)
            whole = (0, 0, grey.shape[1], grey.shape[0])
            yield row["image"], box_iou(found.box, truth), box_iou(whole, truth), found


def timed(grey: Grey) -> tuple[Sector, float]:
    """Return the sector and the milliseconds of processor time that finding it took."""
    find_sector(grey)
    start = time.process_time()
    found = find_sector(grey)
    return found, 1000 * (time.process_time() - start)


def iou(one: Flags, other: Flags) -> float:
    """Return the intersection over union of two masks."""
    return float(np.count_nonzero(one & other) / np.count_nonzero(one | other))


def box_iou(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes (left, top, width, height)."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(0, width) * max(0, height)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def report(name: str, trials: list[Trial]) -> None:
    """Print one line of the table."""
    overlaps = np.array([trial.overlap for trial in trials])
    lost = np.array([trial.lost for trial in trials])
    right = sum(trial.kind == trial.view for trial in trials)
    print(
        f"{name:18} {len(trials):4d}   {overlaps.mean():8.4f}  {np.percentile(overlaps, 5):8.4f}"
        f"  {overlaps.min():6.4f}  {lost.mean():7.3f}  {lost.max():12.3f}  {right}/{len(trials)}"
    )


def report_boxes(name: str, overlaps: list[float]) -> None:
    """Print one line about boxes."""
    values = np.array(overlaps)
    print(
        f"{name:18} {len(values):4d}   {values.mean():8.4f}  {np.percentile(values, 5):8.4f}"
        f"  {values.min():6.4f}"
    )


def show_worst(folder: Path, trials: list[Trial]) -> None:
    """Write the twelve worst cases as PNG."""
    folder.mkdir(parents=True, exist_ok=True)
    for trial in sorted(trials, key=lambda trial: trial.overlap - trial.lost / 100)[:12]:
        picture = cv2.cvtColor(trial.grey, cv2.COLOR_GRAY2BGR)
        for mask, color in ((trial.truth, (0, 200, 0)), (trial.found.mask, (0, 0, 255))):
            lines, _ = cv2.findContours(
                mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
            )
            cv2.drawContours(picture, lines, -1, color, 1)
        cv2.imwrite(str(folder / f"{trial.name}-{trial.overlap:.3f}-{trial.lost:.2f}.png"), picture)


if __name__ == "__main__":
    main()
