"""The key folder: lists of one data set each, whatever its name, and closed to other users."""

import json
import os
import shutil
import stat
from pathlib import Path

import pytest

from metrascope.errors import DataError, SettingsError
from metrascope.ingest.key_folder import (
    KEY_MARKER,
    claim_data_set,
    close_to_others,
    key_folder,
    refuse_key_in_export,
    refuse_missing_secret,
)
from metrascope.ingest.pseudonyms import Pseudonyms

ONE = Pseudonyms(bytes(range(32)))


def claim(out: Path, key: Path, pseudonyms: Pseudonyms = ONE) -> Path:
    """Claim as an ingest does, and leave a list that names the data set."""
    out.mkdir(parents=True, exist_ok=True)
    key.mkdir(parents=True, exist_ok=True)
    links = claim_data_set(out, key / "secret.txt", pseudonyms)
    (links / "journal.jsonl").touch()
    return links


def identity(out: Path) -> str:
    return str(json.loads((out / KEY_MARKER).read_text(encoding="utf-8"))["data_set"])


def test_two_data_sets_of_one_name_have_lists_of_their_own(tmp_path: Path) -> None:
    first, second = tmp_path / "2023" / "DATA", tmp_path / "2024" / "DATA"
    one, other = claim(first, tmp_path / "key"), claim(second, tmp_path / "key")
    assert one != other
    assert identity(first) != identity(second)
    for _ in range(2):  # and keep them
        assert claim(first, tmp_path / "key") == one
        assert claim(second, tmp_path / "key") == other


def test_the_same_trials_give_the_same_identities(tmp_path: Path) -> None:
    for place in ("a", "b"):
        claim(tmp_path / place / "DATA", tmp_path / place / "key")
    assert identity(tmp_path / "a" / "DATA") == identity(tmp_path / "b" / "DATA")


def test_a_data_set_keeps_its_lists_when_it_is_moved(tmp_path: Path) -> None:
    links = claim(tmp_path / "DATA", tmp_path / "key")
    (tmp_path / "DATA").rename(tmp_path / "archive")
    assert claim(tmp_path / "archive", tmp_path / "key") == links
    # Another one at the old place is another one.
    assert claim(tmp_path / "DATA", tmp_path / "key") != links
    assert claim(tmp_path / "archive", tmp_path / "key") == links


def test_one_that_took_the_place_of_a_moved_one_shares_nothing_with_it(tmp_path: Path) -> None:
    claim(tmp_path / "DATA", tmp_path / "key")
    (tmp_path / "DATA").rename(tmp_path / "archive")
    new = claim(tmp_path / "DATA", tmp_path / "key")  # before the moved one is ingested again
    assert claim(tmp_path / "archive", tmp_path / "key") != new
    assert claim(tmp_path / "DATA", tmp_path / "key") == new


def test_one_that_was_deleted_goes_on_with_its_lists(tmp_path: Path) -> None:
    links = claim(tmp_path / "DATA", tmp_path / "key")
    shutil.rmtree(tmp_path / "DATA")
    assert claim(tmp_path / "DATA", tmp_path / "key") == links


def test_a_copy_has_lists_of_its_own_that_begin_as_those_of_the_original(tmp_path: Path) -> None:
    links = claim(tmp_path / "DATA", tmp_path / "key")
    (links / "diagnoses.csv").write_text("decided", encoding="utf-8")
    shutil.copytree(tmp_path / "DATA", tmp_path / "COPY")
    copied = claim(tmp_path / "COPY", tmp_path / "key")
    assert copied != links
    assert (copied / "diagnoses.csv").read_text(encoding="utf-8") == "decided"
    assert claim(tmp_path / "DATA", tmp_path / "key") == links
    assert claim(tmp_path / "COPY", tmp_path / "key") == copied


def test_data_set_and_key_folder_copied_together_belong_together(tmp_path: Path) -> None:
    claim(tmp_path / "DATA", tmp_path / "key")
    shutil.copytree(tmp_path / "DATA", tmp_path / "backup" / "DATA")
    shutil.copytree(tmp_path / "key", tmp_path / "backup" / "key")
    there = claim(tmp_path / "backup" / "DATA", tmp_path / "backup" / "key")
    assert there == tmp_path / "backup" / "key" / "DATA-links"


def test_what_version_0_1_0_left_is_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "DATA"
    links = claim(out, tmp_path / "key")
    (links / "data_set.json").unlink()
    marker = json.loads((out / KEY_MARKER).read_text(encoding="utf-8"))
    del marker["data_set"]
    (out / KEY_MARKER).write_text(json.dumps(marker), encoding="utf-8")
    assert claim(out, tmp_path / "key") == links
    # But lists of that name beside a secret of several are not a new data set's.
    (links / "data_set.json").unlink()
    assert claim(tmp_path / "2025" / "DATA", tmp_path / "key") != links


def test_another_secret_and_damaged_files_are_refused(tmp_path: Path) -> None:
    links = claim(tmp_path / "DATA", tmp_path / "key")
    with pytest.raises(DataError, match="another secret"):
        claim(tmp_path / "DATA", tmp_path / "key", Pseudonyms(bytes(range(1, 33))))
    (links / "data_set.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match=r"data_set\.json"):
        claim(tmp_path / "DATA", tmp_path / "key")
    (tmp_path / "DATA" / KEY_MARKER).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(DataError, match=r"ingest\.json"):
        claim(tmp_path / "DATA", tmp_path / "key")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")
def test_lists_are_closed_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        links = claim(tmp_path / "DATA", tmp_path / "key")
        (links / "deep").mkdir()
        (links / "deep" / "links.csv").touch()
        (tmp_path / "key" / "secret.txt").touch()
    finally:
        os.umask(before)
    (tmp_path / "key").chmod(0o755)
    assert stat.S_IMODE(links.stat().st_mode) == 0o700  # before anything was written into it
    assert close_to_others(links, tmp_path / "key" / "secret.txt") == []
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in links.rglob("*")}
    assert modes.pop("deep") == 0o700
    assert set(modes.values()) == {0o600}
    # A folder that holds something else, such as a person's home, keeps its mode.
    (tmp_path / "key" / "thesis.docx").touch()
    (tmp_path / "key").chmod(0o755)
    assert close_to_others(links, tmp_path / "key" / "secret.txt") == []
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o755


def test_what_cannot_be_closed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = claim(tmp_path / "DATA", tmp_path / "key")
    links.chmod(0o755)
    # As on a USB stick or a share, whose files have the modes that the mount gives them.
    monkeypatch.setattr(Path, "chmod", lambda *_: None)
    assert links in close_to_others(links, tmp_path / "key" / "secret.txt")


@pytest.mark.parametrize("name", ["secret.txt", "deep/er/secret.txt"])
def test_a_secret_among_the_exports_is_refused(tmp_path: Path, name: str) -> None:
    export = tmp_path / "export"
    with pytest.raises(SettingsError, match="exports"):
        refuse_key_in_export(export / name, export)
    (tmp_path / "link").symlink_to(export, target_is_directory=True)
    with pytest.raises(SettingsError):
        refuse_key_in_export(tmp_path / "link" / name, export)
    refuse_key_in_export(tmp_path / "export-key" / name, export)


def test_no_second_secret_is_made_for_a_data_set_that_lost_its_own(tmp_path: Path) -> None:
    out = tmp_path / "DATA"
    refuse_missing_secret(out, tmp_path / "secret.txt")
    claim(out, tmp_path / "key")
    with pytest.raises(DataError, match="move its key folder there"):
        refuse_missing_secret(out, tmp_path / "secret.txt")
    (tmp_path / "secret.txt").touch()
    refuse_missing_secret(out, tmp_path / "secret.txt")


def test_by_default_it_lies_beside_the_data_set(tmp_path: Path) -> None:
    assert key_folder(tmp_path / "DATA") == tmp_path.resolve() / "DATA-key"
