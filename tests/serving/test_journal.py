"""The journal of a folder that is read: on disk, whole or not at all."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from metrascope.errors import DataError
from metrascope.serving import journal as module
from metrascope.serving.journal import Journal


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
            Journal(path, settings)
    with_settings = Journal(path, settings)
    assert with_settings.count() == (0, 0)
    with_settings.close()


def test_other_settings_are_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    Journal(path, {"bundle": "a", "frames": "all"}).close()
    Journal(path, {"bundle": "a", "frames": "all"}).close()
    with pytest.raises(DataError, match=r"\(frames differ\)"):
        Journal(path, {"bundle": "a", "frames": "key"})


def test_what_is_no_journal_is_told(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database at all, but longer than its header" * 40)
    with pytest.raises(DataError, match="journal"):
        Journal(path, {})
