"""The evidence page shows what was removed and nothing of it; the private page shows originals."""

import base64
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from metrascope.ingest.catalog import Catalog
from metrascope.ingest.evidence import write_evidence
from metrascope.ingest.in_force import InForce
from metrascope.ingest.journal import MARK_BOXES, Record, Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.ingest.waiting import find_waiting
from metrascope.labels.column_uses import ColumnUse
from metrascope.screen.settings import IngestSettings
from metrascope.sources.search import Source

SIZE = (300, 400)
BOX = (100, 80, 200, 180)  # left, top, width, height of the kept part


@pytest.fixture
def pages(tmp_path: Path) -> tuple[str, str]:
    """Return the evidence page and the private page of one kept image and one held back."""
    rng = np.random.default_rng(0)
    left, top, width, height = BOX
    screen = np.zeros((*SIZE, 3), np.uint8)
    cv2.putText(screen, "ZHANG WEI 1970", (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255,) * 3, 2)
    echo = rng.integers(60, 200, (height, width), dtype=np.uint8)
    screen[top : top + height, left : left + width] = echo[..., None]
    out, private = tmp_path / "data", tmp_path / "links"
    for folder in (out / "images", out / "sectors", private):
        folder.mkdir(parents=True)
    sources = {}
    for name in ("kept.png", "held.png"):
        cv2.imwrite(str(tmp_path / name), screen)
        sources["", name, "1"] = Source(tmp_path / name, name, "png", 1, "1")
    cv2.imwrite(str(out / "images/I1.png"), echo)
    cv2.imwrite(str(out / "sectors/I1.png"), np.full_like(echo, 255))
    (out / "manifest.csv").write_text("image\n", encoding="utf-8")
    (out / "rejects.csv").write_text("source\n", encoding="utf-8")
    image: dict[str, Any] = {
        "image": "images/I1.png", "sector": "sectors/I1.png", "scanner": "Maker M1", "frame": "",
        "origin": (left, top), "label": "polyp", "patient_id": "P1", "patient_group": "P1",
        "marks": "caliper:2 text:1", "text_check": "clean", MARK_BOXES: [],
    }  # fmt: skip
    kept = Record("kept.png", "1", "picture", "aa", images=(image,), frames=1)
    reason = Rejection("ingest.still_reads", {"lines": 2}, 0)
    held = Record("held.png", "1", "picture", "bb", rejections=(reason,), frames=1)
    catalog = Catalog((image,), ((held, reason),), (kept, held))
    force = InForce(
        (
            ColumnUse("A", "检查号", "accession"),
            ColumnUse("B", "病理诊断", "label"),
            ColumnUse("C", "宫腔镜诊断", "compared"),
            ColumnUse("D", "王丽备注", "unused"),
        ),
        contradicting=4,
        diagnoses={"decided": (2, 9), "offered": (1, 5)},
        cells={"image": 3, "label": 7},
        hashes={"diagnoses.csv": "cafe"},
    )
    waiting = find_waiting(catalog, 2, Pseudonyms(b"s" * 32))
    page = write_evidence(catalog, out, private, sources, 3, force, waiting, IngestSettings(), "en")
    return page.read_text("utf-8"), (private / "review.html").read_text("utf-8")


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", page)
    codes = (np.frombuffer(base64.b64decode(code), np.uint8) for code in found)
    return [np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1]) for code in codes]


def test_where_something_was_removed_the_page_has_blocks_of_one_color(
    pages: tuple[str, str],
) -> None:
    removed, after = pictures(pages[0])
    scale = removed.shape[1] / SIZE[1]
    top = removed[: int(70 * scale)].astype(int)
    orange = np.abs(top - (214, 138, 0)).sum(axis=2) < 60
    dark = np.abs(top - (24, 28, 34)).sum(axis=2) < 60
    assert orange.any()
    # Nothing else but blocks and ground, and what JPEG leaves at their edges.
    assert (orange | dark).mean() > 0.9
    assert abs(after.shape[1] / after.shape[0] - BOX[2] / BOX[3]) < 0.02


def test_the_private_page_shows_originals_and_what_was_held_back(pages: tuple[str, str]) -> None:
    before, _, held = pictures(pages[1])
    for screen in (before, held):
        assert (screen[: int(70 * screen.shape[1] / SIZE[1])] > 200).any()
    assert "held.png" in pages[1]
    assert "held.png" not in pages[0]
    assert "kept.png" not in pages[0]


def test_both_say_what_they_are_in_both_languages(pages: tuple[str, str]) -> None:
    for page in pages:
        assert "Research use only" in page
        assert "仅供研究使用" in page
    assert "must not leave the hospital" in pages[1]
    assert "must not leave the hospital" not in pages[0]


def test_columns_and_decisions_in_force_are_shown(pages: tuple[str, str]) -> None:
    page = pages[0].partition('<section id="decisions"')[2].partition("</section>")[0]
    words = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    for expected in (
        "B 病理诊断 diagnosis 诊断",
        "C 宫腔镜诊断 only compared",
        "D (name in columns.csv) （列名见 columns.csv） not used 未使用",
        "contradict each other: 4",
        "decided 已由您决定 2 9",
        "rows taken out or added: 3",
        "cells of the column label: 7",
        "no audit has been run",
        "尚未审核",
        "SHA-256 diagnoses.csv cafe",
    ):
        assert expected in words


def test_the_name_of_a_column_that_nobody_recognized_stays_private(pages: tuple[str, str]) -> None:
    assert "王丽备注" not in pages[0]
    assert "王丽备注" in pages[1]
