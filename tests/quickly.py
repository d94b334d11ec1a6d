"""The command line without its figures, for tests that start it as a process of its own."""

import sys
from collections.abc import Callable

from metrascope.cli import main
from metrascope.report import drawings, page


def leave_out_drawings(replace: Callable[[object, str, object], None]) -> None:
    """Replace what draws, most of the time of a small study, by what does nothing."""
    replace(page, "draw", lambda *_: drawings.Drawings())
    replace(drawings, "write_figures", lambda *_, **__: [])


if __name__ == "__main__":
    leave_out_drawings(setattr)
    sys.exit(main())
