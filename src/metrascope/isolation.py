"""Run a piece of work in a process of its own.

A network that runs out of memory, which on Linux ends the process without a word, then takes
nothing else with it, and its peak memory is its own.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing import connection

from metrascope.errors import MetrascopeError, StudyError
from metrascope.messages import language, set_language, text


def run_isolated(work: Callable[..., None], *arguments: object) -> str | None:
    """Call ``work(*arguments)`` in a fresh process and wait for it.

    Parameters
    ----------
    work
        A function of a module; it and its arguments travel to the process.

    Returns
    -------
    None where it succeeded, else one sentence about what went wrong. A bug in the work is
    described too, and its traceback is printed by the process.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_enter, args=(sender, language(), work, arguments))
    process.start()
    sender.close()
    try:
        failure: str | None = receiver.recv()
        process.join()
    except EOFError:
        process.join()
        return _death(process.exitcode or 0)
    except BaseException:
        process.terminate()
        process.join()
        raise
    finally:
        receiver.close()
    return failure


def _enter(
    sender: connection.Connection,
    lang: str,
    work: Callable[..., None],
    arguments: tuple[object, ...],
) -> None:
    # An interrupt at the terminal reaches both; the parent decides and ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    set_language(lang)
    try:
        work(*arguments)
    except MetrascopeError as error:
        sender.send(str(error))
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        sender.send(str(StudyError("isolation.out_of_memory")))
    else:
        sender.send(None)


def _is_out_of_memory(error: Exception) -> bool:
    # torch names its own class for CUDA; on the processor it is a RuntimeError in words.
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


def _death(exitcode: int) -> str:
    if exitcode < 0:
        return text("isolation.killed", signal=-exitcode)
    return text("isolation.bug", exitcode=exitcode)


def end_with_parent() -> None:
    """End this process when its parent ends, however that ends: no one else would stop it."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
