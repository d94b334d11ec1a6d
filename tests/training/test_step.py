"""A step of training, as it is and as a GPU's recording of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor
from torch.nn import functional

from metrascope.dataset.preprocess import Preprocessing
from metrascope.networks.networks import Network, Output, create_network
from metrascope.settings.study_settings import load_settings
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.loop import fit
from metrascope.training.step import TrainingStep

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")


def data(count: int = 24) -> TrainingData:
    rng = np.random.default_rng(0)
    steps = Preprocessing(
        input_size=64, stored_size=73, sector_crop=True, fit="crop", equalization="none"
    )
    pixels = rng.integers(0, 255, (count, 73, 73)).astype(np.uint8)
    labels, rows = np.arange(count) % 3, np.arange(count)
    return TrainingData(pixels, labels.astype(np.int64), rows[:18], rows[18:], steps)


def loss_of(output: Output, target: Tensor) -> Tensor:
    return functional.cross_entropy(output.logits, target)


def trained(device: str, rates: list[float], sizes: list[int], recorded: int) -> list[Tensor]:
    """Return losses, then weights and buffers, of some steps with batches of these sizes."""
    torch.manual_seed(0)
    network = create_network("resnet18", 3, weights="none").to(device)
    network.to(memory_format=torch.channels_last)
    # Fused, as in training: the other kinds read the rate on the processor, which ends a recording.
    optimizer = torch.optim.SGD(
        network.parameters(), 1.0, momentum=0.9, weight_decay=1e-2, fused=True
    )
    fabric = Fabric(accelerator=device, devices=1)
    feed = BatchFeed(data(), fabric.device)
    model, wrapped = fabric.setup(network.train(), optimizer)
    step = TrainingStep(fabric, model, wrapped, feed, loss_of, recorded=recorded)
    transforms = torch.tensor([[0.8, 0.1, 0.05], [-0.1, 0.8, 0.0]], device=device)
    losses = []
    for start, (rate, size) in enumerate(zip(rates, sizes, strict=True)):
        rows = feed.to_device(np.arange(start, start + size))
        losses.append(step(rows, transforms.expand(size, 2, 3), rate=rate, share=1.0).cpu())
    state = [value.detach().cpu().float() for value in network.state_dict().values()]
    return [torch.stack(losses), *state]


def test_a_step_is_that_of_plain_pytorch() -> None:
    rates = [0.05, 0.02, 0.01]
    losses, *state = trained("cpu", rates, [8, 8, 8], recorded=8)
    torch.manual_seed(0)
    network = create_network("resnet18", 3, weights="none").train()
    optimizer = torch.optim.SGD(network.parameters(), 1.0, momentum=0.9, weight_decay=1e-2)
    feed = BatchFeed(data(), torch.device("cpu"))
    change = torch.tensor([[0.8, 0.1, 0.05], [-0.1, 0.8, 0.0]]).expand(8, 2, 3)
    for start, rate in enumerate(rates):
        rows = torch.arange(start, start + 8)
        optimizer.param_groups[0]["lr"] = rate
        loss = functional.cross_entropy(network(feed.images(rows, change)).logits, rows % 3)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        assert losses[start] == pytest.approx(loss.item(), rel=1e-4)
    for mine, theirs in zip(state, network.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, theirs.float(), rtol=1e-3, atol=1e-4)


def test_a_feed_gives_the_same_images_from_the_store_and_with_none_changed() -> None:
    feed = BatchFeed(data(), torch.device("cpu"))
    rows = feed.to_device(np.array([3, 1]))
    images = feed.images(rows)
    assert images.shape == (2, 3, 64, 64)
    assert feed.labels(rows).tolist() == [0, 1]
    grey = data().pixels[[3, 1], 4:68, 4:68].astype(np.float32) / 255
    expected = (grey - 0.485) / 0.229
    np.testing.assert_allclose(images[:, 0].numpy(), expected, atol=1e-5)
    assert not feed.resident


@needs_gpu
def test_a_gpu_keeps_the_images_and_gives_those_of_the_processor() -> None:
    here, there = BatchFeed(data(), torch.device("cpu")), BatchFeed(data(), torch.device("cuda"))
    assert there.resident
    rows = np.array([3, 1, 20])
    one, other = (feed.images(feed.to_device(rows)).cpu() for feed in (here, there))
    torch.testing.assert_close(one, other)


@needs_gpu
def test_a_recorded_step_is_the_step() -> None:
    """A rate of its own each time, a batch of another size between, the first step included."""
    rates, sizes = [0.05, 0.02, 0.01, 0.04, 0.03], [8, 8, 5, 8, 8]
    eager = trained("cuda", rates, sizes, recorded=0)
    recorded = trained("cuda", rates, sizes, recorded=8)
    for one, other in zip(eager, recorded, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@needs_gpu
def test_a_recorded_training_stopped_and_continued_is_left_alone(tmp_path: Path) -> None:
    values = ["epochs=3", "warmup_epochs=1", "learning_rate=0.02", "batch_size=4"]
    settings = load_settings("paper", [f"training.{value}" for value in values])

    def run(folder: Path, stop: int | None) -> Network:
        torch.manual_seed(0)
        network = create_network("mobilenet_v2", 3, weights="none")

        def report(step: object) -> None:
            if stop is not None and step.epoch > stop:  # type: ignore[attr-defined]
                raise KeyboardInterrupt

        fabric = Fabric(accelerator="cuda", devices=1)
        torch.use_deterministic_algorithms(True)
        try:
            fit(
                fabric, network, data(), settings,
                seed=3, resume=folder / "resume.safetensors", report=report,
            )  # fmt: skip
        finally:
            torch.use_deterministic_algorithms(False)
        return network

    alone = run(tmp_path / "alone", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", 1)
    continued = run(tmp_path / "stopped", None)
    pairs = zip(alone.state_dict().values(), continued.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
