"""Run the command line as ``python -m metrascope``."""

import sys

from metrascope.cli import main

if __name__ == "__main__":
    sys.exit(main())
