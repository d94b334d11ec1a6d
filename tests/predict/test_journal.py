"""The journal of a folder that is read: on disk, whole or not at all."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from metrascope.errors import DataError
from metrascope.predict import journal as module
from metrascope.predict.journal import FileOutcome, ReadingJournal
from metrascope.predict.patient import ImageFinding
from metrascope.sources.search import Source


class Dying(sqlite3.Connection):
    """Ends after the first of several rows, as a process that is killed then."""

    def executemany(self, query: str, rows: Iterable[Any], /) -> sqlite3.Cursor:
        super().execute(query, next(iter(rows)))
        raise KeyboardInterrupt


def test_a_kill_while_it_is_made_leaves_it_as_if_it_had_not_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, settings = tmp_path / "journal.sqlite", {"bundle": "a", "runtime": "b"}
    connect = sqlite3.connect
    with monkeypatch.context() as patch:
        patch.setattr(module.sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Dying))
        with pytest.raises(KeyboardInterrupt):
            ReadingJournal(path, settings)
    with_settings = ReadingJournal(path, settings)
    assert with_settings.count() == (0, 0)
    with_settings.close()


def test_other_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    ReadingJournal(path, {"bundle": "a", "frames": "all"}).close()
    ReadingJournal(path, {"bundle": "a", "frames": "all"}).close()
    with pytest.raises(DataError, match=r"\(frames differ\)"):
        ReadingJournal(path, {"bundle": "a", "frames": "key"})


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database at all, but longer than its header" * 40)
    with pytest.raises(DataError, match="journal"):
        ReadingJournal(path, {})


def outcome(name: str, *, passing: bool = False) -> FileOutcome:
    return FileOutcome((f'"{name}"',), "", ImageFinding(name), passing=passing)


def source(path: Path, name: str) -> Source:
    return Source(path, name, "png", 1, "state")


def list_again(journal: ReadingJournal, *sources: Source) -> None:
    with journal.listing():
        for place, one in enumerate(sources):
            journal.enter(place, one, "")


def test_a_failure_that_was_not_the_files_own_is_tried_again(tmp_path: Path) -> None:
    journal = ReadingJournal(None, {})
    files = [source(tmp_path / name, name) for name in "abc"]
    list_again(journal, *files)
    for task in journal.pending():
        journal.keep(task, outcome(task.source.name, passing=task.source.name == "b"))
    assert journal.count() == (3, 3)
    assert [one for _, one in journal.readings()] == [['"a"'], ['"b"'], ['"c"']]
    list_again(journal, *files)
    assert [task.source.name for task in journal.pending()] == ["b"]
    journal.close()


def test_one_file_by_two_ways_is_entered_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "b.png").symlink_to(tmp_path / "real" / "a.png")
    journal = ReadingJournal(None, {})
    with journal.listing():
        assert journal.enter(0, source(tmp_path / "link" / "a.png", "link/a.png"), "") is None
        assert journal.enter(1, source(tmp_path / "real" / "a.png", "real/a.png"), "") is not None
        assert journal.enter(2, source(tmp_path / "b.png", "b.png"), "") == "link/a.png"
    assert journal.count() == (0, 1)
    journal.close()


def test_readings_go_on_over_places_that_hold_nothing(tmp_path: Path) -> None:
    journal = ReadingJournal(None, {})
    with journal.listing():
        for place in (0, 2, 5):
            journal.enter(place, source(tmp_path / str(place), str(place)), "")
    for task in journal.pending():
        journal.keep(task, outcome(task.source.name))
    assert [place for place, _ in journal.readings()] == [0, 2, 5]
    journal.close()
