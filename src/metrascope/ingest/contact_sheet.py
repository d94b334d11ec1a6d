"""Contact sheet: some images of each scanner before and after, as small pictures for a page."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from metrascope.arrays import Pixels
from metrascope.errors import DataError
from metrascope.ingest.catalog import Catalog
from metrascope.ingest.journal import Key
from metrascope.pages import data_address
from metrascope.screen.exam import open_exam, open_header
from metrascope.sources.search import Source

# Width of a picture, and side of the blocks in which removed pixels are shown, pixels of the
# screen; colors of removed and of empty pixels; level up to which a pixel is empty. By eye.
_WIDTH: Final = 420
_BLOCK: Final = 24
_REMOVED: Final = (214, 138, 0)
_CANVAS: Final = (24, 28, 34)
_DARK: Final = 24
_HELD_BACK: Final = ("ingest.still_reads", "ingest.still_repeats")
# Small enough for a page of hundreds. Chosen, not measured.
_JPEG: Final = (cv2.IMWRITE_JPEG_QUALITY, 82)


@dataclass(frozen=True)
class BeforeAfter:
    """One image before and after.

    Attributes
    ----------
    image
        Its name in the manifest.
    scanner
        Maker and model, ``""`` where unknown.
    before
        Data URI of the whole screen as it was: shows what identifies the patient.
    removed
        Data URI of the same screen with what was kept, and a block wherever anything else stood:
        nothing of it can be read.
    after
        Data URI of the image in the data set.
    """

    image: str
    scanner: str
    before: str
    removed: str
    after: str


def contact_sheet(
    catalog: Catalog, out: Path, sources: Mapping[Key, Source], each: int = 4
) -> tuple[BeforeAfter, ...]:
    """Return up to ``each`` pairs of every scanner, spread over its images.

    Parameters
    ----------
    catalog
        What was kept.
    out
        The data set.
    sources
        By `Record.place`. Images whose original is no longer there are passed over.
    each
        Pairs of one scanner.
    """
    by_scanner: dict[str, list[Mapping[str, Any]]] = {}
    owner = {
        image["image"]: sources[record.place]
        for record in catalog.records
        if record.place in sources
        for image in record.images
    }
    for image in catalog.images:
        if image["image"] in owner:
            by_scanner.setdefault(image["scanner"], []).append(image)
    pairs = []
    for _, found in sorted(by_scanner.items()):
        places = np.linspace(0, len(found) - 1, min(each, len(found))).astype(int)
        chosen = [found[place] for place in dict.fromkeys(places.tolist())]
        pairs += [_pair(owner[image["image"]], image, out) for image in chosen]
    return tuple(pair for pair in pairs if pair is not None)


def held_back(
    catalog: Catalog, sources: Mapping[Key, Source], most: int = 24
) -> tuple[tuple[str, str], ...]:
    """Return file and whole screen of what text recognition held back, for the private page.

    Parameters
    ----------
    catalog
        What became of every file.
    sources
        By `Record.place`.
    most
        Screens at most; all are in ``links.csv``.

    Returns
    -------
    The file's name, with the frame's number where it has several, and a data URI.
    """
    shown: list[tuple[str, str]] = []
    for record, rejection in catalog.rejections:
        if rejection.reason not in _HELD_BACK or record.place not in sources:
            continue
        if len(shown) == most:
            break
        frame = rejection.frame or 0
        screen = _screen(sources[record.place], frame)
        name = f"{record.source} ({frame + 1})" if record.frames > 1 else record.source
        if screen is not None:
            shown.append((name, _uri(screen)))
    return tuple(shown)


def _pair(source: Source, image: Mapping[str, Any], out: Path) -> BeforeAfter | None:
    after = cv2.imread(str(out / image["image"]), cv2.IMREAD_GRAYSCALE)
    sector = cv2.imread(str(out / image["sector"]), cv2.IMREAD_GRAYSCALE)
    screen = _screen(source, int(image["frame"] or 1) - 1)
    if after is None or sector is None or screen is None:
        return None
    left, top = image["origin"]
    view = _removed(screen, np.asarray(after), np.asarray(sector) > 0, left, top)
    return BeforeAfter(
        image["image"],
        image["scanner"],
        _uri(screen),
        _uri(view),
        _uri(cv2.cvtColor(np.asarray(after), cv2.COLOR_GRAY2RGB)),
    )


def _screen(source: Source, frame: int) -> Pixels | None:
    try:
        content = source.read()
        screen = open_exam(content, open_header(content)).cine.frame(frame)
    # It was readable a moment ago: someone is moving files about, or memory has become short.
    except (DataError, MemoryError):
        return None
    return screen if screen.ndim == 3 else np.asarray(cv2.cvtColor(screen, cv2.COLOR_GRAY2RGB))


def _removed(
    screen: Pixels, after: Pixels, sector: npt.NDArray[np.bool_], left: int, top: int
) -> Pixels:
    """Draw what was kept, and whole blocks, all of one color, where anything else was bright."""
    view = np.full(screen.shape, _CANVAS, np.uint8)
    height, width = after.shape
    part = (slice(top, top + height), slice(left, left + width))
    gone = screen.max(axis=2) > _DARK
    gone[part] &= ~sector
    rows, columns = -(-screen.shape[0] // _BLOCK), -(-screen.shape[1] // _BLOCK)
    padded = np.zeros((rows * _BLOCK, columns * _BLOCK), bool)
    padded[: gone.shape[0], : gone.shape[1]] = gone
    coarse = padded.reshape(rows, _BLOCK, columns, _BLOCK).any(axis=(1, 3))
    blocks = np.kron(coarse, np.ones((_BLOCK, _BLOCK), bool))[: gone.shape[0], : gone.shape[1]]
    view[blocks] = _REMOVED
    view[part][sector] = after[sector][:, None]
    return view


def _uri(picture: npt.NDArray[Any]) -> str:
    height, width = picture.shape[:2]
    size = (_WIDTH, max(1, round(height * _WIDTH / width)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    done, buffer = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), _JPEG)
    if not done:
        raise ValueError("OpenCV could not encode a JPEG")
    return data_address(buffer.tobytes(), "jpeg")
