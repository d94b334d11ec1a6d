"""Programs in benchmarks/ are run by hand: what the package moves must not break them unseen."""

import importlib
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = sorted(path.stem for path in (ROOT / "benchmarks").glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("name", NAMES)
def test_everything_that_it_imports_is_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    importlib.import_module(f"benchmarks.{name}")
    assert (ROOT / "benchmarks" / f"{name}.py").samefile(
        sys.modules[f"benchmarks.{name}"].__file__ or ""
    )
