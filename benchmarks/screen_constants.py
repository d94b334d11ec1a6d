"""How far results depend on each constant of `metrascope.screen`, changed alone on phantom screens.

Every constant of the named modules is made 0.8 and 1.25 times as large (whole numbers by at least
one), and a figure is computed again: for the sector the mean IoU with the truth and the share of it
that is lost, for the judgement from pixels alone the B-mode stills kept and the others refused, for
marks the planted ones found and the share of the sector masked for nothing. A figure that hardly
moves says that a constant stands on level ground, one that moves says how much it matters. Phantoms
only, so that nothing is said of real screens.

    python -m benchmarks.screen_constants [sector] [judge] [marks] [--each 4]
"""

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np

from benchmarks.marks import shots, tally
from benchmarks.sector import iou, phantom_trials
from benchmarks.usability import LABELS, OTHERS, VIEWS
from metrascope.phantom.hospital.identities import invent_patients, invent_visits
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.render import draw_case
from metrascope.screen import echo
from metrascope.screen.marks import find_marks
from metrascope.screen.sector import Sector, find_sector
from metrascope.screen.usability import judge

MODULES = {
    "sector": ("sector", "fan", "slab", "edges", "echo"),
    "judge": ("usability", "arrangement", "seam", "coloring", "texture"),
    "marks": ("ink", "mark_kinds", "ruler", "overprint", "marks"),
}
FACTORS = (0.8, 1.25)


def main() -> None:
    """Print each constant with its figure at both factors, beside the figure as it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tasks", nargs="*", default=list(MODULES))
    parser.add_argument("--each", type=int, default=4, help="screens per layout and probe or kind")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    for task in options.tasks:
        figure = {"sector": sector_figure, "judge": judge_figure, "marks": marks_figure}[task]
        measure = figure(options.each)
        print(f"{task}: {measure()}", flush=True)
        for module in (import_module(f"metrascope.screen.{name}") for name in MODULES[task]):
            for name, value in numbers(module):
                print(f"  {module.__name__.split('.')[-1]}.{name} = {value}", flush=True)
                for factor in FACTORS:
                    with changed(module, name, scaled(value, factor)):
                        print(f"    x{factor}: {attempt(measure)}", flush=True)


def sector_figure(each: int) -> Callable[[], str]:
    """Return a function that finds the sectors of the same screens and says how well."""
    screens = [(trial.grey, trial.truth) for trial in phantom_trials(each, 11)]

    def measure() -> str:
        overlaps, lost = [], []
        for grey, truth in screens:
            echo._recent.clear()
            mask = find_sector(grey).mask
            overlaps.append(iou(mask, truth))
            lost.append(100 * np.count_nonzero(truth & ~mask) / np.count_nonzero(truth))
        return f"IoU {np.mean(overlaps):.4f} least {min(overlaps):.3f} lost {np.mean(lost):.3f} %"

    return measure


def judge_figure(each: int) -> Callable[[], str]:
    """Return a function that judges the same screens, half of them usable, and counts."""
    rng, screens = np.random.default_rng(71), []
    for index, patient in enumerate(invent_patients(2 * each * len(OTHERS), rng)):
        layout = list(LAYOUTS)[index % len(LAYOUTS)]
        kind = "bmode" if index % 2 else OTHERS[index // 2 % len(OTHERS)]
        visit = invent_visits(patient, 1, layout, rng)[0]
        case = draw_case(LABELS[index % 3], layout, seed=71, index=index)
        own = np.random.default_rng([71, index])
        view = VIEWS[int(own.integers(len(VIEWS)))]
        image = draw_screen(case, layout, visit, own, kind=kind, view=view).image
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        screens.append((image, find_sector(grey), kind == "bmode"))

    def measure() -> str:
        kept, refused = [], []
        for image, sector, usable in screens:
            echo._recent.clear()
            (kept if usable else refused).append(judge(image, sector) is None)
        return f"kept {sum(kept)} of {len(kept)}, refused {refused.count(False)} of {len(refused)}"

    return measure


def marks_figure(each: int) -> Callable[[], str]:
    """Return a function that finds the marks of the same screens and says how many."""
    screens = []
    for image, shot in shots(10 * each, 5):
        box = cv2.boundingRect(shot.sector.astype(np.uint8))
        near = cv2.dilate(shot.ink.astype(np.uint8), np.ones((15, 15))).astype(bool)
        screens.append((image, shot, Sector(box, shot.sector, "curved", ()), near))

    def measure() -> str:
        found: dict[str, list[bool]] = defaultdict(list)
        named: dict[str, list[bool]] = defaultdict(list)
        false = []
        for image, shot, sector, near in screens:
            marks = find_marks(image, sector)
            tally(marks, shot, found, named)
            false.append(100 * (marks.mask & ~near).sum() / shot.sector.sum())
        shares = [f"{kind} {np.mean(found[kind]):.1%}" for kind in sorted(found)]
        right = np.mean([one for kind in named for one in named[kind]])
        return f"{', '.join(shares)}; named {right:.1%}; for nothing {np.mean(false):.3f} %"

    return measure


def numbers(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the module's own numeric constants, tuples and arrays of numbers too."""
    source = Path(module.__file__ or "").read_text(encoding="utf-8")
    for name, value in list(vars(module).items()):
        if not name.strip("_").isupper() or f"\n{name}: Final" not in source:
            continue
        array = np.asarray(value) if not isinstance(value, tuple) else np.asarray(value, object)
        if not all(isinstance(one, int | float | tuple | np.number) for one in array.ravel()):
            continue
        if array.size and array.size < 10:
            yield name, value


def scaled(value: Any, factor: float) -> Any:
    """Return a constant times a factor; whole numbers stay whole and move by one at least."""
    if isinstance(value, tuple):
        return tuple(scaled(one, factor) for one in value)
    if isinstance(value, int):
        step = max(1, round(abs(value * factor - value)))
        return value + (step if factor > 1 else -step)
    return value * factor


@contextmanager
def changed(module: ModuleType, name: str, value: Any) -> Iterator[None]:
    """Give a constant another value wherever the package has taken it over."""
    before, holders = getattr(module, name), [module]
    if not name.startswith("_"):
        names = {one for task in MODULES.values() for one in task}
        others = [import_module(f"metrascope.screen.{one}") for one in names]
        holders = [one for one in others if hasattr(one, name)]
    try:
        for holder in holders:
            setattr(holder, name, value)
        yield
    finally:
        for holder in holders:
            setattr(holder, name, before)


def attempt(measure: Callable[[], str]) -> str:
    """Return the figure, or that there is none with this value."""
    try:
        return measure()
    except (ArithmeticError, IndexError, ValueError, cv2.error, np.linalg.LinAlgError) as error:
        return f"fails ({type(error).__name__})"


if __name__ == "__main__":
    main()
