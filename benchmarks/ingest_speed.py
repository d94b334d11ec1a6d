"""Ingest against pydicom + dicom-anonymizer + Pillow on the same DICOM files, in turn.

    python -m benchmarks.ingest_speed [--patients 40] [--rounds 3] [--all] [--export FOLDER]

A phantom export is written (or one that lies in a folder is read), and its DICOM files outside
archives are taken in by ``metrascope ingest ... --no-verify`` and by `benchmarks.plain_intake`,
A B A B, each a process of its own with two processes to work in, started with nothing but the
files. By default only files that show a usable still are taken, so that both must make an image
of each; with ``--all`` all files, as they come from a scanner. Up to three frames are taken of a
loop. Files that one of the two cannot read are left out for both.

What must be done whatever else is, is counted apart, in this process: reading and hashing a file,
its header, decoding one frame, and packing one image and its mask as PNG.

Wall time is what a user waits for; processor time, of all processes, is what counts where a
machine is shared. The last line is the median ratio of the processor times of neighbouring runs.
"""

import argparse
import csv
import ctypes
import hashlib
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from pydicom.uid import UID

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.keep_list import kept_columns, read_identifiers, study_day
from metrascope.files.png_file import encode_png
from metrascope.ingest.file import OF_IMAGES, OF_MASKS
from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.hospital.truth import read_truth

T = TypeVar("T")

JOBS = 2
FRAMES = 3
TARGET = 3
UNDONE = (
    "What the reference does not do: find the sector in the pixels (it trusts the header's box, "
    "and keeps the screen where there is none) or mask what lies beside it, find and fill in "
    "marks and lettering, tell screens that are no B-mode still, choose sharp and distinct "
    "frames, match labels, survive a codec that crashes, go on after it was killed, write "
    "evidence."
)
_SUBREAPER = 36


@dataclass(frozen=True)
class Run:
    """One run: seconds on the clock and of the processor, and the images written."""

    wall: float
    processor: float
    images: int


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--patients", type=int, default=40)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--all", action="store_true", help="files that are not usable as well")
    parser.add_argument("--export", type=Path, help="an export made before")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export = asked.export or folder / "export"
        if asked.export is None:
            write_export(export, patients=asked.patients, seed=asked.seed, jobs=JOBS)
        syntaxes = select(export, folder / "files", usable=not asked.all)
        warm(folder, keep_all=asked.all)
        pairs = [(ours(folder), theirs(folder)) for _ in range(asked.rounds)]
        show(pairs, folder, syntaxes)


def select(export: Path, files: Path, *, usable: bool) -> dict[str, str]:
    """Copy the DICOM files that are wanted under plain names; return their transfer syntaxes."""
    files.mkdir()
    found: dict[str, str] = {}
    for row in read_truth(export):
        if row["syntax"] and not row["member"] and (row["usable"] or not usable):
            name = f"{len(found):04}.dcm"
            shutil.copy(export / "exports" / row["file"], files / name)
            found[name] = row["syntax"]
    return found


def warm(folder: Path, *, keep_all: bool) -> None:
    """Run both once: the disk is read, and files that one of the two refuses are removed."""
    theirs(folder)
    refused = {Path(row["file"]).name for row in rows(folder / "theirs" / "failed.csv")}
    ours(folder)
    links = folder / "ours-key" / "ours-links" / "links.csv"
    kept = {row["file"] for row in rows(links) if row["image"]}
    for path in (folder / "files").iterdir():
        if path.name in refused or not (keep_all or path.name in kept):
            path.unlink()


def ours(folder: Path) -> Run:
    """Run `metrascope ingest` on the files, into a new data set."""
    out, labels = folder / "ours", folder / "labels.csv"
    for path in (out, folder / "ours-key"):
        shutil.rmtree(path, ignore_errors=True)
    names = sorted(path.name for path in (folder / "files").iterdir())
    labels.write_text("\n".join(["file_name,label", *(f"{name},polyp" for name in names)]) + "\n")
    command = ["-m", "metrascope", "--lang", "en", "ingest", str(folder / "files"), str(out)]
    options = ["--labels", str(labels), "--no-verify", "--frames", str(FRAMES)]
    return timed([*command, *options, "--jobs", str(JOBS)], out)


def theirs(folder: Path) -> Run:
    """Run the reference on the files."""
    out = folder / "theirs"
    shutil.rmtree(out, ignore_errors=True)
    command = ["-m", "benchmarks.plain_intake", str(folder / "files"), str(out)]
    return timed([*command, "--frames", str(FRAMES), "--jobs", str(JOBS)], out)


def timed(arguments: list[str], out: Path) -> Run:
    """Run Python and wait for it and all that it started."""
    with suppress(OSError, AttributeError):
        # Processes whose parent is gone are waited for, and counted, here.
        ctypes.CDLL(None).prctl(_SUBREAPER, 1)
    before, start = used(), time.perf_counter()
    quiet = subprocess.DEVNULL
    command = [sys.executable, *arguments]
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet, start_new_session=True)
    if process.wait():
        raise SystemExit(f"{' '.join(arguments[:3])} ended with {process.returncode}")
    wall = time.perf_counter() - start
    with suppress(ChildProcessError):
        while True:  # its own group alone: this process may have children that never end
            os.waitpid(-process.pid, 0)
    return Run(wall, used() - before, len(rows(out / "manifest.csv")))


def used() -> float:
    """Return the processor time of all processes that were started and have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def typical_size(out: Path) -> tuple[int, int]:
    """Return the median width and height of the images written."""
    sizes = [cv2.imread(str(path), 0).shape for path in (out / "images").iterdir()]
    high, wide = np.median(sizes, axis=0).astype(int).tolist()
    return wide, high


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def show(pairs: list[tuple[Run, Run]], folder: Path, syntaxes: dict[str, str]) -> None:
    """Print each run, what was compared, and the ratios."""
    names = [path.name for path in (folder / "files").iterdir()]
    size = sum((folder / "files" / name).stat().st_size for name in names) / 2**20
    print(f"{len(names)} DICOM files, {size:.0f} MiB, {JOBS} processes; {model()}")
    for syntax, count in sorted(Counter(syntaxes[name] for name in names).items()):
        print(f"  {count:4} {UID(syntax).name}")
    titles = ("wall s", "cpu s", "images", "files/s", "images/s", "ms cpu/file")
    print(" " * 12 + "".join(f"{title:>13}" for title in titles))
    for pair in pairs:
        for title, run in zip(("metrascope", "reference"), pair, strict=True):
            rates = (len(names) / run.wall, run.images / run.wall)
            each = 1000 * run.processor / len(names)
            figures = (run.wall, run.processor, run.images, *rates, each)
            print(f"{title:12}" + "".join(f"{figure:13.2f}" for figure in figures))
    print(UNDONE)
    least = floor(folder / "files", typical_size(folder / "ours"))
    print("ms of processor time per file that nothing can do without, here:")
    print(", ".join(f"{what} {spent:.1f}" for what, spent in least.items()))
    wall = statistics.median(reference.wall / run.wall for run, reference in pairs)
    ratios = [reference.processor / run.processor for run, reference in pairs]
    print(f"wall time: {wall:.2f} times as fast as the reference")
    print(f"processor time: {statistics.median(ratios):.2f} times as fast (asked: {TARGET})")


def floor(files: Path, box: tuple[int, int]) -> dict[str, float]:
    """Return the milliseconds of processor time per file of what cannot be left out.

    The pictures are the first frames' middles of a size. What is decoded in a process apart
    (JPEG-LS, JPEG lossless of more than 8 bits) is not in the figure for decoding.
    """
    cv2.setNumThreads(1)
    spent: dict[str, float] = defaultdict(float)

    def took(what: str, work: Callable[[], T]) -> T:
        start = time.process_time()
        found = work()
        spent[what] += 1000 * (time.process_time() - start) / len(paths)
        return found

    paths = sorted(files.iterdir())
    for path in paths:
        content = took("reading, hashing", path.read_bytes)
        took("reading, hashing", hashlib.sha256(content).digest)
        ds = took("header", partial(read_header, content))
        took("header", lambda ds=ds: (read_identifiers(ds), kept_columns(ds), study_day(ds)))
        cine = took("decoding", partial(open_pixels, ds))
        frame = took("decoding", partial(cine.frame, 0))
        grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        part = cv2.getRectSubPix(grey, box, (grey.shape[1] / 2, grey.shape[0] / 2))
        took("PNG", partial(encode_png, part, OF_IMAGES))
        took("PNG", partial(encode_png, (part > 0).astype(np.uint8), OF_MASKS))
    return spent


def model() -> str:
    """Return the name of the processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
