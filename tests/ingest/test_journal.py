"""The journal gives back what it was given, whatever a kill left of it."""

from pathlib import Path

import pytest

from metrascope.errors import DataError
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
