"""Audit a data set: examine it and write the page, the tables and, if asked, the groups."""

from pathlib import Path

from metrascope.audit.audit import Audit, examine
from metrascope.audit.groups import write_groups
from metrascope.audit.page import write_page
from metrascope.audit.settings import AuditSettings
from metrascope.cores import checked_jobs
from metrascope.messages import language
from metrascope.progress import Advance


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
    write_page(found, out, language())
    if write:
        write_groups(found.manifest, found.groups.tolist())
    return found
