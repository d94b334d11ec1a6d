"""Audit a data set: examine it and write the page, the tables and, if asked, the groups."""

from dataclasses import replace
from pathlib import Path

from metrascope.audit.examination import Audit, examine
from metrascope.audit.groups import write_groups
from metrascope.audit.page import write_page
from metrascope.audit.settings import AuditSettings
from metrascope.files.atomic import sha256
from metrascope.messages import language
from metrascope.processes.cores import checked_jobs
from metrascope.progress import Advance, begin


def audit(
    data: Path,
    out: Path,
    *,
    splits: Path | None = None,
    jobs: int = 1,
    progress: Advance | None = None,
    settings: AuditSettings | None = None,
    write: bool = False,
) -> Audit:
    """Audit a data set and write ``audit.html``, ``audit.json`` and the tables to a folder.

    Parameters
    ----------
    data
        The data set's folder, or its manifest.
    out
        Where the results go; scratch data too while it runs, about 80 kB for each image.
    splits
        Which patient, or which image, is in which partition.
    jobs
        Threads.
    progress
        Called as the work advances.
    settings
        Thresholds; the built-in ones if not given.
    write
        Write the groups to ``groups.csv`` and the manifest's column ``patient_group``. Nothing
        else of the data set is ever changed.

    Returns
    -------
    Audit
        ``leaks`` is not empty where the split leaks.

    Raises
    ------
    SettingsError
        If there is no such number of threads.
    DataError
        If the manifest or the split cannot be used.
    StudyError
        If a file cannot be written.
    """
    checked_jobs(jobs)
    found = examine(data, out, splits=splits, jobs=jobs, progress=progress, settings=settings)
    begin("audit_page")
    if write and write_groups(found.manifest, found.groups.tolist()):
        # The page tells the hash of the manifest that the reader has, with its groups: so the
        # same command, again or after it was killed here, writes the same page.
        written = sha256(found.manifest.root / "manifest.csv")
        found = replace(found, manifest=replace(found.manifest, digest=written))
    write_page(found, out, language())
    return found
