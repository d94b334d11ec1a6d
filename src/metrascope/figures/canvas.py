"""Size, style and files of every figure."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from metrascope.classes import class_title
from metrascope.figures.fonts import families, printable_text, short_label
from metrascope.files.atomic import replacing
from metrascope.messages import LANGUAGES, text

PAGE_WIDTH: Final = 7.1  # inches: the text width of an A4 page, 180 mm
GRAY: Final = "#555555"
DPI: Final = 300
_KEY_WIDTH: Final = 110  # letters at the size of a footnote
NUMERALS: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")

_STYLE: Final[dict[Any, Any]] = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": False,
    # Names of networks and data sets are text, also with a dollar sign.
    "text.parse_math": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.1,
    "figure.dpi": 100,
    "savefig.dpi": DPI,
    "figure.constrained_layout.use": True,
    # Outlines instead of characters: the figure looks the same on a PC without the font.
    "svg.fonttype": "path",
    # A fixed salt makes the names inside an SVG file, and so its bytes, repeatable.
    "svg.hashsalt": "metrascope",
}


@contextmanager
def style() -> Iterator[None]:
    """Draw with our settings only, whatever the user's own matplotlib is set to."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update({**_STYLE, "font.family": families()})
        yield


def save_figure(figure: Figure, folder: Path, name: str, *, notice: bool = True) -> list[Path]:
    """Write ``<name>.svg`` and ``<name>.png`` (300 dots per inch); the same bytes every time.

    Without ``notice`` the line of `footnote` that it is for research use only is taken away.

    Returns
    -------
    list of pathlib.Path
        The two files.

    Raises
    ------
    StudyError
        If a file cannot be written; then the old one, if any, is left.
    """
    if not notice:
        _remove_notice(figure)
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    metadata: list[dict[str, Any]] = [{"Date": None, "Creator": None}, {"Software": None}]
    with style(), _settled(figure):
        for path, entries in zip(paths, metadata, strict=True):
            with replacing(path) as temporary:
                figure.savefig(temporary, format=path.suffix[1:], metadata=entries)
    return paths


def svg_bytes(figure: Figure) -> bytes:
    """Return a figure as SVG; the same bytes every time."""
    buffer = BytesIO()
    with style(), _settled(figure):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def grid(panels: int, height: float, width: float = PAGE_WIDTH) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, four to a row at most and all of one size.

    Parameters
    ----------
    panels
        Number of axes.
    height
        Of a row in inches, when there are four to a row; fewer panels are a little larger.
    width
        Of a row of four, in inches.
    """
    columns = panels if panels <= 4 else 3 if panels in (5, 6, 9) else 4
    rows = ceil(panels / columns)
    scale = 1.0 if columns == 4 else 1.25
    figure = Figure((max(4.2, width * scale * columns / 4), height * scale * rows))
    axes = [figure.add_subplot(rows, columns, index + 1) for index in range(panels)]
    return figure, axes


def footnote(figure: FigureBase, lang: str, key: str = "") -> None:
    """Write a key line, if any, and the research-only sentence under a figure."""
    lines = [key] if key else []
    lines.append(text("common.research_only", lang))
    figure.supxlabel(printable_text("\n".join(lines)), fontsize=6.5, color=GRAY, wrap=True)


def _remove_notice(figure: FigureBase) -> None:
    parts = [figure, *figure.subfigs]
    for label in [label for part in parts for label in part.texts]:
        for lang in LANGUAGES:
            notice = printable_text(text("common.research_only", lang))
            if label.get_text().endswith(notice):
                label.set_text(label.get_text().removesuffix(notice).rstrip("\n"))


def numeral(index: int) -> str:
    """Return the Roman numeral of the class at a position, as in the study's Fig. 2."""
    return NUMERALS[index] if index < len(NUMERALS) else str(index + 1)


def class_key(classes: Sequence[str], lang: str) -> str:
    """Return the lines that explain the classes' numerals."""
    lines = [""]
    for index, name in enumerate(classes):
        entry = f"{numeral(index)} {short_label(class_title(name, lang), 40)}"
        longer = f"{lines[-1]}    {entry}" if lines[-1] else entry
        lines[-1:] = [longer] if len(longer) <= _KEY_WIDTH or not lines[-1] else [lines[-1], entry]
    return "\n".join(lines)


@contextmanager
def _settled(figure: Figure) -> Iterator[None]:
    """Lay a figure out once, in five decimals, for as many files as are written of it.

    The solver behind the layout orders its equations by memory address, so that positions differ
    in their last bits from call to call, and with them names and roundings inside the SVG.
    """
    engine = figure.get_layout_engine()
    if engine is not None:
        with warnings.catch_warnings():
            # Where very much does not fit, the figure is crowded; that is plain to see.
            warnings.filterwarnings("ignore", "constrained_layout not applied", UserWarning)
            # Axes of a fixed aspect shrink after they were laid out, and the legend below them
            # moves: the title of a panel was cut off. The second time it is known.
            for _ in range(1 + any(axes.get_aspect() != "auto" for axes in figure.axes)):
                engine.execute(figure)
    parts: list[FigureBase] = [figure]
    for part in parts:
        for child in part.subfigs:
            child.bbox_relative.set_points(np.round(child.bbox_relative.get_points(), 5))
            parts.append(child)
        for label in part.texts:
            label.set_position(tuple(np.round(label.get_position(), 5)))
    for axes in figure.axes:
        left, bottom, width, height = np.round(axes.get_position().bounds, 5)
        axes.set_position((left, bottom, width, height))
    # With an engine, even one that does nothing, every file would take another whole drawing.
    with mpl.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)
        yield
