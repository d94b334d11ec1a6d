"""Run the command line as ``python -m metrascope``."""

import sys

from metrascope.processes.search_path import leave_current_folder

if __name__ == "__main__":
    leave_current_folder(by_module=True)
    # Only now: whatever it imports must not come from the folder that one stands in.
    from metrascope.cli import main

    sys.exit(main())
