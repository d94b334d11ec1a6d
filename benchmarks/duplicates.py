"""Share of planted duplicates that the audit finds, and of different patients that it merges.

    python -m benchmarks.duplicates [--patients 300] [--seed 1] [--sectors pixels|recorded]
                                    [--base phantom|real|crowd] [--only crop,text] [--work DIR]

``phantom``: screens of five scanners, 60 patients on each, cropped to the sector as ingest writes
them; every patient's changed image comes back under another patient's name. Each change is a data
set of its own, so that nothing is found by way of a third image. ``real``: the same with stills of
``mmotu`` and ``tvus_normal`` (METRASCOPE_DATA), one of each natural group. ``crowd``: many
different patients, one scanner and layout at a time, nothing planted: all that is merged is wrong.

Thresholds were chosen on seed 0; figures in docs/audit.md are from other seeds.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from benchmarks.changes import Still, change_by_name
from metrascope.audit.duplicates import near_pairs
from metrascope.audit.examination import examine
from metrascope.audit.groups import patient_groups
from metrascope.audit.pairs import DuplicatePair, exact_pairs
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import open_shelf
from metrascope.audit.views import Fingerprint, compute_fingerprint
from metrascope.dataset.manifest import read_manifest
from metrascope.phantom.hospital.identities import invent_patients, invent_visits
from metrascope.phantom.hospital.loops import draw_loop
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.shot import Screenshot
from metrascope.phantom.render import draw_case
from metrascope.screen.sector import find_sector

LABELS = ("normal", "fibroid", "polyp")
LOOPS = ("next frame", "next but one", "next and blurred")
"""Frames of the same loop: a neighbor, the one after it, and a neighbor during a quick move."""


@dataclass(frozen=True)
class Patient:
    """A still, by what of its loop it may be found again."""

    still: Still
    frames: dict[str, Still]


@dataclass(frozen=True)
class Outcome:
    """What became of a data set of ``bases`` images and as many planted duplicates."""

    bases: int
    found: tuple[bool, ...]
    wrong: tuple[DuplicatePair, ...]
    merged: int

    def line(self, name: str) -> str:
        """Return a row of the table."""
        share, number = np.mean(self.found), len(self.found)
        return (
            f"| {name} | {sum(self.found)}/{number} | {share:.2%} | {len(self.wrong)} | "
            f"{self.merged}/{self.bases} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sectors", choices=("pixels", "recorded"), default="pixels")
    parser.add_argument("--base", choices=("phantom", "real", "crowd"), default="phantom")
    parser.add_argument("--only", default="")
    parser.add_argument("--work", type=Path, help="keeps the images, to look at what was missed")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        if options.base == "crowd":
            crowd(options.patients, options.seed, work)
        else:
            duplicates(options, work)


def duplicates(options: argparse.Namespace, work: Path) -> None:
    """Print a row for every change."""
    recorded = options.sectors == "recorded"
    if options.base == "real":
        patients = [Patient(still, {}) for still in real(options.patients, work)]
    else:
        patients = list(phantoms(options.patients, options.seed))
    bases = [patient.still for patient in patients]
    originals = fingerprints(bases, work / "originals", recorded)
    only = [name for name in options.only.split(",") if name]
    print("| change | found | share | wrong pairs | patients merged |")
    print("| --- | --- | --- | --- | --- |")
    for number, (name, change) in enumerate(change_by_name().items()):
        if not only or name in only:
            rng = np.random.default_rng([options.seed, number])
            changed = [change(still, rng) for still in bases]
            report(name, originals, changed, work / name, recorded)
    for name in LOOPS if options.base == "phantom" else ():
        if not only or name in only:
            changed = [patient.frames[name] for patient in patients]
            report(name, originals, changed, work / name, recorded)


def report(
    name: str,
    originals: Sequence[Fingerprint],
    changed: Sequence[Still],
    work: Path,
    recorded: bool,
) -> None:
    """Audit the originals together with their changed copies; print the row and what went wrong."""
    outcome = judge([*originals, *fingerprints(changed, work, recorded)], work)
    print(outcome.line(name), flush=True)
    missed = [number for number, found in enumerate(outcome.found) if not found]
    wrong = [(pair.first, pair.second) for pair in outcome.wrong]
    with (work / "went_wrong.txt").open("w", encoding="utf-8") as file:
        file.write(f"missed {missed}\nwrong pairs {wrong}\n")


def judge(prints: Sequence[Fingerprint], work: Path) -> Outcome:
    """Compare all images with each other as an audit does; number n and n + count are one."""
    count = len(prints) // 2
    rows, seen = [], set()
    with open_shelf(work) as shelf:
        for row, taken in enumerate(prints):
            if taken.view is not None and taken.pixel_hash not in seen:
                seen.add(taken.pixel_hash)
                shelf.put(taken.view)
                rows.append(row)
        near, _ = near_pairs(shelf, rows, AuditSettings(), jobs=1)
    pairs = (*exact_pairs(prints), *near)
    right = {(pair.first, pair.second) for pair in pairs if pair.second == pair.first + count}
    table = pd.DataFrame({"patient_id": [f"P{row:05d}" for row in range(len(prints))]})
    groups = patient_groups(table, pairs).tolist()
    sizes = pd.Series([row % count for row in range(len(prints))]).groupby(groups).nunique()
    merged = {row % count for row, group in enumerate(groups) if sizes[group] > 1}
    wrong = tuple(pair for pair in pairs if pair.first % count != pair.second % count)
    found = tuple((row, row + count) in right for row in range(count))
    return Outcome(count, found, wrong, len(merged))


def fingerprints(stills: Sequence[Still], folder: Path, recorded: bool) -> list[Fingerprint]:
    """Write images as a data set has them and read them as an audit does."""
    manifest = read_manifest(write_set(stills, folder, recorded))
    return [compute_fingerprint(manifest, row) for row in range(len(stills))]


def write_set(stills: Sequence[Still], folder: Path, recorded: bool) -> Path:
    """Write a data set, with the sectors or without; every image a patient."""
    rows = []
    for part in ("images", "sectors"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, still in enumerate(stills):
        name = f"{number:05d}.png"
        cv2.imwrite(str(folder / "images" / name), still.grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        row = {
            "image": f"images/{name}",
            "patient_id": f"P{number:05d}",
            "label": LABELS[number % 3],
        }
        if recorded:
            cv2.imwrite(str(folder / "sectors" / name), 255 * still.sector)
            row["sector"] = f"sectors/{name}"
        rows.append(row)
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


def phantoms(
    count: int, seed: int, layouts: Sequence[str] = tuple(sorted(LAYOUTS))
) -> Iterator[Patient]:
    """Yield patients in turn over the scanners; the screens as ingest crops them."""
    rng = np.random.default_rng(seed)
    for index, person in enumerate(invent_patients(count, rng)):
        layout = layouts[index % len(layouts)]
        visit = invent_visits(person, 1, layout, rng)[0]
        case = draw_case(LABELS[index % 3], layout, seed=seed, index=index)
        frames = draw_loop(case, layout, visit, rng, frames=5)
        # Of five frames exactly one is blurred; a neighbor of it has a sharp one on the other side.
        sharpness = [cv2.Laplacian(frame.clean, cv2.CV_32F).var() for frame in frames]
        blurred = int(np.argmin(sharpness))
        way = 1 if blurred < 2 else -1
        base, near, far = (cropped(frames[blurred + way * step]) for step in (1, 2, 3))
        yield Patient(base, dict(zip(LOOPS, (near, far, cropped(frames[blurred])), strict=True)))


def cropped(shot: Screenshot) -> Still:
    """Return what ingest writes of a screen: the sector's box, black outside the sector."""
    x, y, width, height = cv2.boundingRect(shot.sector.astype(np.uint8))
    grey = np.where(shot.sector, cv2.cvtColor(shot.image, cv2.COLOR_RGB2GRAY), 0)
    within = (slice(y, y + height), slice(x, x + width))
    return Still(grey[within].astype(np.uint8), shot.sector[within].astype(np.uint8))


def real(count: int, work: Path) -> list[Still]:
    """Return real stills, sector-cropped, one of each group that the audit finds unplanted."""
    data = Path(os.environ.get("METRASCOPE_DATA", "../shared/data"))
    paths = [*sorted((data / "tvus_normal" / "images").iterdir())]
    paths += sorted((data / "mmotu" / "images").iterdir())[:: max(1, 657 // (count + 60))]
    stills = []
    for path in paths:
        grey = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        found = find_sector(grey)
        x, y, width, height = found.box
        within = (slice(y, y + height), slice(x, x + width))
        blank = np.where(found.mask, grey, 0).astype(np.uint8)
        stills.append(Still(blank[within], found.mask[within].astype(np.uint8)))
    audit = examine(write_set(stills, work / "natural", True), work / "natural")
    firsts = ~audit.groups.duplicated()
    for pair in audit.pairs:
        print(f"natural pair: {paths[pair.first].name} {paths[pair.second].name}")
    return [still for still, first in zip(stills, firsts, strict=True) if first][:count]


def crowd(count: int, seed: int, work: Path) -> None:
    """Print how many of many different patients on one scanner are merged."""
    print("| scanner | patients | wrong pairs | merged | highest score |")
    print("| --- | --- | --- | --- | --- |")
    for layout in sorted(LAYOUTS):
        stills = [patient.still for patient in phantoms(count, seed, [layout])]
        audit = examine(write_set(stills, work / layout, False), work / layout)
        merged = int(audit.groups.duplicated(keep=False).sum())
        others = [pair.agreement.score for pair in (*audit.pairs, *audit.beneath) if pair.agreement]
        highest = max(others, default=0.0)
        print(
            f"| {layout} | {count} | {len(audit.pairs)} | {merged / count:.2%} | {highest:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
