"""What the processes of one run have in common: buffers, means, and reading in turns."""

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
    """Give every process the running statistics of the first one, which are each one's own."""
    if fabric.world_size > 1:
        for buffer in network.buffers():
            distributed.broadcast(buffer, 0)


def process_batches(fabric: Fabric, count: int, size: int) -> Iterator[slice]:
    """Yield the batches that this process reads: every n-th, none twice.

    The batches themselves are those of one process, so that each image is read in the same
    company, to the same bits, by any number of processes.

    Parameters
    ----------
    fabric
        Knows the processes.
    count
        Images of all processes.
    size
        Of a batch.
    """
    starts = range(0, count, size)
    for start in starts[fabric.global_rank :: fabric.world_size]:
        yield slice(start, min(start + size, count))


def gather(fabric: Fabric, own: list[_Part]) -> list[_Part]:
    """Return what all processes made of their batches, in the order of the batches.

    Parameters
    ----------
    fabric
        Knows the processes.
    own
        Of this process, in the order of `process_batches`; on the processor.
    """
    if fabric.world_size == 1:
        return own
    everyone: list[list[_Part]] = [[] for _ in range(fabric.world_size)]
    distributed.all_gather_object(everyone, own)
    turns = range(max(map(len, everyone)))
    return [parts[turn] for turn in turns for parts in everyone if turn < len(parts)]


def synchronized(fabric: Fabric, network: nn.Module) -> nn.Module:
    """Return the network with batch normalization over the whole batch, where that exists.

    PyTorch has it on GPUs; on the processor each process normalizes by its own part.
    """
    if fabric.world_size == 1 or fabric.device.type != "cuda":
        return network
    convert = nn.SyncBatchNorm.convert_sync_batchnorm
    converted: nn.Module = convert(network)  # type: ignore[no-untyped-call]
    return converted
