"""How fast an image is read, with its heat map, beside PyTorch with pytorch-grad-cam.

Both get the same sector crop in memory and give probabilities and the heat map of the likeliest
class; batch 1, all cores. The reference is what a user would write: torchvision's transforms on a
PIL image, the network in evaluation mode, `pytorch_grad_cam.GradCAM`. Ours is the exported graph
with the runtime that `metrascope predict` would choose here. Weights are random: they
change no time.

    python -m benchmarks.predict_speed [--folder F] [--networks A,B] [--rounds 15]
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from pytorch_grad_cam import GradCAM
from torch import nn
from torchvision import transforms

from metrascope.dataset.preprocess import Preprocessing, stored_size
from metrascope.export.onnx_file import to_onnx
from metrascope.networks.networks import Network, create_network
from metrascope.predict.graph import Graph
from metrascope.predict.runtime import installed, open_runtime
from metrascope.settings.study_settings import NETWORKS


class Scores(nn.Module):
    """The network as pytorch-grad-cam expects it: images in, scores out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(images).logits


def graph_of(name: str, folder: Path) -> tuple[Network, Path]:
    torch.manual_seed(0)
    network = create_network(name, 3, weights="none").eval()
    path = folder / f"{name}.onnx"
    if not path.is_file():
        size = network.architecture.input_size
        steps = Preprocessing(
            input_size=size,
            stored_size=stored_size(size),
            sector_crop=True,
            fit="crop",
            equalization="none",
        )
        path.write_bytes(to_onnx(Graph(network, steps).eval()))
    return network, path


def reference(network: Network) -> Callable[[np.ndarray], object]:
    size = network.architecture.input_size
    prepare = transforms.Compose(
        [
            transforms.Resize(stored_size(size)),
            transforms.CenterCrop(size),
            transforms.ToTensor(),
            transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ]
    )
    cam = GradCAM(model=Scores(network), target_layers=[network.last_map])

    def read(grey: np.ndarray) -> object:
        images = prepare(Image.fromarray(grey).convert("RGB"))[None]
        heat = cam(input_tensor=images, targets=None)
        return cam.outputs.softmax(1), heat

    return read


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(name: str, folder: Path, rounds: int, threads: int) -> float:
    network, path = graph_of(name, folder)
    grey = np.random.default_rng(0).integers(0, 256, (512, 512), dtype=np.uint8)
    pixels = grey[None, None]
    theirs = reference(network)
    runtimes = {own: open_runtime(path, name=own, threads=threads) for own in installed()}
    for runtime in runtimes.values():
        runtime(pixels)
    theirs(grey)
    times: dict[str, list[float]] = {own: [] for own in (*runtimes, "reference")}
    for _ in range(rounds):
        for own, runtime in runtimes.items():
            times[own].append(timed(lambda runtime=runtime: runtime(pixels)))
        times["reference"].append(timed(lambda: theirs(grey)))
    middle = {own: statistics.median(values) for own, values in times.items()}
    best = min(runtimes, key=lambda own: middle[own])
    ratio = statistics.median(
        slow / fast for slow, fast in zip(times["reference"], times[best], strict=True)
    )
    shown = ", ".join(f"{own} {1000 * value:.1f} ms" for own, value in middle.items())
    print(f"{name}: {shown}; {best} {ratio:.2f} times as fast", flush=True)
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("build/predict_speed"))
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    threads = torch.get_num_threads()
    ratios = [
        compare(name, options.folder, options.rounds, threads)
        for name in options.networks.split(",")
    ]
    mean = statistics.geometric_mean(ratios)
    print(f"geometric mean {mean:.2f} (asked: 5), least {min(ratios):.2f} (asked: 1)")


if __name__ == "__main__":
    main()
