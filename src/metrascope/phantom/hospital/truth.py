"""The truth beside an export: one line per file, masks of sectors and of identifying letters."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from metrascope.arrays import Mask
from metrascope.files.atomic import write_bytes
from metrascope.files.png_file import encode_png
from metrascope.phantom.hospital.planted import Planted
from metrascope.phantom.hospital.shot import PlantedMark, ScreenRegion, Screenshot


def truth_of_shot(shot: Screenshot, name: str, truth: Path) -> dict[str, Any]:
    """Return what the truth says of a screen; its masks are written below ``truth``.

    Parameters
    ----------
    shot
        The screen as it was exported.
    name
        Name of the masks, without extension.
    truth
        Folder of the truth.
    """
    row: dict[str, Any] = {
        "kind": shot.kind,
        "usable": shot.usable,
        "reason": "" if shot.usable else shot.kind,
        "height": shot.image.shape[0],
        "width": shot.image.shape[1],
        "sector": "",
        "sector_kind": shot.sector_kind,
        "box": None,
        "mm_per_pixel": round(shot.mm_per_pixel, 6),
        "glyphs": "",
        "marks": [asdict(mark) for mark in shot.marks],
    }
    for key, mask in (("sector", shot.sector), ("glyphs", shot.glyphs), ("ink", shot.ink)):
        row[key] = f"truth/{key}/{name}.png" if mask.any() else ""
        if mask.any():
            write_bytes(truth / key / f"{name}.png", encode_png(mask.astype(np.uint8) * 255))
    if shot.sector.any():
        row["box"] = list(cv2.boundingRect(shot.sector.astype(np.uint8)))
    return row


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write the truth, one JSON object a line."""
    lines = (json.dumps(row, ensure_ascii=False, default=asdict) for row in rows)
    write_bytes(path, ("\n".join(lines) + "\n").encode())


def read_truth(out: Path) -> list[dict[str, Any]]:
    """Read the truth of an export; planted texts come as `Planted`."""
    rows = []
    for line in (out / "truth" / "truth.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row["planted"] = [Planted(**note) for note in row["planted"]]
        rows.append(row)
    return rows


def shrink(shot: Screenshot, height: int) -> Screenshot:
    """Return a screen resized to a height, with all its truth; for small test exports."""
    scale = height / shot.image.shape[0]
    size = (round(shot.image.shape[1] * scale) // 2 * 2, height)

    def mask(flags: Mask) -> Mask:
        small = cv2.resize(flags.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        return np.asarray(small > 0, np.bool_)

    return replace(
        shot,
        image=np.asarray(cv2.resize(shot.image, size, interpolation=cv2.INTER_AREA), np.uint8),
        clean=np.asarray(cv2.resize(shot.clean, size, interpolation=cv2.INTER_AREA), np.uint8),
        sector=mask(shot.sector),
        lesion=None if shot.lesion is None else mask(shot.lesion),
        glyphs=mask(shot.glyphs),
        ink=mask(shot.ink),
        mm_per_pixel=shot.mm_per_pixel / scale,
        marks=tuple(_scaled_mark(mark, scale) for mark in shot.marks),
        regions=tuple(_scaled_region(region, scale) for region in shot.regions),
    )


def _scaled_mark(mark: PlantedMark, scale: float) -> PlantedMark:
    left, top, width, height = (side * scale for side in mark.box)
    box = (int(left), int(top), int(np.ceil(width)) + 1, int(np.ceil(height)) + 1)
    return replace(mark, box=box)


def _scaled_region(region: ScreenRegion, scale: float) -> ScreenRegion:
    left, top, width, height = (round(side * scale) for side in region.box)
    lengths = region.mm_per_pixel
    size = None if lengths is None else (lengths[0] / scale, lengths[1] / scale)
    return replace(region, box=(left, top, width, height), mm_per_pixel=size)
