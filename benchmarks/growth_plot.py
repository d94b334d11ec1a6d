"""Draw what `benchmarks.growth` measured: cost against size, a panel for each part."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter
from PIL import Image

from metrascope.figures.canvas import GRAY, grid, style
from metrascope.files.atomic import replacing

Row = dict[str, Any]
TITLES = {
    "catalog": "manifest and split",
    "training": "training, one epoch",
    "resolution": "training, one step",
    "processes": "two networks, one epoch",
    "audit": "near duplicates",
    "statistics": "statistics",
    "report": "numbers and report",
    "ingest_index": "ingest",
    "predict": "predict, index",
}
AXES = {
    "resolution": "pixels a side",
    "processes": "processes",
    "statistics": "patients",
    "report": "test images",
}
PANELS = {"ingest": "ingest_index"}
"""Parts that are drawn in another's panel."""
_BATCH = 16
_SHOWN = 0.9
"""Share of the images that trains."""
_DPI = 130
_COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00")


@style()
def draw(rows: Sequence[Row], out: Path) -> None:
    """Write ``growth-time.png`` and ``growth-memory.png``."""
    _write(rows, out / "growth-time.png", "processor time, s", _seconds)
    _write(rows, out / "growth-memory.png", "memory of the process, MiB", _mebibytes)


def _write(rows: Sequence[Row], path: Path, label: str, value: Callable[[Row], float]) -> None:
    panels: dict[str, list[Row]] = {part: [] for part in TITLES}
    for row in rows:
        panels.get(PANELS.get(row["part"], row["part"]), []).append(row)
    parts = [part for part, own in panels.items() if own]
    figure, axes = grid(len(parts), 2.2)
    for ax, part in zip(axes, parts, strict=True):
        _panel(ax, panels[part], value)
        ax.set_title(TITLES[part])
        ax.set_xlabel(AXES.get(part, "files" if part in ("ingest_index", "predict") else "images"))
        if ax.get_subplotspec().is_first_col():
            ax.set_ylabel(label)
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI)
    # Few colors are in it, which a third of the bytes hold.
    picture = (
        Image.open(buffer)
        .convert("RGB")
        .quantize(96, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    )
    with replacing(path) as temporary:
        picture.save(temporary, format="PNG", optimize=True)


def _panel(ax: Axes, rows: Sequence[Row], value: Callable[[Row], float]) -> None:
    for color, what in zip(_COLORS, dict.fromkeys(row["what"] for row in rows), strict=False):
        own = sorted((row for row in rows if row["what"] == what), key=lambda row: int(row["size"]))
        own = [row for row in own if value(row)]
        if not own:
            continue  # memory is not measured of all
        sizes = [int(row["size"]) for row in own]
        values = [max(value(row), 1e-3) for row in own]
        ax.plot(sizes, values, "o-", color=color, markersize=2.5, label=what)
    ax.set_xscale("log")
    ax.set_yscale("log")
    sizes = sorted({int(row["size"]) for row in rows})
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(LogLocator(numticks=12))
        axis.set_major_formatter(FuncFormatter(_short))
        axis.set_minor_formatter(NullFormatter())
    if sizes[-1] < 10 * sizes[0]:
        ax.xaxis.set_major_locator(FixedLocator(sizes[:: max(1, len(sizes) // 2)]))
    if value is _mebibytes:
        ax.set_ylim(30, 10_000)
    else:
        ax.set_ylim(*_decades(*ax.get_ylim()))
        _guide(ax)
    names = ax.legend(fontsize=5, loc="upper left", handlelength=1, borderpad=0.1)
    names.set_in_layout(False)  # long names would leave the panel no room
    low, high = ax.get_ylim()
    ax.set_ylim(low, high * (high / low) ** 0.45)  # room for the names


def _decades(low: float, high: float) -> tuple[float, float]:
    """Return limits that have two decades at least, so that a flat line looks flat."""
    middle, half = np.sqrt(low * high), max(np.sqrt(high / low), 10)
    return middle / half, middle * half


def _short(number: float, place: int | None) -> str:
    """Return a power of ten as people say it."""
    for unit, letter in ((1e6, "M"), (1e3, "k")):
        if number >= unit:
            return f"{number / unit:g}{letter}"
    return f"{number:g}"


def _guide(ax: Axes) -> None:
    """Draw a line of slope one: cost in proportion to size."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    start = np.sqrt(low * high) / np.sqrt(right / left)
    ax.plot([left, right], [start, start * right / left], ":", color=GRAY, linewidth=0.7, zorder=0)
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)


def _seconds(row: Row) -> float:
    """Return the processor time; of a training step times the steps of an epoch.

    What several processes do together is by the clock.
    """
    if row["part"] == "processes":
        return float(row["clock"])
    steps = int(row["size"]) * _SHOWN / _BATCH
    epoch = row["part"] == "training" and str(row["what"]).startswith("step")
    return float(row["processor"]) * (steps if epoch else 1)


def _mebibytes(row: Row) -> float:
    return float(row["others" if row["part"] == "processes" else "anonymous"])
