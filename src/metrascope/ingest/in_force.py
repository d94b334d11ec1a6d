"""What a data set rests on beside its files: columns of the labels, and decisions of people."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from metrascope.dataset.patient_groups import GROUPS_FILE
from metrascope.files.atomic import sha256
from metrascope.ingest.decisions import DIAGNOSIS_LIST, STATUSES, WORKBOOK
from metrascope.ingest.diagnoses import DiagnosisList
from metrascope.ingest.manifest_decisions import DECISIONS_FILE, CellDecisions
from metrascope.labels.column_uses import ColumnUse, column_uses
from metrascope.labels.label_columns import contradictions
from metrascope.labels.matching import Labels


@dataclass(frozen=True)
class InForce:
    """Columns and decisions that were in force when a data set was written.

    Attributes
    ----------
    columns
        Of the label table, and what each was taken for.
    contradicting
        Rows of the labels whose columns contradict each other.
    diagnoses
        Status to how many diagnoses have it, and how many images.
    cells
        Column of the manifest to how many of its cells people decided; of ``image``, rows taken
        out or added.
    grouped
        Images that an audit has looked at.
    hashes
        SHA-256 of the files that hold the decisions, by name; of those that there are.
    """

    columns: tuple[ColumnUse, ...] = ()
    contradicting: int = 0
    diagnoses: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    cells: Mapping[str, int] = field(default_factory=dict)
    grouped: int = 0
    hashes: Mapping[str, str] = field(default_factory=dict)


def in_force(
    labels: Labels,
    listed: DiagnosisList,
    cells: CellDecisions,
    grouped: int,
    out: Path,
    private: Path,
) -> InForce:
    """Return what is in force.

    Parameters
    ----------
    labels
        As people have decided them.
    listed
        The list of diagnoses, as it was written.
    cells
        Decisions about the manifest.
    grouped
        Images that an audit has looked at.
    out, private
        The data set; the folder of the private lists.
    """
    lists = [private / DIAGNOSIS_LIST, private / WORKBOOK, out / DECISIONS_FILE, out / GROUPS_FILE]
    return InForce(
        column_uses(labels),
        len(contradictions(labels)),
        {status: listed.counts[status] for status in STATUSES if status in listed.counts},
        dict(sorted(Counter(column for _, column in cells).items())),
        grouped,
        {path.name: sha256(path) for path in lists if path.is_file()},
    )
