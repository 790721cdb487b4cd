"""Read how much time of the processor a process has used, which other work on the machine changes little."""

import os
from contextlib import suppress
from pathlib import Path


def processor_s(process: int) -> float:
    """Return the seconds of the processor that a process and its threads have used, without its children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")


def with_children_s(process: int) -> float:
    """Return the seconds of the processor that a process and all its running descendants have used."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(") ")[2].split()[1])
    family = {process}
    while children := {child for child, parent in parents.items() if parent in family} - family:
        family |= children
    return sum(processor_s(member) for member in family)
