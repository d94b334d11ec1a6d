"""What a user types, and what is told: results, and one sentence where nothing can be done."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

from metrascope.cli import main
from metrascope.phantom.hospital.hospital import write_export
from metrascope.predict.bundle import write_sums
from metrascope.predict.listing import LINE_WIDTH, _width
from metrascope.predict.predictor import Predictor

ROOT = Path(__file__).parent.parent.parent
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def exams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what a scanner exports of four patients: DICOM and pictures."""
    folder = tmp_path_factory.mktemp("exams") / "e"
    write_export(folder, patients=2, seed=3)
    return folder


def test_a_table_fits_the_terminal(bundle: Path, exams: Path, capsys: Capture) -> None:
    assert main(["predict", str(bundle), str(exams), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert all(_width(line) <= LINE_WIDTH for line in printed.splitlines())
    assert "REFUSED:" in printed
    assert printed.endswith("Research use only, not a medical device.\n")
    assert any(word in printed for word in ("NORMAL 9", "NORMAL 1", "FIBROID", "POLYP"))


@pytest.fixture(scope="module")
def lines(bundle: Path, exams: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Return what is read of the exports, line by line."""
    out = tmp_path_factory.mktemp("lines") / "out"
    options = ["--out", str(out), "--format", "json", "--jobs", "1", "--runtime", "onnxruntime"]
    assert main(["predict", str(bundle), str(exams), *options]) == 0
    written = (out / "readings.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in written.splitlines()]


def test_lines_follow_the_published_schema(lines: list[Any]) -> None:
    assert {"image", "patient"} <= {line["kind"] for line in lines}
    schema = json.loads((ROOT / "docs" / "reading.schema.json").read_text(encoding="utf-8"))
    for line in lines:
        known = schema["$defs"]["ImageReading" if line["kind"] == "image" else "PatientReading"]
        assert set(line) <= set(known["properties"])
        assert set(known["required"]) <= set(line)


def test_schema_in_the_documentation_is_current() -> None:
    from metrascope.predict.reading import schema

    published = json.loads((ROOT / "docs" / "reading.schema.json").read_text(encoding="utf-8"))
    assert published == schema()


def test_command_and_python_say_the_same(bundle: Path, exams: Path, lines: list[Any]) -> None:
    predictor = Predictor(bundle, runtime="onnxruntime")  # another is a seventh digit away
    stills = [
        line
        for line in lines
        if line["kind"] == "image" and line["frames"] == 1 and (exams / line["file"]).is_file()
    ]
    names = ("probabilities", "refused_probabilities")
    assert any(line[name] for line in stills for name in names)
    for line in stills:
        reading = predictor.read_file(exams / line["file"])[0].reading
        assert [getattr(reading, name) for name in names] == [line[name] for name in names]
        assert (line["refusal"] is None) == (line["probabilities"] is not None)


def test_results_are_written_for_a_spreadsheet(
    bundle: Path, images: Path, tmp_path: Path, capsys: Capture
) -> None:
    out = tmp_path / "out"
    options = ["--out", str(out), "--heatmaps", "--lang", "zh"]
    assert main(["predict", str(bundle), str(images / "P0"), *options]) == 0
    assert "仅供研究使用" in capsys.readouterr().out
    content = (out / "readings.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 5
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {row["种类"] for row in rows} == {"图像"}
    read = [row for row in rows if not row["拒绝代码"]]
    shares = [
        [row[f"{name} 概率"] for name in ("正常", "黏膜下肌瘤", "子宫内膜息肉")] for row in rows
    ]
    written = re.compile(r"(\d\d?\.\d|> 99|< 1)%")
    assert all(map(written.fullmatch, (share for row in shares for share in row if share)))
    assert [bool(row["拒绝代码"]) for row in rows] == [row == ["", "", ""] for row in shares]
    for row in read:
        with Image.open(out / row["热力图文件"]) as picture:
            assert picture.format == "PNG"
            assert min(picture.size) > 300
    assert len(list((out / "heatmaps").iterdir())) == len(read)


def test_heat_maps_need_a_folder(bundle: Path, images: Path, capsys: Capture) -> None:
    assert main(["predict", str(bundle), str(images), "--heatmaps"]) == 1
    assert "add --out FOLDER" in capsys.readouterr().err


def test_a_folder_misspelt_needs_no_torch(tmp_path: Path, images: Path) -> None:
    code = (
        "import sys\nsys.modules['torch'] = None\nfrom metrascope.cli import main\n"
        f"sys.exit(main(['predict', {str(tmp_path / 'no')!r}, {str(images)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "takes a bundle that metrascope export wrote" in done.stderr


def test_predict_loads_nothing_heavy(bundle: Path, images: Path) -> None:
    heavy = ("torch", "pandas", "scipy", "sklearn", "matplotlib", "rich", "onnx")
    path = images / "P0" / "00.png"
    code = (
        f"import sys\nfor name in {heavy}: sys.modules[name] = None\n"
        "from metrascope.cli import main\n"
        f"sys.exit(main(['predict', {str(bundle)!r}, {str(path)!r}, '--runtime', 'onnxruntime']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("missing", "command", "extra"),
    [("pydicom", "predict", "predict"), ("onnxruntime", "predict", "predict")],
)
def test_a_missing_package_names_the_small_extra(
    bundle: Path, images: Path, missing: str, command: str, extra: str
) -> None:
    path = images / "P0" / "00.png"
    code = (
        f"import sys\nsys.modules[{missing!r}] = None\nfrom metrascope.cli import main\n"
        f"sys.exit(main([{command!r}, {str(bundle)!r}, {str(path)!r}, '--runtime=onnxruntime']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f'pip install ".[{extra}]"' in done.stderr
    assert "Traceback" not in done.stderr


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def text_file(folder: Path) -> Path:
    (folder / "a.txt").write_text("hello", encoding="utf-8")
    return folder / "a.txt"


def cut_dicom(folder: Path) -> Path:
    (folder / "cut.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\x08\0\x16\0UI\x1a\0" + b"1.2")
    return folder / "cut.dcm"


def cut_png(folder: Path) -> Path:
    Image.fromarray(np.zeros((300, 300), np.uint8)).save(folder / "cut.png")
    content = (folder / "cut.png").read_bytes()
    (folder / "cut.png").write_bytes(content[:60])
    return folder / "cut.png"


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (empty_folder, "holds no file at all"),
        (lambda folder: folder / "nowhere.dcm", "nowhere.dcm does not exist"),
        (text_file, "Not an image"),
        (cut_dicom, "Nothing could be read"),
        (cut_png, "Nothing could be read"),
    ],
)
def test_bad_input_is_one_sentence(
    bundle: Path, tmp_path: Path, make: Callable[[Path], Path], said: str, capsys: Capture
) -> None:
    assert main(["predict", str(bundle), str(make(tmp_path))]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert told.startswith("metrascope: ")
    assert told.count("\n") == 1


def test_results_never_go_where_they_could_do_harm(
    bundle: Path, images: Path, tmp_path: Path, capsys: Capture
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine", encoding="utf-8")
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    for out, said in (
        (images / "out", "which is only read"),
        (full, "holds something else"),
        (bundle, "holds something else"),
        (blocked / "below", "cannot be written"),
    ):
        assert main(["predict", str(bundle), str(images), "--out", str(out)]) == 1
        assert said in capsys.readouterr().err
        assert not (images / "out").exists()


def one_byte(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(bytes(content))


def rewritten(folder: Path, change: Callable[[str], str]) -> None:
    path = folder / "model.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    write_sums(folder)


def linked(folder: Path, elsewhere: Path) -> None:
    shutil.move(folder / "net.onnx", elsewhere)
    (folder / "net.onnx").symlink_to(elsewhere)


def hostile_graph(folder: Path, change: Callable[[onnx.ModelProto], None]) -> None:
    model = onnx.load(folder / "net.onnx")
    change(model)
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    write_sums(folder)


def external(model: onnx.ModelProto) -> None:
    tensor = model.graph.initializer[1]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def looping(model: onnx.ModelProto) -> None:
    body = helper.make_graph([], "body", [], [])
    model.graph.node.append(helper.make_node("Loop", ["", ""], ["seen"], body=body))


def absurd(model: onnx.ModelProto) -> None:
    model.graph.initializer.add(name="w", data_type=1, dims=[10**15, 10**15], raw_data=b"\0" * 8)


def saying(shares: list[float]) -> Callable[[onnx.ModelProto], None]:
    """Return what makes a graph give the same of every image, sound or not."""

    def change(model: onnx.ModelProto) -> None:
        for node in model.graph.node:
            node.output[:] = ["own" if name == "probabilities" else name for name in node.output]
        for name, value in (("none", [[0.0] * 3]), ("fixed", [shares])):
            array = np.array(value, np.float32)
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        model.graph.node.append(helper.make_node("Mul", ["own", "none"], ["zero"]))
        model.graph.node.append(helper.make_node("Add", ["zero", "fixed"], ["probabilities"]))

    return change


def features(folder: Path, content: bytes) -> None:
    (folder / "net-features.npy").write_bytes(content)
    write_sums(folder)


def foreign_operator(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Spy", ["mean"], ["seen"], domain="evil"))


def greedy(model: onnx.ModelProto) -> None:
    """Let the heat maps wait for an array of 10^10 times as many values as the image has."""
    for node in model.graph.node:
        node.output[:] = ["own" if name == "maps" else name for name in node.output]
    factor = onnx.numpy_helper.from_array(np.array([1, 1, 10**5, 10**5], np.int64), "factor")
    model.graph.initializer.append(factor)
    for operator, inputs, output in (
        ("Shape", ["pixels"], "size"),
        ("Mul", ["size", "factor"], "huge"),
        ("ConstantOfShape", ["huge"], "ocean"),
        ("ReduceMax", ["ocean"], "drop"),
        ("Add", ["own", "drop"], "maps"),
    ):
        model.graph.node.append(helper.make_node(operator, inputs, [output]))


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "graph changed": (lambda f: one_byte(f, "net.onnx"), "has changed since it was exported"),
    "model changed": (lambda f: one_byte(f, "model.json"), "has changed since it was exported"),
    "features changed": (lambda f: one_byte(f, "net-features.npy"), "has changed since"),
    "sums changed": (lambda f: one_byte(f, "SHA256SUMS"), "xport"),
    "graph missing": (lambda f: (f / "net.onnx").unlink(), "is not whole"),
    "sums emptied": (lambda f: (f / "SHA256SUMS").write_bytes(b""), "cannot be read"),
    "version": (lambda f: rewritten(f, lambda s: s.replace("bundle/1", "bundle/2")), "of version"),
    "traversal": (
        lambda f: rewritten(f, lambda s: s.replace("net.onnx", "../net.onnx")),
        "graph",
    ),
    "nested": (lambda f: rewritten(f, lambda s: "[" * 100_000), "does not describe a bundle"),
    "no number": (
        lambda f: rewritten(f, lambda s: s.replace('"temperature": 1.0', '"temperature": NaN')),
        "temperature",
    ),
    "external data": (lambda f: hostile_graph(f, external), "external data"),
    "operator": (lambda f: hostile_graph(f, foreign_operator), "evil.Spy"),
    "loop": (lambda f: hostile_graph(f, looping), "may never end"),
    "absurd weights": (lambda f: hostile_graph(f, absurd), "1000000000000000x1000000000000000"),
    "terabytes": (lambda f: hostile_graph(f, greedy), "asks for more memory than this computer"),
    "array header": (
        lambda f: features(f, b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f2'((("),
        "no array header",
    ),
    "infinite": (
        lambda f: rewritten(f, lambda s: s.replace('"temperature": 1.0', '"temperature": 1e400')),
        "temperature",
    ),
    "digits": (
        lambda f: rewritten(f, lambda s: s.replace('"seed": 0', '"seed": ' + "9" * 5000)),
        "does not describe a bundle",
    ),
    "large number": (
        lambda f: rewritten(f, lambda s: s.replace('"seed": 0', '"seed": ' + "9" * 100)),
        "members.0.seed",
    ),
    "control signs": (
        lambda f: rewritten(f, lambda s: s.replace('"polyp"', '"po\\u001b[31mlyp"')),
        "cannot be shown",
    ),
    "many values": (
        lambda f: rewritten(
            f, lambda s: '{"format":"metrascope-bundle/1","a":[' + "1," * 2_000_000 + "1]}"
        ),
        "values",
    ),
    "no graph": (
        lambda f: ((f / "net.onnx").write_bytes(b"MZ" * 100), write_sums(f)),
        "no graph that can be read",
    ),
    "link": (lambda f: linked(f, f.parent / "elsewhere.onnx"), "is not whole"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bundle_that_is_not_as_it_was_made_is_refused(
    name: str, bundle: Path, images: Path, tmp_path: Path, capsys: Capture
) -> None:
    change, said = HOSTILE[name]
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    change(copy)
    assert main(["predict", str(copy), str(images / "P0"), "--runtime", "onnxruntime"]) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""


@pytest.mark.parametrize("share", [7.0, np.nan])
def test_numbers_that_are_no_probabilities_are_no_reading(
    share: float, bundle: Path, images: Path, tmp_path: Path, capsys: Capture
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    hostile_graph(copy, saying([share] * 3))
    path = images / "P0" / "00.png"
    options = ["--runtime", "onnxruntime", "--format", "json"]
    assert main(["predict", str(copy), str(path), *options]) == 1
    told = capsys.readouterr()
    assert f"(probabilities {share:g}, {share:g}, {share:g})" in told.err
    assert told.err.count("\n") == 1
    line = json.loads(told.out)
    assert (line["refusal"]["key"], line["probabilities"]) == ("serving.no_answer", None)


def test_verbose_names_bundle_and_runtime(bundle: Path, images: Path, capsys: Capture) -> None:
    path = str(images / "P0" / "00.png")
    options = ["--runtime", "onnxruntime", "--verbose"]
    assert main(["predict", str(bundle), path, *options]) == 0
    assert "runtime: onnxruntime" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--confidence", "1.5"], "--confidence 1.5 is out of range"),
        (["--frames", "some"], "--frames some makes no sense"),
        (["--frames", "0"], "--frames 0 makes no sense"),
        (["--frames", "1" + "0" * 20], "makes no sense"),
        (["--frames", "9" * 5000], "makes no sense"),
        (["--confidence", "nan"], "--confidence nan is out of range"),
        (["--confidence", "1e999"], "--confidence inf is out of range"),
        (["--jobs", "0"], "--jobs 0 is no number of processes"),
        (["--jobs", "1000000000"], "--jobs 1000000000"),
    ],
)
def test_options_that_make_no_sense(
    bundle: Path, images: Path, options: list[str], said: str, capsys: Capture
) -> None:
    assert main(["predict", str(bundle), str(images), *options]) == 1
    assert said in capsys.readouterr().err


def test_export_names_what_is_no_run(tmp_path: Path, capsys: Capture) -> None:
    assert main(["export", str(tmp_path), "--out", str(tmp_path / "bundle")]) == 1
    assert str(tmp_path) in capsys.readouterr().err
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize("command", ["export", "predict"])
def test_help_in_chinese(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit):
        main([command, "--lang=zh", "--help"])
    assert capsys.readouterr().out.startswith("用法：metrascope ")
