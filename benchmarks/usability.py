"""What ingest keeps and what it leaves out, against the truth of phantom screens.

Every kind of screen in every layout, as DICOM with the regions that a scanner writes, as DICOM
without, and as PNG or JPEG; half of them are B-mode stills. With ``METRASCOPE_DATA`` also real
images, all of which are B-mode stills but for some with Doppler boxes: what is refused is listed,
to be looked at. Thresholds were set on other seeds than the default ones.
"""

import argparse
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np

from metrascope.ingest.file import IngestJob, ingest_file
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.labels import read_labels
from metrascope.phantom.hospital.codings import CODINGS
from metrascope.phantom.hospital.identities import Visit, invent_patients, invent_visits
from metrascope.phantom.hospital.objects import make_image
from metrascope.phantom.hospital.picture_files import make_jpeg, make_png
from metrascope.phantom.hospital.plan import Wish
from metrascope.phantom.hospital.planted import Ledger
from metrascope.phantom.hospital.screen_kinds import draw_screen
from metrascope.phantom.hospital.screen_layouts import LAYOUTS
from metrascope.phantom.hospital.shot import SHOT_KINDS, ProbeView, Screenshot, ShotKind
from metrascope.phantom.render import draw_case
from metrascope.screen.settings import IngestSettings
from metrascope.sources.search import Source, find_sources

ROUTES = ("told", "untold", "png", "jpeg")
OTHERS = SHOT_KINDS[1:]
VIEWS: tuple[ProbeView, ...] = ("curved", "curved", "curved", "phased", "linear")
LABELS = ("normal", "fibroid", "polyp")
# The reasons that are true of each kind of screen.
TRUE = {
    "color_doppler": {"color"},
    "power_doppler": {"color"},
    "elastography": {"elastography", "color"},
    "spectral_doppler": {"spectral", "sweep", "color"},
    "m_mode": {"m_mode", "sweep"},
    "three_d": {"3d"},
    "report": {"page", "no_sector"},
    "dual": {"split_screen"},
    "quad": {"split_screen", "3d", "planes"},
    "slices": {"split_screen", "planes"},
    "too_dark": {"too_dark", "blank", "no_sector"},
    "blank": {"blank", "too_dark", "page", "no_sector"},
}
REAL = ("mmotu", "tvus_normal", "busi")


@dataclass(frozen=True)
class Outcome:
    """What became of a file: how many stills were kept, and why others were not."""

    name: str
    kind: str
    route: str
    kept: int
    reasons: tuple[str, ...]


def main() -> None:
    """Print confusions for phantom screens by route and kind, and what is refused of real ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="*", default=[71, 72, 73])
    parser.add_argument(
        "--each", type=int, default=110, help="screens per seed, half of them usable"
    )
    parser.add_argument("--real", type=int, default=200, help="images of each real set at most")
    parser.add_argument("--work", type=Path, help="folder to draw the screens into, and use again")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    with TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        found: list[Outcome] = []
        for seed in options.seeds:
            folder = work / f"seed-{seed}-{options.each}"
            if not folder.is_dir():
                draw(folder, seed, options.each)
            found += outcomes(folder, Path(temporary) / f"out-{seed}")
        report(found)
        for name in REAL:
            report_real(name, options.real, Path(temporary) / name)
        report_dicom(Path(temporary) / "dicom")


def draw(folder: Path, seed: int, count: int) -> None:
    """Write each screen by all routes, as ``<kind>-<layout>-<number>.<route>``."""
    partial = folder.with_suffix(".partial")
    partial.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index, patient in enumerate(invent_patients(count, rng)):
        layout = list(LAYOUTS)[index % len(LAYOUTS)]
        kind = "bmode" if index % 2 else OTHERS[index // 2 % len(OTHERS)]
        visit = invent_visits(patient, 1, layout, rng)[0]
        case = draw_case(LABELS[index % 3], layout, seed=seed, index=index)
        own = np.random.default_rng([seed, index])
        view = VIEWS[int(own.integers(len(VIEWS)))]
        shot = draw_screen(case, layout, visit, own, kind=kind, view=view)
        for route in ROUTES:
            content = encode(shot, route, visit, own)
            (partial / f"{kind}-{layout}-{index:03d}.{route}").write_bytes(content)
    partial.rename(folder)


def encode(shot: Screenshot, route: str, visit: Visit, rng: np.random.Generator) -> bytes:
    """Return the file that a scanner or a person makes of a screen."""
    ledger = Ledger(rng)
    if route in ("png", "jpeg"):
        return (make_png if route == "png" else make_jpeg)(shot.image, visit, ledger)
    colored = [coding for coding in CODINGS if coding.color]
    coding = colored[int(rng.integers(len(colored)))]
    regions = "sane" if route == "told" else "absent"
    wish = Wish(_kind(shot), "curved", "dicom", coding, regions, "part10")
    return make_image(shot, shot.image[None], wish, visit, ledger, 1)


def _kind(shot: Screenshot) -> ShotKind:
    return shot.kind


def outcomes(folder: Path, out: Path) -> Iterator[Outcome]:
    """Take in every file of a folder as ingest does and tell what became of it."""
    sources = [item for item in find_sources(folder) if isinstance(item, Source)]
    out.mkdir(parents=True)
    table = out / "labels.csv"
    rows = "".join(f"{source.name},normal\n" for source in sources)
    table.write_text(f"file_name,label\n{rows}", encoding="utf-8")
    settings = IngestSettings(verify=False)
    intake = IngestJob(out, settings, read_labels(table), Pseudonyms(b"benchmark" * 4))
    for source in sources:
        record = ingest_file(intake, source)
        path = Path(source.name)
        reasons = tuple(rejection.reason for rejection in record.rejections)
        kind = path.stem.partition("-")[0]
        yield Outcome(source.name, kind, path.suffix[1:], len(record.images), reasons)


def report(found: Iterable[Outcome]) -> None:
    """Print kept and refused by route, then what went wrong."""
    found = list(found)
    print("route     usable kept      unusable refused   with a true reason")
    for route in ROUTES:
        usable = [one for one in found if one.route == route and one.kind == "bmode"]
        others = [one for one in found if one.route == route and one.kind != "bmode"]
        kept = sum(one.kept > 0 for one in usable)
        refused, truly = sum(_refused(one) for one in others), sum(_truly(one) for one in others)
        print(
            f"{route:8}  {_share(kept, len(usable))}  {_share(refused, len(others))}"
            f"  {_share(truly, len(others))}"
        )
    wrong = Counter[tuple[str, str, str]]()
    for one in found:
        if one.kind == "bmode" and not one.kept:
            wrong["left out", one.kind, one.reasons[0]] += 1
        elif one.kind != "bmode" and not _truly(one):
            what = "kept" if not _refused(one) else "misnamed"
            wrong[what, one.kind, ", ".join(one.reasons)] += 1
    for (what, kind, reasons), count in sorted(wrong.items()):
        names = [one.name for one in found if one.kind == kind and _is(what, one, reasons)]
        print(f"{what:9} {count:3d}  {kind:17} {reasons}  {' '.join(names[:6])}")


def _is(what: str, one: Outcome, reasons: str) -> bool:
    return (what == "kept") == (one.kept > 0) and (what == "kept" or reasons in one.reasons)


def _refused(one: Outcome) -> bool:
    """Tell whether nothing that is unusable was kept: told panels of a split screen are usable."""
    parts = 2 if one.kind == "dual" and one.route == "told" else 0
    return one.kept <= parts and (one.kept == 0 or parts > 1)


def _truly(one: Outcome) -> bool:
    codes = {reason.partition(".")[2] for reason in one.reasons}
    return _refused(one) and (one.kept > 0 or codes <= TRUE[one.kind])


def report_real(name: str, most: int, out: Path) -> None:
    """Print how many images of a real set are kept, and the others with the reason."""
    folder = Path(os.environ.get("METRASCOPE_DATA", "../shared/data")) / name / "images"
    if not folder.is_dir():
        print(f"{name}: not here, skipped")
        return
    paths = sorted(path for path in folder.iterdir() if path.is_file())
    chosen = out / "in"
    chosen.mkdir(parents=True)
    for path in paths[:: max(1, -(-len(paths) // most))]:
        (chosen / path.name).symlink_to(path.resolve())
    _report_files(name, list(outcomes(chosen, out / "out")))


def report_dicom(out: Path) -> None:
    """Print what becomes of the public DICOM files."""
    folder = Path(os.environ.get("METRASCOPE_DATA", "../shared/data")) / "dicom"
    if not folder.is_dir():
        print("dicom: not here, skipped")
        return
    found = list(outcomes(folder, out))
    for one in found:
        print(f"  {one.name:28} {one.kept} kept  {', '.join(one.reasons)}")


def _report_files(name: str, found: list[Outcome]) -> None:
    kept = sum(one.kept > 0 for one in found)
    print(f"{name}: {_share(kept, len(found))} kept")
    by_reason: dict[str, list[str]] = {}
    for one in found:
        if not one.kept:
            by_reason.setdefault(one.reasons[0], []).append(one.name)
    for reason, names in sorted(by_reason.items()):
        print(f"  {len(names):3d}  {reason}: {' '.join(names)}")


def _share(count: int, total: int) -> str:
    return f"{count:4d} of {total:4d} ({100 * count / max(1, total):5.1f} %)"


if __name__ == "__main__":
    main()
