"""What a reader must know before believing the numbers."""

import json
from pathlib import Path

import pytest

from metrascope.report.page_tables import warnings
from metrascope.study_folder.contents import read_study

from .make import make_study


@pytest.mark.parametrize(
    ("joined", "name", "told"),
    [(False, "clinic", True), (True, "clinic", False), (False, "phantom", False)],
)
def test_near_duplicates_that_nobody_looked_for(
    tmp_path: Path, joined: bool, name: str, told: bool
) -> None:
    folder = make_study(tmp_path / "s", ["vgg16"], n=6)
    content = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    content |= {"near_duplicates_joined": joined, "name": name}
    (folder / "data.json").write_text(json.dumps(content), encoding="utf-8")
    said = " ".join(warning.in_language("en") for warning in warnings(read_study(folder)))
    assert ("Near duplicates were not looked for" in said) is told
