"""Programs that are run by hand: what the package moves must not break them unseen."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted([*ROOT.glob("benchmarks/*.py"), *ROOT.glob("tools/*.py")])


@pytest.mark.parametrize(
    "file", [file for file in FILES if file.stem != "__init__"], ids=lambda file: file.stem
)
def test_everything_that_it_imports_is_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if file.stem == "site_docstrings":
        pytest.importorskip("griffe", reason="the extra docs is not installed")
    monkeypatch.syspath_prepend(str(ROOT))
    name = f"{file.parent.name}.{file.stem}"
    importlib.import_module(name)
    assert file.samefile(sys.modules[name].__file__ or "")
