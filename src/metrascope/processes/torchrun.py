"""The processes of one command that torchrun started, on one machine or several.

The first of them is the study: it reads, prepares, writes and reports. The others follow it: they
wait for a run, have their share of its batches, and wait for the next.

Who a process is, is known without loading torch: options are checked before.
"""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from types import FrameType
from typing import Final, NoReturn

from metrascope.errors import StudyError
from metrascope.processes.worker import Arguments, WorkerCall

_PATIENCE: Final = timedelta(days=7)
"""While the first process draws phantoms or decodes, the others wait; torchrun ends them all when
one of them dies."""


def launched() -> bool:
    """Tell whether torchrun started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ  # what torch itself looks at


def processes() -> int:
    """Return how many processes torchrun started, 1 without it."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def is_follower() -> bool:
    """Tell whether torchrun started this process, and not as the first."""
    return launched() and int(os.environ["RANK"]) > 0


def follow_first_process() -> NoReturn:
    """Do the tasks of the first process with it until there are none left, then end this process.

    It ends without taking Python down: a thread of gloo that lets go of a tensor meanwhile needs
    the interpreter and aborts the process, and torchrun ends the study with it (pytorch/pytorch,
    pull request 179291).
    """
    from torch import distributed

    _join()
    while True:
        message: list[tuple[WorkerCall, Arguments] | None] = [None]
        distributed.broadcast_object_list(message, 0)
        if message[0] is None:
            _leave()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)
        work, task = message[0]
        work(*task)


def share_out_to_ranks(
    work: WorkerCall, tasks: Sequence[Arguments]
) -> Iterator[tuple[int, str | None]]:
    """Do tasks one after the other in all processes at once; called in the first one.

    A failure ends the command: the processes cannot agree on how far each of them came.

    Yields
    ------
    The number of each task, and None.

    Raises
    ------
    MetrascopeError
        What a task raised.
    """
    from torch import distributed

    _join()
    for number, task in enumerate(tasks):
        distributed.broadcast_object_list([(work, task)], 0)
        work(*task)
        yield number, None


def dismiss() -> None:
    """End what the others do in `follow_first_process`; called in the first when all is done."""
    from torch import distributed

    _join()
    distributed.broadcast_object_list([None], 0)
    _leave()


def _leave() -> None:
    """Leave the group while its threads still run."""
    from torch import distributed

    distributed.destroy_process_group()


def _join() -> None:
    if not is_follower():  # those die as they are told, also while they wait in a library
        signal.signal(signal.SIGTERM, _raise_process_failed)
    import torch
    from torch import distributed

    if distributed.is_initialized():
        return
    backend = "gloo"
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=_PATIENCE)


def _raise_process_failed(number: int, frame: FrameType | None) -> None:
    # torchrun ends the others when one of the processes has died.
    raise StudyError("study.process_failed", reason=signal.Signals(number).name)
