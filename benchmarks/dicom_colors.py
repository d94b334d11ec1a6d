"""Every frame of real DICOM files against an independent decoder: DCMTK or, for JPEG 2000, GDCM.

    python -m benchmarks.dicom_colors [FOLDER ...]

FOLDER is METRASCOPE_DATA/dicom if not given. Needs Debian's packages dcmtk and libgdcm-tools.
Prints a table of the mean and largest absolute difference (0 to 255) over the frames of each file.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header, transfer_syntax
from metrascope.errors import DataError

DATA = Path(os.environ.get("METRASCOPE_DATA", Path(__file__).parents[2] / "shared" / "data"))
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="*", default=[DATA / "dicom"])
    print(
        "| file | decoder | frames | mean difference | largest |\n| --- | --- | --- | --- | --- |"
    )
    worst = 0.0
    for folder in parser.parse_args().folder:
        for path in sorted(folder.glob("*.dcm")):
            worst = max(worst, report(path))
    print(f"largest mean difference of a file: {worst:.3f}")


def report(path: Path) -> float:
    """Print the row of a file and return its mean difference."""
    try:
        name, count, mean, largest = compare(path)
    except DataError as error:
        print(f"| {path.name} | | | refused: {error} | |")
        return 0.0
    print(f"| {path.name} | {name} | {count} | {mean:.3f} | {largest} |")
    return mean


def compare(path: Path) -> tuple[str, int, float, int]:
    """Return the other decoder, the number of frames, the mean and the largest difference."""
    ds = read_header(path.read_bytes())
    cine = open_pixels(ds)
    name, others = reference(path, transfer_syntax(ds))
    if len(others) != cine.count:
        raise SystemExit(f"{path.name}: {cine.count} frames, {name} has {len(others)}")
    gaps = [gap(cine.frame(index), other) for index, other in enumerate(others)]
    return (
        name,
        len(gaps),
        float(np.mean([g.mean() for g in gaps])),
        max(int(g.max()) for g in gaps),
    )


def reference(path: Path, syntax: str) -> tuple[str, list[NDArray[np.uint8]]]:
    """Return the decoder's name and all frames by it, BGR or grey."""
    with tempfile.TemporaryDirectory() as folder:
        name, source = "DCMTK", path
        if b"\x28\x00\x21\x12" in path.read_bytes():
            # A segmented palette, which DCMTK does not know.
            picture = Path(folder, "picture.ppm")
            run("gdcmimg", path, picture)
            return "GDCM", [to_bytes(cv2.imread(str(picture), cv2.IMREAD_UNCHANGED))]
        if syntax in JPEG_2000:
            name, source = "GDCM", Path(folder, "raw.dcm")
            run("gdcmconv", "--raw", path, source)
        elif syntax.startswith("1.2.840.10008.1.2.4.8"):
            source = Path(folder, "raw.dcm")
            run("dcmdjpls", path, source)
        run("dcmj2pnm", "+Fa", "+op", *window(source), source, Path(folder, "frame"))
        frames = sorted(Path(folder).glob("frame.*"), key=lambda file: int(file.suffixes[-2][1:]))
        return name, [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in frames]


def to_bytes(image: NDArray[np.unsignedinteger]) -> NDArray[np.uint8]:
    return (image >> 8).astype(np.uint8) if image.dtype == np.uint16 else image


def window(path: Path) -> list[str]:
    """Return the option that makes DCMTK use the file's window, if it has one."""
    ds = read_header(path.read_bytes())
    return ["+Wi", "1"] if "WindowWidth" in ds else []


def run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode(errors="replace"))


def gap(image: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return absolute differences, grey widened to three channels where only one is grey."""
    ours = image if image.ndim == 3 else np.dstack([image] * 3)
    theirs = other[..., ::-1] if other.ndim == 3 else np.dstack([other] * 3)
    return np.abs(ours.astype(np.int16) - theirs.astype(np.int16))


if __name__ == "__main__":
    main()
