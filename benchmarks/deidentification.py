"""Planted identifiers that survive an ingest of phantom exports; the last line is the figure.

    python -m benchmarks.deidentification [--exports 2000] [--folder FOLDER] [--no-verify]

Makes the exports (or takes those that are in the folder), ingests them with clean DICOM kept, and
looks in every byte of every output for every planted text, and in every output picture for
planted letters.
"""

import argparse
import io
import json
import math
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pydicom

from benchmarks.leaks import find_identifiers
from benchmarks.letters import find_letters
from metrascope.ingest.batch import ingest
from metrascope.ingest.key_folder import key_folder
from metrascope.ingest.settings import IngestSettings
from metrascope.phantom.export.export import write_export
from metrascope.phantom.export.truth import read_truth

PER_PATIENT = 2.8


@dataclass(frozen=True)
class Output:
    """One image of the data set: its name, the truth's row, its place on the screen."""

    name: str
    row: int
    origin: tuple[int, int]


def main() -> None:
    """Make exports, ingest them, count what is found."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--exports", type=int, default=2000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--labels", default="labels.csv")
    parser.add_argument("--no-verify", action="store_true", help="leave text recognition out")
    parser.add_argument("--reuse", action="store_true", help="take the data set that is there")
    options = parser.parse_args()
    if options.folder:
        measure(options.folder, options)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options)


def measure(folder: Path, options: argparse.Namespace) -> None:
    """Run all of it in a folder and print the counts."""
    export, data = folder / "export", folder / "data"
    truth = made_export(export, options.exports, options.jobs)
    if not (options.reuse and data.exists()):
        started = time.perf_counter()
        run_ingest(export, data, options)
        print(f"ingested in {time.perf_counter() - started:.0f} s", flush=True)
    outputs = read_outputs(key_folder(data) / f"{data.name}-links" / "journal.jsonl", truth)
    files = [path for path in data.rglob("*") if path.is_file()]
    planted = sum(len(row["planted"]) for row in truth)
    print(f"{len(truth)} files with {planted} planted texts; {len(files)} output files")
    print(f"{len({output.row for output in outputs})} files gave {len(outputs)} images")
    usable = [number for number, row in enumerate(truth) if row["usable"]]
    kept = {output.row for output in outputs}
    print(f"usable files without an image: {len(set(usable) - kept)} of {len(usable)}")
    print(f"unusable files with an image: {len(kept - set(usable))}")
    print(sector_line(export, data, truth, outputs))
    found = find_identifiers(data, truth, owners(outputs))
    for finding in found[:40]:
        print(f"  text {finding}")
    letters = visible_letters(export, data, truth, outputs)
    for line in letters[:40]:
        print(f"  letters {line}")
    print(f"by kind: {dict(Counter(finding.kind for finding in found))}")
    print(f"planted identifiers found: {len(found)} in bytes, {len(letters)} in pixels (asked: 0)")


def made_export(export: Path, exports: int, jobs: int) -> list[dict[str, Any]]:
    """Return the truth of the exports that are there, or of new ones."""
    if not (export / "truth" / "truth.jsonl").exists():
        shutil.rmtree(export, ignore_errors=True)
        started = time.perf_counter()
        write_export(export, patients=math.ceil(exports / PER_PATIENT), seed=20, jobs=jobs)
        print(f"exported in {time.perf_counter() - started:.0f} s", flush=True)
    return read_truth(export)


def run_ingest(export: Path, data: Path, options: argparse.Namespace) -> None:
    """Ingest the exports into a new data set, clean DICOM kept."""
    shutil.rmtree(data, ignore_errors=True)
    shutil.rmtree(key_folder(data), ignore_errors=True)
    settings = IngestSettings(verify=not options.no_verify, keep_dicom=True)
    labels = export / options.labels
    ingest(export / "exports", data, labels, settings, jobs=options.jobs)


def read_outputs(journal: Path, truth: Sequence[Mapping[str, Any]]) -> list[Output]:
    """Return which image came from which row, as the journal beside the secret has it."""
    rows = {
        f"{row['file']}!/{row['member']}" if row["member"] else row["file"]: number
        for number, row in enumerate(truth)
    }
    records = {}
    for line in journal.read_text(encoding="utf-8").splitlines()[1:]:
        record = json.loads(line)
        records[record["source"]] = record
    return [
        Output(image["image"], rows[source], tuple(image["origin"]))
        for source, record in records.items()
        if source in rows
        for image in record["images"]
    ]


def owners(outputs: Sequence[Output]) -> dict[str, list[int]]:
    """Return the rows behind every output file that belongs to one image."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for output in outputs:
        stem = Path(output.name).stem
        for name in (output.name, f"sectors/{stem}.png", f"dicom/{stem}.dcm"):
            found[name].append(output.row)
    return found


def visible_letters(
    export: Path, data: Path, truth: Sequence[Mapping[str, Any]], outputs: Sequence[Output]
) -> list[str]:
    """Return the letters that still show in images and in clean DICOM."""
    found = []
    for output in outputs:
        row = truth[output.row]
        if not row["glyphs"]:
            continue
        glyphs = cv2.imread(str(export / row["glyphs"]), cv2.IMREAD_GRAYSCALE) > 0
        boxes = [mark["box"] for mark in row["marks"] if mark["identifying"]]
        for name, picture in pictures(data, output):
            for box, score in find_letters(picture, glyphs, boxes, output.origin):
                found.append(f"{name} {row['file']} {row['member']} {box} {score:.2f}")
    return found


def pictures(data: Path, output: Output) -> Iterator[tuple[str, np.ndarray]]:
    """Return the image and the frames of the clean DICOM that show the same."""
    if not (data / output.name).exists():
        return  # a copy of another image
    yield output.name, cv2.imread(str(data / output.name), cv2.IMREAD_GRAYSCALE)
    path = data / "dicom" / f"{Path(output.name).stem}.dcm"
    if path.exists():
        pixels = pydicom.dcmread(io.BytesIO(path.read_bytes())).pixel_array
        yield path.name, pixels.reshape(-1, *pixels.shape[-2:])[0]


def sector_line(
    export: Path, data: Path, truth: Sequence[Mapping[str, Any]], outputs: Sequence[Output]
) -> str:
    """Return how well the sectors of usable files were kept, in a sentence."""
    overlaps, lost = [], []
    for output in outputs:
        row = truth[output.row]
        path = data / "sectors" / Path(output.name).name
        if not row["usable"] or not path.exists():
            continue
        true = cv2.imread(str(export / row["sector"]), cv2.IMREAD_GRAYSCALE) > 0
        found = np.zeros_like(true)
        part = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 0
        left, top = output.origin
        window = found[top : top + part.shape[0], left : left + part.shape[1]]
        window[:] = part[: window.shape[0], : window.shape[1]]
        overlaps.append(np.count_nonzero(true & found) / np.count_nonzero(true | found))
        lost.append(np.count_nonzero(true & ~found) / np.count_nonzero(true))
    if not overlaps:
        return "no sectors to compare"
    return (
        f"sectors of {len(overlaps)} images: mean IoU {np.mean(overlaps):.4f}, "
        f"5th percentile {np.percentile(overlaps, 5):.4f}, least {np.min(overlaps):.4f}; "
        f"pixels lost {100 * np.mean(lost):.3f} % on average"
    )


if __name__ == "__main__":
    main()
