"""The layers of docs/architecture.md hold, and light commands stay light."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src" / "metrascope"
EVERYWHERE = {"errors", "messages", "files", "classes", "arrays"}
TORCH = (
    "training/augment.py",
    "networks/architectures.py",
    "networks/networks.py",
    "networks/weights.py",
    "networks/checkpoint.py",
    "training/batches.py",
    "training/distributed.py",
    "training/step.py",
    "training/loop.py",
    "training/execute.py",
    "study/runs.py",
    "training/precision.py",
    "processes/torchrun.py",
    "training/outputs.py",
    "study/external.py",
    "explain/heatmap.py",
    "explain/probe.py",
    "explain/sanity.py",
    "predict/graph.py",
    "export/onnx_file.py",
    "predict/resize.py",
    "predict/torch_runtime.py",
    "library/image_dataset.py",
    "library/classifier.py",
)
# What a package is used for has one place: files, or folders that end with a stroke.
CONFINED = {
    "matplotlib": ("figures/",),
    "torch": TORCH,
    "torchvision": TORCH,
    "lightning_fabric": TORCH,
    # The phantom writes files of its own accord, so that what reads them is not its own judge.
    "pydicom": (
        "dicom/",
        "phantom/hospital/",
        "ingest/file.py",
        "screen/exam.py",
        "predict/patient.py",
        "predict/memory_images.py",
    ),
    "gdcm": ("dicom/codecs.py",),
    "openjpeg": ("dicom/codecs.py", "phantom/hospital/codings.py"),
    "rle": ("dicom/codecs.py", "phantom/hospital/codings.py"),
    "jpeg_ls": ("dicom/codecs.py", "phantom/hospital/codings.py"),
    # What torch calls an ONNX file stays an object of its own; nothing reads one with onnx.
    "onnx": (),
    "onnxruntime": ("screen/ocr.py", "predict/runtime.py"),
    "openvino": ("predict/runtime.py",),
    "rapidocr": (),
    "openpyxl": ("labels/workbook.py", "phantom/hospital/label_tables.py"),
    "faiss": ("audit/candidates.py",),
    "docx": ("report/word.py",),
    "ray": ("processes/ray_cluster.py",),
}
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.name not in ("__main__.py",))

FOLDERS = sorted({path.parent for path in FILES} - {SOURCE})


def layers() -> dict[str, set[str]]:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    lines = text.split("```layers\n")[1].split("```")[0].splitlines()
    return {name: set(rest.split()) for name, rest in (line.split(":") for line in lines)}


@cache
def imports(path: Path) -> tuple[str, ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_follow_the_layers(path: Path) -> None:
    own = layer_of(path)
    if own == "__init__":
        return  # what is asked of it is loaded then: tests/library/test_names.py
    allowed = layers()[own] | {own} | (set() if own == "messages" else EVERYWHERE)
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "metrascope" and parts[1] in layers():
            assert parts[1] in allowed, name


def test_every_module_has_a_layer() -> None:
    assert {layer_of(path) for path in FILES} - {"__init__"} == set(layers())


@pytest.mark.parametrize("package", CONFINED)
def test_third_parties_are_confined(package: str) -> None:
    for path in FILES:
        name = path.relative_to(SOURCE).as_posix()
        if not any(name.startswith(place) for place in CONFINED[package]):
            assert package not in {found.split(".")[0] for found in imports(path)}, name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_folder_lists_its_files(folder: Path) -> None:
    listed = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8")))
    assert listed is not None
    names = [line.split()[0] for line in listed.splitlines()[1:] if line[:1].strip()]
    there = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert len(names) == len(set(names))
    assert set(names) == there


def test_the_root_holds_few_files() -> None:
    assert len(list(SOURCE.glob("*.py"))) <= 12


# The front door of a folder and its command; what a figure draws; what a folder completes.
STEMS = {
    *("audit", "export", "ingest", "phantom", "predict", "split", "study", "evaluate"),
    *("comparison", "embedding", "explanations", "reliability", "roc"),
    *("flow", "journal", "page", "settings", "tables"),
}
PUBLIC = {"add", "run", "main"}  # of every command


def test_no_file_is_named_as_another() -> None:
    stems = Counter(path.stem for path in FILES if not path.stem.startswith("__"))
    assert {stem for stem, count in stems.items() if count > 1} <= STEMS


def test_no_public_name_has_two_meanings() -> None:
    named: Counter[str] = Counter()
    for path in FILES:
        found = set()
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            match node:
                case ast.FunctionDef() | ast.ClassDef():
                    found.add(node.name)
                case ast.Assign():
                    found |= {one.id for one in node.targets if isinstance(one, ast.Name)}
                case ast.AnnAssign(target=ast.Name()):
                    found.add(node.target.id)
        named.update(name for name in found if not name.startswith("_"))
    assert {name for name, count in named.items() if count > 1} <= PUBLIC


def test_files_stay_short() -> None:
    for path in FILES:
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 500, path.name


@pytest.mark.parametrize(
    "modules",
    [
        "metrascope.cli",
        "metrascope.phantom.phantom",
        "metrascope.statistics.predictions, metrascope.figures.evaluation",
        "metrascope.study.summary",
        "metrascope.ingest.ingest, metrascope.screen.text",
        "metrascope.audit.audit",
        "metrascope.predict.predictor",
    ],
)
def test_light_parts_load_no_torch(modules: str) -> None:
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_reading_loads_only_what_a_small_install_has() -> None:
    heavy = {"torch", "pandas", "scipy", "sklearn", "matplotlib", "rich", "openvino", "onnx", "ray"}
    modules = "metrascope.predict.predict, metrascope.predict.output"
    code = f"import sys, {modules}; sys.exit(', '.join({heavy!r} & set(sys.modules)) or None)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr == ""
