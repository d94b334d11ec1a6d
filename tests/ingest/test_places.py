"""Files of earlier runs: no picture is lost or doubled, whatever becomes of folders and names."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from metrascope.ingest.file import IngestJob
from metrascope.ingest.journal import IngestJournal, Record, Rejection
from metrascope.ingest.places import (
    Earlier,
    Search,
    listed_records,
    pending_files,
    real_root,
    settle,
)
from metrascope.ingest.pseudonyms import Pseudonyms
from metrascope.labels.labels import Keys, read_labels
from metrascope.messages import Reason
from metrascope.screen.settings import IngestSettings
from metrascope.sources.search import Skipped, Source, find_sources

MAGIC = b"\x89PNG\r\n\x1a\n"
TABLE = "today"


class Run:
    """Runs over folders, with a stand-in for what takes the files in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "data"
        self.taken: list[str] = []
        self.labels("patient_id,label\n1,polyp\n2,normal\n3,fibroid\n")

    def labels(self, content: str) -> None:
        path = self.folder / "labels.csv"
        path.write_text(content, encoding="utf-8")
        self.intake = IngestJob(
            self.out, IngestSettings(), read_labels(path), Pseudonyms(b"s" * 32)
        )

    def fill(self, folder: str, files: dict[str, str]) -> None:
        """Write pictures: each holds the number of its patient, and perhaps more words."""
        for name, words in files.items():
            path = self.folder / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(MAGIC + words.encode())

    def __call__(self, folder: str, table: str = TABLE, stop: bool = False) -> Earlier:
        path = self.folder / folder
        search = Search(real_root(path), list(find_sources(path)), table)
        with IngestJournal(self.folder / "journal.jsonl", {}) as journal:
            pending = pending_files(search, self.intake, journal, ())
            self.taken = [source.name for source in pending]
            for source in pending:
                journal.add(self.take_in(source, search))
            if stop:
                return Earlier()
            earlier = settle(search, journal, self.intake)
            self.records = list(journal.records.values())
            self.listed = listed_records(search, self.records)
        return earlier

    def take_in(self, source: Source, search: Search) -> Record:
        content = source.read()
        words = content.removeprefix(MAGIC).decode().split()
        digest = hashlib.sha256(content).hexdigest()
        keys = {"file_name": source.name, "patient_id": words[0]}
        keys |= dict(word.split("=") for word in words if "=" in word)
        record = Record(
            source.name, source.state, "picture", digest, keys, root=search.root, table=search.table
        )
        row = self.intake.labels.match(Keys(**keys))
        if isinstance(row, Reason):
            return replace(record, rejections=(Rejection("labels.no_row"),))
        image = {"image": f"images/{digest[:9]}.png", "sector": f"sectors/{digest[:9]}.png"}
        for name in image.values():
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            (self.out / name).write_bytes(b"")
        return replace(record, row=dict(row.values), images=({**image, "patient_id": words[0]},))

    @property
    def images(self) -> dict[str, str]:
        """Patient and folder of each image."""
        return {
            image["image"]: f"{image['patient_id']} {Path(record.root).name}/{record.source}"
            for record in self.records
            for image in record.images
        }


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    return Run(tmp_path)


def test_a_second_month_repeats_the_names_of_the_first(run: Run) -> None:
    run.fill("january", {"IM_1": "1 a", "IM_2": "2 a", "notes.txt": "x"})
    run.fill("february", {"IM_1": "3 a", "IM_3": "1 b"})
    run("january")
    assert run("february") == Earlier()
    assert sorted(run.images.values()) == [
        "1 february/IM_3",
        "1 january/IM_1",
        "2 january/IM_2",
        "3 february/IM_1",
    ]
    before = run.images
    assert run("january") == Earlier()
    assert run.taken == []
    assert run.images == before


@pytest.mark.parametrize("times_kept", [True, False])
def test_a_folder_that_was_moved_is_not_counted_twice(run: Run, times_kept: bool) -> None:
    run.fill("january", {"a/IM_1": "1 a", "b/IM_1": "2 a", "notes.txt": "x"})
    run("january")
    images = set(run.images)
    (run.folder / "january").rename(run.folder / "stick")
    if not times_kept:
        run.fill("stick", {"a/IM_1": "1 a", "b/IM_1": "2 a"})
    assert run("stick") == Earlier()
    assert run.taken == []
    assert set(run.images) == images
    assert {Path(record.root).name for record in run.records} == {"stick"}
    assert len(run.records) == 3
    # Seen from the folder above, and with a file renamed: the same pictures.
    (run.folder / "stick/a/IM_1").rename(run.folder / "stick/a/new")
    (run.folder / "above").mkdir()
    (run.folder / "stick").rename(run.folder / "above/stick")
    assert run("above") == Earlier()
    assert run.taken == ["stick/a/new"]
    assert sorted(run.images.values()) == ["1 above/stick/a/new", "2 above/stick/b/IM_1"]


def test_a_file_that_changed_in_place_is_superseded(run: Run) -> None:
    run.fill("ward", {"IM_1": "1 a", "IM_2": "2 a"})
    run("ward")
    run.fill("ward", {"IM_1": "1 other"})
    found = run("ward")
    assert [record.source for record in found.replaced] == ["IM_1"]
    assert sorted(run.images.values()) == ["1 ward/IM_1", "2 ward/IM_2"]
    assert run.taken == ["IM_1"]
    assert run("ward") == Earlier()


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("1 a", "2 a", 2),  # another woman
        ("1 accession=A1", "1 accession=A2", 2),  # another exam of hers
        ("1 sop_uid=1.2", "2 sop_uid=1.2", 1),  # the same picture, its header mended
        ("1 sop_uid=1.2", "1 sop_uid=1.3", 1),
    ],
)
def test_a_name_under_which_another_patient_appears_keeps_both(
    run: Run, first: str, second: str, kept: int
) -> None:
    """A stick is mounted at one place every month, and scanners number from one."""
    run.fill("stick", {"IM_1": first})
    run("stick")
    run.fill("stick", {"IM_1": second})
    found = run("stick")
    assert len(found.beside) == kept - 1
    assert len(found.replaced) == 2 - kept
    assert len(run.images) == kept
    assert len(run("stick").beside) == kept - 1
    assert len(run.images) == kept


def test_what_was_taken_out_of_the_folder_stays_and_is_said(run: Run) -> None:
    run.fill("ward", {"IM_1": "1 a", "IM_2": "2 a", "no patient": "9 a"})
    run("ward")
    for name in ("IM_1", "no patient"):
        (run.folder / "ward" / name).unlink()
    assert [record.source for record in run("ward").gone] == ["IM_1"]
    assert [record.source for record in run("ward").gone] == ["IM_1"]
    assert len(run.images) == 2
    assert len(run.records) == 2


@pytest.mark.parametrize("shut", ["exam/IM_1", "exam"])
def test_what_cannot_be_read_for_a_moment_keeps_its_images(
    run: Run, shut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.fill("ward", {"exam/IM_1": "1 a", "IM_2": "2 a"})
    run("ward")
    skipped = Skipped(shut, Reason("sources.unreadable", {"reason": "Stale file handle"}))
    left = [item for item in find_sources(run.folder / "ward") if item.name == "IM_2"]
    monkeypatch.setattr("tests.ingest.test_places.find_sources", lambda path: [*left, skipped])
    for _ in range(2):
        assert [record.source for record in run("ward").unread] == ["exam/IM_1"]
    monkeypatch.undo()
    assert run("ward") == Earlier()
    assert run.taken == []
    assert len(run.images) == len(run.records) == 2


def test_a_failure_that_may_pass_is_tried_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.fill("ward", {"IM_1": "1 a"})
    crashed = (Rejection("ingest.crashed"),)
    monkeypatch.setattr(
        run,
        "take_in",
        lambda source, search: Record(
            source.name, source.state, rejections=crashed, root=search.root, table=TABLE
        ),
    )
    run("ward")
    assert not run.images
    monkeypatch.undo()
    run("ward")
    assert len(run.images) == len(run.records) == 1


def test_a_file_that_is_no_picture_any_more_takes_nothing_away(run: Run) -> None:
    run.fill("ward", {"IM_1": "1 a"})
    run("ward")
    (run.folder / "ward/IM_1").write_bytes(b"")
    assert [record.source for record in run("ward").gone] == ["IM_1"]
    assert len(run.images) == 1


def test_a_table_of_labels_for_each_month(run: Run) -> None:
    run.fill("january", {"IM_1": "1 a", "IM_2": "2 a"})
    run.fill("february", {"IM_1": "3 a", "again": "1 a"})
    run("january", "first table")
    run.labels("patient_id,label\n3,normal\n2,polyp\n")
    found = run("february", "second table")
    # Patient 2 has another class by now, and her file is not here: that is said, not done.
    assert [record.source for record in found.otherwise] == ["IM_2"]
    # February holds a copy of a January file that its labels do not know: January keeps it.
    assert sorted(run.images.values()) == ["1 january/IM_1", "2 january/IM_2", "3 february/IM_1"]
    rows = {record.source: (record.row or {}).get("row") for record in run.listed if record.images}
    numbers = [(record.row or {})["row"] for record in run.listed if record.images]
    assert len(set(numbers)) == 3, rows
    labels = [(record.row or {})["label"] for record in run.listed if record.images]
    assert sorted(labels) == ["normal", "normal", "polyp"]


def test_a_run_that_was_killed_comes_to_the_same(run: Run, tmp_path: Path) -> None:
    run.fill("january", {"IM_1": "1 a", "IM_2": "2 a", "x.txt": "1"})
    run("january")
    (run.folder / "january").rename(run.folder / "stick")
    run.fill("stick", {"IM_2": "3 a", "IM_4": "1 c"})
    journal = tmp_path / "journal.jsonl"
    before = journal.read_bytes()
    run("stick")
    expected = {record.key: record for record in run.records}
    journal.write_bytes(before)
    run("stick", stop=True)
    run("stick")
    assert {record.key: record for record in run.records} == expected
    whole = journal.read_bytes()
    for cut in range(len(before), len(whole), 97):
        journal.write_bytes(whole[:cut])
        run("stick")
        assert {record.key: record for record in run.records} == expected


def test_a_journal_that_knows_no_folders_is_taken_over(run: Run) -> None:
    run.fill("january", {"IM_1": "1 a", "IM_2": "2 a", "notes.txt": "x"})
    run.fill("february", {"IM_1": "3 a"})
    run("january")
    with IngestJournal(run.folder / "journal.jsonl", {}) as journal:
        for record in [*journal.records.values()]:
            journal.forget(record)
            journal.add(replace(record, root="", table=""))
    run("february")  # nobody knows which folder the first was
    assert len(run.images) == 3
    run("january")
    assert run.taken == []
    assert sorted(run.images.values()) == ["1 january/IM_1", "2 january/IM_2", "3 february/IM_1"]
    assert len(run.records) == 4
