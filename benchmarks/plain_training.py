"""Training as one writes it with torchvision: Pillow images, its transforms, a DataLoader.

The same recipe as the study: random crop, vertical flip, rotation, affine, the grey-level table,
ImageNet's normalization, SGD with momentum, cross-entropy. 32-bit, contiguous. As a program it
trains the steps that it is asked for on its standard input and answers with seconds:

    python -m benchmarks.plain_training DATA NETWORK [--workers 2] [--device cpu] [--threads 2]
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler
from torchvision import models
from torchvision.transforms import InterpolationMode, transforms

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BATCH, RATE, AUXILIARY = 16, 0.001, 0.4
LAST = {
    "densenet121": "classifier",
    "densenet201": "classifier",
    "efficientnet_b0": "classifier.1",
    "vgg16": "classifier.6",
    "mobilenet_v2": "classifier.1",
    "resnet18": "fc",
    "resnet34": "fc",
    "inception_v3": "fc",
}


def input_size(name: str) -> int:
    return 299 if name == "inception_v3" else 224


class Stills(Dataset[tuple[Tensor, int]]):
    """Images of a data set, read and changed one by one."""

    def __init__(self, data: Path, size: int, *, augmented: bool = True) -> None:
        table = pd.read_csv(data / "manifest.csv", dtype=str)
        classes = sorted(set(table["label"]))
        self.paths = [data / name for name in table["image"]]
        self.labels = [classes.index(label) for label in table["label"]]
        self.equalized = [min(255, level + level // 8) for level in range(256)] * 3
        random = [
            transforms.RandomCrop(size),
            transforms.RandomVerticalFlip(),
            transforms.RandomRotation(10, InterpolationMode.BILINEAR),
            transforms.RandomAffine(
                0, (0.05, 0.05), (0.9, 1.1), 5, interpolation=InterpolationMode.BILINEAR
            ),
        ]
        self.changed = transforms.Compose(
            [
                transforms.Resize(round(size * 256 / 224)),
                *(random if augmented else [transforms.CenterCrop(size)]),
            ]
        )
        self.to_tensor = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self.changed(Image.open(self.paths[index]).convert("RGB"))
        return self.to_tensor(image.point(self.equalized)), self.labels[index]


def network(name: str, classes: int = 3) -> nn.Module:
    """Return torchvision's network with a new last layer."""
    options = {"init_weights": True} if name == "inception_v3" else {}
    model: nn.Module = getattr(models, name)(weights=None, **options)
    parent, _, last = LAST[name].rpartition(".")
    layer = model.get_submodule(LAST[name])
    holder = model.get_submodule(parent)
    new = nn.Linear(int(layer.in_features), classes)
    if isinstance(holder, nn.Sequential):
        holder[int(last)] = new
    else:
        setattr(holder, last, new)
    if isinstance(model, models.Inception3):
        model.AuxLogits.fc = nn.Linear(768, classes)
    return model


def train(
    model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], device: str
) -> Iterator[float]:
    """Train on one batch after the other; yield the losses."""
    optimizer = torch.optim.SGD(model.parameters(), RATE, momentum=0.9, weight_decay=1e-4)
    criterion = nn.CrossEntropyLoss()
    for images, labels in batches:
        images, labels = images.to(device), labels.to(device)
        output = model(images)
        if isinstance(output, tuple):
            loss = criterion(output[0], labels) + AUXILIARY * criterion(output[1], labels)
        else:
            loss = criterion(output, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield loss.item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("network", choices=list(LAST))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    stills = Stills(options.data, input_size(options.network))
    endless = RandomSampler(stills, replacement=True, num_samples=10**6)
    loader = DataLoader(
        stills,
        BATCH,
        sampler=endless,
        num_workers=options.workers,
        pin_memory=options.device == "cuda",
    )
    model = network(options.network).to(options.device).train()
    answer(train(model, iter(loader), options.device))


def answer(steps: Iterator[float]) -> None:
    """Do as many steps as each line of standard input says.

    Say how many seconds they took by the clock, and of the processor, workers included.
    """
    next(steps)
    print("ready", flush=True)
    while True:
        try:
            count = int(input())
        except EOFError:
            return
        started, before = time.perf_counter(), processor_seconds()
        for _ in range(count):
            next(steps)
        print(time.perf_counter() - started, processor_seconds() - before, flush=True)


def processor_seconds() -> float:
    """Return the time that this process and its living children have had (Linux)."""
    me = os.getpid()
    children = Path(f"/proc/{me}/task/{me}/children").read_text(encoding="utf-8").split()
    total = 0.0
    for process in (str(me), *children):
        fields = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        )
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
