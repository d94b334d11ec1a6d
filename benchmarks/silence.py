"""How long every command is silent: before its first line, between two, and after the last.

Each command runs on a small phantom data set, once on a terminal (a pseudo-terminal, where what is
drawn again unchanged counts as silence) and once with its output in a pipe, as in a log. Then each
is given paths that are wrong, and the time to its sentence is taken.

    python -m benchmarks.silence FOLDER [--only study report …] [--study STUDY] [--wrong]

FOLDER keeps the inputs that the first call makes. ``--study`` takes the report of a larger study,
in a copy; ``--networks`` and ``--patients`` make one up. ``--gaps`` prints what was on the screen
before each silence of more than three seconds. The terminal needs Linux or macOS.
"""

import argparse
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.attacks import SETTINGS
from benchmarks.growth_report import _write_study

_CONTROL: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]")
_LONG: Final = 3.0
_PATIENTS: Final = ("--patients=60", "--size=256")

COMMANDS: Final = {
    "phantom": ("phantom", "{new}", *_PATIENTS, "--jobs=2"),
    "phantom --export": ("phantom", "{new}", "--export", "--patients=12", "--size=240"),
    "ingest": (
        *("ingest", "exam/exports", "{new}", "--labels=exam/labels.csv"),
        "--secret={new}-key/secret.txt",
    ),
    "audit": ("audit", "data", "--out={new}"),
    "split": ("split", "data", "--out={new}.csv"),
    "study": ("study", "settings.toml", "--data=data", "--out={new}", "--device=cpu"),
    "report": ("report", "study"),
    "evaluate": ("evaluate", "study/predictions.csv", "--out={new}"),
    "evaluate --run": ("evaluate", "--run=study", "--data=other", "--out={new}"),
    "export": ("export", "study", "--out={new}", "--data=data"),
    "predict": ("predict", "bundle", "other/images", "--out={new}"),
}
# What is given is not there, or is something else than the command takes.
WRONG: Final[dict[str, list[tuple[str, ...]]]] = {
    "ingest": [("ingest", "nowhere", "x", "--labels=exam/labels.csv")],
    "audit": [("audit", "nowhere"), ("audit", "exam"), ("audit", "study")],
    "split": [("split", "nowhere", "--out=x.csv"), ("split", "bundle", "--out=x.csv")],
    "study": [
        ("study", "paper", "--data=nowhere", "--out=x"),
        ("study", "nowhere.toml", "--out=x"),
        ("study", "settings.toml", "--data=exam", "--out=x"),
    ],
    "report": [("report", name) for name in ("nowhere", "data", "bundle", "settings.toml")],
    "evaluate": [
        ("evaluate", "nowhere.csv", "--out=x"),
        ("evaluate", "study", "--out=x"),
        ("evaluate", "--run=nowhere", "--data=other", "--out=x"),
        ("evaluate", "--run=study", "--data=nowhere", "--out=x"),
    ],
    "export": [("export", name, "--out=x") for name in ("nowhere", "data", "bundle")],
    "predict": [
        ("predict", "nowhere", "other/images"),
        ("predict", "study", "other/images"),
        ("predict", "bundle", "nowhere"),
    ],
}


class Silence(NamedTuple):
    """Seconds to the first output, of the longest silence, and in all; what stood before it."""

    first: float
    longest: float
    whole: float
    status: int
    gaps: tuple[tuple[float, float, str], ...]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(COMMANDS))
    parser.add_argument("--study", type=Path, help="report of this study, too")
    parser.add_argument("--patients", type=int, help="report of a study made up, of so many")
    parser.add_argument("--wrong", action="store_true", help="wrong paths alone")
    parser.add_argument("--gaps", action="store_true")
    options = parser.parse_args()
    place = options.folder.resolve()
    make_inputs(place)
    if not options.wrong:
        print(f"{'command':22}{'':10}{'first':>8}{'silent':>8}{'all':>8}  s")
        for name, arguments in COMMANDS.items():
            if name in options.only:
                measure(name, arguments, place, options.gaps)
        if options.patients:
            _write_study(options.patients, place / "made-up")
            measure("report, made up", ("report", "made-up"), place, options.gaps)
        if options.study:
            shutil.copytree(options.study, place / "larger", dirs_exist_ok=True)
            measure("report, larger", ("report", "larger"), place, options.gaps)
    print(f"\n{'wrong path':60}{'sentence after':>16} s")
    for name, calls in WRONG.items():
        for arguments in calls if name in options.only else []:
            found = watch(arguments, place, terminal=False)
            print(f"{' '.join(arguments):60}{found.whole:16.2f}  status {found.status}")
            print(f"    {found.gaps[-1][2]}")
    shutil.rmtree(place / "x", ignore_errors=True)


def make_inputs(place: Path) -> None:
    """Make what the commands need, as far as it is not there."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "settings.toml").write_text(SETTINGS.replace('["resnet18"]', '["resnet18", "vgg16"]'))
    for name, arguments in (
        ("exam", ("phantom", "exam", "--export", "--patients=12", "--size=240")),
        ("data", ("phantom", "data", *_PATIENTS)),
        ("other", ("phantom", "other", *_PATIENTS, "--seed=1")),
        ("study", ("study", "settings.toml", "--data=data", "--out=study", "--device=cpu")),
        ("bundle", ("export", "study", "--out=bundle", "--data=data")),
    ):
        if not (place / name).exists():
            call = [sys.executable, "-m", "metrascope", *arguments]
            subprocess.run(call, cwd=place, check=True, capture_output=True)


def measure(name: str, arguments: Sequence[str], place: Path, gaps: bool) -> None:
    """Run a command on a terminal and in a pipe, and print its silences."""
    for terminal in (True, False):
        new = f"new-{'terminal' if terminal else 'pipe'}"
        given = [argument.format(new=new) for argument in arguments]
        found = watch(given, place, terminal=terminal)
        kind = "terminal" if terminal else "pipe"
        figures = f"{found.first:8.1f}{found.longest:8.1f}{found.whole:8.1f}"
        failed = f"  status {found.status}" if found.status else ""
        print(f"{name:22}{kind:10}{figures}{failed}", flush=True)
        if failed:
            print(f"    {found.gaps[-1][2]}")
        for at, long, before in found.gaps if gaps else ():
            if long > _LONG:
                print(f"    {long:5.1f} s from {at:.1f} s, after: {before}", flush=True)
        for left in place.glob(f"{new}*"):
            left.unlink() if left.is_file() else shutil.rmtree(left)


def watch(arguments: Sequence[str], place: Path, *, terminal: bool) -> Silence:
    """Run a command and note when it says something that it did not say before."""
    ours, theirs = pty.openpty() if terminal else os.pipe()
    environment = os.environ | {"COLUMNS": "100", "LINES": "30", "TERM": "xterm-256color"}
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, "-m", "metrascope", *arguments],
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=environment,
    )
    os.close(theirs)
    times, lines = [0.0], [""]
    while True:
        select.select([ours], [], [])
        try:
            read = os.read(ours, 65536)
        except OSError:  # how a terminal ends
            break
        if not read:
            break
        shown = _CONTROL.sub(" ", read.decode(errors="replace")).strip()
        if shown and shown != lines[-1]:
            times.append(time.monotonic() - started)
            lines.append(shown)
    status = process.wait()
    os.close(ours)
    whole = time.monotonic() - started
    ends = [*times[1:], whole]
    gaps = tuple(
        (at, end - at, line[-150:]) for at, end, line in zip(times, ends, lines, strict=True)
    )
    return Silence(ends[0], max(long for _, long, _ in gaps), whole, status, gaps)


if __name__ == "__main__":
    main()
