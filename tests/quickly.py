"""The command line without its figures, for tests that start it as a process of its own.

As `conftest.without_drawings` does: they are most of the time of a small study.
"""

import sys

from metrascope.cli import main
from metrascope.figures.evaluation import Written
from metrascope.report import drawings, page

if __name__ == "__main__":
    page.draw_page_figures = lambda *_: drawings.Drawings()
    drawings.write_figures = lambda *_, **__: Written([], {})
    sys.exit(main())
