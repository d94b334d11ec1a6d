"""What waits for a person is counted once: on the screen, on the evidence page, in the lists."""

import csv
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from metrascope.cli import main
from metrascope.ingest.catalog import Catalog
from metrascope.ingest.ingest import ingest
from metrascope.ingest.journal import Record, Rejection
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.ingest.waiting import find_waiting
from metrascope.screen.settings import IngestSettings

CODES = Pseudonyms(b"s" * 32)


def image(name: str, patient: str, check: str = "clean") -> dict[str, str]:
    return {"image": name, "patient_id": patient, "text_check": check}


def test_each_file_and_image_waits_for_one_thing() -> None:
    kept = (image("I1", "P1"), image("I2", "P1", "masked"), image("I3", "P2"), image("I4", "P3"))
    twice = Rejection("ingest.copy_of_other")
    records = (
        Record("a", "1", sha256="a", images=kept[:2]),
        Record("b", "1", sha256="b", images=kept[2:3]),
        Record("c", "1", sha256="c", images=kept[3:], rejections=(twice, twice)),
        Record("d", "1", sha256="d", rejections=(Rejection("labels.conflict"),)),
        Record("e", "1", sha256="e", rejections=(Rejection("ingest.still_reads", {}, 0),)),
        Record("f", "1", sha256="f", rejections=(Rejection("labels.no_row"),)),
    )
    rejections = tuple((record, why) for record in records for why in record.rejections)
    catalog = Catalog(kept, rejections, records, two_numbers=frozenset({"P2"}))
    waiting = find_waiting(catalog, 5, CODES)
    assert dict(waiting.disputed) == {
        CODES.source("b"): Rejection("labels.two_numbers"),
        CODES.source("c"): twice,  # a file with two such images waits once
        CODES.source("d"): Rejection("labels.conflict"),
    }
    assert {code for code, _ in waiting.to_view} == {"I2", CODES.source("e")}
    assert waiting.count == 5 + 3 + 2
    assert [one.values["count"] for one in waiting.sentences] == [10, 5, 3, 2]
    assert [code for code, _ in waiting.disputed] == sorted(code for code, _ in waiting.disputed)


def test_nothing_is_said_where_nothing_waits() -> None:
    assert find_waiting(Catalog((), (), ()), 0, CODES).sentences == []


def test_screen_page_and_lists_have_one_number(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows, columns = np.mgrid[:360, :400]
    reach = np.hypot(rows + 60.0, columns - 200.0)
    inside = (reach > 110) & (reach < 400) & (np.abs(columns - 200) < 0.7 * (rows + 60))
    (tmp_path / "ward").mkdir()
    table = [
        "检查号,病理诊断,宫腔镜诊断",
        "US9000,子宫内膜息肉,",
        "US9001,息肉待查,",
        "US9002,正常,息肉",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(table), encoding="utf-8")
    for seed, name in enumerate(("US9000", "US9001", "US9001 b", "US9002", "US9000 US9001")):
        noise = np.random.default_rng(seed).rayleigh(60, reach.shape)
        speckle = cv2.GaussianBlur(noise, (0, 0), 1.2)
        picture = np.where(inside, speckle, 0).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"ward/{name}.png"), picture)
    words = ["ingest", "ward", "data", "--labels", "labels.csv"]
    paths = [str(tmp_path / word) if word in ("ward", "data", "labels.csv") else word
             for word in words]  # fmt: skip
    assert main([*paths, "--no-verify", "--jobs", "1", "--lang", "en"]) == 0
    screen = capsys.readouterr().out
    # Two of a diagnosis without a class and one whose columns differ; one that fits two rows.
    assert "For a person, 4 in all" in screen
    assert "3 files wait for a class" in screen
    assert "1 file: whose it is" in screen
    page = (tmp_path / "data/evidence.html").read_text("utf-8")
    assert re.search(r"<b>4</b><span>.{0,80}for a person", page)
    done = ingest(
        tmp_path / "ward", tmp_path / "data", tmp_path / "labels.csv", IngestSettings(verify=False)
    )
    with (done.private / "diagnoses.csv").open(encoding="utf-8-sig", newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["status"] == "undecided"]
    assert sum(int(row["files"]) for row in listed) == done.waiting.undecided == 3
