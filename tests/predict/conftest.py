"""A bundle that reads in a millisecond: the mean grey level decides. And files for it to read."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from metrascope.dataset.preprocess import Preprocessing
from metrascope.files.atomic import write_json
from metrascope.predict.appearance import APPEARANCE_WIDTH
from metrascope.predict.bundle import BundleDescription, Member, Parity, TrainingSet, write_sums
from metrascope.predict.familiarity import fit_familiarity
from metrascope.predict.refusal import fit_refusal

CLASSES = ("normal", "fibroid", "polyp")
CENTRES = (30.0, 50.0, 70.0)
"""Grey level that each class is at."""


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what is remembered of runtimes out of the user's home."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a bundle."""
    folder = tmp_path_factory.mktemp("bundle")
    rng = np.random.default_rng(0)
    codes = np.repeat(np.arange(3), 60)
    features = np.array(CENTRES)[codes, None] / 255 + rng.normal(0, 0.05, (180, 2))
    familiarity = fit_familiarity(features, codes)
    looks = fit_familiarity(rng.uniform(0, 20, (180, APPEARANCE_WIDTH)), codes)
    own = rng.uniform(0.3, 0.95, (180, 1))
    # Sets of what has about 0.35 or more: never empty, and never full.
    probabilities = np.where(np.arange(3) == codes[:, None], own, (1 - own) / 2)
    rule = fit_refusal(
        probabilities,
        familiarity.score(features),
        None,
        labels=[CLASSES[code] for code in codes],
        patients=[str(number) for number in range(180)],
        classes=CLASSES,
        false_refusal_rate=0.05,
        confidence=0.9,
    ).model_copy(update={"unfamiliar_above": 1e6})
    (folder / "net.onnx").write_bytes(graph().SerializeToString())
    member = Member(
        name="net",
        graph="net.onnx",
        familiarity_file="net-features.npy",
        looks_file="net-looks.npy",
        network="mobilenet_v2",
        title="MobileNetV2",
        pooling="avgmax",
        fold=0,
        seed=0,
        temperature=1.0,
        preprocessing=Preprocessing(
            input_size=64, stored_size=73, sector_crop=True, fit="crop", equalization="none"
        ),
        initial_weights="none",
        weights_sha256="0" * 64,
        settings_sha256="0" * 64,
        familiarity=familiarity.save(folder / "net-features.npy"),
        looks=looks.save(folder / "net-looks.npy"),
    )
    counts = dict.fromkeys(CLASSES, 60)
    described = BundleDescription(
        classes=CLASSES,
        members=(member,),
        data=TrainingSet(
            name="invented",
            manifest_sha256="0" * 64,
            split_sha256="0" * 64,
            training=counts,
            validation=counts,
            cleaned=False,
        ),
        rule=rule,
        performance=(),
        parity=Parity(images=1, probabilities=0, maps=0),
        intended_use={"en": "Tests.", "zh": "测试。"},
        versions={},
    )
    write_json(folder / "model.json", described.model_dump(mode="json"))
    write_sums(folder)
    return folder


def graph() -> onnx.ModelProto:
    """Return a graph of our inputs and outputs."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["grey"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["grey", "axes"], ["mean4"], keepdims=1),
        helper.make_node("ReduceMax", ["grey", "axes"], ["max4"], keepdims=1),
        helper.make_node("Flatten", ["mean4"], ["mean"]),
        helper.make_node("Flatten", ["max4"], ["max"]),
        helper.make_node("Sub", ["mean", "centres"], ["apart"]),
        helper.make_node("Mul", ["apart", "apart"], ["squared"]),
        helper.make_node("Mul", ["squared", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        helper.make_node("Mul", ["mean4", "cells"], ["maps"]),
        helper.make_node("Concat", ["mean", "max"], ["both"], axis=1),
        helper.make_node("Div", ["both", "white"], ["features"]),
    ]
    cells = np.arange(12, dtype=np.float32).reshape(1, 3, 2, 2)
    constants = {
        "axes": np.array([1, 2, 3], np.int64),
        "centres": np.array([CENTRES], np.float32),
        "scale": np.array([-0.02], np.float32),
        "cells": cells,
        "white": np.array([255], np.float32),
    }
    outputs = {"logits": 2, "probabilities": 2, "maps": 4, "features": 2}
    made = helper.make_graph(
        nodes,
        "reads",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, [None] * 4)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * rank)
            for name, rank in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


@pytest.fixture(scope="session")
def images(phantom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of patients: 3 with 4 images each, and a text file among them."""
    folder = tmp_path_factory.mktemp("images")
    sources = sorted((phantom / "images").glob("*.png"))
    for number, source in enumerate(sources[:12]):
        target = folder / f"P{number % 3}" / f"{number:02}.png"
        target.parent.mkdir(exist_ok=True)
        grey = Image.open(source)
        grey.resize((256, round(256 * grey.height / grey.width))).save(target)
    (folder / "P1" / "notes.txt").write_text("no image\n", encoding="utf-8")
    return folder
