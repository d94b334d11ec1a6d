"""Run the benchmarks that need no data beside the phantom: ``python -m benchmarks``."""

import subprocess
import sys

BENCHMARKS = ("phantom_speed",)


def main() -> None:
    for name in BENCHMARKS:
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=True)


if __name__ == "__main__":
    main()
