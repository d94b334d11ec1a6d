"""The key folder: the secret and, of each data set made with it, the lists that lead to patients.

``DATA-key/secret.txt`` and ``DATA-key/DATA-links/`` by default. Several data sets may share one
secret, even two of one name: each has a folder of lists of its own, which names it.
"""

import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final

from filelock import FileLock

from metrascope import __version__
from metrascope.errors import DataError, SettingsError, StudyError
from metrascope.files.atomic import write_json
from metrascope.ingest.pseudonyms import Pseudonyms

__all__ = [
    "KEY_MARKER",
    "claim_data_set",
    "close_to_others",
    "key_folder",
    "refuse_key_in_export",
    "refuse_missing_secret",
]

KEY_MARKER: Final = "ingest.json"
"""File in a data set that says that ingest made it, with which secret, and which one it is."""
_OWNER: Final = "data_set.json"
"""File in a folder of lists that names the data set whose lists they are."""
_LOCK: Final = ".data_sets.lock"


@dataclass(frozen=True)
class _Owner:
    """The data set that a folder of lists belongs to.

    Attributes
    ----------
    links
        The folder of lists.
    data_set
        Identity, as in the data set's `KEY_MARKER`.
    folder
        Where the data set was when it was last ingested.
    place
        Where ``links`` was then.
    """

    links: Path
    data_set: str
    folder: Path
    place: Path


def key_folder(out: Path) -> Path:
    """Return where secret and private lists are kept by default: beside the data set."""
    return out.resolve().with_name(f"{out.resolve().name}-key")


def refuse_key_in_export(secret: Path, source: Path) -> None:
    """Refuse a secret that lies among the exports: its lists would be written there.

    Raises
    ------
    SettingsError
        If it does, links followed.
    """
    export = source.resolve()
    if export in secret.resolve().parents or secret.resolve() == export:
        raise SettingsError("deidentify.secret_in_export", path=secret, source=source)


def refuse_missing_secret(out: Path, secret: Path) -> None:
    """Refuse to make a secret for a data set that has one already: a new one could only mislead.

    Raises
    ------
    DataError
        If the data set is known and its secret's file is not there: lost, or beside the place
        that the data set was moved from.
    """
    if _read_marker(out) is not None and not secret.exists():
        raise DataError("ingest.no_secret", path=out, secret=secret)


def claim_data_set(out: Path, secret: Path, pseudonyms: Pseudonyms) -> Path:
    """Make a folder a data set of this secret, or check that it is one; return its private lists.

    A data set is known by the identity in its `KEY_MARKER`, not by its name: it keeps its lists
    when it is moved or renamed, one that was deleted and is made again at the same place goes on
    with them, a copy gets lists of its own, and so does another data set of the same name.

    Parameters
    ----------
    out
        Folder of the data set; exists, and nobody else is writing to it.
    secret
        File of the secret; the folders of lists are beside it.
    pseudonyms
        Under that secret.

    Returns
    -------
    Folder of the private lists, open to this user alone where the system can do that.

    Raises
    ------
    DataError
        If the marker cannot be read, or another secret made the data set.
    StudyError
        If data set or key folder cannot be written.
    """
    # Tells two secrets apart and nothing about either.
    check = pseudonyms.source("the secret of this data set")
    folder = secret.parent.resolve()
    marker = _read_marker(out)
    if marker is not None and marker.get("secret_check") != check:
        raise DataError("ingest.other_secret", path=out)
    try:
        with FileLock(folder / _LOCK):  # two of one name may begin at once
            data_set, links = _choose_links(out, folder, pseudonyms, marker)
            _make_private(links)
            write_json(
                links / _OWNER,
                {"data_set": data_set, "folder": str(out.resolve()), "place": str(links)},
            )
    except OSError as error:
        reason = error.strerror or error
        raise StudyError("common.cannot_write", path=folder, reason=reason) from error
    wanted = {"made_by": f"metrascope {__version__}", **(marker or {})}
    wanted |= {"secret_check": check, "data_set": data_set}
    if wanted != marker:
        write_json(out / KEY_MARKER, wanted)
    return links


def close_to_others(links: Path, secret: Path) -> list[Path]:
    """Take the private lists away from all other users, whatever the umask; return what stays open.

    Parameters
    ----------
    links
        Folder of the private lists: it gets the mode 0700 and its files 0600.
    secret
        File of the secret. Its folder gets 0700 only where it holds nothing but what belongs to
        keys: it may be a person's home.

    Returns
    -------
    Paths that others may still be able to read: the file system (a USB stick, a share) or the
    operating system (Windows) keeps no such modes, or another user owns them.
    """
    private = [links, *(path for path in links.rglob("*") if not path.is_symlink())]
    if all(_belongs_to_keys(path, secret) for path in secret.parent.iterdir()):
        private = [secret.parent, *private]
    return [path for path in private if not _closed(path)]


def _belongs_to_keys(path: Path, secret: Path) -> bool:
    named = path.name in (secret.name, _LOCK)
    return named or (path.name.partition("-links")[1] != "" and path.is_dir())


def _closed(path: Path) -> bool:
    """Take a file or folder away from group and others; tell whether that worked."""
    wanted = 0o700 if path.is_dir() else 0o600
    try:
        if stat.S_IMODE(path.stat().st_mode) != wanted:
            path.chmod(wanted)
        return os.name == "posix" and not stat.S_IMODE(path.stat().st_mode) & 0o077
    except OSError:
        return False


def _make_private(links: Path) -> None:
    links.mkdir(mode=0o700, parents=True, exist_ok=True)
    _closed(links)  # before anything is written into it: files have the modes of the umask at first


def _choose_links(
    out: Path, folder: Path, pseudonyms: Pseudonyms, marker: dict[str, Any] | None
) -> tuple[str, Path]:
    """Return the identity of a data set and the folder of its lists, which may not exist yet."""
    owners = {owner.data_set: owner for owner in _owners(folder)}
    owner = owners.get(str((marker or {}).get("data_set", "")))
    if owner is not None and not _is_copy(out, owner):
        return owner.data_set, owner.links
    here = next((each for each in owners.values() if each.folder == out.resolve()), None)
    if here is not None:
        return here.data_set, here.links
    data_set = _free_identity(pseudonyms, owners)
    links = folder / f"{out.resolve().name}-links"
    if links.exists() and not _has_unowned_lists(links, out, marker):
        links = links.with_name(f"{links.name}-{data_set}")
    if owner is not None:  # what people decided about the original holds for its copy
        shutil.copytree(owner.links, links, dirs_exist_ok=True)
    return data_set, links


def _has_unowned_lists(links: Path, out: Path, marker: dict[str, Any] | None) -> bool:
    """Tell whether lists that name no data set, as those of version 0.1.0, are those of ``out``."""
    unowned = not (links / _OWNER).exists()
    return unowned and (marker is not None or links.parent == key_folder(out))


def _owners(folder: Path) -> Iterator[_Owner]:
    for path in sorted(folder.glob(f"*-links*/{_OWNER}")):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            names = [found[name] for name in ("data_set", "folder", "place")]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError("ingest.bad_owner", path=path, marker=KEY_MARKER) from error
        if not all(isinstance(name, str) and name for name in names):
            raise DataError("ingest.bad_owner", path=path, marker=KEY_MARKER)
        yield _Owner(path.parent, names[0], Path(names[1]), Path(names[2]))


def _is_copy(out: Path, owner: _Owner) -> bool:
    """Tell whether the lists are still those of a data set elsewhere, of which ``out`` is a copy.

    Where the lists themselves lie elsewhere than before, both were copied or moved together.
    """
    if owner.folder == out.resolve() or owner.place != owner.links:
        return False
    try:
        marker = _read_marker(owner.folder)
    except DataError:
        return False
    return marker is not None and marker.get("data_set") == owner.data_set


def _free_identity(pseudonyms: Pseudonyms, used: Iterable[str]) -> str:
    """Return an identity that the secret's other data sets have not: the same at every trial."""
    names = set(used)
    each = (pseudonyms.data_set(number) for number in count(1))
    return next(name for name in each if name not in names)


def _read_marker(out: Path) -> dict[str, Any] | None:
    """Return what the marker of a data set holds, None where there is none."""
    path = out / KEY_MARKER
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found["secret_check"], str):
            raise TypeError
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError("ingest.bad_marker", path=path) from error
    return dict(found)
