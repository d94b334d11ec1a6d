"""What a person decides about diagnoses is read back, survives, and is never guessed."""

import csv
from collections.abc import Sequence
from pathlib import Path

import openpyxl
import pytest

from metrascope.errors import DataError
from metrascope.ingest.decisions import DIAGNOSIS_COLUMNS, decided, decided_records, read_decisions
from metrascope.ingest.diagnoses import DiagnosisList, write_diagnoses
from metrascope.ingest.headings import heading_names
from metrascope.ingest.journal import Record, Rejection
from metrascope.labels.labels import Labels, read_labels
from metrascope.messages import set_language

TEXTS = ("子宫内膜息肉", "子宫肌瘤", "增生期子宫内膜", "息肉待查", "子宫肌瘤")


def labels_of(folder: Path, texts: Sequence[str] = TEXTS, **classes: str) -> Labels:
    path = folder / "labels.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["检查号", "病理诊断"])
        writer.writerows([f"US{number}", text] for number, text in enumerate(texts))
    return read_labels(path, classes=classes)


def run(folder: Path, labels: Labels) -> tuple[Labels, DiagnosisList]:
    """Read decisions back, apply them and write the list, as an ingest does."""
    decisions = read_decisions(folder)
    labels = decided(labels, decisions)
    return labels, write_diagnoses(folder, labels, records(labels), decisions)


def records(labels: Labels) -> list[Record]:
    """Return one file of each row; those of rows with a class have two images."""
    listed_records = []
    for row in labels.rows:
        name = row.values["accession"]
        if row.reason:
            why = (Rejection(row.reason.key, row.reason.values),)
            listed_records.append(Record(f"{name}.dcm", "1", rejections=why))
        else:
            images = tuple({"image": f"{name}-{n}"} for n in range(2))
            listed_records.append(Record(f"{name}.dcm", "1", row=row.values, images=images))
    return listed_records


def listed(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "diagnoses.csv").open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    names = heading_names(header, DIAGNOSIS_COLUMNS, ("diagnosis", "decision"))
    names = [name or own for name, own in zip(names, header, strict=True)]
    return {row[0]: dict(zip(names, row, strict=True)) for row in rows}


def save_as(
    path: Path, decisions: dict[str, str], encoding: str = "utf-8-sig", sep: str = ","
) -> None:
    """Fill in the column ``decision`` and save the list as Excel or WPS would."""
    rows = [row | {"decision": decisions.get(text, row["decision"])}
            for text, row in listed(path.parent).items()]  # fmt: skip
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook()
        book.active.append(DIAGNOSIS_COLUMNS)
        for row in rows:
            book.active.append([row[name] for name in DIAGNOSIS_COLUMNS])
        book.save(path)
        return
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=sep, lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)


def classes_of(labels: Labels) -> list[str]:
    return [row.values["label"] for row in labels.rows]


def test_the_list_has_each_text_once_and_what_waits_for_a_person_first(tmp_path: Path) -> None:
    labels, summary = run(tmp_path, labels_of(tmp_path))
    assert classes_of(labels) == ["polyp", "", "normal", "", ""]
    rows = listed(tmp_path)
    assert list(rows) == ["子宫肌瘤", "息肉待查", "增生期子宫内膜", "子宫内膜息肉"]
    shown = {
        text: tuple(row[n] for n in ("class", "proposed", "status", "rows", "files", "images"))
        for text, row in rows.items()
    }
    assert shown == {
        "子宫肌瘤": ("", "fibroid", "undecided", "2", "2", "0"),
        "息肉待查": ("", "", "undecided", "1", "1", "0"),
        "增生期子宫内膜": ("normal", "normal", "offered", "1", "1", "2"),
        "子宫内膜息肉": ("polyp", "", "read", "1", "1", "2"),
    }
    assert all(row["reason"] for text, row in rows.items() if text != "子宫内膜息肉")
    assert (summary.undecided, summary.waiting, summary.offered, summary.doubtful) == (2, 3, 1, 2)
    assert summary.path == tmp_path / "diagnoses.csv"
    columns = (tmp_path / "columns.csv").read_text("utf-8-sig").split()
    assert columns[1:] == ["A,检查号,accession", "number,accession", "B,病理诊断,diagnosis,label"]


@pytest.mark.parametrize(
    ("name", "encoding", "sep"),
    [
        ("diagnoses.csv", "utf-8-sig", ","),
        ("diagnoses.csv", "gb18030", ","),
        ("diagnoses.csv", "utf-16", "\t"),
        ("diagnoses.csv", "utf-8-sig", ";"),
        ("diagnoses.xlsx", "", ""),
    ],
)
def test_decisions_are_read_back_and_survive_every_run(
    tmp_path: Path, name: str, encoding: str, sep: str
) -> None:
    run(tmp_path, labels_of(tmp_path))
    wanted = {"子宫肌瘤": "Fibroid", "息肉待查": "不用", "增生期子宫内膜": "Normal"}
    save_as(tmp_path / name, wanted, encoding, sep)
    for _ in range(3):
        labels, summary = run(tmp_path, labels_of(tmp_path))
        assert classes_of(labels) == ["polyp", "fibroid", "normal", "", "fibroid"]
        assert labels.rows[3].reason is not None
        assert labels.rows[3].reason.key == "labels.left_out"
        decisions = {text: row["decision"] for text, row in listed(tmp_path).items()}
        assert decisions == {**wanted, "子宫内膜息肉": ""}  # in the person's own words
        assert (summary.undecided, summary.offered, summary.unlisted) == (0, 0, 0)


def test_other_findings_beside_a_text_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    rows = [
        ("子宫肌瘤", "黏膜下肌瘤"),
        ("子宫肌瘤", "肌壁间肌瘤"),
        ("子宫肌瘤", "黏膜下肌瘤"),
        ("子宫肌瘤", "-"),
        ("子宫内膜息肉", "肌壁间肌瘤"),  # read, and nobody has to decide it
    ]
    lines = [f"US{n},{one},{other}" for n, (one, other) in enumerate(rows)]
    path.write_text("检查号,病理诊断,宫腔镜诊断\n" + "\n".join(lines) + "\n", encoding="utf-8")
    run(tmp_path, read_labels(path))
    shown = {text: row["other_columns"] for text, row in listed(tmp_path).items()}
    both = "宫腔镜诊断 = 黏膜下肌瘤 (2 rows); 宫腔镜诊断 = 肌壁间肌瘤 (1 row)"
    assert shown == {"子宫肌瘤": both, "子宫内膜息肉": ""}
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "fibroid"})
    run(tmp_path, read_labels(path))
    assert listed(tmp_path)["子宫肌瘤"]["other_columns"] == "宫腔镜诊断 = 肌壁间肌瘤 (1 row)"


def test_a_decision_may_be_changed_and_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "diagnoses.csv"
    run(tmp_path, labels_of(tmp_path))
    for decision, label in (("polyp", "polyp"), ("fibroid", "fibroid"), ("", "")):
        save_as(path, {"子宫肌瘤": decision})
        labels, _ = run(tmp_path, labels_of(tmp_path))
        assert labels.rows[1].values["label"] == label


def test_a_workbook_may_be_changed_after_the_list_has_repeated_it(tmp_path: Path) -> None:
    path = tmp_path / "diagnoses.xlsx"
    run(tmp_path, labels_of(tmp_path))
    for decision, label in (("polyp", "polyp"), ("fibroid", "fibroid"), ("", "")):
        save_as(path, {"子宫肌瘤": decision})
        labels, _ = run(tmp_path, labels_of(tmp_path))
        assert labels.rows[1].values["label"] == label
        labels, _ = run(tmp_path, labels_of(tmp_path))
        assert labels.rows[1].values["label"] == label


def test_workbook_and_list_that_differ_are_refused(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.xlsx", {"子宫肌瘤": "fibroid"})
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "polyp"})
    before = (tmp_path / "diagnoses.csv").read_bytes()
    with pytest.raises(DataError, match=r"diagnoses\.csv, row 2 and diagnoses\.xlsx, row 2"):
        run(tmp_path, labels_of(tmp_path))
    assert (tmp_path / "diagnoses.csv").read_bytes() == before
    # The workbook's decision was repeated in the list, and then both were changed.
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "fibroid"})
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "polyp"})
    with pytest.raises(DataError, match="differ"):
        run(tmp_path, labels_of(tmp_path))


def test_decisions_of_another_months_labels_are_kept(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "fibroid", "息肉待查": "leave out"})
    run(tmp_path, labels_of(tmp_path))
    _, summary = run(tmp_path, labels_of(tmp_path, ["子宫内膜息肉", "正常"]))
    assert (summary.unlisted, summary.undecided) == (2, 0)
    assert {text: (row["rows"], row["decision"]) for text, row in listed(tmp_path).items()} == {
        "子宫内膜息肉": ("1", ""),
        "正常": ("1", ""),
        "增生期子宫内膜": ("0", ""),
        "子宫肌瘤": ("0", "fibroid"),
        "息肉待查": ("0", "leave out"),
    }
    labels, _ = run(tmp_path, labels_of(tmp_path))
    assert classes_of(labels) == ["polyp", "fibroid", "normal", "", "fibroid"]


def test_a_decision_holds_for_images_of_an_earlier_month(tmp_path: Path) -> None:
    first, _ = run(tmp_path, labels_of(tmp_path))
    earlier = records(first)
    save_as(tmp_path / "diagnoses.csv", {"子宫内膜息肉": "fibroid", "增生期子宫内膜": "leave out"})
    decisions = read_decisions(tmp_path)
    labels = decided(labels_of(tmp_path, ["正常", "正常"]), decisions)
    now = decided_records(earlier, labels, decisions)
    assert [(r.row or {}).get("label") for r in now] == ["fibroid", None, None, None, None]
    assert [len(r.images) for r in now] == [2, 0, 0, 0, 0]
    assert now[2].rejections[0].reason == "labels.left_out"
    write_diagnoses(tmp_path, labels, now, decisions)
    row = listed(tmp_path)["子宫内膜息肉"]
    assert (row["rows"], row["files"], row["images"], row["class"]) == ("0", "1", "2", "fibroid")


def test_a_persons_own_columns_stay(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    path = tmp_path / "diagnoses.csv"
    lines = path.read_text("utf-8-sig").splitlines()
    noted = [f"{lines[0]},备注", *(f"{line},问过王医生" for line in lines[1:])]
    path.write_text("\n".join(noted), encoding="utf-8")
    for _ in range(2):
        run(tmp_path, labels_of(tmp_path))
        assert {row["备注"] for row in listed(tmp_path).values()} == {"问过王医生"}


def test_signs_that_begin_like_formulas_and_lines_within_cells_come_back(tmp_path: Path) -> None:
    texts = ("-", "=息肉", "子宫肌瘤\n多发", "polyp")
    run(tmp_path, labels_of(tmp_path, texts))
    path = tmp_path / "diagnoses.csv"
    written = path.read_text("utf-8-sig")
    assert '"子宫肌瘤\n多发"' in written
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"decision": "normal"} for row in rows)
    labels, _ = run(tmp_path, labels_of(tmp_path, texts))
    assert classes_of(labels) == ["normal"] * 4


@pytest.mark.parametrize(
    ("decision", "words"),
    [
        (
            "polpy",
            "row 2, “子宫肌瘤”: the decision polpy is no class. Write one of normal, fibroid",
        ),
        ("肌瘤?", "no class"),
        ("肌瘤", "does not say where the fibroid lies"),
        ("leiomyoma", "does not say where the fibroid lies"),
        ("polyp/fibroid", "no class"),
    ],
)
def test_a_decision_that_is_no_class_is_refused(tmp_path: Path, decision: str, words: str) -> None:
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": decision})
    with pytest.raises(DataError) as error:
        run(tmp_path, labels_of(tmp_path))
    assert words in str(error.value)


def test_one_text_with_two_decisions_is_refused_with_both_rows(tmp_path: Path) -> None:
    path = tmp_path / "diagnoses.csv"
    path.write_text("diagnosis,decision\nX ,polyp\nx,\nＸ,normal\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"Rows 2 and 4 of .* two decisions"):
        read_decisions(tmp_path)


def test_a_class_written_into_the_wrong_column_is_not_lost_in_silence(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    path = tmp_path / "diagnoses.csv"
    path.write_text(path.read_text("utf-8").replace("息肉待查,", "息肉待查,polyp"), "utf-8")
    with pytest.raises(DataError, match="row 3: the column class says polyp"):
        run(tmp_path, labels_of(tmp_path))


def test_a_setting_and_a_decision_must_agree(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "fibroid"})
    labels, _ = run(tmp_path, labels_of(tmp_path, 子宫肌瘤="fibroid"))
    assert labels.rows[1].values["label"] == "fibroid"
    with pytest.raises(DataError, match="setting labels says polyp"):
        run(tmp_path, labels_of(tmp_path, 子宫肌瘤="polyp"))


def test_classes_that_a_setting_adds_may_be_decided(tmp_path: Path) -> None:
    labels = labels_of(tmp_path, 息肉待查="other")
    run(tmp_path, labels)
    assert listed(tmp_path)["息肉待查"]["status"] == "setting"
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "Other"})
    decided_labels, _ = run(tmp_path, labels)
    assert decided_labels.rows[1].values["label"] == "other"


@pytest.mark.parametrize("name", ["diagnoses.xls", "diagnoses.et", "diagnoses.ods"])
def test_lists_of_another_kind_are_not_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0")
    with pytest.raises(DataError, match="is not read"):
        read_decisions(tmp_path)


def test_a_list_without_its_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "diagnoses.csv").write_text("子宫肌瘤,fibroid\n息肉,polyp\n", encoding="utf-8")
    with pytest.raises(DataError, match="restore the header"):
        read_decisions(tmp_path)


def test_what_a_person_decides_may_be_repeated_in_another_language(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.csv", {"子宫肌瘤": "息肉", "息肉待查": "不用"})
    save_as(tmp_path / "diagnoses.xlsx", {"子宫肌瘤": "polyp", "息肉待查": "leave out"})
    labels, _ = run(tmp_path, labels_of(tmp_path))
    assert classes_of(labels) == ["polyp", "polyp", "normal", "", "polyp"]


def test_the_list_is_read_back_whatever_language_it_was_written_in(tmp_path: Path) -> None:
    set_language("zh")
    try:
        run(tmp_path, labels_of(tmp_path))
        statuses = {row["status"] for row in listed(tmp_path).values()}
        assert statuses == {"待您决定", "按通常含义归类，待您确认", "按原文读出"}
        save_as(tmp_path / "diagnoses.xlsx", {"子宫肌瘤": "黏膜下肌瘤"})
        run(tmp_path, labels_of(tmp_path))
    finally:
        set_language("en")
    save_as(tmp_path / "diagnoses.xlsx", {"子宫肌瘤": "polyp"})  # the list only repeats it
    labels, _ = run(tmp_path, labels_of(tmp_path))
    assert labels.rows[1].values["label"] == "polyp"
    assert listed(tmp_path)["子宫肌瘤"]["status"] == "decided in xlsx"


def test_rows_without_a_diagnosis_are_listed_and_may_be_decided(tmp_path: Path) -> None:
    texts = ("polyp", "", "")
    run(tmp_path, labels_of(tmp_path, texts))
    row = listed(tmp_path)["(empty)"]
    assert (row["status"], row["rows"], row["files"]) == ("undecided", "2", "2")
    save_as(tmp_path / "diagnoses.csv", {"(empty)": "normal"})
    for _ in range(2):
        labels, _ = run(tmp_path, labels_of(tmp_path, texts))
        assert classes_of(labels) == ["polyp", "normal", "normal"]


def test_a_decision_that_is_taken_back_no_longer_holds_for_an_earlier_month(tmp_path: Path) -> None:
    run(tmp_path, labels_of(tmp_path))
    save_as(tmp_path / "diagnoses.csv", {"子宫内膜息肉": "normal", "子宫肌瘤": "fibroid"})
    january, _ = run(tmp_path, labels_of(tmp_path))
    earlier = records(january)
    assert [(r.row or {}).get("label") for r in earlier][:2] == ["normal", "fibroid"]
    february = labels_of(tmp_path, ["正常"])
    save_as(tmp_path / "diagnoses.csv", {"子宫内膜息肉": "", "子宫肌瘤": ""})
    for _ in range(2):
        decisions = read_decisions(tmp_path)
        now = decided_records(earlier, decided(february, decisions), decisions)
        assert [(r.row or {}).get("label") for r in now] == ["polyp", None, "normal", None, None]
        assert now[1].rejections[0].reason == "labels.unplaced"
        write_diagnoses(tmp_path, february, now, decisions)
        rows = listed(tmp_path)
        shown = {text: (row["class"], row["status"]) for text, row in rows.items()}
        assert shown["子宫内膜息肉"] == ("polyp", "read")
        assert shown["子宫肌瘤"] == ("", "undecided")
