"""Heat maps of all networks for one case of each class, the study's Fig. 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from metrascope.classes import class_short
from metrascope.figures.canvas import DPI, PAGE_WIDTH, footnote, style
from metrascope.figures.fonts import figure_language, printable_text, short_label
from metrascope.messages import text
from metrascope.overlay import SCALE, OutlineBox, overlay
from metrascope.results.notation import probability
from metrascope.statistics.published import network_title, order_networks

_RIGHT, _WRONG = "#00664B", "#A63603"


@dataclass(frozen=True)
class PanelReading:
    """What one network makes of a case.

    Attributes
    ----------
    heat
        Grad-CAM of the predicted class after ReLU, shape (h, w), float32, any scale.
    predicted
        The class of the highest probability.
    probability
        Of that class, in [0, 1].
    """

    heat: NDArray[np.float32]
    predicted: str
    probability: float


@dataclass(frozen=True)
class PanelCase:
    """An image of one class with the readings of the networks.

    Attributes
    ----------
    label
        True class.
    grey
        Shape (height, width), uint8.
    mask
        Lesion mask of the same shape, over 0 inside, or None.
    box
        Left, top, right and bottom of what the networks saw, in pixels; None for all of it.
    readings
        By network.
    """

    label: str
    grey: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None
    box: OutlineBox | None = None
    readings: Mapping[str, PanelReading] = field(default_factory=dict)


@style()
def gradcam_panel(cases: Sequence[PanelCase], lang: str | None = None) -> Figure:
    """Draw networks by classes under the original images; five networks or more in two blocks.

    Under each map stand the class that the network predicted and its probability, marked where
    it is wrong; the thin line is the outline of the lesion, where a mask exists.

    Parameters
    ----------
    cases
        One per class, in class order.
    lang
        ``en`` or ``zh``; the language in use when not given.
    """
    lang = figure_language(lang)
    networks = order_networks(name for case in cases for name in case.readings)
    blocks = 2 if len(networks) > 4 and len(cases) <= 4 else 1
    rows = ceil(len(networks) / blocks)
    side = min(1.5, (PAGE_WIDTH - 0.3 * blocks) / (blocks * len(cases)))
    width = max(blocks * (len(cases) * side + 0.3), 4.2)
    cases = [_reduced(case, round(side * DPI)) for case in cases]
    heights = [(rows + 1) * (side * _shape(cases) + 0.16), 0.76]
    figure = Figure((width, sum(heights)))
    upper, lower = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    parts = upper.subfigures(1, blocks, wspace=0.02, squeeze=False)[0]
    for index, part in enumerate(parts):
        _block(part, cases, networks[index * rows : (index + 1) * rows], rows, lang)
    _color_bar(lower, lang)
    footnote(lower, lang, _legend(cases, lang))
    return figure


def _block(
    part: Any, cases: Sequence[PanelCase], networks: list[str], rows: int, lang: str
) -> None:
    axes = part.subplots(rows + 1, len(cases), squeeze=False)
    for ax in axes.ravel():
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set_visible(False)
        ax.set_anchor("N")
    for ax, case in zip(axes[0], cases, strict=True):
        _original(ax, case)
        ax.set_title(short_label(class_short(case.label, lang), 20), pad=3)
    axes[0, 0].set_ylabel(text("figures.original", lang), fontsize=7)
    for row, name in zip(axes[1:], networks, strict=False):
        for ax, case in zip(row, cases, strict=True):
            _reading(ax, case, case.readings.get(name), lang)
        row[0].set_ylabel(short_label(network_title(name), 24), fontsize=7)
    for ax in axes[1 + len(networks) :].ravel():
        ax.set_visible(False)


def _original(ax: Axes, case: PanelCase) -> None:
    ax.imshow(case.grey, cmap="gray", vmin=0, vmax=255)
    _lesion(ax, case)
    if case.box is not None:
        left, top, right, bottom = case.box
        corner = (left - 0.5, top - 0.5)
        look: dict[str, Any] = {"fill": False, "edgecolor": "white", "linewidth": 0.4}
        ax.add_patch(Rectangle(corner, right - left, bottom - top, linestyle=":", **look))


def _reading(ax: Axes, case: PanelCase, reading: PanelReading | None, lang: str) -> None:
    if reading is None:
        ax.set_visible(False)
        return
    ax.imshow(overlay(case.grey, reading.heat, box=case.box))
    _lesion(ax, case)
    right = reading.predicted == case.label
    caption = text(
        "figures.reading" if right else "figures.wrong_reading",
        lang,
        label=short_label(class_short(reading.predicted, lang), 20),
        probability=probability(reading.probability),
    )
    color = _RIGHT if right else _WRONG
    ax.set_xlabel(printable_text(caption), fontsize=6, color=color, labelpad=1.5)


def _legend(cases: Sequence[PanelCase], lang: str) -> str:
    marks = [text("figures.outline", lang)] if any(c.mask is not None for c in cases) else []
    marks += [text("figures.seen", lang)] if any(c.box is not None for c in cases) else []
    marks = [text("figures.between", lang).join(marks)] if marks else []
    return "\n".join([text("figures.gradcam", lang), *marks])


def _lesion(ax: Axes, case: PanelCase) -> None:
    if case.mask is not None and (case.mask > 0).any():
        ax.contour(case.mask > 0, levels=[0.5], colors="#00FFFF", linewidths=0.6)


def _color_bar(figure: Any, lang: str) -> None:
    scale = ScalarMappable(cmap=ListedColormap(SCALE))
    cax = figure.add_axes((0.35, 0.84, 0.3, 0.12))
    bar = figure.colorbar(scale, cax=cax, orientation="horizontal")
    bar.set_ticks([0, 1], labels=[text(f"figures.{key}", lang) for key in ("low", "high")])
    bar.ax.tick_params(length=0)


def _reduced(case: PanelCase, width: int) -> PanelCase:
    """Return a case no wider than it will be printed, so that the files stay small."""
    scale = width / case.grey.shape[1]
    if scale >= 1.0:
        return case
    size = (width, max(1, round(scale * case.grey.shape[0])))
    grey = np.asarray(Image.fromarray(case.grey).resize(size, Image.Resampling.BOX))
    mask = case.mask
    if mask is not None:
        inside = Image.fromarray(np.where(mask > 0, 255, 0).astype(np.uint8))
        mask = (np.asarray(inside.resize(size, Image.Resampling.BOX)) >= 128).astype(np.uint8)
    box = case.box
    if box is not None:
        box = (box[0] * scale, box[1] * scale, box[2] * scale, box[3] * scale)
    return replace(case, grey=grey, mask=mask, box=box)


def _shape(cases: Sequence[PanelCase]) -> float:
    """Return the height of the tallest image over its width."""
    return max(float(case.grey.shape[0] / case.grey.shape[1]) for case in cases)
