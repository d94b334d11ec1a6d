"""Lettering of many kinds put into screens: masked, held back, or left, and can it be read?

    python -m benchmarks.lettering [--rounds 4] [--only KIND …] [--sheet FOLDER] [--clean 64]

Every style of `lettering_kinds.py` is drawn into phantom screens and real ones (`tvus_normal`,
`mmotu`, where ``METRASCOPE_DATA`` has them), and a still is made as ingest makes it. A string is
LEFT where more than 0.3 of its pixels are as drawn, and READABLE where a reader that knows its
place, angle and size (text recognition on the upright string, smoothed in several ways) reads
back three of its characters in order, two of a Chinese name; a code that is left counts as read.
``--clean`` counts what becomes of images without lettering: held back, share of the sector
covered, seconds.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.lettering_kinds import Drawing, Plant, Style, draw, styles
from metrascope.phantom.hospital.identities import invent_patients, invent_visits
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.render import draw_case
from metrascope.phantom.scanners import SCANNERS
from metrascope.screen.ocr import recognize
from metrascope.screen.sector import find_sector
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill, make_still
from metrascope.screen.text import verify
from metrascope.screen.usability import Claims

Gray = NDArray[np.uint8]
Flags = NDArray[np.bool_]
LEFT = 0.3
SOURCES = ("phantom", "tvus_normal", "mmotu", "busi")
SETTINGS = IngestSettings()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="screens for each style")
    parser.add_argument("--first", type=int, default=0, help="number of the first round")
    parser.add_argument("--only", nargs="*", default=(), help="kinds, such as tiled")
    parser.add_argument("--sheet", type=Path, help="folder for pictures of what was left")
    parser.add_argument("--jpeg", type=int, help="quality at which the drawn screen was packed")
    parser.add_argument("--clean", type=int, help="count false alarms on this many of each source")
    parser.add_argument("--sources", nargs="*", default=SOURCES)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.clean:
        false_alarms(options.sources, options.clean)
        return
    chosen = [style for style in styles() if not options.only or style.name[0] in options.only]
    numbers = range(options.first, options.first + options.rounds)
    table(chosen, numbers, options.sheet, options.jpeg)


def table(
    chosen: Sequence[Style], rounds: Sequence[int], sheet: Path | None, jpeg: int | None
) -> None:
    """Print for each style what became of its drawings."""
    results: dict[tuple[str, str], list[tuple[str, bool, bool]]] = defaultdict(list)
    for number in rounds:
        for place, style in enumerate(chosen):
            rng = np.random.default_rng((number, place))
            image, inside = screen(number + place)
            drawing = _packed(draw(style, image, inside, rng), jpeg)
            plants = [plant for plant in drawing.plants if plant.core.sum() > 60]
            outcome, left, readable, after = judged(drawing, plants)
            legible = any(reads(drawing.image, plant) for plant in plants)
            results[style.name].append((outcome, readable, legible))
            if sheet is not None and outcome in ("left", "LEFT READABLE"):
                sheet.mkdir(parents=True, exist_ok=True)
                name = f"{outcome} {'-'.join(style.name)} {number} {left:.2f}.png"
                cv2.imwrite(str(sheet / name), np.hstack([drawing.image, after]))
    kinds: dict[str, list[tuple[str, bool, bool]]] = defaultdict(list)
    for name, rows in results.items():
        print(f"{name[0]:14} {name[1]:24} {_counts(rows)}", flush=True)
        kinds[name[0]] += rows
    for kind, rows in kinds.items():
        print(f"{kind:39} {_counts(rows)}")
    print(f"{'all':39} {_counts([row for rows in kinds.values() for row in rows])}")


def _packed(drawing: Drawing, quality: int | None) -> Drawing:
    """Return a drawing whose picture went through JPEG."""
    if quality is None:
        return drawing
    code = cv2.imencode(".jpg", drawing.image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    image = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)
    return Drawing(image, drawing.plants)


def _counts(rows: Sequence[tuple[str, bool, bool]]) -> str:
    counted = {
        name: sum(row[0] == name for row in rows)
        for name in ("masked", "held back", "refused", "left", "LEFT READABLE")
    }
    said = ", ".join(f"{name} {count}" for name, count in counted.items())
    return f"n {len(rows):3}: {said}; legible as drawn {sum(row[2] for row in rows)}"


def judged(drawing: Drawing, plants: Sequence[Plant]) -> tuple[str, float, bool, Gray]:
    """Return what became of a drawing: outcome, share left, readable, and the picture."""
    still = make_still(drawing.image, (), Claims(), SETTINGS, verify)
    if not isinstance(still, CleanStill):
        held = still.key.startswith("ingest.still") or still.key.startswith("ingest.letter")
        return ("held back" if held else "refused"), 0.0, False, drawing.image
    after = drawing.image.copy()
    x, y = still.origin
    high, wide = still.grey.shape
    after[:] = 0
    after[y : y + high, x : x + wide] = still.grey
    shares = [float(_same(after, drawing.image, plant).mean()) for plant in plants]
    left = [plant for plant, share in zip(plants, shares, strict=True) if share > LEFT]
    readable = any(reads(after, plant) for plant in left)
    outcome = "LEFT READABLE" if readable else "left" if left else "masked"
    return outcome, max(shares, default=0.0), readable, after


def _same(after: Gray, drawn: Gray, plant: Plant) -> Flags:
    return np.asarray(cv2.absdiff(after, drawn)[plant.core] <= 2)


def reads(image: Gray, plant: Plant) -> bool:
    """Tell whether a reader that knows where the string is reads part of it back; codes always."""
    if plant.code:
        return True
    upright = _upright(image, plant)
    high = plant.size[1]
    if plant.lines > 1:
        upright = upright[: upright.shape[0] // plant.lines]
    views = [upright, 255 - upright]
    views += [cv2.GaussianBlur(upright, (0, 0), max(0.6, high / part)) for part in (30, 18, 11)]
    views.append(_evenness(upright))
    crops = [_stretched(np.asarray(view, np.uint8)) for view in views]
    return any(_agrees(text, plant.text) for text, _ in recognize(crops))


def _upright(image: Gray, plant: Plant) -> Gray:
    wide, high = plant.size
    matrix = cv2.getRotationMatrix2D(plant.middle, -plant.angle, 1.0)
    edge = max(3, high // 8)
    matrix[:, 2] += wide / 2 - plant.middle[0] + edge, high / 2 - plant.middle[1] + edge
    size = (wide + 2 * edge, high + 2 * edge)
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE))


def _evenness(image: Gray) -> Gray:
    """Return an image that is bright where no grain shows."""
    values = image.astype(np.float32)
    spread = cv2.absdiff(values, cv2.blur(values, (3, 3)))
    return np.asarray(255 - np.clip(12 * cv2.blur(spread, (3, 3)), 0, 255), np.uint8)


def _stretched(view: Gray) -> Gray:
    low, high = np.percentile(view, (2, 99))
    values = (view.astype(np.float32) - low) * (255 / max(8.0, high - low))
    size = (min(960, max(8, round(48 * view.shape[1] / view.shape[0]))), 48)
    line = cv2.resize(np.clip(values, 0, 255).astype(np.uint8), size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(line, cv2.COLOR_GRAY2BGR), np.uint8)


def _agrees(read: str, planted: str) -> bool:
    read, planted = read.replace(" ", "").upper(), planted.replace(" ", "").upper()
    length = 3 if planted.isascii() else 2
    pieces = (planted[start : start + length] for start in range(len(planted) - length + 1))
    return any(piece in read for piece in pieces)


def screen(number: int) -> tuple[Gray, Flags]:
    """Return a grey screen, and where in it lettering may stand: two of three are phantom."""
    real = _real_files(("tvus_normal", "mmotu"))
    if number % 3 == 2 and real:
        image = cv2.imread(str(real[7 * number % len(real)]), cv2.IMREAD_GRAYSCALE)
        gray = np.asarray(image, np.uint8)
        return gray, find_sector(gray).mask
    rng = np.random.default_rng(number)
    layouts, scanners = sorted(LAYOUTS), sorted(SCANNERS)
    layout = layouts[number % len(layouts)]
    patient = invent_patients(1, rng)[0]
    visit = invent_visits(patient, 1, layout, rng)[0]
    label = ("normal", "fibroid", "polyp")[number % 3]
    case = draw_case(label, scanners[number % len(scanners)], seed=3, index=number)
    shot = draw_screen(case, layout, visit, rng)
    return np.asarray(cv2.cvtColor(shot.image, cv2.COLOR_RGB2GRAY), np.uint8), shot.sector


def _real_files(sets: Sequence[str]) -> list[Path]:
    data = Path(os.environ.get("METRASCOPE_DATA", "../shared/data"))
    found = [sorted((data / name / "images").glob("*")) for name in sets]
    shortest = max((len(files) for files in found), default=0)
    return [files[n % len(files)] for n in range(shortest) for files in found if files]


def plain(source: str, count: int) -> Iterator[Gray]:
    """Yield images of a source: phantom fans without any lettering, or a real set."""
    if source == "phantom":
        from metrascope.phantom.render import render_phantom

        for index in range(count):
            scanner = sorted(SCANNERS)[index % len(SCANNERS)]
            label = ("normal", "fibroid", "polyp")[index % 3]
            yield render_phantom(draw_case(label, scanner, seed=11, index=index), 560).image
        return
    files = _real_files((source,))
    for file in files[:: max(1, len(files) // count)][:count]:
        yield np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8)


def false_alarms(sources: Sequence[str], count: int) -> None:
    """Print what becomes of images as they are."""
    for source in sources:
        held, refused, kept, covered, seconds, states = [], 0, 0, [], [], defaultdict(int)
        for number, image in enumerate(plain(source, count)):
            start = time.process_time()
            still = make_still(image, (), Claims(), SETTINGS, verify)
            seconds.append(time.process_time() - start)
            if isinstance(still, CleanStill):
                kept += 1
                states[still.checked] += 1
                x, y = still.origin
                high, wide = still.grey.shape
                changed = still.grey != image[y : y + high, x : x + wide]
                covered.append(float(changed[still.sector].mean()))
            elif still.key.startswith("ingest."):
                held.append((number, still.key))
            else:
                refused += 1
        print(
            f"{source}: kept {kept}, held back {len(held)} {held}, refused {refused}; covered "
            f"{np.mean(covered):.3%} of the sector, median {np.median(covered):.3%}, "
            f"most {np.max(covered):.3%}; "
            f"{np.mean(seconds):.2f} s, median {np.median(seconds):.2f}; {dict(states)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
