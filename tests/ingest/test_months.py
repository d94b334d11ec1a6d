"""Two months of exports, corrected by hand in between, audited, ingested again: nothing is lost."""

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from metrascope.audit.audit import audit
from metrascope.cli import main
from metrascope.dataset.manifest import read_manifest
from metrascope.errors import DataError
from metrascope.ingest.ingest import Ingested, ingest
from metrascope.screen.settings import IngestSettings

QUICK = IngestSettings(verify=False)


def screen(seed: int) -> np.ndarray:
    """Return a fan of speckle: each seed is a place of its own."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:360, :400]
    reach = np.hypot(rows + 60.0, columns - 200.0)
    inside = (reach > 110) & (reach < 400) & (np.abs(columns - 200) < 0.7 * (rows + 60))
    speckle = cv2.GaussianBlur(rng.rayleigh(60, reach.shape), (0, 0), 1.2)
    return np.where(inside, speckle, 0).astype(np.uint8)


class Ward:
    """Exports, a table of labels, and the data set made of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "data"
        months = {"january": (1, 2, 3, 4), "february": (5, 6)}
        for month, seeds in months.items():
            (folder / month).mkdir()
            for number, seed in enumerate(seeds):
                # Names repeat; the patient's number is in them.
                name = f"IM_{number}_P{1000 + seed}.png"
                cv2.imwrite(str(folder / month / name), screen(seed))
        # The same place of one uterus, exported under another number.
        again = cv2.convertScaleAbs(screen(1), alpha=0.8, beta=0)
        cv2.imwrite(str(folder / "january/IM_9_P1009.png"), again)
        labels = "\n".join(
            f"P{1000 + n},{'polyp' if n % 2 else 'normal'}" for n in (*range(1, 7), 9)
        )
        (folder / "labels.csv").write_text(f"patient_id,label\n{labels}\n", encoding="utf-8")

    def ingest(self, month: str) -> Ingested:
        return ingest(self.folder / month, self.out, self.folder / "labels.csv", QUICK)

    @property
    def table(self) -> pd.DataFrame:
        return read_manifest(self.out).table.set_index("image")


def keys(done: Ingested) -> set[str]:
    diagnoses = {"columns_used"}
    return {notice.code for notice in done.notices} - diagnoses


def test_labels_groups_and_images_are_as_the_person_left_them(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    done = ward.ingest("january")
    assert len(ward.table) == 5
    assert keys(done) == {"audit_none"}

    # Corrected in a spreadsheet: a label, an image out, a mask of her own, notes.
    path = ward.out / "manifest.csv"
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    links = pd.read_csv(done.private / "links.csv", encoding="utf-8-sig").set_index("file")["image"]
    files = ("IM_1_P1002.png", "IM_2_P1003.png", "IM_3_P1004.png")
    corrected, dropped, drawn = links[list(files)]
    sheet = sheet.set_index("image", drop=False)
    sheet.loc[corrected, "label"] = "fibroid"
    (ward.out / "masks").mkdir()
    for mask in (ward.out / "masks/one.png", ward.out / "images/Inspection.png"):
        cv2.imwrite(str(mask), np.full((9, 9), 255, np.uint8))
    sheet["mask"] = ""
    sheet.loc[drawn, "mask"] = "masks/one.png"
    sheet.drop(index=dropped).to_csv(path, index=False, encoding="gb18030", lineterminator="\r\n")

    done = ward.ingest("february")
    assert {"fresh", "taken_out", "files_stay"} <= keys(done)
    table = ward.table
    assert len(table) == 6
    assert table["label"][corrected] == "fibroid"
    assert table["mask"][drawn] == "masks/one.png"
    assert dropped not in table.index

    audit(ward.out, ward.out / "audit", write=True)
    before = ward.table
    assert before["patient_id"].nunique() == 6
    assert before["patient_group"].nunique() == 5

    for month in ("january", "february", "january"):
        done = ward.ingest(month)
        pd.testing.assert_frame_equal(ward.table, before, check_like=True)
        assert not keys(done) & {"audit_due", "audit_none", "fresh", "left", "missing"}
        assert not done.missing
    assert (ward.out / "images/Inspection.png").exists()
    assert not (ward.out / dropped).exists()  # its original is here: it could be made again
    assert all((ward.out / name).is_file() for name in before.index)


def test_the_same_bytes_whatever_is_run_again(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    ward.ingest("january")
    ward.ingest("february")

    def contents() -> dict[str, bytes]:
        files = (path for path in ward.out.rglob("*") if path.suffix in (".png", ".csv"))
        return {path.name: path.read_bytes() for path in files}

    once = contents()
    (tmp_path / "january").rename(tmp_path / "stick")
    done = ward.ingest("stick")
    assert keys(done) == {"audit_none"}
    assert {k: v for k, v in contents().items() if k != "rejects.csv"} == {
        k: v for k, v in once.items() if k != "rejects.csv"
    }


def test_what_is_missing_at_the_end_is_said_and_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ward = Ward(tmp_path)
    ward.ingest("january")
    lost = ward.out / ward.table.index[0]
    lost.unlink()
    command = ["ingest", str(tmp_path / "february"), str(ward.out), "--no-verify", "--jobs", "1"]
    command += ["--labels", str(tmp_path / "labels.csv")]
    assert main(command) == 1
    assert lost.name in capsys.readouterr().out
    command[1] = str(tmp_path / "january")
    assert main(command) == 0  # made again
    assert lost.exists()


def decide(done: Ingested, **decisions: str) -> None:
    path = done.private / "diagnoses.csv"
    sheet = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    sheet["decision"] = [decisions.get(text, "") for text in sheet["diagnosis"]]
    sheet.to_csv(path, index=False, encoding="utf-8-sig")


def test_a_decision_about_an_earlier_month_can_be_taken_back(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    done = ward.ingest("january")
    before = ward.table
    decide(done, polyp="leave out")
    done = ward.ingest("february")
    assert set(ward.table["label"]) == {"normal"}
    assert "files_stay" in keys(done)  # january is not at hand: its images could not be made again
    decide(done)
    done = ward.ingest("february")
    assert not done.missing
    pd.testing.assert_frame_equal(ward.table.loc[before.index], before, check_like=True)
    assert all((ward.out / name).is_file() for name in ward.table.index)
    decide(done, polyp="normal")
    ward.ingest("february")
    assert set(ward.table["label"]) == {"normal"}
    decide(done)
    ward.ingest("february")
    assert ward.table["label"].value_counts().to_dict() == {"polyp": 4, "normal": 3}


def test_a_name_that_was_blackened_by_hand_does_not_come_back(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    ward.ingest("january")
    name = ward.table.index[0]
    picture = cv2.imread(str(ward.out / name), cv2.IMREAD_GRAYSCALE)
    picture[40:60, 40:80] = 0
    cv2.imwrite(str(ward.out / name), picture)
    blackened = (ward.out / name).read_bytes()
    for month in ("january", "february", "january"):
        done = ward.ingest(month)
        assert (ward.out / name).read_bytes() == blackened
        (notice,) = [notice for notice in done.notices if notice.code == "retouched"]
        assert notice.values["first"] == name
        assert ward.table["sha256"][name] == hashlib.sha256(blackened).hexdigest()
        assert not done.missing
    (ward.out / name).unlink()
    assert not keys(ward.ingest("january")) & {"retouched", "changed", "missing"}
    assert (ward.out / name).read_bytes() != blackened


def test_last_months_folder_with_this_months_table_changes_nothing(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    ward.ingest("january")
    before = {path: path.read_bytes() for path in ward.out.rglob("*") if path.is_file()}
    labels = tmp_path / "labels.csv"
    whole = labels.read_text(encoding="utf-8")
    labels.write_text("patient_id,label\nP1005,polyp\nP1006,normal\n", encoding="utf-8")
    with pytest.raises(DataError) as error:
        ward.ingest("january")
    assert "5 of the 5 images" in str(error.value)
    assert {path: path.read_bytes() for path in before} == before
    # One patient less is a table that was corrected.
    labels.write_text(whole.replace("P1009,polyp\n", "").replace("P1009,polyp", ""), "utf-8")
    assert len(ward.ingest("january").catalog.images) == 4
    labels.write_text(whole, encoding="utf-8")
    ward.ingest("january")
    assert {path: path.read_bytes() for path in before if path.suffix == ".png"} == {
        path: content for path, content in before.items() if path.suffix == ".png"
    }


def test_a_decision_that_is_no_class_is_refused_in_every_month(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    labels = tmp_path / "labels.csv"
    whole = labels.read_text(encoding="utf-8")
    labels.write_text(whole.replace("P1002,normal", "P1002,术后改变"), encoding="utf-8")
    done = ward.ingest("january")
    path = done.private / "diagnoses.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table.loc[table["diagnosis"] == "术后改变", "decision"] = "术后"
    table.to_csv(path, index=False, encoding="utf-8-sig")
    labels.write_text("patient_id,label\nP1005,polyp\nP1006,normal\n", encoding="utf-8")
    with pytest.raises(DataError, match="术后"):
        ward.ingest("february")


def test_what_a_decision_takes_in_later_is_said(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    labels = tmp_path / "labels.csv"
    months = {
        "P1001,子宫肌瘤\nP1002,子宫肌瘤\nP1003,息肉待查\nP1004,息肉\nP1009,息肉\n",
        "P1005,子宫肌瘤。\nP1006,息肉待查\n",
    }
    first, second = (f"patient_id,label\n{month}" for month in sorted(months, key=len)[::-1])
    labels.write_text(first, encoding="utf-8")
    done = ward.ingest("january")
    decide(done, 子宫肌瘤="黏膜下肌瘤", 息肉待查="leave out")
    done = ward.ingest("january")  # the person decided for these two, and knows it
    assert "carried" not in keys(done)

    labels.write_text(second, encoding="utf-8")
    done = ward.ingest("february")
    assert set(ward.table["label"]) == {"fibroid", "polyp"}
    (notice,) = [notice for notice in done.notices if notice.code == "carried"]
    assert (notice.values["images"], notice.values["patients"], notice.values["files"]) == (1, 1, 1)
    said = "“子宫肌瘤” as fibroid (1 patient, 1 image), “息肉待查” leave out (1 file)"
    assert said in notice.text()
    assert "they took in 1 image of 1 patient, left out 1 file: " in notice.text()
    assert "carried" not in keys(ward.ingest("february"))  # said once, when it came


def test_a_new_decision_tells_files_that_waited_for_it_from_new_ones(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    labels = tmp_path / "labels.csv"
    labels.write_text("patient_id,label\nP1001,息肉\nP1002,子宫肌瘤\n", encoding="utf-8")
    done = ward.ingest("january")
    decide(done, 子宫肌瘤="fibroid")
    labels.write_text("patient_id,label\nP1005,子宫肌瘤\nP1006,normal\n", encoding="utf-8")
    done = ward.ingest("february")
    (notice,) = [notice for notice in done.notices if notice.code == "carried"]
    assert (notice.values["images"], notice.values["patients"]) == (1, 1)
    assert "left out" not in notice.text()


def test_files_that_a_decision_brings_back_are_asked_for_by_their_folder(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    done = ward.ingest("january")
    decide(done, polyp="leave out")
    done = ward.ingest("january")  # their images go: they can be made again from here
    assert len([*(ward.out / "images").iterdir()]) == len(ward.table) == 2
    decide(done)
    done = ward.ingest("february")
    (notice,) = [notice for notice in done.notices if notice.code == "awaited"]
    assert notice.values == {"files": 3, "folders": str(tmp_path / "january")}
    done = ward.ingest("january")
    assert "awaited" not in keys(done)
    assert ward.table["label"].value_counts().to_dict() == {"polyp": 4, "normal": 3}


def test_images_that_were_overwritten_are_made_again(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    done = ward.ingest("january")
    first, second, third, *_ = ward.table.index
    whole = {name: (ward.out / name).read_bytes() for name in ward.table.index}
    (ward.out / first).write_bytes(b"rubbish")
    shutil.copy2(ward.out / third, ward.out / second)  # with its time of change
    mask = ward.out / ward.table["sector"][third]
    cv2.imwrite(str(mask), np.zeros((9, 9), np.uint8))

    done = ward.ingest("february")  # their originals are not here
    (notice,) = [notice for notice in done.notices if notice.code == "changed"]
    assert notice.values["count"] == 3
    assert str(tmp_path / "january") in notice.text("en")
    assert {first, second, third} == {*done.missing}

    done = ward.ingest("january")
    (notice,) = [notice for notice in done.notices if notice.code == "remade"]
    assert notice.values["count"] == 3
    assert not done.missing
    assert {name: (ward.out / name).read_bytes() for name in whole} == whole
    assert cv2.imread(str(mask), cv2.IMREAD_GRAYSCALE).max() == 255
    assert not keys(ward.ingest("february")) & {"changed", "remade", "missing"}
