"""The processor's time of a process with its descendants, as servers with several processes need it."""

import subprocess
import sys
import time

from loadtest.bench.processor_time import processor_s, with_children_s

PATIENCE_S = 120.0
BUSY = "sum(range(10**7)); input()"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"


def test_the_time_of_a_child_counts_while_it_runs():
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE) as parent:
        before_s = time.monotonic()
        while with_children_s(parent.pid) - processor_s(parent.pid) < 0.05:
            assert time.monotonic() - before_s < PATIENCE_S
            time.sleep(0.05)
        parent.communicate(b"\n")
    assert parent.returncode == 0
