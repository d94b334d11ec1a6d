"""Paths on the command line: what is not what a command takes is told at once, and what is passes.

Nothing large may be loaded before: see `HEAVY`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from metrascope.cli import main
from metrascope.commands.arguments import Taken, check_out, check_path_argument
from metrascope.errors import MetrascopeError, StudyError

HEAVY = ("torch", "pandas", "scipy", "sklearn", "matplotlib", "lightning_fabric", "onnxruntime")
PREDICTIONS = "image,patient_id,label,network,p_normal,p_polyp\n"
SPLIT = "patient_id,label,fold,partition\n"
MANIFEST = "image,patient_id,label\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with one of everything, as far as it is recognized by."""
    files = {
        "data/manifest.csv": MANIFEST,
        "study/data.json": "{}",
        "study/report.html": "<html>",
        "study/predictions.csv": PREDICTIONS,
        "study/splits.csv": SPLIT,
        "study/settings.toml": "seeds = [0]\n",
        "study/runs/vgg16-f0-s0/model.json": "{}",
        "bundle/model.json": "{}",
        "bundle/SHA256SUMS": "",
        "exports/labels.csv": "file,label\n",
        "exports/exports/a.png": "",
        "other/x.bin": "\0",
        "image": "\0" * 128 + "DICM",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("data", "data_set"),
        ("data/manifest.csv", "data_set"),
        ("exports/labels.csv", "data_set"),  # its reader tells which columns are missing
        ("study", "study"),
        ("study", "trained"),
        ("study/runs/vgg16-f0-s0", "trained"),
        ("study/runs/vgg16-f0-s0", "bundle"),
        ("bundle", "bundle"),
        ("study/predictions.csv", "predictions"),
        ("study/splits.csv", "split"),
        ("study/settings.toml", "settings"),
    ],
)
def test_what_a_command_takes_passes(given: str, taken: Taken, place: Path) -> None:
    check_path_argument(Path(given), taken, "study")


@pytest.mark.parametrize(
    ("given", "taken", "expected"),
    [
        ("nowhere", "data_set", "nowhere does not exist: metrascope x takes a data set"),
        ("study", "data_set", "study is a study, which metrascope report, export and"),
        ("bundle", "data_set", "bundle is a bundle, which metrascope predict takes; metrascope x"),
        ("exports", "data_set", "exports is a folder of exports, which metrascope ingest takes"),
        ("empty", "data_set", "empty is an empty folder"),
        ("data", "study", "data is a data set, which metrascope study, audit and split take"),
        ("study/report.html", "study", "metrascope study wrote: give study."),
        (".", "study", "metrascope study wrote: give study."),
        ("bundle", "trained", "bundle is a bundle"),
        ("study", "bundle", "a bundle that metrascope export wrote"),
        ("image", "bundle", "image is an image, which metrascope ingest and predict take"),
        ("study", "predictions", "give study/predictions.csv."),
        ("data", "settings", "metrascope x takes paper, demo or a settings file"),
        ("study/settings.toml", "split", "is a settings file"),
        ("other", "data_set", "a folder without manifest.csv"),
        ("other/x.bin", "data_set", "other/x.bin is a file; metrascope x takes a data set"),
    ],
)
def test_what_it_does_not_is_named_with_what_takes_it(
    given: str, taken: Taken, expected: str, place: Path
) -> None:
    with pytest.raises(MetrascopeError) as refused:
        check_path_argument(Path(given), taken, "x")
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_for_results_below_a_file_is_refused(place: Path) -> None:
    check_out(Path("new/folder"))
    with pytest.raises(StudyError, match="Not a directory"):
        check_out(Path("image/new"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "nowhere", "out", "--labels=exports/labels.csv"),
        ("ingest", "exports", "out", "--labels=nowhere.csv"),
        ("ingest", "exports", "out", "--labels=exports"),
        ("audit", "nowhere"),
        ("audit", "data", "--splits=nowhere.csv"),
        ("split", "bundle", "--out=x.csv"),
        ("split", "data", "--out=image/x.csv"),
        ("study", "paper", "--out=out", "--data=nowhere"),
        ("study", "nowhere.toml", "--out=out"),
        ("study", "paper", "--out=other"),
        ("report", "data"),
        ("evaluate", "study", "--out=out"),
        ("evaluate", "--run=bundle", "--data=data", "--out=out"),
        ("evaluate", "--run=study", "--data=nowhere", "--out=out"),
        ("evaluate", "study/predictions.csv", "--out=image"),
        ("export", "nowhere", "--out=out"),
        ("export", "study", "--out=other"),
        ("predict", "study", "image"),
        ("predict", "bundle", "nowhere.png"),
        ("phantom", "image"),
    ],
    ids=" ".join,
)
def test_every_command_says_so_in_one_sentence(
    arguments: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert told.err.startswith("metrascope: ")
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert not (place / "out").exists()


def test_no_wrong_path_waits_for_what_is_large_to_be_loaded(place: Path) -> None:
    """All in one process: what one of them loaded would be found."""
    calls = [
        ["ingest", "nowhere", "out", "--labels=exports/labels.csv"],
        ["audit", "nowhere"],
        ["split", "nowhere", "--out=x.csv"],
        ["study", "paper", "--out=out", "--data=nowhere"],
        ["study", "paper", "--out=other", "--set=training.epochs=3"],
        ["report", "nowhere"],
        ["evaluate", "nowhere.csv", "--out=out"],
        ["evaluate", "--run=nowhere", "--data=data", "--out=out"],
        ["export", "nowhere", "--out=out"],
        ["predict", "nowhere", "image"],
        ["phantom", "image"],
    ]
    code = (
        "import sys\nfrom metrascope.cli import main\n"
        f"assert [main(call) for call in {calls!r}] == [1] * {len(calls)}\n"
        f"sys.exit(', '.join({set(HEAVY)!r} & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_step_is_announced_before_what_is_large_is_loaded(place: Path) -> None:
    (place / "study/runs/vgg16-f0-s0/model.json").write_text("{}")
    calls = [
        ["ingest", "exports/exports", "out", "--labels=exports/labels.csv"],
        ["audit", "data"],
        ["split", "data", "--out=x.csv"],
        ["study", "paper", "--out=out", "--data=data"],
        ["report", "study"],
        ["evaluate", "study/predictions.csv", "--out=out"],
        ["evaluate", "--run=study", "--data=data", "--out=out"],
        ["export", "study", "--out=out"],
        ["phantom", "out"],
        ["phantom", "out", "--export"],
    ]
    code = f"""if True:
        import sys
        from metrascope import progress
        from metrascope.cli import main

        class Loaded(Exception):
            pass

        class Watch:
            def find_spec(self, name, path=None, target=None):
                if name in {HEAVY!r}:
                    raise Loaded(progress._displays[-1].work.title)

        sys.meta_path.insert(0, Watch())
        for call in {calls!r}:
            try:
                main(call)
            except Loaded as loaded:
                print(call[0], loaded)
        """
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    announced = [line.split(" ", 1) for line in done.stdout.splitlines()]
    assert [command for command, _ in announced] == [call[0] for call in calls]
    assert {title.strip() for _, title in announced} == {"Loading the program", "Loading PyTorch"}


def test_a_data_set_is_no_export(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "data/ingest.json").write_text("{}")
    words = ["data", "again", "--labels", "exports/labels.csv"]
    assert main(["ingest", *words, "--lang", "en"]) == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("metrascope: data is a data set")
    assert not (place / "again").exists()
