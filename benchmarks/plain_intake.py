"""What one would write today to clean a folder of DICOM: pydicom, dicom-anonymizer and Pillow.

    python -m benchmarks.plain_intake SOURCE OUT [--frames 3] [--jobs 2]

Each file's header is cleaned by the package's rules (PS3.15, table E.1-1), its frames are decoded
and made grey, what lies outside the largest 2-D region of the header is cut off, PNG files and
``manifest.csv`` are written. A file that fails is listed in ``failed.csv``. Of a loop, frames are
taken at even distances, and only those are decoded.

It is what `benchmarks.ingest_speed` compares with, so whatever makes it faster belongs here.
"""

import argparse
import csv
import hashlib
import io
import multiprocessing
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from dicomanonymizer import anonymize_dataset
from dicomanonymizer.simpledicomanonymizer import initialize_actions
from PIL import Image
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut, iter_pixels
from pydicom.uid import (
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
)

HEADER = ("image", "patient_id", "scanner", "frame", "sha256", "source")
RULES = initialize_actions()
# Where there is a choice, the fastest; elsewhere pydicom takes what is installed.
DECODERS = {
    JPEGBaseline8Bit: "pillow",
    JPEGLSLossless: "pyjpegls",
    JPEGLSNearLossless: "pyjpegls",
}
CHUNK = 4
_TWO_DIMENSIONAL = 1


def main() -> None:
    """Clean a folder."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    (asked.out / "images").mkdir(parents=True)
    paths = sorted(path for path in asked.source.rglob("*") if path.is_file())
    tasks = [(path, asked.out, asked.frames) for path in paths]
    rows: list[tuple[str, ...]] = []
    failed: list[tuple[str, str]] = []
    with multiprocessing.Pool(asked.jobs) as pool:
        for found, failure in pool.imap_unordered(take_in, tasks, chunksize=CHUNK):
            rows += found
            failed += [failure] if failure else []
    write_table(asked.out / "manifest.csv", HEADER, sorted(rows))
    write_table(asked.out / "failed.csv", ("file", "reason"), sorted(failed))
    print(f"{len(rows)} images of {len(paths)} files, {len(failed)} failed")


def take_in(
    task: tuple[Path, Path, int],
) -> tuple[list[tuple[str, ...]], tuple[str, str] | None]:
    """Return the rows of the manifest for a file, or its name and why it failed."""
    path, out, count = task
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(images(path, out, count)), None
    except Exception as error:  # one bad file must not stop the batch
        return [], (str(path), type(error).__name__)


def images(path: Path, out: Path, count: int) -> list[tuple[str, ...]]:
    """Write the images of a file and return their rows."""
    content = path.read_bytes()
    ds = pydicom.dcmread(io.BytesIO(content), force=True)
    if "TransferSyntaxUID" not in ds.file_meta:
        ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    digest = hashlib.sha256(content).hexdigest()
    box = region(ds)
    pictures = [shown(ds, frame) for frame in frames(ds, count)]
    anonymize_dataset(ds, base_rules_gen=lambda: RULES)
    rows = []
    for number, picture in enumerate(pictures):
        name = f"images/{digest[:20]}-{number}.png"
        written = png(picture if box is None else picture[box])
        (out / name).write_bytes(written)
        scanner = f"{ds.get('Manufacturer', '')} {ds.get('ManufacturerModelName', '')}"
        told = (name, str(ds.get("PatientID", "")), scanner, str(number))
        rows.append((*told, hashlib.sha256(written).hexdigest(), digest))
    return rows


def frames(ds: pydicom.Dataset, count: int) -> Any:
    """Return an iterator over frames at even distances, colors as RGB."""
    claimed = int(ds.get("NumberOfFrames") or 1)
    places = np.linspace(0, claimed - 1, min(count, claimed)).astype(int).tolist()
    decoder = DECODERS.get(ds.file_meta.TransferSyntaxUID, "")
    return iter_pixels(ds, indices=places, decoding_plugin=decoder)


def shown(ds: pydicom.Dataset, samples: np.ndarray) -> np.ndarray:
    """Return a frame as the screen showed it, 8 bits of grey."""
    if ds.PhotometricInterpretation == "PALETTE COLOR":
        colors = apply_color_lut(samples, ds)
        samples = (colors >> 8).astype(np.uint8) if colors.dtype == np.uint16 else colors
    if samples.ndim == 3:
        return np.asarray(Image.fromarray(samples).convert("L"))
    if ds.BitsAllocated > 8:
        grey = apply_voi_lut(apply_modality_lut(samples, ds), ds)
        low, high = float(grey.min()), float(grey.max())
        samples = ((grey - low) * (255 / max(high - low, 1))).astype(np.uint8)
    return 255 - samples if ds.PhotometricInterpretation == "MONOCHROME1" else samples


def region(ds: pydicom.Dataset) -> tuple[slice, slice] | None:
    """Return the largest 2-D region that lies inside the image, None where there is none."""
    boxes = []
    for item in ds.get("SequenceOfUltrasoundRegions") or ():
        left, top = int(item.RegionLocationMinX0), int(item.RegionLocationMinY0)
        right, bottom = int(item.RegionLocationMaxX1), int(item.RegionLocationMaxY1)
        fits = 0 <= left < right < ds.Columns and 0 <= top < bottom < ds.Rows
        if fits and item.RegionSpatialFormat == _TWO_DIMENSIONAL:
            boxes.append(((bottom - top) * (right - left), left, top, right, bottom))
    if not boxes:
        return None
    _, left, top, right, bottom = max(boxes)
    return slice(top, bottom + 1), slice(left, right + 1)


def png(picture: np.ndarray) -> bytes:
    """Return a picture as PNG, packed at the fastest level that still packs."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def write_table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(header)
        writer.writerows(rows)


if __name__ == "__main__":
    main()
