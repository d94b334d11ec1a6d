"""Several processes on one run: what they read, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from lightning_fabric import Fabric

from metrascope.dataset.preprocess import Preprocessing
from metrascope.networks.networks import create_network
from metrascope.training.batches import BatchFeed, TrainingData
from metrascope.training.distributed import gather, process_batches, share_buffers
from metrascope.training.loop import predict

# A fork need not import everything again; the product spawns, which is the same everywhere.
START = "ddp_fork" if sys.platform == "linux" else "ddp_spawn"
COMMAND = [
    "study",
    "paper",
    "--networks=resnet18",
    "--weights=none",
    "--device=cpu",
    "--set=preprocessing.input_size=32",
    "--set=split.validation=0.3",
    "--set=training.epochs=3",
    "--set=training.batch_size=8",
    "--set=explain.faithfulness_images=2",
    "--set=explain.shortcut_images=2",
    "--set=explain.border=false",
]


class Alone:
    """Stands for Fabric in one of several processes."""

    def __init__(self, rank: int, size: int) -> None:
        self.global_rank, self.world_size = rank, size


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 9])
@pytest.mark.parametrize("count", [1, 16, 37, 125])
def test_every_image_is_read_once_in_the_batches_of_one_process(processes: int, count: int) -> None:
    whole = list(process_batches(Alone(0, 1), count, 16))  # type: ignore[arg-type]
    shared = [
        batch
        for rank in range(processes)
        for batch in process_batches(Alone(rank, processes), count, 16)  # type: ignore[arg-type]
    ]
    assert sorted(shared, key=lambda batch: batch.start) == whole
    assert [batch.start for batch in whole] == list(range(0, count, 16))
    assert whole[-1].stop == count


def read_in_turns(fabric: Fabric, folder: Path) -> None:
    """Read 21 images in batches of 4, with running statistics of this process alone at first."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    steps = Preprocessing(
        input_size=32, stored_size=37, sector_crop=True, fit="crop", equalization="none"
    )
    pixels, none = rng.integers(0, 255, (21, 37, 37)).astype(np.uint8), np.empty(0, np.int64)
    data = TrainingData(pixels, np.zeros(21, np.int64), none, none, steps)
    torch.manual_seed(0)
    network = create_network("resnet18", 3, weights="none")
    for name, buffer in network.named_buffers():
        if name.endswith("running_mean"):
            buffer += fabric.global_rank
    share_buffers(fabric, network)
    feed = BatchFeed(data, fabric.device)
    own = [output.logits for output in predict(fabric, network, feed, np.arange(21), 4)]
    logits = torch.cat(gather(fabric, own))
    if fabric.is_global_zero:
        np.save(folder / f"{fabric.world_size}.npy", logits.numpy())


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_one_to_four_processes_say_the_same_bytes(tmp_path: Path) -> None:
    for processes in (1, 2, 3, 4):
        strategy = START if processes > 1 else "auto"
        fabric = Fabric(accelerator="cpu", devices=processes, strategy=strategy)
        fabric.launch(partial(read_in_turns, folder=tmp_path))
    one, *more = (np.load(tmp_path / f"{count}.npy") for count in (1, 2, 3, 4))
    assert one.shape == (21, 3)
    assert {one.tobytes()} == {array.tobytes() for array in more}


def under_torchrun(phantom: Path, out: Path, *program: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [*program, *COMMAND, f"--data={phantom}", f"--out={out}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def second_process(launcher: int) -> int | None:
    """Return the process of rank 1 that a launcher started."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    for child in children:
        if "RANK=1" in Path(f"/proc/{child}/environ").read_text().split("\0"):
            return int(child)
    return None


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes in /proc")
def test_a_process_that_dies_ends_the_run_and_the_next_start_resumes(
    phantom: Path, tmp_path: Path
) -> None:
    """In bfloat16, which was measured before: the processes stay together for both tasks."""
    out = tmp_path / "out"
    process = under_torchrun(phantom, out, str(Path(__file__).parents[1] / "measuring.py"))
    resume = out / "runs" / "resnet18-f0-s0" / "resume.safetensors"
    deadline = time.monotonic() + 240
    while not resume.is_file():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    second = second_process(process.pid)
    assert second is not None
    os.kill(second, signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode != 0
    # Whichever comes first: the process that is left finds the other gone, or torchrun ends it.
    ended = "metrascope: One of the processes that share this run has ended"
    assert ended in told or "closing signal SIGTERM" in told
    assert "Traceback (most recent call last)" not in told.split("torch/distributed")[0]
    assert not (out / "report.html").exists()
    measured = json.loads((out / "precision" / "resnet18.json").read_text(encoding="utf-8"))
    assert measured["precision"] == "bf16-mixed"
    assert min(measured["seconds_per_step"].values()) > 0
    again = under_torchrun(phantom, out, str(Path(__file__).parents[1] / "quickly.py"))
    printed, told = again.communicate(timeout=300)
    assert again.returncode == 0, told
    assert printed.count("Research use only") == 1
    history = pd.read_csv(out / "runs" / "resnet18-f0-s0" / "history.csv")
    assert history["epoch"].max() == 3
    assert not history["step"].eq(1).sum() > 3
    resources = (out / "runs" / "resnet18-f0-s0" / "resources.json").read_text(encoding="utf-8")
    assert json.loads(resources)["precision"] == "bf16-mixed"
    assert "processes = 2" in (out / "settings.toml").read_text(encoding="utf-8")
