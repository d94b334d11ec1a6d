"""Images per second and core of the phantom, files written; the last line is the figure.

    python benchmarks/phantom_speed.py [--patients 60]

Time is the processor time of this process, so that other work on the machine counts less.
"""

import argparse
import tempfile
import time
from pathlib import Path

import cv2

from metrascope.phantom.phantom import write_phantom

TARGET = 15


def main() -> None:
    """Write a data set and print the rate."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--patients", type=int, default=60)
    patients = parser.parse_args().patients
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        write_phantom(Path(folder) / "warm", patients=2, seed=0)
        wall, processor = time.perf_counter(), time.process_time()
        write_phantom(Path(folder) / "data", patients=patients, seed=1)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    print(f"{patients} images of 512 x 512: {wall:.1f} s, {processor:.1f} s of processor time")
    print(f"{patients / processor:.1f} images per second and core (asked: {TARGET})")


if __name__ == "__main__":
    main()
