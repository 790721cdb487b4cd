"""Read how much time of the processor a process has used, which other work on the machine changes little."""

import os
from pathlib import Path


def processor_s(process: int) -> float:
    """Return the seconds of the processor that a process and its threads have used, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")
