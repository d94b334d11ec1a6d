"""What is left after every command was killed, had a full disk, or too little memory.

Each command is killed (SIGKILL, as by a power cut) at random moments, and run again: its files must
be, byte for byte, those of a run that was left alone, with nothing besides and no process left.
On a disk with four kilobytes to three megabytes left, for its results and for the key folder, and
in a gigabyte of memory, it must end well or with one sentence, and end with the same bytes once it
has what it needs.

    python -m benchmarks.attacks FOLDER [--only kill disk memory] [--commands ingest …] [--kills 15]

FOLDER keeps the inputs that the first call makes (two minutes). Disks need Linux and root.
``--peaks`` prints what memory each command takes.
"""

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from metrascope.phantom.hospital.hospital import write_export
from metrascope.phantom.phantom import write_phantom

SETTINGS: Final = """
networks = ["resnet18"]
seeds = [0]
weights = { "*" = "none" }
split = { validation = 0.3, test = 0.3 }
preprocessing = { input_size = 64 }
training.epochs = 3
training.learning_rate = 0.002
training.warmup_epochs = 1
training.batch_size = 8
training.precision = "32-true"  # "auto" measures which is faster
explain = { faithfulness_images = 2, shortcut_images = 2, border = false }
"""
# After three epochs a network refuses every image, and predict draws no heat map.
LONGER: Final = ("--set=training.epochs=20", "--set=training.learning_rate=0.01")
GIGABYTE: Final = 1 << 30
LONGEST: Final = 600
KILLED: Final = "killed"
ENDED: Final = "had ended"
# What a disk has left for a folder; a key folder holds little.
ROOM: Final = {"out": ("64k", "600k", "3m"), "key": ("4k", "16k")}


class Attacked(NamedTuple):
    """A command: what it is given, what it must find, and what it writes."""

    arguments: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


COMMANDS: Final = {
    "phantom": Attacked(
        ("phantom", "out", "--patients=40", "--size=256", "--jobs=2"), (), ("out",)
    ),
    "phantom --export": Attacked(
        ("phantom", "out", "--export", "--patients=12", "--size=240", "--jobs=2"), (), ("out",)
    ),
    "ingest": Attacked(
        (
            *("ingest", "exam/exports", "out", "--labels=exam/labels.csv"),
            *("--secret=key/secret.txt", "--keep-dicom", "--jobs=2"),
        ),
        ("exam", "key"),
        ("out", "key"),
    ),
    "audit": Attacked(("audit", "data", "--write"), ("data",), ("data",)),
    "split": Attacked(("split", "data", "--out=out/splits.csv"), ("data",), ("out",)),
    "evaluate": Attacked(("evaluate", "table.csv", "--out=out"), ("table.csv",), ("out",)),
    "report": Attacked(("report", "study"), ("study",), ("study",)),
    "export": Attacked(
        ("export", "study", "--out=out/bundle", "--data=data"), ("study", "data"), ("out",)
    ),
    "predict": Attacked(
        (
            *("predict", "bundle", "exam/exports", "--out=out", "--heatmaps", "--jobs=2"),
            "--confidence=0.5",  # else all are refused and no heat map is drawn
        ),
        ("bundle", "exam"),
        ("out",),
    ),
    "study": Attacked(
        ("study", "settings.toml", "--data=data", "--out=out", "--device=cpu"),
        ("settings.toml", "data"),
        ("out",),
    ),
}
IGNORED: Final = {
    "resources.json",  # time and memory of a run
    "command.json",
    "journal.jsonl",  # what was done when
    "journal.sqlite",
}

# They state how long training took: that they are there is compared, `report` compares their bytes.
TIMED: Final = {"study": {"methods.txt", "report.html", "report.docx"}}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=["kill", "disk", "memory"])
    parser.add_argument("--commands", nargs="*", default=list(COMMANDS))
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peaks", action="store_true")
    options = parser.parse_args()
    place = options.folder.resolve()
    make_inputs(place / "inputs")
    failures = 0
    for name in options.commands:
        known = reference(place, name)
        if options.peaks:
            print(f"{name}: {peak(place, name)}", flush=True)
            continue
        for kind in options.only:
            for told in ATTACKS[kind](place, name, known, options):
                failures += told.startswith("WRONG")
                print(f"{name}, {kind}: {told}", flush=True)
    sys.exit(failures > 0)


def make_inputs(inputs: Path) -> None:
    """Make what the commands need, once."""
    if (inputs / "bundle").is_dir():
        return
    shutil.rmtree(inputs, ignore_errors=True)
    (inputs / "key").mkdir(parents=True, mode=0o700)
    (inputs / "key" / "secret.txt").write_text("0123456789abcdef" * 4 + "\n", encoding="ascii")
    (inputs / "key" / "secret.txt").chmod(0o600)
    (inputs / "settings.toml").write_text(SETTINGS, encoding="utf-8")
    even = dict.fromkeys(("normal", "fibroid", "polyp"), 1.0)
    write_phantom(inputs / "data", patients=18, seed=1, size=128, prevalence=even, jobs=2)
    write_phantom(
        inputs / "easy", patients=45, seed=1, size=128, prevalence=even, difficulty=0.0, jobs=2
    )
    write_export(inputs / "exam", patients=4, seed=2, size=320, jobs=2)
    study = ("study", "settings.toml", "--device=cpu")
    for command in (
        (*study, "--data=data", "--out=study"),
        (*study, "--data=easy", "--out=trained", *LONGER),
        ("export", "trained", "--out=bundle", "--data=easy"),
    ):
        status, told = run(inputs, command)
        if status:
            raise SystemExit(f"{' '.join(command)}: {told}")
    shutil.copy2(inputs / "study" / "predictions.csv", inputs / "table.csv")


def reference(place: Path, name: str) -> tuple[dict[str, str], int, float]:
    """Return files, exit status and seconds of a run that is left alone."""
    work = fresh(place, name)
    started = time.monotonic()
    status, told = run(work, COMMANDS[name].arguments)
    seconds = time.monotonic() - started
    if status not in (0, 1) or "Traceback" in told:
        raise SystemExit(f"{name}: {told}")
    return digests(work, name), status, seconds


def fresh(place: Path, name: str) -> Path:
    """Return a folder with the inputs of a command; always the same one, for it may be recorded."""
    work = place / "work"
    for output in COMMANDS[name].outputs:  # a small disk of a call that was stopped
        if (work / output).is_mount():
            subprocess.run(["umount", "-l", str(work / output)], check=True)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for given in COMMANDS[name].inputs:
        source = place / "inputs" / given
        if source.is_dir():
            shutil.copytree(source, work / given)
        else:
            shutil.copy2(source, work / given)
    return work


def digests(work: Path, name: str) -> dict[str, str]:
    """Return a hash of every file that a command wrote, by name."""
    found = {}
    for output in COMMANDS[name].outputs:
        for path in sorted((work / output).rglob("*")):
            shown = path.relative_to(work).as_posix()
            if path.is_file() and path.name in TIMED.get(name, ()):
                found[shown] = "there"
            elif path.is_file() and path.name not in IGNORED and not path.name.endswith(".lock"):
                found[shown] = hashlib.sha256(path.read_bytes()).hexdigest()
            elif path.is_dir() and ".tmp" in path.name:
                found[shown] = "folder"
    return found


def command_line(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "metrascope", *arguments]


def run(work: Path, arguments: tuple[str, ...], memory: int | None = None) -> tuple[int, str]:
    """Run a command and return its exit status and what it told on standard error."""
    line = command_line(arguments)
    if memory is not None:
        line = ["bash", "-c", f'ulimit -v {memory >> 10}; exec "$@"', "-", *line]
    done = subprocess.run(line, cwd=work, capture_output=True, text=True, timeout=LONGEST)
    return done.returncode, done.stderr


def differences(known: dict[str, str], found: dict[str, str]) -> str:
    """Return in words how files differ, ``""`` where they do not."""
    parts = (
        ("missing", sorted(set(known) - set(found))),
        ("besides", sorted(set(found) - set(known))),
        (
            "other bytes",
            sorted(path for path in known if found.get(path, known[path]) != known[path]),
        ),
    )
    return "; ".join(
        f"{what}: {', '.join(names[:4])} ({len(names)})" for what, names in parts if names
    )


def kill(
    place: Path, name: str, known: tuple[dict[str, str], int, float], options: argparse.Namespace
) -> Iterator[str]:
    """Kill a command at random moments, each time run it again."""
    files, expected, seconds = known
    moments = random.Random(f"{options.seed} {name}")  # noqa: S311
    found: Counter[str] = Counter()
    landed = 0
    while landed < options.kills and found[ENDED] < options.kills:
        moment = moments.uniform(0.1, 0.95) * seconds
        work = fresh(place, name)
        started = time.monotonic()
        became = killed(work, name, moment)
        found[became] += 1
        if became == ENDED:  # the machine was busier when the time was taken: no kill, once more
            seconds = time.monotonic() - started
            continue
        landed += 1
        status, told = run(work, COMMANDS[name].arguments)
        wrong = differences(files, digests(work, name))
        if status != expected or "Traceback" in told:
            wrong = f"status {status}: {told.strip().splitlines()[-1:]}"
        found["same bytes" if not wrong else f"WRONG after {moment:.2f} s: {wrong}"] += 1
        shown = f"{name}, killed after {moment:.1f} of {seconds:.1f} s: {wrong or 'same bytes'}"
        print(shown, file=sys.stderr, flush=True)
    for wrong in [text for text in found if text.startswith("WRONG")]:
        yield wrong
    yield ", ".join(
        f"{count} {text}" for text, count in sorted(found.items()) if "WRONG" not in text
    )


def killed(work: Path, name: str, moment: float) -> str:
    """Kill a command after some seconds and see whether processes outlive it."""
    process = subprocess.Popen(
        command_line(COMMANDS[name].arguments),
        cwd=work,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(timeout=moment)
        return ENDED
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for _ in range(150):
        if not session(process.pid):
            return KILLED
        time.sleep(0.1)
    for number in session(process.pid):
        os.kill(number, signal.SIGKILL)
    return f"WRONG: processes outlived it when it was killed after {moment:.2f} s"


def session(leader: int) -> list[int]:
    """Return the living processes that were started by one."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, own = path.read_text().rpartition(")")[2].split()[:4]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(own) == leader and state != "Z":
            found.append(int(path.parent.name))
    return found


def disk(
    place: Path, name: str, known: tuple[dict[str, str], int, float], options: argparse.Namespace
) -> Iterator[str]:
    """Give a command a full disk for each folder that it writes to, then a larger one."""
    files, expected, _ = known
    for output in COMMANDS[name].outputs:
        for size in ROOM.get(output, ROOM["out"]):
            work = fresh(place, name)
            kept = work / output
            with mounted(kept, size) as room:
                if room is None:
                    continue
                status, told = run(work, COMMANDS[name].arguments)
                wrong = "" if one_sentence(status, told) else told.strip()[-800:]
                if status == expected and differences(files, digests(work, name)):
                    wrong = f"status {status}, and {differences(files, digests(work, name))}"
                subprocess.run(["mount", "-o", "remount,size=2g", str(kept)], check=True)
                again, after, missing = expected, "", ""
                if status != expected:  # else it has ended, and what it wrote may be its input now
                    again, after = run(work, COMMANDS[name].arguments)
                    missing = differences(files, digests(work, name))
            if again != expected or missing:
                wrong += f" then status {again}: {missing or after.strip()[-300:]}"
            yield outcome(f"{output} of {size}", status, wrong, told)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path | None]:
    """Lay a small disk over a folder, with what is in it and so much more; None where it fails."""
    there = sum(path.stat().st_size + 4096 for path in folder.rglob("*")) if folder.exists() else 0
    kept = folder.with_name(f"{folder.name}.kept")
    if folder.exists():
        folder.rename(kept)
    folder.mkdir()
    units = {"k": 1 << 10, "m": 1 << 20}
    extra = int(size[:-1]) * units[size[-1]]
    room = f"size={there + extra}"
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", room, "tmpfs", str(folder)])
    if done.returncode:
        yield None
        return
    try:
        if kept.exists():
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            shutil.rmtree(kept)
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def one_sentence(status: int, told: str) -> bool:
    """Tell whether a command ended well, or said in one sentence why it did not."""
    if "Traceback" in told or "Exception ignored" in told or status not in (0, 1):
        return False
    return status == 0 or sum(line.startswith("metrascope: ") for line in told.splitlines()) <= 1


def outcome(what: str, status: int, wrong: str, told: str) -> str:
    sentence = next((line for line in told.splitlines() if line.startswith("metrascope: ")), "")
    return f"{'WRONG ' if wrong else ''}{what}: status {status}; {wrong or sentence}"


def memory(
    place: Path, name: str, known: tuple[dict[str, str], int, float], options: argparse.Namespace
) -> Iterator[str]:
    """Give a command a gigabyte, and less and more; then as much as it wants."""
    files, expected, _ = known
    for limit in (GIGABYTE // 2, GIGABYTE, 2 * GIGABYTE):
        work = fresh(place, name)
        status, told = run(work, COMMANDS[name].arguments, limit)
        wrong = "" if one_sentence(status, told) else told.strip()[-800:]
        if not wrong and status == expected == 0:
            wrong = differences(files, digests(work, name))
        again, missing = expected, ""
        if status != expected:
            again, _ = run(work, COMMANDS[name].arguments)
            missing = differences(files, digests(work, name))
        if again != expected or missing:
            wrong += f" then status {again}: {missing}"
        yield outcome(f"{limit >> 20} MB", status, wrong, told)


def peak(place: Path, name: str) -> str:
    """Return address space, resident memory and data of a command with one thread, in megabytes."""
    code = (
        "import sys; from metrascope.cli import main; main(sys.argv[1:]);"
        "print([line.split()[1] for line in open('/proc/self/status')"
        " if line.startswith(('VmPeak', 'VmHWM', 'VmData'))], file=sys.stderr)"
    )
    changed = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    line = [sys.executable, "-c", code, *COMMANDS[name].arguments]
    done = subprocess.run(
        line, cwd=fresh(place, name), env=changed, capture_output=True, text=True, timeout=LONGEST
    )
    return done.stderr.strip().splitlines()[-1]


ATTACKS: Final = {"kill": kill, "disk": disk, "memory": memory}


if __name__ == "__main__":
    main()
