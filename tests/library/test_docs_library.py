"""The snippets of the library's pages run, one after the other, as a reader would run them."""

import io
import re
import shutil
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.predict.conftest import bundle, images, own_cache  # noqa: F401
from tests.predict.test_predictor import loop
from tests.statistics.make import random_table, saved

import metrascope
from metrascope.messages import set_language
from metrascope.report.drawings import Drawings
from metrascope.statistics.evaluate import evaluate_predictions
from metrascope.study.split_choice import find_duplicate_pairs

DOCS = Path(__file__).parents[2] / "docs"
# There are no ImageNet weights on a machine without network, and little time.
SMALLER = {
    'weights="imagenet", epochs=10': 'weights="none", epochs=1, input_size=32',
    'weights="imagenet"': 'weights="none"',
    "GroupKFold(3)": "GroupKFold(2)",
}


def snippets(page: str) -> list[str]:
    return re.findall(r"(?ms)^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"))


@pytest.fixture
def desk(
    phantom: Path,
    bundle: Path,  # noqa: F811
    images: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Path]:
    """Work in a folder that has the files which the pages name."""
    for name, folder in (("DATA", phantom), ("BUNDLE", bundle)):
        shutil.copytree(folder, tmp_path / name)
    picture = sorted(images.rglob("*.png"))[0]
    shutil.copy(picture, tmp_path / "image.png")
    grey = np.asarray(Image.open(io.BytesIO(picture.read_bytes())).convert("L"))
    (tmp_path / "scan.dcm").write_bytes(loop(grey, claimed=2, held=2))
    rng = np.random.default_rng(0)
    for name in ("predictions", "before", "after"):
        table = random_table(rng, n=40).assign(
            label=random_table(np.random.default_rng(1), n=40)["label"]
        )
        saved(table, tmp_path, f"{name}.csv")
    monkeypatch.chdir(tmp_path)
    few = partial(evaluate_predictions, replicates=100)
    monkeypatch.setattr("metrascope.library.evaluate.evaluate_predictions", few)
    monkeypatch.setattr(
        "metrascope.report.evaluation_page.draw_page_figures", lambda *_: Drawings()
    )
    monkeypatch.setattr("metrascope.figures.evaluation.write_figures", lambda *_: None)
    exact = partial(find_duplicate_pairs, near=False)
    monkeypatch.setattr(
        "metrascope.library.image_dataset.find_duplicate_pairs", lambda *given, near: exact(*given)
    )
    yield tmp_path
    set_language("en")


def test_snippets_run(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = "\n".join(snippets("library.md"))
    for large, small in SMALLER.items():
        assert large in code
        code = code.replace(large, small)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(code, "library.md", "exec"), {})  # noqa: S102
    told = capsys.readouterr().out
    assert "image.png" in told
    assert "scan.dcm" in told
    assert "evaluation.unreadable" in told
    assert (desk / "evaluation.html").is_file()
    assert (desk / "EVALUATION" / "metrics.json").is_file()


def test_both_pages_have_the_same_snippets_and_every_name() -> None:
    english, chinese = (
        [re.sub(r"(?m) *#.*$", "", code).replace('"zh"', '"en"') for code in snippets(page)]
        for page in ("library.md", "library.zh.md")
    )
    assert english == chinese
    for page in ("library.md", "library.zh.md"):
        written = (DOCS / page).read_text(encoding="utf-8")
        missing = [name for name in metrascope.__all__ if f"`{name}`" not in written]
        assert missing == ["__version__"]
