"""The names of the package are loaded when they are asked for, and a missing extra is named."""

import subprocess
import sys

import pytest

import metrascope


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_the_package_loads_nothing_else() -> None:
    """What takes the time of an import is what it loads: beside itself the standard library."""
    done = run(
        "import sys; before = set(sys.modules); import metrascope; dir(metrascope)\n"
        "print(*sorted(set(sys.modules) - before - {'metrascope', 'typing'}))"
    )
    new = set(done.stdout.split())
    assert {name.partition(".")[0] for name in new} <= sys.stdlib_module_names


def test_every_name_is_there_and_listed() -> None:
    assert len(metrascope.__all__) == 13  # a dozen and the version
    assert set(metrascope.__all__) <= set(dir(metrascope))
    for name in metrascope.__all__:
        assert getattr(metrascope, name).__class__ is not property
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        _ = metrascope.evalute


@pytest.mark.parametrize(
    ("name", "without", "extra"),
    [
        ("load_data", "torch", "study"),
        ("UltrasoundClassifier", "lightning_fabric", "study"),
        ("evaluate", "pandas", "report"),
        ("Predictor", "pydicom", "predict"),
    ],
)
def test_a_name_whose_extra_is_missing_names_it(name: str, without: str, extra: str) -> None:
    done = run(
        f"import sys; sys.modules[{without!r}] = None\n"
        "import metrascope\n"
        f"try:\n    metrascope.{name}\n"
        "except metrascope.MetrascopeError as error:\n    print(error)"
    )
    assert f'needs {without}, which is not installed: run pip install ".[{extra}]"' in done.stdout
