"""Find planted identifiers in the bytes of any folder: all ways of writing, all encodings."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pieces import pieces
from metrascope.phantom.hospital.planted import Planted

_ENCODINGS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be", "latin-1")
# Only the patient's own outputs are searched for these: another's may be right by chance.
OWN_ONLY = ("date", "time", "age", "screen")
_LEAST = 4
# ISO 2022 changes the character set amid a name.
_ESCAPES = re.compile(rb"\x1b[$()-/]{1,2}[a-z0-9]")


@dataclass(frozen=True)
class Finding:
    """One planted text in one file: ``row`` is the truth's row that it was planted in."""

    file: str
    where: str
    kind: str
    text: str
    row: int


@dataclass(frozen=True)
class _Index:
    """Patterns by their first four bytes and their length."""

    prefixes: np.ndarray
    lengths: Mapping[bytes, tuple[int, ...]]
    owners: Mapping[bytes, tuple[tuple[Planted, int], ...]]


def find_identifiers(
    out: Path,
    truth: Sequence[Mapping[str, Any]],
    owners: Mapping[str, Sequence[int]] | None = None,
) -> list[Finding]:
    """Return the planted texts that are somewhere below a folder.

    Parameters
    ----------
    out
        Any folder.
    truth
        Rows of `metrascope.phantom.hospital.truth.read_truth`.
    owners
        Path below ``out`` (with ``/``) to the rows that its picture was made from. Dates, times
        and ages are looked for only in a file's own rows' plants.

    Returns
    -------
    list
        Each text once per file.
    """
    everyone = _index(
        (note, number)
        for number, row in enumerate(truth)
        for note in row["planted"]
        if note.kind not in OWN_ONLY
    )
    findings: list[Finding] = []
    for path in sorted(path for path in out.rglob("*") if path.is_file()):
        name = path.relative_to(out).as_posix()
        own = _index(
            (note, number)
            for number in (owners or {}).get(name, ())
            for note in truth[number]["planted"]
            if note.kind in OWN_ONLY
        )
        findings += _search_file(name, path.read_bytes(), (everyone, own))
    return findings


def _search_file(name: str, content: bytes, indexes: Iterable[_Index]) -> list[Finding]:
    found: dict[tuple[str, int], Finding] = {}
    for where, piece in pieces(name, content):
        for index in indexes:
            for note, row in _hits(piece, index):
                finding = Finding(name, where, note.kind, note.text, row)
                found.setdefault((note.text, row), finding)
    return list(found.values())


def forms(note: Planted) -> set[str]:
    """Return the ways in which a planted text can be written, lower case."""
    if note.kind == "name":
        return _name_forms(note.text.lower())
    if note.kind == "date":
        return _date_forms(note.text[:8])
    if note.kind == "time":
        clock = note.text[:6]
        return {clock, f"{clock[:2]}:{clock[2:4]}:{clock[4:]}"}
    return {note.text.lower(), note.text.lower().replace(" ", "_")}


@cache
def _name_forms(name: str) -> set[str]:
    if not name.isascii() and all("\u4e00" <= letter <= "\u9fff" for letter in name):
        return {name} | {f"{name[:cut]}^{name[cut:]}" for cut in range(1, len(name))}
    parts = [part for part in re.split(r"[ ,^]+", name) if part]
    orders = (parts, parts[::-1], [*parts[1:], parts[0]], [parts[-1], *parts[:-1]])
    return {mark.join(order) for order in orders for mark in (" ", "^", "_", "", ", ", "-")}


def _date_forms(day: str) -> set[str]:
    year, month, date = day[:4], day[4:6], day[6:]
    numbers = f"{year}年{int(month)}月{int(date)}日"
    ahead = {mark.join((year, month, date)) for mark in ("", "-", "/", ".", ":", "_")}
    behind = {mark.join((date, month, year)) for mark in ("-", "/", ".")}
    return ahead | behind | {f"{month}/{date}/{year}", f"{year}年{month}月{date}日", numbers}


def _index(notes: Iterable[tuple[Planted, int]]) -> _Index:
    owners: defaultdict[bytes, list[tuple[Planted, int]]] = defaultdict(list)
    for note, row in notes:
        for form in forms(note):
            for pattern in _encoded(form):
                if len(pattern) >= _LEAST:
                    owners[pattern].append((note, row))
    lengths: defaultdict[bytes, set[int]] = defaultdict(set)
    for pattern in owners:
        lengths[pattern[:_LEAST]].add(len(pattern))
    codes = np.array(sorted(int.from_bytes(prefix, "big") for prefix in lengths), np.uint32)
    return _Index(
        codes,
        {prefix: tuple(sorted(sizes)) for prefix, sizes in lengths.items()},
        {pattern: tuple(held) for pattern, held in owners.items()},
    )


def _encoded(form: str) -> set[bytes]:
    if form.isascii():
        return {form.encode()}
    patterns = set()
    for written in {form, form.upper(), form.title()}:
        for encoding in _ENCODINGS:
            with suppress(UnicodeEncodeError):
                patterns.add(written.encode(encoding).lower())
    return patterns


def _hits(piece: bytes, index: _Index) -> Iterable[tuple[Planted, int]]:
    """Return what of the index is in a piece, as it stands or as every second byte of it."""
    if not len(index.prefixes):
        return
    views = [piece.lower()]
    if b"\0" in piece:
        views += [views[0][::2], views[0][1::2]]
    if b"\x1b" in piece:
        views.append(_ESCAPES.sub(b"", views[0]))
    seen: set[bytes] = set()
    for view in views:
        for place in _candidates(view, index.prefixes):
            for length in index.lengths[view[place : place + _LEAST]]:
                pattern = view[place : place + length]
                if pattern in index.owners and pattern not in seen and _whole(view, place, pattern):
                    seen.add(pattern)
                    yield from index.owners[pattern]


def _candidates(view: bytes, prefixes: np.ndarray) -> list[int]:
    """Return where any of the patterns' first four bytes stand."""
    if len(view) < _LEAST:
        return []
    letters = np.frombuffer(view, np.uint8).astype(np.uint32)
    codes = letters[:-3] << 24 | letters[1:-2] << 16 | letters[2:-1] << 8 | letters[3:]
    nearest = np.searchsorted(prefixes, codes).clip(max=len(prefixes) - 1)
    return [int(place) for place in np.flatnonzero(prefixes[nearest] == codes)]


def _whole(view: bytes, place: int, pattern: bytes) -> bool:
    """Tell whether digits are not a part of a longer number or of a hash by chance.

    A date may be followed by a time.
    """
    if not pattern.isdigit():
        return True
    end = place + len(pattern)
    before, after = view[max(place - 1, 0) : place], view[end : end + 15]
    alone = re.compile(rb"[0-9a-f]")
    if before and alone.match(before):
        return False
    timed = len(pattern) == 8 and re.match(rb"\d{6}(?!\d)", after)
    return bool(timed) or not (after and alone.match(after[:1]))
