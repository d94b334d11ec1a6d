"""The journal gives back what it was given, whatever a kill left of it."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from metrascope.errors import DataError, StudyError
from metrascope.ingest.journal import Journal, Record, Rejection

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
    with Journal(path, SETTINGS) as journal:
        for record in RECORDS:
            journal.add(record)


def test_records_come_back(tmp_path: Path) -> None:
    path = tmp_path / "key" / "journal.jsonl"
    written(path)
    assert Journal(path, SETTINGS).records == {record.source: record for record in RECORDS}


def test_a_later_record_of_a_source_replaces_the_earlier(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    newer = Record(RECORDS[0].source, "56-78")
    with Journal(path, SETTINGS) as journal:
        journal.add(newer)
    assert Journal(path, SETTINGS).records[newer.source] == newer


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_kill_in_the_middle_of_a_line_costs_that_line(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(path, SETTINGS)
    whole = cut == 1  # the newline alone
    assert set(again.records) == {record.source for record in RECORDS[: 1 + whole]}
    with again:
        again.add(RECORDS[1])
    assert Journal(path, SETTINGS).records == {record.source: record for record in RECORDS}


def test_other_settings_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    with pytest.raises(DataError, match="marks"):
        Journal(path, {**SETTINGS, "marks": "reject"})
    assert Journal(path, SETTINGS).records
    for content in ("", "a poem\n", "[1]\n", '{"settings": 1}\n'):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DataError):
            Journal(path, SETTINGS)
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
    assert (own in record.lasting, len(record.lasting)) == (True, 1 if passing else 2)


def test_what_cannot_be_read_for_a_moment_keeps_its_images(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    dropped = Rejection("sources.unreadable", {"reason": "Stale file handle"})
    for _ in range(2):
        with Journal(path, SETTINGS) as journal:
            journal.skip(RECORDS[0].source, dropped)
            journal.skip(RECORDS[1].source, dropped)
        records = Journal(path, SETTINGS).records
        assert records[RECORDS[0].source].images == RECORDS[0].images
        assert records[RECORDS[0].source].rejections == (*RECORDS[0].rejections, dropped)
        assert records[RECORDS[0].source].passing
        assert records[RECORDS[1].source] == Record("b.txt", "", rejections=(dropped,))
    with Journal(path, SETTINGS) as journal:  # it is no image any more
        journal.skip(RECORDS[0].source, Rejection("sources.no_image"))
    assert not Journal(path, SETTINGS).records[RECORDS[0].source].images


def test_a_folder_or_archive_that_opens_again_is_not_left_out_any_more(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    broken = Rejection("sources.broken_archive", {"reason": "BadZipFile"})
    with Journal(path, SETTINGS) as journal:
        for name in ("a", "a/b.zip", "a/b.zip!/c.zip", "a/other.zip"):
            journal.skip(name, broken)
    with Journal(path, SETTINGS) as journal:
        journal.open_again(["a/b.zip!/c.zip!/1.dcm"])
    for _ in range(2):
        assert set(Journal(path, SETTINGS).records) == {"a/other.zip"}


def test_a_full_disk_is_one_error_that_names_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    written(path)
    journal = Journal(path, SETTINGS)
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(StudyError, match=r"journal.jsonl cannot be written"))
        stack.enter_context(journal)
        assert journal._file is not None
        journal._file.close()
        journal._file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115
        journal.add(RECORDS[0])
