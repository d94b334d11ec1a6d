"""The command line where bfloat16 is measured on every processor, and then chosen.

For tests that start it as a process of its own: few processors compute with bfloat16, and which
arithmetic is faster is another matter on each.
"""

import sys

from metrascope.cli import main
from metrascope.training import precision

if __name__ == "__main__":
    precision.may_gain = lambda: True
    precision._LEAST_SPEED_UP = 0.0
    sys.exit(main())
