"""Audit a data set: examine it and write the page, the tables and, if asked, the groups."""

from dataclasses import replace
from pathlib import Path

from metrascope.audit.examination import Audit, examine
from metrascope.audit.groups import write_groups
from metrascope.audit.page import write_page
from metrascope.audit.settings import AuditSettings
from metrascope.files.atomic import sha256
from metrascope.messages import language
from metrascope.processes.capacity import checked_jobs
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
        Folder of the data set, or its manifest.
    out
        Folder for the results, and for scratch data while it runs, about 80 kB for each image.
    splits
        Table with the partition of each patient or image.
    jobs
        Number of threads.
    progress
        Called as the work advances.
    settings
        Thresholds; the built-in ones if not given.
    write
        Whether the groups are written to ``groups.csv`` and the manifest's column
        ``patient_group``. Nothing else of the data set is ever changed.

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
    result = examine(data, out, splits=splits, jobs=jobs, progress=progress, settings=settings)
    begin("audit_page")
    if write and write_groups(result.manifest, result.groups.tolist()):
        # The page tells the hash of the manifest that the reader has, with its groups: so the
        # same command, again or after it was killed here, writes the same page.
        written = sha256(result.manifest.root / "manifest.csv")
        result = replace(result, manifest=replace(result.manifest, digest=written))
    write_page(result, out, language())
    return result
