"""Ingest a folder: find its files, take them in on several processes, assemble the data set."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from metrascope.dataset.manifest import write_manifest
from metrascope.errors import DataError, MissingExtraError
from metrascope.files.atomic import is_unused, sha256
from metrascope.files.folder_lock import lock_folder
from metrascope.ingest.applying import apply_decisions
from metrascope.ingest.carried import carried_notices
from metrascope.ingest.catalog import (
    Catalog,
    assemble,
    manifest_table,
    remember_refusals,
    unmatched_rows,
    with_hashes,
    write_catalog,
    write_private,
)
from metrascope.ingest.changes import (
    Changes,
    change_notices,
    find_changes,
    no_row_reason,
    seen_files,
)
from metrascope.ingest.decisions import (
    check_decisions,
    decided,
    decided_records,
    read_decisions,
)
from metrascope.ingest.diagnoses import DiagnosisList, write_diagnoses
from metrascope.ingest.edits import confirm_copy, keep_copy, read_edits
from metrascope.ingest.evidence import write_evidence
from metrascope.ingest.file import IngestJob, start_ingest_worker
from metrascope.ingest.image_files import (
    changed_images,
    image_names,
    remove_images,
    retouched_images,
    set_one_time,
)
from metrascope.ingest.in_force import in_force
from metrascope.ingest.journal import IngestJournal, Record, Rejection
from metrascope.ingest.key_folder import (
    KEY_MARKER,
    claim_data_set,
    close_to_others,
    key_folder,
    refuse_key_in_export,
    refuse_missing_secret,
)
from metrascope.ingest.label_notices import (
    bare_codes,
    diagnosis_notices,
    number_notices,
    quoted,
)
from metrascope.ingest.manifest_decisions import (
    DECISIONS_FILE,
    removed_images,
    write_cell_decisions,
)
from metrascope.ingest.notices import (
    decided_notices,
    earlier_notices,
    file_notices,
    write_earlier,
)
from metrascope.ingest.places import (
    Search,
    awaited_records,
    listed_records,
    pending_files,
    real_root,
    refuse_other_column,
    refuse_other_table,
    settle,
)
from metrascope.ingest.pseudonyms import Pseudonyms, open_secret
from metrascope.ingest.waiting import Waiting, find_waiting
from metrascope.labels.column_words import ColumnWords
from metrascope.labels.labels import Keys, Labels, read_labels
from metrascope.messages import Reason, reason_title
from metrascope.processes.dispatch import EngineName, ShareOut, open_file_pool
from metrascope.processes.files import Failed
from metrascope.progress import begin
from metrascope.screen.settings import IngestSettings
from metrascope.sources.search import QUIET, Skipped, Source, find_sources


@dataclass(frozen=True)
class Ingested:
    """What an ingest has written.

    Attributes
    ----------
    manifest, evidence
        Paths in the data set.
    private
        Folder with the lists that lead back to patients, outside the data set.
    catalog
        Images, rejections and records.
    unmatched
        Rows of the labels that no file matched.
    open_to_others
        Private lists that other users of the machine may be able to read all the same.
    notices
        Sentences on earlier runs and on what people decided.
    missing
        Files that the manifest names and that are not there.
    changes, waiting
        What this run has changed; what waits for a person.
    failure
        What to say where no file of the folder belongs to a row of the labels; None where one
        does.
    """

    manifest: Path
    evidence: Path
    private: Path
    catalog: Catalog
    unmatched: int
    open_to_others: tuple[Path, ...]
    notices: tuple[Reason, ...]
    missing: tuple[str, ...]
    changes: Changes
    waiting: Waiting
    failure: Reason | None = None


def ingest(
    source: Path,
    out: Path,
    labels: Path,
    settings: IngestSettings,
    *,
    secret: Path | None = None,
    jobs: int | None = 1,
    engine: EngineName = "local",
    address: str | None = None,
    lang: str = "en",
    progress: Callable[[int, int], None] | None = None,
) -> Ingested:
    """Make a clean data set of a folder of exports, or add to one what is new.

    Parameters
    ----------
    source
        A folder, a zip archive or a file. Never changed.
    out
        The data set: new, empty, or one that the same settings and secret made.
    labels
        Table of pathology results, CSV or XLSX.
    settings
        Thresholds and choices.
    secret
        File that holds the secret of the pseudonyms, made if it does not exist; by default
        ``secret.txt`` in a folder beside the data set. The private lists go beside it.
    jobs, engine, address
        What takes the files in; see `metrascope.processes.dispatch.open_file_pool`.
    lang
        Language that the evidence page opens in.
    progress
        Called with files done and files in all.

    Raises
    ------
    DataError
        If source or labels cannot be read, ``out`` lies in the source or holds something else,
        or all was left out; then the lists that tell why have been written.
    SettingsError
        If the secret lies inside the data set or the exports or cannot be used, or there is no
        such engine.
    StudyError
        If ``out`` cannot be written, another ingest is writing it, or there is no cluster.
    """
    _check_extra(settings)
    _check_folder(source, out)
    secret = secret or key_folder(out) / "secret.txt"
    refuse_key_in_export(secret, source)
    refuse_missing_secret(out, secret)
    table = read_labels(labels, settings.columns, settings.labels)
    needed = (source.absolute(), out.absolute() / KEY_MARKER)
    share_out = open_file_pool(engine, jobs=jobs, address=address, needed=needed)
    found = list(find_sources(source, (out, labels, secret.parent)))
    if not found:
        raise DataError("ingest.nothing", path=source)
    search = Search(real_root(source), found, sha256(labels)[:16])
    pseudonyms = Pseudonyms(open_secret(secret, out))
    with lock_folder(out, "ingest.busy"):
        private = claim_data_set(out, secret, pseudonyms)
        decisions = read_decisions(private)
        table = decided(table, decisions)
        with IngestJournal(private / "journal.jsonl", _fixed(settings)) as journal:
            intake = IngestJob(out.absolute(), settings, _aware(table, found), pseudonyms)
            ours = image_names(journal.records.values())
            seen = seen_files(journal)
            edits = read_edits(out, private, journal.records.values())
            check_decisions(journal.records.values(), table, decisions)
            refuse_other_table(search, intake, journal)
            refuse_other_column(table, out)
            changed = changed_images(out, _images(journal))
            retouched = retouched_images(out, _images(journal), changed)
            left_out = removed_images(edits.decisions)
            remake = changed - retouched.keys()
            pending = pending_files(search, intake, journal, left_out, remake)
            _ingest_files(search, intake, pending, journal, share_out, progress)
            begin("lists")
            ours |= image_names(journal.records.values())
            earlier = settle(search, journal, intake)
            awaited = awaited_records(search, journal, intake, decisions)
            own = image_names(journal.records.values())
            records = listed_records(search, journal.records.values())
            here = image_names(r for r in journal.records.values() if r.place in search.places)
            records = decided_records(records, table, decisions)
            words = ColumnWords(pseudonyms, settings.centre, settings.centres)
            catalog = assemble(records, table, words, settings.two_diagnoses, search.table)
            changed &= image_names(catalog.records)
            still = changed_images(out, _images(journal, changed))
            by_hand = {name: digest for name, digest in retouched.items() if name in still}
            remember_refusals(journal, catalog, records, search.table)
            catalog = with_hashes(catalog, by_hand)
        final = apply_decisions(catalog, edits)
        catalog = final.catalog
        changes = find_changes(search, journal.records.values(), seen, catalog, edits.before)
        write_cell_decisions(final.decisions, out / DECISIONS_FILE)
        write_manifest(manifest_table(catalog), keep_copy(private, edits))
        manifest = write_catalog(catalog, out, pseudonyms)
        write_private(catalog, private, pseudonyms, table)
        diagnoses = write_diagnoses(private, table, catalog.records, decisions)
        write_earlier(earlier, private)
        kept = {image["image"] for image in catalog.images}
        # Only what can be made again goes, or what something else has replaced.
        staying = (own | (edits.before - ours)) - here - kept
        remove_images(out, (ours | edits.before) - kept - staying)
        confirm_copy(out, private)
        unmatched = len(unmatched_rows(catalog, table))
        sources = {
            (search.root, item.name, item.state): item for item in found if isinstance(item, Source)
        }
        force = in_force(table, diagnoses, final.decisions, len(edits.audited), out, private)
        waiting = find_waiting(catalog, diagnoses.waiting, pseudonyms)
        evidence = write_evidence(
            catalog, out, private, sources, unmatched, force, waiting, settings, lang
        )
        set_one_time(out, kept)
        still_open = tuple(close_to_others(private, secret))
    failure = no_row_reason(changes, source, labels, table)
    if not catalog.images and failure:
        raise DataError(failure.key, **failure.values)
    _check_kept(catalog, source, out, diagnoses, table)
    notices = change_notices(changes, search)
    notices += earlier_notices(earlier, search, awaited)
    notices += number_notices(catalog.records, search.table)
    notices += diagnosis_notices(diagnoses, table, catalog.images)
    notices += carried_notices(catalog, decisions, edits.before, seen)
    notices += decided_notices(final, edits, out, earlier)
    told, missing = file_notices(
        final, staying, search, out, changed - still, still - by_hand.keys(), by_hand
    )
    return Ingested(
        manifest, evidence, private, catalog, unmatched, still_open, (*notices, *told), missing,
        changes, waiting, failure,
    )  # fmt: skip


def _images(
    journal: IngestJournal, names: Collection[str] | None = None
) -> Iterator[Mapping[str, Any]]:
    """Yield the images of a journal, all or those of some names."""
    for record in journal.records.values():
        for image in record.images:
            if names is None or image["image"] in names:
                yield image


def _check_extra(settings: IngestSettings) -> None:
    if settings.verify and find_spec("rapidocr") is None:
        raise MissingExtraError("ingest.no_recognition", extra="ocr")


def _check_folder(source: Path, out: Path) -> None:
    """Refuse a folder of originals or of something else, before anything is written anywhere."""
    if source.resolve() in (out.resolve(), *out.resolve().parents):
        raise DataError("ingest.out_in_source", path=out, source=source)
    marker = out / KEY_MARKER
    if not marker.exists() and not is_unused(out):
        raise DataError("ingest.foreign_folder", path=out, marker=KEY_MARKER)


def _check_kept(
    catalog: Catalog, source: Path, out: Path, diagnoses: DiagnosisList, table: Labels
) -> None:
    """Say so where all was left out, after the lists that tell why have been written."""
    if catalog.images:
        return
    # A hidden file beside a hundred screens explains nothing.
    telling = Counter({k: n for k, n in catalog.reasons.items() if k not in QUIET})
    (key, count), *_ = (telling or catalog.reasons).most_common(1)
    title = reason_title(key)
    codes = bare_codes(table)
    if codes and key == "labels.code":
        raise DataError("diagnoses.only_codes", path=source, list=diagnoses.path, **codes)
    if diagnoses.waiting >= count:
        texts = quoted(diagnoses)
        raise DataError(
            "diagnoses.none_decided", path=source, reason=title, list=diagnoses.path, texts=texts
        )
    raise DataError("ingest.none_kept", path=source, reason=title, rejects=out / "rejects.csv")


def _fixed(settings: IngestSettings) -> dict[str, Any]:
    """Return the settings that the outcome of a file depends on."""
    later = {"centre", "centres", "columns", "labels", "seconds", "two_diagnoses"}
    return settings.model_dump(mode="json", exclude=later)


def _aware(labels: Labels, found: Iterable[Source | Skipped]) -> Labels:
    """Return labels that know which names of files are in several folders, before any is read."""
    if "file_name" not in labels.columns:
        return labels
    return labels.knowing(Keys(file_name=item.name) for item in found)


def _ingest_files(
    search: Search,
    intake: IngestJob,
    pending: list[Source],
    journal: IngestJournal,
    share_out: ShareOut,
    progress: Callable[[int, int], None] | None,
) -> None:
    settings = intake.settings
    outcomes = share_out(
        partial(start_ingest_worker, intake),
        pending,
        seconds=settings.seconds,
        memory_mb=settings.memory_mb,
    )
    for done, (source, outcome) in enumerate(outcomes, start=1):
        if isinstance(outcome, Failed):
            rejection = Rejection(f"ingest.{outcome.reason}")
            outcome = Record(source.name, source.state, source.kind, rejections=(rejection,))
        journal.add(replace(outcome, root=search.root, table=search.table))
        if progress is not None:
            progress(done, len(pending))
