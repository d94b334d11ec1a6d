"""Images that a model of the uterus must not read: other organs, photographs, pages, noise."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from metrascope.screen.coloring import in_color
from metrascope.screen.picture import decode_picture
from metrascope.screen.sector import find_sector

Pixels = npt.NDArray[np.uint8]
Named = tuple[str, str, Pixels]

WORDS = (
    *("uterus", "endometrium", "thickness", "mm", "ovary", "left", "right", "follicle", "volume"),
    *("normal", "findings", "report", "of", "the", "patient", "anteverted", "sagittal", "echo"),
    *(
        "子宫",
        "内膜",
        "厚度",
        "卵巢",
        "左侧",
        "卵泡",
        "正常",
        "检查",
        "报告",
        "患者",
        "矢状",
        "回声",
    ),
)
TYPEFACES = ("DejaVuSans", "DejaVuSerif", "LiberationSans-Regular", "NotoSansSC", "FreeSans")


def strangers(data: Path, photographs: list[Path], each: int, seed: int) -> Iterator[Named]:
    """Yield kind, name and pixels, grey or RGB.

    ``ovary_doppler`` are the images of ``mmotu`` with color in their sector, ``ovary`` the others.
    ``photo_in_fan`` and ``noise_in_fan`` wear the sector of a phantom: nothing before the network
    can tell them from ultrasound by their outline.

    Parameters
    ----------
    data
        Folder with ``busi`` and ``mmotu``.
    photographs
        Files, or folders of them.
    each
        Images of a kind at most.
    seed
        Of what is drawn.
    """
    rng = np.random.default_rng(seed)
    yield from _set(data / "busi", "breast", each)
    yield from _ovaries(data / "mmotu", each)
    photos = list(_photographs(photographs, rng))
    chosen = [
        photos[k] for k in np.linspace(0, len(photos) - 1, min(each, len(photos))).astype(int)
    ]
    for name, picture in chosen:
        yield "photograph", name, picture
        yield "photo_in_fan", name, _in_fan(_grey(picture), rng)
    for index in range(each):
        yield "page", f"page {index}", page(rng)
        noise = draw_noise(rng)
        yield "noise", f"noise {index}", noise
        yield "noise_in_fan", f"noise {index}", _in_fan(_grey(noise), rng)


def decode(path: Path) -> Pixels:
    """Return the pixels of a PNG or JPEG file."""
    return decode_picture(path.read_bytes())


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in (".png", ".jpg"))


def _set(folder: Path, kind: str, each: int) -> Iterator[Named]:
    paths = _files(folder / "images")
    for path in paths[:: max(1, len(paths) // each)][:each]:
        yield kind, path.name, decode(path)


def _ovaries(folder: Path, each: int) -> Iterator[Named]:
    counts = {"ovary": 0, "ovary_doppler": 0}
    paths = _files(folder / "images")
    for index in np.random.default_rng(0).permutation(len(paths)):
        picture = decode(paths[index])
        kind = "ovary_doppler" if _colored(picture) else "ovary"
        if counts[kind] < each:
            counts[kind] += 1
            yield kind, paths[index].name, picture
        if min(counts.values()) >= each:
            return


def _colored(picture: Pixels) -> bool:
    if picture.ndim == 2 or (np.ptp(picture, axis=2) > 60).mean() < 0.001:
        return False
    return in_color(picture, find_sector(_grey(picture)).mask) > 0.003


def _photographs(sources: list[Path], rng: np.random.Generator) -> Iterator[tuple[str, Pixels]]:
    """Yield each photograph whole, in grey, and two parts of it."""
    paths = [p for source in sources for p in (_files(source) if source.is_dir() else [source])]
    for path in paths:
        picture = decode(path)
        if min(picture.shape[:2]) < 160:
            continue
        yield path.name, picture
        yield f"{path.name} grey", _grey(picture)
        for number in range(2):
            height, width = (int(side * rng.uniform(0.5, 0.8)) for side in picture.shape[:2])
            top = int(rng.integers(picture.shape[0] - height))
            left = int(rng.integers(picture.shape[1] - width))
            part = picture[top : top + height, left : left + width]
            enlarged = cv2.resize(part, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_LINEAR)
            yield f"{path.name} part {number}", np.asarray(enlarged, dtype=np.uint8)


def page(rng: np.random.Generator) -> Pixels:
    """Return a page of text, dark on light or light on dark."""
    width, height = int(rng.integers(600, 1300)), int(rng.integers(500, 1000))
    paper, ink = (250, 10) if rng.random() < 0.5 else (8, 220)
    canvas = Image.new("L", (width, height), paper)
    draw, size = ImageDraw.Draw(canvas), int(rng.integers(14, 34))
    font = _typeface(rng, size)
    top = int(rng.integers(10, 60))
    while top < height - size:
        if rng.random() < 0.85:
            words = rng.choice(WORDS, int(rng.integers(2, 14)))
            draw.text((int(rng.integers(20, 80)), top), " ".join(words), fill=ink, font=font)
        top += int(size * rng.uniform(1.2, 1.8))
    if rng.random() < 0.4:
        for line in range(int(rng.integers(3, 8))):
            y = int(height * (line + 1) / 9)
            draw.line((20, y, width - 20, y), fill=(paper + ink) // 2)
    return np.asarray(canvas, dtype=np.uint8)


def _typeface(rng: np.random.Generator, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in rng.permutation(TYPEFACES):
        try:
            return ImageFont.truetype(f"{name}.ttf", size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def draw_noise(rng: np.random.Generator) -> Pixels:
    """Return noise: white, smoothed or speckle, grey or in color."""
    height, width = int(rng.integers(300, 900)), int(rng.integers(300, 1200))
    shape = (height, width, 3) if rng.random() < 0.3 else (height, width)
    values = rng.normal(size=shape)
    kind = rng.integers(4)
    if kind == 1:
        values = cv2.GaussianBlur(values, (0, 0), float(rng.uniform(1, 12)))
    elif kind == 2:
        values = np.hypot(values, rng.normal(size=shape))
    elif kind == 3:
        values = rng.exponential(size=shape)
    low, high = np.percentile(values, (1, 99))
    return np.asarray(np.clip((values - low) / (high - low), 0, 1) * 255, dtype=np.uint8)


def _in_fan(grey: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a picture seen through a transvaginal probe's fan, black around."""
    side = 640
    fitted = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
    rows, columns = np.mgrid[:side, :side]
    apex, half = rng.uniform(10, 60), rng.uniform(50, 75)
    radius = np.hypot(rows + apex, columns - side / 2)
    angle = np.degrees(np.arctan2(columns - side / 2, rows + apex))
    inside = (radius > apex + 40) & (radius < side + apex - 20) & (np.abs(angle) < half)
    screen = np.zeros((side + 120, side + 300), np.uint8)
    screen[60 : 60 + side, 150 : 150 + side] = np.where(inside, fitted, 0)
    return screen


def _grey(picture: Pixels) -> Pixels:
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
