"""How cost grows: time and memory of each part against the number of images and other sizes.

    python -m benchmarks.growth [--parts A,B] [--largest 1000000] [--out FOLDER] [--bundle B]
    python -m benchmarks.growth --plot growth.csv [more.csv] --out docs/pictures

Each size of each part runs in a process of its own, so that its memory is its own. Writes
``growth.csv`` and prints a table with the slope between one size and the next, by processor time:
1 is proportional, 0 flat, 2 quadratic. The whole takes two hours and some 10 GB of disk; with
``--largest 10000`` a quarter of that. Of what several tables have, the last is drawn. The data are
made up as far as that leaves the cost what it is: `benchmarks.growth_study`, `growth_report` and
`growth_files` say how.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import growth_files, growth_report, growth_study

PARTS = growth_study.PARTS | growth_report.PARTS | growth_files.PARTS
COLUMNS = ("part", "what", "size", "processor", "clock", "anonymous", "others", "resident")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Row = dict[str, Any]


def main() -> None:
    """Measure, or draw what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--largest", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--bundle", type=Path, help="what the part predict reads with")
    parser.add_argument("--plot", type=Path, nargs="+", help="draw these tables and stop")
    parser.add_argument("--case", nargs=2, metavar=("PART", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        carry_out(*options.case, options.bundle)
    elif options.plot:
        from benchmarks.growth_plot import draw

        rows = [row for path in options.plot for row in read(path)]
        found = {(row["part"], row["what"], row["size"]): row for row in rows}
        draw(list(found.values()), options.out or Path())
    else:
        measure(options, options.out or Path(tempfile.mkdtemp(prefix="growth-")))


def measure(options: argparse.Namespace, out: Path) -> None:
    """Run all cases and write the table as it grows: an interrupt loses one case."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "growth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        for part in options.parts.split(","):
            rows: list[Row] = []
            for size in PARTS[part].sizes:
                if size <= options.largest:
                    print(f"{part} {size}", file=sys.stderr, flush=True)
                    found = run(part, size, options.bundle)
                    writer.writerows(found)
                    file.flush()
                    rows += found
            show(part, rows)
    print(out / "growth.csv")


def run(part: str, size: int, bundle: Path | None) -> list[Row]:
    """Run one case in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.growth", "--case", part, str(size)]
    command += ["--bundle", str(bundle)] if bundle else []
    done = subprocess.run(
        command, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        print(f"{part} {size}: ended with {done.returncode}", file=sys.stderr)
    told = done.stdout.splitlines()
    for line in told:
        if not line.startswith("{"):
            print(f"   {line}", file=sys.stderr, flush=True)
    lines = [line for line in told if line.startswith("{")]
    return [{"part": part, "size": size, **json.loads(line)} for line in lines]


def carry_out(part: str, size: str, bundle: Path | None) -> None:
    """Do a case and print a line for each thing measured."""
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        for what, cost in PARTS[part].work(int(size), Path(folder), bundle):
            values = {name: round(value, 4) for name, value in asdict(cost).items()}
            print(json.dumps({"what": what, **values}), flush=True)


def show(part: str, rows: Sequence[Row]) -> None:
    """Print what a part costs, and the slope from the size before."""
    print(f"\n== {part}: by {PARTS[part].axis}")
    print(f"{'':24}{'':>9} {'processor':>10} {'clock s':>9} {'slope':>6} {'MiB':>7} {'others':>7}")
    for what in dict.fromkeys(row["what"] for row in rows):
        own = [row for row in rows if row["what"] == what]
        for before, row in zip([None, *own], own, strict=False):
            bend = "" if before is None else f"{slope(before, row):.2f}"
            print(
                f"{what:24}{row['size']:>9} {row['processor']:>10.3f} {row['clock']:>9.3f} "
                f"{bend:>6} {row['anonymous']:>7.0f} {row['others']:>7.0f}"
            )
    sys.stdout.flush()


def slope(before: Row, after: Row) -> float:
    """Return the exponent of the cost between two sizes."""
    spent = [max(1e-4, float(row["processor"])) for row in (before, after)]
    return math.log(spent[1] / spent[0]) / math.log(int(after["size"]) / int(before["size"]))


def read(path: Path) -> list[Row]:
    """Return the rows of a table that `measure` wrote."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
