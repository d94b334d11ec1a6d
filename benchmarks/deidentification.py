"""Planted identifiers that survive an ingest of phantom exports; the last line is the figure.

    python -m benchmarks.deidentification [--exports 2000] [--folder FOLDER] [--no-verify]

Makes the exports (or takes those that are in the folder), ingests them with clean DICOM kept, and
looks in every byte of every output for every planted text, and in every output picture for
planted letters. Into a share of the screens further lettering is drawn: watermarks, thick, turned
and dotted letters, codes, names in the speckle's own grey (`lettering_kinds`).
"""

import argparse
import io
import json
import math
import shutil
import struct
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
from numpy.typing import NDArray

from benchmarks.leaks import find_identifiers
from benchmarks.lettering_kinds import Drawing, Style, draw, styles
from benchmarks.letters import find_letters
from metrascope.ingest.ingest import ingest
from metrascope.ingest.key_folder import key_folder
from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.hospital.truth import read_truth, write_rows
from metrascope.screen.settings import IngestSettings

PER_PATIENT = 2.8
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")


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
    parser.add_argument(
        "--lettered", type=float, default=0.6, help="share of screens with more of it"
    )
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
    truth = made_export(export, options)
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
    lettered = {number for number, row in enumerate(truth) if row.get("lettered")}
    print(f"screens with further lettering: {len(lettered)}, {len(lettered & kept)} gave an image")
    print(sector_line(export, data, truth, outputs))
    found = find_identifiers(data, truth, owners(outputs))
    for finding in found[:40]:
        print(f"  text {finding}")
    letters = visible_letters(export, data, truth, outputs)
    for line in letters[:40]:
        print(f"  letters {line}")
    print(f"by kind: {dict(Counter(finding.kind for finding in found))}")
    print(f"planted identifiers found: {len(found)} in bytes, {len(letters)} in pixels (asked: 0)")


def made_export(export: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the truth of the exports that are there, or of new ones."""
    if not (export / "truth" / "truth.jsonl").exists():
        shutil.rmtree(export, ignore_errors=True)
        started = time.perf_counter()
        patients = math.ceil(options.exports / PER_PATIENT)
        write_export(export, patients=patients, seed=20, jobs=options.jobs)
        write_rows(lettered(export, options.lettered), export / "truth" / "truth.jsonl")
        print(f"exported in {time.perf_counter() - started:.0f} s", flush=True)
    return read_truth(export)


def lettered(export: Path, share: float) -> list[dict[str, Any]]:
    """Draw further lettering into native DICOM and PNG screens and return the truth of it."""
    rows, kinds = read_truth(export), list(styles())
    for number, row in enumerate(rows):
        rng = np.random.default_rng((77, number))
        path = export / "exports" / row["file"]
        if not row["usable"] or row["member"] or row["frames"] > 1 or rng.random() >= share:
            continue
        style = kinds[int(rng.integers(len(kinds)))]
        drawn = _letter(path, row, style, cv2.imread(str(export / row["sector"]), 0) > 0, rng)
        if drawn is None:
            continue
        glyphs = np.any([plant.core for plant in drawn.plants], axis=0)
        name = row["glyphs"] or row["sector"].replace("sector", "glyphs")
        if row["glyphs"]:
            glyphs |= cv2.imread(str(export / name), cv2.IMREAD_GRAYSCALE) > 0
        (export / name).parent.mkdir(exist_ok=True)
        cv2.imwrite(str(export / name), glyphs.astype(np.uint8) * 255)
        boxes = [cv2.boundingRect(plant.core.astype(np.uint8)) for plant in drawn.plants]
        row["marks"] += [{"kind": "text", "box": box, "identifying": True} for box in boxes]
        row.update(glyphs=name, lettered=" ".join(style.name))
    return rows


def _letter(
    path: Path,
    row: Mapping[str, Any],
    style: Style,
    inside: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Drawing | None:
    """Draw lettering into the pixels of a file, all else as it was; None for other kinds."""
    if path.suffix.lower() == ".png":
        content = path.read_bytes()
        pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)
        drawing, mixed = _mixed(pixels, style, inside, rng)
        path.write_bytes(_repacked(content, mixed))
        return drawing
    if row.get("syntax") not in NATIVE:
        return None
    ds = pydicom.dcmread(path, force=True)
    if ds.BitsAllocated != 8 or ds.PhotometricInterpretation not in ("RGB", "MONOCHROME2"):
        return None
    drawing, mixed = _mixed(ds.pixel_array, style, inside, rng)
    if ds.SamplesPerPixel == 3 and ds.PlanarConfiguration == 1:
        mixed = np.moveaxis(mixed, 2, 0)
    content = np.ascontiguousarray(mixed).tobytes()
    ds.PixelData = content + b"\0" * (len(content) % 2)
    ds.save_as(path)
    return drawing


def _mixed(
    pixels: NDArray[np.uint8], style: Style, inside: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Drawing, NDArray[np.uint8]]:
    """Return a drawing in grey, and the pixels, grey or RGB, with the same lettering."""
    grey = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    drawing = draw(style, np.ascontiguousarray(grey), inside, rng)
    touched = drawing.image != grey
    if pixels.ndim == 2:
        return drawing, drawing.image
    return drawing, np.where(touched[..., None], drawing.image[..., None], pixels)


def _repacked(content: bytes, pixels: NDArray[np.uint8]) -> bytes:
    """Return a PNG with other pixels and all chunks of text that it had."""
    plain = cv2.imencode(".png", np.ascontiguousarray(pixels[..., ::-1]))[1].tobytes()
    chunks, place = b"", 8
    while True:
        (length,) = struct.unpack(">I", content[place : place + 4])
        kind, end = content[place + 4 : place + 8], place + 12 + length
        if kind not in (b"IHDR", b"IDAT", b"IEND"):
            chunks += content[place:end]
        place = end
        if kind == b"IEND":
            return plain[:33] + chunks + plain[33:] + content[place:]


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
