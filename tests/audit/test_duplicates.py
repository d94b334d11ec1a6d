"""Near duplicates by rows of the manifest, best first."""

from pathlib import Path

from tests.audit.make import view

from metrascope.audit.duplicates import near_pairs
from metrascope.audit.settings import AuditSettings
from metrascope.audit.shelf import open_shelf


def test_near_pairs_name_rows_of_the_manifest_and_report_progress(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    with open_shelf(tmp_path) as shelf:
        for number in (0, 1, 2, 0):
            shelf.put(view(number))
        same, beneath = near_pairs(
            shelf,
            [3, 5, 8, 13],
            AuditSettings(),
            jobs=1,
            advance=lambda done, whole: told.append((done, whole)),
        )
    assert [(pair.first, pair.second) for pair in same] == [(3, 13)]
    scores = [pair.agreement.score for pair in beneath if pair.agreement]
    assert scores == sorted(scores, reverse=True)
    assert told[-1] == (len(told), len(told))
