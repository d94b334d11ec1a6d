"""Marks found in phantom screens, lettering left after masking and after reading, and the time.

    python -m benchmarks.marks [--screens 60] [--sheet marks.png] [--no-reading]

Every third screen has gone through JPEG, every second one is grey. A mark counts as found when
half of its ink inside the sector is masked, as named when a mark of its kind overlaps it. With
``METRASCOPE_DATA`` pointing at a folder that has ``mmotu`` and ``tvus_normal``, marks per image
without marks are counted there as well, and ``--sheet`` draws what was found on real screens.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.phantom.hospital.identities import invent_patients, invent_visits
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.shot import Screenshot
from metrascope.phantom.render import draw_case
from metrascope.phantom.scanners import SCANNERS
from metrascope.screen.marks import Marks, find_marks, inpaint
from metrascope.screen.sector import Sector, find_sector
from metrascope.screen.text import verify

Image = NDArray[np.uint8]
SAME = {"arrow": "cursor", "orientation": "text", "focus": "tick"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--screens", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--no-reading", action="store_true")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    screens(options.screens, options.seed, reading=not options.no_reading)
    data = Path(os.environ.get("METRASCOPE_DATA", "../shared/data"))
    if data.is_dir():
        clean(data / "tvus_normal" / "images")
    if data.is_dir() and options.sheet is not None:
        draw_sheet(sorted((data / "mmotu" / "images").glob("*.jpg"))[::55], options.sheet)
        print(f"contact sheet: {options.sheet}")


def shots(count: int, seed: int) -> Iterator[tuple[Image, Screenshot]]:
    """Yield screens as they arrive (RGB or grey, some from JPEG) and the truth."""
    rng = np.random.default_rng(seed)
    layouts, scanners = sorted(LAYOUTS), sorted(SCANNERS)
    for index, patient in enumerate(invent_patients(count, rng)):
        layout = layouts[index % len(layouts)]
        visit = invent_visits(patient, 1, layout, rng)[0]
        label = ("normal", "fibroid", "polyp")[index % 3]
        case = draw_case(label, scanners[index % len(scanners)], seed=seed, index=index)
        shot = draw_screen(case, layout, visit, rng)
        image = shot.image
        if index % 3 == 1:
            code = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])[1]
            image = np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1])
        yield cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) if index % 2 else image, shot


def screens(count: int, seed: int, *, reading: bool) -> None:
    """Print recall by kind, what is masked for nothing, and what lettering is left."""
    found, named = defaultdict(list), defaultdict(list)
    false, lost, left, read, seconds, read_seconds = [], [], [], [], [], []
    states: dict[str, int] = defaultdict(int)
    for image, shot in shots(count, seed):
        sector = Sector(cv2.boundingRect(shot.sector.astype(np.uint8)), shot.sector, "curved", ())
        start = time.process_time()
        marks = find_marks(image, sector)
        seconds.append(time.process_time() - start)
        tally(marks, shot, found, named)
        near = cv2.dilate(shot.ink.astype(np.uint8), np.ones((15, 15))).astype(bool)
        false.append(sum(not near[_part(mark.box)].any() for mark in marks.marks))
        lost.append(100 * (marks.mask & ~near).sum() / shot.sector.sum())
        glyphs = shot.glyphs & shot.sector
        if glyphs.any():
            left.append((glyphs & ~marks.mask).sum() / glyphs.sum())
        if reading and glyphs.any():
            grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
            blank = np.where(shot.sector, grey, 0).astype(np.uint8)
            part = _part(sector.box)
            start = time.process_time()
            after = verify(blank[part], _cropped(sector), marks.mask[part])
            read_seconds.append(time.process_time() - start)
            states[after.state] += 1
            same = after.image == grey[_part(sector.box)]
            same &= ~marks.mask[_part(sector.box)]
            read.append(same[glyphs[_part(sector.box)]].mean())
    for kind in sorted(found):
        print(
            f"{kind:12} n {len(found[kind]):4}  found {np.mean(found[kind]):6.1%}"
            f"  named {np.mean(named[kind]):6.1%}"
        )
    print(f"marks where there is none: {np.mean(false):.2f} per image")
    print(f"sector pixels masked for nothing: {np.mean(lost):.3f} %, at most {max(lost):.2f} %")
    print(f"identifying lettering left by masking: {np.mean(left):.2%} of {len(left)} images")
    if read:
        print(f"and after reading: {np.mean(read):.2%}; {dict(states)}")
        print(f"reading: {np.median(read_seconds):.2f} s of one core")
    print(f"finding: {1000 * np.median(seconds):.1f} ms of one core")


def tally(marks: Marks, shot: Screenshot, found: dict, named: dict) -> None:
    """Note for each planted mark in the sector whether it was found and named."""
    for mark in shot.marks:
        left, top, wide, high = mark.box
        part = _part((max(0, left), max(0, top), wide, high))
        ink = shot.ink[part] & shot.sector[part]
        if ink.sum() < max(6, 0.5 * shot.ink[part].sum()):
            continue
        found[mark.kind].append((marks.mask[part] & ink).sum() > 0.5 * ink.sum())
        kind = SAME.get(mark.kind, mark.kind)
        named[mark.kind].append(any(m.kind == kind and _meet(m.box, mark.box) for m in marks.marks))


def clean(folder: Path) -> None:
    """Print the marks found per real image that has hardly any."""
    counts, lost = [], []
    for path in sorted(folder.glob("*.png")):
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        sector = find_sector(image)
        marks = find_marks(image, sector)
        counts.append(len(marks.marks))
        lost.append(100 * marks.mask.sum() / sector.mask.sum())
    print(f"tvus_normal: {np.mean(counts):.2f} marks per image, {np.mean(lost):.3f} % masked")


def draw_sheet(paths: list[Path], out: Path) -> None:
    """Draw the boxes of the marks found, and the image after filling, side by side."""
    rows = []
    for path in paths:
        image = np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])
        sector = find_sector(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
        marks = find_marks(image, sector)
        after = inpaint(image, marks.mask, sector.mask)
        for mark in marks.marks:
            left, top, wide, high = mark.box
            cv2.rectangle(image, (left, top), (left + wide, top + high), (255, 60, 60), 1)
            at = (left, max(9, top - 2))
            cv2.putText(image, mark.kind, at, cv2.FONT_HERSHEY_PLAIN, 0.7, (90, 220, 255), 1)
        rows.append(np.hstack([cv2.resize(part, (560, 420)) for part in (image, after)]))
    cv2.imwrite(str(out), np.vstack(rows)[..., ::-1])


def _part(box: tuple[int, int, int, int]) -> tuple[slice, slice]:
    left, top, wide, high = box
    return slice(top, top + high), slice(left, left + wide)


def _cropped(sector: Sector) -> Sector:
    _, _, wide, high = sector.box
    return Sector((0, 0, wide, high), sector.mask[_part(sector.box)], sector.kind, ())


def _meet(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    return across > 0 and down > 0


if __name__ == "__main__":
    main()
