"""Where the files of earlier runs are now: in this folder, in another one, changed or gone.

A file is known by its content and by the folder it came from. A second month's folder repeats
the names of the first; a stick is mounted elsewhere, a folder renamed: neither may lose a picture
or count it twice.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import Final

from metrascope.classes import class_title
from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.ingest.decisions import Decision, has_class_now
from metrascope.ingest.edits import MANIFEST
from metrascope.ingest.file import IngestJob, match, written_files
from metrascope.ingest.identity import IDENTITY
from metrascope.ingest.journal import IngestJournal, Key, Record, Rejection
from metrascope.ingest.label_notices import column_roles
from metrascope.labels.columns import KEYS
from metrascope.labels.diagnosis import CLASSES
from metrascope.labels.labels import Keys, LabelRow, Labels
from metrascope.messages import Reason
from metrascope.sources.search import Skipped, Source, distinct_names

_NO_ROW: Final = ("labels.no_row", "labels.other_script")
_NAMED: Final = 3
"""Classes that a sentence names of a column that gives none of the data set's."""
_FEW: Final = 3
"""Images below which a table that lacks them is taken for one that was corrected."""
_WHOSE: Final = ("patient_id", "accession", "study_uid", "name")


@dataclass(frozen=True)
class Search:
    """What a folder holds at this run.

    Attributes
    ----------
    root
        The folder, by its real path; ``""`` where an older version did not say.
    found
        Its files.
    table
        The table of labels: the start of its SHA-256.
    """

    root: str
    found: Sequence[Source | Skipped]
    table: str

    @cached_property
    def places(self) -> frozenset[Key]:
        """Return the places of its files, as `Record.place`."""
        return frozenset(_place(self, item) for item in self.found)


@dataclass(frozen=True)
class Earlier:
    """What this run finds of earlier ones.

    Attributes
    ----------
    gone
        Records of this folder whose picture is no longer in it; their images stay.
    replaced
        Records of files that hold another picture of the same exam now: their images go.
    beside
        Records whose name is that of another patient's or exam's file now: both stay.
    unread
        Records whose file could not be read now: their images stay.
    otherwise
        Records of files that are not in this folder, which its labels would class otherwise.
    """

    gone: tuple[Record, ...] = ()
    replaced: tuple[Record, ...] = ()
    beside: tuple[Record, ...] = ()
    unread: tuple[Record, ...] = ()
    otherwise: tuple[Record, ...] = ()


def refuse_other_table(search: Search, intake: IngestJob, journal: IngestJournal) -> None:
    """Refuse a table of labels that lacks most patients of the images that this folder gave.

    It is another month's, and all these images would leave the data set.

    Parameters
    ----------
    search
        The folder of this run, and its table.
    intake
        Has the labels.
    journal
        Open; it is read only.

    Raises
    ------
    DataError
        If more than half of the images have no row in this table, and at least three; or fewer,
        where it has a row for no file of the folder at all.
    """
    known = unlisted = 0
    for record in journal.records.values():
        if record.row is None or not record.images or record.place not in search.places:
            continue
        known += len(record.images)
        if record.table not in ("", search.table) and _has_no_row(record, intake):
            unlisted += len(record.images)
    if unlisted > known / 2 and (unlisted >= _FEW or _knows_no_file(search, intake, journal)):
        columns = column_roles(intake.labels, KEYS)
        raise DataError(
            "earlier.other_table", images=unlisted, all=known, folder=search.root, columns=columns
        )


def refuse_other_column(labels: Labels, out: Path) -> None:
    """Refuse a column, named by a person, that gives none of the data set's classes.

    Remarks beside the diagnosis, such as "followed up", would else become a class of their own.

    Parameters
    ----------
    labels
        The table.
    out
        The data set.

    Raises
    ------
    DataError
        If the data set has only the study's classes and the column has others alone.
    """
    held = _held_classes(out / MANIFEST)
    given = sorted({one.label for one in labels.diagnoses.values() if one.label})
    if not labels.label_named or not held or not held <= set(CLASSES) or not given:
        return
    if not set(given) & set(CLASSES):
        raise DataError(
            "earlier.other_column",
            column=", ".join(labels.columns["label"]),
            classes=", ".join(given[:_NAMED]),
            held=", ".join(class_title(label) for label in CLASSES if label in held),
        )


def _held_classes(manifest: Path) -> set[str]:
    """Return the classes in a manifest; none of one that is not there, is empty or damaged.

    What is wrong with it is said where it is read for its cells.
    """
    if not manifest.exists():
        return set()
    try:
        return set(read_table(manifest, ("label",))["label"])
    except DataError:
        return set()


def _knows_no_file(search: Search, intake: IngestJob, journal: IngestJournal) -> bool:
    """Tell whether the labels have a row for no file of a folder; of a new one nobody knows yet."""
    here = [record for record in journal.records.values() if record.place in search.places]
    if search.places - {record.place for record in here}:
        return False
    return all(_has_no_row(record, intake) for record in here if record.keys)


def _has_no_row(record: Record, intake: IngestJob) -> bool:
    matched = match(intake.labels, record.keys)
    return isinstance(matched, Reason) and matched.key in _NO_ROW


def pending_files(
    search: Search,
    intake: IngestJob,
    journal: IngestJournal,
    left_out: Collection[str],
    changed: Collection[str] = (),
) -> list[Source]:
    """Return the files that are new, have changed, or whose patient the labels see otherwise.

    Those too whose failure may have passed, and those of whose images one is gone or is not what
    was written: the journal lies beside the data set and outlives it.
    Their paths are absolute: other machines work in folders of their own.

    Parameters
    ----------
    search
        The folder of this run.
    intake
        What is the same for all files.
    journal
        Open; what needs no new look at its file is brought up to date in it.
    left_out
        Images that a person has taken out: nobody misses their files.
    changed
        Images whose files are not what was written.
    """
    here = {
        record.place: record
        for record in journal.records.values()
        if record.root == search.root and record.sha256 and not record.passing
    }
    elsewhere = _Elsewhere(search, journal.records.values())
    pending = []
    for item in search.found:
        if isinstance(item, Skipped):
            rejection = Rejection(item.reason.key, item.reason.values)
            journal.add(Record(item.name, "", rejections=(rejection,), root=search.root))
            continue
        known = here.get((search.root, item.name, item.state)) or elsewhere.find(item)
        confirmed = known and _confirmed(known, intake, search.table)
        if confirmed is None or not _is_whole(confirmed, intake, left_out, changed):
            pending.append(replace(item, path=item.path.absolute()))
        elif journal.records.get(confirmed.key) != confirmed:
            journal.add(confirmed)
    return pending


class _Elsewhere:
    """Records whose file is not where it was, to be found again by name, size and content."""

    def __init__(self, search: Search, records: Iterable[Record]) -> None:
        self._root = search.root
        self._known: dict[tuple[str, str], dict[str, Record]] = {}
        for record in records:
            if record.sha256 and record.place not in search.places:
                trait = _trait(record.source, record.stamp)
                self._known.setdefault(trait, {})[record.sha256] = record

    def find(self, source: Source) -> Record | None:
        """Return the record of a file that was elsewhere, as it is now, if there is one."""
        candidates = self._known.get(_trait(source.name, source.state))
        if not candidates:
            return None
        try:
            record = candidates.get(hashlib.sha256(source.read()).hexdigest())
        except DataError:
            return None  # taking it in will say why
        return record and replace(
            record,
            root=self._root,
            source=source.name,
            stamp=source.state,
            keys={**record.keys, "file_name": source.name},
        )


def _trait(name: str, stamp: str) -> tuple[str, str]:
    """Return what a file keeps when its folder is moved; a hash of all others would cost more."""
    return PurePosixPath(name).name, stamp.partition("-")[0]


def _place(search: Search, item: Source | Skipped) -> Key:
    return search.root, item.name, item.state if isinstance(item, Source) else ""


def _confirmed(record: Record, intake: IngestJob, table: str) -> Record | None:
    """Return a record with what the labels now say; None where its file must be looked at anew."""
    matched = match(intake.labels, record.keys)
    if isinstance(matched, LabelRow):
        row = record.row
        if row is None or any(matched.values.get(key) != row.get(key) for key in IDENTITY):
            return None
        return replace(record, row=matched.values, table=table)
    if record.row is not None:
        return None
    if not all(each.reason.startswith("labels.") for each in record.rejections):
        return record
    rejection = Rejection(matched.key, matched.values)
    return replace(record, rejections=(rejection,), table=table)


def _is_whole(
    record: Record, intake: IngestJob, left_out: Collection[str], changed: Collection[str]
) -> bool:
    images = tuple(image for image in record.images if image["image"] not in left_out)
    if any(image["image"] in changed for image in images):
        return False
    return all(path.is_file() for path in written_files(intake, replace(record, images=images)))


def settle(search: Search, journal: IngestJournal, intake: IngestJob) -> Earlier:
    """Decide what becomes of the records whose file is not where it was; forget what is doubled.

    Called when all files of the folder are in the journal. It asks nothing but journal, folder
    and labels, so that a run that was killed comes to the same when it is started again.
    """
    now = {record.source: record for record in _now(journal, search.places)}
    present: dict[str, bool] = {}  # content to whether images came of it
    for record in filter(_was_read, now.values()):
        present[record.sha256] = present.get(record.sha256, False) or bool(record.images)
    shut = {record.source for record in now.values() if record.passing}
    moved: set[str] = set()
    fates: dict[str, list[Record]] = {"gone": [], "replaced": [], "beside": [], "unread": []}
    for record in [*journal.records.values()]:
        newer = now.get(record.source)
        if newer is record:
            continue
        images = bool(record.images)
        # A copy that the labels do not know takes nothing away from the one that they knew.
        if record.sha256 in present and (present[record.sha256] or not images):
            moved.add(record.root)
            journal.forget(record)
        elif record.root == search.root:
            fate = _fate(record, newer, shut)
            if images:
                fates[fate].append(record)
            if fate == "replaced" or not images:
                journal.forget(record)
    _forget_emptied(search, journal, moved)
    kept = (r for r in journal.records.values() if r.images and now.get(r.source) is not r)
    otherwise = tuple(record for record in kept if _is_classed_otherwise(record, intake))
    return Earlier(**{name: tuple(each) for name, each in fates.items()}, otherwise=otherwise)


def _fate(record: Record, newer: Record | None, shut: Collection[str]) -> str:
    """Return what became of a file that is not in its folder as it was.

    Of a file or folder that cannot be opened for now nobody knows; one that is no picture any more
    has taken its picture out of the folder.
    """
    if any(holder in shut for holder in (record.source, *_holders(record.source))):
        return "unread"
    if newer is None or not newer.sha256:
        return "gone"
    return "beside" if _is_another(record, newer) else "replaced"


def _holders(name: str) -> Iterator[str]:
    """Yield the folders and archives that a file lies in."""
    while "/" in name:
        name = name.rpartition("/")[0].removesuffix("!")
        yield name


def _was_read(record: Record) -> bool:
    return record.sha256 != ""


def _now(journal: IngestJournal, places: Collection[Key]) -> Iterator[Record]:
    """Yield the records of the files that the folder holds; what could be read comes last."""
    held = [record for record in journal.records.values() if record.place in places]
    yield from sorted(held, key=_was_read)


def _forget_emptied(search: Search, journal: IngestJournal, moved: set[str]) -> None:
    """Forget what was no picture in a folder that has moved: it is counted where it is now."""
    names = {item.name for item in search.found}
    for record in [*journal.records.values()]:
        left = record.root in {*moved, ""} and record.root != search.root
        if left and not record.images and not record.sha256 and record.source in names:
            journal.forget(record)


def _is_another(old: Record, new: Record) -> bool:
    """Tell whether two pictures that had one name are of different patients or exams."""
    first, second = _identifiers(old), _identifiers(new)
    if first.written("sop_uid") & second.written("sop_uid"):
        return False
    pairs = ((first.written(role), second.written(role)) for role in _WHOSE)
    return any(one and other and not one & other for one, other in pairs)


def _identifiers(record: Record) -> Keys:
    """Return the identifiers of a file, and where it has none those of its row."""
    told: Mapping[str, str] = record.row or {}
    roles = (*_WHOSE, "sop_uid")
    return Keys(**{role: record.keys.get(role) or told.get(role, "") for role in roles})


def _is_classed_otherwise(record: Record, intake: IngestJob) -> bool:
    """Tell whether today's labels give the row of an earlier one another class.

    Names of files alone do not say that a row is the same: those of another folder repeat.
    """
    matched = match(intake.labels, record.keys)
    if isinstance(matched, Reason) or record.row is None:
        return False
    same = all(matched.values.get(key) == record.row.get(key) for key in IDENTITY)
    sure = any(record.row.get(key) for key in IDENTITY)
    return same and sure and matched.values.get("label") != record.row.get("label")


def awaited_records(
    search: Search, journal: IngestJournal, intake: IngestJob, decisions: Mapping[str, Decision]
) -> list[Record]:
    """Return records of other folders that were left out for their diagnosis and now have a class.

    By a decision about their text, or by a row of today's labels; names of files alone do not say
    that it is theirs.
    """
    return [
        record
        for record in journal.records.values()
        if record.place not in search.places
        and not record.images
        and (has_class_now(record, decisions) or _is_matched(record, intake))
    ]


def _is_matched(record: Record, intake: IngestJob) -> bool:
    if not all(each.reason.startswith("labels.") for each in record.rejections):
        return False
    sure = {role: value for role, value in record.keys.items() if role != "file_name"}
    return bool(sure) and isinstance(match(intake.labels, sure), LabelRow)


def listed_records(search: Search, records: Iterable[Record]) -> list[Record]:
    """Return records for the catalog, each with a name of its own.

    What is not in this folder as it was is called by the folder that it was in. A row number of
    another table is not one of this table.
    """
    found = list(records)
    roots = sorted({record.root for record in found})
    folders = dict(zip(roots, distinct_names([Path(root).name for root in roots]), strict=True))
    used = {record.source for record in found if record.place in search.places}
    listed = []
    for record in sorted(found, key=lambda record: record.key):
        name = record.source
        if record.place not in search.places:
            name = _free_name(f"{folders[record.root]}/{record.source}", used)
        listed.append(replace(record, source=name, row=_numbered(record, search.table)))
    return listed


def _free_name(name: str, used: set[str]) -> str:
    names = chain([name], (f"{name}#{number}" for number in count(2)))
    free = next(each for each in names if each not in used)
    used.add(free)
    return free


def _numbered(record: Record, table: str) -> Mapping[str, str] | None:
    if record.row is None or record.table == table:
        return record.row
    return {**record.row, "row": f"{record.row.get('row')} ({record.table})"}


def real_root(source: Path) -> str:
    """Return the name of a folder of exports in the journal."""
    return str(source.resolve())
