"""What an ingest says of a second month: added, gone, and a table that is of other examinations."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.errors import DataError
from metrascope.ingest.ingest import Ingested, ingest
from metrascope.screen.settings import IngestSettings

QUICK = IngestSettings(verify=False)


def screen(seed: int) -> np.ndarray:
    rows, columns = np.mgrid[:360, :400]
    reach = np.hypot(rows + 60.0, columns - 200.0)
    inside = (reach > 110) & (reach < 400) & (np.abs(columns - 200) < 0.7 * (rows + 60))
    speckle = cv2.GaussianBlur(np.random.default_rng(seed).rayleigh(60, reach.shape), (0, 0), 1.2)
    return np.where(inside, speckle, 0).astype(np.uint8)


class Months:
    """Two months of a ward, each with a folder and a table of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "data"
        for month, numbers in {"january": (1, 2, 3), "february": (4, 5)}.items():
            (folder / month).mkdir()
            for number in numbers:
                name = str(folder / month / f"IM_P100{number}.png")
                cv2.imwrite(name, screen(number))
            rows = "".join(f"P100{n},{'polyp' if n % 2 else 'normal'}\n" for n in numbers)
            (folder / f"{month}.csv").write_text(f"patient_id,label\n{rows}", encoding="utf-8")

    def ingest(self, month: str, table: str = "") -> Ingested:
        labels = self.folder / f"{table or month}.csv"
        return ingest(self.folder / month, self.out, labels, QUICK)

    def command(self, month: str, table: str = "") -> int:
        labels = self.folder / f"{table or month}.csv"
        words = ["ingest", self.folder / month, self.out, "--labels", labels, "--no-verify"]
        return main([*map(str, words), "--jobs", "1", "--lang", "en"])


@pytest.fixture
def months(tmp_path: Path) -> Months:
    return Months(tmp_path)


def counts(done: Ingested) -> tuple[int, int, int]:
    return done.changes.before, done.changes.added, done.changes.gone


def test_each_run_says_what_was_there_what_came_and_what_went(months: Months) -> None:
    assert counts(months.ingest("january")) == (0, 3, 0)
    assert counts(months.ingest("january")) == (3, 0, 0)
    assert counts(months.ingest("february")) == (3, 2, 0)
    table = months.folder / "february.csv"
    table.write_text("patient_id,label\nP1004,normal\n", encoding="utf-8")
    done = months.ingest("february")
    assert counts(done) == (5, 0, 1)
    assert len(read_manifest(months.out).table) == 4
    # An image taken out by hand is gone, whatever put it there.
    path = months.out / "manifest.csv"
    first, *lines = path.read_text("utf-8-sig").splitlines(keepends=True)
    path.write_text("".join([first, *lines[1:]]), encoding="utf-8-sig")
    assert counts(months.ingest("february")) == (4, 0, 1)


def test_a_table_of_other_examinations_is_no_success(
    months: Months, capsys: pytest.CaptureFixture[str]
) -> None:
    assert months.command("january") == 0
    before = {path: path.read_bytes() for path in months.out.rglob("*.png")}
    capsys.readouterr()
    for _ in range(2):  # as a run that was killed before it could say so, and the next one
        assert months.command("february", "january") == 1
        printed, said = capsys.readouterr()
        sentence = said.strip().splitlines()[-1]
        assert "None of the 2 image files" in sentence
        assert "january.csv" in sentence
        assert "patient number = patient_id" in sentence
        assert "--column accession=NAME" in sentence
        assert "3 before this run, 0 added, 0 gone" in printed
    assert {path: path.read_bytes() for path in before} == before
    assert len(read_manifest(months.out).table) == 3
    assert months.command("february") == 0
    assert len(read_manifest(months.out).table) == 5


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_column_of_remarks_adds_no_class_to_a_data_set(
    months: Months, lang: str, capsys: pytest.CaptureFixture[str]
) -> None:
    months.ingest("january")
    before = (months.out / "manifest.csv").read_bytes()
    table = months.folder / "february.csv"
    rows = "patient_id,label,remark\nP1004,normal,seen again\nP1005,polyp,seen again\n"
    table.write_text(rows, encoding="utf-8")
    words = ["ingest", months.folder / "february", months.out, "--labels", table, "--no-verify"]
    words = [*map(str, words), "--jobs", "1", "--lang", lang]
    assert main([*words, "--column", "label=remark"]) == 1
    told = capsys.readouterr().err
    assert "remark" in told
    assert "seen again" in told
    assert "--column label=" in told
    assert (months.out / "manifest.csv").read_bytes() == before
    assert main([*words, "--column", "label=label"]) == 0
    assert len(read_manifest(months.out).table) == 5


def test_a_rerun_with_nothing_new_is_a_success(months: Months) -> None:
    months.command("january")
    months.command("february")
    for month in ("january", "february"):
        assert months.command(month) == 0
        assert months.ingest(month).failure is None


def test_a_first_month_with_the_wrong_table_names_its_columns(months: Months) -> None:
    path = months.folder / "january.csv"
    path.write_text("serial,patient_id,label\nP1001,17,polyp\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        months.ingest("january")
    assert error.value.key == "ingest.none_matched"
    assert "columns not used: serial" in str(error.value)


def test_new_files_that_give_no_image_are_told_with_the_reason(months: Months) -> None:
    months.ingest("january")
    path = months.folder / "february.csv"
    path.write_text("patient_id,label\nP1004,息肉待查\nP1005,息肉待查\n", encoding="utf-8")
    done = months.ingest("february")
    (notice,) = [notice for notice in done.notices if notice.code == "none_added"]
    assert (notice.values["new"], notice.values["count"]) == (2, 2)
    assert done.failure is None
    assert "none_added" not in [notice.code for notice in months.ingest("february").notices]


def test_a_folder_without_images_is_no_success(months: Months) -> None:
    months.ingest("january")
    (months.folder / "april").mkdir()
    (months.folder / "april" / "notes.txt").write_text("nothing", encoding="utf-8")
    done = months.ingest("april", "january")
    assert done.failure is not None
    assert done.failure.key == "ingest.none_readable"
    assert counts(done) == (3, 0, 0)


def test_left_out_files_and_stills_are_counted_apart_and_of_this_folder_alone(
    months: Months,
) -> None:
    months.ingest("january")
    blank = np.zeros((360, 400), np.uint8)
    cv2.imwrite(str(months.folder / "february/IM_P1004.png"), blank)
    (months.folder / "february.csv").write_text("patient_id,label\nP1004,normal\n", "utf-8")
    done = months.ingest("february")
    units = {still: n for (_, still), n in done.changes.left_out.items()}
    assert units == {True: 1, False: 1}  # the blank still, the file without a row
    assert months.ingest("january").changes.left_out == {}


def test_a_small_month_with_another_months_table_loses_nothing(months: Months) -> None:
    """Two images are few, but a table that knows no file of their folder is no corrected one."""
    months.ingest("february")
    before = {path: path.read_bytes() for path in months.out.rglob("*") if path.is_file()}
    with pytest.raises(DataError) as error:
        months.ingest("february", "january")
    assert error.value.key == "earlier.other_table"
    assert {path: path.read_bytes() for path in before} == before
    # A corrected table, in which one of the two is known, takes the other out.
    (months.folder / "february.csv").write_text("patient_id,label\nP1005,polyp\n", "utf-8")
    assert len(months.ingest("february").catalog.images) == 1
