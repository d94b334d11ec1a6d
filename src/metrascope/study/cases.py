"""Pictures of the images that a report shows, kept with the study."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pandas as pd
from PIL import Image

from metrascope.dataset.image import read_picture
from metrascope.dataset.manifest import Manifest
from metrascope.dataset.preprocess import seen_box
from metrascope.files.atomic import replacing
from metrascope.files.csv_file import write_frame
from metrascope.settings.study_settings import PreprocessingSettings

# Pixels of the longer side of a case's picture. Chosen.
_LONGEST: Final = 640
_COLUMNS: Final = ("image", "file", "mask_file", "left", "top", "right", "bottom")


def write_cases(
    manifest: Manifest, rows: Sequence[int], steps: PreprocessingSettings, study: Path
) -> None:
    """Write the scan sector of some images as PNG, and ``cases.csv``, which lists them.

    Parameters
    ----------
    manifest
        The images.
    rows
        Which of them.
    steps
        Tells whether images are cropped to the sector, and the part that a network sees:
        ``left, top, right, bottom`` in pixels of the written picture.
    study
        The study's folder; pictures go to ``cases/``, their longest side at most 640 pixels.
    """
    if (study / "cases.csv").is_file():
        return
    table = [_write_case(manifest, int(row), steps, study) for row in rows]
    content = pd.DataFrame(table, columns=list(_COLUMNS))
    write_frame(study / "cases.csv", content)


def _write_case(
    manifest: Manifest, row: int, steps: PreprocessingSettings, study: Path
) -> list[object]:
    picture = read_picture(manifest, row, sector_crop=steps.sector_crop)
    height, width = picture.grey.shape
    scale = min(1.0, _LONGEST / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    name = f"cases/{row + 2:05d}"
    _write_png(Image.fromarray(picture.grey), size, study / f"{name}.png")
    mask_name = ""
    if picture.lesion is not None:
        mask_name = f"{name}.mask.png"
        mask = Image.fromarray(picture.lesion.astype("uint8") * 255)
        _write_png(mask, size, study / mask_name)
    box = seen_box(size[1], size[0], steps.fit)
    image = manifest.table["image"].iat[row]
    return [image, f"{name}.png", mask_name, *(round(edge, 3) for edge in box)]


def _write_png(image: Image.Image, size: tuple[int, int], path: Path) -> None:
    resized = image.resize(size, Image.Resampling.BILINEAR)
    if path.name.endswith(".mask.png"):
        resized = resized.point(lambda level: 255 if level > 127 else 0)
    with replacing(path) as temporary:
        resized.save(temporary, format="PNG")
