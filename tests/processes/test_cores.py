"""Work is shared out to the cores that this process may use, not to all there are."""

import os
import subprocess
import sys

import pytest

from metrascope.processes.cores import available_cores


def test_all_cores_by_default() -> None:
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity on this system")
def test_a_process_held_to_one_core_has_one() -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))});"
        "from metrascope.processes.cores import available_cores; print(available_cores())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "1"
