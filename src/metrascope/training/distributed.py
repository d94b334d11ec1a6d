"""Several processes of one run: shared buffers, means, and reading in turns."""

from collections.abc import Iterator
from typing import TypeVar, cast

from lightning_fabric import Fabric
from torch import Tensor, distributed, nn

_Part = TypeVar("_Part")


def mean_over_processes(fabric: Fabric, value: Tensor) -> Tensor:
    """Return the mean of a tensor over the processes."""
    if fabric.world_size == 1:
        return value
    return cast(Tensor, fabric.all_reduce(value, reduce_op="mean"))


def share_buffers(fabric: Fabric, network: nn.Module) -> None:
    """Copy batch normalization's running statistics from the first process to all others."""
    if fabric.world_size > 1:
        for buffer in network.buffers():
            distributed.broadcast(buffer, 0)


def process_batches(fabric: Fabric, count: int, size: int) -> Iterator[slice]:
    """Yield the batches that this process reads: every n-th, none twice.

    The batches themselves are those of one process: an image's last bits can depend on the batch
    around it, and so stay the same for any number of processes.

    Parameters
    ----------
    fabric
        Rank and number of the processes.
    count
        Images of all processes together.
    size
        Images per batch.
    """
    starts = range(0, count, size)
    for start in starts[fabric.global_rank :: fabric.world_size]:
        yield slice(start, min(start + size, count))


def gather(fabric: Fabric, parts: list[_Part]) -> list[_Part]:
    """Return the results of all processes, in the order of the batches.

    Parameters
    ----------
    fabric
        Rank and number of the processes.
    parts
        Results of this process, one a batch, in the order of `process_batches`; on the processor.
    """
    if fabric.world_size == 1:
        return parts
    gathered: list[list[_Part]] = [[] for _ in range(fabric.world_size)]
    distributed.all_gather_object(gathered, parts)
    # Process r has batches r, r + n, r + 2n, ...: one of each in turn gives 0, 1, 2, ...
    turns = range(max(map(len, gathered)))
    return [results[turn] for turn in turns for results in gathered if turn < len(results)]


def synchronized(fabric: Fabric, network: nn.Module) -> nn.Module:
    """Return the network with batch normalization over the whole batch, where that exists.

    PyTorch has it on GPUs; on the processor each process normalizes by its own part.
    """
    if fabric.world_size == 1 or fabric.device.type != "cuda":
        return network
    convert = nn.SyncBatchNorm.convert_sync_batchnorm
    converted: nn.Module = convert(network)  # type: ignore[no-untyped-call]
    return converted
