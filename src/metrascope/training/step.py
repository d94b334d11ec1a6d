"""One step of training: a batch forward and backward, and the weights moved.

On a GPU a batch of 16 takes less time to compute than to launch: a small network has hundreds of
kernels in a step. There the step is recorded once as a CUDA graph and launched as one.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from metrascope.networks.networks import Output
from metrascope.training.batches import BatchFeed

Loss = Callable[[Output, Tensor], Tensor]

# Steps before recording, in which libraries choose their algorithms and take their memory: as many
# as in PyTorch's notes on CUDA graphs ("Whole-network capture").
_WARM_UP_STEPS: Final = 3


class TrainingStep:
    """Trains on one batch at a time.

    Parameters
    ----------
    fabric
        Device, precision, processes.
    model, optimizer
        As ``fabric.setup`` returns them.
    feed
        The images.
    batch_loss
        Mean loss of a batch, from the network's output and the class indices.
    recorded
        Size of the batches that are recorded and replayed, where that can be done; 0 for none.
    """

    def __init__(
        self,
        fabric: Fabric,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        feed: BatchFeed,
        batch_loss: Loss,
        *,
        recorded: int = 0,
    ) -> None:
        self._fabric, self._model, self._optimizer = fabric, model, optimizer
        self._feed, self._batch_loss = feed, batch_loss
        records = fabric.device.type == "cuda" and fabric.world_size == 1 and feed.resident
        self._recorded = recorded if records else 0
        self._recording: _Recording | None = None

    def __call__(self, rows: Tensor, transforms: Tensor, *, rate: float, share: float) -> Tensor:
        """Train on a batch; return its loss, a tensor on the device that stays as it is.

        Parameters
        ----------
        rows, transforms
            As `metrascope.training.batches.BatchFeed.images` takes them.
        rate
            Learning rate.
        share
            Factor of the loss: images of this process times processes, by images of the batch; 1
            for one process.
        """
        # A graph has fixed shapes: the last batch of an epoch, if smaller, is trained on eagerly.
        if len(rows) != self._recorded:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            return self._train(rows, transforms, share)
        if self._recording is None:
            self._recording = _Recording(
                self._train, self._optimizer, self._model, rows, transforms
            )
        return self._recording.replay(rows, transforms, rate)

    def _train(self, rows: Tensor, transforms: Tensor, share: float = 1.0) -> Tensor:
        images, target = self._feed.images(rows, transforms), self._feed.labels(rows)
        loss = self._batch_loss(self._model(images), target) * share
        self._optimizer.zero_grad()
        self._fabric.backward(loss)
        self._optimizer.step()
        return loss.detach()


class _Recording:
    """A step as a CUDA graph, with the tensors that it reads and writes."""

    def __init__(
        self,
        train: Callable[[Tensor, Tensor], Tensor],
        optimizer: torch.optim.Optimizer,
        model: nn.Module,
        rows: Tensor,
        transforms: Tensor,
    ) -> None:
        self._optimizer = optimizer
        self._rows, self._transforms = rows.clone(), transforms.clone()
        self._rate = torch.zeros((), device=rows.device)
        self._set_rate(self._rate)
        before = _TrainingState(model, optimizer)
        # Not on the default stream, on which CUDA cannot record, as PyTorch's notes ask.
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_STEPS):
                train(self._rows, self._transforms)
        torch.cuda.current_stream().wait_stream(stream)
        before.restore()
        # No gradients yet: their memory is then the graph's own, and stays where it is.
        optimizer.zero_grad()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = train(self._rows, self._transforms)

    def replay(self, rows: Tensor, transforms: Tensor, rate: float) -> Tensor:
        """Train on another batch of the same size, whose numbers go where the graph reads them."""
        self._rows.copy_(rows)
        self._transforms.copy_(transforms)
        self._rate.fill_(rate)
        self._graph.replay()
        # Elsewhere the rate is a number: eager steps, the training state on disk.
        self._set_rate(rate)
        return self._loss.clone()  # the next replay writes over it

    def _set_rate(self, rate: float | Tensor) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate


class _TrainingState:
    """Weights, running statistics, momentum and random numbers before the warm-up steps."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._tensors = [*model.parameters(), *model.buffers()]
        self._values = [tensor.detach().clone() for tensor in self._tensors]
        self._optimizer = optimizer
        self._momentum = {key: deepcopy(value) for key, value in optimizer.state.items()}
        self._random = torch.cuda.get_rng_state()

    def restore(self) -> None:
        """Put everything back, into the same tensors, which the recording refers to."""
        with torch.no_grad():
            for tensor, value in zip(self._tensors, self._values, strict=True):
                tensor.copy_(value)
            for key, state in self._optimizer.state.items():
                self._restore_momentum(state, self._momentum.get(key, {}))
        torch.cuda.set_rng_state(self._random)

    @staticmethod
    def _restore_momentum(state: dict[str, Any], before: dict[str, Any]) -> None:
        for name, value in state.items():
            if not isinstance(value, Tensor):
                continue
            # From zero momentum, a step is the first step that has none.
            value.copy_(before[name]) if name in before else value.zero_()
