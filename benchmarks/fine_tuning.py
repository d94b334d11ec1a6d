"""Plain fine-tuning with torchvision's transforms: the baseline that the study must not fall below.

The same split, recipe and initial weights as ``metrascope study paper``, as an engineer would
write it in an afternoon: Pillow images, ``torchvision.transforms``, the network's own head.

    python -m benchmarks.fine_tuning STUDY DATA --weights mobilenet_v2.safetensors --seeds 0 1 2

STUDY is a finished study of MobileNetV2 on DATA: its split, epochs, batches and learning rate are
used, and its numbers are printed beside the baseline's.
"""

import argparse
import json
import statistics
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import f1_score
from torch import nn
from torchvision import models
from torchvision.transforms import v2

from metrascope.settings.study_settings import TrainingSettings, load_settings

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
TO_TENSOR = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
TRAIN = v2.Compose(
    [
        v2.RandomCrop(224),
        v2.RandomVerticalFlip(),
        v2.RandomRotation(10, v2.InterpolationMode.BILINEAR),
        v2.RandomAffine(
            0, (0.05, 0.05), (0.9, 1.1), 5, interpolation=v2.InterpolationMode.BILINEAR
        ),
        *TO_TENSOR,
    ]
)
EVALUATE = v2.Compose([v2.CenterCrop(224), *TO_TENSOR])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    classes = json.loads((options.study / "data.json").read_text(encoding="utf-8"))["classes"]
    table = pd.read_csv(options.data / "manifest.csv", dtype=str)
    split = pd.read_csv(options.study / "splits.csv", dtype=str).set_index("patient_id")
    partition = table["patient_id"].map(split["partition"])
    images = [
        v2.functional.resize(Image.open(options.data / name).convert("L").convert("RGB"), 256)
        for name in table["image"]
    ]
    labels = torch.tensor([classes.index(label) for label in table["label"]])
    parts = [
        torch.tensor((partition == name).to_numpy()).nonzero()[:, 0]
        for name in ("train", "validation")
    ]
    recipe = load_settings(str(options.study / "settings.toml")).training
    baseline = [
        train(recipe, images, labels, *parts, options.weights, seed) for seed in options.seeds
    ]
    ours = study_scores(options.study, classes)
    for name, scores in (("baseline", baseline), ("metrascope", ours)):
        each = " ".join(f"{100 * score:.2f}" for score in scores)
        print(f"{name}: macro F1 {each}, mean {100 * statistics.mean(scores):.2f} %")
    print(f"ratio {statistics.mean(ours) / statistics.mean(baseline):.3f}")


def train(
    recipe: TrainingSettings,
    images: list[Image.Image],
    labels: torch.Tensor,
    training: torch.Tensor,
    validation: torch.Tensor,
    weights: Path,
    seed: int,
) -> float:
    torch.manual_seed(seed)
    network = models.mobilenet_v2()
    network.load_state_dict(load_file(weights))
    network.classifier[1] = nn.Linear(1280, int(labels.max()) + 1)
    network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(),
        recipe.learning_rate,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
    )
    steps = -(-len(training) // recipe.batch_size)
    rising, all_ = recipe.warmup_epochs * steps, recipe.epochs * steps
    warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / rising, 1, rising)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, all_ - rising)
    schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [warmup, cosine], [rising])
    for epoch in range(recipe.epochs):
        network.train()
        for rows in training[torch.randperm(len(training))].split(recipe.batch_size):
            batch = torch.stack([TRAIN(images[row]) for row in rows])
            batch = batch.contiguous(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(network(batch), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(
            f"seed {seed} epoch {epoch + 1}: {score(network, images, labels, validation):.4f}",
            flush=True,
        )
    return score(network, images, labels, validation)


@torch.no_grad()
def score(
    network: nn.Module, images: list[Image.Image], labels: torch.Tensor, rows: torch.Tensor
) -> float:
    network.eval()
    parts = rows.split(16)
    logits = [network(torch.stack([EVALUATE(images[row]) for row in part])) for part in parts]
    return float(f1_score(labels[rows], torch.cat(logits).argmax(1), average="macro"))


def study_scores(study: Path, classes: list[str]) -> list[float]:
    table = pd.read_csv(study / "predictions.csv")
    table = table[table["network"] == "mobilenet_v2"]
    columns = [f"p_{label}" for label in classes]
    predicted = table[columns].to_numpy().argmax(axis=1)
    table = table.assign(predicted=[classes[index] for index in predicted])
    return [
        float(f1_score(rows["label"], rows["predicted"], average="macro"))
        for _, rows in table.groupby("seed")
    ]


if __name__ == "__main__":
    main()
