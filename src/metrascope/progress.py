"""Show how far long work is: a bar on a terminal, plain lines in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from metrascope.messages import text

_LOG_SECONDS = 15.0


class Advance(Protocol):
    """Tells how much is done: ``advance(done, all)``, with a note such as the loss."""

    def __call__(self, done: int, all_: int, note: str = "") -> None:
        """Show that ``done`` of ``all_`` is done."""


@contextmanager
def progress(title: str, *, lines: bool = False) -> Iterator[Advance]:
    """Show the progress of one piece of work on standard error while the block runs.

    Parameters
    ----------
    title
        What is being done, a few words.
    lines
        Show lines on a terminal too, where bars of several processes would be drawn over
        each other.
    """
    console = Console(stderr=True)
    if lines or not console.is_terminal:
        yield _log_lines(title)
        return
    columns: list[ProgressColumn] = [
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    ]
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=None, note="")

        def advance(done: int, all_: int, note: str = "") -> None:
            bar.update(task, completed=done, total=all_, note=note)

        yield advance


def say(sentence: str) -> None:
    """Print one sentence about the work to standard error, for people and logs."""
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(sentence)


def _log_lines(title: str) -> Advance:
    """Return an advance that prints a line every few seconds and one at the end."""
    started = time.monotonic()
    last = started

    def advance(done: int, all_: int, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if done < all_ and now - last < _LOG_SECONDS:
            return
        last = now
        left = (now - started) * (all_ - done) / max(done, 1)
        line = text("progress.line", title=title, done=done, all=all_, note=note, left=round(left))
        # In one piece, so that lines of several processes do not run into each other.
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

    return advance
