"""Show what is being done and how long it will take: a bar on a terminal, plain lines in a log.

All of it goes to standard error, so that what programs read from standard output stays whole. A
thread keeps the clock going where a single call (a library that loads, a t-SNE map) says nothing
for long: a terminal is drawn anew ten times a second; a log gets a line for every step that takes
half a second, and whenever it has been silent for 2 s or a twentieth of the time that the work
has taken, a minute at most, so that the log of a day has some two thousand lines.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol

from metrascope.messages import text
from metrascope.pace import PacedWork, times

SUMMARY: Final = (
    "predictions",
    "embedding",
    "resampling",
    "heatmaps",
    "figures",
    "saving",
    "documents",
    "page",
)
"""Steps of what comes after training."""
# Seconds that a log may be silent: at least, at most, and as a share of the time so far.
_SHORTEST: Final = 2.0
_LONGEST: Final = 60.0
_TOLERATED: Final = 0.05


_UNNAMED: Final = 0.5
"""Seconds of a step that a log does not name."""


class Advance(Protocol):
    """Tells how much is done: ``advance(done, all)``, with a note such as the loss."""

    def __call__(self, done: int, all_: int, note: str = "") -> None:
        """Show that ``done`` of ``all_`` is done."""


@contextmanager
def steps(*coming: str) -> Iterator[None]:
    """Show work in several steps, each announced by `begin`, while the block runs.

    Parameters
    ----------
    coming
        Steps that will come: what `begin` is called with. How long each takes is known from
        `metrascope.pace.SECONDS`.
    """
    with _shown(PacedWork(coming), transient=True):
        yield


def begin(step: str, seconds: float | None = None, **values: object) -> Advance:
    """Announce the next step of the work that is shown; without one, nothing is.

    Parameters
    ----------
    step
        Key of its sentence in the message table, without the area ``progress``.
    seconds
        How long a core takes for it, where that is known from how much there is to do; by default
        as long as `metrascope.pace.SECONDS` says.
    values
        What fills the sentence.

    Returns
    -------
    What tells how much of the step is done, where that is known.
    """
    if not _displays:
        return _silent
    advance = _displays[-1].begin(text(f"progress.{step}", None, **values), step)
    if seconds is not None:
        _displays[-1].work.expected = seconds
    return advance


def later(step: str, **values: object) -> Advance:
    """Return what begins a step, as `begin` does, when it is first called."""
    begun: list[Advance] = []

    def advance(done: int, all_: int, note: str = "") -> None:
        if not begun:
            begun.append(begin(step, None, **values))
        begun[0](done, all_, note)

    return advance


def expect(*coming: str) -> None:
    """Say which steps will come as well."""
    if _displays:
        _displays[-1].work.expect(coming)


@contextmanager
def paused() -> Iterator[None]:
    """Show nothing while the block runs, in which other processes show what they do."""
    if not _displays:
        yield
        return
    display = _displays.pop()
    display.stop()
    display.work.begin("", "")  # else the pause would count as time that the step took
    try:
        yield
    finally:
        display.work.begin("", "")
        display.start()
        _displays.append(display)


@contextmanager
def progress(title: str, *, lines: bool = False) -> Iterator[Advance]:
    """Show the progress of one piece of work while the block runs; of `steps` it is a step.

    Parameters
    ----------
    title
        What is being done, a few words.
    lines
        Show lines on a terminal too, where bars of several processes would be drawn over
        each other.
    """
    if _displays:
        yield _displays[-1].begin(title)
        return
    with _shown(PacedWork(), lines=lines) as display:
        yield display.begin(title)


def print_note(sentence: str) -> None:
    """Print one sentence about the work to standard error, for people and logs."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(sentence)


class _Display:
    """Something that shows work."""

    def __init__(self, work: PacedWork) -> None:
        self.work = work

    def begin(self, title: str, key: str = "") -> Advance:
        """Show another step."""
        self.work.begin(title, key)

        def advance(done: int, all_: int, note: str = "") -> None:
            self.work.done, self.work.all, self.work.note = done, all_, note
            self.update()

        self.update()
        return advance

    def update(self) -> None:
        """Show what has changed."""

    def start(self) -> None:
        """Begin to show."""

    def stop(self) -> None:
        """Leave the screen as it shall stay."""


class _Bar(_Display):
    """A line on a terminal, drawn anew by a thread: bar, clock and remaining time."""

    def __init__(self, work: PacedWork, *, transient: bool) -> None:
        super().__init__(work)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn
        from rich.text import Text

        class Percent(ProgressColumn):
            def render(self, task: Any) -> Text:
                return Text("" if task.total is None else f"{task.percentage:>3.0f}%")

        class Times(ProgressColumn):
            def render(self, task: Any) -> Text:
                return Text(times(work, finished=task.finished), "cyan")

        class Bar(BarColumn):
            def render(self, task: Any) -> Any:
                reached = work.share()
                if reached is not None and not task.finished:
                    task.total = 1.0
                    task.completed = max(task.completed, min(reached, 0.99))
                return super().render(task)

        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}", markup=False),
            Bar(bar_width=24),
            Percent(),
            TextColumn("{task.fields[note]}", markup=False),
            Times(),
            console=Console(stderr=True),
            transient=transient,
            redirect_stdout=False,  # else what is meant for a file would go to the terminal
        )
        self._task = self._progress.add_task("", total=None, note="")

    def update(self) -> None:
        """Change words; the thread draws."""
        work = self.work
        counted = text("progress.counted", done=work.done, all=work.all) if work.all > 1 else ""
        note = " ".join(part for part in (counted, work.note) if part)
        self._progress.update(self._task, description=work.title, note=note)

    def begin(self, title: str, key: str = "") -> Advance:
        """Show another step; nothing is drawn before the first."""
        advance = super().begin(title, key)
        self._progress.start()
        return advance

    def stop(self) -> None:
        """Draw the line as it stays, full where all of it was done."""
        if self.work.all and self.work.done >= self.work.all:
            self._progress.update(self._task, total=1.0, completed=1.0)
        self._progress.stop()


class _Log(_Display):
    """Lines: one when a step begins, and others when there was none for long."""

    def __init__(self, work: PacedWork) -> None:
        super().__init__(work)
        self._last, self._named, self._ended = 0.0, True, threading.Event()

    def begin(self, title: str, key: str = "") -> Advance:
        """Have a step named, if it does not end at once."""
        self._named = False
        return super().begin(title, key)

    def update(self) -> None:
        """Write where a step that took a while stands at its end."""
        work = self.work
        if work.all and work.done >= work.all and time.monotonic() - work.begun > _SHORTEST:
            self._write(self._line())

    def start(self) -> None:
        """Begin to look at the clock."""
        self._ended.clear()
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._keep_writing, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread before anything else is written."""
        self._ended.set()
        self._thread.join()

    def _keep_writing(self) -> None:
        while not self._ended.wait(0.1):
            now = time.monotonic()
            lasting = _TOLERATED * (now - self.work.started)
            silent = now - self._last > min(max(_SHORTEST, lasting), _LONGEST)
            if not self._named and (silent or now - self.work.begun > _UNNAMED):
                # Short steps are named too where one follows the other for long.
                self._named = True
                self._write(text("progress.begun", title=self.work.title))
            elif self._named and self.work.title and silent:
                self._write(self._line())

    def _line(self) -> str:
        work = self.work
        counted = text("progress.counted", done=work.done, all=work.all) if work.all > 1 else ""
        parts = [part for part in (counted, work.note, times(work)) if part]
        return text("progress.line", title=work.title, state=", ".join(parts))

    def _write(self, line: str) -> None:
        self._last = time.monotonic()
        if sys.stderr is None:  # it was closed from the start
            return
        with suppress(OSError, ValueError):  # nobody reads it
            # In one piece, so that lines of several processes do not run into each other.
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()


_displays: Final[list[_Display]] = []


@contextmanager
def _shown(work: PacedWork, *, lines: bool = False, transient: bool = False) -> Iterator[_Display]:
    terminal = not lines and _is_terminal()
    display: _Display = _Bar(work, transient=transient) if terminal else _Log(work)
    display.start()
    _displays.append(display)
    try:
        yield display
    finally:
        _displays.remove(display)
        display.stop()


def _is_terminal() -> bool:
    if os.environ.get("TERM") == "dumb" or sys.stderr is None:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stderr.isatty()


def _silent(done: int, all_: int, note: str = "") -> None:
    """Show nothing."""
