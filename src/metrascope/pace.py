"""How far work is, and how long the rest of it will take.

Remaining time is that of the step, by the share of it that is done, and of the steps that are still
to come, by what they were measured to take; how much slower or faster this machine is than the one
of those measurements is known from the steps that have ended.
"""

import time
from collections.abc import Iterable
from typing import Final

from metrascope.messages import text

_ENOUGH: Final = 0.02
"""Share of a step that tells how long the rest of it takes."""
_PRIOR: Final = 5.0
"""Seconds for which a machine counts as the one of the measurements: loading alone, from a cold
disk, may take ten times as long and says little of the rest."""
SECONDS: Final = {
    "loading": 2.0,
    "loading_torch": 6.0,
    "manifest": 0.5,
    "finding": 1.0,
    "drawing_split": 2.0,
    "cases": 3.0,
    "ingest": 60.0,
    "lists": 5.0,
    "audit": 60.0,
    "audit_page": 3.0,
    "predictions": 0.5,
    "resampling": 3.0,
    "embedding": 8.0,
    "heatmaps": 4.0,
    "figures": 3.0,
    "saving": 12.0,
    "documents": 2.0,
    "page": 6.0,
    "graph": 9.0,
    "compiling": 1.0,
    "parity": 2.0,
    "reading_training": 5.0,
    "fitting": 1.0,
}
"""Seconds of one core that each step of a command takes, by the key of its sentence.

Measured on studies of two networks and data sets of 60 to 1291 images. They are rough, since they
grow with the data in different ways: a step that counts tells its own time, and only the
proportions of the others matter once a step has ended."""


class PacedWork:
    """Steps that are done, the one that is being done, and those still to come.

    Attributes
    ----------
    coming
        Keys of the steps that have not ended, as far as they are expected.
    title, key
        Of the step that is being done; no step was measured where the key is empty.
    expected
        Seconds that it takes where the measurements were made: those of `SECONDS`, unless whoever
        began it knows better, from how much there is to do.
    started, begun
        When the work and this step began, on the monotonic clock.
    done, all, note
        Of this step, as far as it tells; ``all`` is 0 where it does not.
    """

    def __init__(self, coming: Iterable[str] = ()) -> None:
        self.coming = list(coming)
        self.title, self.key = "", ""
        self.expected = 0.0
        self.started = self.begun = time.monotonic()
        self.done = self.all = 0
        self.note = ""
        self._taken = self._measured = 0.0

    def expect(self, coming: Iterable[str]) -> None:
        """Count on so many of each step at least."""
        expected = list(coming)
        for key in dict.fromkeys(expected):
            self.coming += [key] * (expected.count(key) - self.coming.count(key))

    def begin(self, title: str, key: str) -> None:
        """End the step before and begin another."""
        now = time.monotonic()
        if not self.title:
            self.started = now
        if self.key in self.coming:
            self.coming.remove(self.key)
            self._taken += now - self.begun
            self._measured += self.expected
        self.title, self.key, self.begun = title, key, now
        self.expected = SECONDS[key] if key in self.coming else 0.0
        self.done = self.all = 0
        self.note = ""

    def left(self) -> float | None:
        """Return how many seconds are left, None where nothing tells."""
        here, known = self.expected, self.key in self.coming
        later = sum(SECONDS[key] for key in self.coming) - (SECONDS[self.key] if known else 0.0)
        gone = time.monotonic() - self.begun
        if self.all and self.done >= _ENOUGH * self.all:
            whole = gone * self.all / self.done
            return whole - gone + later * self._slowness(whole, here)
        if not known:
            return None
        # A step that takes longer than it was measured to may end any time.
        slowness = max(self._slowness(), self._slowness(gone, here))
        return max(here * slowness - gone, 0.1 * here) + later * slowness

    def _slowness(self, taken: float = 0.0, measured: float = 0.0) -> float:
        """Return how much longer than measured steps take, from those that ended and this one."""
        if not measured:
            taken = 0.0
        return (self._taken + taken + _PRIOR) / (self._measured + measured + _PRIOR)

    def share(self) -> float | None:
        """Return how much of all is done, by time; None where nothing tells."""
        left = self.left()
        spent = time.monotonic() - self.started
        return None if left is None else spent / max(spent + left, 1e-9)


def times(work: PacedWork, *, finished: bool = False) -> str:
    """Return the time so far and the time left."""
    left = None if finished else work.left()
    spent = _clock(time.monotonic() - work.started)
    return spent if left is None else text("progress.times", spent=spent, left=_clock(left))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
