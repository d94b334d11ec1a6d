"""What a bundle refuses: images out of scope, by kind and by stage, and images in scope.

    python -m benchmarks.refusal WORK [--patients 700] [--test 700] [--photographs FOLDER ...]

In WORK a data set of phantoms and of the real normal uteri of ``tvus_normal`` is made, a study
trained on it, and phantoms drawn anew for the test; what is there is used again. Thresholds are
fitted to the validation images. In scope, everything refused is a false refusal.

Photographs come from scikit-learn and from the folders given, for instance
``skimage/data`` of an installed scikit-image.
"""

import argparse
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn import datasets

from benchmarks.strangers import decode, strangers
from metrascope.dataset.manifest import Manifest, read_manifest, write_manifest
from metrascope.dataset.preprocess import centre_crop, square
from metrascope.networks.checkpoint import load
from metrascope.phantom.phantom import write_phantom
from metrascope.predict.appearance import appearance
from metrascope.predict.familiarity import combine, fit_familiarity
from metrascope.predict.graph import Graph
from metrascope.predict.refusal import disagreement, fit_refusal
from metrascope.screen.sector import find_sector
from metrascope.screen.settings import IngestSettings
from metrascope.screen.still import CleanStill, make_still
from metrascope.screen.usability import Claims
from metrascope.settings.study_settings import load_settings
from metrascope.study.study import run_study

Pixels = npt.NDArray[np.uint8]
DATA = Path(os.environ.get("METRASCOPE_DATA", "../shared/data"))
SIDE, SEEN = 256, 224
KEPT = ("image", "patient_id", "label", "scanner", "centre", "source")


@dataclass
class Read:
    """Images of one kind; ``before`` says why one would not have been read at all.

    ``squares`` are uint8 (n, 256, 256): what the graph makes of a sector before anything else.
    """

    names: npt.NDArray[np.str_]
    before: npt.NDArray[np.str_]
    squares: Pixels
    probabilities: npt.NDArray[np.float32]
    features: npt.NDArray[np.float32]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--patients", type=int, default=700)
    parser.add_argument("--test", type=int, default=700)
    parser.add_argument("--difficulty", type=float, default=0.3)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    parser.add_argument("--photographs", type=Path, nargs="*", default=[])
    parser.add_argument("--each", type=int, default=120, help="images of a kind at most")
    options = parser.parse_args()
    manifest = training_data(options.work, options.patients, options.difficulty)
    train(manifest, options.work / "study", options.epochs, options.seeds)
    test = options.work / "test_phantom"
    if not (test / "manifest.csv").is_file():
        write_phantom(test, patients=options.test, seed=777, difficulty=options.difficulty)
    kinds = read_all(options)
    for count in sorted({1, len(options.seeds)}):
        for how in ("features", "appearance", "both"):
            report(options.work / "study", kinds, count, how)


def training_data(work: Path, patients: int, difficulty: float) -> Path:
    """Make phantoms, add the real normal uteri, and return the data set's folder."""
    data = work / "data"
    if (data / "manifest.csv").is_file():
        return data
    write_phantom(work / "train_phantom", patients=patients, seed=501, difficulty=difficulty)
    tables = []
    for source in (work / "train_phantom", DATA / "tvus_normal"):
        table = read_manifest(source).table
        for name in table["image"]:
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_bytes((source / name).read_bytes())
        tables.append(table)
    table = pd.concat(tables).fillna("")
    write_manifest(table[[name for name in KEPT if name in table]], data / "manifest.csv")
    return data


def train(data: Path, study: Path, epochs: int, seeds: Iterable[int]) -> None:
    """Fine-tune MobileNetV2, once for each seed, as far as that is not done."""
    weights = (DATA / "weights" / "mobilenet_v2-imagenet.safetensors").resolve()
    changes = [
        'networks=["mobilenet_v2"]',
        f'weights={{"*"="{weights}"}}',
        f"seeds={list(seeds)}",
        "split.validation=0.3",
        f"training.epochs={epochs}",
        "training.warmup_epochs=1",
        "training.learning_rate=0.001",
        "explain.faithfulness_images=0",
        "explain.shortcut_images=0",
        "explain.border=false",
    ]
    if all((study / "runs" / f"mobilenet_v2-f0-s{s}" / "resources.json").is_file() for s in seeds):
        return
    run_study(data, study, load_settings("paper", changes), device="cpu")


def read_all(options: argparse.Namespace) -> dict[str, Read]:
    """Read all images with all networks; sectors are cut once and kept in WORK."""
    study = options.work / "study"
    file = options.work / f"squares-{options.each}-{options.test}.npz"
    if not file.is_file():
        arrays = {}
        for kind, items in images(options):
            found = [(name, *cut(frame)) for name, frame in items]
            for column, part in enumerate(("names", "before", "squares")):
                arrays[f"{kind}/{part}"] = np.array([one[column] for one in found])
            print(f"{kind}: {len(found)} images", flush=True)
        np.savez(file, **arrays)  # type: ignore[arg-type]
    kept = np.load(file, allow_pickle=False)
    graphs = []
    for seed in options.seeds:
        network, description = load(study / "runs" / f"mobilenet_v2-f0-s{seed}")
        graphs.append(Graph(network, description.preprocessing, description.temperature).eval())
    kinds = dict.fromkeys(key.partition("/")[0] for key in kept.files)
    parts = ("names", "before", "squares")
    return {kind: read(*(kept[f"{kind}/{part}"] for part in parts), graphs) for kind in kinds}


def images(options: argparse.Namespace) -> Iterator[tuple[str, Iterable[tuple[str, Pixels]]]]:
    """Yield each kind with the names and pixels of its images."""
    split = pd.read_csv(options.work / "study" / "splits.csv", dtype=str)
    manifest = read_manifest(options.work / "data")
    parts = manifest.table["patient_id"].map(split.set_index("patient_id")["partition"])
    for name in ("train", "validation"):
        yield name, in_scope(manifest, np.flatnonzero(parts == name))
    test = read_manifest(options.work / "test_phantom")
    yield "test", in_scope(test, np.arange(len(test.table))[: options.test])
    photographs = [Path(datasets.__file__).parent / "images", *options.photographs]
    kinds: dict[str, list[tuple[str, Pixels]]] = {}
    for kind, name, frame in strangers(DATA, photographs, options.each, seed=5):
        kinds.setdefault(kind, []).append((name, frame))
    yield from kinds.items()


def in_scope(manifest: Manifest, rows: Iterable[int]) -> Iterator[tuple[str, Pixels]]:
    for row in rows:
        line, path = manifest.table.iloc[int(row)], manifest.path(int(row))
        if path is not None:
            yield f"{line['label']}|{line['patient_id']}", decode(path)


def cut(frame: Pixels) -> tuple[str, Pixels]:
    """Cut out the sector, also where ingest would refuse: to know what would have come after."""
    made = make_still(frame, (), Claims(), IngestSettings(verify=False), None)
    grey = frame if frame.ndim == 2 else cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    grey = np.asarray(grey, dtype=np.uint8)
    if isinstance(made, CleanStill):
        (left, top), (height, width) = made.origin, made.grey.shape
        reason = ""
    else:
        left, top, width, height = find_sector(grey).box
        reason = made.code
    crop = np.ascontiguousarray(grey[top : top + height, left : left + width])
    return reason, square(crop, SIDE)


def read(
    names: npt.NDArray[np.str_],
    before: npt.NDArray[np.str_],
    squares: Pixels,
    graphs: list[Graph],
) -> Read:
    """Let each network read; arrays are (n, networks, …)."""
    found = []
    with torch.inference_mode():
        for rows in np.array_split(squares, -(-len(squares) // 32)):
            said = [graph(torch.from_numpy(rows[:, None])) for graph in graphs]
            found.append(
                (
                    torch.stack([one.probabilities for one in said], 1).numpy(),
                    torch.stack([one.features for one in said], 1).numpy(),
                )
            )
    probabilities, features = (np.concatenate(part) for part in zip(*found, strict=True))
    return Read(names, before, squares, probabilities, features)


def subset(found: Read, chosen: npt.NDArray[np.bool_]) -> Read:
    parts = ("names", "before", "squares", "probabilities", "features")
    return Read(*(getattr(found, part)[chosen] for part in parts))


def report(study: Path, kinds: dict[str, Read], networks: int, how: str = "both") -> None:
    """Fit to training and validation, and print what is refused of each kind.

    ``how`` is ``features``, ``appearance`` or ``both``, which the package does.
    """
    classes = load(study / "runs" / "mobilenet_v2-f0-s0")[1].classes
    train = kinds["train"]
    labels = [name.partition("|")[0] for name in train.names]
    models = [fit_familiarity(train.features[:, k], labels) for k in range(networks)]
    looks = fit_familiarity(appearance(centre_crop(train.squares, SEEN)), labels)

    def scores(found: Read) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
        each = [model.score(found.features[:, k]) for k, model in enumerate(models)]
        by_features = np.mean(each, axis=0)
        by_appearance = looks.score(appearance(centre_crop(found.squares, SEEN)))
        strange = {
            "features": by_features,
            "appearance": by_appearance,
            "both": combine(by_features, by_appearance),
        }[how]
        said = found.probabilities[:, :networks].transpose(1, 0, 2)
        return strange, disagreement(said) if networks > 1 else None

    held = kinds["validation"]
    strange, apart = scores(held)
    said = held.probabilities[:, :networks].mean(axis=1)
    rule = fit_refusal(
        said,
        strange,
        apart,
        labels=[name.partition("|")[0] for name in held.names],
        patients=[name.partition("|")[2] for name in held.names],
        classes=classes,
    )
    print(f"\n{networks} network(s), {how}; validation: {rule.validation.model_dump()}")
    inside = np.concatenate([scores(kinds[kind])[0] for kind in ("validation", "test")])
    others = [kind for kind in kinds if kind not in ("train", "validation", "test")]
    left = np.concatenate([scores(kinds[k])[0][kinds[k].before == ""] for k in others])
    above = (left[:, None] > inside).mean() + (left[:, None] == inside).mean() / 2
    print(f"familiarity tells in scope from what is left of out of scope: AUROC {above:.4f}")
    print(f"{'kind':14} images  before  after (of those left)   refused   by set   reasons before")
    total = [0, 0]
    # The few real images of the training data lie apart from the phantoms: U numbers them.
    real = np.array([name.rpartition("|")[2].startswith("U") for name in held.names])
    shown = {kind: found for kind, found in kinds.items() if kind != "train"}
    shown["  real"], shown["  phantom"] = subset(held, real), subset(held, ~real)
    for kind, found in shown.items():
        strange, apart = scores(found)
        before = np.array([bool(reason) for reason in found.before])
        over = strange > rule.unfamiliar_above
        if apart is not None and rule.disagreement_above is not None:
            over |= apart > rule.disagreement_above
        said = found.probabilities[:, :networks].mean(axis=1)
        by_set = [bool(rule.image(row, 0.0).reasons) for row in said]
        refused = before | over
        if kind in others:
            total[0] += int(refused.sum())
            total[1] += len(refused)
        why = pd.Series(found.before).replace("", np.nan).value_counts().head(4).to_dict()
        after = 100 * over[~before].mean() if (~before).any() else float("nan")
        print(
            f"{kind:14} {len(before):6d} {100 * before.mean():6.1f} % {after:6.1f} %"
            f" ({(~before).sum():4d} left)       {100 * refused.mean():6.1f} %"
            f" {100 * np.mean(by_set):6.1f} %   {why}"
        )
    print(f"out of scope in all: {total[0]} of {total[1]} = {100 * total[0] / total[1]:.1f} %")


if __name__ == "__main__":
    main()
