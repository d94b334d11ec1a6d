"""Mutated DICOM files: each must decode or be refused with a reason, soon and in bounded memory.

    python -m benchmarks.fuzz_dicom --count 20000 --seed 0 [--jobs 1]

Mutates the files of METRASCOPE_DATA/dicom, if it is there, and generated files of every transfer
syntax: bytes flipped, pieces cut, doubled, moved or spliced from another file, lengths, sizes and
value types changed. Prints how many were decoded, refused, ended in any other error, crashed the
process or took more than 5 seconds, and the peak memory; exits 1 if any of the last four is bad.
"""

import argparse
import faulthandler
import multiprocessing
import os
import resource
import struct
import sys
import time
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
from tests.dicom.make import every_form, screen

from metrascope.dicom.frames import open_pixels
from metrascope.dicom.header import read_header
from metrascope.dicom.regions import read_regions
from metrascope.errors import DataError

DATA = Path(os.environ.get("METRASCOPE_DATA", Path(__file__).parents[2] / "shared" / "data"))
LIMIT = 5.0
NUMBERS = (0, 1, 2, 3, 8, 9, 16, 255, 256, 4_096, 32_767, 32_768, 65_534, 65_535)
LENGTHS = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
TAGS = (
    *(0x00280000 | e for e in (2, 4, 6, 8, 0x10, 0x11, 0x100, 0x101, 0x102, 0x103)),
    *(0x00281000 | e for e in (0x50, 0x51, 0x52, 0x53, 0x101, 0x201, 0x221)),
    *(0x00020010, 0x00080005, 0x00186011, 0x7FE00010, 0x7FE00001),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    begun = time.perf_counter()
    found: Counter[str] = Counter()
    peak, slowest = 0, 0.0
    share = -(-options.count // options.jobs)
    last = options.first + options.count
    parts = [range(a, min(a + share, last)) for a in range(options.first, last, share)]
    for kind, detail, memory, seconds in run_all(parts, options.seed):
        found[kind] += 1
        if kind == "refused":
            found[f"  {detail}"] += 1
        elif kind != "decoded":
            print(f"{kind}: {detail}", flush=True)
        peak, slowest = max(peak, memory), max(slowest, seconds)
    report(found, peak, slowest, time.perf_counter() - begun)
    return int(any(found[bad] for bad in ("other error", "crash", "over 5 s")))


def report(found: Counter[str], peak: int, slowest: float, seconds: float) -> None:
    print("| outcome | files |\n| --- | --- |")
    for kind in ("decoded", "refused", "other error", "crash", "over 5 s"):
        print(f"| {kind} | {found[kind]} |")
    for kind, count in sorted(found.items(), key=lambda item: -item[1]):
        if kind.startswith("  "):
            print(f"| refused as {kind.strip()} | {count} |")
    print(
        f"peak memory {peak / 1024:.0f} MiB, slowest file {slowest:.2f} s, {seconds:.0f} s in all"
    )


def run_all(parts: list[range], seed: int) -> Iterator[tuple[str, str, int, float]]:
    """Yield the outcome of each mutation; a worker that dies or hangs is replaced."""
    workers = [start(part, seed) for part in parts]
    while workers:
        for place, (process, pipe, left) in enumerate(workers):
            if pipe.poll(LIMIT + 15):
                try:
                    outcome = pipe.recv()
                except EOFError:
                    process.join()
                    outcome = ("crash", f"number {left[0]}, exit {process.exitcode}", 0, 0.0)
            else:
                process.kill()
                process.join()
                outcome = ("over 5 s", f"number {left[0]} hangs", 0, LIMIT + 15)
            yield outcome
            rest = left[1:]
            if process.exitcode is not None and rest:
                workers[place] = start(rest, seed)
            else:
                workers[place] = (process, pipe, rest)
        workers = [worker for worker in workers if worker[2]]


def start(part: range, seed: int) -> tuple[multiprocessing.Process, Connection, range]:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.Process(target=work, args=(part, seed, theirs), daemon=True)
    process.start()
    theirs.close()
    return process, ours, part


def work(part: range, seed: int, pipe: Connection) -> None:
    faulthandler.enable()
    # The codecs write their complaints about damaged data straight to the terminal.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    cv2.setNumThreads(1)
    files = list(originals())
    for number in part:
        content = mutated(files, np.random.default_rng((seed, number)))
        begun = time.perf_counter()
        kind, detail = outcome(content)
        if kind == "other error":
            detail = f"number {number}: {detail}"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = time.perf_counter() - begun
        if seconds > LIMIT:
            kind, detail = "over 5 s", f"number {number}: {seconds:.1f} s"
        pipe.send((kind, detail, memory, seconds))


def originals() -> Iterator[bytes]:
    if (DATA / "dicom").is_dir():
        for path in sorted((DATA / "dicom").glob("*.dcm")):
            yield path.read_bytes()
    yield from every_form(screen()).values()
    yield from every_form(screen(50, 36)).values()


def outcome(content: bytes) -> tuple[str, str]:
    try:
        ds = read_header(content)
        cine = open_pixels(ds)
        for index in sorted({0, cine.count // 2, cine.count - 1}):
            frame = cine.frame(index)
            if frame.dtype != np.uint8 or frame.shape[:2] != (cine.height, cine.width):
                return "other error", f"frame of {frame.dtype}, {frame.shape}"
        read_regions(ds, (cine.height, cine.width))
    except DataError as error:
        return "refused", str(error) and error.key
    except Exception as error:  # what must not happen is what is counted here
        return "other error", f"{type(error).__name__}: {error}"
    return "decoded", ""


def mutated(files: list[bytes], rng: np.random.Generator) -> bytes:
    content = bytearray(files[rng.integers(len(files))])
    for _ in range(rng.choice([1, 1, 1, 2, 3, 6])):
        kind = rng.integers(8)
        if kind == 0:
            flip(content, rng)
        elif kind == 1:
            cut(content, rng)
        elif kind == 2:
            splice(content, files[rng.integers(len(files))], rng)
        elif kind == 3:
            change_number(content, rng)
        elif kind == 4:
            change_length(content, rng)
        elif kind == 5:
            flip(content, rng, within=2_000)
        elif kind == 6:
            change_type(content, rng)
        else:
            flip_stream(content, rng)
        if len(content) < 8:
            break
    return bytes(content)


def flip(content: bytearray, rng: np.random.Generator, within: int | None = None) -> None:
    size = min(len(content), within or len(content))
    for place in rng.integers(size, size=rng.integers(1, 20)):
        content[place] = rng.integers(256)


def cut(content: bytearray, rng: np.random.Generator) -> None:
    first = int(rng.integers(len(content)))
    if rng.random() < 0.5:
        del content[first:]
    else:
        del content[first : first + int(rng.integers(1, 2_000))]


def splice(content: bytearray, other: bytes, rng: np.random.Generator) -> None:
    first, place = int(rng.integers(len(other))), int(rng.integers(len(content)))
    piece = other[first : first + int(rng.integers(1, 5_000))]
    if rng.random() < 0.5:
        content[place : place + len(piece)] = piece
    else:
        content[place:place] = piece


def element(content: bytearray, rng: np.random.Generator) -> int:
    """Return where an element of interest stands, -1 if the one drawn is not there."""
    tag = int(rng.choice(TAGS))
    order = ">HH" if rng.random() < 0.1 else "<HH"
    return content.find(struct.pack(order, tag >> 16, tag & 0xFFFF), 100)


def change_number(content: bytearray, rng: np.random.Generator) -> None:
    place = element(content, rng)
    if 0 <= place <= len(content) - 12:
        if content[place + 4 : place + 6] == b"IS":
            content[place + 8 : place + 10] = b"%02d" % rng.integers(100)
        else:
            struct.pack_into("<H", content, place + 8, int(rng.choice(NUMBERS)))


def change_length(content: bytearray, rng: np.random.Generator) -> None:
    place = element(content, rng)
    if 0 <= place <= len(content) - 12:
        if rng.random() < 0.5:
            struct.pack_into("<H", content, place + 6, int(rng.choice(NUMBERS)))
        else:
            offset = int(rng.choice([4, 8]))
            struct.pack_into("<L", content, place + offset, int(rng.choice(LENGTHS)))


def change_type(content: bytearray, rng: np.random.Generator) -> None:
    place = element(content, rng)
    if 0 <= place <= len(content) - 12:
        types = (b"OB", b"OW", b"US", b"SQ", b"UN", b"IS", b"UI", b"AT", b"\0\0")
        content[place + 4 : place + 6] = types[rng.integers(len(types))]


def flip_stream(content: bytearray, rng: np.random.Generator) -> None:
    """Change a few of the first bytes of a compressed stream: its sizes, tables and precision."""
    for begin in (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\xfe\xff\x00\xe0"):
        place = content.find(begin, 128)
        if place >= 0:
            for offset in rng.integers(4, 200, size=rng.integers(1, 4)):
                if place + offset < len(content):
                    content[place + offset] = rng.integers(256)
            return


if __name__ == "__main__":
    sys.exit(main())
