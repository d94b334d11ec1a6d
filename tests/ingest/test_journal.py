"""The journal gives back what it was given, whatever a kill left of it."""

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from metrascope.errors import DataError, StudyError
from metrascope.ingest.journal import IngestJournal, Record, Rejection

SETTINGS = {"marks": "keep", "frames": "key"}
RECORDS = [
    Record(
        "张三/1.png",
        "12-34",
        "picture",
        "ab" * 32,
        {"file_name": "张三/1.png"},
        {"row": "2", "label": "polyp"},
        ({"image": "images/I1.png", "mark_boxes": [["text", 1, 2, 3, 4]]},),
        (Rejection("usability.too_dark", {"mean": 2.5}, 1),),
        "GE Voluson E10",
        3,
    ),
    Record("b.txt", "", rejections=(Rejection("sources.no_image"),)),
]


def written(path: Path) -> None:
    with IngestJournal(path, SETTINGS) as journal:
        for record in RECORDS:
            journal.add(record)


def test_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "key" / "journal.jsonl"
    written(path)
    assert IngestJournal(path, SETTINGS).records == {record.key: record for record in RECORDS}


def test_a_later_record_of_a_file_replaces_the_earlier(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    newer = replace(RECORDS[0], stamp="56-78", images=())
    with IngestJournal(path, SETTINGS) as journal:
        journal.add(newer)
    assert IngestJournal(path, SETTINGS).records[newer.key] == newer


def test_one_name_may_have_had_two_contents_and_one_may_be_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    others = [replace(RECORDS[0], sha256="cd" * 32), replace(RECORDS[0], root="/other")]
    with IngestJournal(path, SETTINGS) as journal:
        for record in others:
            journal.add(record)
        journal.forget(RECORDS[0])
    for _ in range(2):  # once more after it was written anew
        assert list(IngestJournal(path, SETTINGS).records.values()) == [RECORDS[1], *others]


def test_a_journal_of_the_first_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    old = [
        {k: v for k, v in json.loads(line).items() if k not in ("root", "table")} for line in lines
    ]
    old[0]["format"] = 1
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in old), encoding="utf-8")
    later = {**SETTINGS, "a setting of today": 1}
    assert list(IngestJournal(path, later).records.values()) == RECORDS
    assert list(IngestJournal(path, later).records.values()) == RECORDS  # in today's format by now
    path.write_text(json.dumps(old[0]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="marks"):
        IngestJournal(path, {**SETTINGS, "marks": "reject"})
    path.write_text('{"format": 99, "settings": {}}\n', encoding="utf-8")
    with pytest.raises(DataError, match="format 99"):
        IngestJournal(path, SETTINGS)


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_kill_in_the_middle_of_a_line_costs_that_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    path.write_bytes(path.read_bytes()[:-cut])
    again = IngestJournal(path, SETTINGS)
    whole = cut == 1  # the newline alone
    assert set(again.records) == {record.key for record in RECORDS[: 1 + whole]}
    with again:
        again.add(RECORDS[1])
    assert IngestJournal(path, SETTINGS).records == {record.key: record for record in RECORDS}


@pytest.mark.parametrize("line", ["[1, 2]", "3", "[" * 200_000, '{"source": 1}', "\udcff{"])
def test_a_damaged_line_costs_that_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[1] = line
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")
    assert list(IngestJournal(path, SETTINGS).records) == [RECORDS[1].key]


def test_other_settings_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    with pytest.raises(DataError, match="marks"):
        IngestJournal(path, {**SETTINGS, "marks": "reject"})
    assert IngestJournal(path, SETTINGS).records
    for content in ("", "a poem\n", "[1]\n", '{"settings": 1}\n'):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DataError):
            IngestJournal(path, SETTINGS)
        assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("reason", "passing"),
    [
        ("ingest.crashed", True),
        ("ingest.memory", True),
        ("ingest.too_slow", True),
        ("sources.lost", True),
        ("dicom.codec_ended", True),
        ("dicom.no_codec", True),
        ("dicom.bad_stream", False),
        ("picture.undecodable", False),
        ("labels.no_row", False),
    ],
)
def test_failures_that_are_not_the_file_s_own_are_passing(reason: str, passing: bool) -> None:
    own = Rejection("usability.too_dark", {"mean": 2.5}, 0)
    record = Record("a.dcm", "1-2", rejections=(own, Rejection(reason, {}, 1)))
    assert record.passing == passing


def test_a_full_disk_is_one_error_that_names_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    journal = IngestJournal(path, SETTINGS)
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(StudyError, match=r"journal.jsonl cannot be written"))
        stack.enter_context(journal)
        assert journal._file is not None
        journal._file.close()
        journal._file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115
        journal.add(RECORDS[0])
