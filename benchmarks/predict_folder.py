"""How fast a folder is read, beside reading its images one after the other.

One at a time is `Predictor.read_file` with all cores for each image, as a program would call it;
the folder is ``metrascope predict FOLDER --out``, with processes and a journal. What a start takes
is left out on both sides: the folder is read once with few images and once with many, and the
difference counts.

    python -m benchmarks.predict_folder BUNDLE [--images 240] [--rounds 3]
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from metrascope.phantom.phantom import write_phantom
from metrascope.predict.predictor import Predictor

FEW = 24


def one_at_a_time(predictor: Predictor, images: list[Path]) -> float:
    start = time.perf_counter()
    for path in images:
        predictor.read_file(path)
    return (time.perf_counter() - start) / len(images)


def folder_seconds(bundle: Path, folder: Path, out: Path) -> float:
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    command = [sys.executable, "-m", "metrascope", "predict", str(bundle), str(folder)]
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True)
    if not (out / "readings.csv").is_file():
        raise SystemExit(done.stderr)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--images", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_phantom(work / "data", patients=options.images + FEW, seed=77, size=512, jobs=2)
        images = sorted((work / "data" / "images").glob("*.png"))
        for place, chosen in (("few", images[:FEW]), ("many", images)):
            (work / place).mkdir()
            for path in chosen:
                shutil.copy(path, work / place / path.name)
        predictor = Predictor(options.bundle)
        one_at_a_time(predictor, images[:4])
        ratios = []
        for _ in range(options.rounds):
            single = one_at_a_time(predictor, images[:FEW])
            few = folder_seconds(options.bundle, work / "few", work / "out")
            many = folder_seconds(options.bundle, work / "many", work / "out")
            single = (single + one_at_a_time(predictor, images[:FEW])) / 2
            each = (many - few) / options.images
            ratios.append(single / each)
            print(
                f"one at a time {1000 * single:.1f} ms, in a folder {1000 * each:.1f} ms an image"
            )
    print(f"{statistics.median(ratios):.2f} times as fast (asked: 1.3)")


if __name__ == "__main__":
    main()
