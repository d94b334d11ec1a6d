import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pandas as pd
import pytest

from metrascope import __version__
from metrascope.cli import _parser, main
from metrascope.messages import set_language


def test_help_is_quick_and_loads_no_torch() -> None:
    code = (
        "import sys\nfrom metrascope.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "assert not {'torch', 'pandas', 'numpy', 'pydantic'} & set(sys.modules)"
    )
    tries = [(seconds("pass"), seconds(code)) for _ in range(5)]
    bare, quick = (min(wall for wall, _ in column) for column in zip(*tries, strict=True))
    # On a busy machine even a bare interpreter takes long: 0.02 s on an idle one.
    assert quick < max(0.5, 20 * bare)
    assert min(computed for _, (_, computed) in tries) < 0.5


def seconds(code: str) -> tuple[float, float]:
    """Return how long Python takes for the code, and how much of that on the processor."""
    started, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    wall, after = time.perf_counter() - started, os.times()
    user, system = (
        getattr(after, f"children_{kind}") - getattr(before, f"children_{kind}")
        for kind in ("user", "system")
    )
    return wall, user + system


@pytest.mark.parametrize(
    ("lang", "expected"), [("en", "train and compare networks"), ("zh", "训练并比较各网络")]
)
def test_help_in_both_languages(
    lang: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--lang", lang, "--help"])
    assert stopped.value.code == 0
    assert expected in capsys.readouterr().out


@pytest.mark.parametrize("command", ["study", "phantom", "evaluate", "report"])
def test_every_command_has_help_in_chinese(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main([command, "--lang=zh", "--help"])
    printed = capsys.readouterr().out
    assert printed.startswith("用法：metrascope ")
    assert printed.count("用法") == 1
    assert "\n选项：\n" in printed
    assert not re.search(r"[\u4e00-\u9fff]:$", printed, re.MULTILINE)


@pytest.mark.parametrize(("lang", "told"), [("en", "To try it"), ("zh", "先试用")])
def test_the_name_alone_shows_where_to_begin(
    lang: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every command that is shown is one that the program understands."""
    assert main(["--lang", lang]) == 0
    shown = capsys.readouterr().out
    assert told in shown
    commands = [line.split() for line in shown.splitlines() if line.startswith("    metrascope ")]
    assert len(commands) == 8
    for _, *words in commands:
        assert _parser().parse_args(words).command == words[0]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.strip() == f"metrascope {__version__}"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["stdy"], "invalid choice: 'stdy'"),
        (["study", "paper"], "--out"),
        (["--lang", "fr", "--help"], "--lang fr is not a language here"),
        (["phantom", "x", "--patients", "many"], "invalid number: 'many'"),
        (["phantom", "x", "--prevalence", "normal"], "--prevalence normal is not understood"),
        (["report", "/nowhere"], "/nowhere does not exist: metrascope report takes"),
        (["evaluate", "/nowhere.csv", "--out", "x"], "/nowhere.csv"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_1(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert expected in told.err
    assert told.err.startswith("metrascope: ")
    assert told.out == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["stdy"], "不能是 'stdy'，可选："),
        (["ingest", "a", "b"], "缺少必需的参数：--labels"),
        (["ingest", "a", "b", "--labels"], "参数 --labels 之后缺少取值"),
        (["ingest", "a", "b", "--labels", "1.xlsx", "2.xlsx"], "多余的参数：2.xlsx（"),
        (["ingest", ".", "b", "--labels", "1.xlsx", "--labels", "2.xlsx"], "--labels 给了 2 次"),
        (["ingest", "a", "b", "--labels", "1.xlsx", "--lables=2.xlsx"], "无法识别的参数：--lables"),
        (["phantom", "x", "--patients", "many"], "参数 --patients 须为数字，而不是 'many'"),
        (["split", "x", "--out", "y.csv", "--by", "page"], "参数 --by 不能是 'page'"),
    ],
)
def test_wrong_use_is_told_in_chinese(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        assert main([*arguments, "--lang", "zh"]) == 1
    finally:
        set_language("en")
    said = capsys.readouterr().err
    assert expected in said
    words = said.replace("metrascope", "").replace("--help", "")
    assert not re.search(r"argument|unrecogni|invalid|expected|required", words)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(28, "No space left on device"), "(No space left on device)"),
        (OSError(5, "Input/output error", "x.dcm"), "x.dcm cannot be used (Input/output error)"),
        (MemoryError(), "There is not enough memory"),
        (ImportError("lib.so: failed to map segment from shared object"), "not enough memory"),
        (OSError(12, "Cannot allocate memory"), "not enough memory"),
        (cv2.error("Insufficient memory"), "not enough memory"),
    ],
)
def test_what_the_machine_lacks_is_one_sentence(
    error: Exception,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr("metrascope.commands.report.run", fail)
    assert main(["report", "x"]) == 1
    told = capsys.readouterr().err
    assert expected in told
    assert told.count("\n") == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_output_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    code = (
        "import sys; from metrascope.cli import main; from metrascope.commands import report;"
        "report.run = lambda _: print('done');"
        "sys.exit(main(['report', 'x']))"
    )
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "PYTHONUNBUFFERED": ""},  # else it fails where it is printed
        )
    assert done.returncode == 1
    assert done.stderr.startswith("metrascope: What is printed cannot be written (No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["phantom", "audit", "ingest", "study"])
def test_absurd_numbers_of_processes_are_one_sentence(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    (tmp_path / "labels.csv").write_text("file,label\na,polyp\n", encoding="utf-8")
    (tmp_path / "manifest.csv").write_text("image,patient_id,label\n", encoding="utf-8")
    (tmp_path / "in").mkdir()
    given = {
        "phantom": [out],
        "audit": [str(tmp_path)],
        "ingest": [str(tmp_path / "in"), out, "--labels", str(tmp_path / "labels.csv")],
        "study": ["demo", "--out", out],
    }
    for jobs in ("1000000000", "0", "-1"):
        assert main([command, *given[command], "--jobs", jobs]) == 1
        assert f"--jobs {jobs} is no number of processes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_manifest_of_other_names_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = "".join(f"i{n}.png,{'ab'[n % 2]},{'ab'[n % 3 % 2]}\n" for n in range(12))
    (tmp_path / "p.csv").write_text("image,label,predicted\n" + pairs)
    (tmp_path / "m.csv").write_text("image,scanner\nimages/i0.png,A\nimages/i1.png,B\n")
    given = ["evaluate", str(tmp_path / "p.csv"), "--out", str(tmp_path / "out")]
    assert main([*given, "--manifest", str(tmp_path / "m.csv")]) == 1
    assert "None of the 12 images" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_evaluate_gives_the_published_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one matrix that gives the paper's Inception-v3 figures (paper, Reported results)."""
    classes = ("normal", "fibroid", "polyp")
    matrix = ((34, 0, 9), (4, 18, 1), (9, 0, 50))
    pairs = [
        (true, predicted)
        for true, counts in zip(classes, matrix, strict=True)
        for predicted, count in zip(classes, counts, strict=True)
        for _ in range(count)
    ]
    table = pd.DataFrame(pairs, columns=["label", "predicted"])
    table.assign(image=table.index).to_csv(tmp_path / "inception_v3.csv", index=False)
    out = tmp_path / "out"
    assert main(["evaluate", str(tmp_path / "inception_v3.csv"), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for figure in ("85.22", "80.69", "82.46", "81.60", "100.00", "Research use only"):
        assert figure in printed
    network = json.loads((out / "metrics.json").read_text(encoding="utf-8"))["networks"]
    assert network["inception_v3"]["confusion"] == [list(row) for row in matrix]
    assert network["inception_v3"]["classes"]["fibroid"]["precision"]["value"] == 1.0
    assert (out / "tables" / "comparison.tex").is_file()
    assert (out / "figures" / "confusion.svg").is_file()
    assert str(out / "evaluation.html") in printed
    assert "82.46" in (out / "evaluation.html").read_text(encoding="utf-8")


def test_phantom_prints_where_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--patients=3", "--size=128", "--scanners=voluson", "--prevalence=polyp=1"]
    assert main(["phantom", str(tmp_path / "p"), *options]) == 0
    manifest = Path(capsys.readouterr().out.strip())
    table = pd.read_csv(manifest)
    assert set(table["label"]) == {"polyp"}
    assert set(table["scanner"]) == {"GE Voluson E10"}


def test_a_missing_extra_is_told(tmp_path: Path) -> None:
    # In a process of its own: what other tests have imported would find torch without looking.
    code = (
        "import sys; sys.modules['torch'] = None; from metrascope.cli import main;"
        f"sys.exit(main(['study', 'demo', '--out', {str(tmp_path / 'x')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'pip install ".[study]"' in done.stderr
